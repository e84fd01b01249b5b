//! Exclusive access to one conversation: the only way in which the runtime reads and changes one.
//!
//! [`Core::enter`] waits for the conversation's entry and finishes what an earlier caller has left there. Then
//! [`Access::load`] reads, [`Access::commit`] makes a [`Change`], and dropping the access lets the next caller in.
//! A change has one path, whoever asks for it: it is put into the entry with the store's future, polled there, and taken
//! out when the store has answered. If the caller stops waiting before that, the change stays in the entry. A task
//! finishes it, where the executor is tokio's, or the next caller does, or [`Core::finish_all`].
//! Nothing is cached that was read or written while a change was unanswered.

#![allow(clippy::disallowed_types, reason = "a task finishes a change that its caller has left")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};

use tokio::runtime::Handle;

use crate::kernel::conversation::Conversation;
use crate::kernel::{self, Input};
use crate::model::error::BoxError;
use crate::model::id::ConversationId;
use crate::model::timestamp::Timestamp;
use crate::record::{Ancestry, Record, Revision};
use crate::runtime::change::{After, Before, Change, FollowUp, InMemory, PendingChange};
use crate::runtime::clock::Clock;
use crate::runtime::entries::{AtCapacity, Entries, EntryGuard};
use crate::runtime::error::{Error, ErrorKind};
use crate::runtime::notify::Notifier;
use crate::runtime::persistence::{Persistence, Resolution, Write, no_answer};
use crate::runtime::retention::Retention;
use crate::runtime::shared_future::SharedFuture;
use crate::store::Invalidation;

/// What the handles of one runtime share.
pub(super) struct Core {
    pub(super) entries: Entries,
    pub(super) persistence: Persistence,
    pub(super) clock: Clock,
    pub(super) notifier: Notifier,
    pub(super) retention: Retention,
    pub(super) is_shutting_down: AtomicBool,
    /// A control for the tests of dropped calls: see `Builder::lose_pending_changes`.
    #[cfg(feature = "store-contract")]
    pub(super) loses_pending_changes: bool,
}

/// One conversation, on which nobody else in this process works.
pub(super) struct Access<'a> {
    pub(super) core: &'a Arc<Core>,
    entry: EntryGuard<'a>,
}

/// What came of waiting for a pending change.
enum Settled {
    /// The store has answered, and nothing is pending.
    Answered(Result<(), Error>),
    /// Nobody knows yet. The change is still pending.
    Pending(BoxError),
}

impl Core {
    /// Waits until nobody else works on the conversation, and until no change of it is pending.
    ///
    /// # Errors
    ///
    /// Too many callers are inside, the wait takes too long, or the store does not answer.
    pub(super) async fn enter(self: &Arc<Self>, id: ConversationId) -> Result<Access<'_>, Error> {
        self.settle_one_left();
        let entry = match self.persistence.wait(self.entries.lock(id)).await {
            Some(Ok(entry)) => entry,
            Some(Err(AtCapacity)) | None => return Err(Error::new(id, ErrorKind::Busy)),
        };
        let mut access = Access { core: self, entry };
        if access.entry.work().pending.is_some() {
            match access.settle().await {
                // Whoever asked for it has been told, or did not wait.
                Settled::Answered(Ok(()) | Err(_)) => {}
                Settled::Pending(source) => return Err(Error::new(id, ErrorKind::Store(source))),
            }
        }
        Ok(access)
    }

    /// The same for a caller that wants to change something, unless the runtime is shutting down.
    pub(super) async fn enter_to_change(self: &Arc<Self>, id: ConversationId) -> Result<Access<'_>, Error> {
        self.accepts()?;
        let access = self.enter(id).await?;
        self.accepts()?;
        Ok(access)
    }

    pub(super) fn accepts(&self) -> Result<(), Error> {
        if self.is_shutting_down.load(Ordering::SeqCst) {
            return Err(Error::general(ErrorKind::ShuttingDown));
        }
        Ok(())
    }

    /// Another process may have changed conversations, as far as the store hears of it. Nothing relies on this.
    pub(super) fn invalidate(&self, invalidation: Invalidation) {
        match invalidation {
            // An event would be tried on the cached record, and the save would find out.
            Invalidation::Changed(id) => self.entries.invalidate(id),
            Invalidation::Anything => {}
        }
        self.notifier.notify(invalidation);
    }

    /// Waits until all callers have left, and then once more as long as the timeout for the changes that they left.
    pub(super) async fn finish_all(self: &Arc<Self>) {
        self.entries.all_left().await;
        let settled = self.persistence.wait(async {
            for id in self.entries.unsettled() {
                let entry = self.entries.lock_unlimited(id).await;
                let mut access = Access { core: self, entry };
                if access.entry.work().pending.is_some() {
                    let _ = access.settle().await;
                }
            }
        });
        if settled.await.is_none() {
            tracing::warn!("the store does not answer; what became of the last changes is not known");
        }
        // The tasks that waited for the same changes.
        self.entries.all_left().await;
    }

    /// Looks once at a change that no caller and no task waits for. On an executor that is not tokio's, these go on while
    /// other conversations are worked on.
    fn settle_one_left(self: &Arc<Self>) {
        if let Some(entry) = self.entries.try_lock_unsettled() {
            Access { core: self, entry }.try_settle();
        }
    }
}

/// Waits for a change that its caller has left.
async fn settle_later(core: Weak<Core>, id: ConversationId, answer: SharedFuture<Resolution>) {
    answer.done().await;
    if let Some(core) = core.upgrade() {
        let entry = core.entries.lock_unlimited(id).await;
        Access { core: &core, entry }.try_settle();
    }
}

impl<'a> Access<'a> {
    pub(super) fn id(&self) -> ConversationId {
        self.entry.id()
    }

    pub(super) fn error(&self, kind: ErrorKind) -> Error {
        Error::new(self.id(), kind)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.core.clock.now()
    }

    // ---- Reading --------------------------------------------------------------------------------------------------

    /// The conversation, if it goes on in memory only.
    pub(super) fn in_memory(&mut self) -> Option<&InMemory> {
        self.entry.work().in_memory.as_deref()
    }

    /// Takes the conversation out of memory. Until it is put back or is part of a change, nobody may wait for anything.
    pub(super) fn take_in_memory(&mut self) -> Option<Box<InMemory>> {
        self.entry.work().in_memory.take()
    }

    pub(super) fn put_in_memory(&mut self, in_memory: Box<InMemory>) {
        self.entry.work().in_memory = Some(in_memory);
    }

    pub(super) fn is_awake(&mut self) -> bool {
        self.entry.known().is_awake
    }

    /// What is stored.
    ///
    /// # Errors
    ///
    /// There is no record, it cannot be read, or it is older than what this process has read or saved before. No store
    /// that keeps what it promises gives such a one, unless somebody has put it back from a copy.
    pub(super) async fn load(&mut self) -> Result<Arc<Record>, Error> {
        if self.core.persistence.is_exclusive
            && let Some(record) = &self.entry.known().record
        {
            return Ok(Arc::clone(record));
        }
        let record = self.load_uncached().await?.ok_or_else(|| self.error(ErrorKind::NotFound))?;
        let record = Arc::new(record);
        self.entry.known().record = Some(Arc::clone(&record));
        Ok(record)
    }

    /// The same, read now and not cached; `None` if there is no record.
    pub(super) async fn load_uncached(&mut self) -> Result<Option<Record>, Error> {
        let id = self.id();
        let Some(record) = self.core.persistence.load(id).await? else { return Ok(None) };
        let known = self.entry.known();
        let stored = record.revision();
        match known.seen.map(|seen| (seen, record.lineage().relation_to(seen))) {
            Some((seen, Ancestry::WentBack)) => {
                tracing::error!(conversation = %id, %seen, %stored, "the store has gone back");
                return Err(Error::new(id, ErrorKind::WentBack { seen, stored }));
            }
            Some((seen, Ancestry::Unconfirmed)) => {
                // Said once, because what is stored now is seen from here on.
                tracing::warn!(
                    conversation = %id, %seen, %stored,
                    "its history is not confirmed: too many changes by other processes since it was last seen"
                );
            }
            Some((_, Ancestry::Same | Ancestry::Descends)) | None => {}
        }
        known.seen = Some(stored);
        Ok(Some(record))
    }

    /// The record that was saved or read last, of a store that other processes may change too. An event may be tried on
    /// it, because the save compares revisions; nothing may be shown of it.
    pub(super) fn optimistic_read(&mut self) -> Option<Arc<Record>> {
        if self.core.persistence.is_exclusive { None } else { self.entry.known().record.clone() }
    }

    /// What the record of this revision decodes to, if this process has saved it and used it for nothing since.
    pub(super) fn take_decoded(&mut self, revision: Revision) -> Option<Conversation> {
        self.entry.take_decoded(revision).map(|conversation| *conversation)
    }

    pub(super) fn forget_record(&mut self) {
        self.entry.known().record = None;
    }

    // ---- Changing -------------------------------------------------------------------------------------------------

    /// Makes a change. If the caller stops waiting, or the store does not answer in time, it is made all the same or not
    /// at all, and memory follows the store.
    ///
    /// # Errors
    ///
    /// The change was not made and the conversation is as it was, or with [`ErrorKind::Unknown`] nobody knows.
    pub(super) async fn commit(&mut self, change: Change) -> Result<(), Error> {
        if let Write::Nothing = change.write {
            return self.settle_as(change, Resolution::Applied);
        }
        self.begin(change);
        match self.settle().await {
            Settled::Answered(answer) => answer,
            Settled::Pending(source) => Err(self.error(ErrorKind::Unknown(source))),
        }
    }

    /// Begins a deletion that nobody waits for: it is only to make room.
    pub(super) fn discard(&mut self, change: Change) {
        if self.core.entries.has_room_for_unsettled() {
            self.begin(change);
            self.try_settle();
        }
    }

    /// Puts a change and the store's future into the entry.
    fn begin(&mut self, change: Change) {
        // Until the store answers, nobody knows what is durable.
        self.entry.known().record = None;
        let answer = SharedFuture::new(self.core.persistence.write(&change.write));
        self.entry.work().pending = Some(PendingChange::new(change, answer, FollowUp::Wanted));
    }

    /// Polls the pending change in place until the store has answered, or for as long as the timeout.
    async fn settle(&mut self) -> Settled {
        let Some(pending) = &self.entry.work().pending else { return Settled::Answered(Ok(())) };
        let answer = pending.answer.done();
        match self.core.persistence.wait(answer).await {
            Some(()) => self.take_answer(),
            None => Settled::Pending(no_answer()),
        }
    }

    /// Polls the pending change once.
    fn try_settle(&mut self) {
        let Some(pending) = &self.entry.work().pending else { return };
        if let Poll::Ready(()) = pending.answer.poll(&mut Context::from_waker(Waker::noop())) {
            let id = self.id();
            match self.take_answer() {
                Settled::Answered(Ok(())) => {}
                Settled::Answered(Err(error)) => tracing::warn!(conversation = %id, %error, "a change was not made"),
                Settled::Pending(error) => tracing::warn!(conversation = %id, %error, "a change is not settled"),
            }
        }
    }

    /// Takes the pending change out of the entry, and makes memory what the store's answer says.
    fn take_answer(&mut self) -> Settled {
        let Some(pending) = self.entry.work().pending.take() else { return Settled::Answered(Ok(())) };
        let PendingChange { change, answer, .. } = *pending;
        let resolution = answer.take().unwrap_or_else(|| Resolution::Unknown("the store panicked".into()));
        match resolution {
            // What is in memory depends on it, so it is asked for again.
            Resolution::Unknown(source) if change.concerns_memory() => {
                let answer = SharedFuture::new(self.core.persistence.read_back(&change.write));
                self.entry.work().pending = Some(PendingChange::new(change, answer, FollowUp::Callers));
                Settled::Pending(source)
            }
            resolution => Settled::Answered(self.settle_as(change, resolution)),
        }
    }

    /// Makes memory what it is after a change of which this has become.
    pub(super) fn settle_as(&mut self, change: Change, resolution: Resolution) -> Result<(), Error> {
        let Change { write, before, after } = change;
        match resolution {
            Resolution::Applied => {
                self.note_durable(&write);
                match after {
                    After::Stored(decoded) => {
                        if let (Write::Save { record, .. }, Some(decoded)) = (&write, decoded) {
                            self.entry.keep_decoded(record.revision(), decoded);
                        }
                    }
                    After::InMemory(in_memory) => {
                        self.entry.known().is_awake = true;
                        self.entry.work().in_memory = Some(in_memory);
                    }
                    After::Gone => self.stop(before),
                }
                self.notify(&write);
                Ok(())
            }
            Resolution::NotApplied(kind) => {
                self.bring_back(before)?;
                Err(self.error(kind))
            }
            // Nothing of it is in memory: the next one who reads finds out.
            Resolution::Unknown(source) => Err(self.error(ErrorKind::Unknown(source))),
        }
    }

    fn note_durable(&mut self, write: &Write) {
        let id = self.id();
        let known = self.entry.known();
        match write {
            Write::Nothing => {}
            Write::Save { record, .. } => {
                let header = record.header();
                tracing::debug!(
                    conversation = %id,
                    revision = record.revision().number(),
                    flow = %header.flow,
                    state = header.state.as_deref(),
                    waits_for = header.waits_for(),
                    bytes = record.bytes().len(),
                    "saved"
                );
                known.is_awake = true;
                known.seen = Some(record.revision());
                known.record = Some(Arc::clone(record));
            }
            Write::Delete { .. } | Write::Discard { .. } => *known = <_>::default(),
        }
    }

    /// Runs the `stop` of a conversation that has ended without a result.
    fn stop(&mut self, before: Before) {
        let conversation = match before {
            Before::Stored | Before::Stepped(_) => return,
            Before::Decoded(conversation) => *conversation,
            Before::InMemory(in_memory) => in_memory.conversation,
        };
        // The record is gone already: a `stop` that fails cannot hold it back.
        drop(kernel::apply(conversation, Input::end(), self.now()));
    }

    /// Brings a conversation in memory back to where it was.
    pub(super) fn bring_back(&mut self, before: Before) -> Result<(), Error> {
        let in_memory = match before {
            Before::Stored | Before::Decoded(_) => return Ok(()),
            Before::InMemory(in_memory) => in_memory,
            Before::Stepped(undo) => undo.restore(self.id())?,
        };
        self.put_in_memory(in_memory);
        Ok(())
    }

    fn notify(&mut self, write: &Write) {
        let id = self.id();
        match write {
            Write::Nothing => {}
            Write::Save { .. } | Write::Delete { .. } | Write::Discard { .. } => self.core.persistence.store.notify(id),
        }
        self.core.notifier.changed(id);
    }
}

/// A change that is left pending is finished by a task, where the executor is tokio's.
impl Drop for Access<'_> {
    fn drop(&mut self) {
        let id = self.entry.id();
        #[cfg(feature = "store-contract")]
        if self.core.loses_pending_changes {
            self.entry.work().pending = None;
        }
        if let Some(pending) = &mut self.entry.work().pending
            && pending.follow_up == FollowUp::Wanted
            && let Ok(executor) = Handle::try_current()
        {
            pending.follow_up = FollowUp::Task;
            executor.spawn(settle_later(Arc::downgrade(self.core), id, pending.answer.clone()));
        }
    }
}
