//! The stored record of one conversation, as values to show.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::json::ordered_map::OrderedMap;
use crate::model::id::ConversationId;
use crate::operate::{OperateError, is_encrypted, load};
use crate::record::{Header, Reason, Record, RecordStatus};
use crate::store::Store;

/// The content of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Inspection {
    /// The header.
    pub header: Header,
    /// Whether this program can continue the conversation. A program without the conversation's flows reports
    /// [`Reason::UnknownType`].
    pub status: Result<RecordStatus, Reason>,
    /// The root slot, from the component that the conversation was started with to the one on top. Empty if the
    /// conversation has ended, or if its body is encrypted and the store has no key.
    pub stack: Vec<InspectedInstance>,
    /// The result as JSON; `None` if the conversation is running or ended without a result.
    pub result: Option<String>,
}

/// One instance of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct InspectedInstance {
    /// Its id, for instance `i5`.
    pub id: String,
    /// The name of its component on disk.
    pub component: String,
    /// Its state as JSON, byte for byte as it is stored.
    pub state: String,
    /// Its child slots by name, each with its stack.
    pub slots: Vec<(String, Vec<InspectedInstance>)>,
}

/// Reads what the store holds of a conversation. Needs no flow of the application, and runs none of its code except the
/// deserialization of states.
///
/// # Errors
///
/// [`OperateError::NotFound`], [`OperateError::Unreadable`] and [`OperateError::Store`].
pub async fn inspect(store: &dyn Store, id: ConversationId) -> Result<Inspection, OperateError> {
    Ok(Inspection::of(&load(store, id).await?))
}

impl Inspection {
    /// The content of this record.
    pub fn of(record: &Record) -> Self {
        // An encrypted body is no such map; then `status` has the reason.
        let body = serde_json::from_str::<Body<'_>>(record.body()).unwrap_or_default();
        let encrypted =
            || Reason::Encrypted("its body is encrypted, and the store was opened without the keys".to_owned());
        Self {
            header: record.header().clone(),
            status: if is_encrypted(record) { Err(encrypted()) } else { record.status() },
            stack: inspected(body.root),
            result: body.result.map(|result| result.get().to_owned()),
        }
    }
}

/// The body of a record.
#[derive(Default, Deserialize)]
struct Body<'a> {
    #[serde(default, borrow)]
    root: Slot<'a>,
    #[serde(default, borrow)]
    result: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct Slot<'a> {
    #[serde(borrow)]
    stack: Vec<Instance<'a>>,
}

#[derive(Deserialize)]
struct Instance<'a> {
    id: String,
    #[serde(rename = "type")]
    component: String,
    #[serde(borrow)]
    state: &'a RawValue,
    #[serde(default, borrow)]
    slots: OrderedMap<String, Slot<'a>>,
}

fn inspected(slot: Slot<'_>) -> Vec<InspectedInstance> {
    let inspect = |Instance { id, component, state, slots }| InspectedInstance {
        id,
        component,
        state: RawValue::get(state).to_owned(),
        slots: slots.0.into_iter().map(|(name, slot)| (name, inspected(slot))).collect(),
    };
    slot.stack.into_iter().map(inspect).collect()
}
