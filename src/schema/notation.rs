//! The notation of `flows.lock`: types as text, definitions as JSON.
//!
//! A type is written in Rust's syntax: `Option<Dates>`. A struct is a map from its fields to their types. An enum is a
//! list of its variants: a name for a unit variant, otherwise a map from the name to the content, which is a type or a map
//! of fields.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::schema::types::{Content, Definition, Field, Primitive, Type, Variant};

const PRIMITIVES: [(&str, Primitive); 17] = [
    ("()", Primitive::Unit),
    ("bool", Primitive::Bool),
    ("char", Primitive::Char),
    ("String", Primitive::Text),
    ("Bytes", Primitive::Bytes),
    ("u8", Primitive::U8),
    ("u16", Primitive::U16),
    ("u32", Primitive::U32),
    ("u64", Primitive::U64),
    ("u128", Primitive::U128),
    ("i8", Primitive::I8),
    ("i16", Primitive::I16),
    ("i32", Primitive::I32),
    ("i64", Primitive::I64),
    ("i128", Primitive::I128),
    ("f32", Primitive::F32),
    ("f64", Primitive::F64),
];

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("_"),
            Self::Primitive(primitive) => {
                let name = PRIMITIVES.iter().find(|(_, known)| known == primitive);
                f.write_str(name.expect("BUG: every primitive type has a name").0)
            }
            Self::Optional(inner) => write!(f, "Option<{inner}>"),
            Self::List(inner) => write!(f, "Vec<{inner}>"),
            Self::Map(key, value) => write!(f, "Map<{key}, {value}>"),
            Self::Tuple(parts) => {
                f.write_str("(")?;
                for (index, part) in parts.iter().enumerate() {
                    let comma = if index > 0 { ", " } else { "" };
                    write!(f, "{comma}{part}")?;
                }
                f.write_str(if parts.len() == 1 { ",)" } else { ")" })
            }
            Self::Named(name) => f.write_str(name),
        }
    }
}

/// A text that is not a type in this notation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a type")]
pub struct InvalidType(String);

/// The nesting limit of a type in a file.
const MAX_DEPTH: usize = 64;

impl FromStr for Type {
    type Err = InvalidType;

    fn from_str(text: &str) -> Result<Self, InvalidType> {
        let mut parser = Parser { rest: text };
        let ty = parser.ty(MAX_DEPTH).filter(|_| parser.rest.trim().is_empty());
        ty.ok_or_else(|| InvalidType(text.to_owned()))
    }
}

struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    fn take(&mut self, token: &str) -> Option<()> {
        self.rest = self.rest.trim_start().strip_prefix(token)?;
        Some(())
    }

    fn ty(&mut self, depth: usize) -> Option<Type> {
        let depth = depth.checked_sub(1)?;
        if self.take("(").is_some() {
            return self.tuple(depth);
        }
        self.rest = self.rest.trim_start();
        let end = self.rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest;
        let ty = match name {
            "" => return None,
            "_" => Type::Any,
            "Option" => Type::Optional(self.inner(depth)?),
            "Vec" => Type::List(self.inner(depth)?),
            "Map" => {
                self.take("<")?;
                let key = self.ty(depth)?;
                self.take(",")?;
                let value = self.ty(depth)?;
                self.take(">")?;
                Type::Map(Box::new(key), Box::new(value))
            }
            _ => match PRIMITIVES.iter().find(|(known, _)| *known == name) {
                Some((_, primitive)) => Type::Primitive(*primitive),
                None => Type::Named(name.to_owned()),
            },
        };
        Some(ty)
    }

    fn inner(&mut self, depth: usize) -> Option<Box<Type>> {
        self.take("<")?;
        let inner = self.ty(depth)?;
        self.take(">")?;
        Some(Box::new(inner))
    }

    fn tuple(&mut self, depth: usize) -> Option<Type> {
        let mut parts = Vec::new();
        while self.take(")").is_none() {
            parts.push(self.ty(depth)?);
            if self.take(",").is_none() {
                self.take(")")?;
                break;
            }
        }
        Some(if parts.is_empty() { Type::Primitive(Primitive::Unit) } else { Type::Tuple(parts) })
    }
}

impl Serialize for Type {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Type {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// Fields as a map from their names to their types, in order. Aliases and defaults are not written: they belong to the
/// code that reads, not to the saved data.
pub(super) mod fields {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::json::ordered_map::OrderedMap;
    use crate::schema::types::{Field, Type};

    pub(in crate::schema) fn serialize<S: Serializer>(fields: &[Field], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(fields.iter().map(|field| (&field.name, &field.ty)))
    }

    pub(in crate::schema) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Field>, D::Error> {
        let OrderedMap(entries) = OrderedMap::<String, Type>::deserialize(deserializer)?;
        let field = |(name, ty)| Field { name, aliases: Vec::new(), ty, optional: false };
        Ok(entries.into_iter().map(field).collect())
    }
}

#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct FieldMap(#[serde(with = "fields")] Vec<Field>);

impl Serialize for Definition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Struct(fields) => fields::serialize(fields, serializer),
            Self::Enum(variants) => {
                let mut list = serializer.serialize_seq(Some(variants.len()))?;
                variants.iter().try_for_each(|variant| list.serialize_element(variant))?;
                list.end()
            }
        }
    }
}

impl Serialize for Variant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let content: &dyn erased_serde::Serialize = match &self.content {
            Content::Unit => return serializer.serialize_str(&self.name),
            Content::Type(ty) => ty,
            Content::Fields(fields) => &FieldMap(fields.clone()),
        };
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(&self.name, content)?;
        map.end()
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum DefinitionWire {
    Enum(Vec<VariantWire>),
    Struct(FieldMap),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum VariantWire {
    Unit(String),
    Content(std::collections::BTreeMap<String, ContentWire>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum ContentWire {
    Type(Type),
    Fields(FieldMap),
}

impl<'de> Deserialize<'de> for Definition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let variant = |wire| match wire {
            VariantWire::Unit(name) => Ok(Variant { name, content: Content::Unit }),
            VariantWire::Content(map) => {
                let mut all = map.into_iter();
                let (Some((name, content)), None) = (all.next(), all.next()) else {
                    return Err(D::Error::custom("a variant has exactly one name"));
                };
                let content = match content {
                    ContentWire::Type(ty) => Content::Type(ty),
                    ContentWire::Fields(FieldMap(fields)) => Content::Fields(fields),
                };
                Ok(Variant { name, content })
            }
        };
        Ok(match DefinitionWire::deserialize(deserializer)? {
            DefinitionWire::Struct(FieldMap(fields)) => Self::Struct(fields),
            DefinitionWire::Enum(variants) => Self::Enum(variants.into_iter().map(variant).collect::<Result<_, _>>()?),
        })
    }
}
