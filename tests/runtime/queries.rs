//! Which conversations there are: by flow, state, owner, what they wait for and when they are due; in pages, and counted.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stube::store::{BoxFuture, Count, Query, Summary, Visitor, WriteOutcome};
use stube::{
    Component, Confirm, ConversationId, Event, FileStore, Form, MemoryStore, Next, Owner, Prompt, Runtime, Store,
    Timestamp, View, component, flow,
};

use crate::common::Clock;

/// Gives up at a time.
#[derive(Serialize, Deserialize)]
struct Deadline {
    at: Option<u64>,
}

#[component]
impl Component for Deadline {
    type Answer = bool;

    fn handle(&mut self, event: Event, cx: &stube::Context) -> stube::Handled<Self> {
        match event.action.as_str() {
            "later" => {
                self.at = Some(cx.now.as_millis() + 1_000);
                Ok(Next::stay())
            }
            "boom" => {
                self.at = Some(0);
                Ok(Next::stay())
            }
            _ => Ok(Next::answer(true)),
        }
    }

    fn render(&self, _: &stube::Context) -> View {
        View::from(Form::text("Before the time is up?"))
    }

    fn due(&self) -> Option<Timestamp> {
        assert_ne!(self.at, Some(0), "boom");
        self.at.map(Timestamp::from_millis)
    }
}

#[flow]
async fn offer(at: u64) -> String {
    let name = Prompt::new("Who?").await;
    if (Deadline { at: Some(at) }).await && Confirm::new("Sure?").await { name } else { "nobody".to_owned() }
}

/// Only what a store has to write by hand.
#[derive(Debug, Default)]
struct Plain(MemoryStore);

impl Store for Plain {
    fn load_all<'a>(&'a self, each: &'a mut Visitor<'a>) -> BoxFuture<'a, Result<(), stube::BoxError>> {
        self.0.load_all(each)
    }

    fn save<'a>(
        &'a self,
        record: &'a stube::record::Record,
        replaces: Option<stube::record::Revision>,
    ) -> BoxFuture<'a, WriteOutcome> {
        self.0.save(record, replaces)
    }

    fn delete(&self, id: ConversationId, replaces: stube::record::Revision) -> BoxFuture<'_, WriteOutcome> {
        self.0.delete(id, replaces)
    }
}

fn owner(name: &str) -> Owner {
    Owner::new(name).expect("it is short")
}

async fn answer(runtime: &Runtime, id: ConversationId, event: Event) {
    let _ = crate::common::send(runtime, id, event).await.expect("it is applied");
}

async fn found(runtime: &Runtime, query: Query) -> Vec<ConversationId> {
    let page = runtime.list(&query, None, 100).await.expect("it can be read");
    page.into_iter().map(|summary| summary.id).collect()
}

fn sorted(mut ids: Vec<ConversationId>) -> Vec<ConversationId> {
    ids.sort_unstable();
    ids
}

async fn finds_them(store: impl Store) {
    let clock = Clock::new();
    let runtime = clock.builder().open(store).expect("it opens");
    let mut ids = Vec::new();
    for n in 0..10u64 {
        let flow = offer(2_000_000_000 + n);
        let started = match n % 2 {
            0 => runtime.start_for(owner("ada"), flow).await,
            _ => runtime.start(flow).await,
        };
        ids.push(started.expect("it starts").id);
        clock.set(clock.millis() + 1_000);
    }
    let other = runtime.start_for(owner("bo"), Confirm::new("?")).await.expect("it starts").id;
    for &id in &ids[..4] {
        answer(&runtime, id, Event::new("submit").with("text", stube::Value::Text("eve".to_owned()))).await;
    }
    answer(&runtime, ids[0], Event::new("yes")).await;

    let of = |range: &[usize]| sorted(range.iter().map(|&n| ids[n]).collect());
    assert_eq!(found(&runtime, Query::all()).await, sorted([ids.clone(), vec![other]].concat()));
    assert_eq!(found(&runtime, Query::all().flow("confirm")).await, [other]);
    assert_eq!(found(&runtime, Query::all().flow("offer").state("Deadline")).await, of(&[1, 2, 3]));
    assert_eq!(found(&runtime, Query::all().waits_for("prompt")).await, of(&[4, 5, 6, 7, 8, 9]));
    assert_eq!(found(&runtime, Query::all().waits_for("confirm")).await, sorted(vec![ids[0], other]));
    assert_eq!(found(&runtime, Query::all().owner(owner("ada"))).await, of(&[0, 2, 4, 6, 8]));
    assert_eq!(found(&runtime, Query::all().owner(owner("ada")).state("Deadline")).await, of(&[2]));
    assert_eq!(found(&runtime, Query::all().owner(owner("nobody"))).await, []);
    let due = |millis| Query::all().due_before(Timestamp::from_millis(millis));
    assert_eq!(found(&runtime, due(2_000_000_001)).await, [], "one that is due at a time is not due before it");
    assert_eq!(found(&runtime, due(2_000_000_003)).await, of(&[1, 2]));
    assert_eq!(found(&runtime, due(u64::MAX)).await, of(&[1, 2, 3]), "what is not in front is not due");
    let fourth = Timestamp::from_millis(1_000_000_000 + 4_000);
    assert_eq!(found(&runtime, Query::all().touched_before(fourth)).await, [], "answered or started since");
    assert_eq!(found(&runtime, Query::all().ended(true)).await, []);

    answer(&runtime, ids[1], Event::new("later")).await;
    assert_eq!(found(&runtime, due(u64::MAX)).await, of(&[1, 2, 3]));
    assert_eq!(found(&runtime, due(1_100_000_000)).await, of(&[1]), "asked again after each event");
    let before = crate::common::all(&runtime).await;
    let error = crate::common::send(&runtime, ids[2], Event::new("boom")).await.expect_err("`due` panics");
    assert!(error.to_string().contains("boom"), "{error}");
    assert_eq!(crate::common::all(&runtime).await, before, "a `due` that panics changes nothing");

    // Pages of every size give each conversation once, in the order of the ids.
    for limit in 1..=12 {
        let (mut all, mut after) = (Vec::<Summary>::new(), None);
        loop {
            let page = runtime.list(&Query::all(), after, limit).await.expect("it can be read");
            assert!(page.len() <= limit);
            after = page.last().map(|last| last.id).or(after);
            let is_last = page.len() < limit;
            all.extend(page);
            if is_last {
                break;
            }
        }
        assert_eq!(all, crate::common::all(&runtime).await, "pages of {limit}");
    }
    assert!(runtime.list(&Query::all(), None, 0).await.expect("it can be read").is_empty());

    let counts = runtime.count(&Query::all()).await.expect("it can be read");
    let counts = counts.iter().map(|Count { flow, state, records, .. }| (flow.as_str(), state.as_deref(), *records));
    assert_eq!(
        counts.collect::<Vec<_>>(),
        [
            ("confirm", None, 1),
            ("offer", Some("Confirm"), 1),
            ("offer", Some("Deadline"), 3),
            ("offer", Some("Name"), 6),
        ]
    );
    let counts = runtime.count(&Query::all().owner(owner("ada")).waits_for("prompt")).await.expect("it can be read");
    assert_eq!(counts.iter().map(|count| count.records).collect::<Vec<_>>(), [3]);
    assert_eq!(runtime.scan().await.expect("it can be read").unreadable, []);
}

#[tokio::test]
async fn in_memory() {
    finds_them(MemoryStore::new()).await;
}

#[tokio::test]
async fn in_files() {
    let dir = tempfile::tempdir().expect("a directory");
    finds_them(FileStore::open(dir.path()).expect("it opens")).await;
}

#[tokio::test]
async fn in_a_store_of_three_operations() {
    finds_them(Plain::default()).await;
}

#[tokio::test]
async fn the_owner_of_an_ended_conversation_is_still_known() {
    let store = Arc::new(MemoryStore::new());
    let runtime = Runtime::builder()
        .retention(stube::runtime::Retention::UntilForgotten)
        .open(Arc::clone(&store))
        .expect("it opens");
    let id = runtime.start_for(owner("ada"), Confirm::new("?")).await.expect("it starts").id;
    answer(&runtime, id, Event::new("yes")).await;
    assert_eq!(found(&runtime, Query::all().owner(owner("ada")).ended(true)).await, [id]);
    assert_eq!(found(&runtime, Query::all().ended(false)).await, []);
}

#[test]
fn an_owner_is_short_and_shown_to_nobody() {
    assert!(Owner::new("").is_err() && Owner::new("x".repeat(129)).is_err());
    let longest = owner(&"x".repeat(128));
    assert_eq!(longest.as_str().len(), 128);
    assert_eq!(format!("{longest:?}"), "Owner(..)");
    assert!(serde_json::from_str::<Owner>("\"\"").is_err());
}
