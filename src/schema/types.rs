//! The types of serde's data model, and the definitions of structs and enums that they refer to.
//!
//! Values only: `notation` writes and reads them as text, `probe` derives them, and `diff` compares them.

use std::collections::{BTreeMap, BTreeSet};

/// A type of serde's data model.
///
/// Written in Rust's syntax: `u32`, `String`, `Option<Dates>`, `Vec<(String, u32)>`, `Map<String, u32>`, and `_` for a
/// type that reads any input. `usize` is `u64`, `isize` is `i64`, a set is a `Vec`, and an array is a tuple.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Type {
    /// A type that asks the input what it contains, such as an untagged enum.
    Any,
    /// A number, a string, a boolean, a unit.
    Primitive(Primitive),
    /// `Option<T>`.
    Optional(Box<Type>),
    /// `Vec<T>` and every other sequence.
    List(Box<Type>),
    /// A map from keys to values.
    Map(Box<Type>, Box<Type>),
    /// `(A, B)`, a tuple struct, an array.
    Tuple(Vec<Type>),
    /// A struct or an enum with this definition.
    Named(String),
}

/// A type without type parameters.
#[expect(missing_docs, reason = "each variant has the name of its Rust type, except that `Text` is `String`")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Primitive {
    Unit,
    Bool,
    Char,
    Text,
    Bytes,
    U8,
    U16,
    U32,
    U64,
    U128,
    I8,
    I16,
    I32,
    I64,
    I128,
    F32,
    F64,
}

/// The structs and enums that types refer to, by name.
pub type Definitions = BTreeMap<String, Definition>;

impl Type {
    /// Adds the names of all definitions that this type refers to directly.
    pub(crate) fn collect_names(&self, names: &mut BTreeSet<String>) {
        match self {
            Self::Any | Self::Primitive(_) => {}
            Self::Optional(inner) | Self::List(inner) => inner.collect_names(names),
            Self::Map(key, value) => [key, value].into_iter().for_each(|ty| ty.collect_names(names)),
            Self::Tuple(parts) => parts.iter().for_each(|ty| ty.collect_names(names)),
            Self::Named(name) => drop(names.insert(name.clone())),
        }
    }
}

impl Definition {
    /// The types of all fields and variants.
    pub(crate) fn types(&self) -> Vec<&Type> {
        match self {
            Self::Struct(fields) => fields.iter().map(|field| &field.ty).collect(),
            Self::Enum(variants) => {
                let types = variants.iter().flat_map(|variant| match &variant.content {
                    Content::Unit => Vec::new(),
                    Content::Type(ty) => vec![ty],
                    Content::Fields(fields) => fields.iter().map(|field| &field.ty).collect(),
                });
                types.collect()
            }
        }
    }
}

/// A struct or an enum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Definition {
    /// Its fields, in the order of the code.
    Struct(Vec<Field>),
    /// Its variants, in the order of the code.
    Enum(Vec<Variant>),
}

/// A field of a struct, or a local of a flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name on disk.
    pub name: String,
    /// Other names under which it is read: `#[serde(alias = "..")]`, `was = ".."`.
    pub aliases: Vec<String>,
    /// Its type.
    pub ty: Type,
    /// Whether it may be missing in saved data, because it has a default or is an `Option`.
    pub optional: bool,
}

/// A variant of an enum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant {
    /// Its name on disk.
    pub name: String,
    /// Its content.
    pub content: Content,
}

/// The content of a variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// `Cash`.
    Unit,
    /// `Card(String)`, `Pair(u32, u32)`.
    Type(Type),
    /// `Card { number: String }`.
    Fields(Vec<Field>),
}
