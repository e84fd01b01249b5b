//! The body of a record, as serde writes it: the tree of slots and instances, with the states of the author's types.

use serde::ser::{Error as _, SerializeMap};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::component::registry;
use crate::evolution::compat;
use crate::evolution::lock::{self, Downgrade};
use crate::evolution::migration::SavedState;
use crate::json::{self, TypeFingerprint, describe};
use crate::kernel::conversation::{Conversation, Instance, Slot};
use crate::kernel::receipt::Receipts;
use crate::record::EncodeError;

/// Who is to read what is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WriteFor {
    /// This release, and those after it.
    #[default]
    ThisRelease,
    /// The release before, too, while both run: a state that has locals which that one did not know is written without
    /// them, as long as they are what their `#[default]` says. Nothing is lost by that. A state in which they are
    /// something else is written as it is, and is left alone by the release before. What that one's shapes were says
    /// `flows.lock`: see [`lock`](mod@crate::evolution::lock).
    PreviousRelease,
}

#[derive(Serialize)]
pub(super) struct EndedBody<'a> {
    pub(super) result: Option<ValueRef<'a>>,
    #[serde(skip_serializing_if = "Receipts::is_empty")]
    pub(super) receipts: &'a Receipts,
}

/// How states are written.
#[derive(Clone, Copy)]
pub(super) struct Writing<'a> {
    pub(super) told: &'a TypeFingerprint,
    pub(super) write_for: WriteFor,
}

pub(super) fn encode_body(conversation: &Conversation, writing: Writing<'_>) -> Result<String, EncodeError> {
    let body = Body { next: conversation.next_instance, root: SlotRef(&conversation.root, writing) };
    serde_json::to_string(&body).map_err(|error| {
        let unsavable = |instance: &&Instance| encode_state(instance).is_err();
        let component = conversation.instances().into_iter().rev().find(unsavable).map_or("?", Instance::name);
        EncodeError::NoJson { component: component.to_owned(), class: describe(&error) }
    })
}

/// The state of one instance, and what serde was told of it.
pub(super) fn encode_state(instance: &Instance) -> Result<(String, TypeFingerprint), serde_json::Error> {
    let told = TypeFingerprint::default();
    let state = match instance.component.descriptor().transient {
        true => String::new(),
        false => serde_json::to_string(&ValueRef(&*instance.component, &told))?,
    };
    Ok((state, told))
}

#[derive(Serialize)]
struct Body<'a> {
    next: u64,
    root: SlotRef<'a>,
}

struct SlotRef<'a>(&'a Slot, Writing<'a>);

impl Serialize for SlotRef<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(slot, writing) = *self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("stack", &StackRef(&slot.stack, writing))?;
        if !slot.receipts.is_empty() {
            map.serialize_entry("receipts", &slot.receipts)?;
        }
        map.end()
    }
}

struct StackRef<'a>(&'a [Instance], Writing<'a>);

impl Serialize for StackRef<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|instance| InstanceRef(instance, self.1)))
    }
}

struct InstanceRef<'a>(&'a Instance, Writing<'a>);

impl Serialize for InstanceRef<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(instance, writing) = *self;
        let registration = instance.component.descriptor();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &instance.id)?;
        if instance.turn > 0 {
            map.serialize_entry("turn", &instance.turn)?;
        }
        if let Some(resume) = &instance.resume {
            map.serialize_entry("resume", resume)?;
        }
        map.serialize_entry("type", registration.name)?;
        let component_schema = compat::component_schema(registration);
        let state = instance.state().and_then(|state| component_schema.state(state));
        let earlier = match (writing.write_for, state) {
            (WriteFor::PreviousRelease, Some(state)) => lock::downgrade(registration.name, state.name()),
            _ => None,
        };
        let earlier = earlier.map(|rolling| as_earlier(instance, rolling, writing.told).map_err(S::Error::custom));
        let earlier = earlier.transpose()?.flatten();
        if !registration.transient {
            let (schema, questions) = match (&earlier, state) {
                (Some((rolling, _)), _) => (&rolling.schema, &rolling.questions),
                (None, Some(state)) => (&state.fingerprint, &state.questions),
                (None, None) => (&component_schema.fingerprint, &NOTHING),
            };
            map.serialize_entry("schema", schema)?;
            if !questions.is_empty() {
                map.serialize_entry("questions", questions)?;
            }
        }
        // Our own components are in every program.
        if registration.krate != registry::OWN_CRATE {
            map.serialize_entry("crate", registration.krate)?;
        }
        if registration.transient {
            // Only a checkpoint may hold one; a record is refused when it is read back.
            map.serialize_entry("state", &())?;
        } else if let Some((_, state)) = &earlier {
            map.serialize_entry("state", state)?;
        } else {
            map.serialize_entry("state", &ValueRef(&*instance.component, writing.told))?;
        }
        if !instance.slots.is_empty() {
            map.serialize_entry("slots", &SlotsRef(&instance.slots, writing))?;
        }
        map.end()
    }
}

static NOTHING: String = String::new();

/// A state as an earlier version would have written it, if that leaves nothing out but what its reader fills in.
fn as_earlier(
    instance: &Instance,
    rolling: &'static Downgrade,
    told: &TypeFingerprint,
) -> Result<Option<(&'static Downgrade, Box<RawValue>)>, serde_json::Error> {
    let state = serde_json::value::to_raw_value(&ValueRef(&*instance.component, told))?;
    let mut earlier = SavedState::parse(&state, "")?;
    Ok(earlier.remove_defaults(&rolling.new_locals).then(|| (rolling, earlier.to_json())))
}

/// A value of the author's.
pub(super) struct ValueRef<'a>(pub(super) &'a dyn erased_serde::Serialize, pub(super) &'a TypeFingerprint);

impl Serialize for ValueRef<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        json::write(self.0, serializer, self.1)
    }
}

struct SlotsRef<'a>(&'a [(String, Slot)], Writing<'a>);

impl Serialize for SlotsRef<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, slot)| (name, SlotRef(slot, self.1))))
    }
}
