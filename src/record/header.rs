//! The header of a record.
//!
//! Takes the text of a record, and gives its header and the text of its body. Knows no component, and never looks into
//! the body.

use serde::{Deserialize, Serialize, de};
use serde_json::value::RawValue;

use crate::json::describe;
use crate::kernel::OpenAwait;
use crate::model::id::{ConversationId, Owner};
use crate::model::revision::{Ancestors, Lineage, RevisionNonce};
use crate::model::timestamp::Timestamp;
use crate::record::limits::FORMAT;
use crate::record::reason::Reason;

/// What can be read of a record without knowing its components.
///
/// It says where a conversation is: flow, state, and what is open. It holds no answer, and no digest of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Header {
    /// The version of the record's own layout.
    pub format: u32,
    /// The conversation.
    pub id: ConversationId,
    /// The number of the revision.
    #[serde(rename = "revision")]
    pub(crate) number: u64,
    pub(crate) nonce: RevisionNonce,
    #[serde(skip_serializing_if = "Ancestors::is_empty")]
    pub(crate) ancestors: Ancestors,
    /// The component or flow that it was started with.
    pub flow: String,
    /// The await at which that flow is; `None` if it is no flow, or has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// What the conversation waits for, the outermost first. Empty once it has ended.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub awaits: Vec<OpenAwait>,
    /// When it was started.
    pub created: Timestamp,
    /// When it last changed.
    pub touched: Timestamp,
    /// Whom it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// The component because of which the conversation went on in memory only. This record is older than what was last
    /// shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub superseded_by: Option<String>,
}

impl Header {
    /// The header of a conversation that was started with `flow` and waits for nothing yet. The fields are public.
    pub fn new(id: ConversationId, lineage: Lineage, flow: impl Into<String>, created: Timestamp) -> Self {
        Self {
            format: FORMAT,
            id,
            number: lineage.revision().number(),
            nonce: lineage.revision().nonce(),
            ancestors: lineage.ancestors(),
            flow: flow.into(),
            state: None,
            awaits: Vec::new(),
            created,
            touched: created,
            owner: None,
            superseded_by: None,
        }
    }

    /// Which committed state it is, and which came before it.
    pub fn lineage(&self) -> Lineage {
        Lineage::from_parts(self.number, self.nonce, self.ancestors)
            .expect("BUG: the parts were checked when they were set")
    }

    pub(crate) fn set_lineage(&mut self, lineage: Lineage) {
        (self.number, self.nonce) = (lineage.revision().number(), lineage.revision().nonce());
        self.ancestors = lineage.ancestors();
    }

    /// Whether the conversation has ended.
    pub fn has_ended(&self) -> bool {
        self.awaits.is_empty()
    }

    /// The component in front of the root slot; `None` once the conversation has ended.
    pub fn waits_for(&self) -> Option<&str> {
        self.awaits.first().map(|open| open.component.as_str())
    }

    /// The earliest time at which anything open is [due](crate::Component::due).
    pub fn due(&self) -> Option<Timestamp> {
        self.awaits.iter().filter_map(|open| open.due).min()
    }
}

/// Splits the text of a record into header and body. Written by hand because serde's `flatten` would buffer the body.
pub(super) fn split(text: &str) -> Result<(Header, &str), Reason> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Fields<'a> {
        format: u32,
        id: ConversationId,
        revision: u64,
        nonce: RevisionNonce,
        #[serde(default)]
        ancestors: Ancestors,
        flow: String,
        #[serde(default)]
        state: Option<String>,
        #[serde(default)]
        awaits: Vec<OpenAwait>,
        created: Timestamp,
        touched: Timestamp,
        #[serde(default)]
        owner: Option<Owner>,
        #[serde(default)]
        superseded_by: Option<String>,
        #[serde(borrow)]
        body: &'a RawValue,
        #[serde(rename = "sum")]
        _sum: de::IgnoredAny,
    }
    let f: Fields<'_> = serde_json::from_str(text).map_err(|error| Reason::Corrupt(describe(&error)))?;
    if Lineage::from_parts(f.revision, f.nonce, f.ancestors).is_none() {
        return Err(Reason::Corrupt("its revision is out of range, or has another number of ancestors".to_owned()));
    }
    let header = Header {
        format: f.format,
        id: f.id,
        number: f.revision,
        nonce: f.nonce,
        ancestors: f.ancestors,
        flow: f.flow,
        state: f.state,
        awaits: f.awaits,
        created: f.created,
        touched: f.touched,
        owner: f.owner,
        superseded_by: f.superseded_by,
    };
    Ok((header, f.body.get()))
}
