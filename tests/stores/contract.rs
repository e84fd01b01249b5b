//! The contract of stores: ours keep it, and there is no promise that some broken store does not break.

mod remote;

use std::collections::BTreeSet;

use remote::{Flaw, Site};
use stube::BoxError;
use stube::record::{Record, Revision};
use stube::store::contract;
use stube::store::contract::Promise::{self, *};
use stube::store::{BoxFuture, Visitor, WriteOutcome};
use stube::{ConversationId, MemoryStore, Store};

/// What cannot be seen in a process whose machine keeps running.
const CUTS: [Promise; 6] = [CutAfterSave, CutAfterDelete, CutInside, CutAfterFault, CutAfterKill, CutAfterDiscard];

/// All of these, in the order of their numbers.
fn together(promises: &[&[Promise]]) -> Vec<Promise> {
    let mut together = promises.concat();
    together.sort();
    together
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_memory_store_keeps_what_it_can() {
    // The suite itself may run on another thread.
    let report = tokio::spawn(contract::run(MemoryStore::new)).await.expect("it does not panic");
    report.assert();
    // Nothing outlives it and nothing is below it.
    let not_checked = [Unreadable, Reopened, RevisionsReopened, Faults, Recovery, Unknown];
    assert_eq!(report.not_checked(), together(&[&not_checked, &CUTS, &[Idle]]), "{report}");
    assert!(report.to_string().contains("not checked  C24"), "{report}");
}

/// Only what a store must write by hand.
#[derive(Debug, Default)]
struct Plain(MemoryStore);

impl Store for Plain {
    fn load_all<'a>(&'a self, each: &'a mut Visitor<'a>) -> BoxFuture<'a, Result<(), BoxError>> {
        self.0.load_all(each)
    }

    fn save<'a>(&'a self, record: &'a Record, replaces: Option<Revision>) -> BoxFuture<'a, WriteOutcome> {
        self.0.save(record, replaces)
    }

    fn delete(&self, id: ConversationId, replaces: Revision) -> BoxFuture<'_, WriteOutcome> {
        self.0.delete(id, replaces)
    }
}

#[tokio::test]
async fn a_store_of_three_operations_keeps_it() {
    contract::run(Plain::default).await.assert();
}

#[cfg(unix)]
mod files {
    use stube::FileStore;
    use stube::store::Inline;
    use stube::store::contract::Harness;
    use tempfile::TempDir;

    use super::*;

    /// A directory, with a store in it.
    struct Files(TempDir, Inline);

    impl Files {
        fn open(&self) -> Result<FileStore, BoxError> {
            Ok(FileStore::options().inline(self.1).open(self.0.path())?)
        }
    }

    impl Harness for Files {
        type Store = FileStore;

        async fn fresh(&mut self) -> Result<FileStore, BoxError> {
            self.0 = TempDir::new()?;
            self.open()
        }

        async fn reopen(&mut self) -> Result<Option<FileStore>, BoxError> {
            self.open().map(Some)
        }

        async fn overwrite(&mut self, id: ConversationId, bytes: &[u8]) -> Result<bool, BoxError> {
            std::fs::write(self.0.path().join(format!("{id}.json")), bytes)?;
            Ok(true)
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_file_store_keeps_it_in_a_directory() {
        for inline in [Inline::WhenIdle, Inline::Always, Inline::Never] {
            let report = contract::run(Files(TempDir::new().expect("a directory"), inline)).await;
            report.assert();
            // On a disk in memory these are checked too, in the file store's own tests.
            assert_eq!(report.not_checked(), together(&[&[Faults, Recovery, Unknown], &CUTS, &[Idle]]), "{report}");
        }
    }
}

// ---- The suite itself ---------------------------------------------------------------------------------------------

#[tokio::test]
async fn a_store_on_a_server_keeps_it_whatever_becomes_of_the_line() {
    let report = contract::run(Site::new(Flaw::Nothing)).await;
    report.assert();
    assert_eq!(report.not_checked(), CUTS, "{report}");
}

/// All promises that each store breaks, so that one that is broken for another reason is noticed.
fn broken(flaw: Flaw) -> &'static [Promise] {
    match flaw {
        Flaw::Nothing => &[],
        // It returns no record as it was, so hardly any check comes to its end.
        Flaw::RewritesJson => &[
            Bytes,
            Largest,
            Ids,
            Revisions,
            LargeRevisions,
            DeleteNamesRevision,
            DeleteTwice,
            LoadAll,
            OneWinner,
            ManyTasks,
            LoadAllMeanwhile,
            GivenUp,
            Unreadable,
            Reopened,
            Faults,
            Recovery,
            Unknown,
            Discarded,
        ],
        Flaw::HoldsAMillionBytes => &[Largest, Reopened],
        Flaw::KeepsHalfOfAnId => &[Ids, Unreadable],
        Flaw::LastSaveWins => &[Revisions, LargeRevisions, DeletedIsGone, OneWinner, RevisionsReopened],
        Flaw::SmallRevisions => &[LargeRevisions, DeleteNamesRevision],
        Flaw::DeletesWhateverIsThere => &[DeleteNamesRevision, OneWinner, RevisionsReopened, Discarded],
        Flaw::NothingToDeleteIsAConflict => &[DeleteTwice, Faults, Recovery, Unknown, Discarded],
        Flaw::ListsTheDeleted => &[DeletedIsGone],
        Flaw::NothingIsAnError => {
            &[Nothing, ManyTasks, LoadAllMeanwhile, GivenUp, Faults, Recovery, Unknown, Discarded]
        }
        Flaw::LoadsTheFirst256 => &[Ids, LoadAll],
        Flaw::IgnoresCase => &[Pages],
        Flaw::PagesByNumber => &[PagesGoOn],
        Flaw::CountsAll | Flaw::CountsUnsorted => &[Counts],
        Flaw::ComparesBefore => &[OneWinner],
        Flaw::OneDocument => &[ManyTasks, LoadAllMeanwhile],
        Flaw::WalksByPlace => &[LoadAllMeanwhile],
        Flaw::RemovesBefore => &[OneWinner, GivenUp],
        Flaw::StopsAtTheUnreadable | Flaw::OverwritesTheUnreadable => &[Unreadable],
        Flaw::WritesLate => &[Reopened, RevisionsReopened, Faults],
        Flaw::KnowsOnlyTheLoaded => &[Reopened, RevisionsReopened],
        Flaw::TakesLostForRefused | Flaw::AnswersBefore | Flaw::GivesUpTheLine | Flaw::BelievesItHasSaved => {
            &[Faults, Recovery, Unknown]
        }
        Flaw::AgesByTouched => &[Idle],
        Flaw::DiscardsWhateverIsThere | Flaw::DiscardsNothing => &[Discarded],
    }
}

#[tokio::test]
async fn each_store_with_a_flaw_breaks_the_promises_that_it_should() {
    let mut wrong = String::new();
    for flaw in Flaw::ALL {
        let report = contract::run(Site::new(flaw)).await;
        if report.broken() != broken(flaw) {
            wrong += &format!("{flaw:?} breaks {:?}:\n{report}\n", report.broken());
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Where tasks run beside each other, they must meet all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn races_are_found_on_several_threads_too() {
    for (flaw, promise) in [(Flaw::ComparesBefore, OneWinner), (Flaw::OneDocument, ManyTasks)] {
        let report = contract::run(Site::new(flaw)).await;
        assert!(report.broken().contains(&promise), "{flaw:?}:\n{report}");
    }
}

#[test]
fn there_is_no_promise_that_no_store_breaks() {
    let broken: BTreeSet<_> = Flaw::ALL.into_iter().flat_map(broken).chain(&CUTS).collect();
    assert_eq!(broken, Promise::ALL.iter().collect());
}

#[tokio::test]
#[should_panic(expected = "BROKEN       C10: `load_all` passes every record once.")]
async fn a_broken_promise_is_told_with_its_number_and_its_words() {
    contract::run(Site::new(Flaw::LoadsTheFirst256)).await.assert();
}

#[test]
fn promises_are_numbered_from_one() {
    for (number, promise) in (1..).zip(Promise::ALL) {
        assert_eq!(promise.number(), number);
        assert!(promise.words().ends_with('.'), "{promise}");
    }
}
