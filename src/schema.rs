//! What is saved of a type: not what Rust calls it, but what serde writes of it.
//!
//! A type's own `Deserialize` is asked what it would read; that gives a [`Type`], and the [`Definitions`] that it names.
//! Two of these are compared as what was saved and what reads it, and a [`Shape`] has a short word, which records carry.
//! Pure: nothing here knows flows, records or files.
//!
//! What JSON does not show is left out: a newtype is what it wraps, and a struct is its fields, whatever it is called.
//! Where serde itself is told nothing (`untagged`, `flatten`, an internal `tag`), nor is this, and the type is `_`.

mod diff;
mod notation;
mod probe;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub(crate) use diff::{Both, compare_fields};
pub use diff::{Change, Difference};
pub(crate) use probe::probe;
#[doc(hidden)]
pub use probe::{Probed, probed};

/// What serde reads of a type.
///
/// Written as Rust writes it: `u32`, `String`, `Option<Dates>`, `Vec<(String, u32)>`, `Map<String, u32>`, and `_` for
/// what serde decides when it sees the value. A number of machine size is one of 64 bits, a set is a `Vec`, and an array
/// is a tuple.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Type {
    /// What serde decides when it sees the value.
    Any,
    /// A number, a text, a truth value, nothing: by its name in Rust.
    Plain(Plain),
    /// `Option<T>`.
    Optional(Box<Type>),
    /// `Vec<T>`, and every other list.
    List(Box<Type>),
    /// Every map.
    Map(Box<Type>, Box<Type>),
    /// `(A, B)`, a tuple struct, an array.
    Tuple(Vec<Type>),
    /// A struct or an enum with this definition.
    Named(String),
}

/// A type without parts.
#[expect(missing_docs, reason = "they are called as Rust calls them, but for a `String`")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Plain {
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

/// The structs and enums that types name.
pub type Definitions = BTreeMap<String, Definition>;

impl Type {
    /// Adds the names of the definitions that it names.
    pub(crate) fn names(&self, names: &mut BTreeSet<String>) {
        match self {
            Self::Any | Self::Plain(_) => {}
            Self::Optional(inner) | Self::List(inner) => inner.names(names),
            Self::Map(key, value) => [key, value].into_iter().for_each(|ty| ty.names(names)),
            Self::Tuple(parts) => parts.iter().for_each(|ty| ty.names(names)),
            Self::Named(name) => drop(names.insert(name.clone())),
        }
    }
}

impl Definition {
    /// The types in it.
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
    /// What it is called on disk.
    pub name: String,
    /// What else it is read from: `#[serde(alias = "..")]`, `was = ".."`.
    pub aliases: Vec<String>,
    /// Its type.
    pub ty: Type,
    /// Whether it is read when nothing of that name was saved.
    pub optional: bool,
}

/// A variant of an enum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant {
    /// What it is called on disk.
    pub name: String,
    /// What it holds.
    pub content: Content,
}

/// What a variant holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// `Cash`.
    Unit,
    /// `Card(String)`, `Pair(u32, u32)`.
    Type(Type),
    /// `Card { number: String }`.
    Fields(Vec<Field>),
}

/// What a state holds and waits for, or what a component is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Shape {
    /// The locals of the state, or the fields of the component.
    #[serde(with = "notation::fields")]
    pub locals: Vec<Field>,
    /// What is awaited; empty at the start of a flow, in a component, and where only the running flow knows.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub awaits: String,
    /// What it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Type>,
}

impl Shape {
    /// A short word that two shapes share if one is read as the other, field by field: 12 hexadecimal digits of SHA-256
    /// of what is saved. The order of locals and fields, and what types are called, make no difference.
    pub fn digest(&self, types: &Definitions) -> String {
        let mut text = String::new();
        let mut spelling = Spelling { types, within: Vec::new() };
        spelling.fields(&self.locals, &mut text);
        let _ = write!(text, " {} ", self.awaits);
        if let Some(answer) = &self.answer {
            spelling.ty(answer, &mut text);
        }
        digest(&text)
    }
}

/// 12 hexadecimal digits of SHA-256.
pub(crate) fn digest(text: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(text)[..6])
}

/// Spells types out, with their definitions in place of their names.
struct Spelling<'a> {
    types: &'a Definitions,
    /// The definitions that are being spelled, for types that hold themselves.
    within: Vec<&'a str>,
}

impl<'a> Spelling<'a> {
    fn ty(&mut self, ty: &'a Type, text: &mut String) {
        match ty {
            Type::Any | Type::Plain(_) => *text += &ty.to_string(),
            Type::Optional(inner) => {
                text.push('?');
                self.ty(inner, text);
            }
            Type::List(inner) => {
                text.push('*');
                self.ty(inner, text);
            }
            Type::Map(key, value) => {
                text.push('<');
                self.ty(key, text);
                text.push(':');
                self.ty(value, text);
                text.push('>');
            }
            Type::Tuple(parts) => {
                text.push('(');
                for part in parts {
                    self.ty(part, text);
                    text.push(',');
                }
                text.push(')');
            }
            Type::Named(name) => self.named(name, text),
        }
    }

    fn named(&mut self, name: &'a str, text: &mut String) {
        if let Some(depth) = self.within.iter().rev().position(|within| *within == name) {
            let _ = write!(text, "^{depth}");
            return;
        }
        self.within.push(name);
        match self.types.get(name) {
            Some(Definition::Struct(fields)) => self.fields(fields, text),
            Some(Definition::Enum(variants)) => self.variants(variants, text),
            // A file that was written by hand may name what it does not define.
            None => *text += name,
        }
        self.within.pop();
    }

    fn fields(&mut self, fields: &'a [Field], text: &mut String) {
        let mut all: Vec<_> = fields.iter().collect();
        all.sort_by_key(|field| &field.name);
        text.push('{');
        for field in all {
            let _ = write!(text, "{}:", field.name);
            self.ty(&field.ty, text);
            text.push(',');
        }
        text.push('}');
    }

    fn variants(&mut self, variants: &'a [Variant], text: &mut String) {
        let mut all: Vec<_> = variants.iter().collect();
        all.sort_by_key(|variant| &variant.name);
        text.push('[');
        for variant in all {
            *text += &variant.name;
            match &variant.content {
                Content::Unit => {}
                Content::Type(ty) => {
                    text.push('=');
                    self.ty(ty, text);
                }
                Content::Fields(fields) => self.fields(fields, text),
            }
            text.push('|');
        }
        text.push(']');
    }
}

#[cfg(test)]
mod tests;
