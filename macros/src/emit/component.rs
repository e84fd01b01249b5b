//! The function of a flow, the type of its value, and the implementation of `Component` for it.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Ident, Pat};

use crate::emit::shared::is_cfg;
use crate::evolution_attrs::Migration;
use crate::header::Header;
use crate::registration::{register, registration, snake_case};

/// `fn booking(guest: String) -> BookingFlow`
pub(super) fn function(header: &Header, names: &[&Ident]) -> TokenStream {
    let Header { vis, ident, value, args, attrs, .. } = header;
    // The function does not contain what an `expect` of the author's is about.
    let attrs = attrs.iter().filter(|attr| !attr.path().is_ident("expect"));
    let this: Option<Ident> = header.is_method.then(|| Ident::new("self", ident.span()));
    let params = names.iter().zip(args).skip(usize::from(header.is_method)).map(|(name, arg)| {
        let ty = &arg.ty;
        quote!(#name: #ty)
    });
    let params = this.iter().map(ToTokens::to_token_stream).chain(params);
    let given = this.iter().chain(names.iter().copied().skip(usize::from(header.is_method)));
    quote! {
        #(#attrs)*
        #vis fn #ident(#(#params),*) -> #value {
            let machine = <#value as ::stube::__private::Flow>::machine();
            #value { state: ::stube::__private::Machine::begin(&machine, (#(#given,)*)) }
        }
    }
}

/// The type of `booking(..)`, with its implementation of `Component`.
pub(super) fn component(header: &Header) -> TokenStream {
    let Header { vis, ident, value, name, output, attrs, .. } = header;
    let doc = format!("The value of [`{ident}`]: a conversation, or a part of one, that has not been started.");
    let cfgs: Vec<_> = attrs.iter().filter(|attr| is_cfg(attr)).collect();
    let takes = header.migrations.iter().filter_map(|migration| match migration {
        Migration::Closure(closure) => match closure.inputs.first() {
            Some(Pat::Type(taken)) => Some(&taken.ty),
            _ => None,
        },
        Migration::Function(_) => None,
    });
    let on_json = header.migrations.iter().any(|migration| matches!(migration, Migration::Function(_)));
    let kind = quote!(Flow {
        describe: ::stube::__private::describe::<Self>,
        migrate: ::stube::__private::migrate::<Self>,
        takes: &[#(::stube::__private::probed::<#takes>),*],
        on_json: #on_json
    });
    let probe = quote!(::stube::__private::probe_states::<Self>);
    let registration = registration(name, &header.was, &kind, &probe, false);
    let registered = register(&syn::parse_quote!(#value), name);
    quote! {
        #(#cfgs)*
        #[doc = #doc]
        #[must_use = "a flow does nothing until it is started or awaited"]
        #[derive(Debug)]
        #vis struct #value {
            state: ::stube::__private::State,
        }
        #(#cfgs)*
        impl ::stube::Component for #value {
            type Answer = #output;
            #[doc(hidden)]
            const DESCRIPTOR: &'static ::stube::__private::ComponentDescriptor = #registration;
            fn start(&mut self, _: &::stube::Context) -> ::stube::Handled<Self> {
                ::stube::__private::step(self, ::stube::__private::AnyAnswer::new(()))
            }
            #[doc(hidden)]
            fn resume(
                &mut self,
                _: &str,
                answer: ::stube::__private::AnyAnswer,
                _: &::stube::Context,
            ) -> ::stube::Handled<Self> {
                ::stube::__private::step(self, answer)
            }
            #[doc(hidden)]
            fn state(&self) -> ::core::option::Option<&'static str> {
                ::core::option::Option::Some(self.state.name())
            }
        }
        #(#cfgs)*
        impl ::core::convert::From<::stube::__private::State> for #value {
            fn from(state: ::stube::__private::State) -> Self {
                Self { state }
            }
        }
        #(#cfgs)*
        impl ::stube::__private::serde::Serialize for #value {
            fn serialize<S: ::stube::__private::serde::Serializer>(
                &self,
                serializer: S,
            ) -> ::core::result::Result<S::Ok, S::Error> {
                ::stube::__private::serde::Serialize::serialize(&self.state, serializer)
            }
        }
        #(#cfgs)*
        impl<'de> ::stube::__private::serde::Deserialize<'de> for #value {
            fn deserialize<D: ::stube::__private::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> ::core::result::Result<Self, D::Error> {
                let machine = <#value as ::stube::__private::Flow>::machine();
                ::core::result::Result::Ok(Self {
                    state: ::stube::__private::Machine::read(&machine, deserializer)?,
                })
            }
        }
        #(#cfgs)*
        #registered
    }
}

/// A test in the author's crate that no other flow has the same name on disk.
pub(super) fn name_test(header: &Header) -> TokenStream {
    let Header { value, name, attrs, .. } = header;
    let cfgs = attrs.iter().filter(|attr| is_cfg(attr));
    let module = Ident::new(&format!("{}_on_disk", snake_case(&value.to_string())), value.span());
    quote! {
        #(#cfgs)*
        #[cfg(test)]
        #[allow(unnameable_test_items, reason = "a flow inside of a function has no test")]
        mod #module {
            #[test]
            fn has_its_name_alone() {
                ::stube::__private::assert_alone(#name);
            }
        }
    }
}
