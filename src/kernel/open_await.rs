//! What a conversation waits for, as a set: one [`OpenAwait`] for each instance in front.
//!
//! It stands in the header of a record and in rows of its own in SQL stores, so that an embedded widget that waits is
//! found without opening the conversation.

use serde::{Deserialize, Serialize};

use crate::kernel::conversation::{Conversation, Instance, Slot};
use crate::model::id::Turn;
use crate::model::timestamp::Timestamp;

/// Something that a conversation waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct OpenAwait {
    /// The turn that an answer to it names.
    pub turn: Turn,
    /// The name of the component that waits.
    pub component: String,
    /// The state of the flow that takes the answer; `None` if no flow takes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// What kind of input it waits for.
    #[serde(default, skip_serializing_if = "AwaitKind::is_question")]
    pub kind: AwaitKind,
    /// When it is [due](crate::Component::due).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Timestamp>,
}

impl OpenAwait {
    /// A question of this component.
    pub fn question(turn: Turn, component: impl Into<String>) -> Self {
        Self { turn, component: component.into(), state: None, kind: AwaitKind::Question, due: None }
    }
}

/// What kind of input an open await waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AwaitKind {
    /// An event or an answer from a person.
    #[default]
    Question,
}

impl AwaitKind {
    /// The word for it in records and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Question => "question",
        }
    }

    /// The kind of this [word](Self::as_str).
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Question].into_iter().find(|kind| kind.as_str() == word)
    }

    fn is_question(&self) -> bool {
        *self == Self::Question
    }
}

impl Conversation {
    /// What the conversation waits for: one entry for each instance in front, the outermost first.
    pub fn open_awaits(&self) -> Vec<OpenAwait> {
        let mut open = Vec::new();
        collect(&self.root, None, &mut open);
        open
    }
}

/// `owner` embeds the slot; it takes the answer of an instance that has none below it.
fn collect(slot: &Slot, owner: Option<&Instance>, open: &mut Vec<OpenAwait>) {
    let Some((front, below)) = slot.stack.split_last() else { return };
    let state = below.last().or(owner).and_then(Instance::state);
    open.push(OpenAwait {
        state: state.map(str::to_owned),
        due: front.due,
        ..OpenAwait::question(front.turn(), front.name())
    });
    for (_, child) in &front.slots {
        collect(child, Some(front), open);
    }
}
