//! What an author writes for conversations of an earlier version of a flow, where the flow cannot go on with them by
//! itself.
//!
//! Most edits need nothing: a state is found by its name, and only conversations that wait in a state whose own locals
//! changed are concerned. The rest is written beside the flow:
//!
//! | Edit | Write |
//! |---|---|
//! | a flow or a component has another name | `#[flow(was = "reservation")]`, `#[component(was = "pick_room")]` |
//! | a local has another name, and the state that is called as it | `#[was = "chamber"] let room = ..;` |
//! | a state has another name | `#[at("Payment", was = "Pay")]` on the statement |
//! | a parked state needs a local that it did not have | `#[default = 0] let mut tries = 0;` |
//! | a local has another type, a state was split or is gone | `#[migrate(..)]` on the flow |
//! | the old ones are to finish as they began | `#[flow(version = 2)]` on the new one, beside the old one |
//!
//! A parameter takes `#[was = ".."]` and `#[default = ..]` too. For what is inside of a type of the author's own, serde
//! has `#[serde(default)]` and `#[serde(alias = "..")]`.
//!
//! # `#[migrate]`
//!
//! Below `#[flow]`, with a closure that takes the old state and gives the one to go on in, written as a struct with the
//! name of the state and its locals; or `retire(result)`, which ends the flow; or `hand_to(flow)`, which goes on in its
//! place. The compiler compares all types:
//!
//! ```
//! use stube::{Confirm, Prompt, flow};
//! use serde::Deserialize;
//!
//! /// What the version before had: states that are gone, or that held something else.
//! #[derive(Deserialize)]
//! enum Before {
//!     Chamber { guest: String, nights: String },
//!     Desk {},
//! }
//!
//! #[flow]
//! #[migrate(|before: Before| match before {
//!     Before::Chamber { guest, nights } => Room { guest, nights: nights.parse().unwrap_or(1) },
//!     Before::Desk {} => retire(None),
//! })]
//! async fn booking(guest: String) -> Option<String> {
//!     let nights: u32 = Prompt::new("How many nights?").await.parse().ok()?;
//!     let room = Prompt::new("Which room?").await;
//!     Confirm::new(format!("{room} for {guest}, {nights} nights?")).await.then_some(room)
//! }
//! ```
//!
//! That enum need not be written by hand. `#[earlier(Before)]` below `#[flow]` makes it of `flows.lock`: a variant for each
//! state that the flow has no more, with the locals and types it was saved with; `#[earlier(Before: Room)]` adds a state
//! that held something else. As the compiler wants every variant in the `match`, nobody who waits is forgotten.
//!
//! **The question stays.** Who waits has been asked what the old state asked, and the answer to that is what the new state
//! is given; it must be of the type that is awaited there. To ask something else, `hand_to` a flow that does.
//!
//! With the path of a function, `#[migrate(split_the_name)]`, the old state is taken apart as JSON:
//!
//! ```
//! use stube::{Failure, migration::Earlier};
//!
//! fn split_the_name(state: &mut Earlier) -> Result<(), Failure> {
//!     if let Some(name) = state.take::<String>("name")? {
//!         let (first, last) = name.split_once(' ').unwrap_or((&name, ""));
//!         state.put("first", &first)?;
//!         state.put("last", &last)?;
//!     }
//!     Ok(())
//! }
//! ```
//!
//! Functions run first, in the order in which they are written, so a conversation may come from several versions ago.
//! They run for every state that is not as the code has it, and only for those, so they look before they change.
//!
//! # Every edit
//!
//! What each kind of edit means for the conversations that wait. `flows.lock` says it of an edit of your own, before it is
//! released: see [`lock`](mod@crate::evolution::lock). *Breaking* is no loss: such a conversation is left as it is, listed with the
//! reason, and goes on as soon as the code fits.
//!
#![doc = include_str!("migration/edits.md")]

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, DeserializeSeed, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::json;
use crate::json::ordered_map::OrderedMap;
use crate::model::error::Failure;

/// A state as an earlier version of a flow left it: its name, and its locals as JSON.
///
/// What is not touched is kept digit for digit.
#[derive(Clone)]
pub struct SavedState {
    state: String,
    /// The short word for its shape, as its record says; empty if nothing says it.
    shape: String,
    locals: OrderedMap<String, Box<RawValue>>,
}

/// A function that `#[migrate]` names.
#[doc(hidden)]
pub type MigrationFn = fn(&mut SavedState) -> Result<(), Failure>;

/// The names, and no values: those are nobody's business.
impl fmt::Debug for SavedState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let locals: Vec<_> = self.locals.0.iter().map(|(name, _)| name).collect();
        f.debug_struct("Earlier").field("state", &self.state).field("locals", &locals).finish()
    }
}

impl SavedState {
    /// The name of the state.
    pub fn state(&self) -> &str {
        &self.state
    }

    /// Goes on in the state of this name.
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

    /// Gives a local another name. If there is none of the old name, or one of the new name, nothing changes.
    pub fn rename(&mut self, old: &str, new: impl Into<String>) {
        let new = new.into();
        if self.has(&new) {
            return;
        }
        if let Some((name, _)) = self.locals.0.iter_mut().find(|(name, _)| name == old) {
            *name = new;
        }
    }

    /// Takes a local out; `None` if there is none of this name.
    ///
    /// # Errors
    ///
    /// It is not a `T`. Then it stays.
    pub fn take<T: DeserializeOwned>(&mut self, local: &str) -> Result<Option<T>, Failure> {
        let Some(index) = self.locals.0.iter().position(|(name, _)| name == local) else { return Ok(None) };
        let value = json::read(PhantomData::<T>, &self.locals.0[index].1);
        let value = value.map_err(|error| {
            let what = json::describe(&error);
            Failure::message(format!(
                "the local `{local}` of the state `{}` was saved as another type: {what}",
                self.state
            ))
        })?;
        self.locals.0.remove(index);
        Ok(Some(value))
    }

    /// Puts a local in, in place of what has this name.
    ///
    /// # Errors
    ///
    /// It has no JSON form.
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
    /// A state as it was saved: a map from its name to its locals, or only the name if there are none.
    pub(crate) fn parse(state: &RawValue, shape: &str) -> Result<Self, serde_json::Error> {
        let earlier: Self = serde_json::from_str(state.get())?;
        Ok(Self { shape: shape.to_owned(), ..earlier })
    }

    /// Fills in a local that is not there.
    pub(crate) fn fill(&mut self, local: &str, json: &str) -> Result<(), serde_json::Error> {
        if !self.has(local) {
            self.put_json(local.to_owned(), RawValue::from_string(json.to_owned())?);
        }
        Ok(())
    }

    /// Takes these locals out, if all of them are there with these values. Else nothing changes.
    pub(crate) fn leave_out(&mut self, defaults: &[(String, String)]) -> bool {
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

    /// As it is saved.
    pub(crate) fn to_json(&self) -> Box<RawValue> {
        serde_json::value::to_raw_value(self).expect("BUG: it is made of JSON")
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
                f.write_str("a state: its name, and its locals")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SavedState, A::Error> {
                let Some((state, locals)) = map.next_entry()? else {
                    return Err(A::Error::invalid_length(0, &self));
                };
                match map.next_key::<serde::de::IgnoredAny>()? {
                    None => Ok(SavedState { state, shape: String::new(), locals }),
                    Some(_) => Err(A::Error::invalid_length(2, &self)),
                }
            }
        }
        deserializer.deserialize_map(State)
    }
}

/// A state as the type that a `#[migrate]` closure takes; `None` if that type is an enum that does not know the state.
#[doc(hidden)]
pub fn earlier<T: DeserializeOwned>(state: &SavedState) -> Result<Option<T>, Failure> {
    let is_unknown = Cell::new(false);
    match T::deserialize(Known { state, is_unknown: &is_unknown }) {
        Ok(state) => Ok(Some(state)),
        Err(_) if is_unknown.get() => Ok(None),
        Err(error) => {
            let what = json::describe(&error);
            Err(Failure::message(format!("the state `{}` is not as `#[migrate]` says: {what}", state.state)))
        }
    }
}

/// The text of a state, which tells an enum that does not know the state from one that knows another form of it.
struct Known<'a> {
    state: &'a SavedState,
    is_unknown: &'a Cell<bool>,
}

impl<'de> Deserializer<'de> for Known<'_> {
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
        let SavedState { state, shape, .. } = self.state;
        let exactly = format!("{state}@{shape}");
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
