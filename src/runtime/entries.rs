//! One table of conversations: for each id a lock, what this process knows of it, and what is in memory of it.
//!
//! Whoever works on a conversation holds its [`EntryGuard`]; others wait for it. What is known (the last revision seen,
//! whether it is awake, its cached record and what that decodes to) is lent to the guard and put back with it, so that the
//! table is locked once to enter and once to leave. The rest of an entry, its [`Work`], exists as long as a caller holds it or waits for it, as
//! long as the conversation is in memory only, and as long as a change of it is pending.
//!
//! Bounded by [`Limits`]: the entries of conversations that nobody works on and the bytes of cached records, of which the
//! least recently used go first; the callers inside, and as many changes that no caller waits for.
//! No code of an author and no store runs under the lock of the table.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lru::LruCache;
use tokio::sync::{Mutex as AsyncMutex, Notify, OwnedMutexGuard};

use crate::kernel::conversation::Conversation;
use crate::model::id::ConversationId;
use crate::record::{Record, Revision};
use crate::runtime::change::{FollowUp, InMemory, PendingChange};

/// How much the table may hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// How many callers may be inside.
    pub(super) in_flight: usize,
    /// Of how many conversations that nobody works on something is known. One takes about 100 bytes.
    pub(super) known: usize,
    /// How many bytes the cached records may have.
    pub(super) record_bytes: usize,
}

/// All conversations that this process works on or has worked on lately.
pub(super) struct Entries {
    table: Mutex<Table>,
    /// Told when nobody is inside any more.
    left: Notify,
    max_in_flight: usize,
}

struct Table {
    max_known: usize,
    entries: LruCache<ConversationId, Entry>,
    records: RecordBudget,
    /// What is not needed any more and is not dropped yet: the drop of an author's value is code of the author's.
    dropped: Vec<Decoded>,
    /// How many callers hold an entry or wait for one.
    inside: usize,
    /// The conversations with a pending change that no caller waits for.
    unsettled: BTreeSet<ConversationId>,
    /// Those of them whose change no task waits for either; those that were looked at last come last.
    without_task: LruCache<ConversationId, ()>,
}

/// What the table holds of one conversation.
#[derive(Default)]
struct Entry {
    known: Known,
    decoded: Option<Decoded>,
    /// The record was invalidated while a caller was inside, who must not put it back.
    invalidated: bool,
    work: Option<Arc<AsyncMutex<Work>>>,
}

/// What this process knows of a conversation, which it could do without.
#[derive(Default, Clone)]
pub(super) struct Known {
    /// The last revision that it has read or saved.
    pub(super) seen: Option<Revision>,
    /// Whether it has woken the conversation, or saved it.
    pub(super) is_awake: bool,
    /// The last record that it has read or saved. The store has called it durable.
    pub(super) record: Option<Arc<Record>>,
}

/// What the known record of this revision decodes to.
struct Decoded {
    revision: Revision,
    conversation: Box<Conversation>,
}

/// What must not be lost.
#[derive(Default)]
pub(super) struct Work {
    /// The conversation, if it goes on in memory only.
    pub(super) in_memory: Option<Box<InMemory>>,
    /// A change that the store has not answered.
    pub(super) pending: Option<Box<PendingChange>>,
}

impl Work {
    fn is_empty(&self) -> bool {
        self.in_memory.is_none() && self.pending.is_none()
    }
}

/// The lock of one conversation, or the wait for it. Counts as a caller inside.
pub(super) struct EntryGuard<'a> {
    entries: &'a Entries,
    id: ConversationId,
    held: Option<Held>,
}

struct Held {
    known: Known,
    decoded: Option<Decoded>,
    work: OwnedMutexGuard<Work>,
}

/// As many callers are inside as may be, or as many changes are unanswered.
#[derive(Debug)]
pub(super) struct AtCapacity;

impl Entries {
    pub(super) fn new(limits: Limits) -> Self {
        let table = Table {
            max_known: limits.known,
            entries: LruCache::unbounded(),
            records: RecordBudget { used: LruCache::unbounded(), bytes: 0, limit: limits.record_bytes },
            dropped: Vec::new(),
            inside: 0,
            unsettled: BTreeSet::new(),
            without_task: LruCache::unbounded(),
        };
        Self { table: Mutex::new(table), left: Notify::new(), max_in_flight: limits.in_flight }
    }

    /// Waits until nobody else works on the conversation. A caller that stops waiting leaves nothing behind.
    pub(super) async fn lock(&self, id: ConversationId) -> Result<EntryGuard<'_>, AtCapacity> {
        let (work, mut guard) = {
            let mut table = self.table();
            let is_full = table.inside >= self.max_in_flight || table.unsettled.len() >= self.max_in_flight;
            if is_full && !table.unsettled.contains(&id) {
                return Err(AtCapacity);
            }
            self.enter(&mut table, id)
        };
        if let Some(work) = work {
            guard.hold(work.lock_owned().await);
        }
        Ok(guard)
    }

    /// The same for the runtime itself, which finishes what callers have left and is never refused.
    pub(super) async fn lock_unlimited(&self, id: ConversationId) -> EntryGuard<'_> {
        let (work, mut guard) = self.enter(&mut self.table(), id);
        if let Some(work) = work {
            guard.hold(work.lock_owned().await);
        }
        guard
    }

    /// The lock if nobody else has it; only for conversations that are unsettled.
    pub(super) fn try_lock_unsettled(&self) -> Option<EntryGuard<'_>> {
        let mut table = self.table();
        let (id, ()) = table.without_task.pop_lru()?;
        match self.enter(&mut table, id) {
            (None, guard) => Some(guard),
            // Whoever has it settles it, or leaves it once more.
            (Some(_), guard) => {
                drop(table);
                drop(guard);
                None
            }
        }
    }

    /// A guard that holds the lock, or the lock to wait for with a guard that does not.
    fn enter(&self, table: &mut Table, id: ConversationId) -> (Option<Arc<AsyncMutex<Work>>>, EntryGuard<'_>) {
        table.inside += 1;
        let mut guard = EntryGuard { entries: self, id, held: None };
        let entry = table.entries.get_or_insert_mut(id, Entry::default);
        let work = entry.work.get_or_insert_default();
        match Arc::clone(work).try_lock_owned() {
            Ok(work) => {
                guard.held = Some(Held { known: entry.known.clone(), decoded: entry.decoded.take(), work });
                (None, guard)
            }
            Err(_) => (Some(Arc::clone(work)), guard),
        }
    }

    /// Forgets the record of a conversation, because another process may have changed it.
    pub(super) fn invalidate(&self, id: ConversationId) {
        let mut table = self.table();
        if let Some(entry) = table.entries.peek_mut(&id) {
            entry.invalidated = entry.work.is_some();
            entry.known.record = None;
            let decoded = entry.decoded.take();
            table.dropped.extend(decoded);
            table.records.remove(id);
        }
        drop_outside(table);
    }

    /// Waits until no caller is inside.
    pub(super) async fn all_left(&self) {
        loop {
            let left = self.left.notified();
            if self.table().inside == 0 {
                return;
            }
            left.await;
        }
    }

    /// The conversations with a pending change that no caller waits for.
    pub(super) fn unsettled(&self) -> Vec<ConversationId> {
        self.table().unsettled.iter().copied().collect()
    }

    /// Whether one more change may be left to itself.
    pub(super) fn has_room_for_unsettled(&self) -> bool {
        self.table().unsettled.len() < self.max_in_flight
    }

    #[cfg(test)]
    pub(super) fn cached(&self, id: ConversationId) -> Option<Arc<Record>> {
        self.table().entries.peek(&id)?.known.record.clone()
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // No code that can panic runs under the lock.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EntryGuard<'_> {
    pub(super) fn id(&self) -> ConversationId {
        self.id
    }

    pub(super) fn known(&mut self) -> &mut Known {
        &mut self.held().known
    }

    pub(super) fn work(&mut self) -> &mut Work {
        &mut self.held().work
    }

    /// Keeps what the record of this revision decodes to, for as long as that is the known record.
    pub(super) fn keep_decoded(&mut self, revision: Revision, conversation: Box<Conversation>) {
        self.held().decoded = Some(Decoded { revision, conversation });
    }

    /// Takes what the record of this revision decodes to, if it was kept.
    pub(super) fn take_decoded(&mut self, revision: Revision) -> Option<Box<Conversation>> {
        let decoded = self.held().decoded.take()?;
        (decoded.revision == revision).then_some(decoded.conversation)
    }

    fn held(&mut self) -> &mut Held {
        self.held.as_mut().expect("BUG: a guard is handed out once it holds the lock")
    }

    fn hold(&mut self, work: OwnedMutexGuard<Work>) {
        let mut table = self.entries.table();
        let entry = table.entries.peek_mut(&self.id);
        let (known, decoded) = entry.map(|entry| (entry.known.clone(), entry.decoded.take())).unwrap_or_default();
        self.held = Some(Held { known, decoded, work });
    }
}

impl Drop for EntryGuard<'_> {
    fn drop(&mut self) {
        let mut table = self.entries.table();
        if let Some(Held { known, decoded, work }) = self.held.take() {
            table.put_back(self.id, known, decoded);
            table.note_pending(self.id, work.pending.as_deref());
        }
        table.leave(self.id);
        if table.inside == 0 {
            self.entries.left.notify_waiters();
        }
        drop_outside(table);
    }
}

/// Releases the table and then drops what is not needed any more. A drop that panics is not the caller's.
fn drop_outside(mut table: MutexGuard<'_, Table>) {
    if table.dropped.is_empty() {
        return;
    }
    let dropped = std::mem::take(&mut table.dropped);
    drop(table);
    for decoded in dropped {
        let _ = catch_unwind(AssertUnwindSafe(|| drop(decoded)));
    }
}

impl Table {
    fn put_back(&mut self, id: ConversationId, mut known: Known, mut decoded: Option<Decoded>) {
        let Some(entry) = self.entries.get_mut(&id) else {
            unreachable!("BUG: an entry stays as long as it is in use")
        };
        if std::mem::take(&mut entry.invalidated) {
            known.record = None;
        }
        let revision = known.record.as_ref().map(|record| record.revision());
        self.dropped.extend(decoded.take_if(|decoded| Some(decoded.revision) != revision));
        match &known.record {
            // What it decodes to takes about as much again.
            Some(record) => self.records.used(id, record.bytes().len() * (1 + usize::from(decoded.is_some()))),
            None => self.records.remove(id),
        }
        (entry.known, entry.decoded) = (known, decoded);
        while let Some(id) = self.records.take_excess() {
            if let Some(entry) = self.entries.peek_mut(&id) {
                entry.known.record = None;
                self.dropped.extend(entry.decoded.take());
            }
        }
    }

    fn note_pending(&mut self, id: ConversationId, pending: Option<&PendingChange>) {
        match pending {
            Some(pending) => {
                self.unsettled.insert(id);
                if pending.follow_up != FollowUp::Task {
                    self.without_task.put(id, ());
                }
            }
            None if self.unsettled.is_empty() => {}
            None => {
                self.unsettled.remove(&id);
                self.without_task.pop(&id);
            }
        }
    }

    /// A caller leaves. What nobody else needs goes with it.
    fn leave(&mut self, id: ConversationId) {
        self.inside -= 1;
        let Some(entry) = self.entries.peek_mut(&id) else { return };
        // Only the table has it: nobody holds the lock or waits for it.
        if entry.work.as_mut().and_then(Arc::get_mut).is_some_and(|work| work.get_mut().is_empty()) {
            entry.work = None;
        }
        if entry.work.is_some() {
            return;
        }
        if entry.known.seen.is_none() && !entry.known.is_awake && entry.known.record.is_none() {
            self.entries.pop(&id);
        }
        self.forget_excess();
    }

    /// Forgets the conversations that were not used for the longest time, but for those that are in use.
    fn forget_excess(&mut self) {
        /// How many that are in use are passed over each time.
        const PASSED_OVER: usize = 8;
        for _ in 0..PASSED_OVER {
            if self.entries.len() <= self.max_known {
                return;
            }
            let Some((&id, entry)) = self.entries.peek_lru() else { return };
            if entry.work.is_some() {
                self.entries.promote(&id);
            } else {
                let entry = self.entries.pop(&id);
                self.dropped.extend(entry.and_then(|entry| entry.decoded));
                self.records.remove(id);
            }
        }
    }
}

/// In which order the records were used, and how many bytes they have. The records are in the entries.
struct RecordBudget {
    used: LruCache<ConversationId, usize>,
    bytes: usize,
    limit: usize,
}

impl RecordBudget {
    /// The record of this conversation has this many bytes, and is used now.
    fn used(&mut self, id: ConversationId, bytes: usize) {
        self.bytes += bytes;
        self.bytes -= self.used.put(id, bytes).unwrap_or(0);
    }

    fn remove(&mut self, id: ConversationId) {
        self.bytes -= self.used.pop(&id).unwrap_or(0);
    }

    /// The conversation whose record must go, because the records have too many bytes.
    fn take_excess(&mut self) -> Option<ConversationId> {
        if self.bytes <= self.limit {
            return None;
        }
        let (id, bytes) = self.used.pop_lru()?;
        self.bytes -= bytes;
        Some(id)
    }
}

#[cfg(test)]
mod tests;
