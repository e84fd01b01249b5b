//! Stores with one flaw each, to test the checks: a check that none of them fails proves nothing.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::sync::Mutex;

use rustix::io::Result;

use crate::model::error::BoxError;
use crate::model::id::ConversationId;
use crate::record::{Record, Revision, Unreadable};
use crate::store::file::error::FileError;
use crate::store::file::fs::{Fs, Stat};
use crate::store::file::records::Records;
use crate::store::file::tests::Possible;
use crate::store::file::tests::model::{Handle, Model};
use crate::store::{BoxFuture, LoadError, Store, Visitor, WriteOutcome};

/// The flaw of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    Nothing,
    NoFileSync,
    NoDirectorySync,
    NoDirectorySyncAtDelete,
    NoDirectorySyncAtOpen,
    WritesInPlace,
    RetriesFileSync,
    RetriesDirectorySync,
    MemoryFirst,
    NoVersionCheck,
}

/// A store over a [`Model`], with a flaw.
pub(super) struct Subject {
    flaw: Flaw,
    records: Records<Flawed>,
    /// For [`Flaw::MemoryFirst`]: the records that it believes to be saved.
    memory: Mutex<BTreeMap<ConversationId, Option<Record>>>,
}

impl Subject {
    pub(super) fn open(model: Model<Possible>, flaw: Flaw) -> std::result::Result<Self, FileError> {
        let fs = Flawed { model, flaw, unlinked: Mutex::new(false), opened: Mutex::new(false) };
        Ok(Self { flaw, records: Records::open(fs)?, memory: Mutex::default() })
    }

    pub(super) fn save(&self, record: &Record, replaces: Option<Revision>) -> WriteOutcome {
        match self.flaw {
            Flaw::MemoryFirst => match self.load(record.id()) {
                Ok(stored) if stored.as_ref().map(Record::revision) == replaces => {
                    self.remember(record.id(), Some(record.clone()));
                    let _ = self.records.save(record, replaces);
                    WriteOutcome::Applied
                }
                Ok(stored) => WriteOutcome::Conflict { stored: stored.map(|stored| stored.revision()) },
                Err(error) => WriteOutcome::NotApplied(error.into()),
            },
            Flaw::NoVersionCheck => match self.records.load(record.id()) {
                Ok(stored) => self.records.save(record, stored.map(|stored| stored.revision())),
                Err(error) => WriteOutcome::NotApplied(error.into()),
            },
            Flaw::Nothing
            | Flaw::NoFileSync
            | Flaw::NoDirectorySync
            | Flaw::NoDirectorySyncAtDelete
            | Flaw::NoDirectorySyncAtOpen
            | Flaw::WritesInPlace
            | Flaw::RetriesFileSync
            | Flaw::RetriesDirectorySync => self.records.save(record, replaces),
        }
    }

    pub(super) fn delete(&self, id: ConversationId, replaces: Revision) -> WriteOutcome {
        if self.flaw != Flaw::MemoryFirst {
            return self.records.delete(id, replaces);
        }
        match self.load(id) {
            Ok(Some(stored)) if stored.revision() != replaces => {
                WriteOutcome::Conflict { stored: Some(stored.revision()) }
            }
            Ok(_) => {
                self.remember(id, None);
                let _ = self.records.delete(id, replaces);
                WriteOutcome::Applied
            }
            Err(error) => WriteOutcome::NotApplied(error.into()),
        }
    }

    pub(super) fn load(&self, id: ConversationId) -> std::result::Result<Option<Record>, LoadError> {
        let remembered = self.memory.lock().expect("no test panics in here").get(&id).cloned();
        remembered.map_or_else(|| self.records.load(id), Ok)
    }

    pub(super) fn load_all(&self) -> std::result::Result<(Vec<Record>, Vec<Unreadable>), FileError> {
        let found = Mutex::new((Vec::new(), Vec::new()));
        self.records.load_all(1, &|entry| {
            let mut found = found.lock().expect("no test panics in here");
            match entry {
                Ok(record) => found.0.push(record),
                Err(unreadable) => found.1.push(unreadable),
            }
            true
        })?;
        Ok(found.into_inner().expect("no test panics in here"))
    }

    fn remember(&self, id: ConversationId, record: Option<Record>) {
        self.memory.lock().expect("no test panics in here").insert(id, record);
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a store with {:?}", self.flaw)
    }
}

impl Store for Subject {
    fn load_all<'a>(&'a self, each: &'a mut Visitor<'a>) -> BoxFuture<'a, std::result::Result<(), BoxError>> {
        Box::pin(async move {
            let memory = self.memory.lock().expect("no test panics in here").clone();
            let state = Mutex::new((memory, &mut *each));
            self.records.load_all(1, &|entry| {
                let (memory, each) = &mut *state.lock().expect("no test panics in here");
                let id = entry.as_ref().map_or_else(|unreadable| unreadable.id, |record| Some(record.id()));
                match id.and_then(|id| memory.remove(&id)) {
                    Some(remembered) => remembered.into_iter().map(Ok).for_each(&mut **each),
                    None => each(entry),
                }
                true
            })?;
            let (memory, each) = state.into_inner().expect("no test panics in here");
            memory.into_values().flatten().map(Ok).for_each(each);
            Ok(())
        })
    }

    fn load(&self, id: ConversationId) -> BoxFuture<'_, std::result::Result<Option<Record>, LoadError>> {
        Box::pin(async move { Self::load(self, id) })
    }

    fn save<'a>(&'a self, record: &'a Record, replaces: Option<Revision>) -> BoxFuture<'a, WriteOutcome> {
        Box::pin(async move { Self::save(self, record, replaces) })
    }

    fn delete(&self, id: ConversationId, replaces: Revision) -> BoxFuture<'_, WriteOutcome> {
        Box::pin(async move { Self::delete(self, id, replaces) })
    }

    fn discard(&self, id: ConversationId, replaces: Revision) -> BoxFuture<'_, WriteOutcome> {
        Box::pin(async move {
            if self.flaw == Flaw::MemoryFirst {
                return Self::delete(self, id, replaces);
            }
            self.records.discard(id, replaces)
        })
    }
}

/// The file system calls, with the flaw.
struct Flawed {
    model: Model<Possible>,
    flaw: Flaw,
    /// Whether the last change of a name was the removal of a record.
    unlinked: Mutex<bool>,
    /// Whether the directory was synced once.
    opened: Mutex<bool>,
}

impl Flawed {
    fn unlinked(&self, now: bool) -> bool {
        std::mem::replace(&mut self.unlinked.lock().expect("no test panics in here"), now)
    }
}

impl Fs for Flawed {
    type File = Handle;

    fn list(&self, each: &mut dyn FnMut(&OsStr)) -> Result<()> {
        self.model.list(each)
    }

    fn stat(&self, name: &str) -> Result<Stat> {
        self.model.stat(name)
    }

    fn open(&self, name: &str) -> Result<Handle> {
        self.model.open(name)
    }

    fn stat_file(&self, file: &Handle) -> Result<Stat> {
        self.model.stat_file(file)
    }

    fn read(&self, file: &mut Handle, buffer: &mut [u8]) -> Result<usize> {
        self.model.read(file, buffer)
    }

    fn create(&self, name: &str) -> Result<Handle> {
        self.model.create(name)
    }

    fn write(&self, file: &mut Handle, bytes: &[u8]) -> Result<usize> {
        self.model.write(file, bytes)
    }

    fn sync_file(&self, file: &Handle) -> Result<()> {
        if self.flaw == Flaw::NoFileSync {
            return Ok(());
        }
        let done = self.model.sync_file(file);
        if self.flaw == Flaw::RetriesFileSync && done.is_err() {
            return self.model.sync_file(file);
        }
        done
    }

    fn rename_new(&self, from: &str, to: &str) -> Result<()> {
        self.unlinked(false);
        self.model.rename_new(from, to)
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        self.unlinked(false);
        if self.flaw == Flaw::WritesInPlace {
            return self.model.write_in_place(from, to);
        }
        self.model.rename(from, to)
    }

    fn unlink(&self, name: &str) -> Result<()> {
        self.unlinked(name.ends_with(".json"));
        self.model.unlink(name)
    }

    fn sync_dir(&self) -> Result<()> {
        let opened = std::mem::replace(&mut *self.opened.lock().expect("no test panics in here"), true);
        let skipped = (self.flaw == Flaw::NoDirectorySync)
            | (self.flaw == Flaw::NoDirectorySyncAtOpen && !opened)
            | (self.unlinked(false) && self.flaw == Flaw::NoDirectorySyncAtDelete);
        if skipped {
            return Ok(());
        }
        let done = self.model.sync_dir();
        if self.flaw == Flaw::RetriesDirectorySync && done.is_err() {
            return self.model.sync_dir();
        }
        done
    }
}
