//! The enum of states of earlier versions, and the module of the types that it names.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Ident, Visibility};

use crate::machine::{OldContent, OldState, OldStates, OldType, OldVariant};

/// `enum Before { Room { days: before::Dates }, .. }`
pub(crate) fn old_states(vis: &Visibility, old: &OldStates) -> TokenStream {
    let OldStates { name, module, lock, .. } = old;
    let states = old.states.iter().map(state);
    let types = old.types.iter().map(ty);
    quote! {
        #[doc = "States of earlier versions, as `flows.lock` has them."]
        #[derive(Debug, ::stube::__private::serde::Deserialize)]
        #[serde(crate = "::stube::__private::serde")]
        #[allow(missing_docs, non_camel_case_types, dead_code, reason = "it describes earlier versions")]
        #vis enum #name { #(#states),* }

        #[doc = "The types of what earlier versions saved."]
        #[allow(missing_docs, dead_code, unused_imports, reason = "they describe earlier versions")]
        #vis mod #module {
            use super::*;
            #(#types)*
        }
        // Cargo compiles the crate again when the file changes.
        const _: &str = ::core::include_str!(#lock);
    }
}

fn state(state: &OldState) -> TokenStream {
    let OldState { ident, name, schema, .. } = state;
    let tag = format!("{name}@{schema}");
    let doc = format!("`{name}`, as it was saved with the schema `{schema}`.");
    let fields = fields(&state.fields);
    quote!(#[doc = #doc] #[serde(rename = #tag)] #ident { #(#fields),* })
}

fn ty(ty: &OldType) -> TokenStream {
    let head = quote! {
        #[derive(Debug, Clone, ::stube::__private::serde::Deserialize)]
        #[serde(crate = "::stube::__private::serde")]
    };
    match ty {
        OldType::Struct(ident, of) => {
            let fields = fields(of);
            quote!(#head pub struct #ident { #(pub #fields),* })
        }
        OldType::Enum(ident, variants) => {
            let variants = variants.iter().map(variant);
            quote!(#head pub enum #ident { #(#variants),* })
        }
    }
}

fn variant(variant: &OldVariant) -> TokenStream {
    let ident = &variant.ident;
    match &variant.content {
        OldContent::Unit => quote!(#ident),
        OldContent::Value(ty) => quote!(#ident(#ty)),
        OldContent::Fields(of) => {
            let fields = fields(of);
            quote!(#ident { #(#fields),* })
        }
    }
}

fn fields(fields: &[(Ident, TokenStream)]) -> Vec<TokenStream> {
    fields.iter().map(|(name, ty)| quote!(#name: #ty)).collect()
}
