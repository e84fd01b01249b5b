//! Where records are kept.
//!
//! A [`Store`] keeps [`Record`]s by their id and knows nothing of what is in them. Three operations make one:
//! [`load_all`](Store::load_all), [`save`](Store::save) and [`delete`](Store::delete). The others follow from these,
//! and a store that can do better says how. Every change names the revision that it replaces, so two writers never both
//! win one, and is answered with what became of it, a [`WriteOutcome`], which is never a guess. `contract`, with the feature
//! `store-contract`, has all that a store promises as a suite to run on it.

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
mod memory;
#[cfg(feature = "postgres")]
pub mod postgres;
mod query;
#[cfg(feature = "sqlite")]
pub mod sqlite;

pub use memory::MemoryStore;
pub use query::{Count, Page, Query, Summary};

use query::{Collected, Counted};

/// A future that may be sent to another thread.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What became of a save or a delete.
#[must_use = "a save that did not succeed must not be acknowledged"]
#[derive(Debug)]
pub enum WriteOutcome {
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
pub type Visitor<'a> = dyn FnMut(Result<Record, Unreadable>) + Send + 'a;

/// What others may have changed in a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invalidation {
    /// This conversation.
    Changed(ConversationId),
    /// Any of them: something may not have been heard.
    Anything,
}

/// What is to hear [`Invalidation`]s. It must not block, and gives whether it wants to hear more.
pub type Listener = Box<dyn Fn(Invalidation) -> bool + Send + Sync>;

/// A place for records.
///
/// Its methods may be called from many tasks at once. For one id, a caller waits for one change to be answered before
/// it asks for the next; the runtime does so.
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// Hands every record to `each`, in any order, and every entry that cannot be read with the reason. It may be called
    /// while records are changed, and never holds all of them at once: what `each` does not keep is gone.
    ///
    /// # Errors
    ///
    /// The store itself could not be read. One bad entry is not an error.
    fn load_all<'a>(&'a self, each: &'a mut Visitor<'a>) -> BoxFuture<'a, Result<(), BoxError>>;

    /// The record of this id, or `None` if there is none. What it returns is durable.
    ///
    /// Unless a store knows better, this reads all records.
    ///
    /// # Errors
    ///
    /// There is an entry, and it cannot be read, or the store failed.
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

    /// A page of what matches: at most `limit` records with the lowest ids after `after`. What cannot be read is left
    /// out.
    ///
    /// Unless a store knows better, this reads all records, once for each page.
    ///
    /// # Errors
    ///
    /// The store could not be read.
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

    /// A page, as [`list`](Self::list) gives it, of what matches and was last changed at least `age` ago by a clock that
    /// all who use the store share, whatever [`touched`](Summary::touched) says. `None` if there is no such clock.
    ///
    /// It is what a runtime deletes by, so that no wrong clock of one process ends the conversations of all. Unless a
    /// store has a clock, there is none.
    ///
    /// # Errors
    ///
    /// The store could not be read.
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

    /// How many records match, by flow and state, in the order of their names. What cannot be read is left out.
    ///
    /// Unless a store knows better, this reads all records.
    ///
    /// # Errors
    ///
    /// The store could not be read.
    fn count<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Vec<Count>, BoxError>> {
        Box::pin(async move {
            let mut matching =
                |entry: Result<Record, Unreadable>| entry.iter().map(Summary::of).find(|found| query.matches(found));
            count_all(self, &mut matching).await
        })
    }

    /// Puts `record` in place of the one of revision `replaces`; `None` if there must be none yet.
    fn save<'a>(&'a self, record: &'a Record, replaces: Option<Revision>) -> BoxFuture<'a, WriteOutcome>;

    /// Hands hints of what others change to `listener`, from now on: what they [told](Self::tell), and
    /// [`Anything`](Invalidation::Anything) whenever some of it may not have come. Hints may come late, twice, or not at all.
    /// Unless a store says how, nothing is ever heard.
    fn subscribe(&self, listener: Listener) {
        drop(listener);
    }

    /// Lets the others who [listen](Self::listen) know that a conversation has changed. The runtime calls it after a
    /// change is durable, and waits for nothing. Unless a store says how, nobody is told.
    fn notify(&self, id: ConversationId) {
        let _ = id;
    }

    /// Whether nobody else can change a record while this store is open. Then the runtime may answer from a record that
    /// it has seen; a change that comes about all the same must be a [`Conflict`](WriteOutcome::Conflict) of the next save.
    fn is_exclusive(&self) -> bool {
        false
    }

    /// Deletes the record of this id if it is of revision `replaces`. If there is none, that is
    /// [`Applied`](WriteOutcome::Applied).
    fn delete(&self, id: ConversationId, replaces: Revision) -> BoxFuture<'_, WriteOutcome>;
}

/// Counts what `choose` makes of all entries.
pub(crate) async fn count_all<S: Store + ?Sized>(
    store: &S,
    choose: &mut (dyn FnMut(Result<Record, Unreadable>) -> Option<Summary> + Send),
) -> Result<Vec<Count>, BoxError> {
    let mut counted = Counted::default();
    store.load_all(&mut |entry| choose(entry).into_iter().for_each(|summary| counted.add(summary))).await?;
    Ok(counted.into_counts())
}

/// A store behind an [`Arc`](std::sync::Arc) is that store: two runtimes over one of them are what a restart is.
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

    fn subscribe(&self, listener: Listener) {
        (**self).subscribe(listener);
    }

    fn notify(&self, id: ConversationId) {
        (**self).notify(id);
    }

    /// Not even if the store itself is: whoever else holds the `Arc` may change it.
    fn is_exclusive(&self) -> bool {
        false
    }
}
