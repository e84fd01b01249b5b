//! Operations on a store: inspect, edit, fork, delete, export, import, and checks against a lock file.
//!
//! Each operation is a function over a [`Store`] with a typed result. The command line (`stube`, the feature `cli`)
//! parses arguments, calls these functions and prints; any other tool can do the same. Every write names the revision
//! that it replaces, so an answer that another process saves in the meantime is never overwritten: the operation fails
//! with [`OperateError::Conflict`] instead.
//!
//! ```
//! use stube::{MemoryStore, Prompt, Runtime, flow, operate};
//! use std::sync::Arc;
//!
//! #[flow]
//! async fn reserve(name: String) -> String {
//!     let size = Prompt::new("Which size?").await;
//!     format!("a {size} one for {name}")
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = Arc::new(MemoryStore::new());
//! let id = Runtime::open(Arc::clone(&store))?.start(reserve("ada".into())).await?.id;
//!
//! let found = operate::inspect(&store, id).await?;
//! assert_eq!(found.header.waits_for(), Some("prompt"));
//! assert_eq!(found.stack[0].state, r#"{"Size":{"name":"ada"}}"#);
//!
//! let draft = operate::edit(&store, id).await?;
//! let text = draft.text().replace("ada", "grace");
//! draft.save(&store, &text).await?;
//!
//! let copy = operate::fork(&store, id).await?;
//! assert_eq!(operate::inspect(&store, copy).await?.stack[0].state, r#"{"Size":{"name":"grace"}}"#);
//! # Ok(())
//! # }
//! ```

mod check;
mod edit;
mod error;
mod fork;
mod inspect;
mod pretty;
#[cfg(test)]
mod tests;
mod transfer;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::model::id::ConversationId;
use crate::record::{Record, Revision};
use crate::store::{LoadError, Store, WriteOutcome};

pub use check::{LockVerdict, check_against_lock};
pub use edit::{Draft, edit};
pub use error::{InvalidEdit, OperateError};
pub use fork::fork;
pub use inspect::{InspectedInstance, Inspection, inspect};
#[cfg(feature = "cli")]
pub(crate) use pretty::pretty;
pub use transfer::{Exported, ImportCounts, ImportLine, Imported, export, import, import_record};

/// Loads a record.
///
/// # Errors
///
/// [`OperateError::NotFound`], [`OperateError::Unreadable`] and [`OperateError::Store`].
pub async fn load(store: &dyn Store, id: ConversationId) -> Result<Record, OperateError> {
    match store.load(id).await {
        Ok(Some(record)) => Ok(record),
        Ok(None) => Err(OperateError::NotFound(id)),
        Err(LoadError::Unreadable(unreadable)) => Err(OperateError::Unreadable(unreadable)),
        Err(LoadError::Store(error)) => Err(OperateError::Store(error)),
    }
}

/// Whether the body of a record is encrypted: its store was opened without the keys.
fn is_encrypted(record: &Record) -> bool {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Encrypted {
        #[serde(rename = "sealed")]
        _sealed: IgnoredAny,
    }
    serde_json::from_str::<Encrypted>(record.body()).is_ok()
}

/// Loads a record whose body can be read.
async fn load_decrypted(store: &dyn Store, id: ConversationId) -> Result<Record, OperateError> {
    let record = load(store, id).await?;
    if is_encrypted(&record) { Err(OperateError::Encrypted(id)) } else { Ok(record) }
}

/// Deletes the record of a conversation, running or ended, if it still has this revision. The conversation's code is
/// not run; [`Runtime::end`](crate::Runtime::end) runs it.
///
/// # Errors
///
/// [`OperateError::Conflict`], [`OperateError::Store`] and [`OperateError::Unknown`].
pub async fn delete(store: &dyn Store, id: ConversationId, revision: Revision) -> Result<(), OperateError> {
    applied(store, id, store.delete(id, revision).await)
}

/// Turns the outcome of a write into a result, and notifies other processes of an applied write.
fn applied(store: &dyn Store, id: ConversationId, outcome: WriteOutcome) -> Result<(), OperateError> {
    match outcome {
        WriteOutcome::Applied => {
            store.notify(id);
            Ok(())
        }
        WriteOutcome::NotApplied(error) => Err(OperateError::Store(error)),
        WriteOutcome::Conflict { .. } => Err(OperateError::Conflict(id)),
        WriteOutcome::Unknown(source) => Err(OperateError::Unknown { id, source }),
    }
}
