//! The one thread that writes: takes all changes that wait into one transaction, commits, and answers them all.
//!
//! Each change is compared and set by itself, so one that conflicts or fails leaves the others alone. What is answered
//! follows from where a failure came:
//!
//! - before the commit, or if the file was busy or the disk full: nothing changed, [`WriteOutcome::NotApplied`];
//! - by the commit, in any other way: [`WriteOutcome::Unknown`]. The log may hold a whole transaction that nobody has synced,
//!   and a crash now could bring it back. So the store is *in doubt*: the connection is given up, since a second `fsync`
//!   of what failed may say that all is well when it is not, and nothing is read or written until a small transaction
//!   of our own has been written over that place in the log and synced, and the log has been cut to nothing. That is
//!   because ext4 may keep nothing of what is written later where a write to new blocks has failed, even if every sync
//!   of it succeeds (seen with Linux 6.18 over a disk that was out of room: 14 of 15 times what was acknowledged after
//!   it was gone when the file system had been mounted anew). A log that begins anew has no such places; and the file
//!   gets none, because the disk is first asked for room elsewhere. All of this is tried before anybody is answered.
//!
//! A thread that commits as soon as it finds one change would leave the changes that come in while it syncs to the next
//! commit, and would sync twice as often as it must when the same callers come back again and again. [`Pace`] makes it
//! wait for those it has just answered, for a part of the time that a commit takes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};
use tokio::sync::oneshot;

use crate::model::error::BoxError;
use crate::model::id::ConversationId;
use crate::record::{Record, Revision};
use crate::store::WriteOutcome;
use crate::store::sqlite::{Shared, SqliteError, open, rows};

/// A change, and who waits for its answer.
pub(super) struct Job {
    pub(super) change: WriteRequest,
    pub(super) answer: oneshot::Sender<WriteOutcome>,
    /// When it was brought.
    pub(super) since: Instant,
}

pub(super) enum WriteRequest {
    Save {
        record: Box<Record>,
        replaces: Option<Revision>,
    },
    Delete {
        id: ConversationId,
        replaces: Revision,
    },
    /// Nothing, once the store is not in doubt.
    Settle,
}

/// The most changes of one transaction.
const MOST: usize = 256;

/// How long the thread stays awake for the next change. To be woken takes a good part of the time of a commit on a fast
/// disk, and whoever was just answered often comes back at once.
const AWAKE: Duration = Duration::from_micros(100);

/// Why a transaction did not take place.
enum Failure {
    /// It is certain that nothing changed.
    Nothing(SqliteError),
    /// Nobody knows.
    InDoubt(SqliteError),
}

pub(super) struct Writer {
    shared: Arc<Shared>,
    /// Gone after a failure that may be its own.
    connection: Option<Connection>,
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, connection: Connection) -> Self {
        Self { shared, connection: Some(connection) }
    }

    /// Works until the queue is closed and empty.
    pub(super) fn run(mut self) {
        let mut pace = Pace::default();
        loop {
            let (hoped, grace) = pace.hope();
            let taken = self.shared.changes.take(MOST, hoped, grace, AWAKE);
            if taken.is_empty() {
                return;
            }
            let begun = Instant::now();
            let timeout = self.shared.settings.timeout;
            let (jobs, late): (Vec<_>, Vec<_>) =
                taken.into_iter().partition(|job| begun.saturating_duration_since(job.since) < timeout);
            late.into_iter()
                .for_each(|job| job.answer(WriteOutcome::NotApplied("the store has too much to do".into())));
            let answers = self.carry_out(&jobs);
            let took = begun.elapsed();
            self.shared.took.store(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
            let many = jobs.len();
            for (job, saved) in jobs.into_iter().zip(answers) {
                job.answer(saved);
            }
            pace.learn(hoped, many, self.shared.changes.len(), took);
        }
    }

    /// One answer for each job.
    fn carry_out(&mut self, jobs: &[Job]) -> Vec<WriteOutcome> {
        match self.transact(jobs) {
            Ok(answers) => answers,
            // The engine gave up the whole transaction, perhaps because of one change.
            Err(Failure::Nothing(error)) if jobs.len() > 1 && !error.is_busy() => {
                jobs.iter().flat_map(|job| self.carry_out(std::slice::from_ref(job))).collect()
            }
            Err(Failure::Nothing(error)) => all(jobs, error, WriteOutcome::NotApplied),
            Err(Failure::InDoubt(error)) => {
                // At once, since other processes know of no doubt: what they load now, the log might take back. If this
                // fails too, the next call tries again.
                let _ = self.ready();
                all(jobs, error, WriteOutcome::Unknown)
            }
        }
    }

    fn transact(&mut self, jobs: &[Job]) -> Result<Vec<WriteOutcome>, Failure> {
        let connection = self.ready().map_err(Failure::Nothing)?;
        // Whatever panics must not take the thread with it; what was begun is rolled back.
        let done = catch_unwind(AssertUnwindSafe(|| {
            transact(connection, |transaction| {
                let mut answers = Vec::with_capacity(jobs.len());
                for job in jobs {
                    answers.push(match job.change.apply(transaction) {
                        Ok(saved) => saved,
                        Err(error) if transaction.is_autocommit() => return Err(error),
                        Err(error) => WriteOutcome::NotApplied(SqliteError::new("changing a row", error).into()),
                    });
                }
                Ok(answers)
            })
        }));
        let done = done.unwrap_or_else(|_| {
            self.connection = None;
            Err(Failure::InDoubt(SqliteError::panicked()))
        });
        self.note(done)
    }

    /// A connection, and a log that nobody is in doubt about.
    fn ready(&mut self) -> Result<&mut Connection, SqliteError> {
        if self.connection.is_none() {
            self.connection = Some(self.shared.connect()?);
        }
        if self.shared.in_doubt.load(Ordering::SeqCst) {
            open::has_room(&self.shared.file)
                .map_err(|error| SqliteError { doing: "looking whether the disk has room", source: error.into() })?;
            let connection = self.connection.as_mut().expect("BUG: it was opened above");
            let settled = transact(connection, |transaction| {
                transaction.execute("UPDATE stube_store SET settled = settled + 1", []).map(drop)
            });
            let begun_anew = settled.and_then(|()| begin_log_anew(connection));
            match self.note(begun_anew) {
                Ok(()) => self.shared.in_doubt.store(false, Ordering::SeqCst),
                Err(Failure::Nothing(error) | Failure::InDoubt(error)) => return Err(error),
            }
        }
        Ok(self.connection.as_mut().expect("BUG: it was opened above"))
    }

    /// Told before anybody is answered: a load that follows must know.
    fn note<T>(&mut self, done: Result<T, Failure>) -> Result<T, Failure> {
        match &done {
            Ok(_) => {}
            Err(Failure::Nothing(error)) if error.is_busy() => {}
            Err(Failure::Nothing(_)) => self.connection = None,
            Err(Failure::InDoubt(_)) => {
                self.shared.in_doubt.store(true, Ordering::SeqCst);
                self.connection = None;
            }
        }
        done
    }
}

impl Job {
    fn answer(self, saved: WriteOutcome) {
        // Whoever waited may have given up. The change is made all the same.
        let _ = self.answer.send(saved);
    }
}

impl WriteRequest {
    fn apply(&self, transaction: &Transaction<'_>) -> Result<WriteOutcome, rusqlite::Error> {
        match self {
            Self::Save { record, replaces } => rows::save(transaction, record, *replaces),
            Self::Delete { id, replaces } => rows::delete(transaction, *id, *replaces),
            Self::Settle => Ok(WriteOutcome::Applied),
        }
    }
}

/// Does `work` in one transaction, and tells what is certain if that fails.
fn transact<T>(
    connection: &mut Connection,
    work: impl FnOnce(&Transaction<'_>) -> Result<T, rusqlite::Error>,
) -> Result<T, Failure> {
    let nothing = |doing| move |error| Failure::Nothing(SqliteError::new(doing, error));
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(nothing("beginning a transaction"))?;
    let done = work(&transaction).map_err(nothing("changing rows"))?;
    transaction.commit().map_err(|error| match error.sqlite_error_code() {
        // Nobody was let in, or the end of the transaction did not fit on the disk.
        Some(ErrorCode::DatabaseBusy | ErrorCode::DiskFull) => nothing("committing")(error),
        _ => Failure::InDoubt(SqliteError::new("committing", error)),
    })?;
    Ok(done)
}

/// Brings all that is in the log into the file, and cuts it to nothing.
fn begin_log_anew(connection: &Connection) -> Result<(), Failure> {
    match open::cut_log(connection) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Failure::InDoubt(SqliteError::message("beginning the log anew", "somebody reads from it"))),
        Err(error) => Err(Failure::InDoubt(SqliteError::new("beginning the log anew", error))),
    }
}

fn all(jobs: &[Job], error: SqliteError, saved: fn(BoxError) -> WriteOutcome) -> Vec<WriteOutcome> {
    let error = Arc::new(error);
    jobs.iter().map(|_| saved(Arc::clone(&error).into())).collect()
}

/// How many changes to hope for, and how long.
#[derive(Default)]
struct Pace {
    hoped: usize,
    grace: Duration,
    /// For so many commits, nobody is waited for: those who were did not come.
    alone: u32,
}

impl Pace {
    /// A commit is never kept waiting longer.
    const LONGEST: Duration = Duration::from_millis(2);

    fn hope(&self) -> (usize, Duration) {
        if self.alone > 0 { (1, Duration::ZERO) } else { (self.hoped, self.grace) }
    }

    /// `came` were answered after a commit that took `took`, and `waiting` came in while it went on.
    fn learn(&mut self, hoped: usize, came: usize, waiting: usize, took: Duration) {
        self.alone = match self.alone {
            0 if came < hoped => 8,
            alone => alone.saturating_sub(1),
        };
        self.hoped = came + waiting;
        self.grace = (took / 4).min(Self::LONGEST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_for_those_it_has_answered_and_not_for_those_who_stay_away() {
        let mut pace = Pace::default();
        assert_eq!(pace.hope().0, 0);
        pace.learn(0, 1, 0, Duration::from_millis(4));
        assert_eq!(pace.hope(), (1, Duration::from_millis(1)), "one that comes alone never waits for another");
        pace.learn(1, 1, 63, Duration::from_millis(100));
        assert_eq!(pace.hope(), (64, Pace::LONGEST));
        pace.learn(64, 3, 0, Duration::from_millis(4));
        for _ in 0..8 {
            assert_eq!(pace.hope(), (1, Duration::ZERO));
            pace.learn(1, 1, 2, Duration::from_millis(4));
        }
        assert_eq!(pace.hope(), (3, Duration::from_millis(1)));
    }
}
