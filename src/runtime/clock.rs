//! The time, and the time that the reaper goes by where the store has no clock of its own.
//!
//! The system's clock may be set while a program runs, by a person or by the network. What is shown and saved has the
//! time that it tells. The reaper deletes, so it uses a guarded time: between two readings no more time passes than on a
//! clock that nobody can set. So nothing that this process has saved looks older to it than it is.
//!
//! While the system's clock is not set, both times are the same. So both clocks are compared as exactly as they tell the
//! time, and a time is cut to a millisecond only when it is given out. Otherwise the guarded time would be up to a
//! millisecond behind the time in a record that was saved just now, and that record would not be old enough to delete.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "the clock of the runtime")]

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::model::timestamp::Timestamp;

/// Tells the time.
pub(super) enum Clock {
    /// The system's clock.
    System(GuardedClock),
    /// The host's, which is taken at its word.
    Host(HostClock),
}

/// A function of the host's that tells the time.
type HostClock = Box<dyn Fn() -> Timestamp + Send + Sync>;

/// A clock that may be set, beside one that nobody can set.
pub(super) struct GuardedClock {
    /// The time since 1970. May be set.
    wall: Read,
    /// The time since some moment. Only goes on.
    elapsed: Read,
    /// The guarded time, since 1970, at a reading, and what had elapsed then.
    since: Mutex<(Duration, Duration)>,
}

type Read = Arc<dyn Fn() -> Duration + Send + Sync>;

impl Clock {
    /// The system's clock.
    pub(super) fn system() -> Self {
        let start = Instant::now();
        // A time before 1970 becomes 1970.
        let wall = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::guarded(Arc::new(wall), Arc::new(move || start.elapsed()))
    }

    fn guarded(wall: Read, elapsed: Read) -> Self {
        let start = elapsed();
        let since = Mutex::new((wall(), start));
        Self::System(GuardedClock { wall, elapsed, since })
    }

    /// A clock of the host's.
    pub(super) fn host(clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self::Host(Box::new(clock))
    }

    /// The time that is shown and saved.
    pub(super) fn now(&self) -> Timestamp {
        self.read().0
    }

    /// The guarded time. It is never later than [`now`](Self::now), however that has jumped.
    pub(super) fn guarded_now(&self) -> Timestamp {
        self.read().1
    }

    fn read(&self) -> (Timestamp, Timestamp) {
        match self {
            Self::Host(clock) => {
                let now = clock();
                (now, now)
            }
            Self::System(clocks) => {
                let (now, guarded) = clocks.read();
                (Timestamp::EPOCH.after(now), Timestamp::EPOCH.after(guarded))
            }
        }
    }
}

impl GuardedClock {
    /// The wall clock's time, and the guarded time.
    fn read(&self) -> (Duration, Duration) {
        let Self { wall, elapsed, since } = self;
        let mut since = since.lock().unwrap_or_else(PoisonError::into_inner);
        // The thread may have to wait between two readings. What has elapsed is counted from a reading before the wall
        // clock's to a reading after it. So it is too much by that wait, never too little, and the guarded time is not
        // behind a clock that nobody sets.
        let (before, now, after) = (elapsed(), wall(), elapsed());
        let guarded = since.0.saturating_add(after.saturating_sub(since.1));
        if now >= guarded {
            return (now, guarded);
        }
        // Within that wait, or it was set back. What is saved from now on has this time, so that is where to count from.
        *since = (now, before);
        (now, now)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::component::prompts::Confirm;
    use crate::model::id::ConversationId;
    use crate::runtime::Runtime;
    use crate::store::MemoryStore;

    const YEARS: u64 = 10 * 365 * 86_400_000;
    const HOUR: Duration = Duration::from_secs(3600);

    /// A clock that can be set, and one that only goes on. In milliseconds.
    #[derive(Clone, Default)]
    struct TwoClocks(Arc<(AtomicU64, AtomicU64)>);

    impl TwoClocks {
        fn new() -> Self {
            let clocks = Self::default();
            clocks.set(2 * YEARS);
            clocks
        }

        fn set(&self, millis: u64) {
            self.0.0.store(millis, Ordering::SeqCst);
        }

        fn wall(&self) -> u64 {
            self.0.0.load(Ordering::SeqCst)
        }

        fn pass(&self, time: Duration) {
            let millis = u64::try_from(time.as_millis()).expect("it is short");
            self.0.0.fetch_add(millis, Ordering::SeqCst);
            self.0.1.fetch_add(millis, Ordering::SeqCst);
        }

        fn open(&self, store: &Arc<MemoryStore>) -> Runtime {
            let (wall, elapsed) = (self.clone(), self.clone());
            let clock = Clock::guarded(
                Arc::new(move || Duration::from_millis(wall.wall())),
                Arc::new(move || Duration::from_millis(elapsed.0.1.load(Ordering::SeqCst))),
            );
            let mut builder = Runtime::builder();
            builder.clock = clock;
            builder.open(Arc::clone(store)).expect("it opens")
        }
    }

    async fn start(runtime: &Runtime) -> ConversationId {
        runtime.start(Confirm::new("Still there?")).await.expect("it starts").id
    }

    async fn reap(runtime: &Runtime) -> Vec<ConversationId> {
        runtime.reap(HOUR).await.expect("it reaps")
    }

    #[tokio::test]
    async fn a_clock_that_jumps_makes_nothing_older_than_it_is() {
        // In years that the clock is wrong by, one after the other, with a conversation begun after each.
        for jumps in [&[1][..], &[-1], &[1, -1], &[-1, 1], &[1, 1, -1], &[-1, -1, 1, 1], &[-1, 1, -1, 1]] {
            let (clocks, store) = (TwoClocks::new(), Arc::new(MemoryStore::new()));
            let runtime = clocks.open(&store);
            let old = start(&runtime).await;
            clocks.pass(HOUR);
            assert_eq!(reap(&runtime).await, [old]);
            let mut begun = vec![start(&runtime).await];
            for jump in jumps {
                clocks.set(clocks.wall().checked_add_signed(jump * YEARS as i64).expect("it is after 1970"));
                begun.push(start(&runtime).await);
                assert_eq!(reap(&runtime).await, [], "after {jumps:?}");
                clocks.pass(HOUR / 10);
                assert_eq!(reap(&runtime).await, [], "after {jumps:?}");
            }
            // What looks as if it came from the future waits until its time has come and is over.
            clocks.pass(HOUR);
            let mut gone = reap(&runtime).await;
            clocks.set(clocks.wall() + 3 * YEARS);
            assert_eq!(reap(&runtime).await, [], "after {jumps:?}");
            gone.extend(reap(&clocks.open(&store)).await);
            gone.sort();
            begun.sort();
            assert_eq!(gone, begun, "in the end each of them has gone, after {jumps:?}");
        }
    }

    #[test]
    fn what_is_believed_keeps_up_however_often_it_is_asked_for() {
        let nanos = Arc::new(AtomicU64::new(0));
        let at = |nanos: &Arc<AtomicU64>| Duration::from_nanos(nanos.load(Ordering::SeqCst));
        let (wall, elapsed) = (Arc::clone(&nanos), Arc::clone(&nanos));
        let start = Duration::from_micros(1_000_000_999);
        let clock = Clock::guarded(Arc::new(move || start + at(&wall)), Arc::new(move || at(&elapsed)));
        for _ in 0..100_000 {
            nanos.fetch_add(123_457, Ordering::SeqCst);
            assert_eq!(clock.guarded_now(), clock.now());
        }
    }

    #[test]
    fn what_this_process_has_stamped_is_never_in_the_future_of_the_time_that_is_believed() {
        // In nanoseconds; each look at a clock takes some of them, from none to 5 ms, as if the thread had to wait.
        let (nanos, mut looks) = (Arc::new(AtomicU64::new(0)), 1_u64);
        let look = |nanos: &AtomicU64, takes: u64| Duration::from_nanos(nanos.fetch_add(takes, Ordering::SeqCst));
        for start in [0, 1, 499_999, 500_000, 999_999].map(Duration::from_nanos) {
            let random = Arc::new(AtomicU64::new(start.as_nanos() as u64));
            let takes = move || {
                let last = random.load(Ordering::SeqCst);
                random.store(last.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1), Ordering::SeqCst);
                if last >> 62 == 0 { (last >> 33) % 5_000_000 } else { last >> 60 }
            };
            let ((wall, taken), elapsed) = ((Arc::clone(&nanos), takes.clone()), Arc::clone(&nanos));
            let clock = Clock::guarded(
                Arc::new(move || HOUR + start + look(&wall, taken())),
                Arc::new(move || look(&elapsed, takes())),
            );
            for _ in 0..10_000 {
                let stamp = clock.now();
                assert!(clock.guarded_now() >= stamp, "look {looks}, {stamp}");
                looks += 1;
            }
        }
    }
}
