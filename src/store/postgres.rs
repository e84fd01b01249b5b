//! Records as rows of a Postgres database: many processes on one database, and no coordinator.
//!
//! Changes that come at the same time are made in one statement, so they share one round trip and one sync, and each is
//! acknowledged only after that. A change compares the revision that it replaces while it holds the row, so of several
//! processes that change one conversation one wins, whatever happens to the others: one that was stopped for hours
//! writes nothing stale when it goes on.
//!
//! If a connection is lost while a change is under way, the backend that was told is ended before anybody looks at what
//! became of it, so that nothing can happen behind that look.
//!
//! This file is the way in. `connect` makes connections and asks the server for its settings, `schema` knows the tables,
//! `rows` the statements, and `writer` makes the changes. `hints` tells other processes what has changed.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use stube::{PostgresStore, Runtime};
//!
//! let store = PostgresStore::connect("host=/run/postgresql dbname=shop".parse()?).await?;
//! let runtime = Runtime::open(store)?;
//! # Ok(())
//! # }
//! ```
//!
//! # Over TLS
//!
//! Between machines a connection belongs in TLS. The connector is the host's own, and decides whose certificates it
//! believes; that nothing is said without TLS is for `sslmode=require` in the configuration. Without that word a server
//! that has no TLS is spoken to as it is. All connections of the store are of this kind, also the one for hints.
//!
//! ```no_run
//! # async fn run(roots: rustls::RootCertStore) -> Result<(), Box<dyn std::error::Error>> {
//! use stube::PostgresStore;
//! use tokio_postgres_rustls::MakeRustlsConnect;
//!
//! // `roots` holds the authority that has signed the certificate of the server.
//! let config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
//! let store = PostgresStore::options()
//!     .connect_tls("host=db.internal dbname=shop sslmode=require".parse()?, MakeRustlsConnect::new(config))
//!     .await?;
//! # Ok(())
//! # }
//! ```
//!
//! # The tables
//!
//! They may be read by anybody; to change a row by hand makes it unreadable here. `stube_conversation` has a row for
//! each conversation:
//!
//! | Column | Type | Holds |
//! |---|---|---|
//! | `id` | text, the key | the conversation, for example `cv-0c9nq1vg2t0m7k0s6l0f3u8h1k` |
//! | `revision` | bigint | how many changes have been committed, from 1 |
//! | `nonce` | bigint | the random part of the revision |
//! | `flow` | text | the component or flow that it was started with |
//! | `state` | text or null | the await at which that flow is |
//! | `ended` | boolean | whether it has ended |
//! | `owner` | bytea or null | whom it belongs to, in UTF-8 |
//! | `due` | timestamptz or null | when it is due |
//! | `touched` | timestamptz | when it last changed, by the clock of the process that changed it |
//! | `changed` | timestamptz | the same by the server's clock, for [`Store::older_than`] |
//! | `record` | bytea | the whole record with its checksum, JSON in UTF-8 |
//!
//! The record is `bytea` because `jsonb` orders and rewrites what it is given.
//!
//! `stube_open_await` has a row for each thing that a conversation waits for, of widgets that it embeds too. The rows are
//! written in the transaction that writes the record:
//!
//! | Column | Type | Holds |
//! |---|---|---|
//! | `id`, `position` | text, integer, the key | the conversation, and the place among its open awaits, the outermost first |
//! | `turn` | text | what an answer names, for example `i5.0` |
//! | `component` | text | the component that waits |
//! | `state` | text or null | the state of the flow that takes the answer |
//! | `kind` | text | `question` |
//! | `due` | timestamptz or null | when it is due |
//!
//! ```sql
//! -- Who is waiting at payment, and since when?
//! SELECT id, convert_from(owner, 'UTF8'), touched FROM stube_conversation
//!     WHERE id IN (SELECT id FROM stube_open_await WHERE component = 'payment');
//! -- What does it hold?
//! SELECT convert_from(record, 'UTF8')::json -> 'body' FROM stube_conversation WHERE id = 'cv-…';
//! ```
//!
//! `stube_store` has one row: the `version` of these tables, which is 1. Opening an older version brings it to this one
//! in one transaction, under an advisory lock; a newer one is refused.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "the store that talks to a server")]

mod connect;
mod notify;
mod open_awaits;
mod rows;
mod schema;
mod writer;

use std::error::Error;
use std::fmt;
use std::iter::successors;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::PoolError;
use tokio::sync::{mpsc, oneshot};
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{Config, NoTls, Socket, Transaction};

use crate::model::error::BoxError;
use crate::model::id::ConversationId;
use crate::record::{Record, Revision};
use crate::store::{BoxFuture, Count, Listener, LoadError, Page, Query, Store, Visitor, WriteOutcome};

/// The crate whose configuration, TLS connectors and transactions are taken here.
pub use tokio_postgres;

use notify::Hints;
use rows::WriteRequest;
use writer::{Job, Shared};

/// Keeps records in a Postgres database, durably. A cheap handle: clones are the same store.
///
/// What it answered with [`WriteOutcome::Applied`] survives a crash of this program and, as far as its disk keeps what it says
/// it keeps, of the server.
///
/// - Any number of processes may use one database.
/// - A server that is down, slow or full gives errors that may be retried, in bounded time; once it is back, the store
///   works again by itself.
/// - It needs a tokio runtime with time and I/O; its tasks run on the one in which it was opened.
/// - It needs a server of version 14 or later.
#[derive(Clone)]
pub struct PostgresStore {
    jobs: mpsc::Sender<Job>,
    shared: Arc<Shared>,
    /// Gone if the host wants none.
    hints: Option<Arc<Hints>>,
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").field("pool", &self.shared.pool.status()).finish_non_exhaustive()
    }
}

/// How a [`PostgresStore`] is opened.
#[derive(Debug, Clone)]
pub struct Options {
    connections: usize,
    timeout: Duration,
    queue: usize,
    hints: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { connections: 8, timeout: Duration::from_secs(10), queue: 4_096, hints: true }
    }
}

/// How many tasks write: while one waits for the server, the other collects what comes.
const WRITERS: usize = 2;

/// How many records are read in one page.
const PAGE: usize = 256;

impl Options {
    /// The most connections that are held open, beside the one for [hints](Self::hints), at least 4. 8 unless set.
    #[must_use]
    pub fn connections(mut self, connections: usize) -> Self {
        self.connections = connections.max(4);
        self
    }

    /// How long the server may take for one statement, a lock, or a new connection. 10 seconds unless set.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout.max(Duration::from_millis(100));
        self
    }

    /// How many changes may wait, at least 1. One more waits as long as the timeout says, and is then not applied. 4,096
    /// unless set.
    #[must_use]
    pub fn queue(mut self, changes: usize) -> Self {
        self.queue = changes.max(1);
        self
    }

    /// Whether this process tells others which conversations it changes and hears what they tell, by `NOTIFY` and
    /// `LISTEN` on a connection of their own. They are told after a change has been committed, so no change waits for
    /// that, and of many at once together. Nothing rests on it: see [`Store::listen`]. It does unless set.
    #[must_use]
    pub fn hints(mut self, hints: bool) -> Self {
        self.hints = hints;
        self
    }

    /// Opens the store without TLS, for a socket or a network that nobody else is on.
    ///
    /// # Errors
    ///
    /// See [`connect_tls`](Self::connect_tls).
    pub async fn connect(&self, config: Config) -> Result<PostgresStore, OpenError> {
        self.connect_tls(config, NoTls).await
    }

    /// Opens the store over TLS. Any connector of [`tokio_postgres`] will do; whether the server's certificate is
    /// checked is for the connector, and whether TLS is needed is for `sslmode` of the configuration.
    ///
    /// # Errors
    ///
    /// The server cannot be reached or is a replica, its settings do not keep what it acknowledges, or the tables are of
    /// a newer version.
    pub async fn connect_tls<T>(&self, config: Config, tls: T) -> Result<PostgresStore, OpenError>
    where
        T: MakeTlsConnect<Socket> + Clone + Sync + Send + 'static,
        T::Stream: Sync + Send + 'static,
        T::TlsConnect: Sync + Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        let config = connect::complete(config, self);
        let dial = notify::dial(config.clone(), tls.clone());
        let pool = connect::pool(config, tls, self)?;
        let mut connection = connect::connect(&pool).await.map_err(OpenError::Server)?;
        schema::migrate(&mut connection.client).await?;
        drop(connection);
        let (jobs, receiver) = mpsc::channel(self.queue);
        let shared = Arc::new(Shared::new(pool, self.timeout, receiver));
        for _ in 0..WRITERS {
            tokio::spawn(writer::write(Arc::clone(&shared)));
        }
        let hints = self.hints.then(|| Hints::begin(dial, self.timeout)).transpose()?;
        Ok(PostgresStore { jobs, shared, hints: hints.map(Arc::new) })
    }
}

impl PostgresStore {
    /// Opens the store without TLS, as [`Options::connect`] does.
    ///
    /// # Errors
    ///
    /// See [`Options::connect_tls`].
    pub async fn connect(config: Config) -> Result<Self, OpenError> {
        Self::options().connect(config).await
    }

    /// For opening in another way.
    pub fn options() -> Options {
        Options::default()
    }

    /// Puts `record` in place of the one of revision `replaces` in a transaction of the host's, so that whatever else is
    /// in it is committed with the conversation, or nothing is. It is durable once that transaction is committed. The
    /// connection is to have the settings that the host wants for its own rows.
    ///
    /// # Errors
    ///
    /// The transaction is to be rolled back: somebody else has changed the conversation, or the server refuses.
    pub async fn save_in(
        transaction: &Transaction<'_>,
        record: &Record,
        replaces: Option<Revision>,
    ) -> Result<(), SaveInError> {
        let change = WriteRequest { id: record.id(), replaces, record: Some(Arc::new(record.clone())) };
        let doing = |error| SaveInError::Postgres(PostgresError::new("changing rows", &error));
        let statement = transaction.prepare(rows::statement(&change)).await.map_err(doing)?;
        match rows::change_one(transaction, &statement, &change).await.map_err(doing)? {
            WriteOutcome::Applied => Ok(()),
            WriteOutcome::Conflict { stored } => Err(SaveInError::Conflict { stored }),
            WriteOutcome::NotApplied(_) | WriteOutcome::Unknown(_) => {
                unreachable!("BUG: a statement changes a row or none")
            }
        }
    }

    async fn change(&self, change: WriteRequest) -> WriteOutcome {
        let (answer, answered) = oneshot::channel();
        let full = || WriteOutcome::NotApplied(PostgresError::message("changing rows", "too many changes wait").into());
        match self.jobs.send_timeout(Job { change, answer }, self.shared.timeout).await {
            Ok(()) => answered.await.unwrap_or_else(|gone| WriteOutcome::Unknown(gone.into())),
            Err(_) => full(),
        }
    }

    async fn client(&self) -> Result<deadpool_postgres::Object, PostgresError> {
        self.shared.pool.get().await.map_err(|error| PostgresError::of_pool(&error))
    }
}

impl Store for PostgresStore {
    fn load_all<'a>(&'a self, each: &'a mut Visitor<'a>) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(async move {
            let mut after = String::new();
            loop {
                let limit = i64::try_from(PAGE)?;
                let page = rows::page_of_all(&*self.client().await?, &after, limit).await;
                let page = page.map_err(|error| PostgresError::new("reading rows", &error))?;
                let is_last = page.len() < PAGE;
                for (id, entry) in page {
                    after = id;
                    each(entry);
                }
                if is_last {
                    return Ok(());
                }
            }
        })
    }

    fn load(&self, id: ConversationId) -> BoxFuture<'_, Result<Option<Record>, LoadError>> {
        Box::pin(async move {
            let store = |error: PostgresError| LoadError::Store(error.into());
            self.shared.clear(id).await.map_err(store)?;
            let client = self.client().await.map_err(store)?;
            let found = rows::load(&client, &[id]).await;
            let found = found.map_err(|error| store(PostgresError::new("reading a row", &error)))?;
            found.into_values().next().transpose().map_err(LoadError::Unreadable)
        })
    }

    fn list<'a>(
        &'a self,
        query: &'a Query,
        after: Option<ConversationId>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, BoxError>> {
        Box::pin(async move {
            let page = rows::list(&*self.client().await?, query, None, after, limit).await;
            Ok(page.map_err(|error| PostgresError::new("reading rows", &error))?)
        })
    }

    /// By the server's clock.
    fn older_than<'a>(
        &'a self,
        query: &'a Query,
        age: Duration,
        after: Option<ConversationId>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Option<Page>, BoxError>> {
        Box::pin(async move {
            let page = rows::list(&*self.client().await?, query, Some(age), after, limit).await;
            Ok(Some(page.map_err(|error| PostgresError::new("reading rows", &error))?))
        })
    }

    fn count<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Vec<Count>, BoxError>> {
        Box::pin(async move {
            let counts = rows::count(&*self.client().await?, query).await;
            Ok(counts.map_err(|error| PostgresError::new("counting rows", &error))?)
        })
    }

    fn save<'a>(&'a self, record: &'a Record, replaces: Option<Revision>) -> BoxFuture<'a, WriteOutcome> {
        Box::pin(self.change(WriteRequest { id: record.id(), replaces, record: Some(Arc::new(record.clone())) }))
    }

    fn delete(&self, id: ConversationId, replaces: Revision) -> BoxFuture<'_, WriteOutcome> {
        Box::pin(self.change(WriteRequest { id, replaces: Some(replaces), record: None }))
    }

    fn subscribe(&self, listener: Listener) {
        if let Some(hints) = &self.hints {
            hints.subscribe(listener);
        }
    }

    fn notify(&self, id: ConversationId) {
        if let Some(hints) = &self.hints {
            hints.notify(id);
        }
    }
}

/// What the server or the way to it refused, and while doing what. Never quotes what is stored.
#[derive(Debug, thiserror::Error)]
#[error("{doing}: {reason}")]
pub struct PostgresError {
    doing: &'static str,
    reason: String,
    code: Option<String>,
}

impl PostgresError {
    fn new(doing: &'static str, error: &tokio_postgres::Error) -> Self {
        // Of what the server says the message alone: details quote rows. What is ours says why in its sources.
        let reason = match error.as_db_error() {
            Some(error) => format!("{} ({})", error.message(), error.code().code()),
            None => {
                let whole: Vec<_> = successors(Some(error as &dyn Error), |&error| error.source()).collect();
                whole.iter().map(ToString::to_string).collect::<Vec<_>>().join(": ")
            }
        };
        Self { doing, reason, code: error.code().map(|code| code.code().to_owned()) }
    }

    fn message(doing: &'static str, reason: impl fmt::Display) -> Self {
        Self { doing, reason: reason.to_string(), code: None }
    }

    fn of_pool(error: &PoolError) -> Self {
        match error {
            PoolError::Backend(error) => Self::new("connecting", error),
            other => Self::message("connecting", other),
        }
    }

    /// The same once more, for another who waits.
    fn again(&self) -> Self {
        Self { doing: self.doing, reason: self.reason.clone(), code: self.code.clone() }
    }

    /// The `SQLSTATE`, where the server gave one.
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }
}

/// Why a [`PostgresStore`] was not opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The server cannot be reached, or refuses.
    #[error(transparent)]
    Server(PostgresError),
    /// With this setting the server acknowledges what it does not keep.
    #[error("the server has `{setting}` set to `{value}`, so it does not keep what it acknowledges")]
    Unsafe {
        /// Its name.
        setting: &'static str,
        /// What it is.
        value: String,
    },
    /// The server is a replica, which may be behind.
    #[error("the server is a replica, which cannot be written to and may be behind")]
    Replica,
    /// The tables are of a newer version than this program knows.
    #[error("the tables are of version {found}, and this program knows {known}")]
    Newer {
        /// Theirs.
        found: i32,
        /// The newest that is known.
        known: i32,
    },
}

/// Why a transaction of the host's cannot carry a record. It is to be rolled back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SaveInError {
    /// Somebody else has changed the conversation.
    #[error("somebody else changed the conversation at the same time")]
    Conflict {
        /// The stored revision; `None` if there is no record.
        stored: Option<Revision>,
    },
    /// The server refuses.
    #[error(transparent)]
    Postgres(PostgresError),
}
