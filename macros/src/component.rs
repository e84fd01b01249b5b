//! `#[component]`: adds the hidden items to an `impl Component for T` block, moves the `#[resume]` functions to a block of
//! their own, and registers the component. Never looks into a body.

use crate::errors::component::{
    component_without_name, generic_component, not_a_component_block, not_a_resume_function,
};
use crate::errors::evolution::was_is_no_name;
use crate::evolution_attrs::names;
use crate::registration::{check_name, register, registration, snake_case};
use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{FnArg, Ident, ImplItem, ImplItemFn, ItemImpl, LitStr, Result, Type, parse_quote};

/// The arguments of the attribute.
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
        return Err(generic_component(item.generics.span()));
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

/// The serde traits of a transient component, which is never saved: both return an error.
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

fn self_ident(item: &ItemImpl) -> Result<&Ident> {
    let of_component = item.trait_.as_ref().and_then(|(path, ..)| path.segments.last());
    if of_component.is_none_or(|last| last.ident != "Component") {
        return Err(not_a_component_block(item.impl_token.span));
    }
    match &*item.self_ty {
        Type::Path(path) if path.qself.is_none() => Ok(&path.path.segments.last().expect("a path has a segment").ident),
        other => Err(component_without_name(other.span())),
    }
}

fn is_resume(item: &ImplItem) -> bool {
    matches!(item, ImplItem::Fn(method) if method.attrs.iter().any(|attr| attr.path().is_ident("resume")))
}

/// A function marked `#[resume]`.
struct Resume {
    /// `on_dates`: the name on disk, and the constant that refers to the function.
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
        let mut inputs = method.sig.inputs.iter();
        let (Some(FnArg::Receiver(_)), Some(FnArg::Typed(answer)), Some(_), None) =
            (inputs.next(), inputs.next(), inputs.next(), inputs.next())
        else {
            return Err(not_a_resume_function(method.sig.ident.span()));
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
