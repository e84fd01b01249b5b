//! What one run of the probe asks for, a path, and what it finds there, a request.

use std::rc::Rc;

use crate::schema::types::Primitive;

/// What a type requests from the deserializer at one place.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Request {
    Any,
    Primitive(Primitive),
    Nullable,
    List,
    Map,
    Tuple(usize),
    Struct(&'static str, &'static [&'static str]),
    Enum(&'static str, &'static [&'static str]),
    /// The variant `Cash`, in contrast to the content of `Cash(())`.
    UnitVariant,
    /// The fields of a variant: `Card { number }`.
    Fields(&'static [&'static str]),
    /// The answer to [`PathStep::Without`]: whether the field may be missing.
    Optional(bool),
    /// The answer to [`PathStep::Both`]: the two names belong to one field, which is written under this name.
    OneField(&'static str),
    /// The answer to [`PathStep::Both`]: the two names belong to two fields.
    TwoFields,
}

/// One step of a path into a type.
#[derive(Debug, Clone)]
pub(super) enum PathStep {
    /// Into an `Option` or a list.
    Inside,
    /// To an element of a tuple.
    Element(usize),
    Key,
    Value,
    Field(&'static str),
    Variant(&'static str),
    /// Supplies all fields except this one, to see whether it may be missing.
    Without(&'static str, Rc<[&'static str]>),
    /// Supplies two fields, to see whether they are two names of one field.
    Both(&'static str, &'static str),
}

/// How deep a type is examined. Deeper types are `_`.
pub(super) const MAX_DEPTH: usize = 32;
