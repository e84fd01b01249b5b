//! Messages about `#[component]`, and about names on disk.

use proc_macro2::Span;
use syn::Error;

pub(crate) fn generic_component(span: Span) -> Error {
    Error::new(span, "a component has one name on disk, so it cannot be generic; write a type for each case")
}

pub(crate) fn not_a_component_block(span: Span) -> Error {
    Error::new(span, "`#[component]` goes on an `impl Component for ...` block")
}

pub(crate) fn component_without_name(span: Span) -> Error {
    Error::new(span, "a component is a struct or an enum with a name")
}

pub(crate) fn not_a_resume_function(span: Span) -> Error {
    let message = "a resume function is written `fn name(&mut self, answer: Type, cx: &Context) -> Handled<Self>`";
    Error::new(span, message)
}

pub(crate) fn not_a_name_on_disk(span: Span) -> Error {
    Error::new(span, "a name on disk has 1 to 100 letters, digits and `_-./:`")
}
