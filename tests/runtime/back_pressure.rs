//! A store that is slow or dead: a bounded number of events waits for it, for a bounded time, all of them are told to try
//! again, and when the store answers again everything goes on, with nothing lost and nothing applied twice.

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/pressure.rs"]
mod pressure;

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{Counter, open};
use pressure::{begin, goes_on, may_try_again, send_at_once};
use stube::BoxError;
use stube::record::{Record, Revision};
use stube::runtime::{Reply, Runtime};
use stube::store::{BoxFuture, LoadError, Visitor, WriteOutcome};
use stube::{ConversationId, ErrorKind, Event, MemoryStore, Store};
use tokio::sync::watch;

const SHORT: Duration = Duration::from_millis(100);
/// Longer than any of it may take, and much shorter than to wait for one after the other.
const LONG: Duration = Duration::from_secs(5);

// ---- A store that does not answer ---------------------------------------------------------------------------------

/// Where a call waits while the store does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stuck {
    Nowhere,
    BeforeItsWork,
    AfterItsWork,
}

/// Keeps records in memory, and answers when it is let.
#[derive(Debug)]
struct Stuckable {
    inner: MemoryStore,
    stuck: watch::Sender<Stuck>,
}

impl Stuckable {
    fn new() -> Arc<Self> {
        Arc::new(Self { inner: MemoryStore::new(), stuck: watch::Sender::new(Stuck::Nowhere) })
    }

    async fn passes(&self, place: Stuck) {
        self.stuck.subscribe().wait_for(|stuck| *stuck != place).await.expect("the store is there");
    }
}

impl Store for Stuckable {
    fn load_all<'a>(&'a self, each: &'a mut Visitor<'a>) -> BoxFuture<'a, Result<(), BoxError>> {
        self.inner.load_all(each)
    }

    fn load(&self, id: ConversationId) -> BoxFuture<'_, Result<Option<Record>, LoadError>> {
        Box::pin(async move {
            self.passes(Stuck::BeforeItsWork).await;
            self.inner.load(id).await
        })
    }

    fn save<'a>(&'a self, record: &'a Record, replaces: Option<Revision>) -> BoxFuture<'a, WriteOutcome> {
        Box::pin(async move {
            self.passes(Stuck::BeforeItsWork).await;
            let saved = self.inner.save(record, replaces).await;
            self.passes(Stuck::AfterItsWork).await;
            saved
        })
    }

    fn delete(&self, id: ConversationId, replaces: Revision) -> BoxFuture<'_, WriteOutcome> {
        Box::pin(async move {
            self.passes(Stuck::BeforeItsWork).await;
            let deleted = self.inner.delete(id, replaces).await;
            self.passes(Stuck::AfterItsWork).await;
            deleted
        })
    }
}

#[tokio::test]
async fn of_too_many_events_those_beyond_the_limit_are_told_at_once() {
    let store = Stuckable::new();
    // An hour: only the limit can tell anybody anything.
    let runtime = Runtime::builder().max_in_flight(8).timeout(Duration::from_secs(3600)).open(Arc::clone(&store));
    let runtime = runtime.expect("it opens");
    let to = begin(&runtime, 4).await;
    store.stuck.send_replace(Stuck::BeforeItsWork);
    let waiting = tokio::spawn({
        let (runtime, to) = (runtime.clone(), to.clone());
        async move { send_at_once(&runtime, &to, 2).await }
    });
    // This executor has one thread, so by then each of them has come as far as it can.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    let refused = tokio::time::timeout(LONG, runtime.dispatch(to[0].0, to[0].1, Event::new("up"))).await;
    let refused = refused.expect("it is told at once").expect_err("there is no room");
    assert!(matches!(refused.kind, ErrorKind::Busy) && refused.is_retryable(), "{refused}");
    assert!(matches!(runtime.render(to[1].0).await.expect_err("no room").kind, ErrorKind::Busy));
    assert!(matches!(runtime.start(Counter::new()).await.expect_err("no room").kind, ErrorKind::Busy));
    store.stuck.send_replace(Stuck::Nowhere);
    let applied = waiting.await.expect("no panic").into_iter().filter(|reply| matches!(reply, Ok(Reply::Applied)));
    assert_eq!(applied.count(), 4, "one for each conversation, and the others are repeats");
    goes_on(&runtime, &to).await;
}

#[tokio::test]
async fn nobody_waits_without_end_and_what_may_have_been_saved_is_applied_once() {
    for stuck in [Stuck::BeforeItsWork, Stuck::AfterItsWork] {
        let store = Stuckable::new();
        let runtime = Runtime::builder().timeout(SHORT).open(Arc::clone(&store)).expect("it opens");
        let to = begin(&runtime, 10).await;
        for round in 0..3 {
            store.stuck.send_replace(stuck);
            let began = Instant::now();
            let replies = send_at_once(&runtime, &to, 5).await;
            assert!(began.elapsed() < LONG, "{:?}", began.elapsed());
            // One of each conversation has come to the store; what it saved may be found by the others later.
            if stuck == Stuck::BeforeItsWork {
                let busy = may_try_again(&replies);
                assert!(busy > 0 && busy < replies.len(), "round {round}: {busy} of {}", replies.len());
            }
            let unknown = replies.iter().filter_map(|reply| reply.as_ref().err());
            let unknown = unknown.filter(|error| matches!(error.kind, ErrorKind::Unknown(_))).count();
            assert!(round > 0 || unknown == 10, "{unknown} of 10 were under way");
        }
        store.stuck.send_replace(Stuck::Nowhere);
        goes_on(&runtime, &to).await;
        runtime.shutdown().await;
    }
}

#[tokio::test]
async fn what_cannot_be_read_in_time_is_an_error_that_may_be_tried_again() {
    let store = Stuckable::new();
    let runtime = Runtime::builder().timeout(SHORT).open(Arc::clone(&store)).expect("it opens");
    let (id, _) = begin(&runtime, 1).await[0];
    store.stuck.send_replace(Stuck::BeforeItsWork);
    let error = runtime.render(id).await.expect_err("it does not answer");
    assert!(matches!(error.kind, ErrorKind::Store(_)) && error.is_retryable(), "{error}");
    let error = runtime.end(id).await.expect_err("it does not answer");
    assert!(matches!(error.kind, ErrorKind::Store(_)), "{error}");
    store.stuck.send_replace(Stuck::Nowhere);
    runtime.end(id).await.expect("it ends");
}

// ---- Files of SQLite ----------------------------------------------------------------------------------------------

#[cfg(feature = "sqlite")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_whose_lock_somebody_keeps_is_not_waited_for_without_end() {
    use stube::SqliteStore;
    use stube::store::sqlite::rusqlite::TransactionBehavior::Immediate;

    let dir = tempfile::TempDir::new().expect("a directory");
    // A queue with less room than there are callers.
    let store = SqliteStore::options().queue(4).timeout(SHORT).open(dir.path().join("db")).expect("a store");
    let runtime = Runtime::open(store.clone()).expect("it opens");
    let to = begin(&runtime, 50).await;
    let mut other = store.connect().expect("a connection");
    let lock = other.transaction_with_behavior(Immediate).expect("the lock");
    for _ in 0..2 {
        let began = Instant::now();
        let replies = send_at_once(&runtime, &to, 1).await;
        assert!(began.elapsed() < LONG, "{:?}", began.elapsed());
        may_try_again(&replies);
        // Nothing is written, and all can be read.
        assert!(open(&runtime, to[0].0).await.1.starts_with("0 "));
    }
    drop(lock);
    goes_on(&runtime, &to).await;
}
