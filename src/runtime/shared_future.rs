//! A future that is owned by nobody who waits for it: a save that has begun, for instance.
//!
//! Takes a boxed future. Whoever waits for it polls it in place, several at once if need be, and whoever stops waiting
//! takes nothing away from the others: the next one who polls goes on with it. The value is taken out once.
//! It starts no task and knows no executor.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::task::{Context, Poll, Wake, Waker};

use crate::store::BoxFuture;

/// A future that several callers poll. Clones are the same future.
pub(super) struct SharedFuture<T> {
    state: Arc<Mutex<State<T>>>,
    wakers: Arc<Wakers>,
    /// Whether somebody came while another caller polled, and was sent away.
    missed: Arc<AtomicBool>,
}

enum State<T> {
    Running(BoxFuture<'static, T>),
    /// `None` once the value is taken, and if the future panicked.
    Done(Option<T>),
}

impl<T> Clone for SharedFuture<T> {
    fn clone(&self) -> Self {
        Self { state: Arc::clone(&self.state), wakers: Arc::clone(&self.wakers), missed: Arc::clone(&self.missed) }
    }
}

impl<T> SharedFuture<T> {
    pub(super) fn new(future: BoxFuture<'static, T>) -> Self {
        Self { state: Arc::new(Mutex::new(State::Running(future))), wakers: Arc::default(), missed: Arc::default() }
    }

    /// Waits until the future is done. Dropping this wait changes nothing.
    pub(super) fn done(&self) -> impl Future<Output = ()> + use<T> {
        let shared = self.clone();
        poll_fn(move |cx| shared.poll(cx))
    }

    /// Polls the future once. Gives whether it is done.
    pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        // Registered before the poll, so that no wake in between is lost.
        self.wakers.add(cx.waker());
        let mut locked = self.try_lock();
        if locked.is_none() {
            // Another caller has it at this moment. Its poll may have used up the wake, and it may stop waiting, so it
            // wakes everybody when it releases the state. Tried again, because it may have done so before this was written.
            self.missed.store(true, Ordering::SeqCst);
            locked = self.try_lock();
        }
        let Some(mut state) = locked else { return Poll::Pending };
        let State::Running(future) = &mut *state else {
            self.release(state);
            return Poll::Ready(());
        };
        let waker = Waker::from(Arc::clone(&self.wakers));
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut Context::from_waker(&waker))));
        *state = match polled {
            Ok(Poll::Pending) => {
                self.release(state);
                return Poll::Pending;
            }
            Ok(Poll::Ready(value)) => State::Done(Some(value)),
            Err(_panic) => State::Done(None),
        };
        drop(state);
        self.wakers.wake_all();
        Poll::Ready(())
    }

    /// Unlocks the state, whatever it was locked for, and wakes those who found it locked meanwhile.
    fn release(&self, state: MutexGuard<'_, State<T>>) {
        drop(state);
        if self.missed.swap(false, Ordering::SeqCst) {
            self.wakers.wake_all();
        }
    }

    /// `None` while another caller polls.
    fn try_lock(&self) -> Option<MutexGuard<'_, State<T>>> {
        match self.state.try_lock() {
            Ok(state) => Some(state),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// The value of a future that is done. `None` if it panicked, or if the value has been taken.
    pub(super) fn take(&self) -> Option<T> {
        let mut state: MutexGuard<'_, State<T>> = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let value = match &mut *state {
            State::Running(_) => None,
            State::Done(value) => value.take(),
        };
        self.release(state);
        value
    }
}

/// Everybody who is to be woken when the future can go on.
#[derive(Default)]
struct Wakers(Mutex<Vec<Waker>>);

impl Wakers {
    fn add(&self, waker: &Waker) {
        let mut wakers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !wakers.iter().any(|known| known.will_wake(waker)) {
            wakers.push(waker.clone());
        }
    }

    fn wake_all(&self) {
        // Woken without the lock: a waker may run what it wakes.
        let wakers = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl Wake for Wakers {
    fn wake(self: Arc<Self>) {
        self.wake_all();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wake_all();
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::oneshot;

    use super::*;

    #[derive(Default)]
    struct Counted(AtomicUsize);

    impl Wake for Counted {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn once_sent() -> (oneshot::Sender<u32>, SharedFuture<u32>) {
        let (sender, receiver) = oneshot::channel();
        (sender, SharedFuture::new(Box::pin(async { receiver.await.expect("it is sent") })))
    }

    #[test]
    fn everybody_who_waits_is_woken_and_one_takes_the_value() {
        let (sender, shared) = once_sent();
        let counted: [Arc<Counted>; 3] = Default::default();
        let wakers: Vec<_> = counted.iter().map(|counted| Waker::from(Arc::clone(counted))).collect();
        let mut waits: Vec<_> = wakers.iter().map(|_| Box::pin(shared.done())).collect();
        for (wait, waker) in waits.iter_mut().zip(&wakers) {
            for _ in 0..2 {
                assert!(wait.as_mut().poll(&mut Context::from_waker(waker)).is_pending());
            }
        }
        // The one whose waker the future saw last stops waiting.
        drop(waits.pop());
        sender.send(7).expect("it is there");
        for (wait, (waker, counted)) in waits.iter_mut().zip(wakers.iter().zip(&counted)) {
            assert!(counted.0.load(Ordering::SeqCst) > 0, "it is woken");
            assert!(wait.as_mut().poll(&mut Context::from_waker(waker)).is_ready());
        }
        assert_eq!((shared.take(), shared.take()), (Some(7), None));
    }

    #[test]
    fn a_future_that_nobody_waits_for_any_more_goes_on_with_the_next_one() {
        let (sender, shared) = once_sent();
        assert!(pin!(shared.done()).poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert_eq!(shared.take(), None);
        sender.send(7).expect("it is there");
        assert!(pin!(shared.done()).poll(&mut Context::from_waker(Waker::noop())).is_ready());
        assert_eq!(shared.take(), Some(7));
    }

    #[test]
    fn a_future_that_panics_is_done_without_a_value() {
        let shared = SharedFuture::<u32>::new(Box::pin(async { panic!("a bug of the store") }));
        assert!(pin!(shared.done()).poll(&mut Context::from_waker(Waker::noop())).is_ready());
        assert_eq!(shared.take(), None);
    }

    /// A future that blocks the thread that polls it, and is pending then, for ever.
    #[test]
    fn who_comes_while_another_caller_polls_waits_for_the_end_of_that_poll_and_comes_then() {
        let (begun, blocked) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
        let (poll_begun, poll_blocked) = (Arc::clone(&begun), Arc::clone(&blocked));
        let shared = SharedFuture::<u32>::new(Box::pin(poll_fn(move |_| {
            poll_begun.wait();
            poll_blocked.wait();
            Poll::Pending
        })));
        let first = shared.clone();
        let first = std::thread::spawn(move || first.poll(&mut Context::from_waker(Waker::noop())));
        begun.wait();
        let counted = Arc::new(Counted::default());
        let polled = shared.poll(&mut Context::from_waker(&Waker::from(Arc::clone(&counted))));
        assert_eq!((polled, counted.0.load(Ordering::SeqCst)), (Poll::Pending, 0), "it does not wait awake");
        blocked.wait();
        assert_eq!(first.join().expect("no panic"), Poll::Pending);
        assert_eq!(counted.0.load(Ordering::SeqCst), 1, "the first one may stop waiting now");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn no_wake_is_lost_between_threads() {
        for _ in 0..2_000 {
            let (sender, shared) = once_sent();
            let waits: Vec<_> = (0..3).map(|_| tokio::spawn(shared.done())).collect();
            let sent = tokio::spawn(async move { sender.send(7).expect("it is there") });
            for wait in waits {
                wait.await.expect("no panic");
            }
            sent.await.expect("no panic");
            assert_eq!(shared.take(), Some(7));
        }
    }
}
