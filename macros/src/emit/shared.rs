//! What several parts of the output share: identifiers, attributes, and the type that the closure returns.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Attribute, Ident, Lifetime};

use crate::header::Header;
use crate::ids::LocalId;

/// The tokens that replace a flow.
pub(crate) struct Output {
    /// The function that creates the flow.
    pub(crate) function: TokenStream,
    /// The items beside it.
    pub(crate) items: TokenStream,
}

/// A local name that no author can write. It begins with `__`, because a renamed local of the author's has such a span too.
pub(super) fn hygienic(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

/// The label of the block that chooses the next block. It is hygienic, so a `break` in the tokens of a macro cannot leave
/// the wrong loop.
pub(super) fn next_label() -> Lifetime {
    Lifetime::new("'next", Span::mixed_site())
}

/// The local that ties the type of a `#[default]` to its local: `__default_3.of(&tries)`.
pub(super) fn default_ident(local: LocalId) -> Ident {
    hygienic(&format!("__default_{}", local.0))
}

pub(super) fn is_lint(attr: &Attribute) -> bool {
    ["allow", "warn", "deny", "forbid", "expect"].iter().any(|name| attr.path().is_ident(name))
}

pub(super) fn is_cfg(attr: &Attribute) -> bool {
    attr.path().is_ident("cfg") || attr.path().is_ident("cfg_attr")
}

/// The type that decides what the closure returns: the return type of the flow if `?` works on it.
pub(super) fn kind(header: &Header) -> TokenStream {
    let output = &header.output;
    match header.fallible {
        true => quote!(#output),
        false => quote_spanned!(output.span()=> ::stube::__private::Plain<#output>),
    }
}

/// The functions of that type. An error in the return type is reported on it, once.
pub(super) fn returns(header: &Header) -> TokenStream {
    let kind = kind(header);
    quote_spanned!(header.output.span()=> <#kind as ::stube::__private::Returns>)
}
