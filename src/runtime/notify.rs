//! Change notifications: which conversations may show something new, in this process and, as far as the store hears of
//! them, in others.
//!
//! They are best-effort. After a gap, and every so often if other processes can change the store, subscribers get
//! [`Invalidation::Anything`] and must read again what they show.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "subscribers are told to look again after a time"
)]

use std::time::Duration;

use tokio::sync::broadcast::{self, error::RecvError};
use tokio::time::Instant;

use crate::model::id::ConversationId;
use crate::store::Invalidation;

/// How many notifications wait for a slow subscriber. If there were more, it gets [`Invalidation::Anything`] instead.
const KEPT: usize = 1_024;

/// Notifies subscribers of changes.
pub(super) struct Notifier {
    changes: broadcast::Sender<Invalidation>,
    /// How often everything is to be read again; never, if no other process can change anything.
    poll: Option<Duration>,
}

impl Notifier {
    pub(super) fn new(poll: Option<Duration>) -> Self {
        Self { changes: broadcast::Sender::new(KEPT), poll }
    }

    /// A conversation has changed.
    pub(super) fn changed(&self, id: ConversationId) {
        self.notify(Invalidation::Changed(id));
    }

    pub(super) fn notify(&self, invalidation: Invalidation) {
        // It fails if there is no subscriber.
        let _ = self.changes.send(invalidation);
    }

    pub(super) fn subscribe(&self) -> Subscription {
        let poll = self.poll.map(|every| Poll { every, next: Instant::now() + every });
        Subscription { changes: self.changes.subscribe(), poll }
    }
}

/// A stream of the conversations that may have changed, for whatever shows them: a page that several people look at, or
/// one whose conversation another process may change. From [`Runtime::subscribe`](crate::runtime::Runtime::subscribe).
///
/// A notification is a hint: read what the conversation [shows](crate::runtime::Runtime::render) now. One change may be
/// notified more than once, and several as one.
#[derive(Debug)]
pub struct Subscription {
    changes: broadcast::Receiver<Invalidation>,
    poll: Option<Poll>,
}

#[derive(Debug)]
struct Poll {
    every: Duration,
    next: Instant,
}

impl Subscription {
    /// The next conversation that may have changed. `None` once the runtime is gone. Dropping the future loses nothing;
    /// call it again.
    ///
    /// # Panics
    ///
    /// If other processes can change the store, and the executor is not tokio's with its time enabled.
    pub async fn next(&mut self) -> Option<Invalidation> {
        let received = match &mut self.poll {
            None => self.changes.recv().await,
            Some(poll) => {
                // Checked first, because there may always be something to receive.
                let is_time = Instant::now() >= poll.next;
                match tokio::time::timeout_at(poll.next, self.changes.recv()).await {
                    Ok(received) if !is_time => received,
                    Ok(_) | Err(_) => {
                        poll.next = Instant::now() + poll.every;
                        return Some(Invalidation::Anything);
                    }
                }
            }
        };
        match received {
            Ok(invalidation) => Some(invalidation),
            Err(RecvError::Lagged(_)) => Some(Invalidation::Anything),
            Err(RecvError::Closed) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::component::prompts::Confirm;
    use crate::model::view::Event;
    use crate::runtime::Runtime;
    use crate::store::MemoryStore;

    const NEVER: Duration = Duration::from_secs(1 << 30);

    #[tokio::test]
    async fn every_change_is_told_and_so_is_the_end_of_the_runtime() {
        let runtime = Runtime::in_memory().expect("it opens");
        let mut changes = runtime.subscribe();
        let id = runtime.start(Confirm::new("Order it?")).await.expect("it starts").id;
        assert_eq!(changes.next().await, Some(Invalidation::Changed(id)));
        let questions = runtime.render(id).await.expect("it can be read").waiting().expect("it waits");
        let _ = runtime.dispatch(id, questions[0].turn, Event::new("yes")).await.expect("it is saved");
        // The result is saved, and then deleted.
        assert_eq!(changes.next().await, Some(Invalidation::Changed(id)));
        assert_eq!(changes.next().await, Some(Invalidation::Changed(id)));
        drop(runtime);
        assert_eq!(changes.next().await, None);
    }

    #[tokio::test]
    async fn what_others_change_is_not_tried_on_any_more() {
        let store = Arc::new(MemoryStore::new());
        let runtime = Runtime::builder().poll(NEVER).open(store).expect("it opens");
        let mut changes = runtime.subscribe();
        let mut ids = Vec::new();
        for _ in 0..2 {
            ids.push(runtime.start(Confirm::new("Order it?")).await.expect("it starts").id);
            changes.next().await;
        }
        for hint in [Invalidation::Changed(ids[0]), Invalidation::Anything] {
            runtime.core.invalidate(hint);
            assert_eq!(changes.next().await, Some(hint));
        }
        assert!(runtime.core.entries.cached(ids[0]).is_none() && runtime.core.entries.cached(ids[1]).is_some());
    }

    #[tokio::test]
    async fn who_listens_too_slowly_is_told_that_it_may_be_anything() {
        let runtime = Runtime::in_memory().expect("it opens");
        let mut changes = runtime.subscribe();
        let id = runtime.start(Confirm::new("Order it?")).await.expect("it starts").id;
        for _ in 0..KEPT {
            runtime.core.notifier.changed(id);
        }
        assert_eq!(changes.next().await, Some(Invalidation::Anything));
        assert_eq!(changes.next().await, Some(Invalidation::Changed(id)));
    }

    #[tokio::test]
    async fn everything_is_looked_at_now_and_then_also_while_much_is_heard() {
        let store = Arc::new(MemoryStore::new());
        let runtime = Runtime::builder().poll(Duration::from_millis(5)).open(store).expect("it opens");
        let mut changes = runtime.subscribe();
        assert_eq!(changes.next().await, Some(Invalidation::Anything));
        let id = runtime.start(Confirm::new("Order it?")).await.expect("it starts").id;
        while changes.next().await != Some(Invalidation::Anything) {
            runtime.core.notifier.changed(id);
            tokio::task::yield_now().await;
        }
    }
}
