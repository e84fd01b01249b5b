//! The options of the store. Opening it with them is in `sqlite`.

use std::time::Duration;

use crate::store::Inline;

#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) timeout: Duration,
    pub(super) readers: usize,
    pub(super) queue: usize,
    /// The length of the log, in pages of 4 KiB, at which it is checkpointed.
    pub(super) checkpoint_pages: u32,
    pub(super) network: bool,
    pub(super) share: bool,
    pub(super) inline: Inline,
}

/// Options for opening a [`SqliteStore`](crate::SqliteStore).
#[derive(Debug, Clone)]
pub struct Options {
    pub(super) settings: Settings,
}

impl Default for Options {
    fn default() -> Self {
        let settings = Settings {
            timeout: Duration::from_secs(5),
            readers: 2,
            queue: 1024,
            checkpoint_pages: 1000,
            network: false,
            share: false,
            inline: Inline::default(),
        };
        Self { settings }
    }
}

impl Options {
    /// Sets how long a change waits for another process that writes, and how long it may be queued; 5 seconds by default.
    /// After that its outcome is [`WriteOutcome::NotApplied`](crate::store::WriteOutcome::NotApplied).
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = timeout;
        self
    }

    /// Sets the number of reader threads; 2 by default, at least 1.
    #[must_use]
    pub fn readers(mut self, readers: usize) -> Self {
        self.settings.readers = readers.max(1);
        self
    }

    /// Sets how many changes, and how many reads, may be queued; 1024 by default, at least 1. A further call waits for
    /// room.
    #[must_use]
    pub fn queue(mut self, changes: usize) -> Self {
        self.settings.queue = changes.clamp(1, tokio::sync::Semaphore::MAX_PERMITS);
        self
    }

    /// Sets which calls are made on the caller's thread; [`Inline::WhenIdle`] by default.
    #[must_use]
    pub fn inline(mut self, inline: Inline) -> Self {
        self.settings.inline = inline;
        self
    }

    /// Allows a file on NFS, SMB, FUSE and the like. Whether locks exclude, the log can be shared and saves are durable
    /// there depends on that file system. False by default.
    #[must_use]
    pub fn allow_network(mut self, allow: bool) -> Self {
        self.settings.network = allow;
        self
    }

    /// Allows a file that has tables of another application, so that the host can commit its rows and a conversation
    /// together. False by default. A file that this store has created may get other tables at any time.
    #[must_use]
    pub fn share(mut self, share: bool) -> Self {
        self.settings.share = share;
        self
    }
}
