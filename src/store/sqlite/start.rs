//! Opens the file and starts the threads.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use crate::store::inline::Gate;
use crate::store::sqlite::job::Discarded;
use crate::store::sqlite::open::{self, OpenError};
use crate::store::sqlite::options::Settings;
use crate::store::sqlite::parsed::Parsed;
use crate::store::sqlite::queue::Queue;
use crate::store::sqlite::shared::{Shared, Writer};
use crate::store::sqlite::{reader, writer};

/// Closes the queues when it is dropped, which ends the threads.
pub(super) struct Handle {
    pub(super) shared: Arc<Shared>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.changes.close();
        self.shared.reads.close();
    }
}

/// Opens the store in this file, and starts its threads.
pub(super) fn start(path: &Path, settings: Settings) -> Result<Handle, OpenError> {
    let (file, connection) = open::open(path, &settings)?;
    let mut readers = Vec::new();
    for _ in 0..settings.readers {
        readers.push(Mutex::new(Some(open::connect(&file, &settings)?)));
    }
    let shared = Arc::new(Shared {
        file: file.clone(),
        changes: Queue::new(settings.queue),
        reads: Queue::new(settings.queue),
        writer: Mutex::new(Writer::none()),
        readers,
        in_doubt: AtomicBool::new(false),
        writes: Gate::new(settings.inline),
        loads: Gate::new(settings.inline),
        discarded: Discarded::default(),
        parsed: Parsed::new(),
        log_pages: Arc::default(),
        settings,
    });
    shared.writer().adopt(&shared, connection).map_err(|source| OpenError::Sqlite { path: file.clone(), source })?;
    // From here on an early return closes the queues, and with them the threads.
    let handle = Handle { shared: Arc::clone(&shared) };
    let unspawned = |source| OpenError::System { path: file.clone(), doing: "beginning a thread", source };
    for number in 0..shared.readers.len() {
        reader::spawn(&shared, number).map_err(unspawned)?;
    }
    let builder = std::thread::Builder::new().name("stube-sqlite-write".to_owned());
    builder.spawn(move || writer::run(&shared)).map_err(unspawned)?;
    Ok(handle)
}
