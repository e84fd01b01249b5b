//! A cache of the records that were parsed or written last, so that the same bytes need not be parsed again.
//!
//! A lookup compares all bytes of the cached record with those that were just read from the row. So the cache is right
//! even if another process has written the row.

use std::sync::{Mutex, PoisonError};

use crate::model::id::ConversationId;
use crate::record::Record;

/// A direct-mapped cache: each conversation has one place, which it shares with others.
#[derive(Default)]
pub(super) struct Parsed {
    places: Vec<Mutex<Option<Record>>>,
}

/// At most 1 MiB in all.
const PLACES: usize = 64;
const LARGEST: usize = 16 << 10;

impl Parsed {
    pub(super) fn new() -> Self {
        Self { places: (0..PLACES).map(|_| Mutex::default()).collect() }
    }

    /// The cached record with these bytes, if there is one.
    pub(super) fn find(&self, id: ConversationId, bytes: &[u8]) -> Option<Record> {
        let place = self.place(id)?.lock().unwrap_or_else(PoisonError::into_inner);
        place.as_ref().filter(|record| record.id() == id && record.bytes() == bytes).cloned()
    }

    /// Caches a record, unless it is too large.
    pub(super) fn keep(&self, record: &Record) {
        if record.bytes().len() <= LARGEST
            && let Some(place) = self.place(record.id())
        {
            *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(record.clone());
        }
    }

    fn place(&self, id: ConversationId) -> Option<&Mutex<Option<Record>>> {
        // Ids are random, so any byte of one will do.
        self.places.get(usize::from(id.bits()[15]) % PLACES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel;
    use crate::record::Lineage;
    use crate::{Info, Timestamp};

    fn record(id: u8, text: &str) -> Record {
        let id = ConversationId::from_bits([id; 16]);
        let outcome = kernel::start(id, Box::new(Info::new(text)), None, Timestamp::EPOCH).expect("it starts");
        Record::encode(&outcome.progress, Lineage::for_test(1)).expect("it can be saved")
    }

    #[test]
    fn a_record_is_found_by_its_very_bytes_and_no_other_one_is() {
        let parsed = Parsed::new();
        let (kept, other) = (record(1, "text"), record(1, "texT"));
        assert_eq!(parsed.find(kept.id(), kept.bytes()), None);
        parsed.keep(&kept);
        assert_eq!(parsed.find(kept.id(), kept.bytes()).as_ref(), Some(&kept));
        assert_eq!(parsed.find(other.id(), other.bytes()), None);
        assert_eq!(parsed.find(record(2, "text").id(), kept.bytes()), None);
        parsed.keep(&record(1, &"long".repeat(LARGEST)));
        assert_eq!(parsed.find(kept.id(), kept.bytes()).as_ref(), Some(&kept), "one that is too large is not kept");
    }

    #[test]
    fn one_without_places_keeps_nothing() {
        let parsed = Parsed::default();
        parsed.keep(&record(1, "text"));
        assert_eq!(parsed.find(record(1, "text").id(), record(1, "text").bytes()), None);
    }
}
