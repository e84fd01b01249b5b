//! The Postgres store: records as rows of a database that many processes share, without a coordinator.
//!
//! Concurrent changes are made in one statement, so they share one round trip and one sync; each is acknowledged after it. A
//! change compares the stored revision while it holds the row lock (compare-and-set), so of several processes that change a
//! conversation one succeeds. A process that was suspended for hours cannot overwrite a newer record when it continues.
//!
//! If a connection is lost during a change, the backend that received the change is terminated before the row is read to find
//! out whether the change was applied, so that it cannot be applied after that read.
//!
//! This file is the interface. `connect` opens connections and checks the server's settings, `schema` has the tables, `rows`
//! the statements, `writer` makes the changes, and `notify` notifies other processes of them.
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
//! # TLS
//!
//! Use TLS for a connection between machines. You supply the connector, which decides which certificates are trusted. Set
//! `sslmode=require` in the configuration, otherwise a server without TLS is accepted. All connections of the store use the
//! connector, the one for notifications included.
//!
//! ```no_run
//! # async fn run(roots: rustls::RootCertStore) -> Result<(), Box<dyn std::error::Error>> {
//! use stube::PostgresStore;
//! use tokio_postgres_rustls::MakeRustlsConnect;
//!
//! // `roots` has the authority that signed the certificate of the server.
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
//! Other programs may read the tables. A record that is changed by hand fails its checksum and becomes unreadable.
//! `stube_conversation` has a row for each conversation:
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
//! The record is `bytea` because `jsonb` does not keep the bytes of a text.
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
//! -- Which conversations wait at payment, and since when?
//! SELECT id, convert_from(owner, 'UTF8'), touched FROM stube_conversation
//!     WHERE id IN (SELECT id FROM stube_open_await WHERE component = 'payment');
//! -- What does this conversation contain?
//! SELECT convert_from(record, 'UTF8')::json -> 'body' FROM stube_conversation WHERE id = 'cv-…';
//! ```
//!
//! `stube_store` has one row: the `version` of these tables, which is 1. Opening a database with an older version migrates it
//! in one transaction, under an advisory lock; a newer version is refused.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "the store that talks to a server")]

mod connect;
mod error;
mod notify;
mod open_awaits;
mod options;
mod rows;
mod schema;
mod writer;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{Config, NoTls, Socket, Transaction};

use crate::model::error::BoxError;
use crate::model::id::ConversationId;
use crate::record::{Record, Revision};
use crate::store::{BoxFuture, Count, Listener, LoadError, Page, Query, Store, Visitor, WriteOutcome};

pub use error::{OpenError, PostgresError, SaveInError};
pub use options::Options;
/// The crate of the configuration, the TLS connectors and the transactions in this interface.
pub use tokio_postgres;

use notify::Notifier;
use rows::WriteRequest;
use writer::{Job, Shared};

/// Keeps records in a Postgres database, durably. A cheap handle: clones are the same store.
///
/// A change that was reported as [`WriteOutcome::Applied`] survives a crash of this process. It survives a crash of the server
/// if the server's disk does not lie about completed flushes.
///
/// - Any number of processes may use one database.
/// - If the server is down, slow or full, calls fail with retryable errors in bounded time. When it is available again, the
///   store continues without being reopened.
/// - It needs a tokio runtime with time and I/O. Its tasks run on the runtime in which it was opened.
/// - It needs Postgres 14 or later.
#[derive(Clone)]
pub struct PostgresStore {
    jobs: mpsc::Sender<Job>,
    shared: Arc<Shared>,
    /// `None` if notifications are turned off.
    notifier: Option<Arc<Notifier>>,
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").field("pool", &self.shared.pool.status()).finish_non_exhaustive()
    }
}

/// The number of writer tasks: while one waits for the server, the other collects new changes.
const WRITERS: usize = 2;

/// The number of records that `load_all` reads in one query.
const PAGE: usize = 256;

impl Options {
    /// Opens the store without TLS, for a Unix socket or a trusted network.
    ///
    /// # Errors
    ///
    /// See [`connect_tls`](Self::connect_tls).
    pub async fn connect(&self, config: Config) -> Result<PostgresStore, OpenError> {
        self.connect_tls(config, NoTls).await
    }

    /// Opens the store with a TLS connector of [`tokio_postgres`]. The connector decides whether the server's certificate is
    /// verified, and `sslmode` in the configuration whether TLS is required.
    ///
    /// # Errors
    ///
    /// - The server cannot be reached, or refuses the connection or a statement.
    /// - The server is a replica.
    /// - A setting of the server makes its commits not durable.
    /// - The tables have a newer version than this program knows.
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
        let notifier = self.notifications.then(|| Notifier::start(dial, self.timeout)).transpose()?;
        Ok(PostgresStore { jobs, shared, notifier: notifier.map(Arc::new) })
    }
}

impl PostgresStore {
    /// Opens the store without TLS, with the default options: see [`Options::connect`].
    ///
    /// # Errors
    ///
    /// See [`Options::connect_tls`].
    pub async fn connect(config: Config) -> Result<Self, OpenError> {
        Self::options().connect(config).await
    }

    /// The default options, to change and then connect with.
    pub fn options() -> Options {
        Options::default()
    }

    /// Saves a record in the host's own transaction, so that the record and the host's changes are committed together or not
    /// at all. Like [`save`](Store::save) it replaces the record of revision `replaces`. It is durable once the transaction is
    /// committed, with the durability settings of the host's connection.
    ///
    /// # Errors
    ///
    /// The stored revision is another one, or the statement fails. Roll the transaction back then.
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
        match self.send(change).await {
            Ok(answered) => answered.await.unwrap_or_else(|gone| WriteOutcome::Unknown(gone.into())),
            Err(full) => full,
        }
    }

    /// Brings a change to the tasks that write, once there is room.
    async fn send(&self, change: WriteRequest) -> Result<oneshot::Receiver<WriteOutcome>, WriteOutcome> {
        let (answer, answered) = oneshot::channel();
        match self.jobs.send_timeout(Job { change, answer }, self.shared.timeout).await {
            Ok(()) => Ok(answered),
            Err(_) => {
                Err(WriteOutcome::NotApplied(PostgresError::message("changing rows", "too many changes wait").into()))
            }
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

    /// Uses the server's clock.
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

    /// Queues a delete, and does not wait for its outcome.
    fn discard(&self, id: ConversationId, replaces: Revision) -> BoxFuture<'_, WriteOutcome> {
        Box::pin(async move {
            let change = WriteRequest { id, replaces: Some(replaces), record: None };
            // The outcome is dropped.
            match self.send(change).await {
                Ok(_) => WriteOutcome::Applied,
                Err(full) => full,
            }
        })
    }

    fn subscribe(&self, listener: Listener) {
        if let Some(notifier) = &self.notifier {
            notifier.subscribe(listener);
        }
    }

    fn notify(&self, id: ConversationId) {
        if let Some(notifier) = &self.notifier {
            notifier.notify(id);
        }
    }
}
