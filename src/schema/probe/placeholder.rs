//! Placeholder values for the places of a type beside the probed path.
//!
//! [`Placeholder`] is a deserializer that supplies a simple value of whatever is requested. A type may refuse one, for
//! example 0 for a `NonZeroU32`; the caller then runs again, and [`Choices`] selects the next value for that place.

use std::cell::{Cell, RefCell};

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor,
};

use crate::schema::probe::error::ProbeError;
use crate::schema::probe::request::MAX_DEPTH;

/// The chosen value for each place that requests a string or a number, in the order of the requests.
#[derive(Default)]
pub(super) struct Choices {
    chosen: RefCell<Vec<usize>>,
    asked: Cell<usize>,
    /// The first place whose value was refused.
    refused: Cell<Option<usize>>,
}

/// Strings that common types parse: a number, dates, an address. The first that the type accepts is used.
const PLACEHOLDER_TEXTS: [&str; 12] = [
    "",
    "a",
    "0",
    "1970-01-01",
    "1970-01-01T00:00:00Z",
    "1970-01-01T00:00:00",
    "00:00:00",
    "00000000-0000-0000-0000-000000000000",
    "http://localhost/",
    "127.0.0.1",
    "a@example.org",
    "1.0.0",
];

impl Choices {
    pub(super) fn restart(&self) {
        self.asked.set(0);
        self.refused.set(None);
    }

    /// The index of the requesting place, and its choice.
    fn current(&self) -> (usize, usize) {
        let place = self.asked.get();
        self.asked.set(place + 1);
        let mut chosen = self.chosen.borrow_mut();
        if chosen.len() == place {
            chosen.push(0);
        }
        (place, chosen[place])
    }

    /// Passes on the result for a place, and notes if the value was refused.
    fn note<T, E>(&self, place: usize, result: Result<T, E>) -> Result<T, E> {
        if result.is_err() && self.refused.get().is_none() {
            self.refused.set(Some(place));
        }
        result
    }

    /// Selects the next value for the place that refused; `false` if all have been tried, or none was refused.
    pub(super) fn advance(&mut self) -> bool {
        let Some(place) = self.refused.get() else { return false };
        let chosen = self.chosen.get_mut();
        chosen.truncate(place + 1);
        chosen[place] += 1;
        chosen[place] < PLACEHOLDER_TEXTS.len()
    }
}

/// A simple value of each type: `None`, an empty list, the first variant of an enum, the chosen number or string.
#[derive(Clone, Copy)]
pub(super) struct Placeholder<'p> {
    choices: &'p Choices,
    depth: usize,
}

impl<'p> Placeholder<'p> {
    pub(super) fn new(choices: &'p Choices) -> Self {
        Self { choices, depth: 0 }
    }
}

impl Placeholder<'_> {
    fn deeper(self) -> Result<Self, ProbeError> {
        if self.depth == MAX_DEPTH { Err(ProbeError::Stopped) } else { Ok(Self { depth: self.depth + 1, ..self }) }
    }
}

macro_rules! numbers {
    ($($method:ident $visit:ident $number:ty)*) => {$(
        fn $method<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, ProbeError> {
            let (place, choice) = self.choices.current();
            // 0 and 1 are enough: `NonZero` types refuse 0.
            self.choices.note(place, visitor.$visit(if choice % 2 == 0 { 0 as $number } else { 1 as $number }))
        }
    )*};
}

macro_rules! texts {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, ProbeError> {
            let (place, choice) = self.choices.current();
            self.choices.note(place, visitor.visit_borrowed_str(PLACEHOLDER_TEXTS[choice]))
        }
    )*};
}

impl<'p> Deserializer<'static> for Placeholder<'p> {
    type Error = ProbeError;

    numbers! {
        deserialize_u8 visit_u8 u8 deserialize_u16 visit_u16 u16 deserialize_u32 visit_u32 u32
        deserialize_u64 visit_u64 u64 deserialize_u128 visit_u128 u128 deserialize_i8 visit_i8 i8
        deserialize_i16 visit_i16 i16 deserialize_i32 visit_i32 i32 deserialize_i64 visit_i64 i64
        deserialize_i128 visit_i128 i128 deserialize_f32 visit_f32 f32 deserialize_f64 visit_f64 f64
    }

    texts! { deserialize_str deserialize_string deserialize_identifier }

    fn deserialize_any<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, ProbeError> {
        let (place, choice) = self.choices.current();
        let value = match choice {
            0 => visitor.visit_unit(),
            1 => visitor.visit_u64(0),
            2 => visitor.visit_bool(false),
            choice => visitor.visit_borrowed_str(PLACEHOLDER_TEXTS[choice - 3]),
        };
        self.choices.note(place, value)
    }

    fn deserialize_ignored_any<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, ProbeError> {
        visitor.visit_unit()
    }

    fn deserialize_bool<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, ProbeError> {
        visitor.visit_bool(false)
    }

    fn deserialize_char<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, ProbeError> {
        visitor.visit_char('a')
    }

    fn deserialize_bytes<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, ProbeError> {
        visitor.visit_borrowed_bytes(&[])
    }

    fn deserialize_byte_buf<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, ProbeError> {
        visitor.visit_borrowed_bytes(&[])
    }

    fn deserialize_unit<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, ProbeError> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'static>>(self, _: &'static str, visitor: V) -> Result<V::Value, ProbeError> {
        visitor.visit_unit()
    }

    fn deserialize_option<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, ProbeError> {
        visitor.visit_none()
    }

    fn deserialize_newtype_struct<V: Visitor<'static>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ProbeError> {
        visitor.visit_newtype_struct(self.deeper()?)
    }

    fn deserialize_seq<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, ProbeError> {
        visitor.visit_seq(Placeholders { left: 0, placeholder: self })
    }

    fn deserialize_tuple<V: Visitor<'static>>(self, len: usize, visitor: V) -> Result<V::Value, ProbeError> {
        visitor.visit_seq(Placeholders { left: len, placeholder: self.deeper()? })
    }

    fn deserialize_tuple_struct<V: Visitor<'static>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, ProbeError> {
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_map<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, ProbeError> {
        visitor.visit_map(PlaceholderFields::new(Vec::new(), self))
    }

    fn deserialize_struct<V: Visitor<'static>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ProbeError> {
        // As a list in the order of the fields, so that aliases do not matter.
        visitor.visit_seq(Placeholders { left: fields.len(), placeholder: self.deeper()? })
    }

    fn deserialize_enum<V: Visitor<'static>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ProbeError> {
        let variant = variants.first().ok_or(ProbeError::Stopped)?;
        visitor.visit_enum(FirstVariant { variant, placeholder: self.deeper()? })
    }
}

/// `left` placeholders.
struct Placeholders<'p> {
    left: usize,
    placeholder: Placeholder<'p>,
}

impl SeqAccess<'static> for Placeholders<'_> {
    type Error = ProbeError;

    fn next_element_seed<T: DeserializeSeed<'static>>(&mut self, seed: T) -> Result<Option<T::Value>, ProbeError> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        seed.deserialize(self.placeholder).map(Some)
    }
}

/// The first variant of an enum.
struct FirstVariant<'p> {
    variant: &'static str,
    placeholder: Placeholder<'p>,
}

impl<'p> EnumAccess<'static> for FirstVariant<'p> {
    type Error = ProbeError;
    type Variant = Placeholder<'p>;

    fn variant_seed<V: DeserializeSeed<'static>>(self, seed: V) -> Result<(V::Value, Placeholder<'p>), ProbeError> {
        Ok((seed.deserialize(field_name(self.variant))?, self.placeholder))
    }
}

impl VariantAccess<'static> for Placeholder<'_> {
    type Error = ProbeError;

    fn unit_variant(self) -> Result<(), ProbeError> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'static>>(self, seed: T) -> Result<T::Value, ProbeError> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'static>>(self, len: usize, visitor: V) -> Result<V::Value, ProbeError> {
        visitor.visit_seq(Placeholders { left: len, placeholder: self })
    }

    fn struct_variant<V: Visitor<'static>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ProbeError> {
        visitor.visit_seq(Placeholders { left: fields.len(), placeholder: self })
    }
}

pub(super) fn field_name(name: &'static str) -> StrDeserializer<'static, ProbeError> {
    name.into_deserializer()
}

/// A map with these fields and placeholders as values.
pub(super) struct PlaceholderFields<'p> {
    names: std::vec::IntoIter<&'static str>,
    placeholder: Placeholder<'p>,
}

impl<'p> PlaceholderFields<'p> {
    pub(super) fn new(names: Vec<&'static str>, placeholder: Placeholder<'p>) -> Self {
        Self { names: names.into_iter(), placeholder }
    }
}

impl MapAccess<'static> for PlaceholderFields<'_> {
    type Error = ProbeError;

    fn next_key_seed<K: DeserializeSeed<'static>>(&mut self, seed: K) -> Result<Option<K::Value>, ProbeError> {
        self.names.next().map(|key| seed.deserialize(field_name(key))).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'static>>(&mut self, seed: V) -> Result<V::Value, ProbeError> {
        seed.deserialize(self.placeholder)
    }
}
