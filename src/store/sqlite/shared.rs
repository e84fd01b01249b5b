//! The state that the threads and the handles share: the queues, the connections, the caches.

use std::ffi::c_int;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use rusqlite::Connection;

use crate::store::inline::Gate;
use crate::store::sqlite::error::SqliteError;
use crate::store::sqlite::job::{Discarded, Job, Read};
use crate::store::sqlite::open::{self, OpenError};
use crate::store::sqlite::options::Settings;
use crate::store::sqlite::parsed::Parsed;
use crate::store::sqlite::queue::Queue;

/// The state that the threads and the handles share.
pub(super) struct Shared {
    /// The path, with all symbolic links resolved.
    pub(super) file: PathBuf,
    pub(super) settings: Settings,
    pub(super) changes: Queue<Job>,
    pub(super) reads: Queue<Read>,
    /// Locked by the writer thread, or by a caller that makes a change inline.
    pub(super) writer: Mutex<Writer>,
    /// One for each reader thread.
    pub(super) readers: Vec<Reader>,
    /// Whether a commit has failed with an unknown outcome that is not resolved yet.
    pub(super) in_doubt: AtomicBool,
    /// Whether a change may be made inline, and whether a load may.
    pub(super) writes: Arc<Gate>,
    pub(super) loads: Arc<Gate>,
    pub(super) discarded: Discarded,
    pub(super) parsed: Parsed,
    /// The length of the write-ahead log after the last commit of this store, in pages; 0 after a checkpoint.
    pub(super) log_pages: Arc<AtomicU32>,
}

impl Shared {
    pub(super) fn connect(&self) -> Result<Connection, SqliteError> {
        open::connect(&self.file, &self.settings).map_err(|error| match error {
            OpenError::Sqlite { source, .. } => source,
            other => SqliteError { doing: "opening the file again", source: other.into() },
        })
    }

    /// Makes the engine report the length of the log after each commit of this connection, instead of checkpointing by
    /// itself.
    pub(super) fn count_log_pages(&self, connection: &mut Connection) -> Result<(), SqliteError> {
        let log_pages = Arc::clone(&self.log_pages);
        let count = move |_: &mut rusqlite::hooks::Wal, pages: c_int| {
            log_pages.store(pages.unsigned_abs(), Ordering::Relaxed);
            Ok(())
        };
        connection.wal_hook(Some(count)).map_err(|error| SqliteError::new("counting the log", error))
    }

    pub(super) fn is_checkpoint_due(&self) -> bool {
        self.log_pages.load(Ordering::Relaxed) >= self.settings.checkpoint_pages
    }

    /// A poisoned lock is safe to use: after a panic the writer has no connection.
    pub(super) fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Locks without waiting; `None` if the lock is held.
pub(super) fn try_lock<T>(lock: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match lock.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

/// The one connection that writes, used by the writer thread and by inline calls, one at a time.
pub(super) struct Writer {
    /// `None` after a failure that the connection may have caused, and after the store was closed.
    pub(super) connection: Option<Connection>,
}

impl Writer {
    /// A writer without a connection.
    pub(super) fn none() -> Self {
        Self { connection: None }
    }
}

/// The connection of a reader thread; `None` after the thread has ended.
pub(super) type Reader = Mutex<Option<Connection>>;
