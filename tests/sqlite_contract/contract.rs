//! The contract of stores, on a disk that fails and loses power: the SQLite store keeps all of it, and each store with a
//! flaw breaks the promises that one would think of.
//!
//! Under the real engine are calls of this test's own: `vfs` carries them to a `machine`, which has a `disk` in memory.
//!
//! The store itself asks the system for its file too, so there is a real and empty one at the same path, and beside it
//! what is in the log. Of what the store does to those, it is seen here that it writes the log again. It is not seen that
//! it makes the file, and syncs its log and its directory as it opens. So the file is there, durable and empty, before
//! the engine comes; the log is synced by the engine's own check-point; and the directory is synced whenever a store has
//! been opened. Power cuts under a real file system are in `tests/faults/`.
//!
//! The contract has no faults while a store opens, reads or ends. Those are in `life`.

mod broken;
mod disk;
mod life;
mod machine;
mod vfs;

use std::path::PathBuf;
use std::sync::Arc;

use stube::BoxError;
use stube::ConversationId;
use stube::store::Inline;
use stube::store::contract::Promise::{self, *};
use stube::store::contract::{self, Fault, Harness, Report};
use stube::store::sqlite::rusqlite::Connection;
use tempfile::TempDir;

use broken::{Flaw, Subject};
use disk::Disk;
use machine::Machine;

/// Opens stores with a flaw, each on a machine of its own.
struct Laboratory {
    flaw: Flaw,
    /// Whether writes are refused because the disk is full.
    full: bool,
    /// Which calls the stores make in the threads of their callers.
    inline: Inline,
    dir: TempDir,
    /// How many were opened.
    opened: usize,
    /// The last one.
    machine: Arc<Machine>,
}

impl Laboratory {
    fn new(flaw: Flaw, full: bool, inline: Inline) -> Self {
        // The store syncs the directory each time.
        let named = || tempfile::Builder::new().prefix("sqlite-contract-").to_owned();
        let memory = named().tempdir_in("/dev/shm");
        let dir = memory.or_else(|_| named().tempdir()).expect("a temporary directory can be made");
        let machine = Machine::new(Disk::default(), flaw, full, PathBuf::new());
        Self { flaw, full, inline, dir, opened: 0, machine }
    }

    fn open(&mut self, disk: Disk) -> Result<Subject, BoxError> {
        self.open_with(disk, &[])
    }

    /// Calls may fail even while it opens.
    fn open_with(&mut self, disk: Disk, faults: &[Fault]) -> Result<Subject, BoxError> {
        self.opened += 1;
        self.machine = Machine::new(disk, self.flaw, self.full, broken::log(&self.path()));
        self.machine.fail(faults);
        Subject::open(Arc::clone(&self.machine), self.path(), self.inline)
    }

    /// Of the real file, which stands for the one on the machine.
    fn path(&self) -> PathBuf {
        self.dir.path().join(self.opened.to_string())
    }
}

impl Harness for Laboratory {
    type Store = Subject;

    async fn fresh(&mut self) -> Result<Subject, BoxError> {
        self.open(Disk::with_empty_file(vfs::NAME))
    }

    async fn reopen(&mut self) -> Result<Option<Subject>, BoxError> {
        self.open(self.machine.disk()).map(Some)
    }

    async fn overwrite(&mut self, id: ConversationId, bytes: &[u8]) -> Result<bool, BoxError> {
        let changed = Connection::open(self.path())?
            .execute("UPDATE stube_conversation SET record = ?2 WHERE id = ?1", (id.to_string(), bytes))?;
        Ok(changed == 1)
    }

    fn fail(&mut self, fault: Option<Fault>) -> bool {
        self.machine.fail(fault.as_slice());
        true
    }

    fn failed(&self) -> usize {
        self.machine.failed()
    }

    async fn cut_power(&mut self, store: Subject) -> Result<Option<Vec<Subject>>, BoxError> {
        let disk = self.machine.disk();
        drop(store);
        disk.after_cut().into_iter().map(|disk| self.open(disk)).collect::<Result<_, _>>().map(Some)
    }
}

fn report(flaw: Flaw, full: bool, inline: Inline) -> Report {
    block_on(contract::run(Laboratory::new(flaw, full, inline)))
}

/// Both ways of a change. What a store does by itself is one of them each time.
const WAYS: [Inline; 2] = [Inline::Never, Inline::Always];

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime can be made");
    runtime.block_on(future)
}

#[track_caller]
fn keeps_all(full: bool) {
    for inline in WAYS {
        let report = report(Flaw::Nothing, full, inline);
        // Shown with `--nocapture`.
        eprintln!("{inline:?}:\n{report}");
        report.assert();
        // All processes on one file are on one machine, with one clock: the system's.
        assert_eq!(report.not_checked(), [Idle], "{report}");
    }
}

#[test]
fn the_sqlite_store_keeps_every_promise_whatever_fails() {
    keeps_all(false);
}

#[test]
fn the_sqlite_store_keeps_every_promise_when_there_is_no_room_for_what_it_writes() {
    keeps_all(true);
}

// ---- Each flaw is found -------------------------------------------------------------------------------------------

/// All promises that it breaks, so that one that is broken for another reason is noticed.
#[track_caller]
fn breaks(flaw: Flaw, promises: &[Promise]) {
    let report = report(flaw, false, Inline::Never);
    assert_eq!(report.broken(), promises, "{flaw:?}:\n{report}");
    // One that says that all is well, or that nothing is, whatever happens, has no unknown outcomes.
    let is_sure = matches!(flaw, Flaw::MemoryFirst | Flaw::TakesUnknownForNotApplied);
    let not_checked: &[Promise] = if is_sure { &[Unknown, Idle] } else { &[Idle] };
    assert_eq!(report.not_checked(), not_checked, "{flaw:?}:\n{report}");
}

/// What a store breaks that loses or tears what it has saved.
const ALL_CUTS: [Promise; 7] =
    [Unknown, CutAfterSave, CutAfterDelete, CutInside, CutAfterFault, CutAfterKill, CutAfterDiscard];

#[test]
fn a_store_without_fsync_of_files_is_caught() {
    breaks(Flaw::NoFileSync, &ALL_CUTS);
}

#[test]
fn a_store_that_syncs_its_log_only_before_it_is_copied_is_caught() {
    // What a new process has loaded is safe: as it opens, it copies the log.
    breaks(Flaw::NoLogSync, &[Unknown, CutAfterSave, CutAfterDelete, CutInside, CutAfterFault, CutAfterDiscard]);
}

#[test]
fn a_store_that_does_not_sync_what_it_copies_from_its_log_is_caught() {
    breaks(Flaw::NoDatabaseSync, &ALL_CUTS);
}

#[test]
fn a_store_without_fsync_of_the_directory_is_caught() {
    // Without the log, a file has what was in it as it was opened, and that is nothing. What was deleted is not there.
    breaks(Flaw::NoDirectorySync, &[Unknown, CutAfterSave, CutInside, CutAfterFault, CutAfterKill, CutAfterDiscard]);
}

#[test]
fn a_store_that_does_not_settle_the_log_as_it_opens_is_caught() {
    // Nor does it come out of doubt, for which the same is done.
    breaks(Flaw::SettlesNoLog, &[Faults, Recovery, Unknown, CutAfterKill]);
}

#[test]
fn a_store_that_calls_fsync_again_is_caught() {
    breaks(Flaw::RetriesSync, &[CutAfterFault]);
}

#[test]
fn a_store_with_a_rollback_journal_is_caught() {
    // Nobody syncs the removal of the journal, and one that is back undoes the last commit: until a store is opened.
    breaks(Flaw::RollbackJournal, &[Unknown, CutAfterSave, CutAfterDelete, CutInside, CutAfterFault, CutAfterDiscard]);
}

#[test]
fn a_store_that_writes_in_place_is_caught() {
    breaks(Flaw::JournalInMemory, &[Faults, Recovery, Unknown, CutInside, CutAfterKill]);
}

#[test]
fn a_store_that_changes_its_memory_first_is_caught() {
    breaks(Flaw::MemoryFirst, &[Unreadable, Faults, CutInside, CutAfterFault, CutAfterKill]);
}

#[test]
fn a_store_that_compares_no_revisions_is_caught() {
    let all = [Revisions, LargeRevisions, DeletedIsGone, OneWinner, Unreadable, RevisionsReopened];
    breaks(Flaw::NoRevisionCheck, &all);
}

#[test]
fn a_store_that_takes_an_unknown_outcome_for_none_is_caught() {
    // Where only one call fails it is right: what the commit left in the log is written over before it is answered.
    breaks(Flaw::TakesUnknownForNotApplied, &[CutInside, CutAfterKill]);
}
