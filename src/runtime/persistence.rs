//! What is asked of the store.
//!
//! Takes a [`Write`] and gives the future of its [`Resolution`], which borrows nothing and so can be kept. Where the store
//! does not know what became of a write, the future reads what is stored, which is durable, and compares.
//! Every wait for the store has a timeout; it ends the wait and never the write.
//! It remembers nothing, and knows no conversation: see `entries` and `access`.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crate::kernel::Progress;
use crate::kernel::conversation::Conversation;
use crate::model::error::BoxError;
use crate::model::id::ConversationId;
use crate::record::{Ancestry, Lineage, Record, Revision, Stored, StoredResult, WriteFor};
use crate::runtime::error::{Error, ErrorKind};
use crate::runtime::nonces::Nonces;
use crate::runtime::timeout::with_timeout;
use crate::store::{BoxFuture, LoadError, Store, WriteOutcome};

/// The store, and how it is used.
pub(super) struct Persistence {
    pub(super) store: Arc<dyn Store>,
    /// Whether nobody else can change what is in the store.
    pub(super) is_exclusive: bool,
    pub(super) timeout: Duration,
    /// Which releases can read what is written.
    pub(super) write_for: WriteFor,
    pub(super) nonces: Nonces,
}

/// What a store is asked to write.
pub(super) enum Write {
    /// Nothing: the change is in memory only.
    Nothing,
    /// This record, in place of the one of revision `replaces`.
    Save { record: Arc<Record>, replaces: Option<Revision> },
    /// No record in place of the one of this revision.
    Delete { id: ConversationId, revision: Revision },
    /// The same, and nobody waits until it is durable.
    Discard { id: ConversationId, revision: Revision },
}

/// What became of a write.
#[derive(Debug)]
pub(super) enum Resolution {
    /// It is durable.
    Applied,
    /// It was not made, and will not be.
    NotApplied(ErrorKind),
    /// Nobody knows.
    Unknown(BoxError),
}

impl Persistence {
    /// The record of a state, as the successor of `before`, and the conversation that it decodes to.
    pub(super) fn encode(
        &self,
        progress: &Progress,
        before: Option<Lineage>,
    ) -> Result<(Record, Option<Conversation>), ErrorKind> {
        let nonce = self.nonces.draw()?;
        let lineage = before.map_or_else(|| Lineage::first(nonce), |before| before.next(nonce));
        Record::encode_and_read_back(self.write_for, progress.into(), lineage).map_err(ErrorKind::NotSavable)
    }

    /// The same state as in this record, marked as superseded by what goes on in memory with `component`.
    pub(super) fn supersede(&self, record: &Record, component: &str) -> Result<Record, ErrorKind> {
        record.superseded_in_memory(component, self.nonces.draw()?).map_err(ErrorKind::NotSavable)
    }

    /// Begins a write when it is first polled.
    pub(super) fn write(&self, write: &Write) -> BoxFuture<'static, Resolution> {
        let store = Arc::clone(&self.store);
        match write {
            Write::Nothing => Box::pin(async { Resolution::Applied }),
            Write::Save { record, replaces } => {
                let (record, replaces) = (Arc::clone(record), *replaces);
                Box::pin(async move {
                    match resolution((*store).save(&record, replaces).await) {
                        Resolution::Unknown(source) => read_back_save(&*store, &record, replaces, source).await,
                        known => known,
                    }
                })
            }
            &Write::Delete { id, revision } => Box::pin(async move {
                match resolution((*store).delete(id, revision).await) {
                    Resolution::Unknown(source) => read_back_delete(&*store, id, revision, source).await,
                    known => known,
                }
            }),
            &Write::Discard { id, revision } => {
                Box::pin(async move { resolution((*store).discard(id, revision).await) })
            }
        }
    }

    /// Reads what has become of a write that nobody knows of.
    pub(super) fn read_back(&self, write: &Write) -> BoxFuture<'static, Resolution> {
        let store = Arc::clone(&self.store);
        let source = no_answer();
        match write {
            Write::Nothing => Box::pin(async { Resolution::Applied }),
            Write::Save { record, replaces } => {
                let (record, replaces) = (Arc::clone(record), *replaces);
                Box::pin(async move { read_back_save(&*store, &record, replaces, source).await })
            }
            &(Write::Delete { id, revision } | Write::Discard { id, revision }) => {
                Box::pin(async move { read_back_delete(&*store, id, revision, source).await })
            }
        }
    }

    /// What is stored now.
    pub(super) async fn load(&self, id: ConversationId) -> Result<Option<Record>, Error> {
        let kind = match with_timeout(self.timeout, (*self.store).load(id)).await {
            Some(Ok(record)) => return Ok(record),
            Some(Err(LoadError::Unreadable(unreadable))) => ErrorKind::Unreadable(unreadable.reason),
            Some(Err(LoadError::Store(error))) => ErrorKind::Store(error),
            None => ErrorKind::Store(no_answer()),
        };
        Err(Error::new(id, kind))
    }

    /// What comes of this within the timeout.
    pub(super) fn wait<T>(&self, future: impl Future<Output = T>) -> impl Future<Output = Option<T>> {
        with_timeout(self.timeout, future)
    }
}

/// The result that the record of an ended conversation holds, as JSON; `None` if it goes on.
pub(super) fn result_of(record: &Record) -> Option<String> {
    match record.has_ended().then(|| record.decode()) {
        Some(Ok(Stored::Ended(StoredResult { json, .. }))) => Some(json),
        Some(_) => unreachable!("BUG: the record of an ended conversation holds its result"),
        None => None,
    }
}

pub(super) fn no_answer() -> BoxError {
    "the store does not answer".into()
}

fn resolution(outcome: WriteOutcome) -> Resolution {
    match outcome {
        WriteOutcome::Applied => Resolution::Applied,
        WriteOutcome::NotApplied(source) => Resolution::NotApplied(ErrorKind::NotSaved(source)),
        WriteOutcome::Conflict { .. } => Resolution::NotApplied(ErrorKind::Conflict),
        WriteOutcome::Unknown(source) => Resolution::Unknown(source),
    }
}

async fn read_back_save(
    store: &dyn Store,
    record: &Record,
    replaces: Option<Revision>,
    source: BoxError,
) -> Resolution {
    match store.load(record.id()).await {
        Ok(stored) => compare(record, replaces, stored.as_ref(), source),
        Err(_) => Resolution::Unknown(source),
    }
}

async fn read_back_delete(store: &dyn Store, id: ConversationId, revision: Revision, source: BoxError) -> Resolution {
    match store.load(id).await {
        Ok(None) => Resolution::Applied,
        Ok(Some(stored)) if stored.revision() == revision => Resolution::NotApplied(ErrorKind::NotSaved(source)),
        Ok(Some(_)) => Resolution::NotApplied(ErrorKind::Conflict),
        Err(_) => Resolution::Unknown(source),
    }
}

/// What became of a save, by what is stored now, which is durable. It was applied also if other saves came after it: its
/// revision is then an ancestor of the stored one.
pub(super) fn compare(
    record: &Record,
    replaces: Option<Revision>,
    stored: Option<&Record>,
    source: BoxError,
) -> Resolution {
    let Some(stored) = stored else {
        // There never was a record, or it was saved and deleted since.
        return Resolution::NotApplied(match replaces {
            None => ErrorKind::NotSaved(source),
            Some(_) => ErrorKind::Unknown(source),
        });
    };
    match stored.lineage().relation_to(record.revision()) {
        Ancestry::Same | Ancestry::Descends => Resolution::Applied,
        Ancestry::WentBack if Some(stored.revision()) == replaces => {
            Resolution::NotApplied(ErrorKind::NotSaved(source))
        }
        Ancestry::WentBack if stored.revision().number() >= record.revision().number() => {
            Resolution::NotApplied(ErrorKind::Conflict)
        }
        Ancestry::WentBack | Ancestry::Unconfirmed => Resolution::NotApplied(ErrorKind::Unknown(source)),
    }
}
