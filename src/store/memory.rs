//! A store in memory: the default, and the reference for the other stores.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard};

use crate::model::error::BoxError;
use crate::model::id::ConversationId;
use crate::record::{Record, Revision};
use crate::store::{BoxFuture, LoadError, Page, Query, Store, Summary, Visitor, WriteOutcome};

/// Keeps records in memory. They are lost when the store is dropped or the process ends.
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
        // No code that can panic runs under the lock, and a map of whole records is never in an intermediate state.
        self.records.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn load_all<'a>(&'a self, each: &'a mut Visitor<'a>) -> BoxFuture<'a, Result<(), BoxError>> {
        let ids: Vec<_> = self.records().keys().copied().collect();
        Box::pin(async move {
            // One at a time, so that the records are not all copied at once.
            for id in ids {
                let record = self.records().get(&id).cloned();
                record.into_iter().map(Ok).for_each(&mut *each);
            }
            Ok(())
        })
    }

    fn list<'a>(
        &'a self,
        query: &'a Query,
        after: Option<ConversationId>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, BoxError>> {
        Box::pin(async move {
            let from = after.map_or(Bound::Unbounded, Bound::Excluded);
            let records = self.records();
            let summaries = records.range((from, Bound::Unbounded)).map(|(_, record)| Summary::of(record));
            Ok(summaries.filter(|summary| query.matches(summary)).take(limit).collect())
        })
    }

    fn load(&self, id: ConversationId) -> BoxFuture<'_, Result<Option<Record>, LoadError>> {
        Box::pin(async move { Ok(self.records().get(&id).cloned()) })
    }

    fn save<'a>(&'a self, record: &'a Record, replaces: Option<Revision>) -> BoxFuture<'a, WriteOutcome> {
        Box::pin(async move {
            let mut records = self.records();
            let stored = records.get(&record.id()).map(Record::revision);
            if stored != replaces {
                return WriteOutcome::Conflict { stored };
            }
            records.insert(record.id(), record.clone());
            WriteOutcome::Applied
        })
    }

    fn delete(&self, id: ConversationId, replaces: Revision) -> BoxFuture<'_, WriteOutcome> {
        Box::pin(async move {
            let mut records = self.records();
            match records.get(&id).map(Record::revision) {
                Some(stored) if stored != replaces => WriteOutcome::Conflict { stored: Some(stored) },
                Some(_) | None => {
                    records.remove(&id);
                    WriteOutcome::Applied
                }
            }
        })
    }
}
