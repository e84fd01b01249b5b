//! The options of the store. Opening it with them is in `sqlite`.

use std::time::Duration;

use crate::store::Inline;

#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) timeout: Duration,
    pub(super) readers: usize,
    pub(super) queue: usize,
    /// The length of the log, in pages of 4 KiB, at which it is copied into the file.
    pub(super) checkpoint_pages: u32,
    pub(super) network: bool,
    pub(super) share: bool,
    pub(super) inline: Inline,
}

/// How a [`SqliteStore`](crate::SqliteStore) is opened.
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
    /// How long a change waits for another process that writes, or for its turn; then it is [`WriteOutcome::NotApplied`](crate::store::WriteOutcome::NotApplied). 5
    /// seconds unless set.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = timeout;
        self
    }

    /// How many threads read. 2 unless set, and never less than 1.
    #[must_use]
    pub fn readers(mut self, readers: usize) -> Self {
        self.settings.readers = readers.max(1);
        self
    }

    /// How many changes, and how many reads, may wait for a thread. Whoever brings another one waits for room. 1024
    /// unless set, and never less than 1.
    #[must_use]
    pub fn queue(mut self, changes: usize) -> Self {
        self.settings.queue = changes.clamp(1, tokio::sync::Semaphore::MAX_PERMITS);
        self
    }

    /// Which calls are made by their callers. [`Inline::WhenIdle`] unless set.
    #[must_use]
    pub fn inline(mut self, inline: Inline) -> Self {
        self.settings.inline = inline;
        self
    }

    /// Uses the file even if it is on NFS, SMB, FUSE or the like. Whether locks lock there, whether the log can be
    /// shared and whether a save is durable is then for whoever runs that file system to say.
    #[must_use]
    pub fn allow_network(mut self, allow: bool) -> Self {
        self.settings.network = allow;
        self
    }

    /// Makes the tables in a file that has others already, so that the host can commit its rows and a conversation
    /// together. A file that this store has made may get other tables at any time.
    #[must_use]
    pub fn share(mut self, share: bool) -> Self {
        self.settings.share = share;
        self
    }
}
