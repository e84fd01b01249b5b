//! A bounded queue from asynchronous callers to a blocking thread, which takes work in batches.
//!
//! A caller awaits room without blocking a thread. The thread takes all queued work at once, and may wait until a number of
//! items has arrived.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

pub(super) struct Queue<T> {
    waiting: Mutex<Waiting<T>>,
    arrived: Condvar,
    room: Semaphore,
    /// The number of queued items, to read without the lock.
    here: AtomicUsize,
}

struct Waiting<T> {
    work: VecDeque<T>,
    /// The number of sleeping threads.
    asleep: usize,
    /// The number of items that wakes them.
    wanted: usize,
    closed: bool,
    nudged: bool,
}

/// How a thread takes work.
pub(super) struct Take {
    /// The maximal number of items.
    pub(super) most: usize,
    /// If fewer items are queued, the thread waits for more,
    pub(super) hoped: usize,
    /// but no longer than this.
    pub(super) grace: Duration,
    /// How long the thread polls for work before it sleeps.
    pub(super) awake: Duration,
    /// After this time without work the thread returns with [`Taken::Lingered`].
    pub(super) linger: Option<Duration>,
}

impl Take {
    /// All queued items, as soon as there is one.
    pub(super) fn at_once(most: usize) -> Self {
        Self { most, hoped: 1, grace: Duration::ZERO, awake: Duration::ZERO, linger: None }
    }
}

/// Why a thread was woken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken<T> {
    /// Work, at least one.
    Work(Vec<T>),
    /// There was no work for [`Take::linger`].
    Lingered,
    /// [`Queue::nudge`] was called.
    Nudged,
    /// The queue was closed and is empty.
    Closed,
}

impl<T> Queue<T> {
    pub(super) fn new(room: usize) -> Self {
        let waiting = Waiting { work: VecDeque::new(), asleep: 0, wanted: 1, closed: false, nudged: false };
        Self {
            waiting: Mutex::new(waiting),
            arrived: Condvar::new(),
            room: Semaphore::new(room),
            here: AtomicUsize::new(0),
        }
    }

    /// Queues work as soon as there is room. Returns it if the queue was closed.
    pub(super) async fn push(&self, work: T) -> Result<(), T> {
        match self.room.acquire().await {
            // `take` adds the permit again.
            Ok(permit) => permit.forget(),
            Err(_closed) => return Err(work),
        }
        let mut waiting = self.waiting();
        if waiting.closed {
            return Err(work);
        }
        waiting.work.push_back(work);
        self.here.store(waiting.work.len(), Ordering::Relaxed);
        if waiting.asleep > 0 && waiting.work.len() >= waiting.wanted {
            self.arrived.notify_one();
        }
        Ok(())
    }

    /// Wakes a thread that waits for work, or the next one that waits.
    pub(super) fn nudge(&self) {
        self.waiting().nudged = true;
        self.arrived.notify_one();
    }

    /// Waits for work and takes all of it.
    pub(super) fn take(&self, take: &Take) -> Taken<T> {
        let &Take { most, hoped, grace, awake, linger } = take;
        let begun = Instant::now();
        while !awake.is_zero() && self.here.load(Ordering::Relaxed) == 0 && begun.elapsed() < awake {
            // The caller that queues work may need this core.
            std::thread::yield_now();
        }
        let mut waiting = self.waiting();
        while waiting.work.is_empty() {
            if waiting.closed {
                return Taken::Closed;
            }
            if std::mem::take(&mut waiting.nudged) {
                return Taken::Nudged;
            }
            waiting = match linger.map(|linger| linger.saturating_sub(begun.elapsed())) {
                Some(Duration::ZERO) => return Taken::Lingered,
                left => self.sleep(waiting, left),
            };
        }
        let until = Instant::now() + grace;
        while waiting.work.len() < hoped.min(most) && !waiting.closed {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            waiting.wanted = hoped.min(most);
            waiting = self.sleep(waiting, Some(left));
        }
        waiting.wanted = 1;
        let many = waiting.work.len().min(most);
        let taken: Vec<_> = waiting.work.drain(..many).collect();
        self.here.store(waiting.work.len(), Ordering::Relaxed);
        drop(waiting);
        self.room.add_permits(taken.len());
        Taken::Work(taken)
    }

    fn sleep<'a>(
        &'a self,
        mut waiting: MutexGuard<'a, Waiting<T>>,
        long: Option<Duration>,
    ) -> MutexGuard<'a, Waiting<T>> {
        waiting.asleep += 1;
        let mut waiting = match long {
            None => self.arrived.wait(waiting).unwrap_or_else(PoisonError::into_inner),
            Some(long) => self.arrived.wait_timeout(waiting, long).unwrap_or_else(PoisonError::into_inner).0,
        };
        waiting.asleep -= 1;
        waiting
    }

    /// The number of queued items.
    pub(super) fn len(&self) -> usize {
        self.waiting().work.len()
    }

    /// Refuses further work. Work that is queued is still taken.
    pub(super) fn close(&self) {
        self.waiting().closed = true;
        self.room.close();
        self.arrived.notify_all();
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting<T>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn poll<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> Poll<T> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn what_finds_no_room_waits_until_something_is_taken() {
        let queue = Queue::new(2);
        for work in 0..2 {
            assert_eq!(poll(std::pin::pin!(queue.push(work))), Poll::Ready(Ok(())));
        }
        let mut third = std::pin::pin!(queue.push(2));
        assert_eq!(poll(third.as_mut()), Poll::Pending);
        assert_eq!(queue.take(&Take::at_once(1)), Taken::Work(vec![0]));
        assert_eq!(poll(third.as_mut()), Poll::Ready(Ok(())));
        assert_eq!(queue.take(&Take::at_once(9)), Taken::Work(vec![1, 2]));
    }

    #[test]
    fn what_was_brought_before_the_end_is_handed_over_and_nothing_after_it() {
        let queue = Queue::new(2);
        assert_eq!(poll(std::pin::pin!(queue.push(0))), Poll::Ready(Ok(())));
        queue.close();
        assert_eq!(poll(std::pin::pin!(queue.push(1))), Poll::Ready(Err(1)));
        let hopes = Take { hoped: 5, grace: Duration::from_secs(3600), ..Take::at_once(9) };
        assert_eq!(queue.take(&hopes), Taken::Work(vec![0]));
        assert_eq!(queue.take(&Take::at_once(9)), Taken::Closed);
    }

    #[test]
    fn a_thread_that_hopes_for_more_is_woken_when_it_is_there() {
        let queue = Queue::new(8);
        let hopes = Take { hoped: 3, grace: Duration::from_secs(3600), ..Take::at_once(8) };
        std::thread::scope(|scope| {
            // An hour: it ends because all have come, or the test does not end.
            let taken = scope.spawn(|| queue.take(&hopes));
            for work in 0..3 {
                assert_eq!(poll(std::pin::pin!(queue.push(work))), Poll::Ready(Ok(())));
            }
            assert_eq!(taken.join().expect("it does not panic"), Taken::Work(vec![0, 1, 2]));
        });
    }
    #[test]
    fn a_thread_without_work_is_woken_by_a_nudge_and_when_it_has_lingered() {
        let queue = Queue::<()>::new(1);
        queue.nudge();
        let lingers = Take { linger: Some(Duration::from_millis(1)), ..Take::at_once(1) };
        assert_eq!(queue.take(&lingers), Taken::Nudged, "one nudge is enough, whenever it came");
        assert_eq!(queue.take(&lingers), Taken::Lingered);
        std::thread::scope(|scope| {
            // It ends because it is nudged, or the test does not end.
            let taken = scope.spawn(|| queue.take(&Take::at_once(1)));
            queue.nudge();
            assert_eq!(taken.join().expect("it does not panic"), Taken::Nudged);
        });
    }
}
