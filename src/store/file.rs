//! Records as files: `<conversation>.json`, one each, in one directory.
//!
//! A save writes a new file, makes it durable, renames it into place and makes the name durable, and only then says
//! so. Whatever happens in between, the file of a conversation is the whole old record or the whole new one.
//! One process at a time has a directory; the lock goes with the process. A file that somebody else put there or
//! edited is never overwritten or removed: it is reported, or answers a save with [`WriteOutcome::Conflict`].
//!
//! This file is the way in from asynchronous code. `open` gets hold of the directory, `records` is the work, step by
//! step, and `fs` are the system calls.
//!
//! ```
//! # let scratch = tempfile::tempdir()?;
//! # let dir = scratch.path().join("conversations");
//! use stube::FileStore;
//!
//! let store = FileStore::open(&dir)?;
//! let second = FileStore::open(&dir).expect_err("one at a time");
//! assert!(second.to_string().starts_with("another process has it open"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "the store that keeps files")]

mod fs;
mod open;
mod records;
#[cfg(test)]
mod tests;

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fmt, io};

use rustix::io::Errno;
use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinHandle};

use crate::model::error::BoxError;
use crate::model::id::ConversationId;
use crate::record::{Record, Revision};
use crate::store::{BoxFuture, LoadError, Page, Query, Store, Summary, Visitor, WriteOutcome};

pub use open::OpenError;

use fs::Directory;
use records::Records;

/// Keeps each record in a file of its own, durably.
///
/// What it answered with [`WriteOutcome::Applied`] survives a kill of the program at any moment and, on a local file system
/// whose disk keeps what it says it keeps, a power cut.
///
/// - A save or delete that fails leaves the old record, and the next one may succeed: nothing need be opened again.
/// - If the directory cannot be made durable, twice, the answer is [`WriteOutcome::Unknown`]. The conversation can then
///   neither be loaded nor saved until its visible state has been made durable, which each further call tries first.
/// - The work is done on tokio's threads for blocking calls, so every call must be made within a tokio runtime. A
///   change that has begun is carried out to its end, even if its future is dropped.
/// - If the disk does not answer, no more calls than [`Options::calls`] says wait for it on threads. Whoever makes
///   another one waits without a thread; [`Runtime`](crate::Runtime) does not wait for longer than its
///   [timeout](crate::runtime::Builder::timeout). When the disk answers again, so does the store.
///
/// Not promised: that an edit by another program at the very moment of a save is noticed; and the state after a power
/// cut if another process ended while its directory could not be made durable.
pub struct FileStore {
    dir: PathBuf,
    records: Arc<Records<Directory>>,
    /// For one more call.
    room: Arc<Semaphore>,
}

/// Without what is known of the records: whoever knows the id of a conversation may be let into it.
impl fmt::Debug for FileStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileStore").field("dir", &self.dir).finish_non_exhaustive()
    }
}

/// How a [`FileStore`] is opened.
#[derive(Debug, Clone)]
pub struct Options {
    network: bool,
    calls: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { network: false, calls: 256 }
    }
}

impl Options {
    /// How many calls may be at work at once. Tokio has a thread for each of them, up to a limit of its own, which all
    /// blocking work of the program shares: 512 unless set. 256 unless set here, and never less than 1.
    #[must_use]
    pub fn calls(mut self, calls: usize) -> Self {
        self.calls = calls.clamp(1, Semaphore::MAX_PERMITS);
        self
    }

    /// Uses the directory even if it is on NFS, SMB, FUSE or the like. Whether the lock locks and a save is durable
    /// is then for whoever runs that file system to say.
    #[must_use]
    pub fn allow_network(mut self, allow: bool) -> Self {
        self.network = allow;
        self
    }

    /// Opens the store in this directory. It is made if it is missing, for nobody but this user, and so are those
    /// above it. Leftovers of a save that was cut short are removed.
    ///
    /// This call blocks; it is for the start of a program.
    ///
    /// # Errors
    ///
    /// The directory is in use, is a link, may be written to by others, is on a network file system, or the system
    /// refuses.
    pub fn open(&self, dir: impl AsRef<Path>) -> Result<FileStore, OpenError> {
        let dir = dir.as_ref();
        let directory = open::open(dir, self.network)?;
        let records = Records::open(directory).map_err(|source| OpenError::System { dir: dir.to_owned(), source })?;
        let room = Arc::new(Semaphore::new(self.calls));
        Ok(FileStore { dir: dir.to_owned(), records: Arc::new(records), room })
    }
}

impl FileStore {
    /// Opens the store in this directory, as [`Options::open`] does.
    ///
    /// # Errors
    ///
    /// The directory is in use, is a link, may be written to by others, is on a network file system, or the system
    /// refuses.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::options().open(dir)
    }

    /// For opening in another way.
    pub fn options() -> Options {
        Options::default()
    }

    /// The directory, as it was named.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Begins `work` where it may block, once there is room.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Records<Directory>) -> T + Send + 'static,
    ) -> JoinHandle<T> {
        let room = Arc::clone(&self.room).acquire_owned().await.expect("BUG: it is never closed");
        let records = Arc::clone(&self.records);
        tokio::task::spawn_blocking(move || {
            let done = work(&records);
            // Only now, whether or not anybody still waits for it.
            drop(room);
            done
        })
    }
}

/// What the system refused, and while doing what.
#[derive(Debug, thiserror::Error)]
#[error("{doing}: {source}")]
pub struct FileError {
    doing: &'static str,
    source: io::Error,
}

impl FileError {
    fn new(doing: &'static str, errno: Errno) -> Self {
        Self { doing, source: errno.into() }
    }

    fn is(&self, errno: Errno) -> bool {
        self.source.raw_os_error() == Some(errno.raw_os_error())
    }
}

impl Store for FileStore {
    /// The directory is locked, and a file that somebody edits all the same is a conflict of the next save.
    fn is_exclusive(&self) -> bool {
        true
    }

    fn load_all<'a>(&'a self, each: &'a mut Visitor<'a>) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(async move {
            // Short, so that a slow reader does not let the records of a large directory pile up in memory.
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

    /// Reads the records of the page and those before it that do not match.
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
        Box::pin(async move {
            let record = record.clone();
            let saved = self.blocking(move |records| records.save(&record, replaces)).await;
            saved.await.unwrap_or_else(unfinished)
        })
    }

    fn delete(&self, id: ConversationId, replaces: Revision) -> BoxFuture<'_, WriteOutcome> {
        Box::pin(async move {
            let deleted = self.blocking(move |records| records.delete(id, replaces)).await;
            deleted.await.unwrap_or_else(unfinished)
        })
    }
}

/// Work that is cancelled has not begun. After a panic nobody knows, and the next load settles it.
fn unfinished(error: JoinError) -> WriteOutcome {
    if error.is_cancelled() { WriteOutcome::NotApplied(error.into()) } else { WriteOutcome::Unknown(error.into()) }
}
