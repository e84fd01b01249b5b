//! What a step led to, and why a step changed nothing.

use crate::component::{Answer, AnyAnswer};
use crate::kernel::conversation::{Conversation, Instance};
use crate::kernel::receipt::Receipts;
use crate::model::error::Failure;
use crate::model::id::{ConversationId, InstanceId, Owner, Turn};
use crate::model::timestamp::Timestamp;
use crate::model::view::Refusal;

/// What a step led to. Nothing of it may be shown or carried out before it is durable.
#[derive(Debug)]
pub struct Outcome {
    /// The state to save.
    pub progress: Progress,
    /// What follows from the step and cannot be derived from the saved state. Carried out after the save.
    pub outbox: Vec<OutboxEntry>,
}

/// The state that a step led to.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "nearly all are conversations that go on, and a box would cost each of them"
)]
pub enum Progress {
    /// The conversation waits for input.
    Waits(Conversation),
    /// The conversation has ended.
    Ended(Ended),
}

/// A [`Progress`] by reference: what is encoded as a record.
#[derive(Debug, Clone, Copy)]
pub enum ProgressRef<'a> {
    /// The conversation waits for input.
    Waits(&'a Conversation),
    /// The conversation has ended.
    Ended(&'a Ended),
}

impl<'a> From<&'a Progress> for ProgressRef<'a> {
    fn from(progress: &'a Progress) -> Self {
        match progress {
            Progress::Waits(conversation) => Self::Waits(conversation),
            Progress::Ended(ended) => Self::Ended(ended),
        }
    }
}

impl<'a> From<&'a Conversation> for ProgressRef<'a> {
    fn from(conversation: &'a Conversation) -> Self {
        Self::Waits(conversation)
    }
}

impl<'a> From<&'a Ended> for ProgressRef<'a> {
    fn from(ended: &'a Ended) -> Self {
        Self::Ended(ended)
    }
}

/// Something that a step caused beside the new state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OutboxEntry {
    /// A question that was open is not open any more: it was answered, or taken away.
    Closed {
        /// The turn that an answer to it would have named.
        turn: Turn,
        /// The name of its component.
        component: &'static str,
    },
    /// The conversation has ended.
    Ended,
}

impl Progress {
    /// All instances that the step found or made, for a caller that could not save what came of it.
    pub(crate) fn into_leftovers(self) -> Vec<Instance> {
        match self {
            Self::Waits(conversation) => conversation.root.stack.into_iter().chain(conversation.removed).collect(),
            Self::Ended(ended) => ended.removed,
        }
    }
}

/// What remains of a conversation that has ended.
#[derive(Debug)]
pub struct Ended {
    pub(crate) id: ConversationId,
    pub(crate) flow: &'static str,
    pub(crate) created: Timestamp,
    pub(crate) touched: Timestamp,
    pub(crate) owner: Option<Owner>,
    /// The last answers that were applied.
    pub(crate) receipts: Receipts,
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

/// A step that changed nothing, and why.
#[derive(Debug)]
pub struct Rejected {
    /// Why.
    pub cause: Cause,
    /// What the conversation had become by then. Not valid; only components that cannot be saved may be taken out.
    pub(crate) leftovers: Vec<Instance>,
}

/// Why a step changed nothing.
#[derive(Debug)]
pub enum Cause {
    /// This very answer was applied before.
    Repeated,
    /// The question is no longer open.
    Stale,
    /// The input does not fit.
    Refused(Refusal),
    /// An answer of another type than the component gives.
    WrongType {
        /// The component that was to answer.
        component: &'static str,
    },
    /// Author code failed or panicked.
    Failed {
        /// Whose code.
        component: &'static str,
        /// Which instance.
        instance: InstanceId,
        /// What it reported. Never [`Failure::Refused`].
        failure: Failure,
    },
}
