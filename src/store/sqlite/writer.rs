//! The one connection that writes. A thread takes all changes that wait into one transaction, commits, and answers them
//! all. A caller that is alone makes its change itself, in the same way; whatever fails there is handed to the thread,
//! which has the only code that tries again and that resolves a doubt. A caller never waits for a lock of the file, never
//! copies the log into the file and never settles a doubt.
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

use rusqlite::{Connection, ErrorCode};

use crate::model::error::BoxError;
use crate::model::id::ConversationId;
use crate::record::Revision;
use crate::store::WriteOutcome;
use crate::store::sqlite::error::SqliteError;
use crate::store::sqlite::job::{Inlined, MOST, WriteRequest};
use crate::store::sqlite::parsed::Parsed;
use crate::store::sqlite::queue::{Take, Taken};
use crate::store::sqlite::shared::{Shared, Writer};
use crate::store::sqlite::{open, rows};

/// How long the thread stays awake for the next change. To be woken takes a good part of the time of a commit on a fast
/// disk, and whoever was just answered often comes back at once.
const AWAKE: Duration = Duration::from_micros(100);

/// How long what was discarded waits for a change whose commit it can be part of.
const LINGER: Duration = Duration::from_millis(50);

/// The most of what was discarded that a caller deletes with its change.
const MOST_INLINE: usize = 16;

/// Why a transaction did not take place.
enum Failure {
    /// It is certain that nothing changed.
    Nothing(SqliteError),
    /// Nobody knows.
    InDoubt(SqliteError),
}

/// Works until the queue is closed and empty.
pub(super) fn run(shared: &Shared) {
    let mut pace = Pace::default();
    let mut awake = Duration::ZERO;
    loop {
        let (hoped, grace) = pace.hope();
        let linger = (!shared.discarded.is_empty()).then_some(LINGER);
        let taken = match shared.changes.take(&Take { most: MOST, hoped, grace, awake, linger }) {
            Taken::Work(taken) => taken,
            Taken::Lingered => Vec::new(),
            // There is something else to do, or there is something to linger for.
            Taken::Nudged => {
                awake = Duration::ZERO;
                shared.writer().checkpoint_if_due(shared);
                continue;
            }
            Taken::Closed => break,
        };
        let mut writer = shared.writer();
        let begun = Instant::now();
        let timeout = shared.settings.timeout;
        let (jobs, late): (Vec<_>, Vec<_>) =
            taken.into_iter().partition(|job| begun.saturating_duration_since(job.since) < timeout);
        late.into_iter().for_each(|job| job.answer(WriteOutcome::NotApplied("the store has too much to do".into())));
        let requests: Vec<_> = jobs.iter().map(|job| &job.change).collect();
        let answers = writer.carry_out(shared, &requests);
        let took = begun.elapsed();
        let many = jobs.len();
        for (job, saved) in jobs.into_iter().zip(answers) {
            job.answer(saved);
        }
        // Nobody waits for it.
        writer.checkpoint_if_due(shared);
        drop(writer);
        let waiting = shared.changes.len();
        shared.writes.learn(took);
        pace.learn(hoped, many, waiting, took);
        awake = AWAKE;
    }
    let mut writer = shared.writer();
    // If this fails, it is left to the next process.
    let _ = writer.carry_out(shared, &[]);
    // Closed here, because it may copy the log into the file.
    writer.connection = None;
}

impl Writer {
    pub(super) fn adopt(&mut self, shared: &Shared, mut connection: Connection) -> Result<(), SqliteError> {
        shared.count_log_pages(&mut connection)?;
        self.connection = Some(connection);
        Ok(())
    }

    /// To read from, if it can be used without further ado.
    pub(super) fn connection(&self) -> Option<&Connection> {
        self.connection.as_ref()
    }

    /// Makes a change in the thread of its caller, unless that might take long.
    pub(super) fn make_inline(&mut self, shared: &Shared, request: &WriteRequest) -> Inlined {
        let must_wait = shared.in_doubt.load(Ordering::SeqCst) || shared.is_checkpoint_due();
        if must_wait || self.connection.is_none() {
            return Inlined::NotMade;
        }
        let begun = Instant::now();
        let discarded = shared.discarded.take(MOST_INLINE);
        let made = self.transact(shared, &[request], &discarded, Duration::ZERO);
        shared.writes.learn(begun.elapsed());
        if shared.is_checkpoint_due() {
            shared.changes.nudge();
        }
        match made.map(|mut answers| answers.pop()) {
            Ok(Some(outcome)) => Inlined::Done(outcome),
            Ok(None) => unreachable!("BUG: there is an answer for each change"),
            Err(failure) => {
                shared.writes.close();
                match failure {
                    Failure::Nothing(_) => {
                        shared.discarded.put_back(discarded);
                        Inlined::NotMade
                    }
                    Failure::InDoubt(error) => Inlined::InDoubt(error),
                }
            }
        }
    }

    /// One answer for each change. What was discarded is deleted in the same transaction.
    fn carry_out(&mut self, shared: &Shared, requests: &[&WriteRequest]) -> Vec<WriteOutcome> {
        let discarded = shared.discarded.take(MOST);
        if requests.is_empty() && discarded.is_empty() {
            return Vec::new();
        }
        match self.transact(shared, requests, &discarded, shared.settings.timeout) {
            Ok(answers) => answers,
            Err(Failure::Nothing(error)) if error.is_busy() => {
                shared.discarded.put_back(discarded);
                all(requests, error, WriteOutcome::NotApplied)
            }
            // The engine gave up the whole transaction, perhaps because of one change. Nobody waits for what was
            // discarded, so that is not tried again.
            Err(Failure::Nothing(_)) if requests.len() + discarded.len() > 1 => {
                let alone = |request| match self.transact(shared, &[request], &[], shared.settings.timeout) {
                    Ok(answers) => answers,
                    Err(failure) => self.give_up(shared, &[request], failure),
                };
                requests.iter().copied().flat_map(alone).collect()
            }
            Err(failure) => self.give_up(shared, requests, failure),
        }
    }

    /// What those are told whose changes failed.
    fn give_up(&mut self, shared: &Shared, requests: &[&WriteRequest], failure: Failure) -> Vec<WriteOutcome> {
        match failure {
            Failure::Nothing(error) => all(requests, error, WriteOutcome::NotApplied),
            Failure::InDoubt(error) => {
                // At once, since other processes know of no doubt: what they load now, the log might take back. If this
                // fails too, the next call tries again.
                let _ = self.ready(shared, shared.settings.timeout);
                all(requests, error, WriteOutcome::Unknown)
            }
        }
    }

    fn transact(
        &mut self,
        shared: &Shared,
        requests: &[&WriteRequest],
        discarded: &[(ConversationId, Revision)],
        timeout: Duration,
    ) -> Result<Vec<WriteOutcome>, Failure> {
        let connection = self.ready(shared, timeout).map_err(Failure::Nothing)?;
        // Whatever panics must not take the thread with it; what was begun is rolled back.
        let done = catch_unwind(AssertUnwindSafe(|| {
            transact(connection, |connection| {
                for &(id, replaces) in discarded {
                    // One that somebody has changed stays, and one that cannot be deleted is left to the next process.
                    match rows::delete(connection, &shared.parsed, id, replaces) {
                        Err(error) if connection.is_autocommit() => return Err(error),
                        Ok(_) | Err(_) => {}
                    }
                }
                let mut answers = Vec::with_capacity(requests.len());
                for request in requests {
                    answers.push(match request.apply(connection, &shared.parsed) {
                        Ok(saved) => saved,
                        Err(error) if connection.is_autocommit() => return Err(error),
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
        self.note(shared, done)
    }

    /// A connection that waits so long for other processes, and a log that nobody is in doubt about.
    fn ready(&mut self, shared: &Shared, timeout: Duration) -> Result<&mut Connection, SqliteError> {
        if self.connection.is_none() {
            self.adopt(shared, shared.connect()?)?;
        }
        if shared.in_doubt.load(Ordering::SeqCst) {
            open::has_room(&shared.file)
                .map_err(|error| SqliteError { doing: "looking whether the disk has room", source: error.into() })?;
            let connection = self.connection.as_mut().expect("BUG: it was opened above");
            let settled = transact(connection, |connection| {
                connection.execute("UPDATE stube_store SET settled = settled + 1", []).map(drop)
            });
            let begun_anew = settled.and_then(|()| begin_log_anew(connection));
            match self.note(shared, begun_anew) {
                Ok(()) => shared.in_doubt.store(false, Ordering::SeqCst),
                Err(Failure::Nothing(error) | Failure::InDoubt(error)) => return Err(error),
            }
        }
        let connection = self.connection.as_mut().expect("BUG: it was opened above");
        connection.busy_timeout(timeout).map_err(|error| SqliteError::new("setting its patience", error))?;
        Ok(connection)
    }

    /// Told before anybody is answered: a load that follows must know.
    fn note<T>(&mut self, shared: &Shared, done: Result<T, Failure>) -> Result<T, Failure> {
        match &done {
            Ok(_) => {}
            Err(Failure::Nothing(error)) if error.is_busy() => {}
            Err(Failure::Nothing(_)) => self.connection = None,
            Err(Failure::InDoubt(_)) => {
                shared.in_doubt.store(true, Ordering::SeqCst);
                self.connection = None;
            }
        }
        done
    }

    /// Copies the log into the file, as far as nobody reads from it, if it has become long enough. The engine would do
    /// so in the commit, and keep waiting whoever has asked for it.
    fn checkpoint_if_due(&self, shared: &Shared) {
        if !shared.is_checkpoint_due() {
            return;
        }
        if let Some(connection) = &self.connection {
            // If it fails the log only goes on growing, and the next commit tries again.
            let _ = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        }
        shared.log_pages.store(0, Ordering::Relaxed);
    }
}

impl WriteRequest {
    fn apply(&self, connection: &Connection, parsed: &Parsed) -> Result<WriteOutcome, rusqlite::Error> {
        match self {
            Self::Save { record, replaces } => rows::save(connection, parsed, record, *replaces),
            Self::Delete { id, replaces } => rows::delete(connection, parsed, *id, *replaces),
            Self::Settle => Ok(WriteOutcome::Applied),
        }
    }
}

/// Does `work` in one transaction, and tells what is certain if that fails.
fn transact<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, rusqlite::Error>,
) -> Result<T, Failure> {
    let nothing = |doing| move |error| Failure::Nothing(SqliteError::new(doing, error));
    // The same statements each time, so they are prepared once.
    let run = |sql| connection.prepare_cached(sql).and_then(|mut statement| statement.execute([])).map(drop);
    run("BEGIN IMMEDIATE").map_err(nothing("beginning a transaction"))?;
    let done = work(connection).map_err(nothing("changing rows")).and_then(|done| match run("COMMIT") {
        Ok(()) => Ok(done),
        Err(error) => Err(match error.sqlite_error_code() {
            // Nobody was let in, or the end of the transaction did not fit on the disk.
            Some(ErrorCode::DatabaseBusy | ErrorCode::DiskFull) => nothing("committing")(error),
            _ => Failure::InDoubt(SqliteError::new("committing", error)),
        }),
    });
    if done.is_err() && !connection.is_autocommit() {
        // If this fails, so does the next transaction.
        let _ = connection.execute_batch("ROLLBACK");
    }
    done
}

/// Brings all that is in the log into the file, and cuts it to nothing.
fn begin_log_anew(connection: &Connection) -> Result<(), Failure> {
    match open::cut_log(connection) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Failure::InDoubt(SqliteError::message("beginning the log anew", "somebody reads from it"))),
        Err(error) => Err(Failure::InDoubt(SqliteError::new("beginning the log anew", error))),
    }
}

fn all(requests: &[&WriteRequest], error: SqliteError, saved: fn(BoxError) -> WriteOutcome) -> Vec<WriteOutcome> {
    let error = Arc::new(error);
    requests.iter().map(|_| saved(Arc::clone(&error).into())).collect()
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
