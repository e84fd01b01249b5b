//! A lock for each conversation, within this process.

use std::collections::HashSet;
use std::sync::{Condvar, Mutex, PoisonError};

use crate::model::id::ConversationId;

/// A lock for each conversation that is being read or changed. Different conversations do not wait for each other.
#[derive(Default)]
pub(super) struct InUse {
    ids: Mutex<HashSet<ConversationId>>,
    freed: Condvar,
}

pub(super) struct Claim<'a> {
    in_use: &'a InUse,
    id: ConversationId,
}

impl InUse {
    pub(super) fn claim(&self, id: ConversationId) -> Claim<'_> {
        let mut ids = unpoisoned(self.ids.lock());
        while !ids.insert(id) {
            ids = unpoisoned(self.freed.wait(ids));
        }
        Claim { in_use: self, id }
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        unpoisoned(self.in_use.ids.lock()).remove(&self.id);
        self.in_use.freed.notify_all();
    }
}

/// The value that a lock guards. No code that can panic runs under these locks, nor under that of the index.
pub(super) fn unpoisoned<T>(locked: Result<T, PoisonError<T>>) -> T {
    locked.unwrap_or_else(PoisonError::into_inner)
}
