//! A component that holds something live: its conversation goes on in memory, and a restart never brings back an older
//! state without saying so.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use stube::record::Reason;
use stube::runtime::{Reply, Runtime};
use stube::{
    Action, Component, Context, ConversationId, ErrorKind, Event, Failure, Form, Handled, Next, View, component,
};

use crate::common::{Counter, Fault, Faulty, Warnings, all, bytes, open, send};

/// Asks, and calls the line in between.
#[derive(Serialize, Deserialize)]
struct Desk {
    calls: u64,
}

#[component]
impl Component for Desk {
    type Answer = u64;

    fn render(&self, _cx: &Context) -> View {
        Form::text(format!("desk {}", self.calls)).action(Action::new("call")).into()
    }

    fn handle(&mut self, event: Event, _cx: &Context) -> Handled<Self> {
        match event.action.as_str() {
            "call" => Ok(Next::call(Line { live: Arc::default() }, Self::on_line)),
            _ => Ok(Next::answer(self.calls)),
        }
    }

    #[resume]
    fn on_line(&mut self, said: u64, _cx: &Context) -> Handled<Self> {
        self.calls += said;
        Ok(Next::stay())
    }
}

/// An open line: it cannot be saved.
struct Line {
    live: Arc<AtomicU64>,
}

#[component(transient)]
impl Component for Line {
    type Answer = u64;

    fn render(&self, _cx: &Context) -> View {
        Form::text(format!("line {}", self.live.load(Ordering::SeqCst))).action(Action::new("say")).into()
    }

    fn handle(&mut self, event: Event, _cx: &Context) -> Handled<Self> {
        match event.action.as_str() {
            "say" => self.live.fetch_add(1, Ordering::SeqCst),
            "hang up" => return Ok(Next::answer(self.live.load(Ordering::SeqCst))),
            "count" => return Ok(Next::call(Counter::new(), Self::on_count)),
            "refuse" => return Err(Failure::refuse("not now")),
            "end" => return Ok(Next::end()),
            _ => panic!("the line is cut"),
        };
        Ok(Next::stay())
    }

    #[resume]
    fn on_count(&mut self, count: u64, _cx: &Context) -> Handled<Self> {
        self.live.fetch_add(count, Ordering::SeqCst);
        Ok(Next::stay())
    }
}

async fn on_the_line(store: &Arc<Faulty>) -> (Runtime, ConversationId) {
    let runtime = Runtime::open(Arc::clone(store)).expect("it opens");
    let id = runtime.start(Desk { calls: 0 }).await.expect("it starts").id;
    assert_eq!(send(&runtime, id, Event::new("call")).await.expect("it goes on"), Reply::Applied);
    (runtime, id)
}

#[tokio::test]
async fn the_save_is_skipped_with_one_warning_that_names_component_and_conversation() {
    let warnings = Warnings::default();
    let _guard = tracing::subscriber::set_default(warnings.clone());
    let store = Arc::new(Faulty::default());
    let (runtime, id) = on_the_line(&store).await;
    for _ in 0..3 {
        assert_eq!(send(&runtime, id, Event::new("say")).await.expect("it goes on"), Reply::Applied);
    }
    let warnings = warnings.0.lock().expect("no panic").clone();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("component=\"line\"") && warnings[0].contains(&id.to_string()), "{warnings:?}");
}

#[tokio::test]
async fn the_conversation_goes_on_in_memory_and_a_restart_does_not_revive_the_older_state() {
    let store = Arc::new(Faulty::default());
    let (runtime, id) = on_the_line(&store).await;
    assert_eq!(send(&runtime, id, Event::new("say")).await.expect("it goes on"), Reply::Applied);
    assert_eq!(open(&runtime, id).await.1, "line 1");
    let restarted = Runtime::open(Arc::clone(&store)).expect("it opens");
    assert_eq!(
        restarted.scan().await.expect("the store can be read").unreadable[0].reason,
        Reason::SupersededInMemory("line".to_owned())
    );
    let before = bytes(&store, id).await;
    let error = restarted.dispatch(id, "i1.0".parse().expect("a turn"), Event::new("call")).await.expect_err("no");
    assert!(matches!(error.kind, ErrorKind::Unreadable(_)));
    assert_eq!(bytes(&store, id).await, before);
}

#[tokio::test]
async fn once_the_live_thing_is_gone_the_conversation_is_saved_again() {
    let store = Arc::new(Faulty::default());
    let (runtime, id) = on_the_line(&store).await;
    for action in ["say", "say", "hang up"] {
        assert_eq!(send(&runtime, id, Event::new(action)).await.expect("it goes on"), Reply::Applied);
    }
    let restarted = Runtime::open(Arc::clone(&store)).expect("it opens");
    assert!(restarted.scan().await.expect("the store can be read").unreadable.is_empty());
    assert_eq!(open(&restarted, id).await.1, "desk 2");
    assert_eq!(all(&restarted).await[0].revision.number(), 3, "the start, the mark, and the save after it");
}

#[tokio::test]
async fn a_step_that_fails_leaves_the_structure_and_what_can_be_saved_as_it_was() {
    let store = Arc::new(Faulty::default());
    let (runtime, id) = on_the_line(&store).await;
    assert_eq!(send(&runtime, id, Event::new("say")).await.expect("it goes on"), Reply::Applied);
    let shown = open(&runtime, id).await;
    assert!(send(&runtime, id, Event::new("cut")).await.is_err());
    assert_eq!(open(&runtime, id).await, shown);
    assert!(matches!(send(&runtime, id, Event::new("refuse")).await, Ok(Reply::Refused { .. })));
    assert_eq!(open(&runtime, id).await, shown);
    // The line waits below a counter that fails.
    assert_eq!(send(&runtime, id, Event::new("count")).await.expect("it goes on"), Reply::Applied);
    assert_eq!(send(&runtime, id, Event::new("up")).await.expect("it goes on"), Reply::Applied);
    let counting = open(&runtime, id).await;
    assert!(send(&runtime, id, Event::new("panic")).await.is_err());
    assert_eq!(open(&runtime, id).await, counting, "the counter has not counted the event that failed");
    assert_eq!(send(&runtime, id, Event::new("answer")).await.expect("it goes on"), Reply::Applied);
    assert_eq!(open(&runtime, id).await.1, "line 3");
}

#[tokio::test]
async fn a_save_that_fails_on_the_way_back_leaves_the_live_thing_alive() {
    let store = Arc::new(Faulty::default());
    let (runtime, id) = on_the_line(&store).await;
    assert_eq!(send(&runtime, id, Event::new("say")).await.expect("it goes on"), Reply::Applied);
    let shown = open(&runtime, id).await;
    for action in ["hang up", "end"] {
        store.fail(Fault::NotApplied);
        assert!(send(&runtime, id, Event::new(action)).await.expect_err("the disk is full").is_retryable());
        assert_eq!(open(&runtime, id).await, shown);
    }
    assert_eq!(send(&runtime, id, Event::new("hang up")).await.expect("there is room"), Reply::Applied);
    assert_eq!(open(&runtime, id).await.1, "desk 1");
}

#[tokio::test]
async fn an_end_in_memory_deletes_the_marked_record() {
    let store = Arc::new(Faulty::default());
    let (runtime, id) = on_the_line(&store).await;
    runtime.end(id).await.expect("it ends");
    assert!(bytes(&store, id).await.is_none() && all(&runtime).await.is_empty());
}

#[tokio::test]
async fn a_conversation_that_begins_with_a_live_thing_writes_nothing() {
    let store = Arc::new(Faulty::default());
    let runtime = Runtime::open(Arc::clone(&store)).expect("it opens");
    let id = runtime.start(Line { live: Arc::default() }).await.expect("it starts").id;
    assert_eq!(send(&runtime, id, Event::new("say")).await.expect("it goes on"), Reply::Applied);
    assert_eq!(open(&runtime, id).await.1, "line 1");
    assert!(bytes(&store, id).await.is_none());
    assert_eq!(send(&runtime, id, Event::new("hang up")).await.expect("it ends"), Reply::Ended { result: "1".into() });
}
