//! The file store: one file `<conversation>.json` for each record, in one directory.
//!
//! A save writes a new file, syncs it, renames it into place, syncs the directory, and only then reports success. Whenever
//! the process or the machine crashes, the file of a conversation is the whole old record or the whole new one. One process
//! at a time can open a directory; the lock ends with the process. A file that another program created or edited is never
//! overwritten or removed: it is reported, or makes a save a [`WriteOutcome::Conflict`].
//!
//! This module is the asynchronous interface. `open` creates, checks and locks the directory, `records` has the steps of each
//! operation, and `fs` has the system calls.
//!
//! ```
//! # let scratch = tempfile::tempdir()?;
//! # let dir = scratch.path().join("conversations");
//! use stube::FileStore;
//!
//! let store = FileStore::open(&dir)?;
//! let second = FileStore::open(&dir).expect_err("the directory is locked");
//! assert!(second.to_string().starts_with("another process has it open"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "the store that keeps files")]

mod error;
mod fs;
mod open;
mod records;
#[cfg(test)]
mod tests;

use std::fmt;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinHandle};

use crate::model::error::BoxError;
use crate::model::id::ConversationId;
use crate::record::{Record, Revision};
use crate::store::inline::{Caller, Gate};
use crate::store::{BoxFuture, Inline, LoadError, Page, Query, Store, Summary, Visitor, WriteOutcome};

pub use error::FileError;
pub use open::OpenError;

use fs::Directory;
use records::Records;

/// Keeps each record in a file of its own, durably.
///
/// A change that was reported as [`WriteOutcome::Applied`] survives a crash of the process at any moment. It survives a power
/// cut on a local file system whose disk does not lie about completed flushes.
///
/// - A save or delete that fails leaves the old record. A later one may succeed; the store need not be reopened.
/// - If the sync of the directory fails twice, the outcome is [`WriteOutcome::Unknown`]. Each further call for the
///   conversation first tries to make its visible state durable, and fails if it cannot.
/// - A change is made on the caller's thread while that is quick and the caller is alone: [`Inline`] says when. All other work
///   is done on tokio's blocking threads, so every call must be made within a tokio runtime. A change that has begun is
///   completed even if its future is dropped.
/// - If the disk does not respond, at most [`Options::calls`] calls wait for it on threads. Further calls wait without a
///   thread; [`Runtime`](crate::Runtime) waits no longer than its [timeout](crate::runtime::Builder::timeout). When the disk
///   responds again, the store continues.
///
/// Not guaranteed: that an edit by another program in the instant of a save is noticed; and the state after a power cut if a
/// process ended while the sync of its directory failed.
pub struct FileStore {
    dir: PathBuf,
    records: Arc<Records<Directory>>,
    /// One permit for each call that may be at work.
    room: Arc<Semaphore>,
    /// Whether a change may be made inline.
    writes: Arc<Gate>,
}

/// Without the index, because knowing the id of a conversation may give access to it.
impl fmt::Debug for FileStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileStore").field("dir", &self.dir).finish_non_exhaustive()
    }
}

/// Options for opening a [`FileStore`].
#[derive(Debug, Clone)]
pub struct Options {
    network: bool,
    calls: usize,
    inline: Inline,
}

impl Default for Options {
    fn default() -> Self {
        Self { network: false, calls: 256, inline: Inline::default() }
    }
}

impl Options {
    /// Sets how many calls may be at work at once; 256 by default, at least 1. Each uses one of tokio's blocking threads, of
    /// which the whole program has 512 unless its runtime is configured otherwise.
    #[must_use]
    pub fn calls(mut self, calls: usize) -> Self {
        self.calls = calls.clamp(1, Semaphore::MAX_PERMITS);
        self
    }

    /// Which changes are made on the caller's thread. [`Inline::WhenIdle`] by default.
    #[must_use]
    pub fn inline(mut self, inline: Inline) -> Self {
        self.inline = inline;
        self
    }

    /// Allows a directory on NFS, SMB, FUSE and the like. Whether locks exclude and saves are durable there depends on that
    /// file system. False by default.
    #[must_use]
    pub fn allow_network(mut self, allow: bool) -> Self {
        self.network = allow;
        self
    }

    /// Opens the store in this directory. A missing directory and its missing parents are created, accessible only to this
    /// user. Temporary files of interrupted saves are removed.
    ///
    /// This call blocks; call it at the start of a program.
    ///
    /// # Errors
    ///
    /// The directory is in use, is a symbolic link, may be written to by other users, is on a network file system, or a
    /// system call fails.
    pub fn open(&self, dir: impl AsRef<Path>) -> Result<FileStore, OpenError> {
        let dir = dir.as_ref();
        let directory = open::open(dir, self.network)?;
        let records = Records::open(directory).map_err(|source| OpenError::System { dir: dir.to_owned(), source })?;
        let room = Arc::new(Semaphore::new(self.calls));
        Ok(FileStore { dir: dir.to_owned(), records: Arc::new(records), room, writes: Gate::new(self.inline) })
    }
}

impl FileStore {
    /// Opens the store in this directory with the default options: see [`Options::open`].
    ///
    /// # Errors
    ///
    /// Those of [`Options::open`].
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::options().open(dir)
    }

    /// The default options, to change and then [open](Options::open) a store with.
    pub fn options() -> Options {
        Options::default()
    }

    /// The path with which the store was opened.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Starts `work` on a blocking thread as soon as there is a permit.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Records<Directory>) -> T + Send + 'static,
    ) -> JoinHandle<T> {
        let room = Arc::clone(&self.room).acquire_owned().await.expect("BUG: it is never closed");
        let records = Arc::clone(&self.records);
        tokio::task::spawn_blocking(move || {
            let done = work(&records);
            // Released when the work is done, even if its future was dropped.
            drop(room);
            done
        })
    }
}

impl FileStore {
    /// Makes a change inline if the gate admits it, else on a thread for blocking calls.
    async fn change(&self, change: impl FnOnce(&Records<Directory>) -> WriteOutcome + Send + 'static) -> WriteOutcome {
        let caller = self.writes.enter();
        let admitted = caller.is_admitted().await;
        let writes = Arc::clone(&self.writes);
        let timed = move |records: &Records<Directory>| {
            let begun = Instant::now();
            let outcome = change(records);
            writes.learn(begun.elapsed());
            if matches!(outcome, WriteOutcome::NotApplied(_) | WriteOutcome::Unknown(_)) {
                writes.close();
            }
            outcome
        };
        self.make(caller, admitted, timed).await
    }

    async fn make(
        &self,
        caller: Caller,
        inline: bool,
        change: impl FnOnce(&Records<Directory>) -> WriteOutcome + Send + 'static,
    ) -> WriteOutcome {
        if inline {
            let outcome = catch_unwind(AssertUnwindSafe(|| change(&self.records)));
            // The next load resolves it.
            return outcome.unwrap_or_else(|_| WriteOutcome::Unknown("BUG: it panicked".into()));
        }
        let made = self.blocking(move |records| {
            let outcome = change(records);
            // Only now, even if the future was dropped meanwhile.
            drop(caller);
            outcome
        });
        made.await.await.unwrap_or_else(unfinished)
    }
}

impl Store for FileStore {
    /// True: the directory is locked. A file that another program edits all the same is a conflict of the next save.
    fn is_exclusive(&self) -> bool {
        true
    }

    fn load_all<'a>(&'a self, each: &'a mut Visitor<'a>) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(async move {
            // A short queue, so that a slow reader does not make the records accumulate in memory.
            let (send, mut receive) = tokio::sync::mpsc::channel(16);
            let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
            let reading = self
                .blocking(move |records| records.load_all(threads, &|entry| send.blocking_send(entry).is_ok()))
                .await;
            while let Some(entry) = receive.recv().await {
                each(entry);
            }
            Ok(reading.await??)
        })
    }

    fn load(&self, id: ConversationId) -> BoxFuture<'_, Result<Option<Record>, LoadError>> {
        Box::pin(async move {
            let loaded = self.blocking(move |records| records.load(id)).await;
            loaded.await.unwrap_or_else(|error| Err(LoadError::Store(error.into())))
        })
    }

    /// Reads the records in the order of their ids until the page is full, including those that do not match.
    fn list<'a>(
        &'a self,
        query: &'a Query,
        after: Option<ConversationId>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, BoxError>> {
        Box::pin(async move {
            let query = query.clone();
            let page = self.blocking(move |records| {
                let mut page = Page::new();
                let read = records.in_order(after, &mut |record| {
                    let summary = Summary::of(&record);
                    if page.len() < limit && query.matches(&summary) {
                        page.push(summary);
                    }
                    page.len() < limit
                });
                read.map(|()| page)
            });
            Ok(page.await.await??)
        })
    }

    fn save<'a>(&'a self, record: &'a Record, replaces: Option<Revision>) -> BoxFuture<'a, WriteOutcome> {
        let record = record.clone();
        Box::pin(self.change(move |records| records.save(&record, replaces)))
    }

    fn delete(&self, id: ConversationId, replaces: Revision) -> BoxFuture<'_, WriteOutcome> {
        Box::pin(self.change(move |records| records.delete(id, replaces)))
    }

    /// Removes the file, and does not sync the directory.
    fn discard(&self, id: ConversationId, replaces: Revision) -> BoxFuture<'_, WriteOutcome> {
        Box::pin(async move {
            let caller = self.writes.enter();
            // It does not wait for the disk, so no other caller has to come first.
            let inline = self.writes.is_open();
            self.make(caller, inline, move |records| records.discard(id, replaces)).await
        })
    }
}

/// Cancelled work has not begun. After a panic the outcome is unknown; the next load resolves it.
fn unfinished(error: JoinError) -> WriteOutcome {
    if error.is_cancelled() { WriteOutcome::NotApplied(error.into()) } else { WriteOutcome::Unknown(error.into()) }
}
