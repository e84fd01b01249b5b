//! Messages about the signature of a flow, and about `impl` blocks.

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::{Error, Generics, Receiver, ReceiverKind, TypeImplTrait, TypeReference};

pub(crate) fn not_an_async_fn(span: Span) -> Error {
    Error::new(span, "`#[flow]` goes on an `async fn` with a body")
}

pub(crate) fn not_async(span: Span) -> Error {
    Error::new(span, "a flow is an async function, because it waits; write `async fn`")
}

pub(crate) fn unsafe_flow(span: Span) -> Error {
    Error::new(span, "a flow cannot be `unsafe`, because a promise of its caller does not hold after a restart")
}

pub(crate) fn generic_flow(generics: &Generics) -> Error {
    let message = "a flow has one name on disk, so it cannot be generic; write a flow for each case, or an argument \
                   of an enum type";
    Error::new(generics.span(), message)
}

pub(crate) fn receiver(receiver: &Receiver) -> Error {
    let message = match receiver.kind {
        ReceiverKind::Value => {
            "a method alone does not show the type of `self`; write `#[flow]` on its `impl` \
                                block too"
        }
        ReceiverKind::Reference(..) => {
            "a flow outlives its caller, so it cannot borrow `self`; write `self`, and call it on a clone"
        }
        _ => "the arguments of a flow are saved, so it must take `self` by value; write `self`",
    };
    Error::new(receiver.self_token.span, message)
}

pub(crate) fn flows_of_a_type(span: Span) -> Error {
    let message = "flows in an `impl` block are methods of one type, which is saved by its name; write `impl Name`, \
                   without a trait and without generics";
    Error::new(span, message)
}

pub(crate) fn no_flow_in_block(span: Span) -> Error {
    Error::new(span, "no function in this block is a flow; write `#[flow]` on those that are")
}

pub(crate) fn borrowed_type(reference: &TypeReference) -> Error {
    let message = "a flow outlives its caller, so it must own its arguments and its result; write an owned type, \
                   for instance `String` for `&str`";
    Error::new(reference.and_token.span, message)
}

pub(crate) fn impl_trait(ty: &TypeImplTrait) -> Error {
    Error::new(
        ty.impl_token.span,
        "the arguments and the result of a flow are saved, so their types must be \
                                    written out; write a type for `impl Trait`",
    )
}
