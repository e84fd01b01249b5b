//! The runtime: loads a conversation, runs one event on it, saves it, and replies.
//!
//! Save, then speak. A call returns only after the store has said that the new state is durable; if the store says anything
//! else, the conversation is as it was. One conversation has one writer at a time, and many conversations go on in
//! parallel. A runtime over a million of them accepts events as soon as it is open: memory holds what was used last, up to
//! the size of the cache, and nothing of the others. Every call has a timeout, and at most `max_in_flight` calls run or
//! wait at once; beyond that a call fails at once and can be retried.
//!
//! A call whose future is dropped, at any point, leaves memory and store agreeing: the change that it has begun is made or
//! not made, and the next call of that conversation finds out before it does anything else.
//!
//! A record that cannot be read is listed with the reason and left alone: it is never overwritten or deleted, and goes on
//! when a program that can read it opens the store.
//!
//! | Module | Holds |
//! |---|---|
//! | `handle` | the type [`Runtime`] |
//! | `entries` | the table of conversations: lock, what is known, what is in memory |
//! | `access` | exclusive access to one conversation: load, commit, finish what was left |
//! | `dispatch` | what a call makes of a conversation: plan, then commit |
//! | `change` | a change as a value, with the states before and after it |
//! | `persistence` | what is asked of the store |
//! | `shared_future` | a future that its callers may leave |
//! | `transaction` | changes that a transaction of the host makes durable |
//! | `retention`, `reaper` | how long an ended record is kept, and the sweep that deletes it |
//! | `nonces` | the random parts of revisions |
//! | `error` | what the runtime could not do |
//! | `notify`, `clock`, `timeout` | subscribers, the time, and how long to wait |

mod access;
mod builder;
mod change;
mod clock;
mod dispatch;
mod entries;
pub mod error;
mod handle;
mod nonces;
mod notify;
mod persistence;
mod reaper;
mod reply;
mod retention;
mod shared_future;
mod timeout;
mod transaction;

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::component::{AnyComponent, Component};
use crate::model::error::BoxError;
use crate::model::id::{ConversationId, Owner, Turn};
use crate::model::view::Event;
use crate::record::{Record, RecordStatus, Unreadable};
use crate::runtime::error::{Error, ErrorKind};
use crate::store::{Count, MemoryStore, Page, Query, Store, Summary, count_all};

pub use crate::kernel::{Input, OpenAwait, RenderedInstance};
pub use builder::Builder;
pub use handle::Runtime;
pub use notify::Subscription;
pub use reply::{Question, Rendered, Reply, Scan, Started};
pub use retention::Retention;
pub use transaction::{PendingCommit, Prepared};

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
        Builder::default()
    }

    // ---- One conversation -----------------------------------------------------------------------------------------

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

    #[tracing::instrument(name = "start", level = "debug", skip_all, fields(flow = root.descriptor().name))]
    async fn start_boxed(&self, root: Box<dyn AnyComponent>, owner: Option<Owner>) -> Result<Started, Error> {
        let mut access = self.core.enter_to_change(new_id()?).await?;
        dispatch::start(&mut access, root, owner).await
    }

    /// What the conversation shows now. Reading never writes.
    ///
    /// # Errors
    ///
    /// There is no such conversation, it cannot be read, or the author's `render` panicked.
    pub async fn render(&self, id: ConversationId) -> Result<Rendered, Error> {
        dispatch::render(&mut self.core.enter(id).await?).await
    }

    /// The result of a conversation that has ended, as JSON; `None` while it goes on.
    ///
    /// # Errors
    ///
    /// There is no such conversation, or it cannot be read.
    pub async fn result(&self, id: ConversationId) -> Result<Option<String>, Error> {
        dispatch::result(&mut self.core.enter(id).await?).await
    }

    /// Hands an event to the instance that `turn` names. When this returns [`Reply::Applied`], the new state is durable.
    ///
    /// # Errors
    ///
    /// Author code failed, the new state cannot be saved, or the store did not save it. The conversation is as it was,
    /// except after [`ErrorKind::Unknown`]: then sending the same event again finds out whether it was applied, unless
    /// another process has answered since.
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
    #[tracing::instrument(name = "dispatch", level = "debug", skip_all, fields(conversation = %id))]
    pub async fn apply(&self, id: ConversationId, input: Input) -> Result<Reply, Error> {
        dispatch::dispatch(&mut self.core.enter_to_change(id).await?, input).await
    }

    /// Ends a conversation without a result, and deletes it. If there is none, that is fine.
    ///
    /// # Errors
    ///
    /// The conversation cannot be read, or the store did not delete it: then it goes on.
    #[tracing::instrument(level = "debug", skip_all, fields(conversation = %id))]
    pub async fn end(&self, id: ConversationId) -> Result<(), Error> {
        dispatch::end(&mut self.core.enter_to_change(id).await?).await
    }

    /// Writes a record of an earlier version as this program writes it: under the present names, with the new locals, or
    /// ended where the author said so. The next answer does that anyway; this does it now, so that the code that was
    /// written for that version can be deleted. Gives the status that the record had; a current one is not written.
    ///
    /// # Errors
    ///
    /// There is no such conversation, it is left alone, author code fails where a flow begins in place of it, or the
    /// store did not save it. The record is as it was.
    pub async fn migrate(&self, id: ConversationId) -> Result<RecordStatus, Error> {
        dispatch::migrate(&mut self.core.enter_to_change(id).await?).await
    }

    /// Deletes the record of a conversation that has ended. If there is none, that is fine.
    ///
    /// # Errors
    ///
    /// The conversation goes on, cannot be read, or the store did not delete it.
    pub async fn forget(&self, id: ConversationId) -> Result<(), Error> {
        dispatch::forget(&mut self.core.enter(id).await?).await
    }

    // ---- With a transaction of the host ---------------------------------------------------------------------------

    /// Works out what [`dispatch`](Self::dispatch) would save, for a transaction of the host to carry. So a row of the
    /// host's and the conversation change together, exactly once, or neither does.
    ///
    /// Prepare first and begin the transaction then: one that is open keeps every other save of the file waiting.
    ///
    /// ```standalone_crate
    /// # #[cfg(feature = "sqlite")] {
    /// # let scratch = tempfile::tempdir()?;
    /// # let path = scratch.path().join("shop.db");
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn run(path: std::path::PathBuf) -> Result<(), stube::BoxError> {
    /// # use stube::{Confirm, flow};
    /// # #[flow]
    /// # async fn buy() -> bool { Confirm::new("Order it?").await }
    /// use stube::runtime::Prepared;
    /// use stube::store::sqlite::rusqlite::TransactionBehavior::Immediate;
    /// use stube::{Event, Runtime, SqliteStore};
    ///
    /// let store = SqliteStore::open(&path)?;
    /// let runtime = Runtime::open(store.clone())?;
    /// let mut shop = store.connect()?;
    /// shop.execute_batch("CREATE TABLE shop_order (conversation TEXT PRIMARY KEY)")?;
    /// # let id = runtime.start(buy()).await?.id;
    /// # let turn = runtime.render(id).await?.waiting().expect("it waits")[0].turn;
    ///
    /// if let Prepared::Commit(change) = runtime.prepare(id, turn, Event::new("yes")).await? {
    ///     let transaction = shop.transaction_with_behavior(Immediate)?;
    ///     transaction.execute("INSERT INTO shop_order VALUES (?1)", [id.to_string()])?;
    ///     store.save_in(&transaction, change.record(), change.replaces())?;
    ///     match transaction.commit() {
    ///         Ok(()) => change.committed().await,
    ///         // It may have been committed all the same.
    ///         Err(_) => {
    ///             store.resolve().await?;
    ///             change.resolve().await?
    ///         }
    ///     };
    /// }
    /// # assert_eq!(shop.query_row("SELECT count(*) FROM shop_order", [], |row| row.get::<_, i64>(0))?, 1);
    /// # Ok(())
    /// # }
    /// # run(path)?;
    /// # }
    /// # Ok::<(), stube::BoxError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`dispatch`](Self::dispatch), but for the save; and the conversation goes on in memory only, because a
    /// component cannot be saved.
    pub async fn prepare(&self, id: ConversationId, turn: Turn, event: Event) -> Result<Prepared<'_>, Error> {
        let access = self.core.enter_to_change(id).await?;
        transaction::prepare(access, Input::event(turn, event)).await
    }

    /// Works out what [`start`](Self::start) or, if there is an owner, [`start_for`](Self::start_for) would save, for a
    /// transaction of the host to carry.
    ///
    /// # Errors
    ///
    /// Author code failed, or the state cannot be saved.
    pub async fn prepare_start(&self, owner: Option<Owner>, root: impl Component) -> Result<PendingCommit<'_>, Error> {
        let mut access = self.core.enter_to_change(new_id()?).await?;
        let change = dispatch::plan_start(&mut access, Box::new(root), owner)?;
        PendingCommit::new(access, change)
    }

    // ---- All conversations ----------------------------------------------------------------------------------------

    /// A page of what is saved and matches: at most `limit` conversations with the lowest ids after `after`. What goes on
    /// in memory only, because a component cannot be saved, is not among them. Those that this program cannot go on with
    /// are, as long as their headers can be read.
    ///
    /// # Errors
    ///
    /// The store could not be read.
    pub async fn list(&self, query: &Query, after: Option<ConversationId>, limit: usize) -> Result<Page, Error> {
        self.core.persistence.store.list(query, after, limit).await.map_err(not_read)
    }

    /// How many saved conversations match, by flow and state.
    ///
    /// # Errors
    ///
    /// The store could not be read.
    pub async fn count(&self, query: &Query) -> Result<Vec<Count>, Error> {
        self.core.persistence.store.count(query).await.map_err(not_read)
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
        let counts = count_all(&*self.core.persistence.store, &mut readable).await.map_err(not_read)?;
        let scan = Scan { counts, unreadable };
        scan.log();
        Ok(scan)
    }

    /// Ends the conversations that were not changed for `idle`, and deletes the records of ended ones that are not kept any
    /// longer. Gives the ids of those that are gone. One that is answered meanwhile, by this process or another one, is
    /// left alone, and so is one that goes on in memory only.
    ///
    /// The age of a record comes from the clock of the [store](crate::Store::older_than), if it has one: then the clocks of
    /// the processes do not matter. Otherwise it comes from the clock of this process. If that is the system's and is set
    /// while the program runs, nothing is deleted because of that: what this process has saved never looks older to it than
    /// it is. For the records of an earlier process it relies on the clock as it was when this process began.
    ///
    /// # Errors
    ///
    /// The runtime is shutting down, or the store cannot be read. A conversation that the store did not delete is left
    /// for the next time.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn reap(&self, idle: Duration) -> Result<Vec<ConversationId>, Error> {
        self.core.accepts()?;
        reaper::reap(&self.core, idle).await
    }

    /// Notifies from now on of conversations that may have changed, in this process and, as far as the store
    /// [hears](crate::store::Store::subscribe) of them, in others. If other processes can change the store,
    /// [`Invalidation::Anything`](crate::store::Invalidation::Anything) comes at a fixed [interval](Builder::poll) too: only that can be relied on, and the other
    /// notifications are faster.
    ///
    /// ```standalone_crate
    /// use stube::runtime::Runtime;
    /// use stube::{Confirm, store::Invalidation};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), stube::Error> {
    /// let runtime = Runtime::in_memory()?;
    /// let mut changes = runtime.subscribe();
    /// let id = runtime.start(Confirm::new("Order it?")).await?.id;
    /// assert_eq!(changes.next().await, Some(Invalidation::Changed(id)));
    /// # Ok(())
    /// # }
    /// ```
    pub fn subscribe(&self) -> Subscription {
        self.core.notifier.subscribe()
    }

    /// Refuses new work and waits until what has begun is saved, also what dropped calls have left; for that, at most as
    /// long as the [timeout](Builder::timeout). The conversations stay parked. Calling it again changes nothing.
    pub async fn shutdown(&self) {
        self.core.is_shutting_down.store(true, Ordering::SeqCst);
        self.core.finish_all().await;
    }
}

fn not_read(error: BoxError) -> Error {
    Error::general(ErrorKind::Store(error))
}

/// The random part of a revision, for tools that write records without a runtime.
pub(crate) fn new_nonce() -> Result<crate::record::RevisionNonce, Error> {
    nonces::Nonces::default().draw().map_err(Error::general)
}

#[allow(clippy::disallowed_methods, reason = "ids are drawn at random")]
pub(crate) fn new_id() -> Result<ConversationId, Error> {
    let mut bits = [0; 16];
    let drawn = getrandom::fill(&mut bits);
    drawn.map_err(|error| Error::general(ErrorKind::Store(error.to_string().into())))?;
    Ok(ConversationId::from_bits(bits))
}
