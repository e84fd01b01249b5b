//! One lock for each conversation that somebody works on. It is there as long as anybody holds it or waits for it, so
//! there are never two for one conversation, and none for those that are parked.
//!
//! Whoever works or waits is counted, and beyond a limit nobody else is let in: what piles up behind a store that is slow
//! has an end.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Mutex as AsyncMutex, Notify, OwnedMutexGuard};

use crate::model::id::ConversationId;

pub(super) struct Locks {
    table: Mutex<Table>,
    empty: Notify,
    most: usize,
}

#[derive(Default)]
struct Table {
    locks: BTreeMap<ConversationId, Arc<AsyncMutex<()>>>,
    /// How many hold a lock or wait for one.
    inside: usize,
}

/// Holds the lock of one conversation.
pub(super) struct Guard<'a> {
    locks: &'a Locks,
    id: ConversationId,
    held: Option<OwnedMutexGuard<()>>,
}

/// As many work or wait as may.
#[derive(Debug)]
pub(super) struct AtCapacity;

impl Locks {
    /// With which so many may work or wait at once.
    pub(super) fn new(most: usize) -> Self {
        Self { table: Mutex::default(), empty: Notify::new(), most }
    }

    /// Waits until nobody else works on the conversation.
    pub(super) async fn lock(&self, id: ConversationId) -> Result<Guard<'_>, AtCapacity> {
        // Made before the wait: a caller that gives up while it waits leaves no entry behind.
        let (lock, mut guard) = self.enter(id)?;
        guard.held = Some(lock.lock_owned().await);
        Ok(guard)
    }

    fn enter(&self, id: ConversationId) -> Result<(Arc<AsyncMutex<()>>, Guard<'_>), AtCapacity> {
        let mut table = self.table();
        if table.inside == self.most {
            return Err(AtCapacity);
        }
        table.inside += 1;
        let lock = Arc::clone(table.locks.entry(id).or_default());
        Ok((lock, Guard { locks: self, id, held: None }))
    }

    /// Waits until nobody works on any conversation.
    pub(super) async fn drained(&self) {
        loop {
            let emptied = self.empty.notified();
            if self.table().inside == 0 {
                return;
            }
            emptied.await;
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        let mut table = self.locks.table();
        self.held = None;
        table.inside -= 1;
        // Only the table holds it: nobody has it, and nobody waits for it.
        if table.locks.get(&self.id).is_some_and(|lock| Arc::strong_count(lock) == 1) {
            table.locks.remove(&self.id);
        }
        if table.inside == 0 {
            self.locks.empty.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn poll<T>(future: Pin<&mut impl Future<Output = T>>) -> Poll<T> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    fn id(number: u8) -> ConversationId {
        ConversationId::from_bits([number; 16])
    }

    #[tokio::test]
    async fn a_lock_is_gone_when_nobody_holds_it_or_waits_for_it() {
        let locks = Locks::new(2);
        let first = locks.lock(id(1)).await.expect("there is room");
        let mut second = Box::pin(locks.lock(id(1)));
        assert!(poll(second.as_mut()).is_pending(), "one at a time");
        drop(first);
        let second = second.await.expect("there was room");
        assert_eq!(locks.table().locks.len(), 1);
        drop(second);
        assert!(locks.table().locks.is_empty());
        locks.drained().await;
    }

    #[tokio::test]
    async fn a_caller_that_gives_up_leaves_no_lock_behind() {
        let locks = Locks::new(2);
        let first = locks.lock(id(1)).await.expect("there is room");
        let mut second = Box::pin(locks.lock(id(1)));
        assert!(poll(second.as_mut()).is_pending());
        drop(first);
        drop(second);
        assert!(locks.table().locks.is_empty());
        assert_eq!(locks.table().inside, 0);
    }

    #[tokio::test]
    async fn those_who_wait_are_counted_too_and_nobody_else_is_let_in() {
        let locks = Locks::new(2);
        let first = locks.lock(id(1)).await.expect("there is room");
        let mut second = Box::pin(locks.lock(id(1)));
        assert!(poll(second.as_mut()).is_pending());
        for other in [1, 2] {
            assert!(matches!(locks.lock(id(other)).await, Err(AtCapacity)));
        }
        drop(second);
        drop(locks.lock(id(2)).await.expect("there is room"));
        drop(first);
        assert_eq!(locks.table().inside, 0);
    }
}
