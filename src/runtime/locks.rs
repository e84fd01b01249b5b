//! One lock for each conversation that somebody works on. It is there as long as anybody holds it or waits for it, so
//! there are never two for one conversation, and none for those that are parked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Mutex as AsyncMutex, Notify, OwnedMutexGuard};

use crate::id::ConversationId;

#[derive(Default)]
pub(super) struct Locks {
    table: Mutex<BTreeMap<ConversationId, Arc<AsyncMutex<()>>>>,
    empty: Notify,
}

/// Holds the lock of one conversation.
pub(super) struct Guard<'a> {
    locks: &'a Locks,
    id: ConversationId,
    held: Option<OwnedMutexGuard<()>>,
}

impl Locks {
    /// Waits until nobody else works on the conversation.
    pub(super) async fn lock(&self, id: ConversationId) -> Guard<'_> {
        let lock = Arc::clone(self.table().entry(id).or_default());
        // Made before the wait: a caller that gives up while it waits leaves no entry behind.
        let mut guard = Guard { locks: self, id, held: None };
        guard.held = Some(lock.lock_owned().await);
        guard
    }

    /// Waits until nobody works on any conversation.
    pub(super) async fn drained(&self) {
        loop {
            let emptied = self.empty.notified();
            if self.table().is_empty() {
                return;
            }
            emptied.await;
        }
    }

    fn table(&self) -> MutexGuard<'_, BTreeMap<ConversationId, Arc<AsyncMutex<()>>>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        let mut table = self.locks.table();
        self.held = None;
        // Only the table holds it: nobody has it, and nobody waits for it.
        if table.get(&self.id).is_some_and(|lock| Arc::strong_count(lock) == 1) {
            table.remove(&self.id);
        }
        if table.is_empty() {
            self.locks.empty.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_lock_is_gone_when_nobody_holds_it_or_waits_for_it() {
        let locks = Locks::default();
        let id = ConversationId::from_bits([1; 16]);
        let first = locks.lock(id).await;
        let mut second = Box::pin(locks.lock(id));
        // It waits: one at a time.
        assert!(matches!(
            std::future::poll_fn(|cx| std::task::Poll::Ready(second.as_mut().poll(cx))).await,
            std::task::Poll::Pending
        ));
        drop(first);
        let second = second.await;
        assert_eq!(locks.table().len(), 1);
        drop(second);
        assert!(locks.table().is_empty());
        locks.drained().await;
    }

    #[tokio::test]
    async fn a_caller_that_gives_up_leaves_no_lock_behind() {
        let locks = Locks::default();
        let id = ConversationId::from_bits([1; 16]);
        let first = locks.lock(id).await;
        let mut second = Box::pin(locks.lock(id));
        assert!(matches!(
            std::future::poll_fn(|cx| std::task::Poll::Ready(second.as_mut().poll(cx))).await,
            std::task::Poll::Pending
        ));
        drop(first);
        drop(second);
        assert!(locks.table().is_empty());
    }
}
