//! Editing the saved state of a conversation as JSON text.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::json::ordered_map::OrderedMap;
use crate::model::id::ConversationId;
use crate::operate::error::{InvalidEdit, OperateError};
use crate::operate::pretty::pretty;
use crate::operate::{applied, is_encrypted, load};
use crate::record::{Record, Revision, RevisionNonce, Stored};
use crate::runtime::new_nonce;
use crate::store::Store;

/// The keys of a saved instance that state the schema it was written under. An edited state is read by its names.
const SCHEMA_KEYS: [&str; 2] = ["schema", "questions"];

/// The state of a conversation as text to edit, and the record that it was taken from.
#[derive(Debug, Clone)]
pub struct Draft {
    record: Record,
    text: String,
}

/// Takes the saved state of a running conversation as text to edit. Needs the flows of the application in this program
/// when the draft is saved.
///
/// # Errors
///
/// [`OperateError::NotFound`], [`OperateError::HasEnded`], [`OperateError::Encrypted`], [`OperateError::Unreadable`]
/// and [`OperateError::Store`].
pub async fn edit(store: &dyn Store, id: ConversationId) -> Result<Draft, OperateError> {
    Draft::of(load(store, id).await?)
}

impl Draft {
    /// The draft of this record.
    ///
    /// # Errors
    ///
    /// [`OperateError::HasEnded`] and [`OperateError::Encrypted`].
    pub fn of(record: Record) -> Result<Self, OperateError> {
        if record.has_ended() {
            return Err(OperateError::HasEnded(record.id()));
        }
        if is_encrypted(&record) {
            return Err(OperateError::Encrypted(record.id()));
        }
        let body: Box<RawValue> = serde_json::from_str(record.body()).expect("BUG: the body of a record is JSON");
        let text = pretty(&without_schemas_in_body(&body)) + "\n";
        Ok(Self { record, text })
    }

    /// The conversation.
    pub fn id(&self) -> ConversationId {
        self.record.id()
    }

    /// The text to edit: the body of the record as indented JSON. The states are under `root`, from the component that
    /// the conversation was started with to the one on top.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Checks an edited text: it must decode to a conversation of this program.
    ///
    /// # Errors
    ///
    /// The reason why it does not.
    pub fn check(&self, text: &str) -> Result<(), InvalidEdit> {
        self.revised(text, RevisionNonce::ZERO).map(|_| ())
    }

    /// Saves an edited text as the next revision, if the conversation has not been changed since the draft was taken.
    ///
    /// # Errors
    ///
    /// [`OperateError::InvalidEdit`], [`OperateError::Conflict`], [`OperateError::Store`], [`OperateError::Unknown`],
    /// and [`OperateError::Runtime`] if the system has no random bytes.
    pub async fn save(&self, store: &dyn Store, text: &str) -> Result<Revision, OperateError> {
        let revised = self.revised(text, new_nonce()?)?;
        let saved = store.save(&revised, Some(self.record.revision())).await;
        applied(store, self.id(), saved)?;
        Ok(revised.revision())
    }

    /// The record with this body, as the next revision.
    fn revised(&self, text: &str, nonce: RevisionNonce) -> Result<Record, InvalidEdit> {
        let body: Box<RawValue> = serde_json::from_str(text).map_err(InvalidEdit::NotJson)?;
        let edited = Record::assemble(self.record.header().clone(), body.get()).map_err(InvalidEdit::NotSavable)?;
        match edited.decode().map_err(InvalidEdit::Unreadable)? {
            Stored::Conversation(conversation) if conversation.is_upgraded() => {
                Record::encode(&conversation, self.record.lineage().next(nonce)).map_err(InvalidEdit::NotSavable)
            }
            Stored::Conversation(_) | Stored::Ended(_) => Err(InvalidEdit::WouldEnd),
        }
    }
}

type Map = OrderedMap<String, Box<RawValue>>;

/// A body without the schema keys of its instances. What is not a body stays as it is: saving it reports the reason.
fn without_schemas_in_body(body: &RawValue) -> Box<RawValue> {
    replaced(body, |key, value| (key == "root").then(|| without_schemas(value)))
}

/// A slot without the schema keys of its instances and of those in their child slots.
fn without_schemas(slot: &RawValue) -> Box<RawValue> {
    replaced(slot, |key, value| (key == "stack").then(|| without_schemas_in_stack(value)))
}

fn without_schemas_in_stack(stack: &RawValue) -> Box<RawValue> {
    let Ok(instances) = serde_json::from_str::<Vec<Box<RawValue>>>(stack.get()) else { return stack.to_owned() };
    let instances = instances.iter().map(|instance| {
        let Ok(Map { 0: mut entries }) = Map::deserialize(&**instance) else { return instance.clone() };
        entries.retain(|(key, _)| !SCHEMA_KEYS.contains(&key.as_str()));
        let instance = raw(&OrderedMap(entries));
        let slots = |slots: &RawValue| replaced(slots, |_, slot| Some(without_schemas(slot)));
        replaced(&instance, |key, value| (key == "slots").then(|| slots(value)))
    });
    raw(&instances.collect::<Vec<_>>())
}

/// A map with the values that `replace` gives; anything else as it is.
fn replaced(map: &RawValue, replace: impl Fn(&str, &RawValue) -> Option<Box<RawValue>>) -> Box<RawValue> {
    let Ok(Map { 0: mut entries }) = Map::deserialize(map) else { return map.to_owned() };
    for (key, value) in &mut entries {
        if let Some(new) = replace(key, value) {
            *value = new;
        }
    }
    raw(&OrderedMap(entries))
}

fn raw(value: &impl Serialize) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).expect("BUG: it is made of JSON")
}
