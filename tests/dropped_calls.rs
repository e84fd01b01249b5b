//! Calls whose future is dropped: by a `select!`, by a server whose client has left, by a timeout of the host.
//!
//! Every public call is dropped after each of its polls, over every store and over an artificially slow one, with
//! conversations that are stored and with some that go on in memory. Then anything else is called, and memory, disk and
//! every view of the conversation must agree: it is as before the call or as after it, whole, and the call sent again makes
//! it as after it, once.

mod common;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use stube::BoxError;
use stube::record::{Reason, Record, Revision};
use stube::runtime::{Prepared, Rendered, Reply, Retention, Runtime};
use stube::store::{BoxFuture, LoadError, Query, Visitor, WriteOutcome};
use stube::{
    Action, Component, Context as Cx, ConversationId, Error, ErrorKind, Event, FileStore, Form, Handled, MemoryStore,
    Next, Store, Timestamp, Turn, View, component,
};

// ---- Conversations ------------------------------------------------------------------------------------------------

/// Counts, and calls a line in between.
#[derive(Debug, Serialize, Deserialize)]
struct Desk {
    total: u64,
}

#[component(was = "old_desk")]
impl Component for Desk {
    type Answer = u64;

    fn render(&self, _cx: &Cx) -> View {
        Form::text(format!("desk {}", self.total)).action(Action::new("add")).into()
    }

    fn handle(&mut self, event: Event, _cx: &Cx) -> Handled<Self> {
        match event.action.as_str() {
            "add" => self.total += 1,
            "call" => return Ok(Next::call(Line { said: 0 }, Self::on_line)),
            _ => return Ok(Next::answer(self.total)),
        }
        Ok(Next::stay())
    }

    #[resume]
    fn on_line(&mut self, said: u64, _cx: &Cx) -> Handled<Self> {
        self.total += said;
        Ok(Next::stay())
    }
}

/// Cannot be saved: as long as it is there, the conversation goes on in memory.
struct Line {
    said: u64,
}

#[component(transient)]
impl Component for Line {
    type Answer = u64;

    fn render(&self, _cx: &Cx) -> View {
        Form::text(format!("line {}", self.said)).action(Action::new("say")).into()
    }

    fn handle(&mut self, event: Event, _cx: &Cx) -> Handled<Self> {
        match event.action.as_str() {
            "say" => self.said += 1,
            "end" => return Ok(Next::end()),
            _ => return Ok(Next::answer(self.said)),
        }
        Ok(Next::stay())
    }
}

// ---- A store that takes its time ----------------------------------------------------------------------------------

/// How a change of the slow store ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Applied,
    NotApplied,
    UnknownButApplied,
    UnknownAndNot,
    /// Unknown, and the load that would tell fails once.
    UnknownForNow,
    /// A lie: applied, and answered as if it were not. No store may do this.
    AppliedAndDenied,
}

/// Any store, of which each call needs so many polls more, and does its work in between.
#[derive(Debug, Clone)]
struct Slow {
    inner: Arc<dyn Store>,
    is_exclusive: bool,
    polls_before: usize,
    polls_after: usize,
    fate: Fate,
    /// Whether the fate applies. It does not while the conversation is made ready, and not after the dropped call.
    has_fate: Arc<AtomicUsize>,
    load_fails: Arc<AtomicUsize>,
}

impl Slow {
    fn fate(&self) -> Fate {
        let has_fate = self.has_fate.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if has_fate.is_ok() { self.fate } else { Fate::Applied }
    }

    async fn change(&self, work: BoxFuture<'_, WriteOutcome>) -> WriteOutcome {
        let fate = self.fate();
        polls(self.polls_before).await;
        let outcome = match fate {
            Fate::NotApplied => WriteOutcome::NotApplied("the disk is full".into()),
            Fate::UnknownAndNot => WriteOutcome::Unknown("the line is cut".into()),
            Fate::Applied => work.await,
            Fate::UnknownButApplied | Fate::UnknownForNow | Fate::AppliedAndDenied => match work.await {
                WriteOutcome::Applied if fate == Fate::AppliedAndDenied => WriteOutcome::NotApplied("no".into()),
                WriteOutcome::Applied => {
                    self.load_fails.store(usize::from(fate == Fate::UnknownForNow), Ordering::SeqCst);
                    WriteOutcome::Unknown("the line is cut".into())
                }
                other => other,
            },
        };
        polls(self.polls_after).await;
        outcome
    }
}

impl Store for Slow {
    fn load_all<'a>(&'a self, each: &'a mut Visitor<'a>) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(async move {
            polls(self.polls_before).await;
            self.inner.load_all(each).await
        })
    }

    fn load(&self, id: ConversationId) -> BoxFuture<'_, Result<Option<Record>, LoadError>> {
        Box::pin(async move {
            polls(self.polls_before).await;
            if self.load_fails.swap(0, Ordering::SeqCst) > 0 {
                return Err(LoadError::Store("the line is cut".into()));
            }
            self.inner.load(id).await
        })
    }

    fn save<'a>(&'a self, record: &'a Record, replaces: Option<Revision>) -> BoxFuture<'a, WriteOutcome> {
        Box::pin(self.change(self.inner.save(record, replaces)))
    }

    fn delete(&self, id: ConversationId, replaces: Revision) -> BoxFuture<'_, WriteOutcome> {
        Box::pin(self.change(self.inner.delete(id, replaces)))
    }

    fn is_exclusive(&self) -> bool {
        self.is_exclusive
    }
}

/// Is ready at the poll after so many.
async fn polls(mut left: usize) {
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// What comes of a future that is dropped after so many polls; `None` if it was.
async fn dropped_after<T>(polls: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut left = polls;
    let mut future = Box::pin(future);
    poll_fn(move |cx| {
        let polled = match left {
            0 => Poll::Pending,
            _ => future.as_mut().poll(cx),
        };
        left = left.saturating_sub(1);
        match polled {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

// ---- What is called, and what must have become of it ----------------------------------------------------------------

/// Where a conversation is when the call comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
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
enum Call {
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
enum Seen {
    Open(String),
    Ended(String),
    Gone,
    /// An older state than what was in the memory of another process.
    Superseded,
}

fn at(text: &str) -> Seen {
    Seen::Open(text.to_owned())
}

fn ended(result: &str) -> Seen {
    Seen::Ended(result.to_owned())
}

/// All calls, and what the conversation shows before and after each.
fn calls() -> Vec<(At, Call, Seen, Seen)> {
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
enum Then {
    Look,
    Again,
    End,
    Shutdown,
}

/// A runtime over a store, and the one conversation in it.
struct Case {
    store: Slow,
    runtime: Runtime,
    now: Arc<AtomicU64>,
    /// What a call that starts a conversation has given, or what there was before.
    id: Mutex<Option<ConversationId>>,
    turn: Turn,
}

fn open(store: &Slow, now: &Arc<AtomicU64>) -> Runtime {
    let now = Arc::clone(now);
    let builder = Runtime::builder().clock(move || Timestamp::from_millis(now.load(Ordering::SeqCst)));
    builder.retention(Retention::UntilForgotten).open(store.clone()).expect("it opens")
}

impl Case {
    async fn begin(store: Slow, place: At) -> Self {
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

    fn id(&self) -> Option<ConversationId> {
        *self.id.lock().expect("no panic")
    }

    /// Makes the call. Gives whether the conversation is acknowledged to be as after it. An answer that is sent again is
    /// repeated, or stale once the conversation has ended.
    async fn call(&self, call: Call) -> Result<bool, Error> {
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
    async fn seen(&self, runtime: &Runtime) -> Result<Seen, String> {
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
    async fn agree(&self, allowed: &[&Seen]) -> Result<Seen, String> {
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
async fn make_old(store: &Slow, id: ConversationId) {
    let record = store.load(id).await.expect("it can be read").expect("it is there");
    let text = String::from_utf8(record.bytes().to_vec()).expect("text");
    let (content, _) = text.rsplit_once(",\"sum\":").expect("a sum");
    let content = content.replace("\"desk\"", "\"old_desk\"");
    let sum = HEXLOWER.encode(&Sha256::digest(&content));
    let old = Record::parse(format!("{content},\"sum\":\"{sum}\"}}\n").into_bytes()).expect("a record");
    assert!(matches!(store.delete(id, record.revision()).await, WriteOutcome::Applied));
    assert!(matches!(store.save(&old, None).await, WriteOutcome::Applied));
}

// ---- Every call, dropped at every poll ----------------------------------------------------------------------------

/// Opens what is in a place again, once nobody has it open any more.
type Reopen = Box<dyn Fn() -> Arc<dyn Store> + Send + Sync>;

/// A place for one conversation, each time a new one.
type Places = dyn Fn() -> (Arc<dyn Store>, Option<Reopen>) + Send + Sync;

/// What is tried.
#[derive(Clone, Copy)]
struct Campaign<'a> {
    places: &'a Places,
    is_exclusive: bool,
    polls_before: usize,
    polls_after: usize,
    fate: Fate,
    /// What is called after the dropped calls.
    then: &'a [Then],
    /// A control: the runtime is replaced after the call, as if it had lost all that is in memory.
    loses_memory: bool,
}

impl<'a> Campaign<'a> {
    fn of(places: &'a Places) -> Self {
        Self { places, is_exclusive: false, polls_before: 0, polls_after: 0, fate: Fate::Applied, loses_memory: false }
    }

    fn slow(polls_before: usize, polls_after: usize) -> Self {
        Self { polls_before, polls_after, ..Self::of(&in_memory) }
    }

    fn store(&self, inner: Arc<dyn Store>) -> Slow {
        let &Self { is_exclusive, polls_before, polls_after, fate, .. } = self;
        Slow {
            inner,
            is_exclusive,
            polls_before,
            polls_after,
            fate,
            has_fate: Arc::default(),
            load_fails: Arc::default(),
        }
    }

    /// Drops each call after each of its polls. Gives how many were dropped, or what went wrong first.
    async fn run(self) -> Result<usize, String> {
        let mut dropped = 0;
        for (place, call, before, after) in calls() {
            for &then in self.then {
                let mut used = None;
                for polls in 0.. {
                    let one = self.one(&mut used, (place, call), polls, then, (&before, &after)).await;
                    let is_dropped = one.map_err(|why| {
                        format!("{call:?} at {place:?}, dropped after {polls} polls, then {then:?}: {why}")
                    })?;
                    if !is_dropped {
                        break;
                    }
                    dropped += 1;
                }
            }
        }
        Ok(dropped)
    }

    /// One call, dropped after so many polls. Gives whether it was, and was not done before. A place is used again unless
    /// it has been closed.
    async fn one(
        &self,
        used: &mut Option<(Arc<dyn Store>, Option<Reopen>)>,
        (place, call): (At, Call),
        polls: usize,
        then: Then,
        (before, after): (&Seen, &Seen),
    ) -> Result<bool, String> {
        let (inner, reopen) = used.take().unwrap_or_else(|| (self.places)());
        let mut case = Case::begin(self.store(Arc::clone(&inner)), place).await;
        let others = case.all().await?;
        case.store.has_fate.store(1, Ordering::SeqCst);
        let done = dropped_after(polls, case.call(call)).await;
        case.store.has_fate.store(0, Ordering::SeqCst);
        if self.loses_memory {
            case.runtime = open(&case.store, &case.now);
        }
        let allowed: &[_] = match &done {
            Some(Ok(true)) => &[after],
            Some(Err(Error { kind: ErrorKind::NotSaved(_), .. })) => &[before],
            Some(Ok(false) | Err(_)) | None => &[before, after],
        };
        let is_dropped = done.is_none();
        if case.id().is_none() {
            // Nobody was told its id.
            case.runtime.shutdown().await;
            let begun = case.all().await?.into_iter().find(|id| !others.contains(id));
            *case.id.lock().expect("no panic") = begun;
            case.agree(&[before, after]).await?;
            *used = Some((inner, reopen));
            return Ok(is_dropped);
        }
        match then {
            _ if call == Call::Shutdown => drop(case.agree(allowed).await?),
            Then::Look => drop(case.agree(allowed).await?),
            Then::Again => {
                case.insist(call).await?;
                // The other one of two that have started is as it is.
                case.agree(&[after]).await?;
            }
            Then::End => {
                case.insist(Call::End).await?;
                case.agree(&[&Seen::Gone]).await?;
            }
            Then::Shutdown => {
                case.runtime.shutdown().await;
                let seen = case.agree(allowed).await?;
                if let Some(reopen) = reopen {
                    drop(inner);
                    case.reopened(self, &reopen, seen).await?;
                    return Ok(is_dropped);
                }
            }
        }
        // What a reaper has begun to delete may go at any time.
        if call != Call::Reap {
            *used = Some((inner, reopen));
        }
        Ok(is_dropped)
    }
}

impl Case {
    /// All that is stored.
    async fn all(&self) -> Result<Vec<ConversationId>, String> {
        let page = self.runtime.list(&Query::all(), None, 10_000).await.map_err(|error| error.to_string())?;
        Ok(page.into_iter().map(|summary| summary.id).collect())
    }

    /// Makes the call until it is known what became of it.
    async fn insist(&self, call: Call) -> Result<(), String> {
        for _ in 0..3 {
            match self.call(call).await {
                Ok(_) => return Ok(()),
                Err(Error { kind: ErrorKind::Store(_), .. }) => {}
                Err(error) => return Err(format!("{call:?} fails: {error}")),
            }
        }
        Err("the store does not answer any more".to_owned())
    }

    /// That another process finds the same.
    async fn reopened(self, campaign: &Campaign<'_>, reopen: &Reopen, seen: Seen) -> Result<(), String> {
        let Self { store, runtime, now, id, turn } = self;
        drop((store, runtime));
        let store = campaign.store(reopen());
        let case = Self { runtime: open(&store, &now), store, now, id, turn };
        let there = case.seen(&case.runtime).await?;
        match seen {
            Seen::Open(text) if text.starts_with("line") && matches!(there, Seen::Superseded | Seen::Gone) => Ok(()),
            seen if seen == there => Ok(()),
            seen => Err(format!("it was {seen:?}, and another process finds {there:?}")),
        }
    }
}

fn in_memory() -> (Arc<dyn Store>, Option<Reopen>) {
    (Arc::new(MemoryStore::new()), None)
}

fn in_files() -> (Arc<dyn Store>, Option<Reopen>) {
    let dir = Arc::new(tempfile::TempDir::new().expect("a directory"));
    let reopen = move || -> Arc<dyn Store> { Arc::new(FileStore::open(dir.path().join("store")).expect("a store")) };
    (reopen(), Some(Box::new(reopen)))
}

#[cfg(feature = "sqlite")]
fn in_sqlite() -> (Arc<dyn Store>, Option<Reopen>) {
    let dir = Arc::new(tempfile::TempDir::new().expect("a directory"));
    let reopen =
        move || -> Arc<dyn Store> { Arc::new(stube::SqliteStore::open(dir.path().join("stube.db")).expect("a store")) };
    (reopen(), Some(Box::new(reopen)))
}

/// Runs a future where no executor of tokio's is.
fn without_tokio<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return value;
        }
        std::thread::park();
    }
}

/// On one thread of tokio's.
fn on_one_thread(campaign: Campaign<'_>) -> Result<usize, String> {
    let executor = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("an executor");
    executor.block_on(campaign.run())
}

/// On two threads of tokio's.
fn on_two_threads(campaign: Campaign<'_>) -> Result<usize, String> {
    let executor = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build();
    executor.expect("an executor").block_on(campaign.run())
}

/// On an executor that is not tokio's.
fn on_another_executor(campaign: Campaign<'_>) -> Result<usize, String> {
    without_tokio(campaign.run())
}

fn everywhere(campaign: Campaign<'_>) -> Result<usize, String> {
    Ok(on_one_thread(campaign)? + on_two_threads(campaign)? + on_another_executor(campaign)?)
}

/// At least so many calls were dropped, and nothing of it went wrong.
#[track_caller]
fn all_is_well(dropped: Result<usize, String>, at_least: usize) {
    let dropped = dropped.unwrap_or_else(|why| panic!("{why}"));
    println!("{dropped} calls were dropped");
    assert!(dropped >= at_least, "only {dropped} calls were dropped");
}

#[test]
fn in_a_store_that_answers_at_once() {
    for is_exclusive in [false, true] {
        all_is_well(everywhere(Campaign { is_exclusive, ..Campaign::slow(0, 0) }), 300);
    }
}

#[test]
fn in_a_store_that_does_its_work_at_any_poll() {
    for (before, after, is_exclusive) in [(1, 0, false), (0, 1, true), (2, 2, false)] {
        all_is_well(everywhere(Campaign { is_exclusive, ..Campaign::slow(before, after) }), 500);
    }
}

#[test]
fn in_a_store_that_fails_or_does_not_know() {
    for fate in [Fate::NotApplied, Fate::UnknownButApplied, Fate::UnknownAndNot, Fate::UnknownForNow] {
        let is_exclusive = fate == Fate::UnknownForNow;
        all_is_well(everywhere(Campaign { fate, is_exclusive, ..Campaign::slow(1, 1) }), 500);
    }
}

#[test]
fn in_files_on_a_disk() {
    let campaign = Campaign { is_exclusive: true, then: &[Then::Again, Then::Shutdown], ..Campaign::of(&in_files) };
    all_is_well(on_one_thread(campaign), 100);
    all_is_well(on_two_threads(campaign), 100);
}

#[cfg(feature = "sqlite")]
#[test]
fn in_a_file_of_sqlite() {
    let campaign = Campaign { then: &[Then::Again, Then::Shutdown], ..Campaign::of(&in_sqlite) };
    all_is_well(on_one_thread(campaign), 100);
    all_is_well(on_another_executor(campaign), 100);
}

// ---- Controls -----------------------------------------------------------------------------------------------------

#[test]
fn a_runtime_that_loses_what_is_in_memory_is_noticed() {
    let why = everywhere(Campaign { loses_memory: true, ..Campaign::slow(1, 1) }).expect_err("a conversation is lost");
    assert!(why.contains("Line"), "{why}");
}

#[test]
fn a_store_that_denies_what_it_has_done_is_noticed() {
    let campaign = Campaign { fate: Fate::AppliedAndDenied, is_exclusive: true, ..Campaign::slow(1, 1) };
    everywhere(campaign).expect_err("memory and disk differ");
}
