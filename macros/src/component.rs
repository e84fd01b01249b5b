//! `#[component]`: takes an `impl Component for T` block, gives it back with the hidden parts filled in, the functions
//! marked `#[resume]` moved to a block of their own, and the registration beside it. Never looks into a body.

use crate::check::was_is_no_name;
use crate::marks::names;
use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, FnArg, Ident, ImplItem, ImplItemFn, ItemImpl, LitStr, Result, Type, parse_quote};

/// What stands in the parentheses of the attribute.
#[derive(Default)]
struct Args {
    name: Option<LitStr>,
    was: Vec<String>,
    transient: bool,
}

pub(crate) fn expand(args: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let args = parse_args(args)?;
    let mut item: ItemImpl = syn::parse2(item)?;
    let ident = self_ident(&item)?.clone();
    if !item.generics.params.is_empty() {
        let message = "a component has one name on disk, so it cannot be generic; write a type for each case";
        return Err(Error::new(item.generics.span(), message));
    }
    let name = args.name.unwrap_or_else(|| LitStr::new(&snake_case(&ident.to_string()), ident.span()));
    let (resumes, items): (Vec<_>, Vec<_>) = std::mem::take(&mut item.items).into_iter().partition(is_resume);
    item.items = items;
    let resumes = resumes.into_iter().map(Resume::new).collect::<Result<Vec<_>>>()?;
    let has_answer = item.items.iter().any(|item| matches!(item, ImplItem::Type(ty) if ty.ident == "Answer"));
    if !has_answer {
        item.items.push(parse_quote!(
            type Answer = ();
        ));
    }
    let transient = args.transient;
    let keys: Vec<_> = resumes.iter().map(|resume| resume.name.to_string()).collect();
    let (kind, probe) = (quote!(Component { resumes: &[#(#keys),*] }), quote!(::stube::__private::probed::<Self>));
    let registration = registration(&name, &args.was, &kind, &probe, transient);
    item.items.push(parse_quote! {
        #[doc(hidden)]
        const DESCRIPTOR: &'static ::stube::__private::ComponentDescriptor = #registration;
    });
    if !resumes.is_empty() {
        let arms = resumes.iter().map(Resume::arm);
        item.items.push(parse_quote! {
            #[doc(hidden)]
            fn resume(
                &mut self,
                key: &str,
                answer: ::stube::__private::AnyAnswer,
                cx: &::stube::Context,
            ) -> ::stube::Handled<Self> {
                match key {
                    #(#arms)*
                    _ => ::core::result::Result::Err(::stube::__private::no_resume(key)),
                }
            }
        });
    }
    let methods = resumes.iter().map(Resume::method);
    let keys = resumes.iter().map(Resume::key);
    let ty = &item.self_ty;
    let resumes = (!resumes.is_empty()).then(|| quote!(impl #ty { #(#keys)* #(#methods)* }));
    let serde = transient.then(|| transient_serde(ty));
    let registered = register(ty, &name);
    Ok(quote! {
        #item
        #resumes
        #serde
        #registered
    })
}

/// The registration of a component or flow, as an expression.
pub(crate) fn registration(
    name: &LitStr,
    was: &[String],
    kind: &TokenStream,
    probe: &TokenStream,
    transient: bool,
) -> TokenStream {
    quote! {
        &::stube::__private::ComponentDescriptor {
            name: #name,
            was: &[#(#was),*],
            probe: #probe,
            probe_answer: ::stube::__private::probed::<<Self as ::stube::Component>::Answer>,
            kind: ::stube::__private::Kind::#kind,
            transient: #transient,
            krate: ::core::env!("CARGO_PKG_NAME"),
            type_name: ::core::any::type_name::<Self>,
            answer: ::core::any::type_name::<<Self as ::stube::Component>::Answer>,
            defined: ::core::concat!(
                ::core::module_path!(), " (", ::core::file!(), ":", ::core::line!(), ")"
            ),
        }
    }
}

/// Puts a component into typetag's table and into ours.
pub(crate) fn register(ty: &Type, name: &LitStr) -> TokenStream {
    // The attribute and the derives below it name their crates by these paths; the author's crate needs neither.
    quote! {
        const _: () = {
            use ::stube::__private::typetag;
            #[typetag::serde(name = #name)]
            impl ::stube::component::AnyComponent for #ty {}
            ::stube::__private::inventory::submit! {
                ::stube::component::registry::Entry(<#ty as ::stube::Component>::DESCRIPTOR)
            }
        };
    }
}

/// A transient component is never saved: asking for it is an error that says so.
fn transient_serde(ty: &Type) -> TokenStream {
    quote! {
        impl ::stube::__private::serde::Serialize for #ty {
            fn serialize<S: ::stube::__private::serde::Serializer>(
                &self,
                _: S,
            ) -> ::core::result::Result<S::Ok, S::Error> {
                ::core::result::Result::Err(::stube::__private::serde::ser::Error::custom(::stube::__private::TRANSIENT))
            }
        }
        impl<'de> ::stube::__private::serde::Deserialize<'de> for #ty {
            fn deserialize<D: ::stube::__private::serde::Deserializer<'de>>(
                _: D,
            ) -> ::core::result::Result<Self, D::Error> {
                ::core::result::Result::Err(::stube::__private::serde::de::Error::custom(::stube::__private::TRANSIENT))
            }
        }
    }
}

fn parse_args(args: TokenStream) -> Result<Args> {
    let mut parsed = Args::default();
    let parser = syn::meta::parser(|meta| {
        if meta.path.is_ident("name") {
            parsed.name = Some(meta.value()?.parse()?);
            Ok(())
        } else if meta.path.is_ident("transient") {
            parsed.transient = true;
            Ok(())
        } else if meta.path.is_ident("was") {
            let value: syn::Expr = meta.value()?.parse()?;
            parsed.was = names(&value).ok_or_else(|| was_is_no_name(value.span()))?;
            Ok(())
        } else {
            Err(meta.error("`#[component]` takes `name = \"...\"`, `was = \"...\"` and `transient`"))
        }
    });
    syn::parse::Parser::parse2(parser, args)?;
    if let Some(name) = &parsed.name {
        check_name(name)?;
    }
    Ok(parsed)
}

/// A name on disk is read by people and given on command lines.
pub(crate) fn check_name(name: &LitStr) -> Result<()> {
    let text = name.value();
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ':');
    if text.is_empty() || text.len() > 100 || !text.chars().all(legal) {
        let message = "a name on disk has 1 to 100 letters, digits and `_-./:`";
        return Err(Error::new(name.span(), message));
    }
    Ok(())
}

fn self_ident(item: &ItemImpl) -> Result<&Ident> {
    let of_component = item.trait_.as_ref().and_then(|(path, ..)| path.segments.last());
    if of_component.is_none_or(|last| last.ident != "Component") {
        let message = "`#[component]` goes on an `impl Component for ...` block";
        return Err(Error::new(item.impl_token.span, message));
    }
    match &*item.self_ty {
        Type::Path(path) if path.qself.is_none() => Ok(&path.path.segments.last().expect("a path has a segment").ident),
        other => Err(Error::new(other.span(), "a component is a struct or an enum with a name")),
    }
}

fn is_resume(item: &ImplItem) -> bool {
    matches!(item, ImplItem::Fn(method) if method.attrs.iter().any(|attr| attr.path().is_ident("resume")))
}

/// A function marked `#[resume]`.
struct Resume {
    /// `on_dates`: the name that is stored, and the constant that stands for the function.
    name: Ident,
    /// `Dates`.
    answer: Type,
    /// The function itself, under the name `__resume_on_dates`.
    method: ImplItemFn,
}

impl Resume {
    fn new(item: ImplItem) -> Result<Self> {
        let ImplItem::Fn(mut method) = item else { unreachable!("only functions were picked") };
        method.attrs.retain(|attr| !attr.path().is_ident("resume"));
        let shape = "a resume function is written `fn name(&mut self, answer: Type, cx: &Context) -> Handled<Self>`";
        let mut inputs = method.sig.inputs.iter();
        let (Some(FnArg::Receiver(_)), Some(FnArg::Typed(answer)), Some(_), None) =
            (inputs.next(), inputs.next(), inputs.next(), inputs.next())
        else {
            return Err(Error::new(method.sig.ident.span(), shape));
        };
        let answer = (*answer.ty).clone();
        let name = method.sig.ident.clone();
        method.sig.ident = format_ident!("__resume_{}", name, span = name.span());
        Ok(Self { name, answer, method })
    }

    fn key(&self) -> TokenStream {
        let Self { name, answer, method } = self;
        let docs = method.attrs.iter().filter(|attr| attr.path().is_ident("doc"));
        let text = name.to_string();
        quote_spanned! {name.span()=>
            #(#docs)*
            #[allow(non_upper_case_globals)]
            const #name: ::stube::Resume<Self, #answer> = ::stube::Resume::new(#text);
        }
    }

    fn method(&self) -> &ImplItemFn {
        &self.method
    }

    fn arm(&self) -> TokenStream {
        let text = self.name.to_string();
        let (method, answer) = (&self.method.sig.ident, &self.answer);
        quote!(#text => Self::#method(self, answer.expect::<#answer>()?, cx),)
    }
}

/// `PickRoom` becomes `pick_room`.
pub(crate) fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    let mut before = None;
    let mut rest = name.chars().peekable();
    while let Some(c) = rest.next() {
        let mut starts_word = |before: char| {
            before.is_lowercase() || before.is_ascii_digit() || rest.peek().is_some_and(|next| next.is_lowercase())
        };
        if c.is_uppercase() && before.is_some_and(|before: char| before != '_' && starts_word(before)) {
            snake.push('_');
        }
        snake.extend(c.to_lowercase());
        before = Some(c);
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::snake_case;

    #[test]
    fn a_name_on_disk_is_the_type_in_snake_case() {
        for (name, snake) in [
            ("PickRoom", "pick_room"),
            ("Confirm", "confirm"),
            ("HTTPFront", "http_front"),
            ("Step2Pay", "step2_pay"),
            ("already_snake", "already_snake"),
        ] {
            assert_eq!(snake_case(name), snake);
        }
    }
}
