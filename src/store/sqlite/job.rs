//! The work of the threads: changes, reads, and discarded records.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::model::id::ConversationId;
use crate::record::{Record, Revision};
use crate::store::WriteOutcome;
use crate::store::sqlite::error::SqliteError;

/// The maximal number of changes in one transaction.
pub(super) const MOST: usize = 256;

/// A change, and the sender of its outcome.
pub(super) struct Job {
    pub(super) change: WriteRequest,
    pub(super) answer: oneshot::Sender<WriteOutcome>,
    /// When it was queued.
    pub(super) since: Instant,
}

pub(super) enum WriteRequest {
    Save {
        record: Box<Record>,
        replaces: Option<Revision>,
    },
    Delete {
        id: ConversationId,
        replaces: Revision,
    },
    /// Changes nothing; made only once the store is not in doubt any more.
    Settle,
}

/// The result of an attempt to make a change inline.
pub(super) enum Inlined {
    Done(WriteOutcome),
    /// Nothing changed. The thread must make the change.
    NotMade,
    /// It is unknown whether the change was made. The thread must resolve that.
    InDoubt(SqliteError),
}

/// A read. It sends its result to the caller.
pub(super) type Read = Box<dyn FnOnce(&Connection) + Send>;

impl Job {
    pub(super) fn answer(self, saved: WriteOutcome) {
        // This fails if the caller has dropped its future. The change is made anyway.
        let _ = self.answer.send(saved);
    }
}

/// The discarded records, which the next commit deletes.
#[derive(Default)]
pub(super) struct Discarded {
    waiting: Mutex<Vec<(ConversationId, Revision)>>,
    /// Their number, to read without the lock.
    many: AtomicUsize,
}

impl Discarded {
    /// Returns whether it is the first one; `None` if there is no room.
    pub(super) fn add(&self, id: ConversationId, replaces: Revision) -> Option<bool> {
        let mut waiting = self.waiting();
        if waiting.len() == MOST {
            return None;
        }
        waiting.push((id, replaces));
        self.many.store(waiting.len(), Ordering::Release);
        Some(waiting.len() == 1)
    }

    pub(super) fn len(&self) -> usize {
        self.many.load(Ordering::Acquire)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn take(&self, most: usize) -> Vec<(ConversationId, Revision)> {
        if self.is_empty() {
            return Vec::new();
        }
        let mut waiting = self.waiting();
        let many = most.min(waiting.len());
        let taken = waiting.drain(..many).collect();
        self.many.store(waiting.len(), Ordering::Release);
        taken
    }

    pub(super) fn put_back(&self, taken: Vec<(ConversationId, Revision)>) {
        let mut waiting = self.waiting();
        waiting.extend(taken);
        self.many.store(waiting.len(), Ordering::Release);
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<(ConversationId, Revision)>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
