//! What is handed to the threads: changes, reads, and what was discarded.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::model::id::ConversationId;
use crate::record::{Record, Revision};
use crate::store::WriteOutcome;
use crate::store::sqlite::error::SqliteError;

/// The most changes of one transaction.
pub(super) const MOST: usize = 256;

/// A change, and who waits for its answer.
pub(super) struct Job {
    pub(super) change: WriteRequest,
    pub(super) answer: oneshot::Sender<WriteOutcome>,
    /// When it was brought.
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
    /// Nothing, once the store is not in doubt.
    Settle,
}

/// What came of a change that its caller has tried to make.
pub(super) enum Inlined {
    Done(WriteOutcome),
    /// It is certain that nothing changed: the thread is to make it.
    NotMade,
    /// Nobody knows, and the thread is to settle it.
    InDoubt(SqliteError),
}

/// Something to read, which answers whoever asked.
pub(super) type Read = Box<dyn FnOnce(&Connection) + Send>;

impl Job {
    pub(super) fn answer(self, saved: WriteOutcome) {
        // Whoever waited may have given up. The change is made all the same.
        let _ = self.answer.send(saved);
    }
}

/// What is to be deleted with the next commit.
#[derive(Default)]
pub(super) struct Discarded {
    waiting: Mutex<Vec<(ConversationId, Revision)>>,
    /// How many, to be looked at without the lock.
    many: AtomicUsize,
}

impl Discarded {
    /// Gives whether it is the first one; `None` if there is no room.
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
