//! The values of an author to JSON and back, exactly: what JSON has no form for gets one, and nothing else changes.
//!
//! [`write`] stands around serde_json's serializer and [`read`] takes the text of one value. Both see a value only
//! through serde, so what a type leaves out of its own serde form is left out here too. All that is plain JSON is
//! written as serde_json writes it, byte for byte, and a text without a mark is read by serde_json alone.
//!
//! What is marked is an object or a key that begins with [`MARK`]:
//!
//! | Value | Plain serde_json | Here |
//! |---|---|---|
//! | `Some(())`, `Some(None)`, `Some(Value::Null)` | `null`, which reads as `None` | `{"$stube:some":null}` |
//! | `Some(Some(()))`, `Some(Some(None))` | the same | `{"$stube:some":{"$stube:some":null}}` |
//! | `f64::NAN`, `INFINITY`, `NEG_INFINITY`, and of `f32` | `null` | `{"$stube:float":"NaN"}`, `"inf"`, `"-inf"` |
//! | the key `(1, 2)`, `None`, `f64::NAN`, `b"x"`, `Seat { .. }` | an error | the key `"$stube:key [1,2]"`: its JSON |
//! | the key `"$stube:..."` of the author's own | itself | the key `"$stube:key \"$stube:...\""` |
//!
//! Only the kinds of NaN are not told apart: each comes back as `f64::NAN`. A name of a field or a variant that begins
//! with the mark is refused.
//!
//! A value may come back as another one that is written as the same JSON, for instance `Id::Letter('a')` of an
//! untagged enum that has `Text("a")` too. So both writings of a proof also give a [`TypeFingerprint`], which tells them apart.
//!
//! A range that has come to its end is the exception: serde does not say so. See [`settle`](crate::flow::iterate::settle).

pub(crate) mod canonical;
pub(crate) mod ordered_map;
mod read;
pub(crate) mod static_str;
mod write;

use std::marker::PhantomData;

use serde::Deserializer;
use serde::de::{DeserializeOwned, DeserializeSeed, Error as _};

pub(crate) use read::{read, read_owned};
pub(crate) use write::{TypeFingerprint, write};

/// What every marked key begins with.
const MARK: &str = "$stube:";
/// The only key of an object that stands for `Some` of what would be `null`, or of another such object.
const SOME: &str = "$stube:some";
/// The only key of an object that stands for a float which JSON has no number for.
const FLOAT: &str = "$stube:float";
/// What a key begins with whose rest is JSON.
const KEY: &str = "$stube:key ";

/// The floats which JSON has no numbers for.
const FLOATS: [(&str, f64); 3] = [("NaN", f64::NAN), ("inf", f64::INFINITY), ("-inf", f64::NEG_INFINITY)];

/// As serde_json calls a struct whose only field is JSON text that is to be copied as it is.
const RAW: &str = "$serde_json::private::RawValue";

/// What it says of a name that begins with the mark. It names no value, so it may reach a log.
pub(crate) const RESERVED: &str =
    "the name of a field or a variant, or raw JSON, holds `$stube:`, which is the mark of our own forms";

/// What serde_json has to say, without the values that it quotes.
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

/// A value as JSON.
pub(crate) fn to_json(value: &dyn erased_serde::Serialize) -> Result<Vec<u8>, serde_json::Error> {
    let mut json = Vec::with_capacity(128);
    write(value, &mut serde_json::Serializer::new(&mut json), &TypeFingerprint::default())?;
    Ok(json)
}

/// The value of JSON text.
pub(crate) fn from_json<T: DeserializeOwned>(json: &str) -> Result<T, serde_json::Error> {
    read(Seed(PhantomData), serde_json::from_str(json)?)
}

/// Reads behind a pointer, so that the code for a `T` is the same as where it is part of a state.
struct Seed<T>(PhantomData<T>);

impl<'de, T: DeserializeOwned> DeserializeSeed<'de> for Seed<T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        let mut erased = <dyn erased_serde::Deserializer<'de>>::erase(deserializer);
        erased_serde::deserialize(&mut erased).map_err(D::Error::custom)
    }
}
