//! What the runtime tells its caller: what failed, in which conversation, and whether to try again.
//!
//! The typed cause is kept, so that a front can tell a component that is not linked from a damaged record. No error text
//! repeats an answer or a part of a saved state.

use crate::model::error::{BoxError, Failure};
use crate::model::id::{ConversationId, InstanceId};
use crate::model::view::{Form, View};
use crate::record::{EncodeError, Reason, Revision};

/// What the runtime could not do.
#[derive(Debug, thiserror::Error)]
#[error("{}{kind}", .conversation.map(|id| format!("conversation {id}: ")).unwrap_or_default())]
pub struct Error {
    /// The conversation, where it is about one.
    pub conversation: Option<ConversationId>,
    /// What failed.
    #[source]
    pub kind: ErrorKind,
}

/// What failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// There is no such conversation, or it has ended and been deleted.
    #[error("there is no such conversation")]
    NotFound,
    /// Author code failed or panicked. The conversation is as it was; another event may work.
    #[error("`{component}` failed: {failure}")]
    Failed {
        /// The component or flow whose code it was.
        component: String,
        /// The instance, where it is one that is still there.
        instance: Option<InstanceId>,
        /// What it reported.
        failure: Failure,
    },
    /// The conversation goes on, and this can only be done with one that has ended.
    #[error("it goes on; only a conversation that has ended is forgotten")]
    GoesOn,
    /// What a component became cannot be saved and loaded again. The conversation is as it was.
    #[error("the new state cannot be saved: {0}")]
    NotSavable(#[source] EncodeError),
    /// A component cannot be saved, so the conversation goes on in memory, where this cannot be done.
    #[error("the conversation goes on in memory, because `{component}` cannot be saved: {what}")]
    InMemoryOnly {
        /// The component.
        component: String,
        /// What cannot be done.
        what: &'static str,
    },
    /// The stored record cannot be read by this program. It is kept as it is.
    #[error("the stored conversation cannot be read: {0}")]
    Unreadable(#[source] Reason),
    /// Somebody else saved this conversation in between.
    #[error("somebody else changed the conversation at the same time")]
    Conflict,
    /// Too many events are under way, or one of this conversation takes too long. This one was not begun.
    #[error("too many events are in flight; try again")]
    Busy,
    /// The store shows an older state of the conversation than this program has seen: perhaps the database was put back
    /// from a copy. Nothing is answered from it as long as this program runs; started again, it goes on from there.
    #[error("the store has gone back from revision {seen} to {stored}: was it put back from a copy?")]
    WentBack {
        /// What this program has seen.
        seen: Revision,
        /// What is stored now.
        stored: Revision,
    },
    /// The store did not save. The conversation is as it was.
    #[error("the store could not save: {0}")]
    NotSaved(#[source] BoxError),
    /// The store cannot tell whether it saved. Sending the same answer again settles it, unless somebody else has changed
    /// the conversation since: then what it shows must say.
    #[error("the store does not know whether it saved: {0}")]
    Unknown(#[source] BoxError),
    /// The store could not be read.
    #[error("the store could not be read: {0}")]
    Store(#[source] BoxError),
    /// The runtime is shutting down.
    #[error("the program is shutting down")]
    ShuttingDown,
    /// Two components or flows have one name on disk, or a name that cannot be one.
    #[error("{0}")]
    Registry(String),
}

impl Error {
    pub(crate) fn new(conversation: ConversationId, kind: ErrorKind) -> Self {
        Self { conversation: Some(conversation), kind }
    }

    pub(crate) fn general(kind: ErrorKind) -> Self {
        Self { conversation: None, kind }
    }

    /// What a person is shown in place of the question. It says what the person can do and nothing else: the reason is
    /// for the log.
    pub fn view(&self) -> View {
        let text = match &self.kind {
            ErrorKind::NotFound => "This conversation has ended, or there never was one here.",
            ErrorKind::Unreadable(_) => {
                "This conversation was begun with another version of this program, and cannot go on just now. \
                 Nothing of it is lost: come back later, and it goes on where you left it."
            }
            ErrorKind::Failed { .. } | ErrorKind::NotSavable(_) | ErrorKind::InMemoryOnly { .. } => {
                "Something went wrong. Your answer was not taken, and the question is still open."
            }
            ErrorKind::Unknown(_) => "It is not known whether your answer was taken. Please send it again.",
            ErrorKind::WentBack { .. } => "This conversation cannot go on just now. Please come back later.",
            ErrorKind::Busy
            | ErrorKind::Conflict
            | ErrorKind::NotSaved(_)
            | ErrorKind::Store(_)
            | ErrorKind::ShuttingDown => {
                "This does not work just now. Your answer was not taken; please try again in a moment."
            }
            ErrorKind::GoesOn | ErrorKind::Registry(_) => "This cannot be done.",
        };
        Form::text(text).into()
    }

    /// Whether the same call may succeed later without any change to the program or its data.
    pub fn is_retryable(&self) -> bool {
        match self.kind {
            ErrorKind::Busy
            | ErrorKind::Conflict
            | ErrorKind::NotSaved(_)
            | ErrorKind::Unknown(_)
            | ErrorKind::Store(_)
            | ErrorKind::ShuttingDown => true,
            ErrorKind::NotFound
            | ErrorKind::GoesOn
            | ErrorKind::Failed { .. }
            | ErrorKind::NotSavable(_)
            | ErrorKind::InMemoryOnly { .. }
            | ErrorKind::Unreadable(_)
            | ErrorKind::WentBack { .. }
            | ErrorKind::Registry(_) => false,
        }
    }
}
