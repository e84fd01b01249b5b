//! Which conversations may show something new: what this runtime has changed, what its store hears of others, and now and
//! then everything, because hearing is no promise.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "subscribers are told to look again after a time"
)]

use std::time::Duration;

use tokio::sync::broadcast::{self, error::RecvError};
use tokio::time::Instant;

use crate::runtime::Runtime;
use crate::store::Invalidation;

/// How many hints wait for one who listens; of what was before them it is said that it may be anything.
pub(super) const KEPT: usize = 1_024;

/// Tells which conversations may have changed, for whoever shows them: a page that several people look at, or one that
/// another process may go on with. From [`Runtime::changes`].
///
/// It is a hint: look at what the conversation [shows](Runtime::questions) now. One change may be told more than once,
/// and several as one.
#[derive(Debug)]
pub struct Subscription {
    hints: broadcast::Receiver<Invalidation>,
    /// When everything is to be looked at, whatever was heard; never, if nobody else can change anything.
    poll: Option<Poll>,
}

#[derive(Debug)]
struct Poll {
    every: Duration,
    next: Instant,
}

impl Runtime {
    /// Tells from now on which conversations may have changed, in this process and, as far as the store
    /// [hears](crate::store::Store::listen) of them, in others. If others can change what is in the store,
    /// [`Invalidation::Anything`] is told every [so often](crate::runtime::Builder::poll) too: that is what can be relied on, and
    /// all else is faster.
    ///
    /// ```
    /// use stube::runtime::Runtime;
    /// use stube::{Confirm, store::Hint};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), stube::Error> {
    /// let runtime = Runtime::in_memory()?;
    /// let mut changes = runtime.subscribe();
    /// let id = runtime.start(Confirm::new("Order it?")).await?.id;
    /// assert_eq!(changes.next().await, Some(Hint::Changed(id)));
    /// # Ok(())
    /// # }
    /// ```
    pub fn subscribe(&self) -> Subscription {
        let every = self.inner.poll;
        let poll = (!self.inner.exclusive).then(|| Poll { every, next: Instant::now() + every });
        Subscription { hints: self.inner.changes.subscribe(), poll }
    }
}

impl Subscription {
    /// The next conversation that may have changed. `None` once the runtime is gone. It may be called again after its
    /// future was dropped: nothing is lost by that.
    ///
    /// # Panics
    ///
    /// If others can change what is in the store, and the executor is not tokio's with its time enabled.
    pub async fn next(&mut self) -> Option<Invalidation> {
        let heard = match &mut self.poll {
            None => self.hints.recv().await,
            Some(poll) => {
                // Looked at first, since there may always be something to hear.
                let is_time = Instant::now() >= poll.next;
                match tokio::time::timeout_at(poll.next, self.hints.recv()).await {
                    Ok(heard) if !is_time => heard,
                    Ok(_) | Err(_) => {
                        poll.next = Instant::now() + poll.every;
                        return Some(Invalidation::Anything);
                    }
                }
            }
        };
        match heard {
            Ok(hint) => Some(hint),
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
            runtime.inner.hear(hint);
            assert_eq!(changes.next().await, Some(hint));
        }
        assert!(runtime.optimistic_read(ids[0]).is_none() && runtime.optimistic_read(ids[1]).is_some());
    }

    #[tokio::test]
    async fn who_listens_too_slowly_is_told_that_it_may_be_anything() {
        let runtime = Runtime::in_memory().expect("it opens");
        let mut changes = runtime.subscribe();
        let id = runtime.start(Confirm::new("Order it?")).await.expect("it starts").id;
        for _ in 0..KEPT {
            runtime.changed(id);
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
            runtime.changed(id);
            tokio::task::yield_now().await;
        }
    }
}
