//! The contract of stores, on a disk that fails and loses power: the file store keeps all of it, and each store with a
//! flaw breaks the promises that one would think of.

use rustix::io::Errno;

use crate::model::error::BoxError;
use crate::model::id::ConversationId;
use crate::store::contract::Promise::{self, *};
use crate::store::contract::{self, Harness, Report};
use crate::store::file::tests::Possible;
use crate::store::file::tests::broken::{Flaw, Subject};
use crate::store::file::tests::model::{Disk, Fault, Model};

/// Opens stores with a flaw on a disk in memory.
struct Machine {
    flaw: Flaw,
    model: Model<Possible>,
    /// The faults before the harness was told of the last one.
    faults: usize,
}

impl Machine {
    fn new(flaw: Flaw) -> Self {
        Self { flaw, model: on(Disk::default()), faults: 0 }
    }

    fn open(&mut self, disk: Disk) -> Result<Subject, BoxError> {
        self.model = on(disk);
        Ok(Subject::open(self.model.clone(), self.flaw)?)
    }
}

fn on(disk: Disk) -> Model<Possible> {
    Model::forgetful(disk, Possible::new())
}

impl Harness for Machine {
    type Store = Subject;

    async fn fresh(&mut self) -> Result<Subject, BoxError> {
        self.open(Disk::default())
    }

    async fn reopen(&mut self) -> Result<Option<Subject>, BoxError> {
        self.open(self.model.disk()).map(Some)
    }

    async fn overwrite(&mut self, id: ConversationId, bytes: &[u8]) -> Result<bool, BoxError> {
        self.model.put(&format!("{id}.json"), bytes);
        Ok(true)
    }

    fn fail(&mut self, fault: Option<contract::Fault>) -> bool {
        let from = self.model.calls();
        self.faults = self.model.faults().len();
        self.model.fail(move |call, _| match fault? {
            contract::Fault::Refused(nth) => (call == from + nth).then_some(Fault::Refused(Errno::IO)),
            contract::Fault::Lost(nth) => (call == from + nth).then_some(Fault::Lost(Errno::IO)),
            contract::Fault::CutOff(nth) => (call >= from + nth).then_some(Fault::CutOff(Errno::IO)),
        });
        true
    }

    fn failed(&self) -> usize {
        self.model.faults().len() - self.faults
    }

    async fn cut_power(&mut self, store: Subject) -> Result<Option<Vec<Subject>>, BoxError> {
        let disk = self.model.disk();
        drop(store);
        disk.crashes().into_iter().map(|disk| self.open(disk)).collect::<Result<_, _>>().map(Some)
    }
}

fn report(flaw: Flaw) -> Report {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime can be made");
    runtime.block_on(contract::run(Machine::new(flaw)))
}

#[test]
fn the_file_store_keeps_every_promise_whatever_fails() {
    let report = report(Flaw::Nothing);
    // Shown with `--nocapture`.
    eprintln!("{report}");
    report.assert();
    // The directory has one writer, so the store needs no clock that processes share.
    assert_eq!(report.not_checked(), [Idle], "{report}");
}

/// All promises that it breaks, so that one that is broken for another reason is noticed.
#[track_caller]
fn breaks(flaw: Flaw, promises: &[Promise]) {
    let report = report(flaw);
    assert_eq!(report.broken(), promises, "{flaw:?}:\n{report}");
    // One that says that all is well whatever happens has no unknown outcomes.
    let not_checked: &[Promise] = if flaw == Flaw::MemoryFirst { &[Unknown, Idle] } else { &[Idle] };
    assert_eq!(report.not_checked(), not_checked, "{flaw:?}:\n{report}");
}

/// The promises that a store breaks which loses or tears saved records.
const ALL_CUTS: [Promise; 7] =
    [Unknown, CutAfterSave, CutAfterDelete, CutInside, CutAfterFault, CutAfterKill, CutAfterDiscard];

#[test]
fn a_store_without_fsync_of_the_file_is_caught() {
    breaks(Flaw::NoFileSync, &ALL_CUTS);
}

#[test]
fn a_store_without_fsync_of_the_directory_is_caught() {
    breaks(Flaw::NoDirectorySync, &ALL_CUTS);
}

#[test]
fn a_store_without_fsync_of_the_directory_after_a_delete_is_caught() {
    breaks(Flaw::NoDirectorySyncAtDelete, &[CutAfterDelete, CutInside, CutAfterFault, CutAfterDiscard]);
}

#[test]
fn a_store_without_fsync_of_the_directory_as_it_opens_is_caught() {
    breaks(Flaw::NoDirectorySyncAtOpen, &[CutAfterKill]);
}

#[test]
fn a_store_that_writes_in_place_is_caught() {
    breaks(Flaw::WritesInPlace, &[Faults, Recovery, Unknown, CutInside, CutAfterFault, CutAfterKill]);
}

#[test]
fn a_store_that_calls_fsync_of_a_file_again_is_caught() {
    breaks(Flaw::RetriesFileSync, &[CutAfterFault]);
}

#[test]
fn a_store_that_calls_fsync_of_the_directory_again_is_caught() {
    breaks(Flaw::RetriesDirectorySync, &[CutAfterFault]);
}

#[test]
fn a_store_that_changes_its_memory_first_is_caught() {
    breaks(Flaw::MemoryFirst, &[Unreadable, Faults, CutInside, CutAfterFault, CutAfterKill]);
}

#[test]
fn a_store_that_compares_no_revisions_is_caught() {
    let all = [Revisions, LargeRevisions, DeletedIsGone, OneWinner, Unreadable, RevisionsReopened];
    breaks(Flaw::NoVersionCheck, &all);
}
