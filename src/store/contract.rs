//! What a store promises, as a suite that anybody runs on a store of their own. The feature `store-contract`.
//!
//! [`run`] takes a [`Harness`], which opens stores and, if it can, does to them what the world does: ends the program,
//! makes calls fail, cuts the power, damages what is stored. It gives a [`Report`] of every [`Promise`]: held, broken
//! and how, or not checked and why. What could not be checked never counts as held.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! use stube::{MemoryStore, store::contract};
//!
//! // A function that makes an empty store is a harness.
//! let report = contract::run(MemoryStore::new).await;
//! report.assert();
//! # assert!(!report.not_checked().is_empty());
//! # }
//! ```
//!
//! A store whose records outlive it says how it is opened again:
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
//! It must be called within a tokio runtime. Callers that are to meet do so at every await, in one task; beside that they
//! run in tasks of their own, which means more where the runtime has several threads. Nothing here waits for a time to
//! pass, and nothing is random.
//!
//! The suite looks at a store from outside, so it finds a missing `fsync` only if the harness cuts the power.

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

/// Opens stores, and does to them what the world does. Only [`fresh`](Self::fresh) must be written; what a harness
/// leaves out cannot be checked, and the report says so.
pub trait Harness: Send {
    /// The store.
    type Store: Store;

    /// Opens an empty store. Those that were opened before are not used any more.
    ///
    /// # Errors
    ///
    /// It cannot be opened, which breaks the promise that is being checked. So it is for the other methods.
    fn fresh(&mut self) -> impl Future<Output = Result<Self::Store, BoxError>> + Send;

    /// Opens the store again that was opened last, as the next process would. That one has been dropped. `None` if its
    /// records are gone with it.
    fn reopen(&mut self) -> impl Future<Output = Result<Option<Self::Store>, BoxError>> + Send {
        async { Ok(None) }
    }

    /// Puts these bytes in place of what is stored of a conversation, behind the back of the store that is open. What
    /// counts is what [`Record::bytes`](crate::record::Record::bytes) gave; anything beside it stays. `false` if it
    /// cannot be done.
    fn overwrite(&mut self, id: ConversationId, bytes: &[u8]) -> impl Future<Output = Result<bool, BoxError>> + Send {
        let _ = (id, bytes);
        async { Ok(false) }
    }

    /// From now on calls that the open store makes to what is below it fail like this; with `None`, no more of them.
    /// A call is whatever may fail by itself: a system call, a message to a database. A fault ends with the store: the
    /// one that is opened next meets none. `false` if it cannot be done.
    fn fail(&mut self, fault: Option<Fault>) -> bool {
        let _ = fault;
        false
    }

    /// How many calls have failed since [`fail`](Self::fail) was last told to make them.
    fn failed(&self) -> usize {
        0
    }

    /// Cuts the power while this store is open, and opens a store on each state in which the storage may then be: one,
    /// if it is a real machine, or each one that a model of a disk can think of. Of these, none is changed. `None` if it
    /// cannot be done.
    fn cut_power(
        &mut self,
        store: Self::Store,
    ) -> impl Future<Output = Result<Option<Vec<Self::Store>>, BoxError>> + Send {
        drop(store);
        async { Ok(None) }
    }
}

/// How calls fail. They are counted from 0, from the moment at which the harness is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// This call does nothing, and says so.
    Refused(usize),
    /// This call does its work, and says that it has failed.
    Lost(usize),
    /// This call and all after it are not made: the process has been killed, or the line cut.
    CutOff(usize),
}

/// A function that makes an empty store, whose records are gone with it.
impl<S: Store, F: FnMut() -> S + Send> Harness for F {
    type Store = S;

    async fn fresh(&mut self) -> Result<S, BoxError> {
        Ok(self())
    }
}

/// Checks every promise on the stores of this harness.
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
        }
    }

    async fn fresh(&mut self) -> Result<H::Store, Stop> {
        self.harness.fresh().await.map_err(Stop::failed("opening an empty store"))
    }

    /// The next process. The store of the one before has been dropped.
    async fn reopen(&mut self) -> Result<H::Store, Stop> {
        let opened = self.harness.reopen().await.map_err(Stop::failed("opening the store again"))?;
        opened.ok_or(Stop::NotChecked("the harness opens no store again"))
    }

    /// Whether the store is at fault must not depend on how far a check comes, so this is asked first.
    async fn must_cut_power(&mut self) -> Result<(), Stop> {
        let store = self.fresh().await?;
        self.cut_power(store).await.map(|_| ())
    }

    async fn cut_power(&mut self, store: H::Store) -> Result<Vec<H::Store>, Stop> {
        let left = self.harness.cut_power(store).await.map_err(Stop::failed("opening the store after a power cut"))?;
        left.ok_or(Stop::NotChecked("the harness cuts no power"))
    }

    fn fail(&mut self, fault: Fault) -> Result<(), Stop> {
        match self.harness.fail(Some(fault)) {
            true => Ok(()),
            false => Err(Stop::NotChecked("the harness makes no calls fail")),
        }
    }

    fn fail_no_more(&mut self) {
        self.harness.fail(None);
    }
}
