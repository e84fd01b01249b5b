//! The stores of this crate keep the contract, and stores that do not are caught, each for what is wrong with it.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use stube::error::BoxError;
use stube::record::{Record, Revision};
use stube::store::contract::{self, Finding, Harness, Promise};
use stube::store::{BoxFuture, Count, Each, LoadError, Page, Query, Saved};
use stube::{ConversationId, FileStore, MemoryStore, Store};
use tempfile::TempDir;

struct Memory;

impl Harness for Memory {
    type Store = Arc<MemoryStore>;

    fn fresh(&self) -> BoxFuture<'_, Self::Store> {
        Box::pin(async { Arc::default() })
    }

    /// As far as the process goes on.
    fn reopen(&self, store: Self::Store) -> BoxFuture<'_, Option<Self::Store>> {
        Box::pin(async { Some(store) })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_keeps_it() {
    let report = contract::run(&Memory).await;
    report.assert();
    assert_eq!(report.not_checked(), [Promise::Faults, Promise::PowerCuts, Promise::Damage]);
}

/// A store with its directory, which is removed last.
#[derive(Debug)]
struct InDirectory {
    store: FileStore,
    dir: TempDir,
}

impl Store for InDirectory {
    fn load_all<'a>(&'a self, each: &'a mut Each<'a>) -> BoxFuture<'a, Result<(), BoxError>> {
        self.store.load_all(each)
    }

    fn load(&self, id: ConversationId) -> BoxFuture<'_, Result<Option<Record>, LoadError>> {
        self.store.load(id)
    }

    fn list<'a>(
        &'a self,
        query: &'a Query,
        after: Option<ConversationId>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, BoxError>> {
        self.store.list(query, after, limit)
    }

    fn save<'a>(&'a self, record: &'a Record, replaces: Option<Revision>) -> BoxFuture<'a, Saved> {
        self.store.save(record, replaces)
    }

    fn delete(&self, id: ConversationId, replaces: Revision) -> BoxFuture<'_, Saved> {
        self.store.delete(id, replaces)
    }
}

struct Files;

impl Harness for Files {
    type Store = InDirectory;

    fn fresh(&self) -> BoxFuture<'_, InDirectory> {
        Box::pin(async {
            let dir = TempDir::new().expect("a directory");
            InDirectory { store: FileStore::open(dir.path()).expect("it opens"), dir }
        })
    }

    fn reopen(&self, store: InDirectory) -> BoxFuture<'_, Option<InDirectory>> {
        Box::pin(async {
            let InDirectory { store, dir } = store;
            drop(store);
            Some(InDirectory { store: FileStore::open(dir.path()).expect("it opens again"), dir })
        })
    }

    fn damage<'a>(&'a self, store: &'a InDirectory, id: ConversationId) -> BoxFuture<'a, bool> {
        Box::pin(async move {
            let file = store.dir.path().join(format!("{id}.json"));
            let mut bytes = std::fs::read(&file).expect("the record");
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            std::fs::write(&file, bytes).expect("it can be written");
            true
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_keep_it() {
    let report = contract::run(&Files).await;
    report.assert();
    // These are checked on a disk in memory: `src/store/file/tests/contract.rs`.
    assert_eq!(report.not_checked(), [Promise::Faults, Promise::PowerCuts]);
}

// ---- Stores with one thing wrong each -----------------------------------------------------------------------------

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    ChangesBytes,
    OverwritesAtFirstSave,
    BelievesAnyRevision,
    ChecksAndThenSaves,
    DeletesAnyRevision,
    FailsToDeleteAgain,
    RevivesAtReopening,
    HandsOnTwice,
    LosesLargeRecords,
    ComparesHalfOfAnId,
    LosesUnderLoad,
    ForgetsAtReopening,
    IgnoresTheOwner,
    RepeatsTheLastOfAPage,
    CountsAll,
}

/// What each of them breaks at least.
const FLAWS: [(Flaw, Promise); 15] = [
    (Flaw::ChangesBytes, Promise::RoundTrip),
    (Flaw::OverwritesAtFirstSave, Promise::FirstSave),
    (Flaw::BelievesAnyRevision, Promise::Revisions),
    (Flaw::ChecksAndThenSaves, Promise::OneWinner),
    (Flaw::DeletesAnyRevision, Promise::Delete),
    (Flaw::FailsToDeleteAgain, Promise::DeleteAgain),
    (Flaw::RevivesAtReopening, Promise::StaysDeleted),
    (Flaw::HandsOnTwice, Promise::LoadAll),
    (Flaw::LosesLargeRecords, Promise::Sizes),
    (Flaw::ComparesHalfOfAnId, Promise::Ids),
    (Flaw::LosesUnderLoad, Promise::ManyTasks),
    (Flaw::ForgetsAtReopening, Promise::Reopening),
    (Flaw::IgnoresTheOwner, Promise::Lists),
    (Flaw::RepeatsTheLastOfAPage, Promise::Lists),
    (Flaw::CountsAll, Promise::Lists),
];

struct Bent {
    flaw: Flaw,
    inner: MemoryStore,
    deleted: Mutex<Vec<Record>>,
    saving: AtomicU64,
}

impl fmt::Debug for Bent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.flaw)
    }
}

impl Bent {
    fn new(flaw: Flaw) -> Self {
        Self { flaw, inner: MemoryStore::new(), deleted: Mutex::default(), saving: AtomicU64::new(0) }
    }

    async fn stored(&self, id: ConversationId) -> Option<Revision> {
        self.inner.load(id).await.expect("memory can be read").map(|record| record.revision())
    }

    /// The id whose record is taken for that of this one.
    async fn taken_for(&self, id: ConversationId) -> ConversationId {
        if self.flaw != Flaw::ComparesHalfOfAnId {
            return id;
        }
        let all = self.inner.list(&Query::all(), None, usize::MAX).await.expect("memory can be read");
        let same = |other: &ConversationId| other.bits()[..8] == id.bits()[..8];
        all.into_iter().map(|summary| summary.id).find(same).unwrap_or(id)
    }
}

impl Store for Bent {
    fn load_all<'a>(&'a self, each: &'a mut Each<'a>) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(async move {
            self.inner
                .load_all(&mut |entry| {
                    if self.flaw == Flaw::HandsOnTwice {
                        each(entry.clone());
                    }
                    each(entry);
                })
                .await
        })
    }

    fn load(&self, id: ConversationId) -> BoxFuture<'_, Result<Option<Record>, LoadError>> {
        Box::pin(async move {
            let found = self.inner.load(self.taken_for(id).await).await?;
            let changed = |record: Record| match self.flaw {
                // As one that takes strings for UTF-16 would.
                Flaw::ChangesBytes if record.bytes().is_ascii() => Some(record),
                Flaw::ChangesBytes => None,
                Flaw::LosesLargeRecords => Some(record).filter(|record| record.bytes().len() < 1 << 20),
                _ => Some(record),
            };
            Ok(found.and_then(changed))
        })
    }

    fn list<'a>(
        &'a self,
        query: &'a Query,
        after: Option<ConversationId>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, BoxError>> {
        Box::pin(async move {
            match (self.flaw, after) {
                (Flaw::IgnoresTheOwner, _) => {
                    let mut query = query.clone();
                    query.owner = None;
                    self.inner.list(&query, after, limit).await
                }
                (Flaw::RepeatsTheLastOfAPage, Some(after)) => {
                    let before = u128::from_be_bytes(after.bits()).saturating_sub(1);
                    self.inner.list(query, Some(ConversationId::from_bits(before.to_be_bytes())), limit).await
                }
                _ => self.inner.list(query, after, limit).await,
            }
        })
    }

    fn count<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Vec<Count>, BoxError>> {
        Box::pin(async move {
            match self.flaw {
                Flaw::CountsAll => self.inner.count(&Query::all()).await,
                _ => self.inner.count(query).await,
            }
        })
    }

    fn save<'a>(&'a self, record: &'a Record, replaces: Option<Revision>) -> BoxFuture<'a, Saved> {
        Box::pin(async move {
            let stored = self.stored(record.id()).await;
            match self.flaw {
                Flaw::OverwritesAtFirstSave if replaces.is_none() => self.inner.save(record, stored).await,
                Flaw::BelievesAnyRevision if replaces.is_some() => self.inner.save(record, stored).await,
                Flaw::ChecksAndThenSaves => {
                    if stored != replaces {
                        return Saved::Conflict { stored };
                    }
                    tokio::task::yield_now().await;
                    let now = self.stored(record.id()).await;
                    self.inner.save(record, now).await
                }
                Flaw::ComparesHalfOfAnId if replaces.is_none() && self.taken_for(record.id()).await != record.id() => {
                    Saved::Applied
                }
                Flaw::LosesUnderLoad => {
                    let others = self.saving.fetch_add(1, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                    let saved = if others > 8 { Saved::Applied } else { self.inner.save(record, replaces).await };
                    self.saving.fetch_sub(1, Ordering::SeqCst);
                    saved
                }
                _ => self.inner.save(record, replaces).await,
            }
        })
    }

    fn delete(&self, id: ConversationId, replaces: Revision) -> BoxFuture<'_, Saved> {
        Box::pin(async move {
            let stored = self.inner.load(id).await.expect("memory can be read");
            match (self.flaw, &stored) {
                (Flaw::DeletesAnyRevision, Some(stored)) => return self.inner.delete(id, stored.revision()).await,
                (Flaw::FailsToDeleteAgain, None) => return Saved::Conflict { stored: None },
                (Flaw::RevivesAtReopening, Some(stored)) => {
                    self.deleted.lock().expect("no test panics in here").push(stored.clone());
                }
                _ => {}
            }
            self.inner.delete(id, replaces).await
        })
    }
}

struct BentHarness(Flaw);

impl Harness for BentHarness {
    type Store = Bent;

    fn fresh(&self) -> BoxFuture<'_, Bent> {
        Box::pin(async { Bent::new(self.0) })
    }

    fn reopen(&self, store: Bent) -> BoxFuture<'_, Option<Bent>> {
        Box::pin(async move {
            if self.0 == Flaw::ForgetsAtReopening {
                return Some(Bent::new(self.0));
            }
            let deleted = std::mem::take(&mut *store.deleted.lock().expect("no test panics in here"));
            for record in deleted {
                assert!(matches!(store.inner.save(&record, None).await, Saved::Applied));
            }
            Some(store)
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_store_with_a_flaw_is_caught_for_it() {
    for (flaw, promise) in FLAWS {
        let report = contract::run(&BentHarness(flaw)).await;
        assert!(report.broken().contains(&promise), "{flaw:?} should break {promise}\n{report}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_checked_is_not_held() {
    struct Opened;
    impl Harness for Opened {
        type Store = MemoryStore;

        fn fresh(&self) -> BoxFuture<'_, MemoryStore> {
            Box::pin(async { MemoryStore::new() })
        }
    }
    let report = contract::run(&Opened).await;
    report.assert();
    let missing = [Promise::StaysDeleted, Promise::Reopening, Promise::Faults, Promise::PowerCuts, Promise::Damage];
    assert_eq!(report.not_checked(), missing);
    assert_eq!(*report.finding(Promise::Reopening), Finding::NotChecked("reopen"));
    assert!(report.to_string().contains("not checked  C12 What was applied"), "{report}");
}

#[test]
fn the_promises_are_numbered() {
    let numbers: Vec<_> = Promise::ALL.iter().map(|promise| promise.number()).collect();
    assert_eq!(numbers, (1..=Promise::ALL.len()).collect::<Vec<_>>());
    assert_eq!(Promise::Delete.to_string(), "C5 A delete removes the revision that it names, or changes nothing.");
}
