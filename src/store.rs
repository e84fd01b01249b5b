//! The store: where records are kept.
//!
//! A [`Store`] keeps whole [`Record`]s by conversation id and never looks into a record's body. A store must implement
//! [`load_all`](Store::load_all), [`save`](Store::save) and [`delete`](Store::delete); the other methods have default
//! implementations, which a store overrides where it can do better.
//!
//! Every write is a compare-and-set: it names the revision that it replaces, so of two concurrent writers at most one
//! succeeds. Its [`WriteOutcome`] says whether the change was applied, was not applied, conflicted, or is unknown.
//!
//! With the feature `store-contract`, the module `contract` has a test suite for every promise of a store.
//!
//! ```
//! use stube::store::Query;
//! use stube::{MemoryStore, Prompt, Runtime, Store, flow};
//!
//! #[flow]
//! async fn visit() -> String {
//!     Prompt::new("Who are you?").await
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // A clone of the `Arc` sees what the runtime saves.
//! let store = std::sync::Arc::new(MemoryStore::new());
//! let id = Runtime::open(store.clone())?.start(visit()).await?.id;
//!
//! let record = store.load(id).await?.expect("it was saved");
//! assert_eq!(record.header().flow, "visit");
//! let page = store.list(&Query::all().flow("visit"), None, 10).await.map_err(|error| error.to_string())?;
//! assert_eq!(page[0].revision, record.revision());
//! # Ok(())
//! # }
//! ```

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use crate::model::error::BoxError;
use crate::model::id::ConversationId;
use crate::record::{Record, Revision, Unreadable};

#[cfg(feature = "store-contract")]
pub mod contract;
#[cfg(feature = "seal")]
pub mod encrypted;
#[cfg(unix)]
pub mod file;
#[cfg(target_os = "linux")]
mod file_system;
mod inline;
mod memory;
#[cfg(feature = "postgres")]
pub mod postgres;
mod query;
#[cfg(feature = "sqlite")]
pub mod sqlite;

pub use inline::Inline;
pub use memory::MemoryStore;
pub use query::{Count, Page, Query, Summary};

use query::{Collected, Counted};

/// A boxed future that is `Send`.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The outcome of a save or a delete.
#[must_use = "a save that did not succeed must not be acknowledged"]
#[derive(Debug)]
pub enum WriteOutcome {
    /// The change is durable, as far as this store promises durability: the documentation of the store says whether it
    /// survives a crash of the process and of the machine.
    Applied,
    /// Nothing changed. The call may be repeated.
    NotApplied(BoxError),
    /// Nothing changed, because the stored revision is not the one that the call names.
    Conflict {
        /// The stored revision; `None` if there is no record, or one that cannot be read.
        stored: Option<Revision>,
    },
    /// The change may or may not have become durable. [`Store::load`] resolves it: the record that it returns is durable.
    Unknown(BoxError),
}

/// Why [`Store::load`] failed.
#[derive(Debug)]
pub enum LoadError {
    /// An entry exists but cannot be read as a record. It is left as it is.
    Unreadable(Unreadable),
    /// The store itself failed. The call may be repeated.
    Store(BoxError),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(unreadable) => unreadable.fmt(f),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for LoadError {}

/// The callback of [`Store::load_all`], called once for each entry.
pub type Visitor<'a> = dyn FnMut(Result<Record, Unreadable>) + Send + 'a;

/// A notification that other processes may have changed conversations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invalidation {
    /// This conversation may have changed.
    Changed(ConversationId),
    /// Any conversation may have changed, because notifications may have been lost.
    Anything,
}

/// A callback for [`Invalidation`]s. It must not block. It returns whether it wants further notifications.
pub type Listener = Box<dyn Fn(Invalidation) -> bool + Send + Sync>;

/// Keeps records.
///
/// The methods may be called from many tasks concurrently. For one id, a caller must wait for the outcome of a change
/// before it makes the next one; the runtime does.
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// Calls `each` with every record, in any order, and with the reason for every entry that cannot be read. A record
    /// that does not change during the call is passed exactly once; one that changes may be passed or not. The store never
    /// holds all records in memory at once.
    ///
    /// # Errors
    ///
    /// The store failed. An unreadable entry is not an error.
    fn load_all<'a>(&'a self, each: &'a mut Visitor<'a>) -> BoxFuture<'a, Result<(), BoxError>>;

    /// The record of this id, or `None` if there is none. The returned record is durable.
    ///
    /// The default implementation reads all records.
    ///
    /// # Errors
    ///
    /// The entry of this id cannot be read, or the store failed.
    fn load(&self, id: ConversationId) -> BoxFuture<'_, Result<Option<Record>, LoadError>> {
        Box::pin(async move {
            let mut found = Ok(None);
            let mut each = |entry: Result<Record, Unreadable>| match entry {
                Ok(record) if record.id() == id => found = Ok(Some(record)),
                Err(unreadable) if unreadable.id == Some(id) => found = Err(LoadError::Unreadable(unreadable)),
                Ok(_) | Err(_) => {}
            };
            self.load_all(&mut each).await.map_err(LoadError::Store)?;
            found
        })
    }

    /// A page of the matching records: at most `limit`, in the order of their ids, with ids greater than `after`. Unreadable
    /// entries are omitted.
    ///
    /// The default implementation reads all records for each page.
    ///
    /// # Errors
    ///
    /// The store failed.
    fn list<'a>(
        &'a self,
        query: &'a Query,
        after: Option<ConversationId>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, BoxError>> {
        Box::pin(async move {
            let mut collected = Collected::new(query, after, limit);
            self.load_all(&mut |entry| entry.iter().map(Summary::of).for_each(|summary| collected.add(summary)))
                .await?;
            Ok(collected.into_page())
        })
    }

    /// A page, as [`list`](Self::list) returns it, of the matching records that were last changed at least `age` ago
    /// according to a clock of the store that all processes share, whatever [`touched`](Summary::touched) says. `None` if
    /// the store has no such clock.
    ///
    /// The runtime uses it to delete old conversations, so that the wrong clock of one process cannot delete those of all.
    /// The default implementation returns `None`.
    ///
    /// # Errors
    ///
    /// The store failed.
    fn older_than<'a>(
        &'a self,
        query: &'a Query,
        age: Duration,
        after: Option<ConversationId>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Option<Page>, BoxError>> {
        let _ = (query, age, after, limit);
        Box::pin(async { Ok(None) })
    }

    /// The number of matching records by flow and state, in the order of these names. Unreadable entries are omitted.
    ///
    /// The default implementation reads all records.
    ///
    /// # Errors
    ///
    /// The store failed.
    fn count<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Vec<Count>, BoxError>> {
        Box::pin(async move {
            let mut matching =
                |entry: Result<Record, Unreadable>| entry.iter().map(Summary::of).find(|found| query.matches(found));
            count_all(self, &mut matching).await
        })
    }

    /// Replaces the record of revision `replaces` with `record`. With `None`, there must be no record of this id yet.
    fn save<'a>(&'a self, record: &'a Record, replaces: Option<Revision>) -> BoxFuture<'a, WriteOutcome>;

    /// Calls `listener` from now on with what other processes [notify](Self::notify), and with
    /// [`Anything`](Invalidation::Anything) when notifications may have been lost. Notifications are best-effort: they may be
    /// late, repeated or lost. The default implementation never calls it.
    fn subscribe(&self, listener: Listener) {
        drop(listener);
    }

    /// Notifies the [subscribers](Self::subscribe) in other processes that a conversation has changed. The runtime calls it
    /// after the change is durable. It does not block. The default implementation does nothing.
    fn notify(&self, id: ConversationId) {
        let _ = id;
    }

    /// Whether this store is the only writer of its records while it is open. Then the runtime may use records that it has
    /// loaded before. If another program changes a record all the same, the next save must be a
    /// [`Conflict`](WriteOutcome::Conflict). False by default.
    fn is_exclusive(&self) -> bool {
        false
    }

    /// Deletes the record of this id if its revision is `replaces`. If there is no record, the outcome is
    /// [`Applied`](WriteOutcome::Applied).
    fn delete(&self, id: ConversationId, replaces: Revision) -> BoxFuture<'_, WriteOutcome>;

    /// Deletes the record of this id if its revision is `replaces`, at once or later, and perhaps not durably. For a record
    /// that is not needed any more. [`Applied`](WriteOutcome::Applied) means that the store will delete the record unless it
    /// is changed first; until then it can be loaded. After a crash, or after an error that is not reported, the record may
    /// be there again, unchanged. A later [`delete`](Self::delete) is durable.
    ///
    /// The default implementation calls [`delete`](Self::delete).
    fn discard(&self, id: ConversationId, replaces: Revision) -> BoxFuture<'_, WriteOutcome> {
        self.delete(id, replaces)
    }
}

/// Counts the summaries that `choose` returns for the entries.
pub(crate) async fn count_all<S: Store + ?Sized>(
    store: &S,
    choose: &mut (dyn FnMut(Result<Record, Unreadable>) -> Option<Summary> + Send),
) -> Result<Vec<Count>, BoxError> {
    let mut counted = Counted::default();
    store.load_all(&mut |entry| choose(entry).into_iter().for_each(|summary| counted.add(summary))).await?;
    Ok(counted.into_counts())
}

/// An [`Arc`](std::sync::Arc) of a store is the same store. Two runtimes that share one simulate a restart.
impl<S: Store + ?Sized> Store for std::sync::Arc<S> {
    fn load_all<'a>(&'a self, each: &'a mut Visitor<'a>) -> BoxFuture<'a, Result<(), BoxError>> {
        (**self).load_all(each)
    }

    fn load(&self, id: ConversationId) -> BoxFuture<'_, Result<Option<Record>, LoadError>> {
        (**self).load(id)
    }

    fn list<'a>(
        &'a self,
        query: &'a Query,
        after: Option<ConversationId>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, BoxError>> {
        (**self).list(query, after, limit)
    }

    fn older_than<'a>(
        &'a self,
        query: &'a Query,
        age: Duration,
        after: Option<ConversationId>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Option<Page>, BoxError>> {
        (**self).older_than(query, age, after, limit)
    }

    fn count<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Vec<Count>, BoxError>> {
        (**self).count(query)
    }

    fn save<'a>(&'a self, record: &'a Record, replaces: Option<Revision>) -> BoxFuture<'a, WriteOutcome> {
        (**self).save(record, replaces)
    }

    fn delete(&self, id: ConversationId, replaces: Revision) -> BoxFuture<'_, WriteOutcome> {
        (**self).delete(id, replaces)
    }

    fn discard(&self, id: ConversationId, replaces: Revision) -> BoxFuture<'_, WriteOutcome> {
        (**self).discard(id, replaces)
    }

    fn subscribe(&self, listener: Listener) {
        (**self).subscribe(listener);
    }

    fn notify(&self, id: ConversationId) {
        (**self).notify(id);
    }

    /// Always false: another holder of the `Arc` may write to the store.
    fn is_exclusive(&self) -> bool {
        false
    }
}
