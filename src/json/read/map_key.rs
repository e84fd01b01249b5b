//! Deserializes the keys of a map, and the names of enum variants.
//!
//! Takes the text of a JSON string. Gives a visitor what serde_json would give it for a map key, or, if the text begins
//! with the marker, the value of the JSON behind it.

use std::borrow::Cow;

use serde::de::value::CowStrDeserializer;
use serde::de::{self, Deserializer, Error as _, Unexpected, Visitor};
use serde_json::Error;
use serde_json::value::RawValue;

use crate::json::marker::{KEY, MARKER};
use crate::json::read::reader::{Reader, expected, visit_f32, visit_i128, visit_number, visit_u128};

/// A map key, without its quotes.
pub(super) struct MapKey<'t> {
    pub(super) key: Cow<'t, str>,
    pub(super) depth_left: usize,
}

impl MapKey<'_> {
    /// Calls `marked` with the JSON behind the marker if there is one, else `plain`.
    fn read<T>(
        self,
        marked: impl FnOnce(&mut Reader<'_>) -> Result<T, Error>,
        plain: impl FnOnce(Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        if !self.key.starts_with(MARKER) {
            return plain(self);
        }
        let json =
            self.key.strip_prefix(KEY).ok_or_else(|| Error::custom("a marker stands where a key is expected"))?;
        // So far the key was only known to be a string, so its content is validated here.
        let text: &RawValue = serde_json::from_str(json)?;
        let depth_left = self.depth_left.checked_sub(1).ok_or_else(|| Error::custom("it is nested too deep"))?;
        let mut reader = Reader { rest: text.get(), depth_left };
        let value = marked(&mut reader)?;
        reader.end()?;
        Ok(value)
    }

    fn number(&self) -> Result<&str, Error> {
        let looks = self.key.starts_with(|first: char| first == '-' || first.is_ascii_digit());
        // The standard library also parses `007`, which would be read back as a different key.
        let is_number = looks && serde_json::from_str::<de::IgnoredAny>(&self.key).is_ok();
        if is_number { Ok(&self.key) } else { Err(expected("a number")) }
    }
}

/// Each method: decodes a marked key with a [`Reader`]; otherwise does what serde_json does.
macro_rules! keys {
    ($($method:ident($($arg:ident: $ty:ty),*) |$key:ident, $visitor:ident| $plain:expr;)*) => {$(
        fn $method<V: Visitor<'de>>(self, $($arg: $ty,)* $visitor: V) -> Result<V::Value, Error> {
            // Only one of the two closures is called.
            let visitor = std::cell::Cell::new(Some($visitor));
            let take = || visitor.take().expect("BUG: a visitor visits once");
            self.read(|reader| reader.$method($($arg,)* take()), |$key| {
                let $visitor = take();
                $plain
            })
        }
    )*};
}

impl<'de> Deserializer<'de> for MapKey<'_> {
    type Error = Error;

    keys! {
        deserialize_any() |key, visitor| visitor.visit_str(&key.key);
        deserialize_bool() |key, visitor| match &*key.key {
            "true" => visitor.visit_bool(true),
            "false" => visitor.visit_bool(false),
            other => Err(Error::invalid_type(Unexpected::Str(other), &visitor)),
        };
        deserialize_i8() |key, visitor| visit_number(key.number()?, visitor);
        deserialize_i16() |key, visitor| visit_number(key.number()?, visitor);
        deserialize_i32() |key, visitor| visit_number(key.number()?, visitor);
        deserialize_i64() |key, visitor| visit_number(key.number()?, visitor);
        deserialize_i128() |key, visitor| visit_i128(key.number()?, visitor);
        deserialize_u8() |key, visitor| visit_number(key.number()?, visitor);
        deserialize_u16() |key, visitor| visit_number(key.number()?, visitor);
        deserialize_u32() |key, visitor| visit_number(key.number()?, visitor);
        deserialize_u64() |key, visitor| visit_number(key.number()?, visitor);
        deserialize_u128() |key, visitor| visit_u128(key.number()?, visitor);
        deserialize_f32() |key, visitor| visit_f32(key.number()?, visitor);
        deserialize_f64() |key, visitor| visit_number(key.number()?, visitor);
        deserialize_char() |key, visitor| visitor.visit_str(&key.key);
        deserialize_str() |key, visitor| visitor.visit_str(&key.key);
        deserialize_string() |key, visitor| visitor.visit_str(&key.key);
        deserialize_bytes() |key, visitor| visitor.visit_bytes(key.key.as_bytes());
        deserialize_byte_buf() |key, visitor| visitor.visit_bytes(key.key.as_bytes());
        deserialize_option() |key, visitor| visitor.visit_some(key);
        deserialize_unit() |key, visitor| visitor.visit_str(&key.key);
        deserialize_unit_struct(name: &'static str) |key, visitor| visitor.visit_str(&key.key);
        deserialize_newtype_struct(name: &'static str) |key, visitor| visitor.visit_newtype_struct(key);
        deserialize_seq() |key, visitor| visitor.visit_str(&key.key);
        deserialize_tuple(len: usize) |key, visitor| visitor.visit_str(&key.key);
        deserialize_tuple_struct(name: &'static str, len: usize) |key, visitor| visitor.visit_str(&key.key);
        deserialize_map() |key, visitor| visitor.visit_str(&key.key);
        deserialize_struct(name: &'static str, fields: &'static [&'static str]) |key, visitor| {
            visitor.visit_str(&key.key)
        };
        deserialize_enum(name: &'static str, variants: &'static [&'static str]) |key, visitor| {
            visitor.visit_enum(CowStrDeserializer::new(key.key))
        };
        deserialize_identifier() |key, visitor| visitor.visit_str(&key.key);
        deserialize_ignored_any() |key, visitor| visitor.visit_str(&key.key);
    }
}
