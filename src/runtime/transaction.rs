//! A change that is worked out here and made durable by somebody else: by a transaction of the host's, together with
//! whatever else is in it.
//!
//! [`Runtime::prepare`] runs the author's code and encodes, and saves nothing. The host puts the record into its own
//! transaction, which a store offers, commits, and then says so.

use crate::component::Component;
use crate::kernel::{self, Input, Outcome, Progress};
use crate::model::id::{ConversationId, Owner, Turn};
use crate::model::view::Event;
use crate::record::{Lineage, Record, Revision, Stored};
use crate::runtime::error::{Error, ErrorKind};
use crate::runtime::locks::Guard;
use crate::runtime::persist::settled;
use crate::runtime::{Reply, Runtime, Stepped, new_id, rejected_start};

/// What an event came to, before anything is saved.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "it is taken apart where it is made")]
pub enum Prepared<'a> {
    /// The conversation changes, once the record is committed.
    Commit(PendingCommit<'a>),
    /// Nothing is to be saved: the answer was applied before, is stale, or was refused.
    Reply(Reply),
}

/// A change of one conversation that is not saved yet. Nobody else in this process can change that conversation as long
/// as this is there. If it is dropped, the runtime takes it that nothing was committed, and reads what is stored.
#[must_use = "a change that nobody commits is no change"]
pub struct PendingCommit<'a> {
    runtime: &'a Runtime,
    _lock: Guard<'a>,
    record: Record,
    replaces: Option<Revision>,
    /// As JSON, if the conversation ends.
    result: Option<String>,
}

impl std::fmt::Debug for PendingCommit<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PendingCommit").field("record", &self.record).field("replaces", &self.replaces).finish()
    }
}

impl Runtime {
    /// Works out what [`dispatch`](Self::dispatch) would save, for a transaction of the host's to carry. So a row of the
    /// host's and the conversation change together, exactly once, or neither does.
    ///
    /// Prepare first and begin the transaction then: one that is open keeps every other save of the file waiting.
    ///
    /// ```
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
        self.accepting()?;
        let lock = self.enter(id).await?;
        self.accepting()?;
        let transient = self.memory_only().get(&id).and_then(|in_memory| in_memory.conversation.transient());
        if let Some(component) = transient {
            return Err(in_memory(id, component));
        }
        let record = self.load(id).await?;
        let stepped = self.step(id, &record, &mut Input::event(turn, event))?;
        match stepped {
            Stepped::Reply(reply) => Ok(Prepared::Reply(reply)),
            Stepped::Outcome(outcome) => self.change(id, lock, Some(record.lineage()), outcome).map(Prepared::Commit),
        }
    }

    /// Works out what [`start`](Self::start) or, if there is an owner, [`start_for`](Self::start_for) would save, for a
    /// transaction of the host's to carry.
    ///
    /// # Errors
    ///
    /// Author code failed, or the state cannot be saved.
    pub async fn prepare_start(&self, owner: Option<Owner>, root: impl Component) -> Result<PendingCommit<'_>, Error> {
        self.accepting()?;
        let id = new_id()?;
        let lock = self.enter(id).await?;
        self.accepting()?;
        let outcome = kernel::start(id, Box::new(root), owner, self.now());
        self.change(id, lock, None, outcome.map_err(|rejected| rejected_start(id, rejected))?)
    }

    fn change<'a>(
        &'a self,
        id: ConversationId,
        lock: Guard<'a>,
        before: Option<Lineage>,
        outcome: Outcome,
    ) -> Result<PendingCommit<'a>, Error> {
        if let Progress::Waits(conversation) = &outcome.progress
            && let Some(component) = conversation.transient()
        {
            return Err(in_memory(id, component));
        }
        let record = self.encode(&outcome.progress, before)?;
        let replaces = before.map(|before| before.revision());
        let result = match record.has_ended().then(|| record.decode()) {
            Some(Ok(Stored::Ended(ended))) => Some(ended.json),
            Some(_) => unreachable!("BUG: the record of an ended conversation holds its result"),
            None => None,
        };
        // Until the host says so, nobody knows what is durable.
        self.record_cache().remove(id);
        Ok(PendingCommit { runtime: self, _lock: lock, record, replaces, result })
    }
}

impl PendingCommit<'_> {
    /// The conversation.
    pub fn id(&self) -> ConversationId {
        self.record.id()
    }

    /// What is to be saved.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// The revision that it takes the place of; `None` if the conversation begins.
    pub fn replaces(&self) -> Option<Revision> {
        self.replaces
    }

    /// To be called once the transaction that holds the record has been committed durably. Nobody may be told of the
    /// new state before.
    pub async fn committed(self) -> Reply {
        let Self { runtime, _lock, record, result, .. } = self;
        let (id, revision) = (record.id(), record.revision());
        runtime.saved(record);
        if result.is_some() {
            runtime.delete_ended(id, revision).await;
        }
        runtime.acknowledge(id, result)
    }

    /// To be called if nobody knows whether the transaction has been committed: reads what is stored.
    ///
    /// # Errors
    ///
    /// It was not committed, somebody else has changed the conversation, or the store cannot be read. With
    /// [`ErrorKind::Unknown`] somebody else has changed it since, and nobody can tell by the conversation whether this
    /// was committed before that: a row of the host's that was to come with it says so.
    pub async fn resolve(self) -> Result<Reply, Error> {
        let id = self.record.id();
        let stored = match self.runtime.load(id).await {
            Ok(stored) => Some(stored),
            Err(Error { kind: ErrorKind::NotFound, .. }) => None,
            Err(error) => return Err(error),
        };
        let source = "the transaction was not committed, as far as it can be told".into();
        match settled(&self.record, self.replaces, stored.as_deref(), source) {
            None => Ok(self.committed().await),
            Some(kind) => Err(Error::new(id, kind)),
        }
    }
}

fn in_memory(id: ConversationId, component: &str) -> Error {
    let what = "no transaction reaches it there";
    Error::new(id, ErrorKind::InMemoryOnly { component: component.to_owned(), what })
}
