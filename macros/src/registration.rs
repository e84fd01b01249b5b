//! The registration of a component or flow, its name on disk, and the entry in the table of types. Used by both macros.
//! Never looks into the component or flow itself.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{LitStr, Result, Type};

use crate::errors::component::not_a_name_on_disk;

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

/// Adds a component to the table of typetag and to the registry of stube.
pub(crate) fn register(ty: &Type, name: &LitStr) -> TokenStream {
    // All paths go through `__private`, so the author's crate depends neither on typetag nor on inventory.
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

/// Checks a name on disk. People read it and write it on command lines, so few characters are allowed.
pub(crate) fn check_name(name: &LitStr) -> Result<()> {
    let text = name.value();
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ':');
    if text.is_empty() || text.len() > 100 || !text.chars().all(legal) {
        return Err(not_a_name_on_disk(name.span()));
    }
    Ok(())
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
