//! Load, dispatch, save, acknowledge: the only part that sees both the kernel and a store.
//!
//! Save, then speak. Nothing that follows from a new state leaves this module before the store has said that it is
//! durable; if the store says anything else, the conversation is as it was. One conversation has one writer at a time,
//! and many conversations go on in parallel. Typed state exists while an event is handled and not longer: a parked
//! conversation costs no memory, and a runtime over a million of them answers as soon as it is open. A store that is slow
//! or dead keeps a bounded number of events waiting for a bounded time; all of them are told to try again.
//!
//! What cannot be read is listed with the reason, and left alone: it is never overwritten or deleted, and goes on when
//! a program that can read it opens the store.

mod bounded_map;
mod clock;
pub mod error;
mod in_memory;
mod locks;
mod notify;
mod persist;
mod record_cache;
mod retention;
mod timeout;
mod transaction;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use crate::component::registry;
use crate::component::{AnyComponent, Component};
use crate::kernel::conversation::{Conversation, Instance};
use crate::kernel::{self, Cause, Outcome, Progress, Rejected};
use crate::model::error::Failure;
use crate::model::id::{ConversationId, Owner, Turn};
use crate::model::timestamp::Timestamp;
use crate::model::view::{Event, View};
use crate::record::{Lineage, Reason, Record, RecordStatus, Revision, RevisionNonce, Stored, Unreadable, WriteFor};
use crate::runtime::error::{Error, ErrorKind};
use crate::store::{Count, Invalidation, MemoryStore, Page, Query, Store, Summary, count_all};

use tokio::sync::broadcast;

pub use crate::kernel::{Input, OpenAwait, RenderedInstance};
use bounded_map::BoundedMap;
use clock::Time;
use in_memory::{Checkpoint, InMemory};
use locks::{AtCapacity, Guard, Locks};
pub use notify::Subscription;
use record_cache::RecordCache;
use timeout::with_timeout;
pub use transaction::{PendingCommit, Prepared};

/// Where the runtime gets the time from.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// How long the record of a conversation that has ended is kept, with its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Retention {
    /// It is deleted once the result has been handed to whoever sent the last answer.
    #[default]
    AtOnce,
    /// [`Runtime::reap`] deletes it when it is older than this.
    For(Duration),
    /// It is kept until [`Runtime::forget`].
    UntilForgotten,
}

/// How often an event is run again on a state that somebody else has saved meanwhile.
const CONFLICT_RETRIES: usize = 3;

/// Holds conversations over a store. A cheap handle: clones are the same runtime.
///
/// If the executor is tokio's, its time must be enabled, because nothing is waited for without end.
///
/// ```
/// use stube::{Confirm, Event, MemoryStore, flow, runtime::{Reply, Runtime}};
///
/// #[flow]
/// async fn order_it() -> String {
///     if Confirm::new("Order it?").await { "ordered".into() } else { "not ordered".into() }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), stube::Error> {
/// let runtime = Runtime::open(MemoryStore::new())?;
/// let id = runtime.start(order_it()).await?.id;
/// let questions = runtime.render(id).await?.waiting().expect("it waits for an answer");
/// let reply = runtime.dispatch(id, questions[0].turn, Event::new("yes")).await?;
/// assert_eq!(reply, Reply::Ended { result: "\"ordered\"".into() });
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Runtime {
    inner: Arc<Inner>,
}

struct Inner {
    store: Box<dyn Store>,
    write_for: WriteFor,
    time: Time,
    retention: Retention,
    locks: Locks,
    timeout: Duration,
    /// Those that this process has woken or saved, so that each is woken once.
    awake: Mutex<BoundedMap<()>>,
    /// The last revision that this process has read or saved.
    seen: Mutex<BoundedMap<Revision>>,
    /// Going on in memory, because a component cannot be saved.
    in_memory: Mutex<BTreeMap<ConversationId, InMemory>>,
    record_cache: Mutex<RecordCache>,
    /// Whether nobody else can change what is in the store.
    exclusive: bool,
    /// Told of every change that can be seen.
    changes: broadcast::Sender<Invalidation>,
    poll: Duration,
    shutting_down: AtomicBool,
}

impl Inner {
    /// What others have changed, as the store hears it. Nothing rests on this.
    fn hear(&self, hint: Invalidation) {
        if let Invalidation::Changed(id) = hint {
            // It would be tried on, and the save would find out.
            self.record_cache.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
        }
        // Nobody need listen.
        let _ = self.changes.send(hint);
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime").field("store", &self.inner.store).finish_non_exhaustive()
    }
}

/// Sets up a [`Runtime`].
pub struct Builder {
    write_for: WriteFor,
    time: Time,
    retention: Retention,
    cache_bytes: usize,
    poll: Duration,
    timeout: Duration,
    max_in_flight: usize,
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("retention", &self.retention).finish_non_exhaustive()
    }
}

impl Builder {
    /// Takes the time from here instead of the system. It is believed, also by [`Runtime::reap`].
    #[must_use]
    pub fn clock(mut self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.time = Time::host(Arc::new(clock));
        self
    }

    /// How long an ended conversation is kept. [`Retention::AtOnce`] unless set.
    #[must_use]
    pub const fn retention(mut self, retention: Retention) -> Self {
        self.retention = retention;
        self
    }

    /// Who is to read what is saved. [`WriteFor::ThisRelease`] unless set; [`WriteFor::PreviousRelease`] while processes of the
    /// release before answer the same conversations.
    #[must_use]
    pub const fn write_for(mut self, write_for: WriteFor) -> Self {
        self.write_for = write_for;
        self
    }

    /// How many bytes of records that were used last are kept in memory. If the store is not
    /// [exclusive](Store::is_exclusive), events are tried on these, and the save finds out whether somebody else was
    /// faster; whatever is shown is read. 16 MiB unless set.
    #[must_use]
    pub const fn cache_bytes(mut self, bytes: usize) -> Self {
        self.cache_bytes = bytes;
        self
    }

    /// How often [`Runtime::changes`] tells to look at everything, if others can change what is in the store. 10 seconds
    /// unless set.
    #[must_use]
    pub const fn poll(mut self, every: Duration) -> Self {
        self.poll = every;
        self
    }

    /// How long an event waits for those of the same conversation that came before it, and for each answer of the store.
    /// What waited longer is told to try again: [`ErrorKind::Busy`] if it was not begun, [`ErrorKind::Store`] if nothing
    /// could be read, [`ErrorKind::Unknown`] if it may be saved yet. 30 seconds unless set.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How many events may be under way at most, those included that wait. One more is [`ErrorKind::Busy`] at once. 4,096
    /// unless set, and never less than 1.
    #[must_use]
    pub const fn max_in_flight(mut self, events: usize) -> Self {
        self.max_in_flight = if events == 0 { 1 } else { events };
        self
    }

    /// Opens a runtime that accepts events at once: a conversation is read when somebody asks for it. What the store
    /// holds is told by [`Runtime::scan`].
    ///
    /// # Errors
    ///
    /// Two components have one name on disk.
    pub fn open(self, store: impl Store) -> Result<Runtime, Error> {
        registry::check().map_err(|twice| Error::general(ErrorKind::Registry(twice)))?;
        let Self { write_for, time, retention, cache_bytes, poll, timeout, max_in_flight } = self;
        let inner = Inner {
            exclusive: store.is_exclusive(),
            record_cache: Mutex::new(RecordCache::new(cache_bytes)),
            store: Box::new(store),
            write_for,
            time,
            retention,
            locks: Locks::new(max_in_flight),
            timeout,
            awake: Mutex::default(),
            seen: Mutex::default(),
            in_memory: Mutex::default(),
            changes: broadcast::Sender::new(notify::KEPT),
            poll,
            shutting_down: AtomicBool::new(false),
        };
        let inner = Arc::new(inner);
        let hears: Weak<Inner> = Arc::downgrade(&inner);
        inner.store.subscribe(Box::new(move |hint| {
            hears.upgrade().is_some_and(|inner| {
                inner.hear(hint);
                true
            })
        }));
        Ok(Runtime { inner })
    }
}

/// What there is of a conversation before an event.
#[derive(Clone, Copy)]
enum Before<'a> {
    /// It has not been started.
    Nothing,
    /// This record.
    Saved(&'a Record),
    /// It goes on in memory, over a marked record of this revision, if there is one.
    InMemory(Option<Lineage>),
}

/// What a store holds, as this program sees it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Scan {
    /// The conversations that this program can go on with, and those that have ended, by flow and state.
    pub counts: Vec<Count>,
    /// What it leaves alone, each with the reason.
    pub unreadable: Vec<Unreadable>,
}

impl Scan {
    /// How many conversations are left alone for each reason, the most frequent first.
    pub fn reasons(&self) -> Vec<(String, u64)> {
        let mut counted = BTreeMap::<String, u64>::new();
        for left in &self.unreadable {
            *counted.entry(left.reason.to_string()).or_default() += 1;
        }
        let mut reasons: Vec<_> = counted.into_iter().collect();
        reasons.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        reasons
    }
}

/// A summary for whoever starts the program: a line for each flow and state, and one for each reason.
impl fmt::Display for Scan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total: u64 = self.counts.iter().map(|count| count.records).sum();
        writeln!(f, "{total} conversations, {} more left alone", self.unreadable.len())?;
        for Count { flow, state, records } in &self.counts {
            match state {
                Some(state) => writeln!(f, "  {records:>8}  {flow}, waiting in {state}")?,
                None => writeln!(f, "  {records:>8}  {flow}")?,
            }
        }
        for (reason, count) in self.reasons() {
            writeln!(f, "  {count:>8}  left alone: {reason}")?;
        }
        Ok(())
    }
}

/// A conversation that has been started.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Started {
    /// Its id.
    pub id: ConversationId,
    /// Its result as JSON, if it ended without asking anybody.
    pub result: Option<String>,
}

/// What became of an event that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// It was applied, and the new state is durable. [`Runtime::render`] gives what is asked now.
    Applied,
    /// It was applied, and the conversation has ended. The result is durable, or was until it was handed out here.
    Ended {
        /// The result as JSON; `null` if there is none. [`record::result`](crate::record::result) reads it as a value.
        result: String,
    },
    /// This very answer has been applied before; nothing changed.
    Repeated,
    /// The question is not open any more; nothing changed.
    Stale,
    /// The input does not fit; nothing changed.
    Refused {
        /// The reason, in words for the person who sent it.
        reason: String,
    },
}

/// What a conversation shows.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "it is taken apart where it is made")]
pub enum Rendered {
    /// The tree of what is in front.
    Open(RenderedInstance),
    /// It has ended with this result, as JSON.
    Ended(String),
}

impl Rendered {
    /// What waits for an answer, the outermost first; `None` if the conversation has ended.
    pub fn waiting(self) -> Option<Vec<Question>> {
        match self {
            Self::Open(instance) => {
                let mut questions = Vec::new();
                flatten(instance, &mut questions);
                Some(questions)
            }
            Self::Ended(_) => None,
        }
    }
}

fn flatten(instance: RenderedInstance, questions: &mut Vec<Question>) {
    let RenderedInstance { turn, component, view, slots, .. } = instance;
    questions.push(Question { turn, component, view });
    slots.into_iter().for_each(|(_, child)| flatten(child, questions));
}

/// One instance in front, and what it shows.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Question {
    /// What an answer to it names.
    pub turn: Turn,
    /// The name of its component.
    pub component: String,
    /// What it shows.
    pub view: View,
}

impl Runtime {
    /// Opens a store with the system's clock and [`Retention::AtOnce`].
    ///
    /// # Errors
    ///
    /// See [`Builder::open`].
    pub fn open(store: impl Store) -> Result<Self, Error> {
        Self::builder().open(store)
    }

    /// A runtime whose conversations are gone with the process.
    ///
    /// # Errors
    ///
    /// Two components have one name on disk.
    pub fn in_memory() -> Result<Self, Error> {
        Self::open(MemoryStore::new())
    }

    /// Sets up a runtime.
    pub fn builder() -> Builder {
        Builder {
            write_for: WriteFor::default(),
            time: Time::system(),
            retention: Retention::default(),
            cache_bytes: 16 << 20,
            poll: Duration::from_secs(10),
            timeout: Duration::from_secs(30),
            max_in_flight: 4_096,
        }
    }

    /// Starts a conversation and runs it to its first question. When this returns, it is durable.
    ///
    /// # Errors
    ///
    /// Author code failed, the state cannot be saved, or the store did not save it: then there is no conversation.
    pub async fn start(&self, root: impl Component) -> Result<Started, Error> {
        self.start_boxed(Box::new(root), None).await
    }

    /// The same, for a conversation that belongs to somebody. [`list`](Self::list) finds those of an owner; whether the
    /// owner is who asks is for the host to say.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub async fn start_for(&self, owner: Owner, root: impl Component) -> Result<Started, Error> {
        self.start_boxed(Box::new(root), Some(owner)).await
    }

    #[tracing::instrument(name = "start", level = "debug", skip_all, fields(flow = root.registration().name))]
    async fn start_boxed(&self, root: Box<dyn AnyComponent>, owner: Option<Owner>) -> Result<Started, Error> {
        self.accepting()?;
        let id = new_id()?;
        let _lock = self.enter(id).await?;
        self.accepting()?;
        let outcome = kernel::start(id, root, owner, self.now()).map_err(|rejected| rejected_start(id, rejected))?;
        let result = self.commit(id, None, outcome).await?;
        tracing::info!(conversation = %id, ended = result.is_some(), "started");
        Ok(Started { id, result })
    }

    /// What the conversation shows now. Reading never writes.
    ///
    /// # Errors
    ///
    /// There is no such conversation, it cannot be read, or the author's `render` panicked.
    pub async fn render(&self, id: ConversationId) -> Result<Rendered, Error> {
        let _lock = self.enter(id).await?;
        let now = self.now();
        if let Some(in_memory) = self.take_live(id) {
            let shown = show(&in_memory.conversation, now);
            self.memory_only().insert(id, in_memory);
            return shown.map(Rendered::Open);
        }
        let record = self.load(id).await?;
        match self.decode(&record)? {
            Stored::Ended(ended) => Ok(Rendered::Ended(ended.json)),
            Stored::Conversation(conversation) => {
                // Woken for the eyes only: what it changes is kept when an event is dispatched.
                let conversation = self.wake(id, conversation, now)?;
                show(&conversation, now).map(Rendered::Open)
            }
        }
    }

    /// The result of a conversation that has ended, as JSON; `None` while it goes on.
    ///
    /// # Errors
    ///
    /// There is no such conversation, or it cannot be read.
    pub async fn result(&self, id: ConversationId) -> Result<Option<String>, Error> {
        let _lock = self.enter(id).await?;
        if self.memory_only().contains_key(&id) {
            return Ok(None);
        }
        let record = self.load(id).await?;
        match self.decode(&record)? {
            Stored::Ended(ended) => Ok(Some(ended.json)),
            Stored::Conversation(_) => Ok(None),
        }
    }

    /// Hands an event to the instance that `turn` names. When this returns [`Reply::Applied`], the new state is
    /// durable.
    ///
    /// # Errors
    ///
    /// Author code failed, the new state cannot be saved, or the store did not save it. The conversation is as it was,
    /// except after [`ErrorKind::Unknown`]: then sending the same event again settles whether it was applied, unless
    /// somebody else has answered since.
    pub async fn dispatch(&self, id: ConversationId, turn: Turn, event: Event) -> Result<Reply, Error> {
        self.apply(id, Input::event(turn, event)).await
    }

    /// Answers in place of the component that `turn` names, which must be a `C`.
    ///
    /// # Errors
    ///
    /// As [`dispatch`](Self::dispatch); and the component is no `C`, or the answer cannot be made a second time.
    pub async fn answer<C: Component>(&self, id: ConversationId, turn: Turn, value: C::Answer) -> Result<Reply, Error>
    where
        C::Answer: Clone,
    {
        self.apply(id, Input::answer(turn, value)).await
    }

    /// Applies an input, of which [`dispatch`](Self::dispatch) and [`answer`](Self::answer) are the usual ones.
    ///
    /// # Errors
    ///
    /// As [`dispatch`](Self::dispatch).
    pub async fn apply(&self, id: ConversationId, mut input: Input) -> Result<Reply, Error> {
        self.apply_input(id, &mut input).await
    }

    /// Ends a conversation without a result, and deletes it. If there is none, that is fine.
    ///
    /// # Errors
    ///
    /// The conversation cannot be read, or the store did not delete it.
    #[tracing::instrument(level = "debug", skip_all, fields(conversation = %id))]
    pub async fn end(&self, id: ConversationId) -> Result<(), Error> {
        self.accepting()?;
        let _lock = self.enter(id).await?;
        let now = self.now();
        if let Some(in_memory) = self.take_live(id) {
            stop(id, in_memory.conversation, now)?;
            self.changed(id);
            return match in_memory.lineage {
                Some(lineage) => self.delete(id, lineage.revision()).await,
                None => Ok(()),
            };
        }
        let record = match self.load(id).await {
            Err(Error { kind: ErrorKind::NotFound, .. }) => return Ok(()),
            other => other?,
        };
        if let Stored::Conversation(conversation) = self.decode(&record)? {
            stop(id, conversation, now)?;
        }
        tracing::info!(conversation = %id, revision = record.revision().number(), "ended");
        self.delete(id, record.revision()).await
    }

    /// Writes a conversation of a version before as this program has it: under its present names, with its new locals, or
    /// ended where the author said so. It happens by itself with the next answer; this does it now, so that what was
    /// written for that version may be deleted from the code. Gives what the record was; one that is as it should be is
    /// not written.
    ///
    /// # Errors
    ///
    /// There is no such conversation, it is left alone, author code fails where a flow begins in place of it, or the
    /// store did not save it. The record is as it was.
    pub async fn migrate(&self, id: ConversationId) -> Result<RecordStatus, Error> {
        self.accepting()?;
        let _lock = self.enter(id).await?;
        let record = self.load(id).await?;
        let (stored, status) = self.decode_record(&record)?;
        let Stored::Conversation(conversation) = stored else { return Ok(status) };
        if status == RecordStatus::Current {
            return Ok(status);
        }
        let progress = match conversation.is_upgraded() {
            true => Progress::Waits(conversation),
            false => {
                let upgraded = kernel::apply_upgrades(conversation, self.now());
                upgraded.map_err(|rejected| rejected_start(id, rejected))?.progress
            }
        };
        let written = self.encode(&progress, Some(record.lineage()))?;
        self.save(written, Some(record.revision())).await?;
        Ok(status)
    }

    /// Deletes the record of a conversation that has ended. If there is none, that is fine.
    ///
    /// # Errors
    ///
    /// The conversation goes on, cannot be read, or the store did not delete it.
    pub async fn forget(&self, id: ConversationId) -> Result<(), Error> {
        let _lock = self.enter(id).await?;
        let record = match self.load(id).await {
            Err(Error { kind: ErrorKind::NotFound, .. }) => return Ok(()),
            other => other?,
        };
        if !record.has_ended() {
            return Err(Error::new(id, ErrorKind::GoesOn));
        }
        self.delete(id, record.revision()).await
    }

    /// A page of what is saved and matches: at most `limit` conversations with the lowest ids after `after`. What goes on
    /// in memory only, because a component cannot be saved, is not among them. Those that this program cannot go on with
    /// are, as long as their headers can be read.
    ///
    /// # Errors
    ///
    /// The store could not be read.
    pub async fn list(&self, query: &Query, after: Option<ConversationId>, limit: usize) -> Result<Page, Error> {
        self.inner.store.list(query, after, limit).await.map_err(|error| Error::general(ErrorKind::Store(error)))
    }

    /// How many saved conversations match, by flow and state.
    ///
    /// # Errors
    ///
    /// The store could not be read.
    pub async fn count(&self, query: &Query) -> Result<Vec<Count>, Error> {
        self.inner.store.count(query).await.map_err(|error| Error::general(ErrorKind::Store(error)))
    }

    /// Reads every record once, and says which of them this program can go on with. For the start of a program, or
    /// beside its work.
    ///
    /// # Errors
    ///
    /// The store itself cannot be read. A record that cannot be read is no error.
    pub async fn scan(&self) -> Result<Scan, Error> {
        let mut unreadable = Vec::new();
        let mut readable = |entry: Result<Record, Unreadable>| {
            let found = entry.and_then(|record| match record.decode() {
                Ok(_) => Ok(Summary::of(&record)),
                Err(reason) => Err(Unreadable { id: Some(record.id()), entry: record.id().to_string(), reason }),
            });
            found.map_err(|left| unreadable.push(left)).ok()
        };
        let counts = count_all(&*self.inner.store, &mut readable).await;
        let counts = counts.map_err(|error| Error::general(ErrorKind::Store(error)))?;
        let scan = Scan { counts, unreadable };
        for left in &scan.unreadable {
            tracing::debug!(entry = %left.entry, reason = %left.reason, "left a record alone");
        }
        for (reason, records) in scan.reasons() {
            tracing::warn!(records, reason, "left alone");
        }
        for Count { flow, state, records } in &scan.counts {
            tracing::info!(records, flow, state, "parked");
        }
        let conversations: u64 = scan.counts.iter().map(|count| count.records).sum();
        tracing::info!(conversations, unreadable = scan.unreadable.len(), "read the store");
        Ok(scan)
    }

    /// Refuses new work, and waits until what has begun is saved. The conversations stay parked. Calling it again
    /// changes nothing.
    pub async fn shutdown(&self) {
        self.inner.shutting_down.store(true, Ordering::SeqCst);
        self.inner.locks.drained().await;
    }

    // ---- One event ------------------------------------------------------------------------------------------------

    #[tracing::instrument(name = "dispatch", level = "debug", skip_all, fields(conversation = %id))]
    async fn apply_input(&self, id: ConversationId, input: &mut Input) -> Result<Reply, Error> {
        self.accepting()?;
        let _lock = self.enter(id).await?;
        self.accepting()?;
        if let Some(in_memory) = self.take_live(id) {
            return self.apply_live(id, in_memory, input).await;
        }
        if let Some(record) = self.optimistic_read(id) {
            match self.apply_to(id, &record, input).await {
                // The store has compared, or has failed.
                done @ Ok(Reply::Applied | Reply::Ended { .. }) => return done,
                failed @ Err(Error { kind: ErrorKind::NotSaved(_) | ErrorKind::Unknown(_), .. }) => return failed,
                // Perhaps only because somebody else has changed it since.
                Ok(Reply::Repeated | Reply::Stale | Reply::Refused { .. }) | Err(_) => {
                    drop(self.record_cache().remove(id))
                }
            }
        }
        for _ in 0..CONFLICT_RETRIES {
            let record = self.load(id).await?;
            match self.apply_to(id, &record, input).await {
                // The kernel has no side effects, so the event may be run again on what somebody else saved.
                Err(Error { kind: ErrorKind::Conflict, .. }) => {}
                done => return done,
            }
        }
        Err(Error::new(id, ErrorKind::Conflict))
    }

    /// One event of the conversation that this record holds.
    async fn apply_to(&self, id: ConversationId, record: &Record, input: &mut Input) -> Result<Reply, Error> {
        let outcome = match self.step(id, record, input)? {
            Stepped::Outcome(outcome) => outcome,
            Stepped::Reply(reply) => return Ok(reply),
        };
        let result = self.commit(id, Some(record), outcome).await?;
        Ok(self.acknowledge(id, result))
    }

    /// What an event makes of the conversation that this record holds.
    fn step(&self, id: ConversationId, record: &Record, input: &mut Input) -> Result<Stepped, Error> {
        let conversation = match self.decode(record)? {
            Stored::Conversation(conversation) => conversation,
            Stored::Ended(ended) => {
                let cause = kernel::apply_to_ended(&ended.receipts, input);
                return reply_to(id, cause).map(Stepped::Reply);
            }
        };
        let now = self.now();
        let conversation = self.wake(id, conversation, now)?;
        match kernel::apply(conversation, input.clone(), now) {
            Ok(outcome) => Ok(Stepped::Outcome(outcome)),
            Err(rejected) => reply_to(id, rejected.cause).map(Stepped::Reply),
        }
    }

    /// What was saved or read last of a conversation in a store that others may change too: good enough to try an event
    /// on, because the save compares revisions, and for nothing else.
    fn optimistic_read(&self, id: ConversationId) -> Option<Arc<Record>> {
        if self.inner.exclusive { None } else { self.record_cache().get(id) }
    }

    /// One event of a conversation that is in memory only.
    async fn apply_live(&self, id: ConversationId, in_memory: InMemory, input: &mut Input) -> Result<Reply, Error> {
        let InMemory { conversation, lineage } = in_memory;
        let checkpoint = match Checkpoint::take(&conversation) {
            Ok(checkpoint) => checkpoint,
            Err(error) => {
                self.memory_only().insert(id, InMemory { conversation, lineage });
                return Err(Error::new(id, ErrorKind::NotSavable(error)));
            }
        };
        match kernel::apply(conversation, input.clone(), self.now()) {
            Ok(outcome) => match self.commit_over(id, Before::InMemory(lineage), outcome).await {
                Ok(result) => Ok(self.acknowledge(id, result)),
                Err((error, outcome)) => {
                    self.restore(id, checkpoint, outcome.into_leftovers(), lineage)?;
                    Err(error)
                }
            },
            Err(rejected) => {
                self.restore(id, checkpoint, rejected.leftovers, lineage)?;
                reply_to(id, rejected.cause)
            }
        }
    }

    /// Puts a conversation back as it was before an event.
    fn restore(
        &self,
        id: ConversationId,
        checkpoint: Checkpoint,
        leftovers: Vec<Instance>,
        lineage: Option<Lineage>,
    ) -> Result<(), Error> {
        let restored = checkpoint.restore(leftovers);
        let conversation = restored.map_err(|reason| Error::new(id, ErrorKind::Unreadable(reason)))?;
        self.memory_only().insert(id, InMemory { conversation, lineage });
        Ok(())
    }

    fn acknowledge(&self, id: ConversationId, result: Option<String>) -> Reply {
        match result {
            None => Reply::Applied,
            Some(result) => {
                tracing::info!(conversation = %id, "ended");
                Reply::Ended { result }
            }
        }
    }

    /// Makes an outcome durable. Gives the result if the conversation has ended.
    async fn commit(
        &self,
        id: ConversationId,
        before: Option<&Record>,
        outcome: Outcome,
    ) -> Result<Option<String>, Error> {
        let before = before.map_or(Before::Nothing, Before::Saved);
        self.commit_over(id, before, outcome).await.map_err(|(error, _)| error)
    }

    /// The same over what was there before. Gives the outcome back if it did not become durable.
    async fn commit_over(
        &self,
        id: ConversationId,
        before: Before<'_>,
        outcome: Outcome,
    ) -> Result<Option<String>, (Error, Progress)> {
        let lineage = match before {
            Before::Nothing => None,
            Before::Saved(record) => Some(record.lineage()),
            Before::InMemory(lineage) => lineage,
        };
        let replaces = lineage.map(|lineage| lineage.revision());
        match outcome.progress {
            Progress::Waits(conversation) => match conversation.transient() {
                Some(component) => {
                    let superseded = match self.supersede(id, before, component).await {
                        Ok(superseded) => superseded.or(lineage),
                        Err(error) => return Err((error, Progress::Waits(conversation))),
                    };
                    self.awake().insert(id, ());
                    self.memory_only().insert(id, InMemory { conversation, lineage: superseded });
                    self.changed(id);
                    Ok(None)
                }
                None => {
                    let progress = Progress::Waits(conversation);
                    let saved = match self.encode(&progress, lineage) {
                        Ok(record) => self.save(record, replaces).await,
                        Err(error) => Err(error),
                    };
                    saved.map(|()| None).map_err(|error| (error, progress))
                }
            },
            Progress::Ended(ended) => {
                // Encoded here: an answer may not be shared between threads, and the future may move to another one.
                let progress = Progress::Ended(ended);
                let committed = match self.encode(&progress, lineage) {
                    Ok(record) => self.commit_ended(id, replaces, record).await,
                    Err(error) => Err(error),
                };
                committed.map(Some).map_err(|error| (error, progress))
            }
        }
    }

    /// The record of a state, as the successor of `before`.
    fn encode(&self, progress: &Progress, before: Option<Lineage>) -> Result<Record, Error> {
        let id = match progress {
            Progress::Waits(conversation) => conversation.id,
            Progress::Ended(ended) => ended.id,
        };
        let nonce = new_nonce()?;
        let lineage = before.map_or_else(|| Lineage::first(nonce), |before| before.next(nonce));
        Record::encode_for(self.inner.write_for, progress, lineage)
            .map_err(|error| Error::new(id, ErrorKind::NotSavable(error)))
    }

    async fn commit_ended(
        &self,
        id: ConversationId,
        replaces: Option<Revision>,
        record: Record,
    ) -> Result<String, Error> {
        let next = record.revision();
        // The result is durable before anybody hears of it, and before anything is deleted.
        let Ok(Stored::Ended(ended)) = record.decode() else {
            unreachable!("BUG: the record of an ended conversation holds its result");
        };
        self.save(record, replaces).await?;
        self.delete_ended(id, next).await;
        Ok(ended.json)
    }

    /// Deletes the record of a conversation whose result has been saved, unless it is to be kept.
    async fn delete_ended(&self, id: ConversationId, revision: Revision) {
        if self.inner.retention == Retention::AtOnce
            && let Err(error) = self.delete(id, revision).await
        {
            // It has ended all the same; the reaper will find it.
            tracing::warn!(conversation = %id, %error, "could not delete an ended conversation");
        }
    }

    /// Marks the last durable record, once, when a conversation goes on in memory only.
    async fn supersede(
        &self,
        id: ConversationId,
        before: Before<'_>,
        component: &str,
    ) -> Result<Option<Lineage>, Error> {
        if let Before::InMemory(_) = before {
            return Ok(None);
        }
        tracing::warn!(
            conversation = %id,
            component,
            "not saved: the component is transient, and the conversation goes on in memory until it is gone"
        );
        let Before::Saved(before) = before else { return Ok(None) };
        let marked = before.superseded_in_memory(component, new_nonce()?);
        let marked = marked.map_err(|error| Error::new(id, ErrorKind::NotSavable(error)))?;
        let lineage = marked.lineage();
        self.save(marked, Some(before.revision())).await?;
        Ok(Some(lineage))
    }

    fn decode_record(&self, record: &Record) -> Result<(Stored, RecordStatus), Error> {
        record.decode_with_status().map_err(|reason| {
            if let Reason::SupersededInMemory(_) = reason {
                tracing::debug!(conversation = %record.id(), "an older state is not served");
            }
            Error::new(record.id(), ErrorKind::Unreadable(reason))
        })
    }

    fn decode(&self, record: &Record) -> Result<Stored, Error> {
        let id = record.id();
        match self.decode_record(record)?.0 {
            Stored::Conversation(conversation) if !conversation.is_upgraded() => {
                let upgraded = kernel::apply_upgrades(conversation, self.now());
                match upgraded.map_err(|rejected| rejected_start(id, rejected))?.progress {
                    Progress::Waits(conversation) => Ok(Stored::Conversation(conversation)),
                    ended @ Progress::Ended(_) => {
                        let record = self.encode(&ended, Some(record.lineage()))?;
                        self.decode(&record)
                    }
                }
            }
            stored => Ok(stored),
        }
    }

    /// Wakes a conversation that an earlier process has saved.
    fn wake(&self, id: ConversationId, conversation: Conversation, now: Timestamp) -> Result<Conversation, Error> {
        if self.awake().get(id).is_some() {
            return Ok(conversation);
        }
        kernel::wakeup(conversation, now).map_err(|rejected| rejected_start(id, rejected))
    }

    fn take_live(&self, id: ConversationId) -> Option<InMemory> {
        self.memory_only().remove(&id)
    }

    /// Lets somebody work on a conversation, once nobody else does.
    async fn enter(&self, id: ConversationId) -> Result<Guard<'_>, Error> {
        match with_timeout(self.inner.timeout, self.inner.locks.lock(id)).await {
            Some(Ok(guard)) => Ok(guard),
            Some(Err(AtCapacity)) | None => Err(Error::new(id, ErrorKind::Busy)),
        }
    }

    fn accepting(&self) -> Result<(), Error> {
        if self.inner.shutting_down.load(Ordering::SeqCst) {
            return Err(Error::general(ErrorKind::ShuttingDown));
        }
        Ok(())
    }

    fn now(&self) -> Timestamp {
        self.inner.time.now()
    }

    fn record_cache(&self) -> MutexGuard<'_, RecordCache> {
        self.inner.record_cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn awake(&self) -> MutexGuard<'_, BoundedMap<()>> {
        self.inner.awake.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seen(&self) -> MutexGuard<'_, BoundedMap<Revision>> {
        self.inner.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn memory_only(&self) -> MutexGuard<'_, BTreeMap<ConversationId, InMemory>> {
        // No author code runs under this lock.
        self.inner.in_memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an event came to, before anything is saved.
enum Stepped {
    Outcome(Outcome),
    /// Nothing changes.
    Reply(Reply),
}

fn show(conversation: &Conversation, now: Timestamp) -> Result<RenderedInstance, Error> {
    kernel::render(conversation, now).map_err(|cause| failed(conversation.id(), cause))
}

fn reply_to(id: ConversationId, cause: Cause) -> Result<Reply, Error> {
    match cause {
        Cause::Repeated => Ok(Reply::Repeated),
        Cause::Stale => Ok(Reply::Stale),
        Cause::Refused(refusal) => Ok(Reply::Refused { reason: refusal.to_string() }),
        cause @ (Cause::WrongType { .. } | Cause::Failed { .. }) => Err(failed(id, cause)),
    }
}

fn rejected_start(id: ConversationId, rejected: Rejected) -> Error {
    failed(id, rejected.cause)
}

fn failed(id: ConversationId, cause: Cause) -> Error {
    let (component, instance, failure) = match cause {
        Cause::Failed { component, instance, failure } => {
            tracing::warn!(conversation = %id, %instance, component, "author code failed");
            (component, Some(instance), failure)
        }
        Cause::WrongType { component } => {
            (component, None, Failure::message("it does not answer with a value of this type"))
        }
        Cause::Refused(refusal) => ("?", None, Failure::Refused(refusal)),
        Cause::Repeated | Cause::Stale => ("?", None, Failure::message("the question is not open any more")),
    };
    Error::new(id, ErrorKind::Failed { component: component.to_owned(), instance, failure })
}

/// Runs the `stop` hooks of a conversation that ends.
fn stop(id: ConversationId, conversation: Conversation, now: Timestamp) -> Result<(), Error> {
    let stopped = kernel::apply(conversation, Input::end(), now);
    stopped.map(|_| ()).map_err(|rejected| rejected_start(id, rejected))
}

/// The random part of a new revision.
#[allow(clippy::disallowed_methods, reason = "nonces are drawn at random")]
pub(crate) fn new_nonce() -> Result<RevisionNonce, Error> {
    let mut bits = [0; 5];
    let drawn = getrandom::fill(&mut bits);
    drawn.map_err(|error| Error::general(ErrorKind::Store(error.to_string().into())))?;
    Ok(RevisionNonce::from_bits(bits))
}

#[allow(clippy::disallowed_methods, reason = "ids are drawn at random")]
pub(crate) fn new_id() -> Result<ConversationId, Error> {
    let mut bits = [0; 16];
    let drawn = getrandom::fill(&mut bits);
    drawn.map_err(|error| Error::general(ErrorKind::Store(error.to_string().into())))?;
    Ok(ConversationId::from_bits(bits))
}
