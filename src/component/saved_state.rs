//! A state as an earlier release of a flow saved it: what `#[migrate]` takes.
//!
//! A [`SavedState`] is the name of a state and its locals as JSON. A migration function renames, takes and puts locals;
//! a migration closure takes the state as a type of its own ([`deserialize_state`]). The guide for authors is
//! [`evolution::migration`](mod@stube::evolution::migration).

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, DeserializeSeed, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::json;
use crate::json::ordered_map::OrderedMap;
use crate::model::error::Failure;

/// A state that an earlier release of a flow saved: its name, and its locals as JSON.
///
/// Locals that a migration does not touch keep their JSON byte for byte.
#[derive(Clone)]
pub struct SavedState {
    state: String,
    /// The schema fingerprint that the record carries; empty if it carries none.
    schema: String,
    locals: OrderedMap<String, Box<RawValue>>,
}

/// A migration function of `#[migrate(path)]`.
#[doc(hidden)]
pub type MigrationFn = fn(&mut SavedState) -> Result<(), Failure>;

/// Only names, because values may be confidential.
impl fmt::Debug for SavedState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let locals: Vec<_> = self.locals.0.iter().map(|(name, _)| name).collect();
        f.debug_struct("SavedState").field("state", &self.state).field("locals", &locals).finish()
    }
}

impl SavedState {
    /// The name of the state.
    pub fn state(&self) -> &str {
        &self.state
    }

    /// Continues in the state of this name.
    pub fn rename_state(&mut self, name: impl Into<String>) {
        self.state = name.into();
    }

    /// Whether there is a local of this name.
    pub fn has(&self, local: &str) -> bool {
        self.locals.0.iter().any(|(name, _)| name == local)
    }

    /// The names of the locals, in the order in which they were saved.
    pub fn locals(&self) -> impl Iterator<Item = &str> {
        self.locals.0.iter().map(|(name, _)| name.as_str())
    }

    /// Renames a local. Does nothing if there is no local `old`, or if there is already one of the new name.
    pub fn rename(&mut self, old: &str, new: impl Into<String>) {
        let new = new.into();
        if self.has(&new) {
            return;
        }
        if let Some((name, _)) = self.locals.0.iter_mut().find(|(name, _)| name == old) {
            *name = new;
        }
    }

    /// Removes a local and returns its value; `None` if there is no local of this name.
    ///
    /// # Errors
    ///
    /// The local cannot be read as a `T`. Then it is not removed.
    pub fn take<T: DeserializeOwned>(&mut self, local: &str) -> Result<Option<T>, Failure> {
        let Some(index) = self.locals.0.iter().position(|(name, _)| name == local) else { return Ok(None) };
        let value = json::read(PhantomData::<T>, &self.locals.0[index].1);
        let value = value.map_err(|error| {
            let what = json::describe(&error);
            Failure::message(format!(
                "the local `{local}` of the state `{}` was saved with another type: {what}",
                self.state
            ))
        })?;
        self.locals.0.remove(index);
        Ok(Some(value))
    }

    /// Adds a local, or replaces the one of this name.
    ///
    /// # Errors
    ///
    /// The value cannot be serialized as JSON.
    pub fn put<T: Serialize>(&mut self, local: impl Into<String>, value: &T) -> Result<(), Failure> {
        let json = json::to_json(&value).map_err(|error| Failure::message(json::describe(&error)))?;
        self.put_json(local.into(), RawValue::from_string(String::from_utf8(json)?)?);
        Ok(())
    }

    fn put_json(&mut self, local: String, json: Box<RawValue>) {
        self.locals.0.retain(|(name, _)| *name != local);
        self.locals.0.push((local, json));
    }
}

impl SavedState {
    /// Parses a saved state: a map from its name to its locals.
    pub(crate) fn parse(state: &RawValue, schema: &str) -> Result<Self, serde_json::Error> {
        let saved: Self = serde_json::from_str(state.get())?;
        Ok(Self { schema: schema.to_owned(), ..saved })
    }

    /// Adds a local, unless there is one of this name.
    pub(crate) fn fill(&mut self, local: &str, json: &str) -> Result<(), serde_json::Error> {
        if !self.has(local) {
            self.put_json(local.to_owned(), RawValue::from_string(json.to_owned())?);
        }
        Ok(())
    }

    /// Removes these locals if all of them are present with these values, and returns whether it did.
    pub(crate) fn remove_defaults(&mut self, defaults: &[(String, String)]) -> bool {
        let is_default = |(name, json): &(String, String)| {
            let mut locals = self.locals.0.iter();
            locals.any(|(local, value)| local == name && value.get() == json)
        };
        let all = defaults.iter().all(is_default);
        if all {
            self.locals.0.retain(|(local, _)| !defaults.iter().any(|(name, _)| name == local));
        }
        all
    }

    /// The JSON form in which it is saved.
    pub(crate) fn to_json(&self) -> Box<RawValue> {
        serde_json::value::to_raw_value(self).expect("BUG: raw JSON is serializable")
    }
}

impl Serialize for SavedState {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map([(&self.state, &self.locals)])
    }
}

impl<'de> Deserialize<'de> for SavedState {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct State;
        impl<'de> Visitor<'de> for State {
            type Value = SavedState;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map from the name of a state to its locals")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SavedState, A::Error> {
                let Some((state, locals)) = map.next_entry()? else {
                    return Err(A::Error::invalid_length(0, &self));
                };
                match map.next_key::<serde::de::IgnoredAny>()? {
                    None => Ok(SavedState { state, schema: String::new(), locals }),
                    Some(_) => Err(A::Error::invalid_length(2, &self)),
                }
            }
        }
        deserializer.deserialize_map(State)
    }
}

/// Deserializes a saved state as the argument type of a `#[migrate]` closure. `None` if that type is an enum without a
/// variant for the state.
#[doc(hidden)]
pub fn deserialize_state<T: DeserializeOwned>(state: &SavedState) -> Result<Option<T>, Failure> {
    let is_unknown = Cell::new(false);
    match T::deserialize(VersionedState { state, is_unknown: &is_unknown }) {
        Ok(state) => Ok(Some(state)),
        Err(_) if is_unknown.get() => Ok(None),
        Err(error) => {
            let what = json::describe(&error);
            Err(Failure::message(format!(
                "the state `{}` does not have the type that `#[migrate]` declares: {what}",
                state.state
            )))
        }
    }
}

/// A deserializer of a saved state. For an enum it selects the variant `State@fingerprint` if there is one, else `State`;
/// if there is neither it sets `is_unknown`.
struct VersionedState<'a> {
    state: &'a SavedState,
    is_unknown: &'a Cell<bool>,
}

impl<'de> Deserializer<'de> for VersionedState<'_> {
    type Error = serde_json::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, serde_json::Error> {
        struct Any<V>(V);
        impl<'de, V: Visitor<'de>> DeserializeSeed<'de> for Any<V> {
            type Value = V::Value;

            fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
                deserializer.deserialize_any(self.0)
            }
        }
        json::read_owned(Any(visitor), &self.state.to_json())
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, serde_json::Error> {
        struct Enum<V>(&'static str, &'static [&'static str], V);
        impl<'de, V: Visitor<'de>> DeserializeSeed<'de> for Enum<V> {
            type Value = V::Value;

            fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
                deserializer.deserialize_enum(self.0, self.1, self.2)
            }
        }
        let SavedState { state, schema, .. } = self.state;
        let exactly = format!("{state}@{schema}");
        if variants.contains(&exactly.as_str()) {
            let renamed = SavedState { state: exactly, ..self.state.clone() };
            return json::read_owned(Enum(name, variants, visitor), &renamed.to_json());
        }
        if variants.contains(&state.as_str()) {
            return json::read_owned(Enum(name, variants, visitor), &self.state.to_json());
        }
        self.is_unknown.set(true);
        Err(serde_json::Error::unknown_variant(state, variants))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}
