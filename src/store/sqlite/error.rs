//! The errors of the engine, and of a save in a transaction of the host.

use rusqlite::ErrorCode;

use crate::model::error::BoxError;
use crate::record::Revision;

/// Why a record was not saved in the host's transaction. Roll it back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SaveInError {
    /// The stored revision is not the one that the save replaces. Preparing the change again may succeed.
    #[error("somebody else changed the conversation at the same time")]
    Conflict {
        /// The stored revision; `None` if there is no record, or one that cannot be read.
        stored: Option<Revision>,
    },
    /// The connection has another file open than the store.
    #[error("the transaction is of another file than the store's")]
    OtherFile,
    /// The connection's commits are not durable.
    #[error("the connection's `synchronous` is below `FULL`, so its commits are not durable")]
    NotDurable,
    /// The engine returned an error.
    #[error(transparent)]
    Sqlite(SqliteError),
}

/// An error of the engine, and the operation that failed.
#[derive(Debug, thiserror::Error)]
#[error("{doing}: {source}")]
pub struct SqliteError {
    pub(super) doing: &'static str,
    pub(super) source: BoxError,
}

impl SqliteError {
    pub(super) fn new(doing: &'static str, error: rusqlite::Error) -> Self {
        Self { doing, source: error.into() }
    }

    pub(super) fn message(doing: &'static str, message: &'static str) -> Self {
        Self { doing, source: message.into() }
    }

    pub(super) fn gone() -> Self {
        Self::message("handing over work", "the threads of the store have ended")
    }

    pub(super) fn panicked() -> Self {
        Self::message("working", "BUG: it panicked")
    }

    pub(super) fn is_busy(&self) -> bool {
        self.source.downcast_ref().is_some_and(is_busy)
    }
}

/// Whether another connection or process has locked the file.
pub(super) fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}
