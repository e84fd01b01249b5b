//! The deserializer that examines one place of a type: see [`probe`](crate::schema::probe).
//!
//! Takes a path and a type's visitors. Writes a [`Request`] into the cell that the caller supplies; deserializing itself
//! ends with an error.

use std::cell::RefCell;

use serde::de::{DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};

use crate::schema::probe::error::ProbeError;
use crate::schema::probe::placeholder::{Choices, Placeholder, PlaceholderFields, field_name};
use crate::schema::probe::request::{PathStep, Request};
use crate::schema::types::Primitive;

#[derive(Clone, Copy)]
pub(super) struct Probe<'p> {
    pub(super) path: &'p [PathStep],
    pub(super) found: &'p RefCell<Option<Request>>,
    pub(super) choices: &'p Choices,
}

impl<'p> Probe<'p> {
    /// Takes the first step of the path. At its end, records the request and fails.
    fn step(self, request: Request) -> Result<(PathStep, Self), ProbeError> {
        match self.path.split_first() {
            Some((step, path)) => Ok((step.clone(), Self { path, ..self })),
            None => self.record(request),
        }
    }

    fn record<T>(self, request: Request) -> Result<T, ProbeError> {
        self.found.replace(Some(request));
        Err(ProbeError::Stopped)
    }

    fn placeholder(self) -> Placeholder<'p> {
        Placeholder::new(self.choices)
    }

    /// The fields of a struct or of a variant.
    fn fields<V: Visitor<'static>>(self, request: Request, visitor: V) -> Result<V::Value, ProbeError> {
        let (step, rest) = self.step(request)?;
        match step {
            PathStep::Field(name) => visitor.visit_map(SingleField { key: Some(name), value: rest }),
            PathStep::Without(missing, names) => {
                let given = names.iter().filter(|name| **name != missing).copied().collect();
                match visitor.visit_map(PlaceholderFields::new(given, self.placeholder())) {
                    Ok(_) => self.record(Request::Optional(true)),
                    Err(ProbeError::MissingField(field)) if field == missing => self.record(Request::Optional(false)),
                    Err(stop) => Err(stop),
                }
            }
            PathStep::Both(one, other) => {
                match visitor.visit_map(PlaceholderFields::new(vec![one, other], self.placeholder())) {
                    Err(ProbeError::DuplicateField(field)) => self.record(Request::OneField(field)),
                    Err(ProbeError::MissingField(_)) | Ok(_) => self.record(Request::TwoFields),
                    Err(stop) => Err(stop),
                }
            }
            _ => Err(ProbeError::Stopped),
        }
    }

    fn tuple<V: Visitor<'static>>(self, len: usize, visitor: V) -> Result<V::Value, ProbeError> {
        match self.step(Request::Tuple(len))? {
            (PathStep::Element(index), rest) => {
                visitor.visit_seq(Elements { before: index, element: Some(rest), placeholder: self.placeholder() })
            }
            _ => Err(ProbeError::Stopped),
        }
    }
}

macro_rules! primitive {
    ($($method:ident $primitive:ident)*) => {$(
        fn $method<V: Visitor<'static>>(self, _: V) -> Result<V::Value, ProbeError> {
            self.step(Request::Primitive(Primitive::$primitive)).and(Err(ProbeError::Stopped))
        }
    )*};
}

impl<'p> Deserializer<'static> for Probe<'p> {
    type Error = ProbeError;

    primitive! {
        deserialize_bool Bool deserialize_char Char deserialize_str Text deserialize_string Text
        deserialize_identifier Text deserialize_bytes Bytes deserialize_byte_buf Bytes deserialize_unit Unit
        deserialize_u8 U8 deserialize_u16 U16 deserialize_u32 U32 deserialize_u64 U64 deserialize_u128 U128
        deserialize_i8 I8 deserialize_i16 I16 deserialize_i32 I32 deserialize_i64 I64 deserialize_i128 I128
        deserialize_f32 F32 deserialize_f64 F64
    }

    fn deserialize_any<V: Visitor<'static>>(self, _: V) -> Result<V::Value, ProbeError> {
        self.step(Request::Any).and(Err(ProbeError::Stopped))
    }

    fn deserialize_ignored_any<V: Visitor<'static>>(self, _: V) -> Result<V::Value, ProbeError> {
        self.step(Request::Any).and(Err(ProbeError::Stopped))
    }

    fn deserialize_unit_struct<V: Visitor<'static>>(self, _: &'static str, _: V) -> Result<V::Value, ProbeError> {
        self.step(Request::Primitive(Primitive::Unit)).and(Err(ProbeError::Stopped))
    }

    fn deserialize_option<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, ProbeError> {
        let (_, rest) = self.step(Request::Nullable)?;
        visitor.visit_some(rest)
    }

    fn deserialize_newtype_struct<V: Visitor<'static>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ProbeError> {
        // serde_json's private types, such as `RawValue`: their content is arbitrary JSON.
        if name.starts_with('$') {
            return self.step(Request::Any).and(Err(ProbeError::Stopped));
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, ProbeError> {
        let (_, rest) = self.step(Request::List)?;
        visitor.visit_seq(Elements { before: 0, element: Some(rest), placeholder: self.placeholder() })
    }

    fn deserialize_tuple<V: Visitor<'static>>(self, len: usize, visitor: V) -> Result<V::Value, ProbeError> {
        self.tuple(len, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'static>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, ProbeError> {
        self.tuple(len, visitor)
    }

    fn deserialize_map<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, ProbeError> {
        let (step, rest) = self.step(Request::Map)?;
        visitor.visit_map(MapEntry {
            probe: Some(rest),
            is_key: matches!(step, PathStep::Key),
            placeholder: self.placeholder(),
        })
    }

    fn deserialize_struct<V: Visitor<'static>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ProbeError> {
        if name.starts_with('$') {
            return self.step(Request::Any).and(Err(ProbeError::Stopped));
        }
        self.fields(Request::Struct(name, fields), visitor)
    }

    fn deserialize_enum<V: Visitor<'static>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ProbeError> {
        match self.step(Request::Enum(name, variants))? {
            (PathStep::Variant(variant), rest) => visitor.visit_enum(ChosenVariant { variant, probe: rest }),
            _ => Err(ProbeError::Stopped),
        }
    }
}

/// A map with one field.
struct SingleField<'p> {
    key: Option<&'static str>,
    value: Probe<'p>,
}

impl MapAccess<'static> for SingleField<'_> {
    type Error = ProbeError;

    fn next_key_seed<K: DeserializeSeed<'static>>(&mut self, seed: K) -> Result<Option<K::Value>, ProbeError> {
        let Some(key) = self.key.take() else { return Ok(None) };
        seed.deserialize(field_name(key)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'static>>(&mut self, seed: V) -> Result<V::Value, ProbeError> {
        seed.deserialize(self.value)
    }
}

/// The elements of a tuple or a list, up to the one on the path. Those before it are placeholders.
struct Elements<'p> {
    before: usize,
    element: Option<Probe<'p>>,
    placeholder: Placeholder<'p>,
}

impl SeqAccess<'static> for Elements<'_> {
    type Error = ProbeError;

    fn next_element_seed<T: DeserializeSeed<'static>>(&mut self, seed: T) -> Result<Option<T::Value>, ProbeError> {
        if let Some(before) = self.before.checked_sub(1) {
            self.before = before;
            return seed.deserialize(self.placeholder).map(Some);
        }
        self.element.take().map(|element| seed.deserialize(element)).transpose()
    }
}

/// A map with one entry. The path leads to its key or to its value.
struct MapEntry<'p> {
    probe: Option<Probe<'p>>,
    is_key: bool,
    placeholder: Placeholder<'p>,
}

impl MapAccess<'static> for MapEntry<'_> {
    type Error = ProbeError;

    fn next_key_seed<K: DeserializeSeed<'static>>(&mut self, seed: K) -> Result<Option<K::Value>, ProbeError> {
        match self.probe {
            Some(probe) if self.is_key => seed.deserialize(probe).map(Some),
            Some(_) => seed.deserialize(self.placeholder).map(Some),
            None => Ok(None),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'static>>(&mut self, seed: V) -> Result<V::Value, ProbeError> {
        seed.deserialize(self.probe.take().ok_or(ProbeError::Stopped)?)
    }
}

/// The variant on the path.
struct ChosenVariant<'p> {
    variant: &'static str,
    probe: Probe<'p>,
}

impl<'p> EnumAccess<'static> for ChosenVariant<'p> {
    type Error = ProbeError;
    type Variant = Probe<'p>;

    fn variant_seed<V: DeserializeSeed<'static>>(self, seed: V) -> Result<(V::Value, Probe<'p>), ProbeError> {
        Ok((seed.deserialize(field_name(self.variant))?, self.probe))
    }
}

/// The content of the variant on the path.
impl VariantAccess<'static> for Probe<'_> {
    type Error = ProbeError;

    fn unit_variant(self) -> Result<(), ProbeError> {
        self.step(Request::UnitVariant).and(Err(ProbeError::Stopped))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'static>>(self, seed: T) -> Result<T::Value, ProbeError> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'static>>(self, len: usize, visitor: V) -> Result<V::Value, ProbeError> {
        self.tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'static>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ProbeError> {
        self.fields(Request::Fields(fields), visitor)
    }
}
