//! No answer and no state reaches a log, an error or a `Debug` form, whatever goes well or wrong.

#[path = "../common/mod.rs"]
mod common;

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use common::{Counter, Fault, Faulty, note, open, send};
use stube::BoxError;
use stube::runtime::Runtime;
use stube::{Event, FileStore, Prompt, Store, Value};
use tracing::field::{Field, Visit};
use tracing::span;

/// What a person typed.
const CANARY: &str = "hunter2-canary";

/// Everything that is traced in this thread.
#[derive(Clone, Default)]
struct All(Arc<Mutex<String>>);

impl Visit for All {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        writeln!(self.0.lock().expect("no panic"), "{field}={value:?}").expect("text");
    }
}

impl tracing::Subscriber for All {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, attributes: &span::Attributes<'_>) -> span::Id {
        attributes.record(&mut self.clone());
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, values: &span::Record<'_>) {
        values.record(&mut self.clone());
    }

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        event.record(&mut self.clone());
    }
}

#[tokio::test]
async fn nothing_that_was_typed_is_traced_or_told_by_an_error() {
    let all = All::default();
    let _guard = tracing::subscriber::set_default(all.clone());
    let mut told = String::new();
    let store = Arc::new(Faulty::default());
    let runtime = Runtime::open(Arc::clone(&store)).expect("it opens");
    let id = runtime.start(Counter::new()).await.expect("it starts").id;
    let (turn, _) = open(&runtime, id).await;
    for event in [note(CANARY), note(CANARY), Event::new(CANARY)] {
        writeln!(told, "{event:?} {:?}", runtime.dispatch(id, turn, event.clone()).await).expect("text");
    }
    for action in ["refuse", "fail", "panic", "unsavable"] {
        writeln!(told, "{:?}", send(&runtime, id, Event::new(action)).await).expect("text");
    }
    for fault in [Fault::NotApplied, Fault::Conflict, Fault::UnknownAndNot, Fault::UnknownForNow] {
        store.fail(fault);
        writeln!(told, "{:?}", send(&runtime, id, note(CANARY)).await).expect("text");
    }
    let id = runtime.start(Prompt::new("Your password?")).await.expect("it starts").id;
    let turn = runtime.render(id).await.expect("it is there").waiting().expect("it waits")[0].turn;
    let typed = Event::new("ok").with("text", Value::Text(CANARY.to_owned()));
    assert!(runtime.dispatch(id, turn, typed).await.is_ok());
    writeln!(told, "{runtime:?} {store:?}").expect("text");

    // Stored files that are damaged or of another shape.
    let dir = tempfile::TempDir::new().expect("a directory");
    let path = dir.path().join("store");
    let runtime = Runtime::open(FileStore::open(&path).expect("a store")).expect("it opens");
    let id = runtime.start(Counter::new()).await.expect("it starts").id;
    assert!(send(&runtime, id, note(CANARY)).await.is_ok());
    runtime.shutdown().await;
    drop(runtime);
    let file = path.join(format!("{id}.json"));
    let bytes = std::fs::read(&file).expect("the record");
    assert!(String::from_utf8_lossy(&bytes).contains(CANARY), "it is there to be leaked");
    for damaged in [&bytes[..bytes.len() - 3], b"hunter2-canary", &[bytes.as_slice(), b"x"].concat()] {
        std::fs::write(&file, damaged).expect("it is written");
        let runtime = Runtime::open(FileStore::open(&path).expect("a store")).expect("it opens");
        writeln!(told, "{:?} {:?}", runtime.scan().await, runtime.render(id).await).expect("text");
    }
    let traced = all.0.lock().expect("no panic").clone();
    assert!(traced.contains("conversation=") && traced.contains("left a record alone"), "it does trace: {traced}");
    assert!(!traced.contains("canary"), "{traced}");
    // Event names are the author's or an attacker's; `Debug` of an event shows them, and no value.
    let told = told.replace(&format!("Event {{ action: \"{CANARY}\""), "");
    assert!(!told.contains("canary"), "{told}");
}

/// A store that fails with a text of its own keeps that text.
#[tokio::test]
async fn the_reason_of_a_store_is_told() {
    let store = Arc::new(Faulty::default());
    let runtime = Runtime::open(Arc::clone(&store)).expect("it opens");
    store.fail(Fault::NotApplied);
    let error: BoxError = runtime.start(Counter::new()).await.expect_err("the disk is full").into();
    assert!(error.to_string().ends_with("the store could not save: the disk is full"), "{error}");
    assert!(store.load("cv-00000000000000000000000000".parse().expect("an id")).await.expect("it works").is_none());
}
