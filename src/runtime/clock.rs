//! What time it is, and what time the reaper goes by where the store has no clock of its own.
//!
//! The system's clock may be set while a program runs, by a person or by the network. What is shown and saved has the
//! time that it tells. The reaper deletes, so it believes less: from one look to the next no more time has passed than a
//! clock says that nobody can set. So nothing that this process has saved looks older to it than it is.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use crate::model::timestamp::Timestamp;
use crate::runtime::Clock;

/// Tells the time.
pub(super) struct Time {
    clock: Clock,
    /// Gone where the host tells the time: it is believed.
    steady: Option<Steady>,
}

struct Steady {
    /// How long it has been since some moment.
    elapsed: Arc<dyn Fn() -> Duration + Send + Sync>,
    /// The time that is believed, and what had elapsed then.
    since: Mutex<(Timestamp, Duration)>,
}

impl Time {
    /// The system's.
    pub(super) fn system() -> Self {
        let start = Instant::now();
        Self::guarded(Arc::new(|| SystemTime::now().into()), Arc::new(move || start.elapsed()))
    }

    fn guarded(clock: Clock, elapsed: Arc<dyn Fn() -> Duration + Send + Sync>) -> Self {
        let since = Mutex::new((clock(), elapsed()));
        Self { clock, steady: Some(Steady { elapsed, since }) }
    }

    /// The host's.
    pub(super) fn host(clock: Clock) -> Self {
        Self { clock, steady: None }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.look().0
    }

    /// A time that is never later than [`now`](Self::now), however that has jumped.
    pub(super) fn believed(&self) -> Timestamp {
        self.look().1
    }

    fn look(&self) -> (Timestamp, Timestamp) {
        let Some(Steady { elapsed, since }) = &self.steady else {
            let now = (self.clock)();
            return (now, now);
        };
        let mut since = since.lock().unwrap_or_else(PoisonError::into_inner);
        let (now, elapsed) = ((self.clock)(), elapsed());
        let believed = since.0.after(elapsed.saturating_sub(since.1));
        if now >= believed {
            return (now, believed);
        }
        // It was set back. What is saved from now on has an earlier time, so that is where to count from.
        *since = (now, elapsed);
        (now, now)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::component::prompts::Confirm;
    use crate::model::id::ConversationId;
    use crate::runtime::{Builder, Runtime};
    use crate::store::MemoryStore;

    const YEARS: u64 = 10 * 365 * 86_400_000;
    const HOUR: Duration = Duration::from_secs(3600);

    /// A clock that can be set, and one that only goes on. In milliseconds.
    #[derive(Clone, Default)]
    struct Clocks(Arc<(AtomicU64, AtomicU64)>);

    impl Clocks {
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
            let time = Time::guarded(
                Arc::new(move || Timestamp::from_millis(wall.wall())),
                Arc::new(move || Duration::from_millis(elapsed.0.1.load(Ordering::SeqCst))),
            );
            Builder { time, ..Runtime::builder() }.open(Arc::clone(store)).expect("it opens")
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
            let (clocks, store) = (Clocks::new(), Arc::new(MemoryStore::new()));
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
        let time =
            Time::guarded(Arc::new(move || Timestamp::EPOCH.after(start + at(&wall))), Arc::new(move || at(&elapsed)));
        for _ in 0..100_000 {
            nanos.fetch_add(123_457, Ordering::SeqCst);
            assert!(time.now().since(time.believed()) <= Duration::from_millis(1));
        }
    }
}
