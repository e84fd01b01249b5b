//! The records that were used last. Each is one that the store has called durable.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::id::ConversationId;
use crate::record::Record;

/// Records up to so many bytes; the one that was not used for the longest time goes first.
#[derive(Default)]
pub(super) struct RecordCache {
    records: BTreeMap<ConversationId, (u64, Arc<Record>)>,
    /// The ids in the order in which they were used.
    used: BTreeMap<u64, ConversationId>,
    next: u64,
    bytes: usize,
    budget: usize,
}

impl RecordCache {
    pub(super) fn new(budget: usize) -> Self {
        Self { budget, ..Self::default() }
    }

    pub(super) fn get(&mut self, id: ConversationId) -> Option<Arc<Record>> {
        let record = self.remove(id)?;
        self.insert(Arc::clone(&record));
        Some(record)
    }

    pub(super) fn insert(&mut self, record: Arc<Record>) {
        let id = record.id();
        self.remove(id);
        self.bytes += record.bytes().len();
        self.used.insert(self.next, id);
        self.records.insert(id, (self.next, record));
        self.next += 1;
        while self.bytes > self.budget
            && let Some((_, &oldest)) = self.used.first_key_value()
        {
            self.remove(oldest);
        }
    }

    pub(super) fn remove(&mut self, id: ConversationId) -> Option<Arc<Record>> {
        let (used, record) = self.records.remove(&id)?;
        self.used.remove(&used);
        self.bytes -= record.bytes().len();
        Some(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::Component;
    use crate::kernel;
    use crate::record::Lineage;
    use crate::{Info, Timestamp};

    fn record(n: u8, root: impl Component) -> Arc<Record> {
        let id = ConversationId::from_bits([n; 16]);
        let outcome = kernel::start(id, Box::new(root), None, Timestamp::EPOCH).expect("it waits");
        Arc::new(Record::encode(&outcome.progress, Lineage::for_test(1)).expect("it can be saved"))
    }

    #[test]
    fn the_record_that_was_not_used_for_the_longest_time_goes_first() {
        let all: Vec<_> = (0..3).map(|n| record(n, Info::new("text"))).collect();
        let mut record_cache = RecordCache::new(2 * all[0].bytes().len());
        record_cache.insert(Arc::clone(&all[0]));
        record_cache.insert(Arc::clone(&all[1]));
        assert!(record_cache.get(all[0].id()).is_some());
        record_cache.insert(Arc::clone(&all[2]));
        assert!(record_cache.get(all[1].id()).is_none(), "it was used before the first one");
        assert!(record_cache.get(all[0].id()).is_some() && record_cache.get(all[2].id()).is_some());
    }

    #[test]
    fn no_more_than_the_budget_is_kept() {
        let small = record(1, Info::new("text"));
        let large = record(2, Info::new("text".repeat(100)));
        let mut record_cache = RecordCache::new(small.bytes().len());
        record_cache.insert(Arc::clone(&small));
        record_cache.insert(Arc::clone(&large));
        assert!(record_cache.get(large.id()).is_none());
        record_cache.insert(Arc::clone(&small));
        record_cache.insert(Arc::clone(&small));
        assert_eq!(record_cache.bytes, small.bytes().len(), "one record is counted once");
        record_cache.remove(small.id());
        assert_eq!(record_cache.bytes, 0);
    }
}
