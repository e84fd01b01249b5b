//! Where records are kept.
//!
//! A [`Store`] keeps [`Record`]s by their id and knows nothing of what is in them. It has the seed's three operations,
//! [`load_all`](Store::load_all), [`save`](Store::save) and [`delete`](Store::delete), and [`load`](Store::load) for
//! one record. Every change names the revision that it replaces, so two writers never both win one, and is answered
//! with what became of it, a [`Saved`], which is never a guess.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use crate::error::BoxError;
use crate::id::ConversationId;
use crate::record::{Record, Revision, Unreadable};

#[cfg(unix)]
pub mod file;
mod memory;

pub use memory::MemoryStore;

/// A future that may be sent to another thread.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What became of a save or a delete.
#[must_use = "a save that did not succeed must not be acknowledged"]
#[derive(Debug)]
pub enum Saved {
    /// It is durable: it survives a crash of the program and of the machine, as far as this store promises that.
    Applied,
    /// Nothing changed. The same call may be made again.
    NotApplied(BoxError),
    /// Nothing changed, because the stored revision is another one.
    Conflict {
        /// The stored revision; `None` if there is no record, or one that cannot be read.
        stored: Option<Revision>,
    },
    /// It may or may not have become durable. [`Store::load`] settles it: what that returns is durable.
    Unknown(BoxError),
}

/// Why [`Store::load`] gave no record.
#[derive(Debug)]
pub enum LoadError {
    /// There is something, and it cannot be read. It is left as it is.
    Unreadable(Unreadable),
    /// The store itself failed. The same call may be made again.
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

/// What [`Store::load_all`] hands each entry to.
pub type Each<'a> = dyn FnMut(Result<Record, Unreadable>) + Send + 'a;

/// A place for records.
///
/// Its methods may be called from many tasks at once. For one id, a caller waits for one change to be answered before
/// it asks for the next; the runtime does so.
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// Hands every record to `each`, in any order, and every entry that cannot be read with the reason. Called once,
    /// before anything is accepted.
    ///
    /// # Errors
    ///
    /// The store itself could not be read. One bad entry is not an error.
    fn load_all<'a>(&'a self, each: &'a mut Each<'a>) -> BoxFuture<'a, Result<(), BoxError>>;

    /// The record of this id, or `None` if there is none. What it returns is durable.
    ///
    /// # Errors
    ///
    /// There is an entry, and it cannot be read, or the store failed.
    fn load(&self, id: ConversationId) -> BoxFuture<'_, Result<Option<Record>, LoadError>>;

    /// Puts `record` in place of the one of revision `replaces`; `None` if there must be none yet.
    fn save<'a>(&'a self, record: &'a Record, replaces: Option<Revision>) -> BoxFuture<'a, Saved>;

    /// Whether nobody else can change a record while this store is open. Then the runtime may answer from a record that
    /// it has seen; a change that comes about all the same must be a [`Conflict`](Saved::Conflict) of the next save.
    fn is_exclusive(&self) -> bool {
        false
    }

    /// Deletes the record of this id if it is of revision `replaces`. If there is none, that is
    /// [`Applied`](Saved::Applied).
    fn delete(&self, id: ConversationId, replaces: Revision) -> BoxFuture<'_, Saved>;
}

/// A store behind an [`Arc`](std::sync::Arc) is that store: two runtimes over one of them are what a restart is.
impl<S: Store + ?Sized> Store for std::sync::Arc<S> {
    fn load_all<'a>(&'a self, each: &'a mut Each<'a>) -> BoxFuture<'a, Result<(), BoxError>> {
        (**self).load_all(each)
    }

    fn load(&self, id: ConversationId) -> BoxFuture<'_, Result<Option<Record>, LoadError>> {
        (**self).load(id)
    }

    fn save<'a>(&'a self, record: &'a Record, replaces: Option<Revision>) -> BoxFuture<'a, Saved> {
        (**self).save(record, replaces)
    }

    fn delete(&self, id: ConversationId, replaces: Revision) -> BoxFuture<'_, Saved> {
        (**self).delete(id, replaces)
    }

    /// Not even if the store itself is: whoever else holds the `Arc` may change it.
    fn is_exclusive(&self) -> bool {
        false
    }
}
