//! Why an operation failed.

use crate::model::error::BoxError;
use crate::model::id::ConversationId;
use crate::record::{EncodeError, Reason, Unreadable};
use crate::runtime::error::Error;

/// Why an operation failed. Unless a variant says otherwise, the store is unchanged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OperateError {
    /// The store has no conversation of this id.
    #[error("there is no conversation {0}")]
    NotFound(ConversationId),
    /// The store has an entry that this program cannot read.
    #[error(transparent)]
    Unreadable(Unreadable),
    /// The body of the record is encrypted, and this store was opened without the keys.
    #[error("{0} is encrypted: open the store with its keys")]
    Encrypted(ConversationId),
    /// The bytes to import are not a record.
    #[error(transparent)]
    NotARecord(Reason),
    /// The conversation has ended, and only a running one can be edited.
    #[error("{0} has ended, so it cannot be edited")]
    HasEnded(ConversationId),
    /// The edited text is not a valid state of the conversation.
    #[error(transparent)]
    InvalidEdit(#[from] InvalidEdit),
    /// The record cannot be saved, for instance because it is too large.
    #[error("the record cannot be saved: {0}")]
    NotSavable(#[from] EncodeError),
    /// The store has another record under the id of an imported one.
    #[error("{0} is in the store already, with other content")]
    Exists(ConversationId),
    /// Another process changed the conversation in the meantime.
    #[error("another process changed {0} in the meantime; nothing was written")]
    Conflict(ConversationId),
    /// The store cannot tell whether it applied the write.
    #[error("the store does not know whether it changed {id}; inspect it again: {source}")]
    Unknown {
        /// The conversation.
        id: ConversationId,
        /// The store's error.
        source: BoxError,
    },
    /// The store failed.
    #[error("the store failed: {0}")]
    Store(#[source] BoxError),
    /// The runtime failed.
    #[error(transparent)]
    Runtime(#[from] Error),
    /// The input of an import, or the output of an export, failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Why an edited text was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidEdit {
    /// It is not JSON.
    #[error("the text is not JSON: {0}")]
    NotJson(#[source] serde_json::Error),
    /// It is not a state that this program can continue.
    #[error(transparent)]
    Unreadable(Reason),
    /// The conversation would end with it, or be replaced by another flow.
    #[error("the conversation would not continue from this state; end it instead")]
    WouldEnd,
    /// It cannot be saved.
    #[error(transparent)]
    NotSavable(EncodeError),
}

impl OperateError {
    /// Whether the same call can succeed later without a change to the program or its data.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Store(_) | Self::Unknown { .. } => true,
            Self::Runtime(error) => error.is_retryable(),
            Self::NotFound(_)
            | Self::Unreadable(_)
            | Self::Encrypted(_)
            | Self::NotARecord(_)
            | Self::HasEnded(_)
            | Self::InvalidEdit(_)
            | Self::NotSavable(_)
            | Self::Exists(_)
            | Self::Conflict(_)
            | Self::Io(_) => false,
        }
    }
}
