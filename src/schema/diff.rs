//! Compares two schemas: can data written under `old` be read under `new`?
//!
//! Takes two types, or two lists of fields, with their definitions. Gives one [`DiffEntry`] for each difference; none if the
//! schemas are equal. Never looks at a saved value.

use std::collections::BTreeSet;
use std::fmt;

use crate::schema::types::{Content, Definition, Definitions, Field, Primitive, Type, Variant};

/// What a difference means for data that was saved under the old schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Impact {
    /// All old data is still read, without loss of a value that the new schema has.
    Additive,
    /// Some old data may be unreadable, or read as another value.
    Breaking,
}

/// One difference between an old schema and a new one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiffEntry {
    /// What it means for old data.
    pub impact: Impact,
    /// The path of the field: `dates.last`.
    pub path: String,
    /// The difference: `was u32 and is u64, which can represent every old value`.
    pub message: String,
    /// What to write in the code; empty if the difference is additive.
    pub fix: String,
}

impl fmt::Display for DiffEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.path, self.message)
    }
}

/// The definitions that the old types and the new types refer to.
pub(crate) struct DefinitionPair<'a> {
    pub(crate) old: &'a Definitions,
    pub(crate) new: &'a Definitions,
}

/// All differences between two types of the value at `path`.
#[cfg(test)]
pub(super) fn diff_types(definitions: &DefinitionPair<'_>, path: &str, old: &Type, new: &Type) -> Vec<DiffEntry> {
    let mut differ = Differ { definitions, entries: Vec::new(), seen: BTreeSet::new() };
    differ.ty(path, old, new);
    differ.entries
}

/// All differences between two lists of locals, or of the fields of a component.
pub(crate) fn diff_fields(definitions: &DefinitionPair<'_>, old: &[Field], new: &[Field]) -> Vec<DiffEntry> {
    let mut differ = Differ { definitions, entries: Vec::new(), seen: BTreeSet::new() };
    differ.fields("", old, new);
    differ.entries
}

struct Differ<'a> {
    definitions: &'a DefinitionPair<'a>,
    entries: Vec<DiffEntry>,
    /// The pairs of definitions that are being compared, for recursive types.
    seen: BTreeSet<(&'a str, &'a str)>,
}

impl<'a> Differ<'a> {
    fn additive(&mut self, path: &str, message: impl Into<String>) {
        self.add(Impact::Additive, path, message.into(), String::new());
    }

    fn breaking(&mut self, path: &str, message: impl Into<String>, fix: impl Into<String>) {
        self.add(Impact::Breaking, path, message.into(), fix.into());
    }

    fn add(&mut self, impact: Impact, path: &str, message: String, fix: String) {
        self.entries.push(DiffEntry { impact, path: path.to_owned(), message, fix });
    }

    fn ty(&mut self, path: &str, old: &'a Type, new: &'a Type) {
        match (old, new) {
            (_, Type::Any) if old == new => {}
            (_, Type::Any) => {
                self.additive(path, format!("was {old}; the new type is only checked when a value is read"))
            }
            (Type::Primitive(old), Type::Primitive(new)) => self.primitives(path, *old, *new),
            (Type::Optional(old), Type::Optional(new)) | (Type::List(old), Type::List(new)) => self.ty(path, old, new),
            (Type::Map(old_key, old_value), Type::Map(new_key, new_value)) => {
                self.ty(&format!("{path} (keys)"), old_key, new_key);
                self.ty(path, old_value, new_value);
            }
            (Type::Tuple(old_parts), Type::Tuple(new_parts)) if old_parts.len() == new_parts.len() => {
                for (index, (old, new)) in old_parts.iter().zip(new_parts).enumerate() {
                    self.ty(&format!("{path}.{index}"), old, new);
                }
            }
            (Type::Tuple(parts), Type::List(new)) => {
                for (index, old) in parts.iter().enumerate() {
                    self.ty(&format!("{path}.{index}"), old, new);
                }
            }
            (Type::Named(old), Type::Named(new)) => self.named(path, old, new),
            (_, Type::Optional(inner)) if !is_nullable(old) => {
                self.additive(path, "may now be `None`");
                self.ty(path, old, inner);
            }
            (Type::Primitive(Primitive::Unit), Type::Optional(_)) => {
                self.additive(path, "was () and is read as `None`")
            }
            _ => self.type_changed(path, old, new),
        }
    }

    fn type_changed(&mut self, path: &str, old: &Type, new: &Type) {
        let fix = "write `#[migrate(..)]` on the flow to convert the old value";
        self.breaking(path, format!("was {old} and is {new}"), fix);
    }

    fn primitives(&mut self, path: &str, old: Primitive, new: Primitive) {
        let is_wider = |(signed, bits): (bool, u32), (new_signed, new_bits): (bool, u32)| match (signed, new_signed) {
            (true, true) | (false, false) => new_bits >= bits,
            (false, true) => new_bits > bits,
            (true, false) => false,
        };
        // The bits of a float's mantissa: an integer with at most as many bits is converted without loss.
        let mantissa = |primitive| match primitive {
            Primitive::F32 => Some(24),
            Primitive::F64 => Some(53),
            _ => None,
        };
        let is_lossless = match (integer(old), integer(new)) {
            (Some(old), Some(new)) => is_wider(old, new),
            (Some((_, bits)), None) => mantissa(new).is_some_and(|mantissa| bits <= mantissa),
            _ => matches!((old, new), (Primitive::F32, Primitive::F64) | (Primitive::Char, Primitive::Text)),
        };
        let (was, is) = (Type::Primitive(old), Type::Primitive(new));
        match old == new {
            true => {}
            false if is_lossless => {
                self.additive(path, format!("was {was} and is {is}, which can represent every old value"))
            }
            false => self.type_changed(path, &was, &is),
        }
    }

    fn named(&mut self, path: &str, old: &'a str, new: &'a str) {
        if !self.seen.insert((old, new)) {
            return;
        }
        match (self.definitions.old.get(old), self.definitions.new.get(new)) {
            (Some(Definition::Struct(old)), Some(Definition::Struct(new))) => self.fields(path, old, new),
            (Some(Definition::Enum(old)), Some(Definition::Enum(new))) => self.variants(path, old, new),
            _ => self.type_changed(path, &Type::Named(old.to_owned()), &Type::Named(new.to_owned())),
        }
        self.seen.remove(&(old, new));
    }

    fn fields(&mut self, path: &str, old: &'a [Field], new: &'a [Field]) {
        for field in new {
            let path = join(path, &field.name);
            let named = |name: &str| old.iter().find(|old| old.name == name);
            let was = named(&field.name).or_else(|| field.aliases.iter().find_map(|alias| named(alias)));
            match was {
                Some(was) => {
                    if was.name != field.name {
                        self.additive(&path, format!("was called `{}`", was.name));
                    }
                    self.ty(&path, &was.ty, &field.ty);
                }
                None if field.optional => self.additive(&path, "is new and gets its default"),
                None => {
                    let fix = format!(
                        "write `#[serde(default)]` on the field `{0}`, or `#[serde(alias = \"..\")]` with its old name",
                        field.name
                    );
                    self.breaking(&path, "is new and has no default", fix);
                }
            }
        }
        for field in old {
            let is_read = |new: &Field| new.name == field.name || new.aliases.contains(&field.name);
            if !new.iter().any(is_read) {
                self.additive(&join(path, &field.name), "was removed; its saved value is dropped");
            }
        }
    }

    fn variants(&mut self, path: &str, old: &'a [Variant], new: &'a [Variant]) {
        for variant in old {
            let path = join(path, &variant.name);
            let Some(is) = new.iter().find(|new| new.name == variant.name) else {
                let fix = format!("write `#[serde(alias = \"{}\")]` on the variant that replaces it", variant.name);
                self.breaking(&path, "was removed, and saved values may contain it", fix);
                continue;
            };
            match (&variant.content, &is.content) {
                (Content::Unit, Content::Unit) => {}
                (Content::Type(old), Content::Type(new)) => self.ty(&path, old, new),
                (Content::Fields(old), Content::Fields(new)) => self.fields(&path, old, new),
                (Content::Fields(old), Content::Type(Type::Named(new))) => match self.definitions.new.get(new) {
                    Some(Definition::Struct(new)) => self.fields(&path, old, new),
                    _ => self.breaking(&path, "has other content", "give the variant another name"),
                },
                (Content::Type(Type::Named(old)), Content::Fields(new)) => match self.definitions.old.get(old) {
                    Some(Definition::Struct(old)) => self.fields(&path, old, new),
                    _ => self.breaking(&path, "has other content", "give the variant another name"),
                },
                _ => self.breaking(&path, "has other content", "give the variant another name"),
            }
        }
    }
}

/// `dates.first`
fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// Whether a value of the type may be written as `null`.
fn is_nullable(ty: &Type) -> bool {
    matches!(ty, Type::Any | Type::Optional(_) | Type::Primitive(Primitive::Unit))
}

/// Whether an integer type is signed, and its number of bits; `None` for other types.
fn integer(primitive: Primitive) -> Option<(bool, u32)> {
    Some(match primitive {
        Primitive::U8 => (false, 8),
        Primitive::U16 => (false, 16),
        Primitive::U32 => (false, 32),
        Primitive::U64 => (false, 64),
        Primitive::U128 => (false, 128),
        Primitive::I8 => (true, 8),
        Primitive::I16 => (true, 16),
        Primitive::I32 => (true, 32),
        Primitive::I64 => (true, 64),
        Primitive::I128 => (true, 128),
        _ => return None,
    })
}
