//! What is asked of the store, and what is remembered of its answers. Nothing is waited for without end, and nothing is
//! handed on that is older than what was seen before.

use std::sync::Arc;

use crate::model::error::BoxError;
use crate::model::id::ConversationId;
use crate::record::{Ancestry, Record, Revision};
use crate::runtime::Runtime;
use crate::runtime::error::{Error, ErrorKind};
use crate::runtime::timeout::with_timeout;
use crate::store::{Invalidation, LoadError, WriteOutcome};

impl Runtime {
    /// Saves, and settles what the store is not sure of.
    pub(super) async fn save(&self, record: Record, replaces: Option<Revision>) -> Result<(), Error> {
        let id = record.id();
        // Until this has been answered, nobody knows what is durable.
        self.record_cache().remove(id);
        let error = |kind| Err(Error::new(id, kind));
        match with_timeout(self.inner.timeout, self.inner.store.save(&record, replaces)).await {
            Some(WriteOutcome::Applied) => {}
            Some(WriteOutcome::NotApplied(source)) => return error(ErrorKind::NotSaved(source)),
            Some(WriteOutcome::Conflict { .. }) => return error(ErrorKind::Conflict),
            // What can be loaded is durable: if it is ours, the save has succeeded.
            Some(WriteOutcome::Unknown(source)) => {
                match with_timeout(self.inner.timeout, self.inner.store.load(id)).await {
                    Some(Ok(stored)) => match settled(&record, replaces, stored.as_ref(), source) {
                        None => {}
                        Some(kind) => return error(kind),
                    },
                    Some(Err(_)) | None => return error(ErrorKind::Unknown(source)),
                }
            }
            // It may be made yet. Whoever changes the conversation next names a revision, so it is made once or never.
            None => return error(ErrorKind::Unknown(late())),
        }
        self.saved(record);
        Ok(())
    }

    /// Takes note of what is durable now.
    pub(super) fn saved(&self, record: Record) {
        let (id, header) = (record.id(), record.header());
        tracing::debug!(
            conversation = %id,
            revision = record.revision().number(),
            flow = %header.flow,
            state = header.state.as_deref(),
            waits_for = header.waits_for(),
            bytes = record.bytes().len(),
            "saved"
        );
        self.awake().insert(id, ());
        self.seen().insert(id, record.revision());
        self.record_cache().insert(Arc::new(record));
        self.inner.store.notify(id);
        self.changed(id);
    }

    /// Lets those know who listen here.
    pub(super) fn changed(&self, id: ConversationId) {
        let _ = self.inner.changes.send(Invalidation::Changed(id));
    }

    pub(super) async fn delete(&self, id: ConversationId, revision: Revision) -> Result<(), Error> {
        self.record_cache().remove(id);
        let kind = match with_timeout(self.inner.timeout, self.inner.store.delete(id, revision)).await {
            Some(WriteOutcome::Applied) => {
                self.awake().remove(id);
                self.seen().remove(id);
                self.inner.store.notify(id);
                self.changed(id);
                return Ok(());
            }
            Some(WriteOutcome::NotApplied(source)) => ErrorKind::NotSaved(source),
            Some(WriteOutcome::Conflict { .. }) => ErrorKind::Conflict,
            Some(WriteOutcome::Unknown(source)) => ErrorKind::Unknown(source),
            None => ErrorKind::Unknown(late()),
        };
        Err(Error::new(id, kind))
    }

    pub(super) async fn load(&self, id: ConversationId) -> Result<Arc<Record>, Error> {
        if self.inner.exclusive
            && let Some(record) = self.record_cache().get(id)
        {
            return Ok(record);
        }
        let kind = match with_timeout(self.inner.timeout, self.inner.store.load(id)).await {
            Some(Ok(Some(record))) => match self.went_back(&record) {
                None => {
                    let record = Arc::new(record);
                    self.record_cache().insert(Arc::clone(&record));
                    return Ok(record);
                }
                Some(kind) => kind,
            },
            Some(Ok(None)) => ErrorKind::NotFound,
            Some(Err(LoadError::Unreadable(unreadable))) => ErrorKind::Unreadable(unreadable.reason),
            Some(Err(LoadError::Store(error))) => ErrorKind::Store(error),
            None => ErrorKind::Store(late()),
        };
        Err(Error::new(id, kind))
    }

    /// Whether a record is older than what this process has read or saved before. No store that keeps what it promises
    /// gives one, unless somebody has put it back from a copy.
    fn went_back(&self, record: &Record) -> Option<ErrorKind> {
        let (id, stored) = (record.id(), record.revision());
        let mut revisions = self.seen();
        match revisions.get(id).copied() {
            Some(seen) if record.lineage().relation_to(seen) == Ancestry::WentBack => {
                drop(revisions);
                let numbers = (seen.number(), stored.number());
                tracing::error!(conversation = %id, seen = numbers.0, stored = numbers.1, "the store has gone back");
                Some(ErrorKind::WentBack { seen, stored })
            }
            known => {
                if known.is_some_and(|seen| record.lineage().relation_to(seen) == Ancestry::Unconfirmed) {
                    tracing::warn!(conversation = %id, "too many changes since it was last seen to confirm its history");
                }
                revisions.insert(id, stored);
                None
            }
        }
    }
}

fn late() -> BoxError {
    "the store does not answer".into()
}

/// Resolves a save whose outcome is unknown by what is stored now, which is durable. `None` if the save was applied,
/// also if other saves came after it: its revision is then an ancestor of the stored one.
pub(super) fn settled(
    record: &Record,
    replaces: Option<Revision>,
    stored: Option<&Record>,
    source: BoxError,
) -> Option<ErrorKind> {
    let Some(stored) = stored else {
        // There never was a record, or it was saved and deleted since.
        return Some(if replaces.is_none() { ErrorKind::NotSaved(source) } else { ErrorKind::Unknown(source) });
    };
    match stored.lineage().relation_to(record.revision()) {
        Ancestry::Same | Ancestry::Descends => None,
        Ancestry::WentBack if Some(stored.revision()) == replaces => Some(ErrorKind::NotSaved(source)),
        Ancestry::WentBack if stored.revision().number() >= record.revision().number() => Some(ErrorKind::Conflict),
        Ancestry::WentBack | Ancestry::Unconfirmed => Some(ErrorKind::Unknown(source)),
    }
}
