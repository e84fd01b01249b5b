//! The conversations that calls are dropped on, the calls, and what must have become of them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use stube::record::{Reason, Record};
use stube::runtime::{Prepared, Rendered, Reply, Retention, Runtime};
use stube::store::{Query, WriteOutcome};
use stube::{
    Action, Component, Context, ConversationId, Error, ErrorKind, Event, Form, Handled, Next, Store, Timestamp, Turn,
    View, component,
};

use crate::slow::{Slow, polls};
use crate::{common, without_tokio};

/// Counts, and calls a line in between.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Desk {
    pub(crate) total: u64,
}

#[component(was = "old_desk")]
impl Component for Desk {
    type Answer = u64;

    fn render(&self, _cx: &Context) -> View {
        Form::text(format!("desk {}", self.total)).action(Action::new("add")).into()
    }

    fn handle(&mut self, event: Event, _cx: &Context) -> Handled<Self> {
        match event.action.as_str() {
            "add" => self.total += 1,
            "call" => return Ok(Next::call(Line { said: 0 }, Self::on_line)),
            _ => return Ok(Next::answer(self.total)),
        }
        Ok(Next::stay())
    }

    #[resume]
    fn on_line(&mut self, said: u64, _cx: &Context) -> Handled<Self> {
        self.total += said;
        Ok(Next::stay())
    }
}

/// Cannot be saved: as long as it is there, the conversation goes on in memory.
pub(crate) struct Line {
    pub(crate) said: u64,
}

#[component(transient)]
impl Component for Line {
    type Answer = u64;

    fn render(&self, _cx: &Context) -> View {
        Form::text(format!("line {}", self.said)).action(Action::new("say")).into()
    }

    fn handle(&mut self, event: Event, _cx: &Context) -> Handled<Self> {
        match event.action.as_str() {
            "say" => self.said += 1,
            "end" => return Ok(Next::end()),
            _ => return Ok(Next::answer(self.said)),
        }
        Ok(Next::stay())
    }
}

// ---- What is called, and what must have become of it ----------------------------------------------------------------

/// Where a conversation is when the call comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    /// There is none.
    Nowhere,
    /// At the desk: `desk 1`.
    Desk,
    /// At the desk, in a record of an earlier version.
    OldDesk,
    /// On a line that the desk has called: `line 1`, over a marked record.
    Line,
    /// On a line that it began with: `line 1`, without a record.
    OnlyLine,
    /// Over, with 1.
    Ended,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    StartDesk,
    StartLine,
    Event(&'static str),
    Answer,
    End,
    Forget,
    Migrate,
    Reap,
    Render,
    Result,
    Pages,
    Shutdown,
    /// A transaction of the host's that is committed, and the runtime hears of it.
    Commit,
    /// The same, and nobody knows whether it was committed.
    Resolve,
}

/// A conversation as a call shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    Open(String),
    Ended(String),
    Gone,
    /// An older state than what was in the memory of another process.
    Superseded,
}

pub(crate) fn at(text: &str) -> Seen {
    Seen::Open(text.to_owned())
}

pub(crate) fn ended(result: &str) -> Seen {
    Seen::Ended(result.to_owned())
}

/// All calls, and what the conversation shows before and after each.
pub(crate) fn calls() -> Vec<(At, Call, Seen, Seen)> {
    use Call::*;
    let (desk, line, over) = (|| at("desk 1"), || at("line 1"), || ended("1"));
    let mut all = vec![
        (At::Nowhere, StartDesk, Seen::Gone, at("desk 0")),
        (At::Nowhere, StartLine, Seen::Gone, at("line 0")),
        (At::Desk, Event("add"), desk(), at("desk 2")),
        (At::Desk, Event("call"), desk(), at("line 0")),
        (At::Desk, Event("done"), desk(), over()),
        (At::Desk, Answer, desk(), ended("7")),
        (At::Desk, End, desk(), Seen::Gone),
        (At::Desk, Reap, desk(), Seen::Gone),
        (At::Desk, Commit, desk(), at("desk 2")),
        (At::Desk, Resolve, desk(), at("desk 2")),
        (At::OldDesk, Migrate, desk(), desk()),
        (At::OldDesk, Event("add"), desk(), at("desk 2")),
        (At::Ended, Forget, over(), Seen::Gone),
        (At::Ended, End, over(), Seen::Gone),
    ];
    for place in [At::Line, At::OnlyLine] {
        let hung_up = if place == At::Line { at("desk 2") } else { over() };
        all.extend([
            (place, Event("say"), line(), at("line 2")),
            (place, Event("hang up"), line(), hung_up),
            (place, Event("end"), line(), ended("null")),
            (place, End, line(), Seen::Gone),
            (place, Reap, line(), line()),
        ]);
    }
    for (place, seen) in [(At::Desk, desk()), (At::Line, line()), (At::OnlyLine, line()), (At::Ended, over())] {
        all.extend([Render, Result, Pages, Shutdown].map(|call| (place, call, seen.clone(), seen.clone())));
    }
    all
}

/// What is called after the dropped call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    Look,
    Again,
    End,
    Shutdown,
}

/// A runtime over a store, and the one conversation in it.
pub(crate) struct Case {
    pub(crate) store: Slow,
    pub(crate) runtime: Runtime,
    pub(crate) now: Arc<AtomicU64>,
    /// What a call that starts a conversation has given, or what there was before.
    pub(crate) id: Mutex<Option<ConversationId>>,
    pub(crate) turn: Turn,
}

pub(crate) fn open(store: &Slow, now: &Arc<AtomicU64>) -> Runtime {
    let now = Arc::clone(now);
    let builder =
        if store.loses_pending_changes { Runtime::builder().lose_pending_changes() } else { Runtime::builder() };
    let builder = builder.clock(move || Timestamp::from_millis(now.load(Ordering::SeqCst)));
    builder.retention(Retention::UntilForgotten).open(store.clone()).expect("it opens")
}

impl Case {
    pub(crate) async fn begin(store: Slow, place: At) -> Self {
        let now = Arc::new(AtomicU64::new(1_000_000));
        store.has_fate.store(0, Ordering::SeqCst);
        let mut runtime = open(&store, &now);
        let id = match place {
            At::Nowhere => None,
            At::OnlyLine => Some(runtime.start(Line { said: 0 }).await.expect("it starts").id),
            At::Desk | At::OldDesk | At::Line | At::Ended => {
                Some(runtime.start(Desk { total: 0 }).await.expect("it starts").id)
            }
        };
        let events: &[_] = match place {
            At::Nowhere => &[],
            At::Desk | At::OldDesk => &["add"],
            At::Line => &["add", "call", "say"],
            At::OnlyLine => &["say"],
            At::Ended => &["add", "done"],
        };
        for event in events {
            let reply = common::send(&runtime, id.expect("it is there"), Event::new(*event)).await;
            assert!(matches!(reply, Ok(Reply::Applied | Reply::Ended { .. })), "{reply:?}");
        }
        if place == At::OldDesk {
            make_old(&store, id.expect("it is there")).await;
            runtime = open(&store, &now);
        }
        let mut turn = "i1.0".parse().expect("a turn");
        if let Some(id) = id
            && let Rendered::Open(instance) = runtime.render(id).await.expect("it is there")
        {
            turn = instance.turn;
        }
        Self { store, runtime, now, id: Mutex::new(id), turn }
    }

    pub(crate) fn id(&self) -> Option<ConversationId> {
        *self.id.lock().expect("no panic")
    }

    /// Makes the call. Gives whether the conversation is acknowledged to be as after it. An answer that is sent again is
    /// repeated, or stale once the conversation has ended.
    pub(crate) async fn call(&self, call: Call) -> Result<bool, Error> {
        let (runtime, id, turn) = (&self.runtime, self.id(), self.turn);
        let id = || id.expect("it is there");
        match call {
            Call::StartDesk | Call::StartLine => {
                let started = match call {
                    Call::StartDesk => runtime.start(Desk { total: 0 }).await?,
                    _ => runtime.start(Line { said: 0 }).await?,
                };
                *self.id.lock().expect("no panic") = Some(started.id);
            }
            Call::Event(event) => {
                let reply = runtime.dispatch(id(), turn, Event::new(event)).await?;
                assert!(!matches!(reply, Reply::Refused { .. }), "{reply:?}");
            }
            Call::Answer => {
                let reply = runtime.answer::<Desk>(id(), turn, 7).await?;
                assert!(!matches!(reply, Reply::Refused { .. }), "{reply:?}");
            }
            Call::End => runtime.end(id()).await?,
            Call::Forget => runtime.forget(id()).await?,
            Call::Migrate => drop(runtime.migrate(id()).await?),
            Call::Reap => {
                self.now.fetch_add(60_000, Ordering::SeqCst);
                return runtime.reap(Duration::from_secs(30)).await.map(|gone| gone.contains(&id()));
            }
            Call::Render => drop(runtime.render(id()).await?),
            Call::Result => drop(runtime.result(id()).await?),
            Call::Pages => {
                drop(runtime.list(&Query::all(), None, 10).await?);
                drop(runtime.count(&Query::all()).await?);
                drop(runtime.scan().await?);
            }
            Call::Shutdown => runtime.shutdown().await,
            Call::Commit | Call::Resolve => match runtime.prepare(id(), turn, Event::new("add")).await? {
                Prepared::Reply(reply) => assert_eq!(reply, Reply::Repeated),
                Prepared::Commit(change) => {
                    // The host's transaction is not asynchronous. What it awaits comes before and after.
                    polls(1).await;
                    let saved = without_tokio(self.store.inner.save(change.record(), change.replaces()));
                    assert!(matches!(saved, WriteOutcome::Applied), "{saved:?}");
                    polls(1).await;
                    match call {
                        Call::Commit => drop(change.committed().await),
                        _ => drop(change.resolve().await?),
                    }
                }
            },
        }
        Ok(true)
    }

    /// What a runtime shows.
    pub(crate) async fn seen(&self, runtime: &Runtime) -> Result<Seen, String> {
        let Some(id) = self.id() else { return Ok(Seen::Gone) };
        let mut seen = None;
        // A change of which nobody knew is asked for again.
        for _ in 0..3 {
            seen = match runtime.render(id).await {
                Ok(Rendered::Open(instance)) => Some(Seen::Open(instance.view.form().expect("a form").text.join(" "))),
                Ok(Rendered::Ended(result)) => Some(Seen::Ended(result)),
                Err(Error { kind: ErrorKind::NotFound, .. }) => Some(Seen::Gone),
                Err(Error { kind: ErrorKind::Unreadable(Reason::SupersededInMemory(_)), .. }) => Some(Seen::Superseded),
                Err(Error { kind: ErrorKind::Store(_), .. }) => continue,
                Err(error) => return Err(format!("it cannot be shown: {error}")),
            };
            break;
        }
        let seen = seen.ok_or("the store does not answer any more")?;
        let result = runtime.result(id).await.ok().flatten();
        match &seen {
            Seen::Ended(shown) if result.as_ref() != Some(shown) => Err(format!("{seen:?}, and its result {result:?}")),
            Seen::Open(_) if result.is_some() => Err(format!("{seen:?}, and its result {result:?}")),
            _ => Ok(seen),
        }
    }

    /// That memory, disk and all views agree, on one of these.
    pub(crate) async fn agree(&self, allowed: &[&Seen]) -> Result<Seen, String> {
        let here = self.seen(&self.runtime).await?;
        if !allowed.contains(&&here) {
            return Err(format!("it is {here:?}, and not one of {allowed:?}"));
        }
        let restarted = open(&self.store, &self.now);
        let there = self.seen(&restarted).await?;
        let is_in_memory = matches!(&here, Seen::Open(text) if text.starts_with("line"));
        let agrees = if is_in_memory { matches!(there, Seen::Superseded | Seen::Gone) } else { here == there };
        if !agrees {
            return Err(format!("in memory it is {here:?}, and stored is {there:?}"));
        }
        let Some(id) = self.id() else { return Ok(here) };
        let failed = |error: Error| error.to_string();
        let page = self.runtime.list(&Query::all(), None, 10_000).await.map_err(failed)?;
        let stored = self.store.load(id).await.map_err(|error| error.to_string())?;
        let listed = page.iter().find(|summary| summary.id == id);
        if listed.map(|summary| summary.revision) != stored.as_ref().map(Record::revision) {
            return Err(format!("{listed:?} is listed, and {stored:?} is stored"));
        }
        let counts = self.runtime.count(&Query::all()).await.map_err(failed)?;
        let counted: u64 = counts.iter().map(|count| count.records).sum();
        if counted != page.len() as u64 {
            return Err(format!("{counted} are counted, and {} are listed", page.len()));
        }
        Ok(here)
    }
}

/// Writes the record as an earlier version would have, under the name that the component had then.
pub(crate) async fn make_old(store: &Slow, id: ConversationId) {
    let record = store.load(id).await.expect("it can be read").expect("it is there");
    let text = String::from_utf8(record.bytes().to_vec()).expect("text");
    let (content, _) = text.rsplit_once(",\"sum\":").expect("a sum");
    let content = content.replace("\"desk\"", "\"old_desk\"");
    let sum = HEXLOWER.encode(&Sha256::digest(&content));
    let old = Record::parse(format!("{content},\"sum\":\"{sum}\"}}\n").into_bytes()).expect("a record");
    assert!(matches!(store.delete(id, record.revision()).await, WriteOutcome::Applied));
    assert!(matches!(store.save(&old, None).await, WriteOutcome::Applied));
}

impl Case {
    /// All that is stored.
    pub(crate) async fn all(&self) -> Result<Vec<ConversationId>, String> {
        let page = self.runtime.list(&Query::all(), None, 10_000).await.map_err(|error| error.to_string())?;
        Ok(page.into_iter().map(|summary| summary.id).collect())
    }

    /// Makes the call until it is known what became of it.
    pub(crate) async fn insist(&self, call: Call) -> Result<(), String> {
        for _ in 0..3 {
            match self.call(call).await {
                Ok(_) => return Ok(()),
                Err(Error { kind: ErrorKind::Store(_), .. }) => {}
                Err(error) => return Err(format!("{call:?} fails: {error}")),
            }
        }
        Err("the store does not answer any more".to_owned())
    }
}
