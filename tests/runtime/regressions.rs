//! Defects of the framework that this one is modelled on, each as a test that it must not have.

use std::sync::Arc;

use stube::runtime::{Reply, Runtime};
use stube::{ErrorKind, Event, FileStore};

use crate::common::{Counter, Fault, Faulty, bytes, note, open, send};

/// There, ids count from one in each process, so the first visitor after a restart is given the id of somebody else's
/// conversation and overwrites it.
#[tokio::test]
async fn defect_19_1_a_new_conversation_after_a_restart_overwrites_no_other() {
    let dir = tempfile::TempDir::new().expect("a directory");
    let path = dir.path().join("store");
    let mut all = Vec::new();
    for process in 0..3 {
        let runtime = Runtime::open(FileStore::open(&path).expect("a store")).expect("it opens");
        let id = runtime.start(Counter::new()).await.expect("it starts").id;
        assert_eq!(send(&runtime, id, note(&format!("process {process}"))).await.expect("saved"), Reply::Applied);
        all.push(id);
        for (process, id) in all.iter().enumerate() {
            assert!(open(&runtime, *id).await.1.ends_with(&format!("process {process}")));
        }
        runtime.shutdown().await;
    }
}

/// There, a field that holds `#object[` makes the store skip every later save.
#[tokio::test]
async fn defect_19_3_no_text_of_a_person_switches_saving_off() {
    let store = Arc::new(Faulty::default());
    let runtime = Runtime::open(Arc::clone(&store)).expect("it opens");
    let id = runtime.start(Counter::new()).await.expect("it starts").id;
    for text in ["#object[", "#<", "\",\"sum\":\"", "\u{0}", "\u{10ffff}", "}\n{", "<script>", "\u{1b}[2J", "null"] {
        assert_eq!(send(&runtime, id, note(text)).await.expect("it is saved"), Reply::Applied);
        let restarted = Runtime::open(Arc::clone(&store)).expect("it opens");
        assert!(restarted.scan().await.expect("the store can be read").unreadable.is_empty());
        assert!(open(&restarted, id).await.1.ends_with(text), "{text:?}");
    }
}

/// There, a save that is skipped leaves the older file, which a restart brings back. (With a component that cannot be
/// saved, see `tests/runtime/transient.rs`.)
#[tokio::test]
async fn defect_19_4_a_state_that_cannot_be_saved_is_refused_and_not_skipped() {
    let store = Arc::new(Faulty::default());
    let runtime = Runtime::open(Arc::clone(&store)).expect("it opens");
    let id = runtime.start(Counter::new()).await.expect("it starts").id;
    let shown = open(&runtime, id).await;
    let error = send(&runtime, id, Event::new("unsavable")).await.expect_err("it is refused");
    assert!(matches!(error.kind, ErrorKind::NotSavable(_)));
    assert_eq!(open(&runtime, id).await, shown, "what the person sees is what is stored");
}

/// There, a save that fails is printed, and the person is told that all is well.
#[tokio::test]
async fn defect_19_6_a_failed_save_is_never_acknowledged() {
    let store = Arc::new(Faulty::default());
    let runtime = Runtime::open(Arc::clone(&store)).expect("it opens");
    let id = runtime.start(Counter::new()).await.expect("it starts").id;
    let before = bytes(&store, id).await;
    for fault in [Fault::NotApplied, Fault::UnknownAndNot] {
        store.fail(fault);
        assert!(send(&runtime, id, Event::new("up")).await.expect_err("it failed").is_retryable());
        assert_eq!(bytes(&store, id).await, before);
        assert!(open(&runtime, id).await.1.starts_with("0 "), "nothing of it is shown");
    }
}

/// There, a double click on a button that stays is applied twice.
#[tokio::test]
async fn defect_19_12_a_double_click_is_applied_once() {
    let store = Arc::new(Faulty::default());
    let runtime = Runtime::open(Arc::clone(&store)).expect("it opens");
    let id = runtime.start(Counter::new()).await.expect("it starts").id;
    let (turn, _) = open(&runtime, id).await;
    assert_eq!(runtime.dispatch(id, turn, Event::new("up")).await.expect("it is saved"), Reply::Applied);
    assert_eq!(runtime.dispatch(id, turn, Event::new("up")).await.expect("it is told"), Reply::Repeated);
    assert!(open(&runtime, id).await.1.starts_with("1 "));
}
