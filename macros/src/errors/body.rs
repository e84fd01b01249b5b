//! Messages about the body of a flow.

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::{Error, Ident, Macro};

pub(crate) fn await_in_closure(span: Span) -> Error {
    let message = "this `.await` is inside a closure, which cannot be saved while it waits; await before it, or \
                   write a loop";
    Error::new(span, message)
}

pub(crate) fn await_in_async_block(span: Span) -> Error {
    let message = "this `.await` is inside an async block, which cannot be saved while it waits; await it in the \
                   flow itself, or make the block a flow of its own";
    Error::new(span, message)
}

pub(crate) fn await_in_const(span: Span) -> Error {
    Error::new(span, "this `.await` is inside a constant, which is evaluated by the compiler; await before it")
}

pub(crate) fn await_in_inner_function(span: Span) -> Error {
    let message = "this `.await` is inside another function; put `#[flow]` on it and move it out of this one";
    Error::new(span, message)
}

pub(crate) fn await_in_guard(span: Span) -> Error {
    let message = "this `.await` is inside a match guard, while the match is undecided; await before the `match`, \
                   or write an `if` inside the arm";
    Error::new(span, message)
}

pub(crate) fn await_in_unsafe(span: Span) -> Error {
    let message = "this `.await` is inside an `unsafe` block, whose safety conditions may not hold after a restart; \
                   end the block before it";
    Error::new(span, message)
}

pub(crate) fn await_in_macro(span: Span, mac: &Macro) -> Error {
    let name = mac.path.segments.last().map(|last| last.ident.to_string()).unwrap_or_default();
    let message = format!(
        "this `.await` is inside `{name}!`, which may evaluate it twice or not at all; write `let value = ... \
         .await;` before it and use `value`"
    );
    Error::new(span, message)
}

pub(crate) fn changed_while_used(span: Span) -> Error {
    let message = "a later part of the same expression awaits and may change this; write `let value = ...;` before \
                   the expression and use `value`";
    Error::new(span, message)
}

pub(crate) fn captured_shadow(mac: &Macro, name: &str) -> Error {
    let message = format!(
        "`{name}` shadows another `{name}` here, and this macro may capture either in a format string; give one of \
         them another name"
    );
    Error::new(mac.path.span(), message)
}

pub(crate) fn shown_shadow(mac: &Macro, name: &str) -> Error {
    let message = format!(
        "`{name}` shadows two others here, and this macro may show its name, which generated code has to change; give \
         one of them another name"
    );
    Error::new(mac.path.span(), message)
}

pub(crate) fn macro_names_local(name: &Ident, local: &str) -> Error {
    let message = format!(
        "this macro names `{local}`, a local of the flow, and its definition is repeated where the local may be another \
         one; give the macro a parameter for it: `{name}!({local})`"
    );
    Error::new(name.span(), message)
}

pub(crate) fn macro_declares_local(mac: &Macro, local: &str) -> Error {
    let message = format!(
        "this macro declares a `{local}` that would not be seen after an `.await`; write `let {local} = ...;` here, and \
         the macro in its value"
    );
    Error::new(mac.path.span(), message)
}

pub(crate) fn macro_with_two_meanings(name: &Ident) -> Error {
    let message = format!(
        "another `{name}!` is used before this one, and a macro of a flow is visible in the whole block; give one of \
         them another name"
    );
    Error::new(name.span(), message)
}

pub(crate) fn unknown_label(span: Span) -> Error {
    Error::new(span, "no loop or block around this has that label")
}

pub(crate) fn cfg_on_await(span: Span) -> Error {
    let message = "a `cfg` on a statement that awaits is not supported, because the state would depend on it; put \
                   it on the flow, or use `if cfg!(...)`";
    Error::new(span, message)
}

pub(crate) fn cfg_in_macro(span: Span) -> Error {
    let message = "a `cfg` in the arguments of a macro is not supported; write `let value = ...;` before the macro, \
                   with the `cfg` in there, and use `value`";
    Error::new(span, message)
}

pub(crate) fn compound_order(span: Span) -> Error {
    let message = "the evaluation order of the two sides depends on their type, and both have side effects; write \
                   `let value = ...;` before it for the right side";
    Error::new(span, message)
}

pub(crate) fn item_of_a_block(name: Span) -> Error {
    let message = "this name has another meaning elsewhere in the flow, and a type in a block with an `.await` is \
                   visible in the whole flow; give it another name, or declare it outside of the flow";
    Error::new(name, message)
}

pub(crate) fn changed_while_borrowed(span: Span, name: &str) -> Error {
    let message = format!(
        "`{name}` may change while a borrow that is taken through it is used after an `.await`, where the borrow is \
         taken again; write `let held = {name}.clone();` before it, and borrow through `held`"
    );
    Error::new(span, message)
}

pub(crate) fn alternatives_of_what_changes(span: Span) -> Error {
    let message = "what these alternatives test may be written before they match again after an `.await`, and then \
                   another one would match; write an arm or an `if let` for each";
    Error::new(span, message)
}
