//! Deserializes a value from JSON.
//!
//! Takes the text of one value, already validated as JSON, and a seed. Gives the value. A text without a marker is read
//! by serde_json; a text with one is read by a [`Reader`], which can look at the next token before it commits. It calls a
//! visitor as serde_json does, and decodes marked objects and keys: `{"$stube:some":null}` is a `Some` for
//! `deserialize_option` and for `deserialize_any`. Never panics on malformed text, and never passes a marker to the
//! author's type as a key.

mod map_key;
mod reader;

use serde::de::value::{CowStrDeserializer, MapDeserializer};
use serde::de::{self, DeserializeSeed, Deserializer, Visitor};
use serde_json::Error;
use serde_json::value::RawValue;

use crate::json::marker::{FLOAT, MARKER, RAW_VALUE, SOME};

use map_key::MapKey;
use reader::{Reader, expected, visit_f32, visit_i128, visit_number, visit_u128};

/// The nesting limit, the same as serde_json's.
const MAX_DEPTH: usize = 127;

/// Reads a value from its JSON. The value may borrow from a text without a marker.
pub(crate) fn read<'de, T: DeserializeSeed<'de>>(seed: T, text: &'de RawValue) -> Result<T::Value, Error> {
    if text.get().contains(&format!("\"{MARKER}")) {
        return read_owned(seed, text);
    }
    let mut plain = serde_json::Deserializer::from_str(text.get());
    let value = seed.deserialize(&mut plain)?;
    plain.end()?;
    Ok(value)
}

/// Reads a value that borrows nothing from its JSON.
pub(crate) fn read_owned<'de, T: DeserializeSeed<'de>>(seed: T, text: &RawValue) -> Result<T::Value, Error> {
    let mut reader = Reader { rest: text.get(), depth_left: MAX_DEPTH };
    let value = seed.deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

impl Reader<'_> {
    fn list<'de, V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Error> {
        self.delimited("[", "]", |reader| visitor.visit_seq(Elements { reader, first: true }))
    }

    fn object<'de, V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Error> {
        self.delimited("{", "}", |reader| visitor.visit_map(Elements { reader, first: true }))
    }
}

/// The methods for all number types.
macro_rules! numbers {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            visit_number(self.number()?, visitor)
        }
    )*};
}

/// Strings are never borrowed from the text, because a decoded conversation owns its values.
impl<'de> Deserializer<'de> for &mut Reader<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.peek() {
            b'"' => self.deserialize_str(visitor),
            b'[' => self.list(visitor),
            b'{' if self.at_marked_object(SOME) => self.marked(SOME, |reader| visitor.visit_some(reader)),
            b'{' if self.at_marked_object(FLOAT) => visitor.visit_f64(self.marked_float()?),
            b'{' => self.object(visitor),
            b'n' => self.deserialize_unit(visitor),
            b't' | b'f' => self.deserialize_bool(visitor),
            _ => visit_number(self.number()?, visitor),
        }
    }

    numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
    }

    fn deserialize_i128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visit_i128(self.number()?, visitor)
    }

    fn deserialize_u128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visit_u128(self.number()?, visitor)
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.at_marked_object(FLOAT) {
            visitor.visit_f64(self.marked_float()?)
        } else {
            visit_f32(self.number()?, visitor)
        }
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.at_marked_object(FLOAT) {
            visitor.visit_f64(self.marked_float()?)
        } else {
            visit_number(self.number()?, visitor)
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.literal() {
            "true" => visitor.visit_bool(true),
            "false" => visitor.visit_bool(false),
            _ => Err(expected("true or false")),
        }
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_str(&self.string()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.peek() == b'[' { self.list(visitor) } else { visitor.visit_bytes(self.string()?.as_bytes()) }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.peek() == b'n' {
            self.take("null")?;
            return visitor.visit_none();
        }
        if self.at_marked_object(SOME) {
            self.marked(SOME, |reader| visitor.visit_some(reader))
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.take("null")?;
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Error> {
        if name != RAW_VALUE {
            return visitor.visit_newtype_struct(self);
        }
        visitor.visit_map(MapDeserializer::new(std::iter::once((RAW_VALUE, self.raw_value()?))))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.list(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.list(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.list(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.object(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        if self.peek() == b'[' { self.list(visitor) } else { self.object(visitor) }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        if self.peek() == b'"' {
            return visitor.visit_enum(CowStrDeserializer::new(self.string()?));
        }
        self.delimited("{", "}", |reader| visitor.visit_enum(reader))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.raw_value()?;
        visitor.visit_unit()
    }
}

/// The elements of a list or the entries of a map.
struct Elements<'r, 't> {
    reader: &'r mut Reader<'t>,
    first: bool,
}

impl Elements<'_, '_> {
    /// Whether another element follows. If so, moves the cursor to it.
    fn has_next(&mut self) -> Result<bool, Error> {
        if matches!(self.reader.peek(), b']' | b'}') {
            return Ok(false);
        }
        if !std::mem::replace(&mut self.first, false) {
            self.reader.take(",")?;
        }
        Ok(true)
    }
}

impl<'de> de::SeqAccess<'de> for Elements<'_, '_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        if self.has_next()? { seed.deserialize(&mut *self.reader).map(Some) } else { Ok(None) }
    }
}

impl<'de> de::MapAccess<'de> for Elements<'_, '_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        if !self.has_next()? {
            return Ok(None);
        }
        seed.deserialize(MapKey { key: self.reader.string()?, depth_left: self.reader.depth_left }).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        self.reader.take(":")?;
        seed.deserialize(&mut *self.reader)
    }
}

/// A variant with content: `"Room":{..}`.
impl<'de> de::EnumAccess<'de> for &mut Reader<'_> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Error> {
        let variant = seed.deserialize(MapKey { key: self.string()?, depth_left: self.depth_left })?;
        self.take(":")?;
        Ok((variant, self))
    }
}

impl<'de> de::VariantAccess<'de> for &mut Reader<'_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        self.take("null")
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.list(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        self.deserialize_struct("", fields, visitor)
    }
}

#[cfg(test)]
mod tests {
    use std::marker::PhantomData;

    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 30, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn plain_json_is_read_as_serde_json_reads_it(value in json()) {
            for text in [serde_json::to_string(&value), serde_json::to_string_pretty(&value)] {
                let text = RawValue::from_string(text.expect("it is JSON")).expect("it is JSON");
                prop_assert_eq!(&read_owned(PhantomData::<Value>, &text).expect("it is read"), &value);
                let raw = read_owned(PhantomData::<Box<RawValue>>, &text).expect("it is read");
                prop_assert_eq!(raw.get(), text.get());
                prop_assert!(read_owned(PhantomData::<de::IgnoredAny>, &text).is_ok());
            }
        }

        /// Callers validate the text first; the reader does not rely on it.
        #[test]
        fn no_text_makes_the_reader_panic(text in "[\\[\\]{}:,\"\\\\a0.e$ -]{0,20}") {
            for mut reader in [Reader { rest: &text, depth_left: 3 }, Reader { rest: &text, depth_left: 0 }] {
                let _ = reader.raw_value();
                reader.rest = &text;
                let _: Result<Value, _> = serde::Deserialize::deserialize(&mut reader);
            }
        }
    }

    #[test]
    fn a_number_is_read_as_serde_json_reads_it() {
        for text in ["-0", "0", "18446744073709551615", "18446744073709551616", "-9223372036854775809", "1e2", "-0.0"] {
            let plain: Value = serde_json::from_str(text).expect("a number");
            let found: Value =
                serde::Deserialize::deserialize(&mut Reader { rest: text, depth_left: 1 }).expect("a number");
            assert_eq!(format!("{found:?}"), format!("{plain:?}"), "{text}");
        }
        for text in ["1e400", "-", "1.2.3"] {
            assert!(
                <Value as serde::Deserialize>::deserialize(&mut Reader { rest: text, depth_left: 1 }).is_err(),
                "{text}"
            );
        }
    }
}
