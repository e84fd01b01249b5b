//! The group commit of changes to names in the directory.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use rustix::io::Errno;

use crate::store::file::error::FileError;
use crate::store::file::fs::Fs;

/// The `fsync` of the directory, shared by all changes that wait for it (group commit).
///
/// The system reports a failed `fsync` to one caller only. Here it is reported to every change that was made before the
/// failure, because any of them may be lost.
#[derive(Default)]
pub(in crate::store::file) struct DirectorySync {
    /// The number of changes that were made.
    changes: AtomicU64,
    /// The number of failed syncs.
    failures: AtomicU64,
    /// The number of changes that are durable, if no sync failed.
    durable: Mutex<u64>,
}

/// The state before a change, to detect failed syncs after it.
#[derive(Clone, Copy)]
pub(in crate::store::file) struct Begun {
    failures: u64,
}

impl DirectorySync {
    pub(in crate::store::file) fn begin(&self) -> Begun {
        Begun { failures: self.failures.load(Ordering::SeqCst) }
    }

    /// Makes the change durable that was made after `begun`.
    pub(in crate::store::file) fn sync(&self, fs: &impl Fs, begun: Begun) -> Result<(), FileError> {
        let mine = self.changes.fetch_add(1, Ordering::SeqCst) + 1;
        let mut durable = self.durable.lock().unwrap_or_else(PoisonError::into_inner);
        if *durable < mine {
            // Changes that are made while the sync runs are not covered by it.
            let covered = self.changes.load(Ordering::SeqCst);
            match fs.sync_dir() {
                Ok(()) => *durable = covered,
                Err(errno) => {
                    self.failures.fetch_add(1, Ordering::SeqCst);
                    return Err(FileError::new("making the directory durable", errno));
                }
            }
        }
        if self.failures.load(Ordering::SeqCst) != begun.failures {
            return Err(FileError::new("making the directory durable, for another conversation", Errno::IO));
        }
        Ok(())
    }
}
