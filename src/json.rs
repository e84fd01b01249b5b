//! Lossless JSON for the values of authors.
//!
//! [`write`] wraps serde_json's serializer; [`read`] reads the text of one value. A value that JSON can express is
//! written byte for byte as serde_json writes it, and a text without a marker is read by serde_json alone. Values that
//! JSON cannot express are written as an object or a map key that begins with [`MARKER`](marker::MARKER):
//!
//! | Value | Plain serde_json | Here |
//! |---|---|---|
//! | `Some(())`, `Some(None)`, `Some(Value::Null)` | `null`, which reads as `None` | `{"$stube:some":null}` |
//! | `Some(Some(()))`, `Some(Some(None))` | the same | `{"$stube:some":{"$stube:some":null}}` |
//! | `f64::NAN`, `INFINITY`, `NEG_INFINITY`, and of `f32` | `null` | `{"$stube:float":"NaN"}`, `"inf"`, `"-inf"` |
//! | the key `(1, 2)`, `None`, `f64::NAN`, `b"x"`, `Seat { .. }` | an error | the key `"$stube:key [1,2]"`: its JSON |
//! | the author's own key `"$stube:..."` | itself | the key `"$stube:key \"$stube:...\""` |
//!
//! Limits:
//!
//! - Data that a type leaves out of its serde form is not written.
//! - Every NaN is read back as `f64::NAN`; its sign and payload are lost.
//! - A field or variant whose name begins with the marker is refused with an error.
//! - A value may be read back as a different value with the same JSON: `Id::Letter('a')` of an untagged enum that also
//!   has `Text("a")`. The round-trip check of a save therefore compares the [`TypeFingerprint`]s of both values too.
//! - serde does not say that a `RangeInclusive` is exhausted. See [`settle`](crate::flow::iterate::settle).
//!
//! Pure, except for the process-wide intern table in [`static_str`].

pub(crate) mod canonical;
mod marker;
pub(crate) mod ordered_map;
mod read;
pub(crate) mod static_str;
mod write;

use std::marker::PhantomData;

use serde::Deserializer;
use serde::de::{DeserializeOwned, DeserializeSeed, Error as _};

use crate::json::marker::RESERVED;

pub(crate) use read::{read, read_owned};
pub(crate) use write::{TypeFingerprint, write};

/// The error as text, without the values that serde_json quotes in its own message.
pub(crate) fn describe(error: &serde_json::Error) -> String {
    use serde_json::error::Category;
    if error.to_string() == RESERVED {
        return RESERVED.to_owned();
    }
    let class = match error.classify() {
        Category::Io => "it could not be written",
        Category::Syntax => "it is not well-formed JSON",
        Category::Data => "a value is missing or of another type",
        Category::Eof => "it ends too early",
    };
    match (error.line(), error.column()) {
        (0, _) => class.to_owned(),
        (line, column) => format!("{class}, at line {line}, column {column}"),
    }
}

/// Serializes a value to JSON.
pub(crate) fn to_json(value: &dyn erased_serde::Serialize) -> Result<Vec<u8>, serde_json::Error> {
    let mut json = Vec::with_capacity(128);
    write(value, &mut serde_json::Serializer::new(&mut json), &TypeFingerprint::default())?;
    Ok(json)
}

/// Deserializes a value from JSON.
pub(crate) fn from_json<T: DeserializeOwned>(json: &str) -> Result<T, serde_json::Error> {
    read(Seed(PhantomData), serde_json::from_str(json)?)
}

/// Reads a `T` through a trait object, so that `T` is compiled once, here and as part of a state.
struct Seed<T>(PhantomData<T>);

impl<'de, T: DeserializeOwned> DeserializeSeed<'de> for Seed<T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        let mut erased = <dyn erased_serde::Deserializer<'de>>::erase(deserializer);
        erased_serde::deserialize(&mut erased).map_err(D::Error::custom)
    }
}
