//! The store that is gone with the process: the default, and the yardstick of the others.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use crate::error::BoxError;
use crate::id::ConversationId;
use crate::record::{Record, Revision};
use crate::store::{BoxFuture, Each, LoadError, Saved, Store};

/// Keeps records in memory. The process holds the only copy: what it acknowledged is gone when it ends.
#[derive(Debug, Default)]
pub struct MemoryStore {
    records: Mutex<BTreeMap<ConversationId, Record>>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn records(&self) -> MutexGuard<'_, BTreeMap<ConversationId, Record>> {
        // No code that can panic runs under the lock, and a map of whole records has no half-made state.
        self.records.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn load_all<'a>(&'a self, each: &'a mut Each<'a>) -> BoxFuture<'a, Result<(), BoxError>> {
        let records: Vec<_> = self.records().values().cloned().collect();
        Box::pin(async move {
            records.into_iter().map(Ok).for_each(each);
            Ok(())
        })
    }

    fn load(&self, id: ConversationId) -> BoxFuture<'_, Result<Option<Record>, LoadError>> {
        Box::pin(async move { Ok(self.records().get(&id).cloned()) })
    }

    fn save<'a>(&'a self, record: &'a Record, replaces: Option<Revision>) -> BoxFuture<'a, Saved> {
        Box::pin(async move {
            let mut records = self.records();
            let stored = records.get(&record.id()).map(Record::revision);
            if stored != replaces {
                return Saved::Conflict { stored };
            }
            records.insert(record.id(), record.clone());
            Saved::Applied
        })
    }

    fn delete(&self, id: ConversationId, replaces: Revision) -> BoxFuture<'_, Saved> {
        Box::pin(async move {
            let mut records = self.records();
            match records.get(&id).map(Record::revision) {
                Some(stored) if stored != replaces => Saved::Conflict { stored: Some(stored) },
                Some(_) | None => {
                    records.remove(&id);
                    Saved::Applied
                }
            }
        })
    }
}
