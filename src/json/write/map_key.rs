//! Serializes the keys of a map.
//!
//! Takes a key of any serde type. Gives a JSON string: the text that serde_json writes for it, or [`KEY`] and the JSON of
//! the key where serde_json would refuse it or where the text would begin with the marker.

use serde::ser::{self, Error, Impossible};
use serde::{Serialize, Serializer};

use crate::json::marker::{KEY, MARKER};
use crate::json::write::fingerprint::{Kind, TypeFingerprint};
use crate::json::write::writer::write;

/// A map key. serde_json writes numbers, characters, booleans and unit variants as strings; every other key that is not
/// a string is written as the marker and its JSON.
pub(super) struct MapKey<'v, T: ?Sized> {
    pub(super) key: &'v T,
    pub(super) fingerprint: &'v TypeFingerprint,
}

impl<T: ?Sized + Serialize> Serialize for MapKey<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut inner = Some(serializer);
        let plain = self.key.serialize(KeyWriter { inner: &mut inner, fingerprint: self.fingerprint });
        // A serializer that was not taken has written nothing: the key needs a marker.
        let Some(inner) = inner else { return plain };
        let mut text = KEY.as_bytes().to_vec();
        let json = &mut serde_json::Serializer::new(&mut text);
        write(self.key, json, self.fingerprint).map_err(S::Error::custom)?;
        inner.serialize_str(std::str::from_utf8(&text).map_err(S::Error::custom)?)
    }
}

/// Takes the serializer only for a key that needs no marker.
struct KeyWriter<'s, S> {
    inner: &'s mut Option<S>,
    fingerprint: &'s TypeFingerprint,
}

impl<S: Serializer> KeyWriter<'_, S> {
    fn take(self) -> S {
        self.inner.take().expect("BUG: a key is written once")
    }
}

/// The result for every key that needs a marker. The caller discards the error.
fn needs_marker<T, E: ser::Error>() -> Result<T, E> {
    Err(E::custom("the key needs a marker"))
}

macro_rules! string_keys {
    ($($method:ident($ty:ty): $kind:ident;)*) => {$(
        fn $method(self, key: $ty) -> Result<S::Ok, S::Error> {
            self.fingerprint.add(Kind::$kind);
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

    string_keys! {
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
        if key.starts_with(MARKER) {
            return needs_marker();
        }
        self.fingerprint.add(Kind::Str);
        self.take().serialize_str(key)
    }

    fn serialize_f32(self, key: f32) -> Result<S::Ok, S::Error> {
        if !key.is_finite() {
            return needs_marker();
        }
        self.fingerprint.add(Kind::F32);
        self.take().serialize_f32(key)
    }

    fn serialize_f64(self, key: f64) -> Result<S::Ok, S::Error> {
        if !key.is_finite() {
            return needs_marker();
        }
        self.fingerprint.add(Kind::F64);
        self.take().serialize_f64(key)
    }

    fn serialize_some<T: ?Sized + Serialize>(self, key: &T) -> Result<S::Ok, S::Error> {
        self.fingerprint.add(Kind::Some);
        key.serialize(self)
    }

    fn serialize_newtype_struct<T>(self, name: &'static str, key: &T) -> Result<S::Ok, S::Error>
    where
        T: ?Sized + Serialize,
    {
        self.fingerprint.add_named(Kind::NewtypeStruct, name);
        key.serialize(self)
    }

    fn serialize_unit_variant(self, name: &'static str, index: u32, variant: &'static str) -> Result<S::Ok, S::Error> {
        if variant.starts_with(MARKER) {
            return needs_marker();
        }
        self.fingerprint.add_named(Kind::UnitVariant, name);
        self.take().serialize_unit_variant(name, index, variant)
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<S::Ok, S::Error> {
        needs_marker()
    }

    fn serialize_none(self) -> Result<S::Ok, S::Error> {
        needs_marker()
    }

    fn serialize_unit(self) -> Result<S::Ok, S::Error> {
        needs_marker()
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<S::Ok, S::Error> {
        needs_marker()
    }

    fn serialize_newtype_variant<T>(self, _: &'static str, _: u32, _: &'static str, _: &T) -> Result<S::Ok, S::Error>
    where
        T: ?Sized + Serialize,
    {
        needs_marker()
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, S::Error> {
        needs_marker()
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, S::Error> {
        needs_marker()
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeTupleStruct, S::Error> {
        needs_marker()
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, S::Error> {
        needs_marker()
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, S::Error> {
        needs_marker()
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeStruct, S::Error> {
        needs_marker()
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, S::Error> {
        needs_marker()
    }

    fn is_human_readable(&self) -> bool {
        self.inner.as_ref().is_none_or(Serializer::is_human_readable)
    }
}
