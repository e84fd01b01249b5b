//! What the threads and the handles share: the queues, the connections, and the state of the store.

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

/// What the threads and the handles share.
pub(super) struct Shared {
    /// With all links followed.
    pub(super) file: PathBuf,
    pub(super) settings: Settings,
    pub(super) changes: Queue<Job>,
    pub(super) reads: Queue<Read>,
    /// Held by the thread that writes, or by a caller that makes a change inline.
    pub(super) writer: Mutex<Writer>,
    /// One for each thread that reads.
    pub(super) readers: Vec<Reader>,
    /// A commit failed so that its outcome is not certain.
    pub(super) in_doubt: AtomicBool,
    /// Whether a change may be made inline, and whether a load may.
    pub(super) writes: Arc<Gate>,
    pub(super) loads: Arc<Gate>,
    pub(super) discarded: Discarded,
    pub(super) parsed: Parsed,
    /// How long the log is after the last commit of this store, in pages, since it was last copied into the file.
    pub(super) log_pages: Arc<AtomicU32>,
}

impl Shared {
    pub(super) fn connect(&self) -> Result<Connection, SqliteError> {
        open::connect(&self.file, &self.settings).map_err(|error| match error {
            OpenError::Sqlite { source, .. } => source,
            other => SqliteError { doing: "opening the file again", source: other.into() },
        })
    }

    /// Has the engine count the log after each commit of this connection, and no longer copy it by itself.
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

    /// Whoever panicked with it has given up its connection.
    pub(super) fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a lock guards, if nobody holds it.
pub(super) fn try_lock<T>(lock: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match lock.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

/// What writes: the one connection for that, used by the thread and by callers inline, one at a time.
pub(super) struct Writer {
    /// Gone after a failure that may be its own, and when the store has ended.
    pub(super) connection: Option<Connection>,
}

impl Writer {
    /// Without a connection yet.
    pub(super) fn none() -> Self {
        Self { connection: None }
    }
}

/// The connection of a thread. Gone once that has ended.
pub(super) type Reader = Mutex<Option<Connection>>;
