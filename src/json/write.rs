//! Serializes a value to JSON.
//!
//! Takes a value and serde_json's serializer. Gives the output of that serializer, with marked objects and keys where
//! JSON has no form, and the [`TypeFingerprint`] of the value. Never parses JSON text, and never decides by the name of
//! a type.
//!
//! `Some` writes nothing by itself: a [`Writer`] counts the levels of `Some` around a value, and writes them only if the
//! value is written as `null`. `Some(Some(()))` is two levels around a unit and becomes
//! `{"$stube:some":{"$stube:some":null}}`.

mod fingerprint;
mod map_key;
mod writer;

use serde::ser::{self, SerializeMap};
use serde::{Serialize, Serializer};

use crate::json::marker::{FLOAT, FLOATS, MARKER, RAW_VALUE, RESERVED, SOME};

pub(crate) use fingerprint::TypeFingerprint;
pub(crate) use writer::write;

use fingerprint::Kind;
use map_key::MapKey;
use writer::Writer;

impl<'s, S: Serializer> Writer<'s, S> {
    /// Writes a value that `inner` writes as `null`, inside the `Some` around it.
    fn write_null(self) -> Result<S::Ok, S::Error> {
        Null { some_depth: self.some_depth }.serialize(self.inner)
    }

    /// Writes a float that is NaN or infinite.
    fn write_non_finite(self, value: f64) -> Result<S::Ok, S::Error> {
        let same = |float: f64| float == value || float.is_nan() && value.is_nan();
        let found = FLOATS.into_iter().find(|(_, float)| same(*float));
        let (name, _) = found.expect("BUG: a float is finite, infinite or not a number");
        let mut map = self.inner.serialize_map(Some(1))?;
        map.serialize_entry(FLOAT, name)?;
        map.end()
    }
}

/// `null` inside `some_depth` levels of `Some`.
struct Null {
    some_depth: usize,
}

impl Serialize for Null {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some(some_depth) = self.some_depth.checked_sub(1) else { return serializer.serialize_unit() };
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(SOME, &Self { some_depth })?;
        map.end()
    }
}

macro_rules! plain {
    ($($method:ident($ty:ty): $kind:ident;)*) => {$(
        fn $method(self, value: $ty) -> Result<S::Ok, S::Error> {
            self.fingerprint.add(Kind::$kind);
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
        self.fingerprint.add(Kind::F32);
        if value.is_finite() { self.inner.serialize_f32(value) } else { self.write_non_finite(value.into()) }
    }

    fn serialize_f64(self, value: f64) -> Result<S::Ok, S::Error> {
        self.fingerprint.add(Kind::F64);
        if value.is_finite() { self.inner.serialize_f64(value) } else { self.write_non_finite(value) }
    }

    fn serialize_none(self) -> Result<S::Ok, S::Error> {
        self.fingerprint.add(Kind::None);
        self.write_null()
    }

    fn serialize_some<T: ?Sized + Serialize>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.fingerprint.add(Kind::Some);
        value.serialize(Self { some_depth: self.some_depth + 1, ..self })
    }

    fn serialize_unit(self) -> Result<S::Ok, S::Error> {
        self.fingerprint.add(Kind::Unit);
        self.write_null()
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<S::Ok, S::Error> {
        self.fingerprint.add_named(Kind::UnitStruct, name);
        self.write_null()
    }

    fn serialize_unit_variant(self, name: &'static str, index: u32, variant: &'static str) -> Result<S::Ok, S::Error> {
        self.fingerprint.add_named(Kind::UnitVariant, name);
        self.inner.serialize_unit_variant(name, index, variant)
    }

    /// A newtype struct is transparent in JSON, so a `Some` around it is a `Some` around its content.
    fn serialize_newtype_struct<T>(self, name: &'static str, value: &T) -> Result<S::Ok, S::Error>
    where
        T: ?Sized + Serialize,
    {
        self.fingerprint.add_named(Kind::NewtypeStruct, name);
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
        check_name(variant)?;
        self.fingerprint.add_named(Kind::NewtypeVariant, name);
        self.inner.serialize_newtype_variant(name, index, variant, &Value { value, fingerprint: self.fingerprint })
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Self::SerializeSeq, S::Error> {
        self.fingerprint.add(Kind::Seq);
        Ok(Compound { inner: self.inner.serialize_seq(len)?, fingerprint: self.fingerprint, some_depth: 0 })
    }

    fn serialize_tuple(self, len: usize) -> Result<Self::SerializeTuple, S::Error> {
        self.fingerprint.add(Kind::Tuple);
        Ok(Compound { inner: self.inner.serialize_tuple(len)?, fingerprint: self.fingerprint, some_depth: 0 })
    }

    fn serialize_tuple_struct(self, name: &'static str, len: usize) -> Result<Self::SerializeTupleStruct, S::Error> {
        self.fingerprint.add_named(Kind::TupleStruct, name);
        Ok(Compound {
            inner: self.inner.serialize_tuple_struct(name, len)?,
            fingerprint: self.fingerprint,
            some_depth: 0,
        })
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleVariant, S::Error> {
        check_name(variant)?;
        self.fingerprint.add_named(Kind::TupleVariant, name);
        let inner = self.inner.serialize_tuple_variant(name, index, variant, len)?;
        Ok(Compound { inner, fingerprint: self.fingerprint, some_depth: 0 })
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Self::SerializeMap, S::Error> {
        self.fingerprint.add(Kind::Map);
        Ok(Compound { inner: self.inner.serialize_map(len)?, fingerprint: self.fingerprint, some_depth: 0 })
    }

    fn serialize_struct(self, name: &'static str, len: usize) -> Result<Self::SerializeStruct, S::Error> {
        self.fingerprint.add_named(Kind::Struct, name);
        // serde_json's `RawValue` arrives as a struct and may be `null`.
        Ok(Compound {
            inner: self.inner.serialize_struct(name, len)?,
            fingerprint: self.fingerprint,
            some_depth: self.some_depth,
        })
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStructVariant, S::Error> {
        check_name(variant)?;
        self.fingerprint.add_named(Kind::StructVariant, name);
        let inner = self.inner.serialize_struct_variant(name, index, variant, len)?;
        Ok(Compound { inner, fingerprint: self.fingerprint, some_depth: 0 })
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

/// Refuses a field or variant name that begins with the marker. Unlike a map key it cannot be escaped, because serde
/// requires a `&'static str`.
fn check_name<E: ser::Error>(name: &str) -> Result<(), E> {
    if name.starts_with(MARKER) { Err(E::custom(RESERVED)) } else { Ok(()) }
}

/// A value nested in another.
struct Value<'v, T: ?Sized> {
    value: &'v T,
    fingerprint: &'v TypeFingerprint,
}

impl<T: ?Sized + Serialize> Serialize for Value<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        write(self.value, serializer, self.fingerprint)
    }
}

/// A list, a map or a struct that is being written.
struct Compound<'s, C> {
    inner: C,
    fingerprint: &'s TypeFingerprint,
    /// The number of `Some` around a struct; 0 for all others.
    some_depth: usize,
}

impl<C: ser::SerializeSeq> ser::SerializeSeq for Compound<'_, C> {
    type Ok = C::Ok;
    type Error = C::Error;

    fn serialize_element<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), C::Error> {
        let value = Value { value, fingerprint: self.fingerprint };
        self.fingerprint.add_element(|| self.inner.serialize_element(&value))
    }

    fn end(self) -> Result<C::Ok, C::Error> {
        self.inner.end()
    }
}

impl<C: ser::SerializeTuple> ser::SerializeTuple for Compound<'_, C> {
    type Ok = C::Ok;
    type Error = C::Error;

    fn serialize_element<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), C::Error> {
        self.inner.serialize_element(&Value { value, fingerprint: self.fingerprint })
    }

    fn end(self) -> Result<C::Ok, C::Error> {
        self.inner.end()
    }
}

impl<C: ser::SerializeTupleStruct> ser::SerializeTupleStruct for Compound<'_, C> {
    type Ok = C::Ok;
    type Error = C::Error;

    fn serialize_field<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), C::Error> {
        self.inner.serialize_field(&Value { value, fingerprint: self.fingerprint })
    }

    fn end(self) -> Result<C::Ok, C::Error> {
        self.inner.end()
    }
}

impl<C: ser::SerializeTupleVariant> ser::SerializeTupleVariant for Compound<'_, C> {
    type Ok = C::Ok;
    type Error = C::Error;

    fn serialize_field<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), C::Error> {
        self.inner.serialize_field(&Value { value, fingerprint: self.fingerprint })
    }

    fn end(self) -> Result<C::Ok, C::Error> {
        self.inner.end()
    }
}

impl<C: SerializeMap> SerializeMap for Compound<'_, C> {
    type Ok = C::Ok;
    type Error = C::Error;

    fn serialize_key<T: ?Sized + Serialize>(&mut self, key: &T) -> Result<(), C::Error> {
        let key = MapKey { key, fingerprint: self.fingerprint };
        self.fingerprint.add_element(|| self.inner.serialize_key(&key))
    }

    fn serialize_value<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), C::Error> {
        let value = Value { value, fingerprint: self.fingerprint };
        self.fingerprint.add_element(|| self.inner.serialize_value(&value))
    }

    fn end(self) -> Result<C::Ok, C::Error> {
        self.inner.end()
    }
}

impl<C: ser::SerializeStruct> ser::SerializeStruct for Compound<'_, C> {
    type Ok = C::Ok;
    type Error = C::Error;

    fn serialize_field<T: ?Sized + Serialize>(&mut self, key: &'static str, value: &T) -> Result<(), C::Error> {
        if key == RAW_VALUE {
            return self.inner.serialize_field(key, &raw_json::<_, C::Error>(value, self.some_depth)?);
        }
        check_name(key)?;
        self.inner.serialize_field(key, &Value { value, fingerprint: self.fingerprint })
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
        check_name(key)?;
        self.inner.serialize_field(key, &Value { value, fingerprint: self.fingerprint })
    }

    fn skip_field(&mut self, key: &'static str) -> Result<(), C::Error> {
        self.inner.skip_field(key)
    }

    fn end(self) -> Result<C::Ok, C::Error> {
        self.inner.end()
    }
}

/// The text of a `RawValue` inside `some_depth` levels of `Some`. Refused if it contains the marker, because reading would
/// decode it.
fn raw_json<T: ?Sized + Serialize, E: ser::Error>(value: &T, some_depth: usize) -> Result<String, E> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) if text.contains(MARKER) => Err(E::custom(RESERVED)),
        Ok(serde_json::Value::String(text)) if text == "null" => {
            serde_json::to_string(&Null { some_depth }).map_err(E::custom)
        }
        Ok(serde_json::Value::String(text)) => Ok(text),
        Ok(_) => Err(E::custom("raw JSON is not a string")),
        Err(error) => Err(E::custom(error)),
    }
}
