//! Changes that the store answers late: the wait ends, and the change does not.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use stube::record::{Record, Revision};
use stube::runtime::{Reply, Runtime};
use stube::store::{BoxFuture, LoadError, Visitor, WriteOutcome};
use stube::{BoxError, ConversationId, ErrorKind, Event, MemoryStore, Store, Turn};
use tokio::sync::watch;

use crate::case::{Desk, Line};
use crate::common::{bytes, open, send};

const SHORT: Duration = Duration::from_millis(50);
const LONG: Duration = Duration::from_secs(3600);

/// What the store does not do at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shut {
    Nothing,
    /// It does not make changes.
    BeforeChanges,
    /// It makes them, and does not answer.
    AfterChanges,
    /// It does not delete.
    BeforeDeletes,
}

/// A store in memory that can be shut.
#[derive(Debug)]
struct Gate {
    inner: MemoryStore,
    shut: watch::Sender<Shut>,
    saves: AtomicUsize,
    deletes: AtomicUsize,
}

impl Gate {
    fn new() -> Arc<Self> {
        let shut = watch::Sender::new(Shut::Nothing);
        Arc::new(Self { inner: MemoryStore::new(), shut, saves: AtomicUsize::new(0), deletes: AtomicUsize::new(0) })
    }

    async fn passes(&self, shut: &[Shut]) {
        self.shut.subscribe().wait_for(|now| !shut.contains(now)).await.expect("the store is there");
    }
}

impl Store for Gate {
    fn load_all<'a>(&'a self, each: &'a mut Visitor<'a>) -> BoxFuture<'a, Result<(), BoxError>> {
        self.inner.load_all(each)
    }

    fn load(&self, id: ConversationId) -> BoxFuture<'_, Result<Option<Record>, LoadError>> {
        self.inner.load(id)
    }

    fn save<'a>(&'a self, record: &'a Record, replaces: Option<Revision>) -> BoxFuture<'a, WriteOutcome> {
        Box::pin(async move {
            self.passes(&[Shut::BeforeChanges]).await;
            self.saves.fetch_add(1, Ordering::SeqCst);
            let outcome = self.inner.save(record, replaces).await;
            self.passes(&[Shut::AfterChanges]).await;
            outcome
        })
    }

    fn delete(&self, id: ConversationId, replaces: Revision) -> BoxFuture<'_, WriteOutcome> {
        Box::pin(async move {
            self.passes(&[Shut::BeforeChanges, Shut::BeforeDeletes]).await;
            self.deletes.fetch_add(1, Ordering::SeqCst);
            let outcome = self.inner.delete(id, replaces).await;
            self.passes(&[Shut::AfterChanges]).await;
            outcome
        })
    }
}

/// A conversation on a line, over a marked record or without one.
async fn on_the_line(runtime: &Runtime, over_a_record: bool) -> (ConversationId, Turn) {
    let id = match over_a_record {
        true => runtime.start(Desk { total: 1 }).await.expect("it starts").id,
        false => runtime.start(Line { said: 0 }).await.expect("it starts").id,
    };
    let events: &[_] = if over_a_record { &["call", "say"] } else { &["say"] };
    for event in events {
        assert_eq!(send(runtime, id, Event::new(*event)).await.expect("it goes on"), Reply::Applied);
    }
    let (turn, text) = open(runtime, id).await;
    assert_eq!(text, "line 1");
    (id, turn)
}

#[tokio::test]
async fn a_save_that_is_answered_late_loses_no_conversation_that_was_in_memory() {
    for shut in [Shut::BeforeChanges, Shut::AfterChanges] {
        let store = Gate::new();
        let runtime = Runtime::builder().timeout(SHORT).open(Arc::clone(&store)).expect("it opens");
        let (id, turn) = on_the_line(&runtime, true).await;
        store.shut.send_replace(shut);
        let error = runtime.dispatch(id, turn, Event::new("hang up")).await.expect_err("it does not answer");
        assert!(matches!(error.kind, ErrorKind::Unknown(_)) && error.is_retryable(), "{error}");
        // Nothing is shown and nothing is done as long as nobody knows.
        let error = runtime.render(id).await.expect_err("it does not answer");
        assert!(matches!(error.kind, ErrorKind::Store(_)) && error.is_retryable(), "{error}");
        let error = runtime.end(id).await.expect_err("it does not answer");
        assert!(matches!(error.kind, ErrorKind::Store(_)) && error.is_retryable(), "{error}");
        store.shut.send_replace(Shut::Nothing);
        let reply = runtime.dispatch(id, turn, Event::new("hang up")).await.expect("it answers again");
        assert_eq!(reply, Reply::Repeated, "{shut:?}");
        assert_eq!(open(&runtime, id).await.1, "desk 2");
        assert_eq!(send(&runtime, id, Event::new("add")).await.expect("it goes on"), Reply::Applied);
    }
}

#[tokio::test]
async fn an_end_that_is_answered_late_ends_what_was_in_memory_then_and_not_before() {
    for shut in [Shut::BeforeChanges, Shut::AfterChanges] {
        let store = Gate::new();
        let runtime = Runtime::builder().timeout(SHORT).open(Arc::clone(&store)).expect("it opens");
        let (id, _) = on_the_line(&runtime, true).await;
        store.shut.send_replace(shut);
        let error = runtime.end(id).await.expect_err("it does not answer");
        assert!(matches!(error.kind, ErrorKind::Unknown(_)), "{error}");
        store.shut.send_replace(Shut::Nothing);
        runtime.end(id).await.expect("it ends");
        assert!(matches!(runtime.render(id).await.expect_err("gone").kind, ErrorKind::NotFound));
        assert!(bytes(&store, id).await.is_none());
    }
}

#[tokio::test]
async fn a_task_finishes_what_no_caller_waits_for() {
    let store = Gate::new();
    let runtime = Runtime::builder().timeout(SHORT).poll(LONG).open(Arc::clone(&store)).expect("it opens");
    let (id, turn) = on_the_line(&runtime, true).await;
    let mut changes = runtime.subscribe();
    store.shut.send_replace(Shut::AfterChanges);
    assert!(runtime.dispatch(id, turn, Event::new("hang up")).await.is_err());
    store.shut.send_replace(Shut::Nothing);
    // Nothing is called, and the change is told of once it is settled.
    let told = tokio::time::timeout(Duration::from_secs(60), changes.next()).await.expect("it is told");
    assert_eq!(told, Some(stube::store::Invalidation::Changed(id)));
    assert_eq!(open(&runtime, id).await.1, "desk 2");
}

#[tokio::test]
async fn unanswered_changes_are_bounded_and_nobody_is_kept_out_for_longer_than_they_last() {
    let store = Gate::new();
    let runtime = Runtime::builder().timeout(SHORT).max_in_flight(2).open(Arc::clone(&store)).expect("it opens");
    let mut all = Vec::new();
    for _ in 0..3 {
        let id = runtime.start(Desk { total: 0 }).await.expect("it starts").id;
        all.push((id, open(&runtime, id).await.0));
    }
    store.shut.send_replace(Shut::AfterChanges);
    for &(id, turn) in &all[..2] {
        let error = runtime.dispatch(id, turn, Event::new("add")).await.expect_err("it does not answer");
        assert!(matches!(error.kind, ErrorKind::Unknown(_)), "{error}");
    }
    let busy = runtime.dispatch(all[2].0, all[2].1, Event::new("add")).await.expect_err("there is no room");
    assert!(matches!(busy.kind, ErrorKind::Busy), "{busy}");
    let error = runtime.dispatch(all[0].0, all[0].1, Event::new("add")).await.expect_err("it does not answer");
    assert!(matches!(error.kind, ErrorKind::Store(_)), "{error}");
    store.shut.send_replace(Shut::Nothing);
    for (id, turn) in all {
        while let Err(error) = runtime.dispatch(id, turn, Event::new("add")).await {
            assert!(matches!(error.kind, ErrorKind::Busy), "{error}");
            tokio::task::yield_now().await;
        }
        assert_eq!(open(&runtime, id).await.1, "desk 1", "it was applied once");
    }
}

#[tokio::test]
async fn a_shutdown_waits_for_a_store_that_does_not_answer_as_long_as_the_timeout() {
    let store = Gate::new();
    let runtime = Runtime::builder().timeout(SHORT).open(Arc::clone(&store)).expect("it opens");
    let (id, turn) = on_the_line(&runtime, true).await;
    store.shut.send_replace(Shut::BeforeChanges);
    assert!(runtime.dispatch(id, turn, Event::new("hang up")).await.is_err());
    let began = Instant::now();
    runtime.shutdown().await;
    assert!(began.elapsed() >= SHORT && began.elapsed() < Duration::from_secs(60));
    store.shut.send_replace(Shut::Nothing);
    runtime.shutdown().await;
    assert_eq!(open(&Runtime::open(store).expect("it opens"), id).await.1, "desk 2");
}

#[tokio::test]
async fn a_start_an_answer_and_an_end_cost_one_save_each_and_nobody_waits_for_the_deletion() {
    let store = Gate::new();
    // An hour: who waited for the deletion would never come back.
    let runtime = Runtime::builder().timeout(LONG).open(Arc::clone(&store)).expect("it opens");
    store.shut.send_replace(Shut::BeforeDeletes);
    let id = runtime.start(Desk { total: 0 }).await.expect("it starts").id;
    assert_eq!(store.saves.load(Ordering::SeqCst), 1);
    assert_eq!(send(&runtime, id, Event::new("add")).await.expect("it is saved"), Reply::Applied);
    assert_eq!(store.saves.load(Ordering::SeqCst), 2);
    let (turn, _) = open(&runtime, id).await;
    let reply = runtime.dispatch(id, turn, Event::new("done")).await.expect("it is saved");
    assert_eq!(reply, Reply::Ended { result: "1".to_owned() });
    assert_eq!((store.saves.load(Ordering::SeqCst), store.deletes.load(Ordering::SeqCst)), (3, 0));
    let stored = store.load(id).await.expect("it can be read").expect("its result is durable");
    assert!(stored.has_ended());
    store.shut.send_replace(Shut::Nothing);
    runtime.shutdown().await;
    assert_eq!((store.saves.load(Ordering::SeqCst), store.deletes.load(Ordering::SeqCst)), (3, 1));
    assert!(bytes(&store, id).await.is_none());
}

#[tokio::test]
async fn an_ended_record_that_a_crash_brings_back_is_deleted_by_the_reaper() {
    let store = Gate::new();
    let runtime = Runtime::open(Arc::clone(&store)).expect("it opens");
    let id = runtime.start(Desk { total: 0 }).await.expect("it starts").id;
    store.shut.send_replace(Shut::BeforeDeletes);
    assert!(matches!(send(&runtime, id, Event::new("done")).await, Ok(Reply::Ended { .. })));
    // The process is gone before anything is deleted.
    drop(runtime);
    let restarted = Runtime::open(Arc::clone(&store)).expect("it opens");
    assert_eq!(restarted.result(id).await.expect("it is there"), Some("0".to_owned()));
    store.shut.send_replace(Shut::Nothing);
    assert_eq!(restarted.reap(LONG).await.expect("it reaps"), [id]);
    assert!(bytes(&store, id).await.is_none());
}
