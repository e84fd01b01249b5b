//! The errors of the engine, and of a save in a transaction of the host.

use rusqlite::ErrorCode;

use crate::model::error::BoxError;
use crate::record::Revision;

/// Why a transaction of the host's cannot carry a save. It is to be rolled back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SaveInError {
    /// Somebody else has changed the conversation. Preparing the change again may succeed.
    #[error("somebody else changed the conversation at the same time")]
    Conflict {
        /// The stored revision; `None` if there is no record, or one that cannot be read.
        stored: Option<Revision>,
    },
    /// The connection is not to the file of this store.
    #[error("the transaction is of another file than the store's")]
    OtherFile,
    /// The connection does not wait until its commits are on the disk.
    #[error("the connection's `synchronous` is below `FULL`, so its commits are not durable")]
    NotDurable,
    /// The engine said no.
    #[error(transparent)]
    Sqlite(SqliteError),
}

/// What the engine refused, and while doing what.
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
