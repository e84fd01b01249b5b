//! The threads that read: each takes all that waits and reads it in one transaction, so that the locks of the file are
//! taken once. Each has a connection, which callers use inline while the thread does not. Nothing here writes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};

use crate::store::sqlite::queue::{Take, Taken};
use crate::store::sqlite::shared::{Reader, Shared};

/// The most that is read in one transaction: a long one keeps the log from being emptied.
const MOST: usize = 64;

/// Works until the queue is closed and empty.
fn run(shared: &Shared, reader: &Reader) {
    while let Taken::Work(reads) = shared.reads.take(&Take::at_once(MOST)) {
        let reader = reader.lock().unwrap_or_else(PoisonError::into_inner);
        let connection = reader.as_ref().expect("BUG: only this thread takes it away");
        // If one of these fails, each read reports the same by itself.
        let _ = connection.busy_timeout(shared.settings.timeout);
        let _ = connection.execute_batch("BEGIN");
        for read in reads {
            // Whoever asked is told by the silence.
            let _ = catch_unwind(AssertUnwindSafe(|| read(connection)));
        }
        if !connection.is_autocommit() {
            let _ = connection.execute_batch("COMMIT");
        }
    }
    // Closed here, because the last one to be closed copies the log into the file.
    *reader.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

/// Begins the thread of this reader.
pub(super) fn spawn(shared: &Arc<Shared>, number: usize) -> std::io::Result<()> {
    let shared = Arc::clone(shared);
    let builder = std::thread::Builder::new().name("stube-sqlite-read".to_owned());
    builder.spawn(move || run(&shared, &shared.readers[number])).map(drop)
}
