//! Conversation to bytes and back.
//!
//! A [`Record`] is what a store keeps: a header that anybody can read (which flow, at which state, waiting for what),
//! the body (the instances with their states), and a checksum over both. [`Record::encode`] makes one from a
//! conversation and proves, before anybody may save it, that its bytes decode to the same conversation.
//! [`Record::parse`] reads bytes from anywhere and believes nothing: length, checksum, format, nesting.
//! What JSON has no form for, such as `Some(())`, is marked: ARCHITECTURE.md has the forms.
//! [`Record::decode`] gives the conversation back. A record that cannot be read is an [`Unreadable`] with the reason;
//! nothing here ever throws one away.
//!
//! ```json
//! {"format":1,"id":"cv-0c9n…","revision":4,"flow":"booking","state":"Room","waits_for":"pick_room",
//!  "created":"2026-11-23T09:30:00.000Z","touched":"2026-11-23T09:31:07.412Z","answered":"i4.0:4be1c0de2f3a9b10",
//!  "body":{"next":6,"root":[{"id":"i1","type":"booking","state":{"Room":{"guest":"ada"}}},
//!                           {"id":"i5","type":"pick_room","state":{"nights":4}}]},
//!  "sum":"…64 hexadecimal digits…"}
//! ```
//!
//! (One line in truth.) The checksum is the last field and covers every byte before it, the header too.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use data_encoding::HEXLOWER;
use serde::de::value::{BorrowedStrDeserializer, MapAccessDeserializer};
use serde::de::{self, IntoDeserializer};
use serde::ser::{Error as _, SerializeMap};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::component::registry;
use crate::component::{Answer, AnyAnswer, AnyComponent, Component, ComponentDescriptor, Kind, Like, Receipt};
use crate::evolution::compat::{self, ComponentSchema, Incompatible, Upgrade};
use crate::evolution::lock::{self, Downgrade};
use crate::evolution::migration::SavedState;
use crate::json::ordered_map::OrderedMap;
use crate::json::{self, TypeFingerprint, describe};
use crate::kernel::conversation::{Conversation, Instance, PendingUpgrade, Slot};
use crate::model::id::{ConversationId, InstanceId, Owner, Turn};
use crate::model::timestamp::Timestamp;
use crate::schema::probed;

pub use crate::model::id::Revision;

/// The format that this version writes. It reads this one and all before it.
pub const FORMAT: u32 = 1;

/// The largest record, in bytes. A larger one is neither saved nor read.
pub const MAX_BYTES: usize = 1 << 20;

/// The deepest nesting of lists and maps in a record that is saved. Reading stops at 127, so there is room for a
/// store that wraps records in something of its own.
pub const MAX_DEPTH: usize = 64;

/// What can be read of a record without knowing its components.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// The version of the record's own layout.
    pub format: u32,
    /// The conversation.
    pub id: ConversationId,
    /// How many changes of it have been committed.
    pub revision: Revision,
    /// The component or flow that it was started with.
    pub flow: String,
    /// The await at which that flow is. Empty if it is not a flow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// The component in front: what the conversation waits for. Empty once it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<String>,
    /// When it was started.
    pub created: Timestamp,
    /// When it last changed.
    pub touched: Timestamp,
    /// Whom it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// The earliest time at which a component in front is [due](crate::Component::due).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Timestamp>,
    /// The last answer that was applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered: Option<Receipt>,
    /// The component because of which the conversation went on in memory only. This record is older than what its
    /// person last saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded_by: Option<String>,
}

/// What a store keeps of one conversation. Its bytes are immutable and carry their own checksum.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    header: Header,
    bytes: Vec<u8>,
    /// Where the body lies in `bytes`.
    body: std::ops::Range<usize>,
}

/// The header without the body, whose states are nobody's business.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record").field("header", &self.header).field("bytes", &self.bytes.len()).finish()
    }
}

/// What a record that can be read is to this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RecordStatus {
    /// It is as this program would write it.
    Same,
    /// It is of a version before, and goes on.
    Changed,
    /// It is of a version before, and ends, or another flow begins in its place.
    Ends,
}

/// Whether all instances are as this program would write them.
fn are_current(slot: &[InstanceWire<'_>]) -> bool {
    slot.iter().all(|wire| {
        let registration = registry::lookup(&wire.name);
        let is_current = |registration: &'static ComponentDescriptor| {
            registration.transient
                || compat::is_current(compat::component_schema(registration), wire.state, &wire.shape, &wire.asks)
        };
        registration.is_some_and(is_current) && wire.slots.0.iter().all(|(_, slot)| are_current(slot))
    })
}

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

/// What a record holds.
#[derive(Debug)]
pub enum Stored {
    /// A conversation that goes on.
    Conversation(Conversation),
    /// One that has ended, and its result as JSON; `null` if it ended without one.
    Ended(String),
}

/// Why a conversation cannot be saved. It is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// A value has no JSON form, for instance a field called `$stube:some`.
    #[error("a value of `{component}` has no JSON form: {class}")]
    NoJson {
        /// The component, where it is known.
        component: String,
        /// What serde_json calls it, without the value.
        class: String,
    },
    /// What was written does not read back, or not as the same value; for instance `Text("a")` of an untagged enum that
    /// has `Letter('a')` too.
    #[error("what was written does not read back: {0}")]
    NoRoundTrip(String),
    /// The record would be larger than [`MAX_BYTES`].
    #[error("the record would have {0} bytes, and the limit is {MAX_BYTES}")]
    TooLarge(usize),
    /// The record would be nested deeper than [`MAX_DEPTH`].
    #[error("the record would be nested {0} deep, and the limit is {MAX_DEPTH}")]
    TooDeep(usize),
}

/// Something in a store that is not a record this program can use. It is left as it is, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{entry}: {reason}")]
pub struct Unreadable {
    /// The conversation, where that much is known.
    pub id: Option<ConversationId>,
    /// What the store calls the entry: a file name, or the id.
    pub entry: String,
    /// Why.
    pub reason: Reason,
}

/// Why an entry of a store cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The bytes are not those that were written.
    #[error("it is damaged: {0}")]
    Corrupt(String),
    /// It is not something that a record can be, for instance a symbolic link.
    #[error("it is not a record: {0}")]
    NotARecord(String),
    /// It is larger than [`MAX_BYTES`].
    #[error("it has {0} bytes, and the limit is {MAX_BYTES}")]
    TooLarge(u64),
    /// A later version of this crate wrote it.
    #[error("it has format {0}, and this program reads formats up to {FORMAT}")]
    NewerFormat(u32),
    /// A component is not linked into this program.
    #[error(
        "the component `{name}` is not in this program; it comes from the crate `{krate}`, which must be linked: name it once, for instance `use {krate} as _;`"
    )]
    UnknownType {
        /// Its name on disk.
        name: String,
        /// The crate that defined it when it was saved.
        krate: String,
    },
    /// A saved state does not fit the code any more.
    #[error("the saved state of `{name}` does not fit its code: {class}")]
    ChangedShape {
        /// The component.
        name: String,
        /// What does not fit, without the value.
        class: String,
    },
    /// It waits in a state of an earlier version of the program, and what becomes of it is not said.
    #[error("the flow or component `{name}`: {misfit}")]
    Incompatible {
        /// The flow or component.
        name: String,
        /// What does not fit.
        misfit: Box<Incompatible>,
    },
    /// The conversation went on in memory, and this is an older state of it.
    #[error("it went on in memory with `{0}`, which cannot be saved, and this is an older state of it")]
    SupersededInMemory(String),
    /// Its body is sealed, and cannot be opened; or it is not, and should be.
    #[error("{0}")]
    Encrypted(String),
}

impl Record {
    /// What can be read without knowing the components.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The conversation.
    pub fn id(&self) -> ConversationId {
        self.header.id
    }

    /// How many changes have been committed.
    pub fn revision(&self) -> Revision {
        self.header.revision
    }

    /// The whole record: what a store keeps, and [`parse`](Self::parse) takes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// All that comes before the body: the header, as it was written.
    #[cfg(feature = "seal")]
    pub(crate) fn head(&self) -> &[u8] {
        &self.bytes[..self.body.start]
    }

    /// The same conversation with another body, which is JSON.
    #[cfg(feature = "seal")]
    pub(crate) fn with_body(&self, body: &str) -> Result<Self, EncodeError> {
        Self::assemble(self.header.clone(), body)
    }

    /// The body, as JSON.
    pub fn body(&self) -> &str {
        std::str::from_utf8(&self.bytes[self.body.clone()]).expect("BUG: a record is made of JSON")
    }

    /// Whether the conversation has ended.
    pub fn has_ended(&self) -> bool {
        self.header.waits_for.is_none()
    }

    /// The record of a conversation that goes on, as its change number `revision`.
    ///
    /// The bytes have been decoded again, and what came out encodes to the same state.
    ///
    /// # Errors
    ///
    /// A value has no JSON form, does not read back, or makes the record larger or deeper than the limits.
    pub fn encode(conversation: &Conversation, revision: Revision) -> Result<Self, EncodeError> {
        Self::encode_for(WriteFor::ThisRelease, conversation, revision)
    }

    /// The same, for these readers.
    ///
    /// # Errors
    ///
    /// As [`encode`](Self::encode).
    pub fn encode_for(readers: WriteFor, conversation: &Conversation, revision: Revision) -> Result<Self, EncodeError> {
        debug_assert_eq!(conversation.check(), Ok(()));
        let told = TypeFingerprint::default();
        let writing = Writing { told: &told, readers };
        let body = encode_body(conversation, writing)?;
        let header = Header {
            format: FORMAT,
            id: conversation.id,
            revision,
            flow: conversation.bottom().name().to_owned(),
            state: conversation.bottom().state().map(str::to_owned),
            waits_for: Some(conversation.front().name().to_owned()),
            created: conversation.created,
            touched: conversation.touched,
            owner: conversation.owner.clone(),
            due: conversation.due,
            answered: conversation.answered.clone(),
            superseded_by: None,
        };
        let record = Self::assemble(header, &body)?;
        record.verify_round_trip(conversation, writing)?;
        Ok(record)
    }

    /// The record of a conversation that has ended with this result.
    ///
    /// # Errors
    ///
    /// The result has no JSON form, does not read back, or makes the record larger or deeper than the limits.
    pub fn encode_ended(ended: &Ended, revision: Revision) -> Result<Self, EncodeError> {
        let told = TypeFingerprint::default();
        let result = ended.result.as_ref().map(|answer| ValueRef(answer.erased(), &told));
        let body = serde_json::to_string(&EndedBody { result })
            .map_err(|error| EncodeError::NoJson { component: ended.flow.to_owned(), class: describe(&error) })?;
        if let Some(result) = &ended.result {
            verify_result(result, &told, &body, ended.flow)?;
        }
        let header = Header {
            format: FORMAT,
            id: ended.id,
            revision,
            flow: ended.flow.to_owned(),
            state: None,
            waits_for: None,
            created: ended.created,
            touched: ended.touched,
            owner: ended.owner.clone(),
            due: None,
            answered: ended.answered.clone(),
            superseded_by: None,
        };
        Self::assemble(header, &body)
    }

    /// The same state, marked: the conversation goes on in memory with `component`, which cannot be saved.
    ///
    /// # Errors
    ///
    /// The mark makes the record larger than the limit.
    pub fn superseded_in_memory(&self, component: &str) -> Result<Self, EncodeError> {
        let mut header = self.header.clone();
        header.revision = header.revision.next();
        header.superseded_by = Some(component.to_owned());
        Self::assemble(header, self.body())
    }

    pub(crate) fn assemble(header: Header, body: &str) -> Result<Self, EncodeError> {
        let mut bytes = serde_json::to_vec(&header).expect("BUG: a header is plain JSON");
        assert_eq!(bytes.pop(), Some(b'}'), "BUG: a header is a map");
        bytes.extend_from_slice(b",\"body\":");
        let start = bytes.len();
        bytes.extend_from_slice(body.as_bytes());
        let body = start..bytes.len();
        let sum = checksum(&bytes);
        bytes.extend_from_slice(SUM.as_bytes());
        bytes.extend_from_slice(sum.as_bytes());
        bytes.extend_from_slice(END.as_bytes());
        if bytes.len() > MAX_BYTES {
            return Err(EncodeError::TooLarge(bytes.len()));
        }
        let depth = depth(&bytes);
        if depth > MAX_DEPTH {
            return Err(EncodeError::TooDeep(depth));
        }
        Ok(Self { header, bytes, body })
    }

    /// Reads a record from bytes that may hold anything.
    ///
    /// # Errors
    ///
    /// The reason why these bytes are not a record of this program, or not a whole one.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, Reason> {
        if bytes.len() > MAX_BYTES {
            return Err(Reason::TooLarge(bytes.len() as u64));
        }
        let corrupt = |what: &str| Reason::Corrupt(what.to_owned());
        // The checksum first: nothing is interpreted of bytes that are not those that were written.
        let summed =
            bytes.len().checked_sub(SUM.len() + SUM_DIGITS + END.len()).ok_or_else(|| corrupt("it is cut off"))?;
        let (content, tail) = bytes.split_at(summed);
        let sum = tail.strip_prefix(SUM.as_bytes()).and_then(|tail| tail.strip_suffix(END.as_bytes()));
        let sum = sum.ok_or_else(|| corrupt("it does not end as a record does"))?;
        if sum != checksum(content).as_bytes() {
            return Err(corrupt("its checksum is that of other bytes"));
        }
        // What was written by a newer version may have any layout but this much.
        #[derive(Deserialize)]
        struct Probe {
            format: u32,
        }
        let wire = std::str::from_utf8(&bytes).map_err(|_| corrupt("it is not UTF-8"))?;
        let unfit = |error: serde_json::Error| Reason::Corrupt(describe(&error));
        let Probe { format } = serde_json::from_str(wire).map_err(unfit)?;
        if format > FORMAT {
            return Err(Reason::NewerFormat(format));
        }
        let Wire { header, body } = parse_wire(wire).map_err(unfit)?;
        let start = body.as_ptr() as usize - wire.as_ptr() as usize;
        let body = start..start + body.len();
        if Revision::from_number(header.revision.number()).is_none() {
            return Err(corrupt("its revision is out of range"));
        }
        Ok(Self { header, bytes, body })
    }

    /// The conversation that the record holds, or its result.
    ///
    /// # Errors
    ///
    /// A component is not in this program, a state does not fit its code, or the conversation went on in memory.
    pub fn decode(&self) -> Result<Stored, Reason> {
        if let Some(component) = &self.header.superseded_by {
            return Err(Reason::SupersededInMemory(component.clone()));
        }
        if self.has_ended() {
            let body: EndedWire<'_> =
                serde_json::from_str(self.body()).map_err(|error| Reason::Corrupt(describe(&error)))?;
            return Ok(Stored::Ended(body.result.get().to_owned()));
        }
        self.decode_conversation().map(Stored::Conversation)
    }

    /// What the record is to this program, which has what it holds or not.
    ///
    /// # Errors
    ///
    /// As [`decode`](Self::decode): it would be left alone.
    pub fn fits(&self) -> Result<RecordStatus, Reason> {
        match self.decode()? {
            Stored::Ended(_) => Ok(RecordStatus::Same),
            Stored::Conversation(conversation) if !conversation.is_settled() => Ok(RecordStatus::Ends),
            Stored::Conversation(conversation) => {
                let body: BodyWire<'_> =
                    serde_json::from_str(self.body()).map_err(|error| Reason::Corrupt(describe(&error)))?;
                let is_same = conversation.bottom().name() == self.header.flow && are_current(&body.root);
                Ok(if is_same { RecordStatus::Same } else { RecordStatus::Changed })
            }
        }
    }

    fn decode_conversation(&self) -> Result<Conversation, Reason> {
        let body: BodyWire<'_> =
            serde_json::from_str(self.body()).map_err(|error| Reason::Corrupt(describe(&error)))?;
        let mut reader = Reader::default();
        let conversation = Conversation {
            id: self.header.id,
            created: self.header.created,
            touched: self.header.touched,
            owner: self.header.owner.clone(),
            due: self.header.due,
            next_instance: body.next,
            answered: self.header.answered.clone(),
            root: reader.slot(body.root, None)?,
            removed: Vec::new(),
            pending_upgrades: reader.pending_upgrades,
        };
        conversation.check().map_err(Reason::Corrupt)?;
        let bottom = conversation.bottom();
        let is_settled = conversation.pending_upgrades.iter().all(|other| other.instance != bottom.id);
        if is_settled && bottom.name() != registry::current_name(&self.header.flow) {
            return Err(Reason::Corrupt("its header names another flow than its body".to_owned()));
        }
        Ok(conversation)
    }

    /// Decodes the bytes that are about to be saved, and encodes what came out once more. That must give the same bytes,
    /// and serde must be told the same of them: values of two types may have one JSON form.
    fn verify_round_trip(
        &self,
        conversation: &Conversation,
        Writing { told, readers }: Writing<'_>,
    ) -> Result<(), EncodeError> {
        let lost = |what: String| EncodeError::NoRoundTrip(what);
        let parsed = Self::parse(self.bytes.clone()).map_err(|reason| lost(reason.to_string()))?;
        let again = parsed.decode_conversation().map_err(|reason| lost(reason.to_string()))?;
        let again_told = TypeFingerprint::default();
        let again_body = encode_body(&again, Writing { told: &again_told, readers })?;
        if *told == again_told && (same(&again_body, self.body())) {
            return Ok(());
        }
        let pairs = conversation.instances().into_iter().zip(again.instances());
        let differs = |(before, after): &(&Instance, &Instance)| match (written(before), written(after)) {
            (Ok((before, told)), Ok((after, again_told))) => told != again_told || !same(&before, &after),
            (Err(_), _) | (_, Err(_)) => true,
        };
        let component = pairs.rev().find(differs).map_or("?", |(instance, _)| instance.name());
        Err(lost(format!("a value of `{component}` came back as another one")))
    }
}

/// Reads the result from the body that is about to be saved, and encodes what came out once more.
fn verify_result(result: &AnyAnswer, told: &TypeFingerprint, body: &str, flow: &str) -> Result<(), EncodeError> {
    let lost =
        |error: serde_json::Error| EncodeError::NoRoundTrip(format!("the result of `{flow}`: {}", describe(&error)));
    let wire: EndedWire<'_> = serde_json::from_str(body).map_err(lost)?;
    let again = json::read(Like(result), wire.result).map_err(lost)?;
    let again_told = TypeFingerprint::default();
    let again_result = Some(ValueRef(again.erased(), &again_told));
    let again_body = serde_json::to_string(&EndedBody { result: again_result }).map_err(lost)?;
    if *told == again_told && same(&again_body, body) {
        return Ok(());
    }
    Err(EncodeError::NoRoundTrip(format!("the result of `{flow}` came back as another one")))
}

/// The result of a conversation, from the JSON that [`Stored::Ended`] holds. Any JSON reader gives the same for a result
/// that is plain JSON; this one also knows the forms of what JSON has none for, such as `Some(())`.
///
/// # Errors
///
/// It is not a `T`.
pub fn result<T: Answer>(json: &str) -> Result<T, Reason> {
    let name = std::any::type_name::<T>().to_owned();
    json::from_json(json).map_err(|error| Reason::ChangedShape { name, class: describe(&error) })
}

/// What is left of a conversation that has ended.
#[derive(Debug)]
pub struct Ended {
    pub(crate) id: ConversationId,
    pub(crate) flow: &'static str,
    pub(crate) created: Timestamp,
    pub(crate) touched: Timestamp,
    pub(crate) owner: Option<Owner>,
    pub(crate) answered: Option<Receipt>,
    pub(crate) result: Option<AnyAnswer>,
    /// What the last step took away.
    pub(crate) removed: Vec<Instance>,
}

impl Ended {
    /// The result, if the conversation ended with one of this type.
    pub fn result<T: Answer>(self) -> Option<T> {
        self.result?.downcast().ok()
    }
}

#[derive(Serialize)]
struct EndedBody<'a> {
    result: Option<ValueRef<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EndedWire<'a> {
    #[serde(borrow)]
    result: &'a RawValue,
}

const SUM: &str = ",\"sum\":\"";
const SUM_DIGITS: usize = 64;
const END: &str = "\"}\n";

fn checksum(content: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(content))
}

/// How deep lists and maps are nested.
fn depth(bytes: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for &byte in bytes {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Whether two texts are one value, but for the order of what is in lists and maps: a hash map is written in another
/// order each time.
fn same(one: &str, other: &str) -> bool {
    one == other || matches!((sorted(one), sorted(other)), (Ok(one), Ok(other)) if one == other)
}

/// The text with every list and map in order. Numbers are compared as they are written: read as floats, two that are
/// wide would be equal, and so would 0.0 and -0.0.
fn sorted(text: &str) -> Result<String, serde_json::Error> {
    let (open, mut items, close) = match text.as_bytes().first() {
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(text)?;
            ('[', items.into_iter().map(|item| sorted(item.get())).collect::<Result<Vec<_>, _>>()?, ']')
        }
        Some(b'{') => {
            let OrderedMap(pairs) = serde_json::from_str::<OrderedMap<&RawValue, &RawValue>>(text)?;
            let pair = |(key, value): (&RawValue, &RawValue)| Ok(format!("{key}:{}", sorted(value.get())?));
            ('{', pairs.into_iter().map(pair).collect::<Result<_, serde_json::Error>>()?, '}')
        }
        _ => return Ok(text.to_owned()),
    };
    items.sort_unstable();
    Ok(format!("{open}{}{close}", items.join(",")))
}

// ---- The header on disk -------------------------------------------------------------------------------------------

struct Wire<'a> {
    header: Header,
    body: &'a str,
}

/// Splits a record into header and body. Written by hand because serde's `flatten` would buffer the body.
fn parse_wire(text: &str) -> Result<Wire<'_>, serde_json::Error> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Fields<'a> {
        format: u32,
        id: ConversationId,
        revision: Revision,
        flow: String,
        #[serde(default)]
        state: Option<String>,
        #[serde(default)]
        waits_for: Option<String>,
        created: Timestamp,
        touched: Timestamp,
        #[serde(default)]
        owner: Option<Owner>,
        #[serde(default)]
        due: Option<Timestamp>,
        #[serde(default)]
        answered: Option<Receipt>,
        #[serde(default)]
        superseded_by: Option<String>,
        #[serde(borrow)]
        body: &'a RawValue,
        #[serde(rename = "sum")]
        _sum: de::IgnoredAny,
    }
    let f: Fields<'_> = serde_json::from_str(text)?;
    let header = Header {
        format: f.format,
        id: f.id,
        revision: f.revision,
        flow: f.flow,
        state: f.state,
        waits_for: f.waits_for,
        created: f.created,
        touched: f.touched,
        owner: f.owner,
        due: f.due,
        answered: f.answered,
        superseded_by: f.superseded_by,
    };
    Ok(Wire { header, body: f.body.get() })
}

impl Serialize for Receipt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}:{}", self.turn, self.digest))
    }
}

impl<'de> Deserialize<'de> for Receipt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        let (turn, digest) = text.split_once(':').ok_or_else(|| de::Error::custom("not a turn and a digest"))?;
        let turn: Turn = turn.parse().map_err(de::Error::custom)?;
        Ok(Self { turn, digest: digest.to_owned() })
    }
}

// ---- The body on disk ---------------------------------------------------------------------------------------------

/// How states are written.
#[derive(Clone, Copy)]
struct Writing<'a> {
    told: &'a TypeFingerprint,
    readers: WriteFor,
}

fn encode_body(conversation: &Conversation, writing: Writing<'_>) -> Result<String, EncodeError> {
    let body = Body { next: conversation.next_instance, root: SlotRef(&conversation.root, writing) };
    serde_json::to_string(&body).map_err(|error| {
        let unsavable = |instance: &&Instance| written(instance).is_err();
        let component = conversation.instances().into_iter().rev().find(unsavable).map_or("?", Instance::name);
        EncodeError::NoJson { component: component.to_owned(), class: describe(&error) }
    })
}

/// The state of one instance, and what serde was told of it.
fn written(instance: &Instance) -> Result<(String, TypeFingerprint), serde_json::Error> {
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
        let earlier = match (writing.readers, state) {
            (WriteFor::PreviousRelease, Some(state)) => lock::rolling(registration.name, state.name()),
            _ => None,
        };
        let earlier = earlier.map(|rolling| as_earlier(instance, rolling, writing.told).map_err(S::Error::custom));
        let earlier = earlier.transpose()?.flatten();
        if !registration.transient {
            let (shape, asks) = match (&earlier, state) {
                (Some((rolling, _)), _) => (&rolling.shape, &rolling.asks),
                (None, Some(state)) => (&state.digest, &state.asks),
                (None, None) => (&component_schema.digest, &NOTHING),
            };
            map.serialize_entry("shape", shape)?;
            if !asks.is_empty() {
                map.serialize_entry("asks", asks)?;
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
    Ok(earlier.leave_out(&rolling.without).then(|| (rolling, earlier.to_json())))
}

/// A value of the author's.
struct ValueRef<'a>(&'a dyn erased_serde::Serialize, &'a TypeFingerprint);

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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BodyWire<'a> {
    next: u64,
    #[serde(borrow)]
    root: Vec<InstanceWire<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InstanceWire<'a> {
    id: InstanceId,
    #[serde(default)]
    turn: u64,
    #[serde(default)]
    resume: Option<String>,
    #[serde(rename = "type", borrow)]
    name: Cow<'a, str>,
    #[serde(default, borrow)]
    shape: Cow<'a, str>,
    #[serde(default, borrow)]
    asks: Cow<'a, str>,
    #[serde(rename = "crate", default = "own_crate", borrow)]
    krate: Cow<'a, str>,
    #[serde(borrow)]
    state: &'a RawValue,
    #[serde(default, borrow)]
    slots: SlotsWire<'a>,
}

fn own_crate() -> Cow<'static, str> {
    Cow::Borrowed(registry::OWN_CRATE)
}

/// The child slots in the order in which they are written.
type SlotsWire<'a> = OrderedMap<String, Vec<InstanceWire<'a>>>;

/// The components that cannot be saved, by the instances that they belong to.
type Transient = BTreeMap<InstanceId, Box<dyn AnyComponent>>;

/// Reads instances, and brings those of an earlier version up to date.
#[derive(Default)]
struct Reader {
    transient: Transient,
    pending_upgrades: Vec<PendingUpgrade>,
}

impl Reader {
    /// A stack of instances. The lowest answers to `owner`, whose slot it is.
    fn slot(&mut self, wires: Vec<InstanceWire<'_>>, owner: Option<&'static ComponentSchema>) -> Result<Slot, Reason> {
        let mut slot = Slot::new();
        let mut below = owner;
        for wire in wires {
            // What it called is gone with it.
            if slot
                .last()
                .is_some_and(|last: &Instance| self.pending_upgrades.iter().any(|other| other.instance == last.id))
            {
                break;
            }
            let instance = self.instance(wire)?;
            if let Some(below) = below {
                self.check_answer(below, slot.last(), &instance)?;
            }
            below = Some(compat::component_schema(instance.component.descriptor()));
            slot.push(instance);
        }
        Ok(slot)
    }

    fn instance(&mut self, wire: InstanceWire<'_>) -> Result<Instance, Reason> {
        let name = registry::current_name(&wire.name);
        let Some(registration) = registry::lookup(name) else {
            return Err(Reason::UnknownType { name: wire.name.into_owned(), krate: wire.krate.into_owned() });
        };
        let unfit = |class: String| Reason::ChangedShape { name: name.to_owned(), class };
        let (id, turn, resume) = (wire.id, wire.turn, wire.resume);
        let plain = |component| Instance { id, turn, resume, component, slots: Vec::new() };
        if registration.transient {
            let component = self.transient.remove(&id).ok_or_else(|| unfit("it is never saved".to_owned()))?;
            return self.with_slots(plain(component), wire.slots, registration);
        }
        let component_schema = compat::component_schema(registration);
        let misfit = |misfit| Reason::Incompatible { name: name.to_owned(), misfit: Box::new(misfit) };
        let read = |state: &RawValue| {
            Deserialize::deserialize(MapAccessDeserializer::new(Tagged { name, state }.entries()))
                .map_err(|error: serde_json::Error| unfit(describe(&error)))
        };
        let mut unsettle =
            |answer| self.pending_upgrades.push(PendingUpgrade { instance: id, flow: registration.name, answer });
        if compat::is_current(component_schema, wire.state, &wire.shape, &wire.asks) {
            return self.with_slots(plain(read(wire.state)?), wire.slots, registration);
        }
        let state = registration.kind.is_flow().then(|| compat::name_of(wire.state)).flatten().unwrap_or_default();
        if !wire.shape.is_empty() && !lock::is_known(&wire.name, state, &wire.shape) {
            return Err(misfit(Incompatible::Newer(state.to_owned())));
        }
        let component = match compat::fit(component_schema, wire.state, &wire.shape, &wire.asks).map_err(misfit)? {
            Upgrade::AsIs => read(wire.state)?,
            Upgrade::Changed(state) => read(&state)?,
            Upgrade::Goes(component) => component,
            Upgrade::HandedTo(component) => {
                unsettle(None);
                return Ok(plain(component));
            }
            Upgrade::Retired(answer) => {
                unsettle(Some(answer));
                return Ok(plain(Box::new(Retired)));
            }
        };
        self.with_slots(plain(component), wire.slots, registration)
    }

    /// Whether what answers fits what waits for it: the instance below, or the one that embeds it.
    fn check_answer(
        &self,
        below: &ComponentSchema,
        waiting: Option<&Instance>,
        above: &Instance,
    ) -> Result<(), Reason> {
        // What has ended answers as the flow that it was.
        let ended = self.pending_upgrades.iter().find(|other| other.instance == above.id && other.answer.is_some());
        let ended = ended.and_then(|ended| registry::lookup(ended.flow));
        let registration = ended.unwrap_or_else(|| above.component.descriptor());
        let misfit = match (&below.registration.kind, waiting.and_then(Instance::state)) {
            (Kind::Flow { .. }, Some(state)) => {
                let takes = below.state(state).and_then(|state| state.described.awaits.as_ref());
                let fits = takes.is_none_or(|takes| takes.answer == (registration.answer)());
                let (state, waits_for) = (state.to_owned(), registration.name.to_owned());
                (!fits).then_some(Incompatible::AnotherAnswer { state, waits_for })
            }
            (Kind::Component { resumes }, _) => {
                let gone = above.resume.as_ref().filter(|resume| !resumes.contains(&resume.as_str()));
                gone.map(|resume| Incompatible::NoResume(resume.clone()))
            }
            (Kind::Flow { .. }, None) => None,
        };
        misfit.map_or(Ok(()), |misfit| {
            let name = below.registration.name.to_owned();
            Err(Reason::Incompatible { name, misfit: Box::new(misfit) })
        })
    }

    fn with_slots(
        &mut self,
        mut instance: Instance,
        slots: SlotsWire<'_>,
        registration: &'static ComponentDescriptor,
    ) -> Result<Instance, Reason> {
        for (name, wires) in slots.0 {
            instance.slots.push((name, self.slot(wires, Some(compat::component_schema(registration)))?));
        }
        Ok(instance)
    }
}

/// Stands where a flow of an earlier version has ended, until its answer is handed on.
#[derive(Serialize, Deserialize)]
struct Retired;

#[typetag::serde(name = "stube:retired")]
impl AnyComponent for Retired {}

impl Component for Retired {
    type Answer = ();

    const DESCRIPTOR: &'static ComponentDescriptor = &ComponentDescriptor {
        type_name: std::any::type_name::<Self>,
        answer: std::any::type_name::<()>,
        name: "stube:retired",
        was: &[],
        probe: probed::<Self>,
        probe_answer: probed::<()>,
        kind: Kind::Component { resumes: &[] },
        transient: true,
        krate: registry::OWN_CRATE,
        defined: module_path!(),
    };
}

/// A conversation with a component that cannot be saved, as it was before an event. The structure and all other
/// components are encoded; that component itself is taken back from what the event left behind, so its own fields are
/// then whatever its handler made of them.
pub(crate) struct Checkpoint {
    body: String,
    id: ConversationId,
    created: Timestamp,
    touched: Timestamp,
    owner: Option<Owner>,
    due: Option<Timestamp>,
    answered: Option<Receipt>,
}

impl Checkpoint {
    pub(crate) fn take(conversation: &Conversation) -> Result<Self, EncodeError> {
        Ok(Self {
            body: encode_body(
                conversation,
                Writing { told: &TypeFingerprint::default(), readers: WriteFor::ThisRelease },
            )?,
            id: conversation.id,
            created: conversation.created,
            touched: conversation.touched,
            owner: conversation.owner.clone(),
            due: conversation.due,
            answered: conversation.answered.clone(),
        })
    }

    /// The conversation as it was. `leftovers` holds every instance that was there then, wherever it is now.
    pub(crate) fn restore(self, leftovers: Vec<Instance>) -> Result<Conversation, Reason> {
        let mut transient = Transient::new();
        salvage(leftovers, &mut transient);
        let body: BodyWire<'_> = serde_json::from_str(&self.body).map_err(|error| Reason::Corrupt(describe(&error)))?;
        Ok(Conversation {
            id: self.id,
            created: self.created,
            touched: self.touched,
            owner: self.owner,
            due: self.due,
            next_instance: body.next,
            answered: self.answered,
            root: Reader { transient, ..Reader::default() }.slot(body.root, None)?,
            removed: Vec::new(),
            pending_upgrades: Vec::new(),
        })
    }
}

fn salvage(instances: Vec<Instance>, transient: &mut Transient) {
    for instance in instances {
        if instance.component.descriptor().transient {
            transient.insert(instance.id, instance.component);
        }
        instance.slots.into_iter().for_each(|(_, slot)| salvage(slot, transient));
    }
}

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
