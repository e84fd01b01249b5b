//! A record to a conversation, in one line: parse, upgrade, decode, check.
//!
//! 1. **parse**: the body becomes slots and instances whose states are still JSON.
//! 2. **upgrade**: `evolution` is asked once for each instance whether its state is current, and otherwise what becomes
//!    of it.
//! 3. **decode**: the states become values.
//! 4. **check**: the invariants of a conversation hold, and each answer fits what waits for it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::value::{BorrowedStrDeserializer, MapAccessDeserializer};
use serde::de::{self, IntoDeserializer};
use serde_json::value::RawValue;

use crate::component::{AnyAnswer, AnyComponent, ComponentDescriptor, Kind, registry};
use crate::evolution::compat::{self, Incompatible, Upgrade};
use crate::evolution::lock;
use crate::evolution::retired::Retired;
use crate::json::{self, describe};
use crate::kernel::OpenAwait;
use crate::kernel::conversation::{Conversation, Instance, PendingUpgrade, Slot};
use crate::kernel::receipt::Receipts;
use crate::model::id::{ConversationId, InstanceId, Owner};
use crate::model::timestamp::Timestamp;
use crate::record::body::{ParsedBody, ParsedEnd, ParsedInstance, ParsedSlot, parse};
use crate::record::contents::{RecordStatus, Stored, StoredResult};
use crate::record::header::Header;
use crate::record::reason::Reason;

/// The components that cannot be saved, by the instances that they belong to.
pub(super) type Transient = BTreeMap<InstanceId, Box<dyn AnyComponent>>;

/// What is known of a conversation beside its body.
pub(super) struct Frame<'a> {
    pub(super) id: ConversationId,
    pub(super) created: Timestamp,
    pub(super) touched: Timestamp,
    pub(super) owner: Option<&'a Owner>,
    pub(super) awaits: &'a [OpenAwait],
}

/// Decodes the record of these parts.
pub(super) fn decode(header: &Header, body: &str) -> Result<(Stored, RecordStatus), Reason> {
    if let Some(component) = &header.superseded_by {
        return Err(Reason::SupersededInMemory(component.clone()));
    }
    if header.has_ended() {
        let ended: ParsedEnd<'_> = parse(body)?;
        let result = StoredResult { json: ended.result.get().to_owned(), receipts: ended.receipts };
        return Ok((Stored::Ended(result), RecordStatus::Current));
    }
    let frame = Frame {
        id: header.id,
        created: header.created,
        touched: header.touched,
        owner: header.owner.as_ref(),
        awaits: &header.awaits,
    };
    let (conversation, mut status) = decode_conversation(&frame, body, Transient::new())?;
    let bottom = conversation.bottom();
    if conversation.pending_upgrades.iter().all(|upgrade| upgrade.instance != bottom.id) {
        if bottom.name() != registry::current_name(&header.flow) {
            return Err(Reason::Corrupt("its header names another flow than its body".to_owned()));
        }
        if bottom.name() != header.flow {
            status = status.max(RecordStatus::Upgradable);
        }
    }
    Ok((Stored::Conversation(conversation), status))
}

/// Decodes a body. `transient` holds the components that are never saved.
pub(super) fn decode_conversation(
    frame: &Frame<'_>,
    body: &str,
    transient: Transient,
) -> Result<(Conversation, RecordStatus), Reason> {
    let parsed: ParsedBody<'_> = parse(body)?;
    let next_instance = parsed.next;
    let mut status = RecordStatus::Current;
    let upgraded = upgrade_slot(parsed.root, &mut status)?;
    let mut decoder = Decoder { awaits: frame.awaits, transient, pending_upgrades: Vec::new() };
    let root = decoder.slot(upgraded)?;
    let conversation = Conversation {
        id: frame.id,
        created: frame.created,
        touched: frame.touched,
        owner: frame.owner.cloned(),
        next_instance,
        root,
        removed: Vec::new(),
        pending_upgrades: decoder.pending_upgrades,
    };
    conversation.check().map_err(Reason::Corrupt)?;
    check_answers(&conversation, &conversation.root, None)?;
    Ok((conversation, status))
}

// ---- Upgrade --------------------------------------------------------------------------------------------------------

struct UpgradedSlot<'a> {
    stack: Vec<UpgradedInstance<'a>>,
    receipts: Receipts,
}

struct UpgradedInstance<'a> {
    id: InstanceId,
    turn: u64,
    resume: Option<String>,
    /// The component that was saved, as this program knows it.
    descriptor: &'static ComponentDescriptor,
    state: UpgradedState<'a>,
    slots: Vec<(String, UpgradedSlot<'a>)>,
}

/// What a saved state is in this program.
enum UpgradedState<'a> {
    /// It is never saved.
    Transient,
    /// To be read as it was saved.
    Saved(&'a RawValue),
    /// What evolution made of it.
    Upgraded(Upgrade),
}

impl UpgradedState<'_> {
    /// Whether the instance ends, or another flow begins in its place.
    fn is_ending(&self) -> bool {
        matches!(self, Self::Upgraded(Upgrade::Retired(_) | Upgrade::HandedTo(_)))
    }
}

fn upgrade_slot<'a>(slot: ParsedSlot<'a>, status: &mut RecordStatus) -> Result<UpgradedSlot<'a>, Reason> {
    let mut stack: Vec<UpgradedInstance<'_>> = Vec::with_capacity(slot.stack.len());
    for instance in slot.stack {
        // What it called is gone with it.
        if stack.last().is_some_and(|below| below.state.is_ending()) {
            break;
        }
        stack.push(upgrade_instance(instance, status)?);
    }
    Ok(UpgradedSlot { stack, receipts: slot.receipts })
}

fn upgrade_instance<'a>(saved: ParsedInstance<'a>, status: &mut RecordStatus) -> Result<UpgradedInstance<'a>, Reason> {
    let name = registry::current_name(&saved.name);
    let Some(descriptor) = registry::lookup(name) else {
        return Err(Reason::UnknownType { name: saved.name.into_owned(), krate: saved.krate.into_owned() });
    };
    let state = upgrade_state(&saved, descriptor)?;
    let own_status = match &state {
        _ if state.is_ending() => RecordStatus::Ending,
        UpgradedState::Upgraded(_) => RecordStatus::Upgradable,
        UpgradedState::Transient | UpgradedState::Saved(_) if name != saved.name => RecordStatus::Upgradable,
        UpgradedState::Transient | UpgradedState::Saved(_) => RecordStatus::Current,
    };
    *status = own_status.max(*status);
    let mut slots = Vec::new();
    if !state.is_ending() {
        for (name, slot) in saved.slots.0 {
            slots.push((name, upgrade_slot(slot, status)?));
        }
    }
    Ok(UpgradedInstance { id: saved.id, turn: saved.turn, resume: saved.resume, descriptor, state, slots })
}

fn upgrade_state<'a>(
    saved: &ParsedInstance<'a>,
    descriptor: &'static ComponentDescriptor,
) -> Result<UpgradedState<'a>, Reason> {
    if descriptor.transient {
        return Ok(UpgradedState::Transient);
    }
    let schema = compat::component_schema(descriptor);
    if compat::is_current(schema, saved.state, &saved.schema, &saved.questions) {
        return Ok(UpgradedState::Saved(saved.state));
    }
    let incompatible =
        |incompatible| Reason::Incompatible { name: descriptor.name.to_owned(), incompatible: Box::new(incompatible) };
    let state = descriptor.kind.is_flow().then(|| compat::name_of(saved.state)).flatten().unwrap_or_default();
    if !saved.schema.is_empty() && !lock::is_known(&saved.name, state, &saved.schema) {
        return Err(incompatible(Incompatible::UnknownSchema(state.to_owned())));
    }
    let upgrade = compat::upgrade(schema, saved.state, &saved.schema, &saved.questions).map_err(incompatible)?;
    Ok(UpgradedState::Upgraded(match upgrade {
        Upgrade::Unchanged => Upgrade::Converted(saved.state.to_owned()),
        other => other,
    }))
}

// ---- Decode ---------------------------------------------------------------------------------------------------------

struct Decoder<'a> {
    awaits: &'a [OpenAwait],
    transient: Transient,
    pending_upgrades: Vec<PendingUpgrade>,
}

impl Decoder<'_> {
    fn slot(&mut self, slot: UpgradedSlot<'_>) -> Result<Slot, Reason> {
        let stack = slot.stack.into_iter().map(|instance| self.instance(instance)).collect::<Result<_, _>>()?;
        Ok(Slot { stack, receipts: slot.receipts })
    }

    fn instance(&mut self, upgraded: UpgradedInstance<'_>) -> Result<Instance, Reason> {
        let UpgradedInstance { id, turn, resume, descriptor, state, slots } = upgraded;
        let component = self.component(id, descriptor, state)?;
        let mut instance = Instance { id, turn, due: None, resume, component, slots: Vec::new() };
        let open = self.awaits.iter().find(|open| open.turn == instance.turn());
        instance.due = open.and_then(|open| open.due);
        for (name, slot) in slots {
            instance.slots.push((name, self.slot(slot)?));
        }
        Ok(instance)
    }

    fn component(
        &mut self,
        id: InstanceId,
        descriptor: &'static ComponentDescriptor,
        state: UpgradedState<'_>,
    ) -> Result<Box<dyn AnyComponent>, Reason> {
        let mut pending = |answer: Option<AnyAnswer>| {
            self.pending_upgrades.push(PendingUpgrade { instance: id, flow: descriptor.name, answer });
        };
        match state {
            UpgradedState::Transient => self.transient.remove(&id).ok_or_else(|| Reason::ChangedSchema {
                name: descriptor.name.to_owned(),
                class: "it is never saved".to_owned(),
            }),
            UpgradedState::Saved(state) => read(descriptor, state),
            UpgradedState::Upgraded(Upgrade::Unchanged) => unreachable!("BUG: a state as it was saved has its JSON"),
            UpgradedState::Upgraded(Upgrade::Converted(state)) => read(descriptor, &state),
            UpgradedState::Upgraded(Upgrade::Migrated(component)) => Ok(component),
            UpgradedState::Upgraded(Upgrade::HandedTo(component)) => {
                pending(None);
                Ok(component)
            }
            UpgradedState::Upgraded(Upgrade::Retired(answer)) => {
                pending(Some(answer));
                Ok(Box::new(Retired))
            }
        }
    }
}

fn read(descriptor: &'static ComponentDescriptor, state: &RawValue) -> Result<Box<dyn AnyComponent>, Reason> {
    let name = descriptor.name;
    Deserialize::deserialize(MapAccessDeserializer::new(Tagged { name, state }.entries()))
        .map_err(|error: serde_json::Error| Reason::ChangedSchema { name: name.to_owned(), class: describe(&error) })
}

// ---- Check ----------------------------------------------------------------------------------------------------------

/// Whether each instance of a slot answers with what the instance below it takes, or, at the bottom, the one that
/// embeds the slot.
fn check_answers(conversation: &Conversation, slot: &Slot, owner: Option<&Instance>) -> Result<(), Reason> {
    let mut below = owner;
    for instance in &slot.stack {
        if let Some(below) = below {
            check_answer(conversation, below, owner.is_some_and(|owner| owner.id == below.id), instance)?;
        }
        for (_, child) in &instance.slots {
            check_answers(conversation, child, Some(instance))?;
        }
        below = Some(instance);
    }
    Ok(())
}

fn check_answer(conversation: &Conversation, below: &Instance, is_owner: bool, above: &Instance) -> Result<(), Reason> {
    // A flow that has ended answers as the flow that it was.
    let ended =
        conversation.pending_upgrades.iter().find(|upgrade| upgrade.instance == above.id && upgrade.answer.is_some());
    let ended = ended.and_then(|ended| registry::lookup(ended.flow));
    let answering = ended.unwrap_or_else(|| above.component.descriptor());
    let waiting = below.component.descriptor();
    // An embedded widget answers to a resume function, never to the await at which a flow is.
    let state = below.state().filter(|_| !is_owner);
    let incompatible = match (&waiting.kind, state) {
        (Kind::Flow { .. }, Some(state)) => {
            let schema = compat::component_schema(waiting);
            let takes = schema.state(state).and_then(|state| state.descriptor.awaits.as_ref());
            let fits = takes.is_none_or(|takes| takes.answer == (answering.answer)());
            let (state, waits_for) = (state.to_owned(), answering.name.to_owned());
            (!fits).then_some(Incompatible::AnswerTypeChanged { state, waits_for })
        }
        (Kind::Component { resumes }, _) => {
            let gone = above.resume.as_ref().filter(|resume| !resumes.contains(&resume.as_str()));
            gone.map(|resume| Incompatible::RemovedResume(resume.clone()))
        }
        (Kind::Flow { .. }, None) => None,
    };
    match incompatible {
        None => Ok(()),
        Some(incompatible) => {
            Err(Reason::Incompatible { name: waiting.name.to_owned(), incompatible: Box::new(incompatible) })
        }
    }
}

// ---- typetag --------------------------------------------------------------------------------------------------------

/// A type name and a state, handed to typetag as the map that it expects, without a copy of the state.
struct Tagged<'a> {
    name: &'a str,
    state: &'a RawValue,
}

impl<'a> Tagged<'a> {
    fn entries(self) -> TaggedEntries<'a> {
        TaggedEntries { keys: ["type", "state"].iter(), tagged: self, on_name: false }
    }
}

struct TaggedEntries<'a> {
    keys: std::slice::Iter<'static, &'static str>,
    tagged: Tagged<'a>,
    on_name: bool,
}

impl<'de> de::MapAccess<'de> for TaggedEntries<'de> {
    type Error = serde_json::Error;

    fn next_key_seed<K: de::DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Self::Error> {
        let Some(key) = self.keys.next() else { return Ok(None) };
        self.on_name = *key == "type";
        seed.deserialize(key.into_deserializer()).map(Some)
    }

    fn next_value_seed<V: de::DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Self::Error> {
        if self.on_name {
            return seed.deserialize(BorrowedStrDeserializer::new(self.tagged.name));
        }
        json::read(seed, self.tagged.state)
    }
}
