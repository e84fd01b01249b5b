//! A store of which each call needs some polls more, and does its work in between.

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use stube::record::{Record, Revision};
use stube::store::{BoxFuture, LoadError, Visitor, WriteOutcome};
use stube::{BoxError, ConversationId, Store};

/// How a change of the slow store ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Applied,
    NotApplied,
    UnknownButApplied,
    UnknownAndNot,
    /// Unknown, and the load that would tell fails once.
    UnknownForNow,
    /// A lie: applied, and answered as if it were not. No store may do this.
    AppliedAndDenied,
}

/// Any store, of which each call needs so many polls more, and does its work in between.
#[derive(Debug, Clone)]
pub(crate) struct Slow {
    pub(crate) inner: Arc<dyn Store>,
    pub(crate) is_exclusive: bool,
    pub(crate) polls_before: usize,
    pub(crate) polls_after: usize,
    pub(crate) fate: Fate,
    /// Whether the fate applies. It does not while the conversation is made ready, and not after the dropped call.
    pub(crate) has_fate: Arc<AtomicUsize>,
    pub(crate) load_fails: Arc<AtomicUsize>,
    /// A control: whether the runtimes over it lose the changes that their callers leave.
    pub(crate) loses_pending_changes: bool,
}

impl Slow {
    fn fate(&self) -> Fate {
        let has_fate = self.has_fate.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if has_fate.is_ok() { self.fate } else { Fate::Applied }
    }

    async fn change(&self, work: BoxFuture<'_, WriteOutcome>) -> WriteOutcome {
        let fate = self.fate();
        polls(self.polls_before).await;
        let outcome = match fate {
            Fate::NotApplied => WriteOutcome::NotApplied("the disk is full".into()),
            Fate::UnknownAndNot => WriteOutcome::Unknown("the line is cut".into()),
            Fate::Applied => work.await,
            Fate::UnknownButApplied | Fate::UnknownForNow | Fate::AppliedAndDenied => match work.await {
                WriteOutcome::Applied if fate == Fate::AppliedAndDenied => WriteOutcome::NotApplied("no".into()),
                WriteOutcome::Applied => {
                    self.load_fails.store(usize::from(fate == Fate::UnknownForNow), Ordering::SeqCst);
                    WriteOutcome::Unknown("the line is cut".into())
                }
                other => other,
            },
        };
        polls(self.polls_after).await;
        outcome
    }
}

impl Store for Slow {
    fn load_all<'a>(&'a self, each: &'a mut Visitor<'a>) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(async move {
            polls(self.polls_before).await;
            self.inner.load_all(each).await
        })
    }

    fn load(&self, id: ConversationId) -> BoxFuture<'_, Result<Option<Record>, LoadError>> {
        Box::pin(async move {
            polls(self.polls_before).await;
            if self.load_fails.swap(0, Ordering::SeqCst) > 0 {
                return Err(LoadError::Store("the line is cut".into()));
            }
            self.inner.load(id).await
        })
    }

    fn save<'a>(&'a self, record: &'a Record, replaces: Option<Revision>) -> BoxFuture<'a, WriteOutcome> {
        Box::pin(self.change(self.inner.save(record, replaces)))
    }

    fn delete(&self, id: ConversationId, replaces: Revision) -> BoxFuture<'_, WriteOutcome> {
        Box::pin(self.change(self.inner.delete(id, replaces)))
    }

    fn is_exclusive(&self) -> bool {
        self.is_exclusive
    }
}

/// Is ready at the poll after so many.
pub(crate) async fn polls(mut left: usize) {
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// What comes of a future that is dropped after so many polls; `None` if it was.
pub(crate) async fn dropped_after<T>(polls: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut left = polls;
    let mut future = Box::pin(future);
    poll_fn(move |cx| {
        let polled = match left {
            0 => Poll::Pending,
            _ => future.as_mut().poll(cx),
        };
        left = left.saturating_sub(1);
        match polled {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}
