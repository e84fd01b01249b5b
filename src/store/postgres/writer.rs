//! The tasks that write. Each takes all changes that wait, at most one of each conversation, and makes them in one
//! statement; what comes meanwhile is for the next one.

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
use crate::store::postgres::rows::WriteRequest;
use crate::store::postgres::{PostgresError, rows};

/// A change, and who waits for what becomes of it.
pub(super) struct Job {
    pub(super) change: WriteRequest,
    pub(super) answer: oneshot::Sender<WriteOutcome>,
}

/// How many changes are made in one statement.
const AT_ONCE: usize = 256;

/// How many bytes of records are sent in one statement.
const BYTES_AT_ONCE: usize = 8 << 20;

/// How long a task waits before it asks again whether a lost backend is gone.
const PAUSE: Duration = Duration::from_millis(50);

/// What the tasks and the store share.
pub(super) struct Shared {
    pub(super) pool: Pool,
    pub(super) timeout: Duration,
    /// What waits. Taken by one task at a time.
    jobs: AsyncMutex<Waiting>,
    /// The conversations of which it is not known what became of their last change, with the backend that was told.
    in_doubt: Mutex<HashMap<ConversationId, Backend>>,
    /// The conversations that a task is at work on.
    in_work: Mutex<HashSet<ConversationId>>,
    /// A task has finished with one of these.
    freed: Notify,
}

struct Waiting {
    receiver: mpsc::Receiver<Job>,
    /// Those that could not be taken yet, because an earlier change of the same conversation was.
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

    /// Makes sure that nothing can happen any more to a conversation of which it is not known what became of its last
    /// change. After this, what can be read is durable.
    pub(super) async fn clear(&self, id: ConversationId) -> Result<(), PostgresError> {
        let Some(backend) = self.in_doubt().get(&id).copied() else { return Ok(()) };
        let connection = connect::connect(&self.pool).await?;
        connect::end(&connection.client, backend, self.timeout).await?;
        self.in_doubt().remove(&id);
        Ok(())
    }

    /// Waits for changes and takes them, as many as may be made at once. `None` when the store is gone.
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
            // All that waits is for conversations that another task is at work on.
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

    /// Says what became of a change. Whoever asked may have gone; it was made all the same.
    fn answer(&self, job: Job, saved: WriteOutcome) {
        // First, so that the next change of this conversation finds it free.
        self.in_work().remove(&job.change.id);
        self.freed.notify_one();
        let _ = job.answer.send(saved);
    }
}

/// Makes changes until the store is gone.
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
        // One of them may be the reason, so each is tried by itself.
        Err(Failed::Refused(_)) => {
            for job in ready {
                Box::pin(make(shared, connection, vec![job])).await;
            }
        }
        Err(Failed::Lost(error)) => {
            let backend = open.backend;
            // Not handed back to the pool.
            drop(connection.take().map(|lost| deadpool_postgres::Object::take(lost.client)));
            settle(shared, backend, ready, &error).await;
        }
    }
}

/// Why changes were not made.
enum Failed {
    /// The server said no, and nothing changed.
    Refused(PostgresError),
    /// The server did not say what became of them.
    Lost(PostgresError),
}

async fn attempt(shared: &Shared, connection: &Connection, jobs: &[Job]) -> Result<Vec<WriteOutcome>, Failed> {
    let changes: Vec<_> = jobs.iter().map(|job| &job.change).collect();
    // The server gives up first, so this is a server that cannot be heard.
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
        Err(_) => Err(Failed::Lost(PostgresError::message("changing rows", "the server does not answer"))),
    }
}

/// Finds out what became of changes whose connection was lost: ends the backend that was told, so that it cannot make
/// them any more, and looks.
async fn settle(shared: &Shared, backend: Backend, jobs: Vec<Job>, error: &PostgresError) {
    let until = Instant::now() + shared.timeout;
    loop {
        match look(shared, backend, &jobs, error).await {
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

async fn look(
    shared: &Shared,
    backend: Backend,
    jobs: &[Job],
    error: &PostgresError,
) -> Result<Vec<WriteOutcome>, PostgresError> {
    let connection = connect::connect(&shared.pool).await?;
    connect::end(&connection.client, backend, shared.timeout).await?;
    let ids: Vec<_> = jobs.iter().map(|job| job.change.id).collect();
    let found = rows::load(&connection.client, &ids).await;
    let found = found.map_err(|error| PostgresError::new("looking at rows", &error))?;
    Ok(jobs.iter().map(|Job { change, .. }| became(change, found.get(&change.id), error)).collect())
}

/// What became of a change that nothing can become of any more, by what there is now.
fn became(change: &WriteRequest, found: Option<&Result<Record, Unreadable>>, error: &PostgresError) -> WriteOutcome {
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
        // Somebody else has made the same step.
        Some(record) if revision == Some(record.revision()) => WriteOutcome::Conflict { stored: revision },
        None if revision.is_some() => WriteOutcome::Conflict { stored: revision },
        // Somebody else is further, and may have come from this change or from the one before.
        Some(_) | None => WriteOutcome::Unknown(error.again().into()),
    }
}
