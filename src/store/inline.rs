//! Decides whether a call is made inline, on the caller's thread, or queued for a thread of the store.
//!
//! Handing a call to a thread and waking the caller takes about as long as a commit on a fast disk, so a call without
//! concurrent calls is made inline. An inline call blocks a thread of the executor while the disk works. So calls are made
//! inline only while a [`Gate`] is open. A slow call or a concurrent one closes the gate; it opens again after [`CALLS`]
//! quick calls without concurrency.
//!
//! Makes no call itself, and knows nothing of what a call does.

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

/// Which calls of a store are made inline: on the caller's thread, and not on threads of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Inline {
    /// Calls without a concurrent call, as long as the last 8 took at most half a millisecond each. If the disk stops
    /// responding during such a call, the thread of the executor is blocked until it responds.
    #[default]
    WhenIdle,
    /// All calls that need not wait for a lock. For tests, and for programs whose executor has nothing else to do.
    Always,
    /// No calls: the disk never blocks a thread of the executor.
    Never,
}

/// Whether calls of one kind may be made inline.
#[derive(Debug)]
pub(in crate::store) struct Gate {
    inline: Inline,
    /// The number of calls in progress, queued ones included.
    callers: AtomicUsize,
    /// How many more quick calls without concurrency open the gate. 0 while it is open.
    closed_for: AtomicU32,
}

/// A call that takes longer closes the gate. A queued call takes about a tenth of a millisecond more than the same call
/// inline, and leaves the executor free. If the disk takes much longer than that, an inline call saves hardly anything.
/// Fast disks commit in a tenth of a millisecond and slow ones in several, so the exact limit does not matter.
const QUICK: Duration = Duration::from_micros(500);

/// The number of quick calls that open a closed gate.
const CALLS: u32 = 8;

impl Gate {
    /// A closed gate, because the speed of the disk is not known yet.
    pub(in crate::store) fn new(inline: Inline) -> Arc<Self> {
        Arc::new(Self { inline, callers: AtomicUsize::new(0), closed_for: AtomicU32::new(CALLS) })
    }

    pub(in crate::store) fn is_open(&self) -> bool {
        match self.inline {
            Inline::WhenIdle => self.closed_for.load(Ordering::Relaxed) == 0,
            Inline::Always => true,
            Inline::Never => false,
        }
    }

    /// Closes the gate, after an inline call failed or had to wait.
    pub(in crate::store) fn close(&self) {
        self.closed_for.store(CALLS, Ordering::Relaxed);
    }

    /// Notes how long a call took, inline or on a thread.
    pub(in crate::store) fn learn(&self, took: Duration) {
        if took > QUICK {
            self.close();
        } else {
            // A race may lose a step; then the gate opens one call later.
            let left = self.closed_for.load(Ordering::Relaxed);
            self.closed_for.store(left.saturating_sub(1), Ordering::Relaxed);
        }
    }

    /// Registers a call. Hold the result until the call has been made, inline or on a thread.
    pub(in crate::store) fn enter(self: &Arc<Self>) -> Caller {
        if self.callers.fetch_add(1, Ordering::Relaxed) > 0 {
            self.close();
        }
        Caller(Arc::clone(self))
    }
}

/// A registered call.
#[derive(Debug)]
pub(in crate::store) struct Caller(Arc<Gate>);

impl Caller {
    /// Whether the call may be made inline now.
    pub(in crate::store) async fn is_admitted(&self) -> bool {
        let Self(gate) = self;
        if gate.inline == Inline::WhenIdle && gate.is_open() {
            // Tasks that are ready run now, before this call blocks the executor. If one of them makes a call, that closes
            // the gate, and the queued calls share a commit.
            ready_tasks_first().await;
        }
        gate.is_open()
    }

    /// Whether the call is made inline even if there are concurrent ones.
    #[cfg(feature = "sqlite")]
    pub(in crate::store) fn is_forced(&self) -> bool {
        self.0.inline == Inline::Always
    }
}

/// Yields to the tasks that are ready.
///
/// `tokio::task::yield_now` does not do: tokio's scheduler wakes it, and never does if another executor blocks that thread.
fn ready_tasks_first() -> impl Future<Output = ()> {
    let mut waited = false;
    poll_fn(move |cx| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
}

impl Drop for Caller {
    fn drop(&mut self) {
        self.0.callers.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Wake, Waker};

    use super::*;

    fn opened() -> Arc<Gate> {
        let gate = Gate::new(Inline::WhenIdle);
        for _ in 0..CALLS {
            assert!(!gate.is_open());
            gate.learn(QUICK);
        }
        assert!(gate.is_open());
        gate
    }

    #[test]
    fn a_gate_opens_after_some_calls_that_were_quick_and_alone() {
        let gate = opened();
        drop(gate.enter());
        drop(gate.enter());
        assert!(gate.is_open(), "one came after the other");
    }

    #[test]
    fn one_slow_call_closes_it() {
        let gate = opened();
        gate.learn(2 * QUICK);
        for _ in 0..CALLS {
            assert!(!gate.is_open());
            gate.learn(Duration::ZERO);
        }
        assert!(gate.is_open());
    }

    #[test]
    fn a_caller_that_meets_another_is_not_admitted_and_neither_is_the_other() {
        let gate = opened();
        let first = gate.enter();
        let mut admitted = pin!(first.is_admitted());
        let mut cx = Context::from_waker(Waker::noop());
        assert_eq!(admitted.as_mut().poll(&mut cx), Poll::Pending, "it lets others come first");
        let second = gate.enter();
        assert_eq!(admitted.as_mut().poll(&mut cx), Poll::Ready(false));
        assert_eq!(pin!(second.is_admitted()).poll(&mut cx), Poll::Ready(false));
    }

    /// A program may block a thread of tokio's on a future of ours.
    #[tokio::test]
    async fn a_caller_is_woken_by_another_executor_on_a_thread_of_tokios() {
        struct Woken(AtomicUsize);
        impl Wake for Woken {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, Ordering::SeqCst);
            }
        }
        let (gate, woken) = (opened(), Arc::new(Woken(AtomicUsize::new(0))));
        let caller = gate.enter();
        let mut admitted = pin!(caller.is_admitted());
        let waker = Waker::from(Arc::clone(&woken));
        assert_eq!(admitted.as_mut().poll(&mut Context::from_waker(&waker)), Poll::Pending);
        assert_eq!(woken.0.load(Ordering::SeqCst), 1, "without the scheduler of tokio");
        assert_eq!(admitted.as_mut().poll(&mut Context::from_waker(&waker)), Poll::Ready(true));
    }

    #[test]
    fn what_the_host_has_said_stays() {
        let (always, never) = (Gate::new(Inline::Always), Gate::new(Inline::Never));
        for _ in 0..2 * CALLS {
            let callers = (always.enter(), always.enter());
            assert!(always.is_open() && !never.is_open());
            always.learn(2 * QUICK);
            never.learn(Duration::ZERO);
            drop(callers);
        }
    }
}
