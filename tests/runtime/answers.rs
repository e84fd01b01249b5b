//! The promises of the runtime: save, then speak; once, or not at all; and nothing unreadable is touched.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use stube::record::{Lineage, Reason, Record};
use stube::runtime::{Rendered, Reply, Retention, Runtime};
use stube::store::WriteOutcome;
use stube::{Confirm, ConversationId, ErrorKind, Event, FileStore, MemoryStore, Store};

use crate::common::{Clock, Counter, Fault, Faulty, Warnings, all, bytes, note, open, send};

async fn started(store: &Arc<Faulty>) -> (Runtime, ConversationId) {
    let runtime = Runtime::open(Arc::clone(store)).expect("it opens");
    let id = runtime.start(Counter::new()).await.expect("it starts").id;
    (runtime, id)
}

#[tokio::test]
async fn an_acknowledged_answer_is_in_the_store() {
    let store = Arc::new(Faulty::default());
    let (runtime, id) = started(&store).await;
    assert_eq!(send(&runtime, id, Event::new("up")).await.expect("it is saved"), Reply::Applied);
    let restarted = Runtime::open(store).expect("it opens");
    assert!(open(&restarted, id).await.1.starts_with("1 "));
}

#[tokio::test]
async fn a_failed_save_leaves_the_conversation_as_it_was_and_may_be_tried_again() {
    let store = Arc::new(Faulty::default());
    let (runtime, id) = started(&store).await;
    let before = bytes(&store, id).await;
    let (turn, text) = open(&runtime, id).await;
    store.fail(Fault::NotApplied);
    let error = runtime.dispatch(id, turn, Event::new("up")).await.expect_err("the disk is full");
    assert!(error.is_retryable() && matches!(error.kind, ErrorKind::NotSaved(_)));
    assert_eq!(bytes(&store, id).await, before);
    assert_eq!(open(&runtime, id).await, (turn, text));
    assert_eq!(runtime.dispatch(id, turn, Event::new("up")).await.expect("there is room"), Reply::Applied);
}

#[tokio::test]
async fn a_start_that_was_not_saved_leaves_nothing() {
    let store = Arc::new(Faulty::default());
    let runtime = Runtime::open(Arc::clone(&store)).expect("it opens");
    store.fail(Fault::NotApplied);
    assert!(runtime.start(Counter::new()).await.expect_err("the disk is full").is_retryable());
    assert!(all(&runtime).await.is_empty());
}

#[tokio::test]
async fn an_unknown_save_is_settled_by_reading() {
    let store = Arc::new(Faulty::default());
    let (runtime, id) = started(&store).await;
    store.fail(Fault::UnknownButApplied);
    assert_eq!(send(&runtime, id, Event::new("up")).await.expect("it was applied"), Reply::Applied);
    store.fail(Fault::UnknownAndNot);
    let error = send(&runtime, id, Event::new("up")).await.expect_err("it was not");
    assert!(matches!(error.kind, ErrorKind::NotSaved(_)));
    assert!(open(&runtime, id).await.1.starts_with("1 "));
}

#[tokio::test]
async fn an_unknown_save_that_cannot_be_settled_is_settled_by_the_same_answer() {
    let store = Arc::new(Faulty::default());
    let (runtime, id) = started(&store).await;
    let (turn, _) = open(&runtime, id).await;
    store.fail(Fault::UnknownForNow);
    let error = runtime.dispatch(id, turn, Event::new("up")).await.expect_err("nobody knows");
    assert!(error.is_retryable() && matches!(error.kind, ErrorKind::Unknown(_)));
    assert_eq!(runtime.dispatch(id, turn, Event::new("up")).await.expect("it is known now"), Reply::Repeated);
    assert!(open(&runtime, id).await.1.starts_with("1 "), "it was applied once");
}

#[tokio::test]
async fn an_unknown_save_that_somebody_else_has_overtaken_is_not_called_a_conflict() {
    let store = Arc::new(Faulty::default());
    let (runtime, id) = started(&store).await;
    store.fail(Fault::UnknownAndOvertaken);
    let error = send(&runtime, id, Event::new("up")).await.expect_err("it was applied, and that cannot be seen");
    assert!(matches!(error.kind, ErrorKind::Unknown(_)), "{error}");
}

#[tokio::test]
async fn a_store_that_was_put_back_from_a_copy_is_reported_and_nothing_is_answered_from_it() {
    let store = Arc::new(MemoryStore::new());
    let runtime = Runtime::open(Arc::clone(&store)).expect("it opens");
    let [back, gone] = [
        runtime.start(Counter::new()).await.expect("it starts").id,
        runtime.start(Counter::new()).await.expect("it starts").id,
    ];
    let (turn, _) = open(&runtime, back).await;
    let copy = store.load(back).await.expect("it can be read").expect("it is there");
    for _ in 0..2 {
        assert_eq!(send(&runtime, back, Event::new("up")).await.expect("it is saved"), Reply::Applied);
    }
    let now = store.load(back).await.expect("it can be read").expect("it is there");
    assert!(matches!(store.delete(back, now.revision()).await, WriteOutcome::Applied));
    assert!(matches!(store.save(&copy, None).await, WriteOutcome::Applied));

    // From what it remembers or from what it reads: an answer, a look, an end.
    for error in [
        runtime.dispatch(back, turn, Event::new("up")).await.map(drop),
        runtime.render(back).await.map(drop),
        runtime.end(back).await,
    ] {
        let error = error.expect_err("it has gone back");
        let ErrorKind::WentBack { seen, stored } = error.kind else { panic!("{error}") };
        assert_eq!((seen, stored), (now.revision(), copy.revision()));
        assert!(!error.is_retryable());
    }
    assert!(runtime.reap(Duration::ZERO).await.expect("it reaps").iter().all(|reaped| *reaped != back));
    assert_eq!(bytes(&store, back).await.as_deref(), Some(copy.bytes()), "it is left as it is");

    // Others go on, and one that is gone is only gone.
    runtime.end(gone).await.expect("it ends");
    assert!(matches!(runtime.render(gone).await.expect_err("gone").kind, ErrorKind::NotFound));
    let restarted = Runtime::open(store).expect("it opens");
    assert_eq!(restarted.dispatch(back, turn, Event::new("up")).await.expect("it goes on"), Reply::Applied);
}

#[tokio::test]
async fn a_conflict_runs_the_event_again_on_what_somebody_else_saved() {
    let store = Arc::new(Faulty::default());
    let (runtime, id) = started(&store).await;
    store.fail(Fault::Conflict);
    assert_eq!(send(&runtime, id, Event::new("up")).await.expect("the second try wins"), Reply::Applied);
    // Two processes with the same question open: the answer of the second one is stale, not lost and not applied twice.
    let other = Runtime::open(Arc::clone(&store)).expect("it opens");
    let (turn, _) = open(&other, id).await;
    assert_eq!(runtime.dispatch(id, turn, note("first")).await.expect("it is saved"), Reply::Applied);
    assert_eq!(other.dispatch(id, turn, note("second")).await.expect("it is told"), Reply::Stale);
}

#[tokio::test]
async fn duplicates_stale_answers_and_refusals_change_no_byte() {
    let store = Arc::new(Faulty::default());
    let (runtime, id) = started(&store).await;
    let (turn, _) = open(&runtime, id).await;
    assert_eq!(runtime.dispatch(id, turn, note("once")).await.expect("it is saved"), Reply::Applied);
    let before = bytes(&store, id).await;
    let saves = store.saves.load(Ordering::SeqCst);
    assert_eq!(runtime.dispatch(id, turn, note("once")).await.expect("it is told"), Reply::Repeated);
    assert_eq!(runtime.dispatch(id, turn, note("twice")).await.expect("it is told"), Reply::Stale);
    let reply = send(&runtime, id, Event::new("refuse")).await.expect("it is told");
    assert_eq!(reply, Reply::Refused { reason: "not now".to_owned() });
    let restarted = Runtime::open(Arc::clone(&store)).expect("it opens");
    assert_eq!(restarted.dispatch(id, turn, note("once")).await.expect("it is told"), Reply::Repeated);
    assert_eq!(bytes(&store, id).await, before);
    assert_eq!(store.saves.load(Ordering::SeqCst), saves);
}

#[tokio::test]
async fn an_error_or_a_panic_in_author_code_leaves_the_conversation_as_it_was() {
    let store = Arc::new(Faulty::default());
    let (runtime, id) = started(&store).await;
    let before = bytes(&store, id).await;
    for action in ["fail", "panic"] {
        let error = send(&runtime, id, Event::new(action)).await.expect_err("it fails");
        let ErrorKind::Failed { component, instance: Some(instance), .. } = &error.kind else { panic!("{error}") };
        assert_eq!((component.as_str(), instance.to_string().as_str()), ("counter", "i1"));
        assert!(!error.is_retryable());
    }
    assert_eq!(bytes(&store, id).await, before);
    assert_eq!(send(&runtime, id, Event::new("up")).await.expect("the next event works"), Reply::Applied);
    assert_eq!(send(&runtime, id, note("unshowable")).await.expect("it is saved"), Reply::Applied);
    let error = runtime.render(id).await.expect_err("it cannot be shown");
    assert!(error.to_string().contains("`counter` failed: it panicked: cannot be shown"), "{error}");
}

#[tokio::test]
async fn a_state_that_would_not_read_back_is_not_saved() {
    let store = Arc::new(Faulty::default());
    let (runtime, id) = started(&store).await;
    let before = bytes(&store, id).await;
    let error = send(&runtime, id, Event::new("unsavable")).await.expect_err("it reads as another");
    assert!(matches!(error.kind, ErrorKind::NotSavable(_)), "{error}");
    assert_eq!(bytes(&store, id).await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_acknowledged_answer_is_applied_once_however_many_send_at_once() {
    let store = Arc::new(Faulty::default());
    let (runtime, id) = started(&store).await;
    let tasks: Vec<_> = (0..16)
        .map(|task| {
            let runtime = runtime.clone();
            tokio::spawn(async move {
                let mut applied = 0;
                for n in 0..20 {
                    let (turn, _) = open(&runtime, id).await;
                    let reply = runtime.dispatch(id, turn, note(&format!("{task} {n}"))).await.expect("it is told");
                    applied += u64::from(reply == Reply::Applied);
                }
                applied
            })
        })
        .collect();
    let mut applied = 0;
    for task in tasks {
        applied += task.await.expect("it does not panic");
    }
    assert!(applied > 0);
    assert!(open(&runtime, id).await.1.starts_with(&format!("{applied} ")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_conversations_go_on_in_parallel_on_files() {
    let dir = tempfile::TempDir::new().expect("a directory");
    let runtime = Runtime::open(FileStore::open(dir.path().join("store")).expect("a store")).expect("it opens");
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let runtime = runtime.clone();
            tokio::spawn(async move {
                let id = runtime.start(Counter::new()).await.expect("it starts").id;
                for _ in 0..5 {
                    assert_eq!(send(&runtime, id, Event::new("up")).await.expect("it is saved"), Reply::Applied);
                }
                assert!(open(&runtime, id).await.1.starts_with("5 "));
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("it does not panic");
    }
    runtime.shutdown().await;
    drop(runtime);
    let runtime = Runtime::open(FileStore::open(dir.path().join("store")).expect("a store")).expect("it opens");
    assert_eq!(all(&runtime).await.len(), 16);
}

#[tokio::test]
async fn a_result_is_durable_before_it_is_handed_out_and_kept_as_long_as_the_host_says() {
    let clock = Clock::new();
    for (retention, kept) in
        [(Retention::AtOnce, false), (Retention::For(Duration::from_secs(60)), true), (Retention::UntilForgotten, true)]
    {
        let store = Arc::new(MemoryStore::new());
        let runtime = clock.builder().retention(retention).open(Arc::clone(&store)).expect("it opens");
        let id = runtime.start(Counter::new()).await.expect("it starts").id;
        let reply = send(&runtime, id, Event::new("answer")).await.expect("it is saved");
        assert_eq!(reply, Reply::Ended { result: "1".to_owned() });
        assert_eq!(bytes(&store, id).await.is_some(), kept);
        if kept {
            assert_eq!(runtime.result(id).await.expect("it is there"), Some("1".to_owned()));
            assert_eq!(runtime.render(id).await.expect("it is there"), Rendered::Ended("1".to_owned()));
            let restarted = clock.builder().retention(retention).open(Arc::clone(&store)).expect("it opens");
            assert_eq!(all(&restarted).await[0].waits_for(), None, "a crash does not lose the result");
        }
        clock.set(clock.millis() + 61_000);
        let gone = runtime.reap(Duration::from_secs(3600)).await.expect("it reaps");
        assert_eq!(gone.len(), usize::from(matches!(retention, Retention::For(_))));
        runtime.forget(id).await.expect("it is forgotten");
        assert!(bytes(&store, id).await.is_none());
        assert!(matches!(runtime.render(id).await.expect_err("gone").kind, ErrorKind::NotFound));
    }
}

#[tokio::test]
async fn a_result_that_could_not_be_deleted_is_deleted_by_the_reaper() {
    let store = Arc::new(Faulty::default());
    let (runtime, id) = started(&store).await;
    store.fail(Fault::DeleteNotApplied);
    assert!(matches!(send(&runtime, id, Event::new("answer")).await, Ok(Reply::Ended { .. })));
    assert!(bytes(&store, id).await.is_some());
    assert_eq!(runtime.reap(Duration::MAX).await.expect("it reaps"), [id]);
    assert!(bytes(&store, id).await.is_none());
}

#[tokio::test]
async fn what_goes_on_is_not_forgotten_and_an_end_deletes_it() {
    let store = Arc::new(Faulty::default());
    let (runtime, id) = started(&store).await;
    assert!(matches!(runtime.forget(id).await.expect_err("it goes on").kind, ErrorKind::GoesOn));
    assert!(bytes(&store, id).await.is_some());
    runtime.end(id).await.expect("it ends");
    runtime.end(id).await.expect("ending it again is fine");
    assert!(bytes(&store, id).await.is_none() && all(&runtime).await.is_empty());
}

#[tokio::test]
async fn the_reaper_takes_what_is_idle_and_a_clock_that_is_set_back_takes_nothing() {
    let clock = Clock::new();
    let store = Arc::new(MemoryStore::new());
    let runtime = clock.builder().open(Arc::clone(&store)).expect("it opens");
    let idle = runtime.start(Counter::new()).await.expect("it starts").id;
    clock.set(clock.millis() + 10_000);
    let busy = runtime.start(Counter::new()).await.expect("it starts").id;
    let start = clock.millis();
    clock.set(0);
    assert!(runtime.reap(Duration::ZERO).await.expect("it reaps").is_empty());
    clock.set(start);
    assert_eq!(runtime.reap(Duration::from_secs(10)).await.expect("it reaps"), [idle]);
    assert!(bytes(&store, busy).await.is_some());
}

#[tokio::test]
async fn a_shutdown_refuses_new_work_and_parks_the_rest() {
    let store = Arc::new(Faulty::default());
    let (runtime, id) = started(&store).await;
    let (turn, _) = open(&runtime, id).await;
    runtime.shutdown().await;
    runtime.shutdown().await;
    for refused in [
        runtime.start(Counter::new()).await.map(|_| ()),
        runtime.dispatch(id, turn, Event::new("up")).await.map(|_| ()),
        runtime.end(id).await,
    ] {
        assert!(matches!(refused.expect_err("it is refused").kind, ErrorKind::ShuttingDown));
    }
    let restarted = Runtime::open(store).expect("it opens");
    assert_eq!(restarted.dispatch(id, turn, Event::new("up")).await.expect("it goes on"), Reply::Applied);
}

#[tokio::test]
async fn a_conversation_wakes_once_in_a_process_and_reading_never_writes() {
    let store = Arc::new(Faulty::default());
    let (_, id) = started(&store).await;
    let restarted = Runtime::open(Arc::clone(&store)).expect("it opens");
    let before = bytes(&store, id).await;
    for _ in 0..2 {
        assert_eq!(open(&restarted, id).await.1, "0 1 ", "shown as it will be");
    }
    assert_eq!(bytes(&store, id).await, before);
    for _ in 0..2 {
        assert_eq!(send(&restarted, id, Event::new("up")).await.expect("it is saved"), Reply::Applied);
    }
    assert_eq!(open(&restarted, id).await.1, "2 1 ");
}

#[tokio::test]
async fn a_typed_answer_must_fit_the_component() {
    let store = Arc::new(Faulty::default());
    let (runtime, id) = started(&store).await;
    let (turn, _) = open(&runtime, id).await;
    assert!(matches!(runtime.answer::<Confirm>(id, turn, true).await.expect_err("no").kind, ErrorKind::Failed { .. }));
    assert_eq!(runtime.answer::<Counter>(id, turn, 7).await.expect("it fits"), Reply::Ended { result: "7".into() });
}

/// The record with something else in it, under a checksum that is right.
fn forged(record: &Record, from: &str, to: &str) -> Record {
    let text = String::from_utf8(record.bytes().to_vec()).expect("text");
    let (content, _) = text.rsplit_once(",\"sum\":").expect("a sum");
    assert!(content.contains(from), "{content}");
    let content = content.replace(from, to);
    let sum = HEXLOWER.encode(&Sha256::digest(&content));
    Record::parse(format!("{content},\"sum\":\"{sum}\"}}\n").into_bytes()).expect("a record")
}

#[tokio::test]
async fn what_cannot_be_read_is_listed_with_the_reason_and_left_alone() {
    let store = Arc::new(MemoryStore::new());
    // A clock that stands still: nothing is idle while the test runs, however long that takes.
    let clock = Clock::new();
    let runtime = clock.builder().open(Arc::clone(&store)).expect("it opens");
    let mut ids = Vec::new();
    for (from, to) in [
        ("\"type\":\"counter\",\"crate\":\"stube\"", "\"type\":\"gone\",\"crate\":\"hotel_widgets\""),
        ("\"count\":0", "\"count\":\"none\""),
    ] {
        let id = runtime.start(Counter::new()).await.expect("it starts").id;
        let record = store.load(id).await.expect("it can be read").expect("it is there");
        // The crate is left out where it is our own, and these tests are a part of it.
        let text = String::from_utf8_lossy(record.bytes()).into_owned();
        let from = if text.contains(from) { from } else { "\"type\":\"counter\"" };
        let forged = forged(&record, from, to);
        assert!(matches!(store.delete(id, record.revision()).await, stube::store::WriteOutcome::Applied));
        assert!(matches!(store.save(&forged, None).await, stube::store::WriteOutcome::Applied));
        ids.push((id, forged));
    }
    let healthy = runtime.start(Counter::new()).await.expect("it starts").id;
    let restarted = clock.builder().open(Arc::clone(&store)).expect("one bad record stops nobody");
    let scan = restarted.scan().await.expect("the store can be read");
    let reason = |id| &scan.unreadable.iter().find(|found| found.id == Some(id)).expect("it is listed").reason;
    assert_eq!(*reason(ids[0].0), Reason::UnknownType { name: "gone".to_owned(), krate: "hotel_widgets".to_owned() });
    assert!(reason(ids[0].0).to_string().contains("`use hotel_widgets as _;`"));
    assert!(matches!(reason(ids[1].0), Reason::ChangedSchema { name, .. } if name == "counter"));
    for (id, record) in &ids {
        let turn = "i1.0".parse().expect("a turn");
        let error = restarted.dispatch(*id, turn, Event::new("up")).await.expect_err("it cannot be read");
        assert!(matches!(error.kind, ErrorKind::Unreadable(_)), "{error}");
        assert!(!error.to_string().contains("none"), "an error does not quote what is stored: {error}");
        assert!(restarted.end(*id).await.is_err() && restarted.forget(*id).await.is_err());
        assert!(restarted.reap(Duration::ZERO).await.expect("it reaps").iter().all(|gone| gone != id));
        assert_eq!(bytes(&store, *id).await.as_deref(), Some(record.bytes()), "byte for byte");
    }
    let counts: Vec<_> = scan.counts.iter().map(|count| (count.flow.as_str(), count.records)).collect();
    assert_eq!(counts, [("counter", 1)], "only what this program can go on with is counted");
    assert_eq!(all(&restarted).await.len(), 1 + ids.len(), "all of them are there");
    assert_eq!(send(&restarted, healthy, Event::new("up")).await.expect("it is served"), Reply::Applied);
}

#[tokio::test]
async fn an_id_that_was_never_given_is_not_found() {
    let runtime = Runtime::in_memory().expect("it opens");
    let id = ConversationId::from_bits([3; 16]);
    let turn = "i1.0".parse().expect("a turn");
    assert!(matches!(runtime.render(id).await.expect_err("no").kind, ErrorKind::NotFound));
    assert!(matches!(runtime.dispatch(id, turn, Event::new("up")).await.expect_err("no").kind, ErrorKind::NotFound));
    runtime.forget(id).await.expect("there is nothing to forget");
}

// ---- Stores that go back ------------------------------------------------------------------------------------------

/// A conversation that this runtime has seen with two answers. Then the store has gone back to the first of them, and
/// another process has given so many answers that the number of the revision is ahead by this much.
async fn overtaken_by(ahead: u64) -> (Runtime, Arc<MemoryStore>, ConversationId) {
    let store = Arc::new(MemoryStore::new());
    let runtime = Runtime::open(Arc::clone(&store)).expect("it opens");
    let id = runtime.start(Counter::new()).await.expect("it starts").id;
    assert_eq!(send(&runtime, id, note("first")).await.expect("it is saved"), Reply::Applied);
    let copy = store.load(id).await.expect("it can be read").expect("it is there");
    assert_eq!(send(&runtime, id, note("lost")).await.expect("it is saved"), Reply::Applied);
    let seen = store.load(id).await.expect("it can be read").expect("it is there").revision();
    assert!(matches!(store.delete(id, seen).await, WriteOutcome::Applied));
    assert!(matches!(store.save(&copy, None).await, WriteOutcome::Applied));
    let other = Runtime::open(Arc::clone(&store)).expect("it opens");
    for number in 0..=ahead {
        let reply = send(&other, id, note(&format!("of another process {number}"))).await;
        assert_eq!(reply.expect("it is saved"), Reply::Applied);
    }
    let stored = store.load(id).await.expect("it can be read").expect("it is there").revision();
    assert_eq!(stored.number(), seen.number() + ahead);
    (runtime, store, id)
}

#[tokio::test]
async fn a_store_that_went_back_and_was_overtaken_within_the_window_is_reported() {
    for ahead in [0, 1, 2, Lineage::WINDOW as u64] {
        let (runtime, store, id) = overtaken_by(ahead).await;
        let before = bytes(&store, id).await;
        let turn = "i1.2".parse().expect("a turn");
        for error in [
            runtime.dispatch(id, turn, Event::new("up")).await.map(drop),
            runtime.render(id).await.map(drop),
            runtime.end(id).await,
        ] {
            let error = error.expect_err("an acknowledged answer is gone");
            let ErrorKind::WentBack { seen, stored } = error.kind else { panic!("{ahead} ahead: {error}") };
            assert_eq!(stored.number(), seen.number() + ahead);
        }
        assert_eq!(bytes(&store, id).await, before, "it is left as it is, {ahead} ahead");
    }
}

#[tokio::test]
async fn a_history_beyond_the_window_is_said_once_to_be_unconfirmed() {
    let (runtime, _store, id) = overtaken_by(Lineage::WINDOW as u64 + 1).await;
    let warnings = Warnings::default();
    let _guard = tracing::subscriber::set_default(warnings.clone());
    for _ in 0..3 {
        assert!(open(&runtime, id).await.1.contains("of another process"));
    }
    assert_eq!(send(&runtime, id, Event::new("up")).await.expect("it goes on"), Reply::Applied);
    let warnings = warnings.0.lock().expect("no panic").clone();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("not confirmed") && warnings[0].contains(&id.to_string()), "{warnings:?}");
}

#[tokio::test]
async fn many_changes_by_another_process_within_one_history_are_followed() {
    for answers in [1, Lineage::WINDOW, 3 * Lineage::WINDOW] {
        let store = Arc::new(MemoryStore::new());
        let runtime = Runtime::open(Arc::clone(&store)).expect("it opens");
        let id = runtime.start(Counter::new()).await.expect("it starts").id;
        let other = Runtime::open(Arc::clone(&store)).expect("it opens");
        for _ in 0..answers {
            assert_eq!(send(&other, id, Event::new("up")).await.expect("it is saved"), Reply::Applied);
        }
        assert!(open(&runtime, id).await.1.starts_with(&format!("{answers} ")));
        assert_eq!(send(&runtime, id, Event::new("up")).await.expect("it goes on"), Reply::Applied);
    }
}
