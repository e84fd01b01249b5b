//! The writer tasks. Each takes all queued changes, at most one for each conversation, and makes them in one statement (group
//! commit). Changes that arrive meanwhile are for the next statement.

use std::collections::{HashMap, HashSet, VecDeque};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use deadpool_postgres::Pool;
use tokio::sync::{Mutex as AsyncMutex, Notify, mpsc, oneshot};

use crate::model::id::ConversationId;
use crate::record::{Record, Unreadable};
use crate::store::WriteOutcome;
use crate::store::postgres::connect::{self, Backend, Connection};
use crate::store::postgres::error::PostgresError;
use crate::store::postgres::rows::{self, WriteRequest};

/// A change, and the sender of its outcome.
pub(super) struct Job {
    pub(super) change: WriteRequest,
    pub(super) answer: oneshot::Sender<WriteOutcome>,
}

/// The maximal number of changes in one statement.
const AT_ONCE: usize = 256;

/// The maximal number of bytes of records in one statement, unless a single record is larger.
const BYTES_AT_ONCE: usize = 8 << 20;

/// The pause before another attempt to resolve changes whose connection was lost.
const PAUSE: Duration = Duration::from_millis(50);

/// The state that the tasks and the store share.
pub(super) struct Shared {
    pub(super) pool: Pool,
    pub(super) timeout: Duration,
    /// The queued changes. One task at a time takes from them.
    jobs: AsyncMutex<Waiting>,
    /// The conversations whose last change has an unknown outcome, with the backend that received it.
    in_doubt: Mutex<HashMap<ConversationId, Backend>>,
    /// The conversations that a task is changing.
    in_work: Mutex<HashSet<ConversationId>>,
    /// Notified when a task has finished a change.
    freed: Notify,
}

struct Waiting {
    receiver: mpsc::Receiver<Job>,
    /// Changes that were not taken yet, because a task is changing the same conversation or the statement was full.
    held: VecDeque<Job>,
}

impl Shared {
    pub(super) fn new(pool: Pool, timeout: Duration, receiver: mpsc::Receiver<Job>) -> Self {
        let jobs = AsyncMutex::new(Waiting { receiver, held: VecDeque::new() });
        Self { pool, timeout, jobs, in_doubt: Mutex::default(), in_work: Mutex::default(), freed: Notify::new() }
    }

    fn in_doubt(&self) -> MutexGuard<'_, HashMap<ConversationId, Backend>> {
        self.in_doubt.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn in_work(&self) -> MutexGuard<'_, HashSet<ConversationId>> {
        self.in_work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// If the last change of a conversation has an unknown outcome, terminates the backend that received it. After this, what
    /// is read is durable.
    pub(super) async fn clear(&self, id: ConversationId) -> Result<(), PostgresError> {
        let Some(backend) = self.in_doubt().get(&id).copied() else { return Ok(()) };
        let connection = connect::connect(&self.pool).await?;
        connect::end(&connection.client, backend, self.timeout).await?;
        self.in_doubt().remove(&id);
        Ok(())
    }

    /// Waits for changes, and takes as many as fit in one statement. `None` when the store was dropped.
    async fn take(&self) -> Option<Vec<Job>> {
        let mut waiting = self.jobs.lock().await;
        loop {
            let (mut taken, mut bytes) = (Vec::new(), 0);
            let mut held = std::mem::take(&mut waiting.held);
            while let Ok(job) = waiting.receiver.try_recv() {
                held.push_back(job);
            }
            for job in held {
                let size = job.change.record.as_ref().map_or(0, |record| record.bytes().len());
                let fits = taken.len() < AT_ONCE && (taken.is_empty() || bytes + size <= BYTES_AT_ONCE);
                if fits && self.in_work().insert(job.change.id) {
                    bytes += size;
                    taken.push(job);
                } else {
                    waiting.held.push_back(job);
                }
            }
            if !taken.is_empty() {
                return Some(taken);
            }
            // Every queued change is for a conversation that another task is changing.
            let holds = !waiting.held.is_empty();
            let mut freed = pin!(self.freed.notified());
            let next = poll_fn(|cx| match (freed.as_mut().poll(cx), waiting.receiver.poll_recv(cx)) {
                (_, Poll::Ready(Some(job))) => Poll::Ready(Some(Some(job))),
                (Poll::Ready(()), _) => Poll::Ready(Some(None)),
                (Poll::Pending, Poll::Ready(None)) if !holds => Poll::Ready(None),
                (Poll::Pending, _) => Poll::Pending,
            });
            let next = next.await?;
            waiting.held.extend(next);
        }
    }

    /// Reports the outcome of a change. The caller may have been dropped.
    fn answer(&self, job: Job, saved: WriteOutcome) {
        // First, so that the caller's next change of this conversation can be taken at once.
        self.in_work().remove(&job.change.id);
        self.freed.notify_one();
        let _ = job.answer.send(saved);
    }
}

/// Makes changes until the store is dropped.
pub(super) async fn write(shared: Arc<Shared>) {
    let mut connection: Option<Connection> = None;
    while let Some(jobs) = shared.take().await {
        make(&shared, &mut connection, jobs).await;
    }
}

async fn make(shared: &Shared, connection: &mut Option<Connection>, jobs: Vec<Job>) {
    let mut ready = Vec::new();
    for job in jobs {
        match shared.clear(job.change.id).await {
            Ok(()) => ready.push(job),
            Err(error) => shared.answer(job, WriteOutcome::NotApplied(error.into())),
        }
    }
    if ready.is_empty() {
        return;
    }
    if connection.as_ref().is_none_or(|connection| connection.client.is_closed()) {
        *connection = match connect::connect(&shared.pool).await {
            Ok(connection) => Some(connection),
            Err(error) => {
                return ready
                    .into_iter()
                    .for_each(|job| shared.answer(job, WriteOutcome::NotApplied(error.again().into())));
            }
        };
    }
    let Some(open) = connection.as_ref() else { return };
    match attempt(shared, open, &ready).await {
        Ok(saved) => ready.into_iter().zip(saved).for_each(|(job, saved)| shared.answer(job, saved)),
        Err(Failed::Refused(error)) if ready.len() == 1 => {
            ready.into_iter().for_each(|job| shared.answer(job, WriteOutcome::NotApplied(error.again().into())));
        }
        // One of the changes may be the reason, so each is tried separately.
        Err(Failed::Refused(_)) => {
            for job in ready {
                Box::pin(make(shared, connection, vec![job])).await;
            }
        }
        Err(Failed::Lost(error)) => {
            let backend = open.backend;
            // Not returned to the pool.
            drop(connection.take().map(|lost| deadpool_postgres::Object::take(lost.client)));
            resolve(shared, backend, ready, &error).await;
        }
    }
}

/// Why changes were not made.
enum Failed {
    /// The server returned an error, and nothing changed.
    Refused(PostgresError),
    /// The connection was lost, and the outcome is unknown.
    Lost(PostgresError),
}

async fn attempt(shared: &Shared, connection: &Connection, jobs: &[Job]) -> Result<Vec<WriteOutcome>, Failed> {
    let changes: Vec<_> = jobs.iter().map(|job| &job.change).collect();
    // Longer than the statement timeout of the server, so that only an unreachable server exceeds it.
    let limit = shared.timeout * 2;
    let made = async {
        if let [change] = changes[..] {
            let statement = connection.client.prepare_cached(rows::statement(change)).await?;
            return Ok(vec![rows::change_one(&**connection.client, &statement, change).await?]);
        }
        let statement = connection.client.prepare_cached(rows::CHANGE).await?;
        rows::change(&**connection.client, &statement, &changes).await
    };
    match tokio::time::timeout(limit, made).await {
        Ok(Ok(saved)) => Ok(saved),
        Ok(Err(error)) => {
            let refused = error.as_db_error().is_some_and(|error| {
                use tokio_postgres::error::Severity;
                !matches!(error.parsed_severity(), Some(Severity::Fatal | Severity::Panic))
            });
            let error = PostgresError::new("changing rows", &error);
            Err(if refused && !connection.client.is_closed() { Failed::Refused(error) } else { Failed::Lost(error) })
        }
        Err(_) => Err(Failed::Lost(PostgresError::message("changing rows", "the server does not respond"))),
    }
}

/// Resolves changes whose connection was lost: terminates the backend that received them, so that it cannot make them any
/// more, and reads the rows. If that fails for the time limit, their outcome is unknown.
async fn resolve(shared: &Shared, backend: Backend, jobs: Vec<Job>, error: &PostgresError) {
    let until = Instant::now() + shared.timeout;
    loop {
        match outcomes(shared, backend, &jobs, error).await {
            Ok(saved) => return jobs.into_iter().zip(saved).for_each(|(job, saved)| shared.answer(job, saved)),
            Err(_) if Instant::now() < until => tokio::time::sleep(PAUSE).await,
            Err(_) => break,
        }
    }
    for job in jobs {
        shared.in_doubt().insert(job.change.id, backend);
        shared.answer(job, WriteOutcome::Unknown(error.again().into()));
    }
}

async fn outcomes(
    shared: &Shared,
    backend: Backend,
    jobs: &[Job],
    error: &PostgresError,
) -> Result<Vec<WriteOutcome>, PostgresError> {
    let connection = connect::connect(&shared.pool).await?;
    connect::end(&connection.client, backend, shared.timeout).await?;
    let ids: Vec<_> = jobs.iter().map(|job| job.change.id).collect();
    let found = rows::load(&connection.client, &ids).await;
    let found = found.map_err(|error| PostgresError::new("reading rows", &error))?;
    Ok(jobs.iter().map(|Job { change, .. }| outcome_of(change, found.get(&change.id), error)).collect())
}

/// The outcome of a change that can no longer take effect, by the record that is stored now.
fn outcome_of(
    change: &WriteRequest,
    found: Option<&Result<Record, Unreadable>>,
    error: &PostgresError,
) -> WriteOutcome {
    let stored = match found {
        Some(Ok(stored)) => Some(stored),
        None => None,
        Some(Err(_)) => return WriteOutcome::Unknown(error.again().into()),
    };
    let revision = stored.map(Record::revision);
    match &change.record {
        Some(record) if stored == Some(&**record) => WriteOutcome::Applied,
        None if stored.is_none() => WriteOutcome::Applied,
        _ if revision == change.replaces => WriteOutcome::NotApplied(error.again().into()),
        // Another process has saved the same revision.
        Some(record) if revision == Some(record.revision()) => WriteOutcome::Conflict { stored: revision },
        None if revision.is_some() => WriteOutcome::Conflict { stored: revision },
        // Another process has saved a later revision, which may be based on this change or on the record before it.
        Some(_) | None => WriteOutcome::Unknown(error.again().into()),
    }
}
