//! Messages about attributes for conversations of earlier versions, and about `flows.lock`.

use proc_macro2::Span;
use syn::Error;

pub(crate) fn label_is_no_name(span: Span) -> Error {
    let message = "a state has a name in camel case, as a type: write `#[at(\"Payment\")]`";
    Error::new(span, message)
}

pub(crate) fn was_is_no_name(span: Span) -> Error {
    Error::new(span, "an old name is a string: write `was = \"room\"`, or `was = [\"room\", \"chamber\"]`")
}

pub(crate) fn no_earlier(span: Span) -> Error {
    let message = "write the name of the enum, and the states whose locals have changed: `#[earlier(Before: Room, \
                   Confirm)]`";
    Error::new(span, message)
}

pub(crate) fn no_lock(span: Span) -> Error {
    let message = "there is no `flows.lock` in the folder of this crate, so the states of earlier versions are \
                   unknown; write `stube::flows_lock!();` once, and run `STUBE_LOCK=update cargo test flows_lock`";
    Error::new(span, message)
}

pub(crate) fn not_a_lock(span: Span) -> Error {
    Error::new(span, "`flows.lock` is not in the form that stube writes; revert what was changed in it by hand")
}

pub(crate) fn not_in_the_lock(span: Span, name: &str) -> Error {
    Error::new(span, format!("`flows.lock` has no state `{name}` of an earlier version of this flow"))
}

pub(crate) fn nothing_is_gone(span: Span) -> Error {
    let message = "the flow still has every state that `flows.lock` has; remove this, or name the states whose \
                   locals have changed: `#[earlier(Before: Room)]`";
    Error::new(span, message)
}

pub(crate) fn no_version(span: Span) -> Error {
    Error::new(span, "a version is a number from 1 on: write `version = 2`")
}

pub(crate) fn mark_without_local(span: Span) -> Error {
    let message = "this attribute is about one local, so it goes on a `let` with one name; write a `let` for each \
                   local";
    Error::new(span, message)
}

pub(crate) fn no_migration(span: Span) -> Error {
    let message =
        "write a closure with the type of its argument, `#[migrate(|before: Before| ..)]`, or the path of a function";
    Error::new(span, message)
}

pub(crate) fn label_without_await(span: Span) -> Error {
    Error::new(span, "this names the state of an `.await`, and there is none in this statement; remove it")
}

pub(crate) fn label_on_several_awaits(span: Span) -> Error {
    let message = "this statement has several `.await`s, and the name is for one; write a `let` for each of them";
    Error::new(span, message)
}

pub(crate) fn label_used_twice(span: Span, name: &str) -> Error {
    Error::new(span, format!("another state of this flow is called `{name}` already; give this `.await` another name"))
}
