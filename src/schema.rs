//! The serde schema of a type: what serde reads and writes, whatever the type is called in Rust.
//!
//! `probe` derives a [`Type`] and the [`Definitions`] it refers to, by running the type's own `Deserialize`.
//! `diff_fields` decides whether data written under one schema can be read under another. A [`Schema`] has a
//! [fingerprint](Schema::fingerprint), which records carry. Pure: nothing here knows flows, records or files.
//!
//! A schema has only what JSON shows: a newtype is the type that it wraps, and a struct is its fields. Types that serde
//! reads from any input (`untagged`, `flatten`, an internal `tag`) have the type `_`.

mod diff;
mod notation;
mod probe;
mod types;

use std::fmt::Write as _;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub(crate) use diff::{DefinitionPair, diff_fields};
pub use diff::{DiffEntry, Impact};
pub(crate) use probe::probe;
#[doc(hidden)]
pub use probe::{Probed, probed};
pub use types::{Content, Definition, Definitions, Field, Primitive, Type, Variant};

/// The schema of a saved state of a flow, or of a component.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Schema {
    /// The locals of the state, or the fields of the component.
    #[serde(with = "notation::fields")]
    pub locals: Vec<Field>,
    /// The awaited component. Empty at the start of a flow, for a component, and for a [`Boxed`](crate::Boxed) await.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub awaits: String,
    /// The answer type of the awaited component.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Type>,
}

impl Schema {
    /// The fingerprint of the schema: 12 hexadecimal digits (48 bits) of a SHA-256. It depends on the names and types of
    /// locals and fields, but not on their order or on the names of structs and enums.
    pub fn fingerprint(&self, types: &Definitions) -> String {
        let mut text = String::new();
        let mut canonical = CanonicalText { types, enclosing: Vec::new() };
        canonical.fields(&self.locals, &mut text);
        let _ = write!(text, " {} ", self.awaits);
        if let Some(answer) = &self.answer {
            canonical.ty(answer, &mut text);
        }
        fingerprint(&text)
    }
}

/// 12 hexadecimal digits of a SHA-256.
pub(crate) fn fingerprint(text: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(text)[..6])
}

/// Writes types as text with each name replaced by its definition, in an order that does not depend on the source.
struct CanonicalText<'a> {
    types: &'a Definitions,
    /// The definitions that are being written, outermost first, for recursive types.
    enclosing: Vec<&'a str>,
}

impl<'a> CanonicalText<'a> {
    fn ty(&mut self, ty: &'a Type, text: &mut String) {
        match ty {
            Type::Any | Type::Primitive(_) => *text += &ty.to_string(),
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
        if let Some(depth) = self.enclosing.iter().rev().position(|enclosing| *enclosing == name) {
            let _ = write!(text, "^{depth}");
            return;
        }
        self.enclosing.push(name);
        match self.types.get(name) {
            Some(Definition::Struct(fields)) => self.fields(fields, text),
            Some(Definition::Enum(variants)) => self.variants(variants, text),
            // A lock file edited by hand may refer to a missing definition.
            None => *text += name,
        }
        self.enclosing.pop();
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
