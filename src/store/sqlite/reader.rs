//! The reader threads. Each takes all queued reads and makes them in one transaction, so that the file is locked once.
//! Inline calls use the connection of a reader thread while the thread does not. Nothing here writes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};

use crate::store::sqlite::queue::{Take, Taken};
use crate::store::sqlite::shared::{Reader, Shared};

/// The maximal number of reads in one transaction: a long transaction keeps the log from being truncated.
const MOST: usize = 64;

/// Works until the queue is closed and empty.
fn run(shared: &Shared, reader: &Reader) {
    while let Taken::Work(reads) = shared.reads.take(&Take::at_once(MOST)) {
        let reader = reader.lock().unwrap_or_else(PoisonError::into_inner);
        let connection = reader.as_ref().expect("BUG: only this thread takes it away");
        // If one of these fails, the reads fail too and report it.
        let _ = connection.busy_timeout(shared.settings.timeout);
        let _ = connection.execute_batch("BEGIN");
        for read in reads {
            // After a panic the sender is dropped, and the caller gets an error.
            let _ = catch_unwind(AssertUnwindSafe(|| read(connection)));
        }
        if !connection.is_autocommit() {
            let _ = connection.execute_batch("COMMIT");
        }
    }
    // Closed in this thread, because closing the last connection checkpoints the log.
    *reader.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

/// Starts the thread of this reader.
pub(super) fn spawn(shared: &Arc<Shared>, number: usize) -> std::io::Result<()> {
    let shared = Arc::clone(shared);
    let builder = std::thread::Builder::new().name("stube-sqlite-read".to_owned());
    builder.spawn(move || run(&shared, &shared.readers[number])).map(drop)
}
