//! Takes the tokens of `#[flow(...)] async fn ...`. Gives a [`Source`]: the function taken apart, its signature legal.
//! Never looks into the body.

use proc_macro2::TokenStream;
use syn::spanned::Spanned;
use syn::{
    Attribute, Block, FnArg, Ident, ItemFn, LitInt, LitStr, Pat, PatType, ReturnType, Safety, Signature, Type,
    Visibility,
};

use crate::check::{self, Problems};
use crate::component::{check_name, snake_case};
use crate::earlier::{self, Earlier};
use crate::marks::{self, LocalMarks, Migration};
use crate::syntax::{camel_case, contains_try, unraw};

/// A flow as its author wrote it.
#[derive(Clone)]
pub(crate) struct Source {
    /// Doc comments and other attributes of the function.
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    /// `booking`.
    pub(crate) ident: Ident,
    /// `BookingFlow`: the type of the value that `booking(..)` gives.
    pub(crate) value: Ident,
    /// `BookingState`: the enum of its states.
    pub(crate) states: Ident,
    /// The name on disk, `"booking"`.
    pub(crate) name: LitStr,
    pub(crate) args: Vec<Arg>,
    pub(crate) output: Type,
    /// Whether the return type is a `Result` or an `Option`, so that `?` works.
    pub(crate) fallible: bool,
    pub(crate) body: Block,
    /// Whether it is a method, whose first argument is `self`.
    pub(crate) is_method: bool,
    /// What it was called on disk.
    pub(crate) was: Vec<String>,
    /// What brings states of earlier versions up to date.
    pub(crate) migrations: Vec<Migration>,
    /// The enum of states of earlier versions that is written beside it.
    pub(crate) earlier: Option<Earlier>,
}

/// `(from, to): (u32, u32)`.
#[derive(Clone)]
pub(crate) struct Arg {
    pub(crate) pat: Pat,
    pub(crate) ty: Type,
    pub(crate) marks: LocalMarks,
}

pub(crate) fn parse(args: TokenStream, item: TokenStream) -> syn::Result<Source> {
    let item: ItemFn = syn::parse2(item).map_err(|error| check::not_an_async_fn(error.span()))?;
    function(args, item, None)
}

/// A function whose body has a mistake in its syntax; `None` if that is not what it is.
pub(crate) fn broken(args: TokenStream, item: TokenStream) -> Option<Source> {
    let parts = |input: syn::parse::ParseStream<'_>| {
        let attrs = input.call(Attribute::parse_outer)?;
        Ok((attrs, input.parse::<Visibility>()?, input.parse::<Signature>()?, input.parse::<proc_macro2::Group>()?))
    };
    let (attrs, vis, sig, body) = syn::parse::Parser::parse2(parts, item).ok()?;
    if body.delimiter() != proc_macro2::Delimiter::Brace {
        return None;
    }
    let mut empty: ItemFn = syn::parse2(quote::quote!(#(#attrs)* #vis #sig {})).ok()?;
    empty.block.stmts.push(syn::Stmt::Expr(syn::Expr::Verbatim(body.stream()), None));
    function(args, empty, None).ok()
}

/// A function, or a method of `owner` whose `self` has become its first argument.
pub(crate) fn function(args: TokenStream, mut item: ItemFn, owner: Option<&Ident>) -> syn::Result<Source> {
    let takes_self = matches!(item.sig.inputs.first(), Some(FnArg::Typed(PatType { pat, .. }))
        if matches!(&**pat, Pat::Ident(pat) if unraw(&pat.ident).starts_with("self_")));
    let mut problems = Problems::default();
    let FlowArgs { name, version, was } = parse_args(args, &mut problems);
    let migrations = marks::migrations(&mut item.attrs, &mut problems);
    let earlier = earlier::take(&mut item.attrs, &mut problems);
    check_signature(&item.sig, &mut problems);
    let mut args = Vec::new();
    for input in &mut item.sig.inputs {
        if let FnArg::Typed(PatType { pat, ty, attrs, .. }) = input {
            let marks = marks::take(attrs, &mut problems);
            if let Some(span) = marks.span.filter(|_| !matches!(**pat, Pat::Ident(_))) {
                problems.add(check::mark_without_local(span));
            }
            args.push(Arg { pat: (**pat).clone(), ty: (**ty).clone(), marks: marks.local });
        }
    }
    problems.into_result()?;
    let ident = item.sig.ident;
    let output = match item.sig.output {
        ReturnType::Default => syn::parse_quote!(()),
        ReturnType::Type(_, ty) => *ty,
    };
    let (plain, camel) = match owner {
        None => (unraw(&ident), camel_case(&unraw(&ident))),
        Some(owner) => {
            (format!("{owner}_{}", unraw(&ident)), format!("{}{}", unraw(owner), camel_case(&unraw(&ident))))
        }
    };
    Ok(Source {
        value: Ident::new(&format!("{camel}Flow"), ident.span()),
        states: Ident::new(&format!("{camel}State"), ident.span()),
        name: versioned(name.unwrap_or_else(|| LitStr::new(&snake_case(&plain), ident.span())), version),
        was,
        migrations,
        earlier,
        attrs: item.attrs,
        vis: item.vis,
        ident,
        args,
        fallible: is_fallible(&output) || contains_try(&item.block),
        output,
        body: *item.block,
        is_method: owner.is_some() && takes_self,
    })
}

/// What stands in the parentheses of the attribute.
#[derive(Default)]
struct FlowArgs {
    name: Option<LitStr>,
    version: Option<LitInt>,
    was: Vec<String>,
}

fn parse_args(args: TokenStream, problems: &mut Problems) -> FlowArgs {
    let mut parsed = FlowArgs::default();
    let parser = syn::meta::parser(|meta| {
        if meta.path.is_ident("name") {
            parsed.name = Some(meta.value()?.parse()?);
        } else if meta.path.is_ident("version") {
            parsed.version = Some(meta.value()?.parse()?);
        } else if meta.path.is_ident("was") {
            let value: syn::Expr = meta.value()?.parse()?;
            parsed.was = marks::names(&value).ok_or_else(|| check::was_is_no_name(value.span()))?;
        } else {
            return Err(meta.error("`#[flow]` takes `name = \"...\"`, `version = 2` and `was = \"...\"`"));
        }
        Ok(())
    });
    if let Err(error) = syn::parse::Parser::parse2(parser, args) {
        problems.add(error);
    }
    if let Some(Err(error)) = parsed.name.as_ref().map(check_name) {
        problems.add(error);
    }
    if let Some(version) = parsed.version.take_if(|version| !matches!(version.base10_parse::<u32>(), Ok(1..))) {
        problems.add(check::no_version(version.span()));
    }
    parsed
}

/// The first version has the name alone, as if it had never been said.
fn versioned(name: LitStr, version: Option<LitInt>) -> LitStr {
    match version {
        Some(version) if version.base10_digits() != "1" => {
            LitStr::new(&format!("{}@{}", name.value(), version.base10_digits()), name.span())
        }
        Some(_) | None => name,
    }
}

fn check_signature(sig: &Signature, problems: &mut Problems) {
    if sig.asyncness.is_none() {
        problems.add(check::not_async(sig.fn_token.span));
    }
    if let Safety::Unsafe(token) = &sig.safety {
        problems.add(check::unsafe_flow(token.span));
    }
    if !sig.generics.params.is_empty() || sig.generics.where_clause.is_some() {
        problems.add(check::generic_flow(&sig.generics));
    }
    for input in &sig.inputs {
        match input {
            FnArg::Receiver(receiver) => problems.add(check::receiver(receiver)),
            FnArg::Typed(arg) => check_type(&arg.ty, problems),
        }
    }
    if let ReturnType::Type(_, ty) = &sig.output {
        check_type(ty, problems);
    }
}

/// A type that is saved, and so owned and written out.
fn check_type(ty: &Type, problems: &mut Problems) {
    struct Visitor<'a>(&'a mut Problems);
    impl syn::visit::Visit<'_> for Visitor<'_> {
        fn visit_type_reference(&mut self, reference: &syn::TypeReference) {
            self.0.add(check::borrowed_type(reference));
        }

        fn visit_type_impl_trait(&mut self, ty: &syn::TypeImplTrait) {
            self.0.add(check::impl_trait(ty));
        }

        // A function pointer borrows nothing; that it cannot be saved is said at its type.
        fn visit_type_fn_ptr(&mut self, _: &syn::TypeFnPtr) {}
    }
    syn::visit::Visit::visit_type(&mut Visitor(problems), ty);
}

/// Whether a type is called `Result` or `Option`. A type of another name is taken for one if the body uses `?`.
fn is_fallible(ty: &Type) -> bool {
    match ty {
        Type::Path(path) => {
            path.path.segments.last().is_some_and(|last| last.ident == "Result" || last.ident == "Option")
        }
        // What a macro of the author's has passed on.
        Type::Group(group) => is_fallible(&group.elem),
        Type::Paren(paren) => is_fallible(&paren.elem),
        _ => false,
    }
}
