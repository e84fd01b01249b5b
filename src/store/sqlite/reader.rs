//! The threads that read: each takes all that waits and reads it in one transaction, so that the locks of the file are
//! taken once. Nothing here writes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;

use crate::store::sqlite::Shared;

/// Something to read, which answers whoever asked.
pub(super) type Read = Box<dyn FnOnce(&Connection) + Send>;

/// The most that is read in one transaction: a long one keeps the log from being emptied.
const MOST: usize = 64;

/// Works until the queue is closed and empty.
pub(super) fn run(shared: &Shared, connection: &Connection) {
    loop {
        let reads = shared.reads.take(MOST, 1, Duration::ZERO, Duration::ZERO);
        if reads.is_empty() {
            return;
        }
        // If this fails, each read reports the same by itself.
        let _ = connection.execute_batch("BEGIN");
        for read in reads {
            // Whoever asked is told by the silence.
            let _ = catch_unwind(AssertUnwindSafe(|| read(connection)));
        }
        if !connection.is_autocommit() {
            let _ = connection.execute_batch("COMMIT");
        }
    }
}

/// Begins a thread that reads.
pub(super) fn spawn(shared: &Arc<Shared>, connection: Connection) -> std::io::Result<()> {
    let shared = Arc::clone(shared);
    let builder = std::thread::Builder::new().name("stube-sqlite-read".to_owned());
    builder.spawn(move || run(&shared, &connection)).map(drop)
}
