//! The errors of the store: of a statement, of opening it, and of a save in a transaction of the host.

use std::error::Error;
use std::fmt;
use std::iter::successors;

use deadpool_postgres::PoolError;

use crate::record::Revision;

/// An error of the server or of the connection, and the operation that failed. Never quotes stored data.
#[derive(Debug, thiserror::Error)]
#[error("{doing}: {reason}")]
pub struct PostgresError {
    doing: &'static str,
    reason: String,
    code: Option<String>,
}

impl PostgresError {
    pub(super) fn new(doing: &'static str, error: &tokio_postgres::Error) -> Self {
        // Only the message of a server error, because its details quote rows. A client error explains itself in its sources.
        let reason = match error.as_db_error() {
            Some(error) => format!("{} ({})", error.message(), error.code().code()),
            None => {
                let whole: Vec<_> = successors(Some(error as &dyn Error), |&error| error.source()).collect();
                whole.iter().map(ToString::to_string).collect::<Vec<_>>().join(": ")
            }
        };
        Self { doing, reason, code: error.code().map(|code| code.code().to_owned()) }
    }

    pub(super) fn message(doing: &'static str, reason: impl fmt::Display) -> Self {
        Self { doing, reason: reason.to_string(), code: None }
    }

    pub(super) fn of_pool(error: &PoolError) -> Self {
        match error {
            PoolError::Backend(error) => Self::new("connecting", error),
            other => Self::message("connecting", other),
        }
    }

    /// A copy, for another caller that waits for the same statement.
    pub(super) fn again(&self) -> Self {
        Self { doing: self.doing, reason: self.reason.clone(), code: self.code.clone() }
    }

    /// The `SQLSTATE` code, if the server returned one.
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }
}

/// Why a [`PostgresStore`](crate::PostgresStore) was not opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The server cannot be reached, or a statement failed.
    #[error(transparent)]
    Server(PostgresError),
    /// With this setting, the server acknowledges commits that a crash may lose.
    #[error("the server has `{setting}` set to `{value}`, so a crash may lose acknowledged commits")]
    Unsafe {
        /// The name of the setting.
        setting: &'static str,
        /// Its value.
        value: String,
    },
    /// The server is a replica.
    #[error("the server is a replica, which cannot be written to and may be behind")]
    Replica,
    /// The tables have a newer version than this program knows.
    #[error("the tables have version {found}, and this program knows versions up to {known}")]
    Newer {
        /// The version of the tables.
        found: i32,
        /// The newest version that this program knows.
        known: i32,
    },
}

/// Why a record was not saved in the host's transaction. Roll it back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SaveInError {
    /// The stored revision is not the one that the save replaces.
    #[error("the conversation was changed concurrently")]
    Conflict {
        /// The stored revision; `None` if there is no record.
        stored: Option<Revision>,
    },
    /// The statement failed.
    #[error(transparent)]
    Postgres(PostgresError),
}
