//! Whether a call is made inline, by its caller, or queued for a thread of the store.
//!
//! To hand a call to a thread and to be woken by its answer takes about as long as a commit on a fast disk. So a caller
//! that is alone makes the call itself. That blocks a thread of the executor for as long as the disk is at work, so it
//! is done only as long as a [`Gate`] is open: it closes as soon as a call was slow, or met another one, and opens again
//! after some calls for which neither was so.
//!
//! Nothing here touches a disk, and nothing here knows what a call does.

#![allow(clippy::disallowed_methods, reason = "lets other tasks run before the next look")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

/// Which calls of a store are made by their callers, and not by threads of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Inline {
    /// Those of a caller that is alone, while the last 8 took at most half a millisecond each. If the disk stops in the
    /// middle of such a call, the thread of the executor that made it waits for the disk.
    #[default]
    WhenIdle,
    /// All, as far as nobody has to be waited for. For tests, and for programs whose executor has nothing else to do.
    Always,
    /// None: no thread of the executor ever waits for the disk.
    Never,
}

/// Lets calls of one kind be made inline.
#[derive(Debug)]
pub(in crate::store) struct Gate {
    inline: Inline,
    /// How many callers there are, those included whose calls are queued.
    callers: AtomicUsize,
    /// How many more calls must be quick and alone before it opens.
    closed_for: AtomicU32,
}

/// A call that takes longer closes the gate. A call that is queued takes about a tenth of a millisecond more than the
/// same call inline, and the executor is free meanwhile: where the disk takes much longer than that, hardly anything is
/// won by blocking it. Disks that commit in a tenth of a millisecond and those that take several are far from this on
/// either side.
const QUICK: Duration = Duration::from_micros(500);

/// For so many calls it is closed.
const CALLS: u32 = 8;

impl Gate {
    /// Closed at first, since nobody knows the disk.
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

    /// For a call that failed inline, or found somebody in its way.
    pub(in crate::store) fn close(&self) {
        self.closed_for.store(CALLS, Ordering::Relaxed);
    }

    /// A call took so long, inline or by a thread.
    pub(in crate::store) fn learn(&self, took: Duration) {
        if took > QUICK {
            self.close();
        } else {
            // One that is lost to a race is made up for by the next call.
            let left = self.closed_for.load(Ordering::Relaxed);
            self.closed_for.store(left.saturating_sub(1), Ordering::Relaxed);
        }
    }

    /// To be held until the call has been made, by whomever.
    pub(in crate::store) fn enter(self: &Arc<Self>) -> Caller {
        if self.callers.fetch_add(1, Ordering::Relaxed) > 0 {
            self.close();
        }
        Caller(Arc::clone(self))
    }
}

/// One who makes a call.
#[derive(Debug)]
pub(in crate::store) struct Caller(Arc<Gate>);

impl Caller {
    /// Whether the call may be made inline, at once.
    pub(in crate::store) async fn is_admitted(&self) -> bool {
        let Self(gate) = self;
        if gate.inline == Inline::WhenIdle && gate.is_open() {
            // Those whose tasks are ready come here now, before this one blocks the executor. If there are any, they
            // close the gate, so that their calls and this one are made together.
            tokio::task::yield_now().await;
        }
        gate.is_open()
    }

    /// Whether no caller has to be waited for if it is made inline in any case.
    #[cfg(feature = "sqlite")]
    pub(in crate::store) fn is_forced(&self) -> bool {
        self.0.inline == Inline::Always
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        self.0.callers.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

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
