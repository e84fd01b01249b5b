//! A value to JSON. What comes in is a value and serde_json's serializer; what goes out is what that one writes, with
//! the marked forms in it, and the [`TypeFingerprint`]. Never looks at JSON text, and never decides by a type's name.
//!
//! `Some` writes nothing by itself, so a writer only counts how many of them stand around a value. If that turns out
//! to be `null`, they are written: `Some(Some(()))` arrives as two and a unit, and leaves as
//! `{"$stube:some":{"$stube:some":null}}`.

use std::cell::Cell;

use serde::ser::{self, Error, Impossible, SerializeMap};
use serde::{Serialize, Serializer};

use crate::json::{FLOAT, FLOATS, KEY, MARK, RAW, RESERVED, SOME};

/// Writes a value, and adds what serde was told to `told`.
pub(crate) fn write<T, S>(value: &T, serializer: S, told: &TypeFingerprint) -> Result<S::Ok, S::Error>
where
    T: ?Sized + Serialize,
    S: Serializer,
{
    value.serialize(Writer { inner: serializer, told, somes: 0 })
}

/// What serde was told about a value beyond its JSON: `5_u8` and `5_u64`, `'a'` and `"a"`, `Metres(1.0)` and
/// `Feet(1.0)` are one text each and told differently. What is told differently is of different values; the order
/// of a list or a map makes no difference, because that of a hash map is another one each time.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct TypeFingerprint(Cell<u64>);

impl TypeFingerprint {
    fn add(&self, kind: Kind) {
        self.mix(kind as u64 + 1);
    }

    fn named(&self, kind: Kind, name: &str) {
        self.add(kind);
        for chunk in name.as_bytes().chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.mix(u64::from_le_bytes(word));
        }
    }

    fn mix(&self, word: u64) {
        // Odd, with bits all over: the multiplier of FxHash.
        let mixed = (self.0.get().rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
        self.0.set(mixed);
    }

    /// Adds what `element` adds so that the order of such elements makes no difference.
    fn element<T>(&self, element: impl FnOnce() -> T) -> T {
        let around = self.0.replace(0);
        let result = element();
        self.0.set(around.wrapping_add(self.0.get().rotate_left(32)));
        result
    }
}

/// What serde's data model tells apart.
#[derive(Clone, Copy)]
enum Kind {
    Bool,
    I8,
    I16,
    I32,
    I64,
    I128,
    U8,
    U16,
    U32,
    U64,
    U128,
    F32,
    F64,
    Char,
    Str,
    Bytes,
    None,
    Some,
    Unit,
    UnitStruct,
    UnitVariant,
    NewtypeStruct,
    NewtypeVariant,
    Seq,
    Tuple,
    TupleStruct,
    TupleVariant,
    Map,
    Struct,
    StructVariant,
}

/// A serializer that marks what the one inside has no form for.
struct Writer<'s, S> {
    inner: S,
    told: &'s TypeFingerprint,
    /// How many `Some` stand around the value, with nothing but newtype structs between.
    somes: usize,
}

impl<'s, S: Serializer> Writer<'s, S> {
    /// What the serializer inside writes as `null`.
    fn null(self) -> Result<S::Ok, S::Error> {
        Null { somes: self.somes }.serialize(self.inner)
    }

    /// A float which is not a number, or not a finite one.
    fn float(self, value: f64) -> Result<S::Ok, S::Error> {
        let same = |float: f64| float == value || float.is_nan() && value.is_nan();
        let found = FLOATS.into_iter().find(|(_, float)| same(*float));
        let (name, _) = found.expect("BUG: a float is finite, infinite or not a number");
        let mut map = self.inner.serialize_map(Some(1))?;
        map.serialize_entry(FLOAT, name)?;
        map.end()
    }
}

/// `null` in so many `Some`.
struct Null {
    somes: usize,
}

impl Serialize for Null {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some(somes) = self.somes.checked_sub(1) else { return serializer.serialize_unit() };
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(SOME, &Self { somes })?;
        map.end()
    }
}

macro_rules! plain {
    ($($method:ident($ty:ty): $kind:ident;)*) => {$(
        fn $method(self, value: $ty) -> Result<S::Ok, S::Error> {
            self.told.add(Kind::$kind);
            self.inner.$method(value)
        }
    )*};
}

impl<'s, S: Serializer> Serializer for Writer<'s, S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Compound<'s, S::SerializeSeq>;
    type SerializeTuple = Compound<'s, S::SerializeTuple>;
    type SerializeTupleStruct = Compound<'s, S::SerializeTupleStruct>;
    type SerializeTupleVariant = Compound<'s, S::SerializeTupleVariant>;
    type SerializeMap = Compound<'s, S::SerializeMap>;
    type SerializeStruct = Compound<'s, S::SerializeStruct>;
    type SerializeStructVariant = Compound<'s, S::SerializeStructVariant>;

    plain! {
        serialize_bool(bool): Bool;
        serialize_i8(i8): I8;
        serialize_i16(i16): I16;
        serialize_i32(i32): I32;
        serialize_i64(i64): I64;
        serialize_i128(i128): I128;
        serialize_u8(u8): U8;
        serialize_u16(u16): U16;
        serialize_u32(u32): U32;
        serialize_u64(u64): U64;
        serialize_u128(u128): U128;
        serialize_char(char): Char;
        serialize_str(&str): Str;
        serialize_bytes(&[u8]): Bytes;
    }

    fn serialize_f32(self, value: f32) -> Result<S::Ok, S::Error> {
        self.told.add(Kind::F32);
        if value.is_finite() { self.inner.serialize_f32(value) } else { self.float(value.into()) }
    }

    fn serialize_f64(self, value: f64) -> Result<S::Ok, S::Error> {
        self.told.add(Kind::F64);
        if value.is_finite() { self.inner.serialize_f64(value) } else { self.float(value) }
    }

    fn serialize_none(self) -> Result<S::Ok, S::Error> {
        self.told.add(Kind::None);
        self.null()
    }

    fn serialize_some<T: ?Sized + Serialize>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.told.add(Kind::Some);
        value.serialize(Self { somes: self.somes + 1, ..self })
    }

    fn serialize_unit(self) -> Result<S::Ok, S::Error> {
        self.told.add(Kind::Unit);
        self.null()
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<S::Ok, S::Error> {
        self.told.named(Kind::UnitStruct, name);
        self.null()
    }

    fn serialize_unit_variant(self, name: &'static str, index: u32, variant: &'static str) -> Result<S::Ok, S::Error> {
        self.told.named(Kind::UnitVariant, name);
        self.inner.serialize_unit_variant(name, index, variant)
    }

    /// Transparent in JSON, so a `Some` around it is one around its content.
    fn serialize_newtype_struct<T>(self, name: &'static str, value: &T) -> Result<S::Ok, S::Error>
    where
        T: ?Sized + Serialize,
    {
        self.told.named(Kind::NewtypeStruct, name);
        value.serialize(self)
    }

    fn serialize_newtype_variant<T>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error>
    where
        T: ?Sized + Serialize,
    {
        unmarked(variant)?;
        self.told.named(Kind::NewtypeVariant, name);
        self.inner.serialize_newtype_variant(name, index, variant, &Value { value, told: self.told })
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Self::SerializeSeq, S::Error> {
        self.told.add(Kind::Seq);
        Ok(Compound { inner: self.inner.serialize_seq(len)?, told: self.told, somes: 0 })
    }

    fn serialize_tuple(self, len: usize) -> Result<Self::SerializeTuple, S::Error> {
        self.told.add(Kind::Tuple);
        Ok(Compound { inner: self.inner.serialize_tuple(len)?, told: self.told, somes: 0 })
    }

    fn serialize_tuple_struct(self, name: &'static str, len: usize) -> Result<Self::SerializeTupleStruct, S::Error> {
        self.told.named(Kind::TupleStruct, name);
        Ok(Compound { inner: self.inner.serialize_tuple_struct(name, len)?, told: self.told, somes: 0 })
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleVariant, S::Error> {
        unmarked(variant)?;
        self.told.named(Kind::TupleVariant, name);
        let inner = self.inner.serialize_tuple_variant(name, index, variant, len)?;
        Ok(Compound { inner, told: self.told, somes: 0 })
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Self::SerializeMap, S::Error> {
        self.told.add(Kind::Map);
        Ok(Compound { inner: self.inner.serialize_map(len)?, told: self.told, somes: 0 })
    }

    fn serialize_struct(self, name: &'static str, len: usize) -> Result<Self::SerializeStruct, S::Error> {
        self.told.named(Kind::Struct, name);
        // Raw JSON comes as a struct too, and may be `null`.
        Ok(Compound { inner: self.inner.serialize_struct(name, len)?, told: self.told, somes: self.somes })
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStructVariant, S::Error> {
        unmarked(variant)?;
        self.told.named(Kind::StructVariant, name);
        let inner = self.inner.serialize_struct_variant(name, index, variant, len)?;
        Ok(Compound { inner, told: self.told, somes: 0 })
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

/// Refuses the name of a field or a variant that would be taken for a mark. It cannot be escaped as a key can, because
/// serde wants it as a constant.
fn unmarked<E: ser::Error>(name: &str) -> Result<(), E> {
    if name.starts_with(MARK) { Err(E::custom(RESERVED)) } else { Ok(()) }
}

/// A value inside of another one.
struct Value<'v, T: ?Sized> {
    value: &'v T,
    told: &'v TypeFingerprint,
}

impl<T: ?Sized + Serialize> Serialize for Value<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        write(self.value, serializer, self.told)
    }
}

/// A list, a map or a struct that has been begun.
struct Compound<'s, C> {
    inner: C,
    told: &'s TypeFingerprint,
    /// How many `Some` stand around a struct.
    somes: usize,
}

impl<C: ser::SerializeSeq> ser::SerializeSeq for Compound<'_, C> {
    type Ok = C::Ok;
    type Error = C::Error;

    fn serialize_element<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), C::Error> {
        let value = Value { value, told: self.told };
        self.told.element(|| self.inner.serialize_element(&value))
    }

    fn end(self) -> Result<C::Ok, C::Error> {
        self.inner.end()
    }
}

impl<C: ser::SerializeTuple> ser::SerializeTuple for Compound<'_, C> {
    type Ok = C::Ok;
    type Error = C::Error;

    fn serialize_element<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), C::Error> {
        self.inner.serialize_element(&Value { value, told: self.told })
    }

    fn end(self) -> Result<C::Ok, C::Error> {
        self.inner.end()
    }
}

impl<C: ser::SerializeTupleStruct> ser::SerializeTupleStruct for Compound<'_, C> {
    type Ok = C::Ok;
    type Error = C::Error;

    fn serialize_field<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), C::Error> {
        self.inner.serialize_field(&Value { value, told: self.told })
    }

    fn end(self) -> Result<C::Ok, C::Error> {
        self.inner.end()
    }
}

impl<C: ser::SerializeTupleVariant> ser::SerializeTupleVariant for Compound<'_, C> {
    type Ok = C::Ok;
    type Error = C::Error;

    fn serialize_field<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), C::Error> {
        self.inner.serialize_field(&Value { value, told: self.told })
    }

    fn end(self) -> Result<C::Ok, C::Error> {
        self.inner.end()
    }
}

impl<C: SerializeMap> SerializeMap for Compound<'_, C> {
    type Ok = C::Ok;
    type Error = C::Error;

    fn serialize_key<T: ?Sized + Serialize>(&mut self, key: &T) -> Result<(), C::Error> {
        let key = Key { key, told: self.told };
        self.told.element(|| self.inner.serialize_key(&key))
    }

    fn serialize_value<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), C::Error> {
        let value = Value { value, told: self.told };
        self.told.element(|| self.inner.serialize_value(&value))
    }

    fn end(self) -> Result<C::Ok, C::Error> {
        self.inner.end()
    }
}

impl<C: ser::SerializeStruct> ser::SerializeStruct for Compound<'_, C> {
    type Ok = C::Ok;
    type Error = C::Error;

    fn serialize_field<T: ?Sized + Serialize>(&mut self, key: &'static str, value: &T) -> Result<(), C::Error> {
        if key == RAW {
            return self.inner.serialize_field(key, &raw::<_, C::Error>(value, self.somes)?);
        }
        unmarked(key)?;
        self.inner.serialize_field(key, &Value { value, told: self.told })
    }

    fn skip_field(&mut self, key: &'static str) -> Result<(), C::Error> {
        self.inner.skip_field(key)
    }

    fn end(self) -> Result<C::Ok, C::Error> {
        self.inner.end()
    }
}

impl<C: ser::SerializeStructVariant> ser::SerializeStructVariant for Compound<'_, C> {
    type Ok = C::Ok;
    type Error = C::Error;

    fn serialize_field<T: ?Sized + Serialize>(&mut self, key: &'static str, value: &T) -> Result<(), C::Error> {
        unmarked(key)?;
        self.inner.serialize_field(key, &Value { value, told: self.told })
    }

    fn skip_field(&mut self, key: &'static str) -> Result<(), C::Error> {
        self.inner.skip_field(key)
    }

    fn end(self) -> Result<C::Ok, C::Error> {
        self.inner.end()
    }
}

/// The text of raw JSON in so many `Some`. A mark of its own in it would be taken for one of ours.
fn raw<T: ?Sized + Serialize, E: ser::Error>(value: &T, somes: usize) -> Result<String, E> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) if text.contains(MARK) => Err(E::custom(RESERVED)),
        Ok(serde_json::Value::String(text)) if text == "null" => {
            serde_json::to_string(&Null { somes }).map_err(E::custom)
        }
        Ok(serde_json::Value::String(text)) => Ok(text),
        Ok(_) => Err(E::custom("raw JSON is not a text")),
        Err(error) => Err(E::custom(error)),
    }
}

/// A key of a map. serde_json writes numbers, characters, truth values and unit variants as strings; what else is not a
/// string is written as its JSON behind a mark.
struct Key<'v, T: ?Sized> {
    key: &'v T,
    told: &'v TypeFingerprint,
}

impl<T: ?Sized + Serialize> Serialize for Key<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut inner = Some(serializer);
        let plain = self.key.serialize(KeyWriter { inner: &mut inner, told: self.told });
        // A serializer that is still there has written nothing.
        let Some(inner) = inner else { return plain };
        let mut text = KEY.as_bytes().to_vec();
        let json = &mut serde_json::Serializer::new(&mut text);
        write(self.key, json, self.told).map_err(S::Error::custom)?;
        inner.serialize_str(std::str::from_utf8(&text).map_err(S::Error::custom)?)
    }
}

/// Takes the serializer inside only for a key that needs no mark.
struct KeyWriter<'s, S> {
    inner: &'s mut Option<S>,
    told: &'s TypeFingerprint,
}

impl<S: Serializer> KeyWriter<'_, S> {
    fn take(self) -> S {
        self.inner.take().expect("BUG: a key is written once")
    }
}

/// What becomes of all keys that need a mark. Nobody reads it.
fn marked<T, E: ser::Error>() -> Result<T, E> {
    Err(E::custom("the key needs a mark"))
}

macro_rules! plain_keys {
    ($($method:ident($ty:ty): $kind:ident;)*) => {$(
        fn $method(self, key: $ty) -> Result<S::Ok, S::Error> {
            self.told.add(Kind::$kind);
            self.take().$method(key)
        }
    )*};
}

impl<S: Serializer> Serializer for KeyWriter<'_, S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Impossible<S::Ok, S::Error>;
    type SerializeTuple = Impossible<S::Ok, S::Error>;
    type SerializeTupleStruct = Impossible<S::Ok, S::Error>;
    type SerializeTupleVariant = Impossible<S::Ok, S::Error>;
    type SerializeMap = Impossible<S::Ok, S::Error>;
    type SerializeStruct = Impossible<S::Ok, S::Error>;
    type SerializeStructVariant = Impossible<S::Ok, S::Error>;

    plain_keys! {
        serialize_bool(bool): Bool;
        serialize_i8(i8): I8;
        serialize_i16(i16): I16;
        serialize_i32(i32): I32;
        serialize_i64(i64): I64;
        serialize_i128(i128): I128;
        serialize_u8(u8): U8;
        serialize_u16(u16): U16;
        serialize_u32(u32): U32;
        serialize_u64(u64): U64;
        serialize_u128(u128): U128;
        serialize_char(char): Char;
    }

    fn serialize_str(self, key: &str) -> Result<S::Ok, S::Error> {
        if key.starts_with(MARK) {
            return marked();
        }
        self.told.add(Kind::Str);
        self.take().serialize_str(key)
    }

    fn serialize_f32(self, key: f32) -> Result<S::Ok, S::Error> {
        if !key.is_finite() {
            return marked();
        }
        self.told.add(Kind::F32);
        self.take().serialize_f32(key)
    }

    fn serialize_f64(self, key: f64) -> Result<S::Ok, S::Error> {
        if !key.is_finite() {
            return marked();
        }
        self.told.add(Kind::F64);
        self.take().serialize_f64(key)
    }

    fn serialize_some<T: ?Sized + Serialize>(self, key: &T) -> Result<S::Ok, S::Error> {
        self.told.add(Kind::Some);
        key.serialize(self)
    }

    fn serialize_newtype_struct<T>(self, name: &'static str, key: &T) -> Result<S::Ok, S::Error>
    where
        T: ?Sized + Serialize,
    {
        self.told.named(Kind::NewtypeStruct, name);
        key.serialize(self)
    }

    fn serialize_unit_variant(self, name: &'static str, index: u32, variant: &'static str) -> Result<S::Ok, S::Error> {
        if variant.starts_with(MARK) {
            return marked();
        }
        self.told.named(Kind::UnitVariant, name);
        self.take().serialize_unit_variant(name, index, variant)
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<S::Ok, S::Error> {
        marked()
    }

    fn serialize_none(self) -> Result<S::Ok, S::Error> {
        marked()
    }

    fn serialize_unit(self) -> Result<S::Ok, S::Error> {
        marked()
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<S::Ok, S::Error> {
        marked()
    }

    fn serialize_newtype_variant<T>(self, _: &'static str, _: u32, _: &'static str, _: &T) -> Result<S::Ok, S::Error>
    where
        T: ?Sized + Serialize,
    {
        marked()
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, S::Error> {
        marked()
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, S::Error> {
        marked()
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeTupleStruct, S::Error> {
        marked()
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, S::Error> {
        marked()
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, S::Error> {
        marked()
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeStruct, S::Error> {
        marked()
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, S::Error> {
        marked()
    }

    fn is_human_readable(&self) -> bool {
        self.inner.as_ref().is_none_or(Serializer::is_human_readable)
    }
}
