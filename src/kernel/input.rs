//! What can happen to a conversation, as a value.

use std::fmt;

use crate::component::{Answer, AnyAnswer};
use crate::kernel::receipt::{AnswerKey, Receipt};
use crate::model::id::Turn;
use crate::model::view::Event;

/// What can happen to a conversation that goes on. [`apply`](crate::kernel::apply) takes it.
///
/// It can be cloned, because an input is applied again if another process saved the conversation first.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Input {
    /// A person did something at the instance that `turn` names.
    Event {
        /// What it is for.
        turn: Turn,
        /// What the person did.
        event: Event,
        /// The host's name for it.
        key: Option<AnswerKey>,
    },
    /// The instance that `turn` names answers with this value, as if it had answered itself.
    Answer {
        /// What it is for.
        turn: Turn,
        /// The value.
        answer: RepeatableAnswer,
        /// The host's name for it.
        key: Option<AnswerKey>,
    },
    /// The conversation ends without a result.
    End,
}

impl Input {
    /// An event for the instance that `turn` names.
    pub fn event(turn: Turn, event: Event) -> Self {
        Self::Event { turn, event, key: None }
    }

    /// An answer in place of the instance that `turn` names.
    pub fn answer(turn: Turn, value: impl Answer + Clone) -> Self {
        Self::Answer { turn, answer: RepeatableAnswer(Box::new(value)), key: None }
    }

    /// The end of the conversation, without a result.
    pub const fn end() -> Self {
        Self::End
    }

    /// The same with the host's own key: an input for the same turn with the same key is a repetition, whatever else is
    /// in it. The end of a conversation has no key.
    #[must_use]
    pub fn with_key(mut self, of_host: AnswerKey) -> Self {
        match &mut self {
            Self::Event { key, .. } | Self::Answer { key, .. } => *key = Some(of_host),
            Self::End => {}
        }
        self
    }

    /// The receipt that it leaves; none for the end of a conversation.
    pub(crate) fn receipt(&self) -> Option<Receipt> {
        match self {
            Self::Event { turn, event, key } => Some(Receipt::new(*turn, key.as_ref(), event)),
            Self::Answer { turn, answer, key } => Some(Receipt::new(*turn, key.as_ref(), answer.to_any().erased())),
            Self::End => None,
        }
    }
}

/// An answer that can be given again.
#[derive(Clone)]
pub struct RepeatableAnswer(Box<dyn Repeat>);

impl RepeatableAnswer {
    /// The answer.
    pub(crate) fn to_any(&self) -> AnyAnswer {
        self.0.to_any()
    }
}

/// Keeps the answer to itself, so that none reaches a log.
impl fmt::Debug for RepeatableAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RepeatableAnswer(..)")
    }
}

trait Repeat: Send {
    fn to_any(&self) -> AnyAnswer;
    fn to_box(&self) -> Box<dyn Repeat>;
}

impl<T: Answer + Clone> Repeat for T {
    fn to_any(&self) -> AnyAnswer {
        AnyAnswer::new(self.clone())
    }

    fn to_box(&self) -> Box<dyn Repeat> {
        Box::new(self.clone())
    }
}

impl Clone for Box<dyn Repeat> {
    fn clone(&self) -> Self {
        (**self).to_box()
    }
}
