//! The [`Header`] of a flow: everything that the author wrote except the body. `parse` makes it, every later stage
//! passes it on unchanged, and `emit` writes it.

use syn::{Attribute, Ident, LitStr, Pat, Type, Visibility};

use crate::evolution_attrs::{LocalAttrs, Migration, OldStatesAttr};

/// A flow without its body.
#[derive(Clone)]
pub(crate) struct Header {
    /// Doc comments and other attributes of the function.
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    /// `booking`.
    pub(crate) ident: Ident,
    /// `BookingFlow`: the type of the value that `booking(..)` returns.
    pub(crate) value: Ident,
    /// `BookingState`: the enum of its states.
    pub(crate) states: Ident,
    /// The name on disk, `"booking"`.
    pub(crate) name: LitStr,
    pub(crate) args: Vec<Arg>,
    pub(crate) output: Type,
    /// Whether `?` works on the return type: it is called `Result` or `Option`, or the body uses `?`.
    pub(crate) fallible: bool,
    /// Whether the flow is a method, whose first argument is `self`.
    pub(crate) is_method: bool,
    /// Names on disk in earlier versions: `#[flow(was = "..")]`.
    pub(crate) was: Vec<String>,
    /// `#[migrate(..)]`.
    pub(crate) migrations: Vec<Migration>,
    /// `#[earlier(..)]`.
    pub(crate) old_states: Option<OldStatesAttr>,
}

/// `(from, to): (u32, u32)`.
#[derive(Clone)]
pub(crate) struct Arg {
    pub(crate) pat: Pat,
    pub(crate) ty: Type,
    pub(crate) evolution: LocalAttrs,
}

impl Header {
    /// The name on disk, and those of earlier versions.
    pub(crate) fn names(&self) -> Vec<String> {
        std::iter::once(self.name.value()).chain(self.was.iter().cloned()).collect()
    }
}
