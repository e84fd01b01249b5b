//! Records as rows of one SQLite file: the store for load, without a server.
//!
//! Changes that come at the same time share one transaction and one sync, and each is acknowledged only after that
//! (group commit). So the more conversations are answered at once, the less each of them costs. Several processes may
//! use one file. A business row of the host and a conversation can be committed together: see
//! [`SqliteStore::save_in`].
//!
//! This file is the asynchronous interface. `open` opens connections and checks their settings, `schema` has the tables,
//! `rows` the statements, and `parsed` a cache of parsed records. `start` starts the threads: `writer` makes changes, on
//! its thread or on a caller's, and `reader` reads. `queue` hands them `job`s, and `shared` is what they share with the
//! handles.
//!
//! ```
//! # let scratch = tempfile::tempdir()?;
//! # let path = scratch.path().join("conversations.db");
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn run(path: std::path::PathBuf) -> Result<(), Box<dyn std::error::Error>> {
//! use stube::{Runtime, SqliteStore};
//!
//! let runtime = Runtime::open(SqliteStore::open(&path)?)?;
//! # Ok(())
//! # }
//! # run(path)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The tables
//!
//! They may be read by anybody, for example by `sqlite3 -readonly conversations.db`; to change a row by hand makes it
//! unreadable here.
//!
//! `stube_conversation` has a row for each conversation:
//!
//! | Column | Type | Holds |
//! |---|---|---|
//! | `id` | text, the key | the conversation, for example `cv-0c9nq1vg2t0m7k0s6l0f3u8h1k` |
//! | `revision` | integer | how many changes have been committed, from 1 |
//! | `nonce` | integer | the random part of the revision |
//! | `flow` | text | the component or flow that it was started with |
//! | `state` | text or null | the await at which that flow is |
//! | `ended` | integer | 1 once it has ended, else 0 |
//! | `owner` | text or null | whom it belongs to |
//! | `due` | integer or null | when it is due, in milliseconds since 1970 |
//! | `touched` | integer | when it last changed, in milliseconds since 1970 |
//! | `record` | blob | the whole record with its checksum, JSON in UTF-8 |
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
//! | `due` | integer or null | when it is due, in milliseconds since 1970 |
//!
//! ```sql
//! -- Who is waiting at payment, and since when?
//! SELECT id, owner, datetime(touched / 1000, 'unixepoch') FROM stube_conversation
//!     WHERE id IN (SELECT id FROM stube_open_await WHERE component = 'payment');
//! -- What does it hold?
//! SELECT json_extract(CAST(record AS TEXT), '$.body') FROM stube_conversation WHERE id = 'cv-…';
//! ```
//!
//! `stube_store` has one row: the `version` of these tables, which is 1, and `settled`, how often a commit had failed so
//! that its outcome was not certain and was settled. The version is there and not in `user_version`, which belongs to
//! the host if it keeps tables of its own in the file. A file that this store has made carries the application id
//! `0x73747562`. Opening an older version brings it to this one in one transaction; a newer one is refused.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the store that keeps an SQLite file, with threads of its own"
)]

mod error;
mod job;
mod open;
mod open_awaits;
mod options;
mod parsed;
mod queue;
mod reader;
mod rows;
mod schema;
mod shared;
mod start;
mod writer;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rusqlite::{Connection, Transaction};
use tokio::sync::oneshot;

use crate::model::error::BoxError;
use crate::model::id::ConversationId;
use crate::record::{Reason, Record, Revision, Unreadable};
use crate::store::inline::Caller;
use crate::store::{BoxFuture, Count, LoadError, Page, Query, Store, Visitor, WriteOutcome};

pub use error::{SaveInError, SqliteError};
pub use open::OpenError;
pub use options::Options;
/// The crate whose transactions [`SqliteStore::save_in`] takes.
pub use rusqlite;

use job::{Inlined, Job, Read, WriteRequest};
use shared::{Reader, Shared, try_lock};
use start::Handle;

/// Keeps records in one SQLite file, durably. A cheap handle: clones are the same store.
///
/// What it answered with [`WriteOutcome::Applied`] survives a kill of the program at any moment and, on a local file system
/// whose disk keeps what it says it keeps, a power cut. The file is in WAL mode with `synchronous` at `FULL`.
///
/// - Several processes may open one file. Of two that change one conversation, one gets a [`WriteOutcome::Conflict`].
/// - A change that fails leaves the old record, and the next one may succeed: nothing need be opened again.
/// - If a commit fails so that its outcome is not certain, the answer is [`WriteOutcome::Unknown`]. Then nothing is read or
///   written until the log has been settled and begun anew, which each further call tries first.
/// - The engine brings the log into the file by itself. Where the file has to grow for that and the disk takes what it
///   cannot keep, as one does that shows more room than it has, ext4 damages the file: give it a disk with the room that
///   it shows. With [`FileStore`](crate::FileStore) nothing that was acknowledged is lost there.
/// - A changed byte of a record or of the columns beside it is found, and concerns that conversation only. Of its own
///   pages the engine keeps no checksums: where the index of names has changed, one may not be found by
///   [`load`](Store::load) or be missing in a [`list`](Store::list). Then a delete is answered as applied and leaves the
///   row, and a first save, which a runtime makes of new ids alone, adds a second one. [`load_all`](Store::load_all)
///   compares the index with the table, and reports those; it reads the whole file, so how often that is done is for the
///   program to say. `REINDEX stube_conversation` makes the index anew. Where a byte of the log has changed, the log ends
///   for the engine: the changes after it are gone, and nobody can tell.
/// - A change or a load is made on the caller's thread while that is quick and the caller is alone, else by threads of the
///   store: [`Inline`](crate::store::Inline) says when. Neither needs a particular executor. A change that was queued for the thread is carried
///   out to its end, even if its future is dropped.
/// - If the disk or another process keeps the threads waiting, no more than [`Options::queue`] says waits for them, and a
///   change that has waited for longer than [`Options::timeout`] is not begun.
/// - Once the last handle is dropped, the threads finish what was brought, and close the file.
#[derive(Clone)]
pub struct SqliteStore {
    handle: Arc<Handle>,
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("file", &self.handle.shared.file).finish_non_exhaustive()
    }
}

impl Options {
    /// Opens the store in this file. It is made if it is missing, for nobody but this user; its directory must exist.
    ///
    /// This call blocks; it is for the start of a program.
    ///
    /// # Errors
    ///
    /// The file is another application's, of a newer version, not to be written to, or on a network file system; the
    /// engine is of a version that can damage it; or the system refuses.
    pub fn open(&self, path: impl AsRef<Path>) -> Result<SqliteStore, OpenError> {
        Ok(SqliteStore { handle: Arc::new(start::start(path.as_ref(), self.settings.clone())?) })
    }
}

impl SqliteStore {
    /// Opens the store in this file, as [`Options::open`] does.
    ///
    /// # Errors
    ///
    /// The file is another application's, of a newer version, not to be written to, or on a network file system; the
    /// engine is of a version that can damage it; or the system refuses.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::options().open(path)
    }

    /// For opening in another way.
    pub fn options() -> Options {
        Options::default()
    }

    /// The file, with all links followed.
    pub fn file(&self) -> &Path {
        &self.shared().file
    }

    /// A connection of the host's own to the file, with the settings that [`save_in`](Self::save_in) asks for.
    ///
    /// This call blocks.
    ///
    /// # Errors
    ///
    /// The file cannot be opened any more.
    pub fn connect(&self) -> Result<Connection, OpenError> {
        open::connect(&self.shared().file, &self.shared().settings)
    }

    /// Puts `record` in place of the one of revision `replaces` in a transaction of the host's, so that whatever else is
    /// in it is committed with the conversation, or nothing is. It is durable once that transaction is committed.
    ///
    /// The record comes from [`Runtime::prepare`](crate::Runtime::prepare), which shows the whole way.
    ///
    /// This call blocks.
    ///
    /// # Errors
    ///
    /// The transaction is to be rolled back: somebody else has changed the conversation, the transaction is of another
    /// file, its connection does not make a commit durable, or the engine refuses.
    pub fn save_in(
        &self,
        transaction: &Transaction<'_>,
        record: &Record,
        replaces: Option<Revision>,
    ) -> Result<(), SaveInError> {
        self.check(transaction)?;
        let saved = rows::save(transaction, &self.shared().parsed, record, replaces);
        match saved.map_err(|error| SaveInError::Sqlite(SqliteError::new("changing a row", error)))? {
            WriteOutcome::Applied => Ok(()),
            WriteOutcome::Conflict { stored } => Err(SaveInError::Conflict { stored }),
            WriteOutcome::NotApplied(source) | WriteOutcome::Unknown(source) => {
                Err(SaveInError::Sqlite(SqliteError { doing: "changing a row", source }))
            }
        }
    }

    /// Whether a commit of this connection is a durable change of our file.
    fn check(&self, connection: &Connection) -> Result<(), SaveInError> {
        let failed = |error| SaveInError::Sqlite(SqliteError::new("asking for the settings", error));
        let is_ours = |path: &str| Path::new(path).canonicalize().is_ok_and(|path| path == self.shared().file);
        if !connection.path().is_some_and(is_ours) {
            return Err(SaveInError::OtherFile);
        }
        let synchronous: i64 = connection.pragma_query_value(None, "synchronous", |row| row.get(0)).map_err(failed)?;
        if synchronous < 2 {
            return Err(SaveInError::NotDurable);
        }
        Ok(())
    }

    /// Makes certain what is in the file after a commit that failed, of this store or of the host's transaction. Then
    /// what a load returns is durable, and what it does not return is gone for good.
    ///
    /// # Errors
    ///
    /// It is still not certain. The same call may be made again.
    pub async fn resolve(&self) -> Result<(), BoxError> {
        self.shared().in_doubt.store(true, Ordering::SeqCst);
        self.settled().await
    }

    async fn settled(&self) -> Result<(), BoxError> {
        if !self.shared().in_doubt.load(Ordering::SeqCst) {
            return Ok(());
        }
        match self.change(WriteRequest::Settle).await {
            WriteOutcome::Applied => Ok(()),
            WriteOutcome::NotApplied(error) | WriteOutcome::Unknown(error) => Err(error),
            WriteOutcome::Conflict { .. } => unreachable!("BUG: nothing was compared"),
        }
    }

    fn shared(&self) -> &Shared {
        &self.handle.shared
    }

    async fn change(&self, request: WriteRequest) -> WriteOutcome {
        let caller = self.shared().writes.enter();
        let inlined = match caller.is_admitted().await {
            true => self.change_inline(&caller, &request),
            false => Inlined::NotMade,
        };
        match inlined {
            Inlined::Done(outcome) => outcome,
            Inlined::NotMade => self.change_queued(request).await,
            Inlined::InDoubt(error) => {
                // If it cannot be settled now, the next call tries again.
                let _ = self.change_queued(WriteRequest::Settle).await;
                WriteOutcome::Unknown(error.into())
            }
        }
    }

    fn change_inline(&self, caller: &Caller, request: &WriteRequest) -> Inlined {
        let shared = self.shared();
        let writer = match caller.is_forced() {
            true => Some(shared.writer()),
            false => try_lock(&shared.writer).filter(|_| shared.changes.len() == 0),
        };
        writer.map_or(Inlined::NotMade, |mut writer| writer.make_inline(shared, request))
    }

    async fn change_queued(&self, change: WriteRequest) -> WriteOutcome {
        let (answer, answered) = oneshot::channel();
        let job = Job { change, answer, since: Instant::now() };
        if self.shared().changes.push(job).await.is_err() {
            return WriteOutcome::NotApplied(SqliteError::gone().into());
        }
        answered.await.unwrap_or_else(|_| WriteOutcome::Unknown(SqliteError::gone().into()))
    }

    /// The record of this id, if it can be read here and now.
    fn load_inline(&self, id: ConversationId) -> Option<Result<Option<Record>, LoadError>> {
        let shared = self.shared();
        if !shared.loads.is_open() {
            return None;
        }
        let begun = Instant::now();
        let read = |connection: &Connection| {
            let loaded = catch_unwind(AssertUnwindSafe(|| {
                connection.busy_timeout(Duration::ZERO).ok()?;
                // What belongs to a record is read by several statements.
                let run = |sql| connection.prepare_cached(sql).and_then(|mut statement| statement.execute([])).ok();
                run("BEGIN")?;
                let loaded = rows::load(connection, &shared.parsed, id);
                run("COMMIT").is_some().then_some(loaded)
            }));
            if !connection.is_autocommit() {
                // If this fails, whatever the connection is used for next fails and gives it up.
                let _ = connection.execute_batch("ROLLBACK");
            }
            loaded.ok().flatten()
        };
        let free = |reader: &Reader| try_lock(reader)?.as_ref().and_then(read);
        // The connection that writes comes first: what it has written last is in its memory.
        let loaded = match try_lock(&shared.writer).map(|writer| writer.connection().map(read)) {
            Some(Some(loaded)) => loaded,
            Some(None) | None => shared.readers.iter().find_map(free),
        };
        shared.loads.learn(begun.elapsed());
        // What fails is tried again by a thread.
        loaded.filter(|loaded| !matches!(loaded, Err(LoadError::Store(_))))
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> T + Send + 'static,
    ) -> Result<T, BoxError> {
        self.settled().await?;
        let (answer, answered) = oneshot::channel();
        let read: Read = Box::new(move |connection| {
            // Whoever asked may have given up.
            if !answer.is_closed() {
                let _ = answer.send(read(connection));
            }
        });
        self.shared().reads.push(read).await.map_err(|_| SqliteError::gone())?;
        Ok(answered.await.map_err(|_| SqliteError::panicked())?)
    }
}

/// How many entries are read at once: at most 32 MiB.
const PAGE: usize = 32;

impl Store for SqliteStore {
    fn load_all<'a>(&'a self, each: &'a mut Visitor<'a>) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(async move {
            // By name, so that a damaged row keeps no other one from being read.
            let (mut named, mut names, mut damaged) = (None::<Vec<u8>>, 0, false);
            let broken = loop {
                let after = named.clone();
                match self.read(move |connection| rows::load_some(connection, after.as_deref(), PAGE)).await? {
                    Ok((_, None)) => break None,
                    Ok((entries, last)) => {
                        named = last;
                        names += entries.len() as i64;
                        damaged |= entries.iter().any(Result::is_err);
                        entries.into_iter().for_each(&mut *each);
                    }
                    Err(error) if rows::is_damage(&error) => break Some(error),
                    Err(error) => return Err(SqliteError::new("reading rows", error).into()),
                }
            };
            if broken.is_none() && !damaged {
                let counts =
                    |connection: &Connection| Ok((rows::count_names(connection)?, rows::count_rows(connection)?));
                match self.read(counts).await? {
                    Ok((names, rows)) if names == rows => return Ok(()),
                    Ok(_) => {}
                    Err(error) if rows::is_damage(&error) => {}
                    Err(error) => return Err(SqliteError::new("counting rows", error).into()),
                }
            }

            // The names are not to be relied on. What they do not lead to is in the table.
            if let Some(error) = &broken {
                let reason = Reason::Corrupt(error.to_string());
                each(Err(Unreadable { id: None, entry: "the index of names".to_owned(), reason }));
            }
            let named = broken.is_some().then(|| named.unwrap_or_default());
            let mut row = i64::MIN;
            loop {
                let named = named.clone();
                let rows = move |connection: &Connection| rows::load_unnamed(connection, named.as_deref(), row, PAGE);
                match self.read(rows).await? {
                    Ok((_, None)) => return Ok(()),
                    Ok((entries, Some(last))) => {
                        entries.into_iter().for_each(&mut *each);
                        row = last;
                    }
                    Err(error) => {
                        // Nothing is missing if the index has no more names than were read: then each row that cannot
                        // be read was reported by its name.
                        let is_all = broken.is_none()
                            && rows::is_damage(&error)
                            && matches!(self.read(rows::count_names).await?, Ok(count) if count <= names);
                        return if is_all { Ok(()) } else { Err(SqliteError::new("reading rows", error).into()) };
                    }
                }
            }
        })
    }

    fn load(&self, id: ConversationId) -> BoxFuture<'_, Result<Option<Record>, LoadError>> {
        Box::pin(async move {
            self.settled().await.map_err(LoadError::Store)?;
            match self.load_inline(id) {
                Some(loaded) => loaded,
                None => {
                    let shared = Arc::clone(&self.handle.shared);
                    let load = move |connection: &Connection| {
                        let begun = Instant::now();
                        let loaded = rows::load(connection, &shared.parsed, id);
                        shared.loads.learn(begun.elapsed());
                        loaded
                    };
                    self.read(load).await.map_err(LoadError::Store).flatten()
                }
            }
        })
    }

    /// From the columns alone: a record that is damaged is among them as long as its columns can be read.
    fn list<'a>(
        &'a self,
        query: &'a Query,
        after: Option<ConversationId>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, BoxError>> {
        Box::pin(async move {
            let query = query.clone();
            let page = self.read(move |connection| rows::list(connection, &query, after, limit)).await?;
            page.map_err(|error| SqliteError::new("listing rows", error).into())
        })
    }

    /// From the columns alone: a record that is damaged is counted as long as its columns can be read.
    fn count<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Vec<Count>, BoxError>> {
        Box::pin(async move {
            let query = query.clone();
            let counts = self.read(move |connection| rows::count(connection, &query)).await?;
            counts.map_err(|error| SqliteError::new("counting rows", error).into())
        })
    }

    fn save<'a>(&'a self, record: &'a Record, replaces: Option<Revision>) -> BoxFuture<'a, WriteOutcome> {
        Box::pin(self.change(WriteRequest::Save { record: Box::new(record.clone()), replaces }))
    }

    fn delete(&self, id: ConversationId, replaces: Revision) -> BoxFuture<'_, WriteOutcome> {
        Box::pin(self.change(WriteRequest::Delete { id, replaces }))
    }

    /// With the next commit, or soon after.
    fn discard(&self, id: ConversationId, replaces: Revision) -> BoxFuture<'_, WriteOutcome> {
        Box::pin(async move {
            match self.shared().discarded.add(id, replaces) {
                // So that it is not forgotten if there is no next change.
                Some(true) => self.shared().changes.nudge(),
                Some(false) => {}
                None => return self.delete(id, replaces).await,
            }
            WriteOutcome::Applied
        })
    }
}
