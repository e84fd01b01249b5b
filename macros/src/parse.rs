//! From the tokens of `#[flow(..)] async fn ..` to a [`ParsedFlow`]: the header of the flow and its body. Checks the
//! signature and the arguments of the attribute. Never looks into the body, except for a `?`.

use proc_macro2::TokenStream;
use syn::spanned::Spanned;
use syn::{
    Attribute, Block, FnArg, Generics, Ident, ItemFn, LitInt, LitStr, Pat, PatType, ReturnType, Safety, Signature,
    Type, Visibility,
};

use crate::errors::{self, Errors};
use crate::evolution_attrs;
use crate::header::{Arg, Header};
use crate::registration::{check_name, snake_case};
use crate::syntax::{camel_case, contains_try, unraw};

/// A flow as its author wrote it.
#[derive(Clone)]
pub(crate) struct ParsedFlow {
    pub(crate) header: Header,
    /// Empty, unless the signature has been reported as an error.
    pub(crate) generics: Generics,
    /// Whether it is a method outside of a `#[flow] impl` block, which is an error too.
    pub(crate) is_associated: bool,
    pub(crate) body: Block,
}

/// Parses a function. `None` if it is no flow at all, so that no later stage can look for more errors in it.
pub(crate) fn parse(args: TokenStream, item: TokenStream, errors: &mut Errors) -> Option<ParsedFlow> {
    match syn::parse2::<ItemFn>(item) {
        Ok(item) => Some(parse_function(args, item, None, errors)),
        Err(error) => {
            errors.add(errors::signature::not_an_async_fn(error.span()));
            None
        }
    }
}

/// Parses a function whose body has a syntax error: the body is kept as tokens. `None` if the signature has one too.
pub(crate) fn parse_signature(args: TokenStream, item: TokenStream, errors: &mut Errors) -> Option<ParsedFlow> {
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
    Some(parse_function(args, empty, None, errors))
}

/// Parses a function, or a method of `owner` whose `self` has become its first argument.
pub(crate) fn parse_function(
    args: TokenStream,
    mut item: ItemFn,
    owner: Option<&Ident>,
    errors: &mut Errors,
) -> ParsedFlow {
    let takes_self = matches!(item.sig.inputs.first(), Some(FnArg::Typed(PatType { pat, .. }))
        if matches!(&**pat, Pat::Ident(pat) if unraw(&pat.ident).starts_with("self_")));
    let FlowArgs { name, version, was } = parse_args(args, errors);
    let migrations = evolution_attrs::migrations(&mut item.attrs, errors);
    let old_states = evolution_attrs::old_states(&mut item.attrs, errors);
    check_signature(&item.sig, errors);
    let mut args = Vec::new();
    for input in &mut item.sig.inputs {
        if let FnArg::Typed(PatType { pat, ty, attrs, .. }) = input {
            let evolution = evolution_attrs::take(attrs, errors);
            if let Some(span) = evolution.span.filter(|_| !matches!(**pat, Pat::Ident(_))) {
                errors.add(errors::evolution::mark_without_local(span));
            }
            args.push(Arg { pat: (**pat).clone(), ty: (**ty).clone(), evolution: evolution.local });
        }
    }
    let is_associated = owner.is_none() && item.sig.receiver().is_some();
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
    let header = Header {
        value: Ident::new(&format!("{camel}Flow"), ident.span()),
        states: Ident::new(&format!("{camel}State"), ident.span()),
        name: versioned(name.unwrap_or_else(|| LitStr::new(&snake_case(&plain), ident.span())), version),
        was,
        migrations,
        old_states,
        attrs: item.attrs,
        vis: item.vis,
        ident,
        args,
        fallible: is_fallible(&output) || contains_try(&item.block),
        output,
        is_method: owner.is_some() && takes_self,
    };
    ParsedFlow { header, is_associated, generics: item.sig.generics, body: *item.block }
}

/// The arguments of the attribute.
#[derive(Default)]
struct FlowArgs {
    name: Option<LitStr>,
    version: Option<LitInt>,
    was: Vec<String>,
}

fn parse_args(args: TokenStream, errors: &mut Errors) -> FlowArgs {
    let mut parsed = FlowArgs::default();
    let parser = syn::meta::parser(|meta| {
        if meta.path.is_ident("name") {
            parsed.name = Some(meta.value()?.parse()?);
        } else if meta.path.is_ident("version") {
            parsed.version = Some(meta.value()?.parse()?);
        } else if meta.path.is_ident("was") {
            let value: syn::Expr = meta.value()?.parse()?;
            parsed.was =
                evolution_attrs::names(&value).ok_or_else(|| errors::evolution::was_is_no_name(value.span()))?;
        } else {
            return Err(meta.error("`#[flow]` takes `name = \"...\"`, `version = 2` and `was = \"...\"`"));
        }
        Ok(())
    });
    if let Err(error) = syn::parse::Parser::parse2(parser, args) {
        errors.add(error);
    }
    if let Some(Err(error)) = parsed.name.as_ref().map(check_name) {
        errors.add(error);
    }
    if let Some(version) = parsed.version.take_if(|version| !matches!(version.base10_parse::<u32>(), Ok(1..))) {
        errors.add(errors::evolution::no_version(version.span()));
    }
    parsed
}

/// The name on disk of a version. The first version has the plain name, as if no version were written.
fn versioned(name: LitStr, version: Option<LitInt>) -> LitStr {
    match version {
        Some(version) if version.base10_digits() != "1" => {
            LitStr::new(&format!("{}@{}", name.value(), version.base10_digits()), name.span())
        }
        Some(_) | None => name,
    }
}

fn check_signature(sig: &Signature, errors: &mut Errors) {
    if sig.asyncness.is_none() {
        errors.add(errors::signature::not_async(sig.fn_token.span));
    }
    if let Safety::Unsafe(token) = &sig.safety {
        errors.add(errors::signature::unsafe_flow(token.span));
    }
    if !sig.generics.params.is_empty() || sig.generics.where_clause.is_some() {
        errors.add(errors::signature::generic_flow(&sig.generics));
    }
    for input in &sig.inputs {
        match input {
            FnArg::Receiver(receiver) => errors.add(errors::signature::receiver(receiver)),
            FnArg::Typed(arg) => check_type(&arg.ty, errors),
        }
    }
    if let ReturnType::Type(_, ty) = &sig.output {
        check_type(ty, errors);
    }
}

/// Checks a type that is saved: it must own its value and be written out.
fn check_type(ty: &Type, errors: &mut Errors) {
    struct Visitor<'a>(&'a mut Errors);
    impl syn::visit::Visit<'_> for Visitor<'_> {
        fn visit_type_reference(&mut self, reference: &syn::TypeReference) {
            self.0.add(errors::signature::borrowed_type(reference));
        }

        fn visit_type_impl_trait(&mut self, ty: &syn::TypeImplTrait) {
            self.0.add(errors::signature::impl_trait(ty));
        }

        // A function pointer borrows nothing. That it cannot be saved is reported by rustc, on the type.
        fn visit_type_fn_ptr(&mut self, _: &syn::TypeFnPtr) {}
    }
    syn::visit::Visit::visit_type(&mut Visitor(errors), ty);
}

/// Whether a type is called `Result` or `Option`.
fn is_fallible(ty: &Type) -> bool {
    match ty {
        Type::Path(path) => {
            path.path.segments.last().is_some_and(|last| last.ident == "Result" || last.ident == "Option")
        }
        // A type that came through a `macro_rules!` macro.
        Type::Group(group) => is_fallible(&group.elem),
        Type::Paren(paren) => is_fallible(&paren.elem),
        _ => false,
    }
}
