//! Whether what was saved of one type is read by another.

use std::collections::BTreeSet;
use std::fmt;

use super::{Content, Definition, Definitions, Field, Plain, Type, Variant};

/// What a difference means for what was saved before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// It is read as before.
    Additive,
    /// It may not be read, or not as what it was.
    Breaking,
}

/// One difference between what was saved and what is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What it means.
    pub change: Change,
    /// Where: `dates.last`.
    pub at: String,
    /// What was, and what is.
    pub what: String,
    /// What to write, if it is breaking.
    pub answer: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.at, self.what)
    }
}

/// What was saved, and what reads it.
pub(crate) struct Both<'a> {
    pub(crate) old: &'a Definitions,
    pub(crate) new: &'a Definitions,
}

/// All differences between the type `old`, of which values were saved at `at`, and the type `new`, which reads them.
#[cfg(test)]
pub(super) fn compare(both: &Both<'_>, at: &str, old: &Type, new: &Type) -> Vec<Difference> {
    let mut comparison = Comparison { both, differences: Vec::new(), seen: BTreeSet::new() };
    comparison.ty(at, old, new);
    comparison.differences
}

/// The same for locals, or for the fields of a component.
pub(crate) fn compare_fields(both: &Both<'_>, old: &[Field], new: &[Field]) -> Vec<Difference> {
    let mut comparison = Comparison { both, differences: Vec::new(), seen: BTreeSet::new() };
    comparison.fields("", old, new);
    comparison.differences
}

struct Comparison<'a> {
    both: &'a Both<'a>,
    differences: Vec<Difference>,
    /// Pairs of definitions that have been compared, for types that hold themselves.
    seen: BTreeSet<(&'a str, &'a str)>,
}

impl<'a> Comparison<'a> {
    fn additive(&mut self, at: &str, what: impl Into<String>) {
        self.add(Change::Additive, at, what.into(), String::new());
    }

    fn breaking(&mut self, at: &str, what: impl Into<String>, answer: impl Into<String>) {
        self.add(Change::Breaking, at, what.into(), answer.into());
    }

    fn add(&mut self, change: Change, at: &str, what: String, answer: String) {
        self.differences.push(Difference { change, at: at.to_owned(), what, answer });
    }

    fn ty(&mut self, at: &str, old: &'a Type, new: &'a Type) {
        match (old, new) {
            (_, Type::Any) if old == new => {}
            (_, Type::Any) => self.additive(at, format!("was {old}, and is of a type that decides by the value")),
            (Type::Plain(old), Type::Plain(new)) => self.plain(at, *old, *new),
            (Type::Optional(old), Type::Optional(new)) | (Type::List(old), Type::List(new)) => self.ty(at, old, new),
            (Type::Map(old_key, old_value), Type::Map(new_key, new_value)) => {
                self.ty(&format!("{at} (keys)"), old_key, new_key);
                self.ty(at, old_value, new_value);
            }
            (Type::Tuple(old_parts), Type::Tuple(new_parts)) if old_parts.len() == new_parts.len() => {
                for (index, (old, new)) in old_parts.iter().zip(new_parts).enumerate() {
                    self.ty(&format!("{at}.{index}"), old, new);
                }
            }
            (Type::Tuple(parts), Type::List(new)) => {
                for (index, old) in parts.iter().enumerate() {
                    self.ty(&format!("{at}.{index}"), old, new);
                }
            }
            (Type::Named(old), Type::Named(new)) => self.named(at, old, new),
            (_, Type::Optional(inner)) if !may_be_null(old) => {
                self.additive(at, "may now be `None`");
                self.ty(at, old, inner);
            }
            (Type::Plain(Plain::Unit), Type::Optional(_)) => self.additive(at, "was (), and is `None`"),
            _ => self.changed(at, old, new),
        }
    }

    fn changed(&mut self, at: &str, old: &Type, new: &Type) {
        let answer = "migrate it: `#[migrate(..)]` on the flow, which takes the old value and gives the new one";
        self.breaking(at, format!("was {old} and is {new}"), answer);
    }

    fn plain(&mut self, at: &str, old: Plain, new: Plain) {
        let is_wider = |(signed, bits): (bool, u32), (new_signed, new_bits): (bool, u32)| match (signed, new_signed) {
            (true, true) | (false, false) => new_bits >= bits,
            (false, true) => new_bits > bits,
            (true, false) => false,
        };
        // The digits that a float has: of a number with fewer, nothing is lost.
        let mantissa = |plain| match plain {
            Plain::F32 => Some(24),
            Plain::F64 => Some(53),
            _ => None,
        };
        let reads = match (integer(old), integer(new)) {
            (Some(old), Some(new)) => is_wider(old, new),
            (Some((_, bits)), None) => mantissa(new).is_some_and(|mantissa| bits <= mantissa),
            _ => matches!((old, new), (Plain::F32, Plain::F64) | (Plain::Char, Plain::Text)),
        };
        let (was, is) = (Type::Plain(old), Type::Plain(new));
        match old == new {
            true => {}
            false if reads => self.additive(at, format!("was {was} and is {is}, which holds all of it")),
            false => self.changed(at, &was, &is),
        }
    }

    fn named(&mut self, at: &str, old: &'a str, new: &'a str) {
        if !self.seen.insert((old, new)) {
            return;
        }
        match (self.both.old.get(old), self.both.new.get(new)) {
            (Some(Definition::Struct(old)), Some(Definition::Struct(new))) => self.fields(at, old, new),
            (Some(Definition::Enum(old)), Some(Definition::Enum(new))) => self.variants(at, old, new),
            _ => self.changed(at, &Type::Named(old.to_owned()), &Type::Named(new.to_owned())),
        }
        self.seen.remove(&(old, new));
    }

    fn fields(&mut self, at: &str, old: &'a [Field], new: &'a [Field]) {
        for field in new {
            let at = within(at, &field.name);
            let named = |name: &str| old.iter().find(|old| old.name == name);
            let was = named(&field.name).or_else(|| field.aliases.iter().find_map(|alias| named(alias)));
            match was {
                Some(was) => {
                    if was.name != field.name {
                        self.additive(&at, format!("was called `{}`", was.name));
                    }
                    self.ty(&at, &was.ty, &field.ty);
                }
                None if field.optional => self.additive(&at, "is new, and its default stands for it"),
                None => {
                    let answer = format!(
                        "write `#[serde(default)]` on the field `{0}`, or `#[serde(alias = \"..\")]` with its old name",
                        field.name
                    );
                    self.breaking(&at, "is new, and has no default", answer);
                }
            }
        }
        for field in old {
            let is_read = |new: &Field| new.name == field.name || new.aliases.contains(&field.name);
            if !new.iter().any(is_read) {
                self.additive(&within(at, &field.name), "is gone, and what was saved of it is left out");
            }
        }
    }

    fn variants(&mut self, at: &str, old: &'a [Variant], new: &'a [Variant]) {
        for variant in old {
            let at = within(at, &variant.name);
            let Some(is) = new.iter().find(|new| new.name == variant.name) else {
                let answer =
                    format!("write `#[serde(alias = \"{}\")]` on the variant that stands for it", variant.name);
                self.breaking(&at, "is gone, and may have been saved", answer);
                continue;
            };
            match (&variant.content, &is.content) {
                (Content::Unit, Content::Unit) => {}
                (Content::Type(old), Content::Type(new)) => self.ty(&at, old, new),
                (Content::Fields(old), Content::Fields(new)) => self.fields(&at, old, new),
                (Content::Fields(old), Content::Type(Type::Named(new))) => match self.both.new.get(new) {
                    Some(Definition::Struct(new)) => self.fields(&at, old, new),
                    _ => self.breaking(&at, "holds something else", "give the variant another name"),
                },
                (Content::Type(Type::Named(old)), Content::Fields(new)) => match self.both.old.get(old) {
                    Some(Definition::Struct(old)) => self.fields(&at, old, new),
                    _ => self.breaking(&at, "holds something else", "give the variant another name"),
                },
                _ => self.breaking(&at, "holds something else", "give the variant another name"),
            }
        }
    }
}

/// `dates.first`
fn within(at: &str, name: &str) -> String {
    if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") }
}

/// Whether a value of it may be written as `null`.
fn may_be_null(ty: &Type) -> bool {
    matches!(ty, Type::Any | Type::Optional(_) | Type::Plain(Plain::Unit))
}

/// Whether it has a sign, and how many bits.
fn integer(plain: Plain) -> Option<(bool, u32)> {
    Some(match plain {
        Plain::U8 => (false, 8),
        Plain::U16 => (false, 16),
        Plain::U32 => (false, 32),
        Plain::U64 => (false, 64),
        Plain::U128 => (false, 128),
        Plain::I8 => (true, 8),
        Plain::I16 => (true, 16),
        Plain::I32 => (true, 32),
        Plain::I64 => (true, 64),
        Plain::I128 => (true, 128),
        _ => return None,
    })
}
