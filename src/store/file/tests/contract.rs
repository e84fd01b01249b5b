//! The contract of stores on a disk that loses power and fails, for the store as it is and for those with one thing
//! wrong each.

use std::fmt;
use std::sync::Mutex;

use rustix::io::Errno;

use crate::error::BoxError;
use crate::id::ConversationId;
use crate::record::{Record, Revision};
use crate::store::contract::{self, Harness, Promise, Report};
use crate::store::file::tests::Possible;
use crate::store::file::tests::broken::{Flaw, Subject};
use crate::store::file::tests::model::{Disk, Fault, Model};
use crate::store::{BoxFuture, Each, LoadError, Saved, Store};

/// A store on a disk in memory.
struct OnDisk {
    subject: Subject,
    model: Model<Possible>,
    /// How many faults there had been when the next one was planned.
    faults: Mutex<usize>,
}

impl fmt::Debug for OnDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnDisk").finish_non_exhaustive()
    }
}

impl OnDisk {
    fn open(disk: Disk, flaw: Flaw) -> Self {
        let model = Model::new(disk, Possible::new()).without_moments();
        let subject = Subject::open(model.clone(), flaw).expect("a disk without faults can be opened");
        Self { subject, model, faults: Mutex::new(0) }
    }
}

impl Store for OnDisk {
    fn load_all<'a>(&'a self, each: &'a mut Each<'a>) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(async move {
            let (records, unreadable) = self.subject.load_all()?;
            records.into_iter().map(Ok).chain(unreadable.into_iter().map(Err)).for_each(each);
            Ok(())
        })
    }

    fn load(&self, id: ConversationId) -> BoxFuture<'_, Result<Option<Record>, LoadError>> {
        Box::pin(async move { self.subject.load(id) })
    }

    fn save<'a>(&'a self, record: &'a Record, replaces: Option<Revision>) -> BoxFuture<'a, Saved> {
        Box::pin(async move { self.subject.save(record, replaces) })
    }

    fn delete(&self, id: ConversationId, replaces: Revision) -> BoxFuture<'_, Saved> {
        Box::pin(async move { self.subject.delete(id, replaces) })
    }
}

struct Disks {
    flaw: Flaw,
    fault: Fault,
}

impl Harness for Disks {
    type Store = OnDisk;

    fn fresh(&self) -> BoxFuture<'_, OnDisk> {
        Box::pin(async { OnDisk::open(Disk::default(), self.flaw) })
    }

    fn reopen(&self, store: OnDisk) -> BoxFuture<'_, Option<OnDisk>> {
        Box::pin(async move { Some(OnDisk::open(store.model.disk(), self.flaw)) })
    }

    fn power_cuts<'a>(&'a self, store: &'a OnDisk) -> BoxFuture<'a, Option<Vec<OnDisk>>> {
        let cuts = store.model.disk().crashes();
        Box::pin(async { Some(cuts.into_iter().map(|disk| OnDisk::open(disk, self.flaw)).collect()) })
    }

    fn fail(&self, store: &OnDisk, nth: usize) -> bool {
        *store.faults.lock().expect("no test panics in here") = store.model.faults().len();
        let (from, fault) = (store.model.calls(), self.fault);
        store.model.fail(move |call, _| (call == from + nth).then_some(fault));
        true
    }

    fn heal(&self, store: &OnDisk) -> bool {
        store.model.fail(|_, _| None);
        store.model.faults().len() > *store.faults.lock().expect("no test panics in here")
    }

    fn damage<'a>(&'a self, store: &'a OnDisk, id: ConversationId) -> BoxFuture<'a, bool> {
        store.model.damage(&format!("{id}.json"));
        Box::pin(async { true })
    }
}

async fn report(flaw: Flaw, fault: Fault) -> Report {
    let report = contract::run(&Disks { flaw, fault }).await;
    assert_eq!(report.not_checked(), [], "this disk can do all of it");
    report
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_keeps_the_contract_on_a_disk_that_fails() {
    for fault in [Fault::Refused(Errno::IO), Fault::Refused(Errno::NOSPC), Fault::Lost(Errno::IO)] {
        report(Flaw::Nothing, fault).await.assert();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_broken_store_breaks_the_promises_that_it_should() {
    use Promise::{FirstSave, OneWinner, PowerCuts, Reopening, Revisions};
    let broken = [
        (Flaw::NoFileSync, vec![PowerCuts]),
        (Flaw::NoDirectorySync, vec![PowerCuts]),
        (Flaw::WritesInPlace, vec![Promise::Faults, PowerCuts]),
        (Flaw::RetriesFileSync, vec![PowerCuts]),
        (Flaw::RetriesDirectorySync, vec![PowerCuts]),
        (
            Flaw::MemoryFirst,
            vec![FirstSave, Revisions, OneWinner, Promise::Delete, Reopening, Promise::Faults, PowerCuts],
        ),
        (Flaw::NoVersionCheck, vec![FirstSave, Revisions, OneWinner]),
        (Flaw::NoDirectorySyncAtDelete, vec![PowerCuts]),
    ];
    for (flaw, promises) in broken {
        let report = report(flaw, Fault::Refused(Errno::IO)).await;
        for promise in promises {
            assert!(report.broken().contains(&promise), "{flaw:?} should break {promise}\n{report}");
        }
    }
}
