//! What the tests of the runtime share: a counter, a store that fails on demand, and a clock.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};
use stube::BoxError;
use stube::record::{Record, Revision};
use stube::runtime::{Builder, Reply, Runtime};
use stube::store::{BoxFuture, LoadError, Query, Summary, Visitor, WriteOutcome};
use stube::{
    Action, Component, Context, ConversationId, Event, Failure, Form, Handled, MemoryStore, Next, Store, Timestamp,
    Turn, Value, View, component,
};
use tracing::field::{Field, Visit};
use tracing::span;

/// Counts, and does whatever a test needs.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Counter {
    pub(crate) count: u64,
    pub(crate) woken: u64,
    pub(crate) sign: Sign,
    pub(crate) note: String,
}

/// The text "a" is written as the letter is, so it would be loaded as that.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Sign {
    Letter(char),
    Text(String),
}

impl Counter {
    pub(crate) fn new() -> Self {
        Self { count: 0, woken: 0, sign: Sign::Letter('a'), note: String::new() }
    }
}

#[component]
impl Component for Counter {
    type Answer = u64;

    fn render(&self, _cx: &Context) -> View {
        assert!(self.note != "unshowable", "cannot be shown");
        Form::text(format!("{} {} {}", self.count, self.woken, self.note)).action(Action::new("up")).into()
    }

    fn handle(&mut self, event: Event, _cx: &Context) -> Handled<Self> {
        self.count += 1;
        match event.action.as_str() {
            "note" => self.note = event.text("note").unwrap_or_default().to_owned(),
            "answer" => return Ok(Next::answer(self.count)),
            "refuse" => return Err(Failure::refuse("not now")),
            "fail" => return Err(Failure::message("it broke")),
            "panic" => panic!("it panicked"),
            "unsavable" => self.sign = Sign::Text("a".to_owned()),
            _ => {}
        }
        Ok(Next::stay())
    }

    fn wakeup(&mut self, _cx: &Context) -> Result<(), Failure> {
        self.woken += 1;
        Ok(())
    }
}

pub(crate) fn note(text: &str) -> Event {
    Event::new("note").with("note", Value::Text(text.to_owned()))
}

/// How the next call of a store goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    NotApplied,
    Conflict,
    UnknownButApplied,
    UnknownAndNot,
    /// Unknown, and the load that would settle it fails too.
    UnknownForNow,
    /// Unknown, and before anybody could look, somebody else has ended the conversation.
    UnknownAndOvertaken,
    DeleteNotApplied,
}

/// A store in memory that fails once when it is told to.
#[derive(Debug, Default)]
pub(crate) struct Faulty {
    pub(crate) inner: MemoryStore,
    next: Mutex<Option<Fault>>,
    load_fails: Mutex<bool>,
    pub(crate) saves: AtomicU64,
}

impl Faulty {
    pub(crate) fn fail(&self, fault: Fault) {
        *self.next.lock().expect("no panic") = Some(fault);
    }

    fn take(&self, fault: &[Fault]) -> Option<Fault> {
        let mut next = self.next.lock().expect("no panic");
        next.filter(|next| fault.contains(next)).inspect(|_| *next = None)
    }
}

impl Store for Faulty {
    fn load_all<'a>(&'a self, each: &'a mut Visitor<'a>) -> BoxFuture<'a, Result<(), BoxError>> {
        self.inner.load_all(each)
    }

    fn load(&self, id: ConversationId) -> BoxFuture<'_, Result<Option<Record>, LoadError>> {
        if std::mem::take(&mut *self.load_fails.lock().expect("no panic")) {
            return Box::pin(async { Err(LoadError::Store("the disk is away".into())) });
        }
        self.inner.load(id)
    }

    fn save<'a>(&'a self, record: &'a Record, replaces: Option<Revision>) -> BoxFuture<'a, WriteOutcome> {
        use Fault::{Conflict, NotApplied, UnknownAndNot, UnknownAndOvertaken, UnknownButApplied, UnknownForNow};
        let fault =
            self.take(&[NotApplied, Conflict, UnknownButApplied, UnknownAndNot, UnknownForNow, UnknownAndOvertaken]);
        self.saves.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            match fault {
                None => self.inner.save(record, replaces).await,
                Some(NotApplied) => WriteOutcome::NotApplied("the disk is full".into()),
                Some(Conflict) => WriteOutcome::Conflict { stored: None },
                Some(UnknownAndNot) => WriteOutcome::Unknown("the line is cut".into()),
                Some(UnknownButApplied | UnknownForNow | UnknownAndOvertaken) => {
                    let saved = self.inner.save(record, replaces).await;
                    assert!(matches!(saved, WriteOutcome::Applied), "{saved:?}");
                    if fault == Some(UnknownAndOvertaken) {
                        let deleted = self.inner.delete(record.id(), record.revision()).await;
                        assert!(matches!(deleted, WriteOutcome::Applied), "{deleted:?}");
                    }
                    *self.load_fails.lock().expect("no panic") = fault == Some(UnknownForNow);
                    WriteOutcome::Unknown("the line is cut".into())
                }
                Some(Fault::DeleteNotApplied) => unreachable!("it was not taken"),
            }
        })
    }

    fn delete(&self, id: ConversationId, replaces: Revision) -> BoxFuture<'_, WriteOutcome> {
        if self.take(&[Fault::DeleteNotApplied]).is_some() {
            return Box::pin(async { WriteOutcome::NotApplied("the disk is read-only".into()) });
        }
        self.inner.delete(id, replaces)
    }
}

/// A clock that stands until it is set.
#[derive(Debug, Clone)]
pub(crate) struct Clock(Arc<AtomicU64>);

impl Clock {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicU64::new(1_000_000_000)))
    }

    pub(crate) fn set(&self, millis: u64) {
        self.0.store(millis, Ordering::SeqCst);
    }

    pub(crate) fn millis(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    pub(crate) fn builder(&self) -> Builder {
        let clock = self.clone();
        Runtime::builder().clock(move || Timestamp::from_millis(clock.millis()))
    }
}

/// All that is saved.
pub(crate) async fn all(runtime: &Runtime) -> Vec<Summary> {
    runtime.list(&Query::all(), None, usize::MAX).await.expect("the store can be read")
}

/// The turn that is open, and the text that is shown with it.
pub(crate) async fn open(runtime: &Runtime, id: ConversationId) -> (Turn, String) {
    let questions = runtime.render(id).await.expect("it can be read").waiting().expect("it goes on");
    let text = questions[0].view.form().expect("a form").text.join(" ");
    (questions[0].turn, text)
}

/// Sends an event to what is open.
pub(crate) async fn send(runtime: &Runtime, id: ConversationId, event: Event) -> Result<Reply, stube::Error> {
    let (turn, _) = open(runtime, id).await;
    runtime.dispatch(id, turn, event).await
}

/// The stored bytes.
pub(crate) async fn bytes(store: &impl Store, id: ConversationId) -> Option<Vec<u8>> {
    store.load(id).await.expect("it can be read").map(|record| record.bytes().to_vec())
}

/// The warnings of this thread.
#[derive(Clone, Default)]
pub(crate) struct Warnings(pub(crate) Arc<Mutex<Vec<String>>>);

impl tracing::Subscriber for Warnings {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::WARN
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        struct Text(String);
        impl Visit for Text {
            fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
                self.0 += &format!("{field}={value:?} ");
            }
        }
        let mut text = Text(String::new());
        event.record(&mut text);
        self.0.lock().expect("no panic").push(text.0);
    }
}
