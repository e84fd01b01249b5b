//! Stores with one thing wrong each: the controls of the checks. A check that none of them fails proves nothing.
//!
//! A flaw is under the store, in the calls of the engine, or over it, in what it answers. One that a store of files may
//! have has no counterpart: to leave out the sync of a directory after a delete. A row is no name.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use stube::BoxError;
use stube::record::{Record, Revision};
use stube::store::{BoxFuture, Count, Inline, LoadError, Page, Query, Visitor, WriteOutcome};
use stube::{ConversationId, SqliteStore, Store};
use tokio::sync::Mutex as Turn;

use crate::machine::Machine;
use crate::vfs;

/// What is wrong with a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    Nothing,
    /// No file is ever synced.
    NoFileSync,
    /// The log is synced only before it is copied into the file, as with `synchronous` at `NORMAL`.
    NoLogSync,
    /// The log is synced, and the file into which it is copied is not.
    NoDatabaseSync,
    /// The directory is never synced, nor is the name of a new log.
    NoDirectorySync,
    /// The log that is found is not synced as the store opens.
    SettlesNoLog,
    /// A sync that fails is done again, and that one counts.
    RetriesSync,
    /// Pages are written in place, and the old ones kept in a journal, as with `journal_mode` at `DELETE`.
    RollbackJournal,
    /// Pages are written in place, and the old ones kept in memory, as with `journal_mode` at `MEMORY`.
    JournalInMemory,
    /// Answers before it commits, from memory.
    MemoryFirst,
    /// Puts a record in place of whatever is there.
    NoRevisionCheck,
    /// Takes a commit that failed for one that was not made.
    TakesUnknownForNotApplied,
}

/// Where the store looks for the log of this file.
pub(crate) fn log(path: &Path) -> PathBuf {
    PathBuf::from(format!("{}-wal", path.display()))
}

/// A store on a [`Machine`]. Dropping it ends its process.
pub(crate) struct Subject {
    store: Option<Box<dyn Store>>,
    machine: Arc<Machine>,
    path: PathBuf,
}

impl Subject {
    /// The store looks for its file in a real directory too, before the engine does: there must be one at `path`.
    pub(crate) fn open(machine: Arc<Machine>, path: PathBuf, inline: Inline) -> Result<Self, BoxError> {
        vfs::plug(path.to_str().expect("it is a text"), &machine);
        // From here on an early return takes away what was made.
        let mut subject = Self { store: None, machine, path };
        subject.machine.show_log(vfs::LOG)?;
        // On a machine that has much to do, no change is to be late.
        let store = SqliteStore::options().inline(inline).timeout(Duration::from_secs(60)).open(&subject.path)?;
        subject.machine.take_over_log(vfs::LOG);
        // As it opens, the store itself syncs the directory, so that a log that was removed stays away.
        if subject.machine.flaw != Flaw::NoDirectorySync {
            subject.machine.sync_directory();
        }
        subject.store = Some(match subject.machine.flaw {
            Flaw::Nothing
            | Flaw::NoFileSync
            | Flaw::NoLogSync
            | Flaw::NoDatabaseSync
            | Flaw::NoDirectorySync
            | Flaw::SettlesNoLog
            | Flaw::RetriesSync
            | Flaw::RollbackJournal
            | Flaw::JournalInMemory => Box::new(store),
            Flaw::MemoryFirst => Box::new(MemoryFirst { store, turn: Turn::default(), memory: Mutex::default() }),
            Flaw::NoRevisionCheck => Box::new(NoRevisionCheck(store)),
            Flaw::TakesUnknownForNotApplied => Box::new(TakesUnknownForNotApplied(store)),
        });
        Ok(subject)
    }

    fn store(&self) -> &dyn Store {
        self.store.as_deref().expect("it is there until it is dropped")
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        self.store = None;
        self.machine.wait_until_closed();
        vfs::unplug(self.path.to_str().expect("it is a text"));
        // There may be none.
        let _ = fs::remove_file(&self.path);
        let _ = fs::remove_file(log(&self.path));
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a store with {:?}", self.machine.flaw)
    }
}

impl Store for Subject {
    fn load_all<'a>(&'a self, each: &'a mut Visitor<'a>) -> BoxFuture<'a, Result<(), BoxError>> {
        self.store().load_all(each)
    }

    fn load(&self, id: ConversationId) -> BoxFuture<'_, Result<Option<Record>, LoadError>> {
        self.store().load(id)
    }

    fn list<'a>(
        &'a self,
        query: &'a Query,
        after: Option<ConversationId>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, BoxError>> {
        self.store().list(query, after, limit)
    }

    fn count<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Vec<Count>, BoxError>> {
        self.store().count(query)
    }

    fn save<'a>(&'a self, record: &'a Record, replaces: Option<Revision>) -> BoxFuture<'a, WriteOutcome> {
        self.store().save(record, replaces)
    }

    fn delete(&self, id: ConversationId, replaces: Revision) -> BoxFuture<'_, WriteOutcome> {
        self.store().delete(id, replaces)
    }

    fn discard(&self, id: ConversationId, replaces: Revision) -> BoxFuture<'_, WriteOutcome> {
        self.store().discard(id, replaces)
    }
}

// ---- Over the store -----------------------------------------------------------------------------------------------

#[derive(Debug)]
struct MemoryFirst {
    store: SqliteStore,
    /// One change after the other, so that it compares revisions as it should.
    turn: Turn<()>,
    /// What it takes for saved; `None` for what it takes for deleted.
    memory: Mutex<BTreeMap<ConversationId, Option<Record>>>,
}

impl MemoryFirst {
    fn remembered(&self, id: ConversationId) -> Option<Option<Record>> {
        self.memory.lock().expect("nothing panics in here").get(&id).cloned()
    }

    fn remember(&self, id: ConversationId, record: Option<Record>) {
        self.memory.lock().expect("nothing panics in here").insert(id, record);
    }
}

impl Store for MemoryFirst {
    fn load_all<'a>(&'a self, each: &'a mut Visitor<'a>) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(async move {
            let mut memory = self.memory.lock().expect("nothing panics in here").clone();
            let mut others = |entry: Result<Record, _>| {
                let id = entry.as_ref().ok().map(Record::id);
                match id.and_then(|id| memory.remove(&id)) {
                    Some(remembered) => remembered.into_iter().map(Ok).for_each(&mut *each),
                    None => each(entry),
                }
            };
            self.store.load_all(&mut others).await?;
            memory.into_values().flatten().map(Ok).for_each(each);
            Ok(())
        })
    }

    fn load(&self, id: ConversationId) -> BoxFuture<'_, Result<Option<Record>, LoadError>> {
        Box::pin(async move {
            match self.remembered(id) {
                Some(record) => Ok(record),
                None => self.store.load(id).await,
            }
        })
    }

    fn save<'a>(&'a self, record: &'a Record, replaces: Option<Revision>) -> BoxFuture<'a, WriteOutcome> {
        Box::pin(async move {
            let _turn = self.turn.lock().await;
            match self.load(record.id()).await {
                Ok(stored) if stored.as_ref().map(Record::revision) == replaces => {
                    self.remember(record.id(), Some(record.clone()));
                    let _ = self.store.save(record, replaces).await;
                    WriteOutcome::Applied
                }
                Ok(stored) => WriteOutcome::Conflict { stored: stored.map(|stored| stored.revision()) },
                Err(error) => WriteOutcome::NotApplied(error.into()),
            }
        })
    }

    fn delete(&self, id: ConversationId, replaces: Revision) -> BoxFuture<'_, WriteOutcome> {
        Box::pin(async move {
            let _turn = self.turn.lock().await;
            match self.load(id).await {
                Ok(Some(stored)) if stored.revision() != replaces => {
                    WriteOutcome::Conflict { stored: Some(stored.revision()) }
                }
                Ok(_) => {
                    self.remember(id, None);
                    let _ = self.store.delete(id, replaces).await;
                    WriteOutcome::Applied
                }
                Err(error) => WriteOutcome::NotApplied(error.into()),
            }
        })
    }
}

#[derive(Debug)]
struct NoRevisionCheck(SqliteStore);

impl Store for NoRevisionCheck {
    fn load_all<'a>(&'a self, each: &'a mut Visitor<'a>) -> BoxFuture<'a, Result<(), BoxError>> {
        self.0.load_all(each)
    }

    fn load(&self, id: ConversationId) -> BoxFuture<'_, Result<Option<Record>, LoadError>> {
        self.0.load(id)
    }

    fn save<'a>(&'a self, record: &'a Record, _: Option<Revision>) -> BoxFuture<'a, WriteOutcome> {
        Box::pin(async move {
            loop {
                let saved = match self.0.load(record.id()).await {
                    Ok(stored) => self.0.save(record, stored.map(|stored| stored.revision())).await,
                    Err(error) => WriteOutcome::NotApplied(error.into()),
                };
                if !matches!(saved, WriteOutcome::Conflict { .. }) {
                    return saved;
                }
            }
        })
    }

    fn delete(&self, id: ConversationId, replaces: Revision) -> BoxFuture<'_, WriteOutcome> {
        self.0.delete(id, replaces)
    }
}

#[derive(Debug)]
struct TakesUnknownForNotApplied(SqliteStore);

fn not_applied(saved: WriteOutcome) -> WriteOutcome {
    match saved {
        WriteOutcome::Unknown(error) => WriteOutcome::NotApplied(error),
        WriteOutcome::Applied | WriteOutcome::NotApplied(_) | WriteOutcome::Conflict { .. } => saved,
    }
}

impl Store for TakesUnknownForNotApplied {
    fn load_all<'a>(&'a self, each: &'a mut Visitor<'a>) -> BoxFuture<'a, Result<(), BoxError>> {
        self.0.load_all(each)
    }

    fn load(&self, id: ConversationId) -> BoxFuture<'_, Result<Option<Record>, LoadError>> {
        self.0.load(id)
    }

    fn save<'a>(&'a self, record: &'a Record, replaces: Option<Revision>) -> BoxFuture<'a, WriteOutcome> {
        Box::pin(async move { not_applied(self.0.save(record, replaces).await) })
    }

    fn delete(&self, id: ConversationId, replaces: Revision) -> BoxFuture<'_, WriteOutcome> {
        Box::pin(async move { not_applied(self.0.delete(id, replaces).await) })
    }
}
