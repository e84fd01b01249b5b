//! JSON to a value. What comes in is the text of one value, already known to be JSON, and who wants it; what goes out
//! is the value. A text without a mark is serde_json's business; for one with a mark there is a [`Reader`] that can
//! look at what comes next. It gives a visitor what serde_json would give, and of a marked form what was written:
//! `{"$stube:some":null}` is a `Some` for one that asks for an option, and for one that takes anything. Never panics on
//! text that only looks like ours, and never takes a mark for a key of the author's.

use std::borrow::Cow;

use serde::de::value::{CowStrDeserializer, MapDeserializer};
use serde::de::{self, DeserializeSeed, Deserializer, Error as _, Unexpected, Visitor};
use serde_json::Error;
use serde_json::value::RawValue;

use crate::json::{FLOAT, FLOATS, KEY, MARK, RAW, SOME};

/// As deep as serde_json goes.
const DEEPEST: usize = 127;

/// Reads a value from its text.
pub(crate) fn read<'de, T: DeserializeSeed<'de>>(seed: T, text: &'de RawValue) -> Result<T::Value, Error> {
    if text.get().contains(&format!("\"{MARK}")) {
        return read_owned(seed, text);
    }
    let mut plain = serde_json::Deserializer::from_str(text.get());
    let value = seed.deserialize(&mut plain)?;
    plain.end()?;
    Ok(value)
}

/// The same for a value that borrows nothing from its text, so that the text may go.
pub(crate) fn read_owned<'de, T: DeserializeSeed<'de>>(seed: T, text: &RawValue) -> Result<T::Value, Error> {
    let mut reader = Reader { rest: text.get(), room: DEEPEST };
    let value = seed.deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

/// Where in a text the next value begins.
struct Reader<'t> {
    rest: &'t str,
    /// How many levels may still be entered.
    room: usize,
}

impl<'t> Reader<'t> {
    /// The first byte of what comes next; 0 at the end.
    fn peek(&mut self) -> u8 {
        self.rest = self.rest.trim_start_matches([' ', '\n', '\r', '\t']);
        self.rest.bytes().next().unwrap_or(0)
    }

    fn take(&mut self, token: &str) -> Result<(), Error> {
        self.peek();
        self.rest = self.rest.strip_prefix(token).ok_or_else(|| not_json(token))?;
        Ok(())
    }

    fn end(&mut self) -> Result<(), Error> {
        if self.peek() == 0 { Ok(()) } else { Err(not_json("the end")) }
    }

    /// The text of a string, with its quotes.
    fn quoted(&mut self) -> Result<&'t str, Error> {
        if self.peek() != b'"' {
            return Err(not_json("a string"));
        }
        let mut escaped = false;
        let closes = |&(_, byte): &(usize, u8)| {
            let closes = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            closes
        };
        let (last, _) = self.rest.bytes().enumerate().skip(1).find(closes).ok_or_else(|| not_json("a quote"))?;
        Ok(self.split(last + 1))
    }

    fn string(&mut self) -> Result<Cow<'t, str>, Error> {
        let quoted = self.quoted()?;
        if quoted.contains('\\') {
            return serde_json::from_str(quoted).map(Cow::Owned);
        }
        Ok(Cow::Borrowed(&quoted[1..quoted.len() - 1]))
    }

    /// The text of a number, or `null`, `true`, `false`.
    fn word(&mut self) -> &'t str {
        self.peek();
        let end = self.rest.find([',', ']', '}', ' ', '\n', '\r', '\t']).unwrap_or(self.rest.len());
        self.split(end)
    }

    fn number(&mut self) -> Result<&'t str, Error> {
        match self.peek() {
            b'-' | b'0'..=b'9' => Ok(self.word()),
            _ => Err(not_json("a number")),
        }
    }

    /// The text of a whole value.
    fn whole(&mut self) -> Result<&'t str, Error> {
        self.peek();
        let from = self.rest;
        let mut open = 0_usize;
        loop {
            match self.peek() {
                b'"' => _ = self.quoted()?,
                b'{' | b'[' => {
                    open += 1;
                    self.split(1);
                }
                b'}' | b']' => {
                    open = open.checked_sub(1).ok_or_else(|| not_json("a value"))?;
                    self.split(1);
                }
                b',' | b':' if open > 0 => _ = self.split(1),
                0 | b',' | b':' => return Err(not_json("a value")),
                _ => _ = self.word(),
            }
            if open == 0 {
                return Ok(&from[..from.len() - self.rest.len()]);
            }
        }
    }

    fn split(&mut self, at: usize) -> &'t str {
        let (taken, rest) = self.rest.split_at(at);
        self.rest = rest;
        taken
    }

    /// Goes one level deeper to read something between two brackets.
    fn inside<T>(
        &mut self,
        open: &str,
        close: &str,
        read: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.take(open)?;
        self.room = self.room.checked_sub(1).ok_or_else(|| Error::custom("it is nested too deep"))?;
        let value = read(self)?;
        self.room += 1;
        self.take(close)?;
        Ok(value)
    }

    /// Whether an object comes next that has this key alone.
    fn at(&mut self, mark: &str) -> bool {
        self.peek();
        let key = self.rest.strip_prefix("{\"").and_then(|key| key.strip_prefix(mark));
        key.is_some_and(|rest| rest.starts_with("\":"))
    }

    fn marked<T>(&mut self, mark: &str, read: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        self.inside("{", "}", |reader| {
            let key = reader.string()?;
            debug_assert_eq!(key, mark);
            reader.take(":")?;
            read(reader)
        })
    }

    fn marked_float(&mut self) -> Result<f64, Error> {
        let name = self.marked(FLOAT, Self::string)?;
        let found = FLOATS.into_iter().find(|(known, _)| *known == name);
        found.map(|(_, float)| float).ok_or_else(|| not_json("a float"))
    }

    fn list<'de, V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Error> {
        self.inside("[", "]", |reader| visitor.visit_seq(Items { reader, first: true }))
    }

    fn object<'de, V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Error> {
        self.inside("{", "}", |reader| visitor.visit_map(Items { reader, first: true }))
    }
}

fn not_json(expected: &str) -> Error {
    Error::custom(format_args!("expected {expected}"))
}

/// Gives a visitor a number as serde_json does.
fn visit_number<'de, V: Visitor<'de>>(text: &str, visitor: V) -> Result<V::Value, Error> {
    if !text.contains(['.', 'e', 'E']) && text != "-0" {
        if let Ok(number) = text.parse::<u64>() {
            return visitor.visit_u64(number);
        }
        if let Ok(number) = text.parse::<i64>() {
            return visitor.visit_i64(number);
        }
    }
    visitor.visit_f64(finite(text.parse::<f64>().ok())?)
}

fn visit_f32<'de, V: Visitor<'de>>(text: &str, visitor: V) -> Result<V::Value, Error> {
    visitor.visit_f64(finite(text.parse::<f32>().ok().map(f64::from))?)
}

fn visit_i128<'de, V: Visitor<'de>>(text: &str, visitor: V) -> Result<V::Value, Error> {
    visitor.visit_i128(text.parse().map_err(|_| not_json("an integer"))?)
}

fn visit_u128<'de, V: Visitor<'de>>(text: &str, visitor: V) -> Result<V::Value, Error> {
    visitor.visit_u128(text.parse().map_err(|_| not_json("an integer"))?)
}

fn finite(float: Option<f64>) -> Result<f64, Error> {
    float.filter(|float| float.is_finite()).ok_or_else(|| not_json("a number that is not too large"))
}

/// The same for all types that are numbers.
macro_rules! numbers {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            visit_number(self.number()?, visitor)
        }
    )*};
}

/// The strings are never borrowed from the text: what a conversation keeps owns what it holds.
impl<'de> Deserializer<'de> for &mut Reader<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.peek() {
            b'"' => self.deserialize_str(visitor),
            b'[' => self.list(visitor),
            b'{' if self.at(SOME) => self.marked(SOME, |reader| visitor.visit_some(reader)),
            b'{' if self.at(FLOAT) => visitor.visit_f64(self.marked_float()?),
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
        if self.at(FLOAT) { visitor.visit_f64(self.marked_float()?) } else { visit_f32(self.number()?, visitor) }
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.at(FLOAT) { visitor.visit_f64(self.marked_float()?) } else { visit_number(self.number()?, visitor) }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.word() {
            "true" => visitor.visit_bool(true),
            "false" => visitor.visit_bool(false),
            _ => Err(not_json("true or false")),
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
        if self.at(SOME) { self.marked(SOME, |reader| visitor.visit_some(reader)) } else { visitor.visit_some(self) }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.take("null")?;
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Error> {
        if name != RAW {
            return visitor.visit_newtype_struct(self);
        }
        visitor.visit_map(MapDeserializer::new(std::iter::once((RAW, self.whole()?))))
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
        self.inside("{", "}", |reader| visitor.visit_enum(reader))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.whole()?;
        visitor.visit_unit()
    }
}

/// What is between the brackets of a list or a map.
struct Items<'r, 't> {
    reader: &'r mut Reader<'t>,
    first: bool,
}

impl Items<'_, '_> {
    /// Whether one more follows; after that, it comes next.
    fn more(&mut self) -> Result<bool, Error> {
        if matches!(self.reader.peek(), b']' | b'}') {
            return Ok(false);
        }
        if !std::mem::replace(&mut self.first, false) {
            self.reader.take(",")?;
        }
        Ok(true)
    }
}

impl<'de> de::SeqAccess<'de> for Items<'_, '_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        if self.more()? { seed.deserialize(&mut *self.reader).map(Some) } else { Ok(None) }
    }
}

impl<'de> de::MapAccess<'de> for Items<'_, '_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        if !self.more()? {
            return Ok(None);
        }
        seed.deserialize(Key { key: self.reader.string()?, room: self.reader.room }).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        self.reader.take(":")?;
        seed.deserialize(&mut *self.reader)
    }
}

/// A variant with something in it: `"Room":{..}`.
impl<'de> de::EnumAccess<'de> for &mut Reader<'_> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Error> {
        let variant = seed.deserialize(Key { key: self.string()?, room: self.room })?;
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

/// A key, without its quotes.
struct Key<'t> {
    key: Cow<'t, str>,
    room: usize,
}

impl Key<'_> {
    /// Reads the JSON behind the mark, if there is one.
    fn read<T>(
        self,
        marked: impl FnOnce(&mut Reader<'_>) -> Result<T, Error>,
        plain: impl FnOnce(Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        if !self.key.starts_with(MARK) {
            return plain(self);
        }
        let json = self.key.strip_prefix(KEY).ok_or_else(|| Error::custom("a mark stands where a key is expected"))?;
        // It was a string until now, so nobody has looked whether it is JSON.
        let text: &RawValue = serde_json::from_str(json)?;
        let room = self.room.checked_sub(1).ok_or_else(|| Error::custom("it is nested too deep"))?;
        let mut reader = Reader { rest: text.get(), room };
        let value = marked(&mut reader)?;
        reader.end()?;
        Ok(value)
    }

    fn number(&self) -> Result<&str, Error> {
        let looks = self.key.starts_with(|first: char| first == '-' || first.is_ascii_digit());
        // The standard library would also take `007`, and then it would be another key.
        let is_number = looks && serde_json::from_str::<de::IgnoredAny>(&self.key).is_ok();
        if is_number { Ok(&self.key) } else { Err(not_json("a number")) }
    }
}

/// The way of each method: to the reader of what is marked, or else what serde_json does.
macro_rules! keys {
    ($($method:ident($($arg:ident: $ty:ty),*) |$key:ident, $visitor:ident| $plain:expr;)*) => {$(
        fn $method<V: Visitor<'de>>(self, $($arg: $ty,)* $visitor: V) -> Result<V::Value, Error> {
            // Only one of the two is called.
            let visitor = std::cell::Cell::new(Some($visitor));
            let take = || visitor.take().expect("BUG: a visitor visits once");
            self.read(|reader| reader.$method($($arg,)* take()), |$key| {
                let $visitor = take();
                $plain
            })
        }
    )*};
}

impl<'de> Deserializer<'de> for Key<'_> {
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

        /// It has been looked at before, but nobody promises that here.
        #[test]
        fn no_text_makes_the_reader_panic(text in "[\\[\\]{}:,\"\\\\a0.e$ -]{0,20}") {
            for mut reader in [Reader { rest: &text, room: 3 }, Reader { rest: &text, room: 0 }] {
                let _ = reader.whole();
                reader.rest = &text;
                let _: Result<Value, _> = serde::Deserialize::deserialize(&mut reader);
            }
        }
    }

    #[test]
    fn a_number_is_read_as_serde_json_reads_it() {
        for text in ["-0", "0", "18446744073709551615", "18446744073709551616", "-9223372036854775809", "1e2", "-0.0"] {
            let plain: Value = serde_json::from_str(text).expect("a number");
            let found: Value = serde::Deserialize::deserialize(&mut Reader { rest: text, room: 1 }).expect("a number");
            assert_eq!(format!("{found:?}"), format!("{plain:?}"), "{text}");
        }
        for text in ["1e400", "-", "1.2.3"] {
            assert!(<Value as serde::Deserialize>::deserialize(&mut Reader { rest: text, room: 1 }).is_err(), "{text}");
        }
    }
}
