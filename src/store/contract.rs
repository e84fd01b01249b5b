//! A conformance suite for stores, for the tests of your own store. Needs the feature `store-contract`.
//!
//! [`run`] takes a [`Harness`], which opens stores and, if it supports that, injects faults: it ends the program, makes
//! calls fail, cuts the power, or corrupts stored bytes. It gives a [`Report`] with the [`Outcome`] of every [`Promise`]:
//! held, broken with an example, or not checked with the reason. A promise that could not be checked never counts as held.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! use stube::{MemoryStore, store::contract};
//!
//! // A function that returns an empty store is a harness.
//! let report = contract::run(MemoryStore::new).await;
//! report.assert();
//! # assert!(!report.not_checked().is_empty());
//! # }
//! ```
//!
//! The harness of a persistent store also says how the store is reopened:
//!
//! ```
//! # #[cfg(unix)] {
//! use stube::FileStore;
//! use stube::BoxError;
//! use stube::store::contract::Harness;
//!
//! struct Files(tempfile::TempDir);
//!
//! impl Harness for Files {
//!     type Store = FileStore;
//!
//!     async fn fresh(&mut self) -> Result<FileStore, BoxError> {
//!         self.0 = tempfile::tempdir()?;
//!         Ok(FileStore::open(self.0.path())?)
//!     }
//!
//!     async fn reopen(&mut self) -> Result<Option<FileStore>, BoxError> {
//!         Ok(Some(FileStore::open(self.0.path())?))
//!     }
//! }
//! # }
//! ```
//!
//! Call it within a tokio runtime. Concurrent callers are interleaved at every await within one task, and also run in tasks
//! of their own, which finds more on a multi-threaded runtime. Nothing here is random, and nothing waits for a
//! fixed time. The suite waits at most ten seconds until a discarded record is deleted.
//!
//! The suite tests a store as a black box, so it detects a missing `fsync` only if the harness can cut the power.

mod assertions;
mod concurrent;
mod faults;
mod promise;
mod records;
mod report;
mod sequential;

use std::future::Future;

use crate::model::error::BoxError;
use crate::model::id::ConversationId;
use crate::store::Store;

pub use promise::Promise;
pub use report::{Outcome, Report};

use report::{Checked, Stop};

/// Opens stores and injects faults. Only [`fresh`](Self::fresh) is required; promises that need a method which the harness
/// does not implement are reported as not checked.
pub trait Harness: Send {
    /// The store under test.
    type Store: Store;

    /// Opens an empty store. The suite has dropped all stores that were opened before.
    ///
    /// # Errors
    ///
    /// The store cannot be opened. An error of this or another method breaks the promise that is being checked.
    fn fresh(&mut self) -> impl Future<Output = Result<Self::Store, BoxError>> + Send;

    /// Reopens the store that was opened last, as the next process would; the suite has dropped it. `None` if its records do
    /// not outlive it.
    fn reopen(&mut self) -> impl Future<Output = Result<Option<Self::Store>, BoxError>> + Send {
        async { Ok(None) }
    }

    /// Overwrites the stored bytes of a record, those of [`Record::bytes`](crate::record::Record::bytes), without going
    /// through the open store. Other data, such as columns beside the bytes, stays. `false` if the harness cannot do it.
    fn overwrite(&mut self, id: ConversationId, bytes: &[u8]) -> impl Future<Output = Result<bool, BoxError>> + Send {
        let _ = (id, bytes);
        async { Ok(false) }
    }

    /// Makes calls fail that the open store makes to the layer below it, such as system calls or database messages. `None`
    /// ends this, and so does opening another store. `false` if the harness cannot do it.
    fn fail(&mut self, fault: Option<Fault>) -> bool {
        let _ = fault;
        false
    }

    /// The number of calls that have failed since the last call of [`fail`](Self::fail) with a fault.
    fn failed(&self) -> usize {
        0
    }

    /// Cuts the power while this store is open, and opens a store on each state that the storage may have afterwards: one
    /// on a real machine, all possible ones in a model of a disk. The suite only reads them. `None` if the harness cannot do
    /// it.
    fn cut_power(
        &mut self,
        store: Self::Store,
    ) -> impl Future<Output = Result<Option<Vec<Self::Store>>, BoxError>> + Send {
        drop(store);
        async { Ok(None) }
    }
}

/// How a call fails. Calls are counted from 0, from the call of [`Harness::fail`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The call has no effect and returns an error.
    Refused(usize),
    /// The call takes effect but returns an error: the reply is lost.
    Lost(usize),
    /// This call and all later ones have no effect: the process was killed, or the connection is broken.
    CutOff(usize),
}

/// A function that returns an empty store, whose records do not outlive it.
impl<S: Store, F: FnMut() -> S + Send> Harness for F {
    type Store = S;

    async fn fresh(&mut self) -> Result<S, BoxError> {
        Ok(self())
    }
}

/// Checks every promise on stores of this harness.
pub async fn run(harness: impl Harness) -> Report {
    let mut suite = Suite { harness };
    let mut report = Report::new();
    for &promise in Promise::ALL {
        report.add(promise, suite.check(promise).await);
    }
    report
}

struct Suite<H> {
    harness: H,
}

impl<H: Harness> Suite<H> {
    async fn check(&mut self, promise: Promise) -> Checked {
        match promise {
            Promise::Bytes => sequential::bytes(&self.fresh().await?).await,
            Promise::Largest => sequential::largest(&self.fresh().await?).await,
            Promise::Ids => sequential::ids(&self.fresh().await?).await,
            Promise::Revisions => sequential::revisions(&self.fresh().await?).await,
            Promise::LargeRevisions => sequential::large_revisions(&self.fresh().await?).await,
            Promise::DeleteNamesRevision => sequential::delete_names_revision(&self.fresh().await?).await,
            Promise::DeleteTwice => sequential::delete_twice(&self.fresh().await?).await,
            Promise::DeletedIsGone => sequential::deleted_is_gone(&self.fresh().await?).await,
            Promise::Nothing => sequential::nothing(&self.fresh().await?).await,
            Promise::LoadAll => sequential::load_all(&self.fresh().await?).await,
            Promise::Pages => sequential::pages(&self.fresh().await?).await,
            Promise::PagesGoOn => sequential::pages_go_on(&self.fresh().await?).await,
            Promise::Counts => sequential::counts(&self.fresh().await?).await,
            Promise::OneWinner => concurrent::one_winner(self.fresh().await?).await,
            Promise::ManyTasks => concurrent::many(self.fresh().await?).await,
            Promise::LoadAllMeanwhile => concurrent::load_all_meanwhile(&self.fresh().await?).await,
            Promise::GivenUp => concurrent::given_up(&self.fresh().await?).await,
            Promise::Unreadable => self.unreadable().await,
            Promise::Reopened => self.reopened().await,
            Promise::RevisionsReopened => self.revisions_reopened().await,
            Promise::Faults => self.faults().await,
            Promise::Recovery => self.recovery().await,
            Promise::Unknown => self.unknown().await,
            Promise::CutAfterSave => self.cut_after_save().await,
            Promise::CutAfterDelete => self.cut_after_delete().await,
            Promise::CutInside => self.cut_inside().await,
            Promise::CutAfterFault => self.cut_after_fault().await,
            Promise::CutAfterKill => self.cut_after_kill().await,
            Promise::Idle => sequential::idle(&self.fresh().await?).await,
            Promise::Discarded => sequential::discarded(&self.fresh().await?).await,
            Promise::CutAfterDiscard => self.cut_after_discard().await,
        }
    }

    async fn fresh(&mut self) -> Result<H::Store, Stop> {
        self.harness.fresh().await.map_err(Stop::failed("opening an empty store"))
    }

    /// Simulates the next process.
    async fn reopen(&mut self) -> Result<H::Store, Stop> {
        let opened = self.harness.reopen().await.map_err(Stop::failed("opening the store again"))?;
        opened.ok_or(Stop::NotChecked("the harness cannot reopen a store"))
    }

    /// Called first by checks that need power cuts, so that the outcome does not depend on how far a check gets.
    async fn must_cut_power(&mut self) -> Result<(), Stop> {
        let store = self.fresh().await?;
        self.cut_power(store).await.map(|_| ())
    }

    async fn cut_power(&mut self, store: H::Store) -> Result<Vec<H::Store>, Stop> {
        let left = self.harness.cut_power(store).await.map_err(Stop::failed("opening the store after a power cut"))?;
        left.ok_or(Stop::NotChecked("the harness cannot cut the power"))
    }

    fn fail(&mut self, fault: Fault) -> Result<(), Stop> {
        match self.harness.fail(Some(fault)) {
            true => Ok(()),
            false => Err(Stop::NotChecked("the harness cannot make calls fail")),
        }
    }

    fn fail_no_more(&mut self) {
        self.harness.fail(None);
    }
}
