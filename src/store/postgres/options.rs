//! The options of the store. Opening it with them is in `postgres`.

use std::time::Duration;

/// Options for opening a [`PostgresStore`](crate::PostgresStore).
#[derive(Debug, Clone)]
pub struct Options {
    pub(super) connections: usize,
    pub(super) timeout: Duration,
    pub(super) queue: usize,
    pub(super) notifications: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { connections: 8, timeout: Duration::from_secs(10), queue: 4_096, notifications: true }
    }
}

impl Options {
    /// Sets the maximal number of connections, without the one for [notifications](Self::notifications); 8 by default, at
    /// least 4.
    #[must_use]
    pub fn connections(mut self, connections: usize) -> Self {
        self.connections = connections.max(4);
        self
    }

    /// Sets the time limit for one statement, one lock, and one new connection; 10 seconds by default, at least 100 ms.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout.max(Duration::from_millis(100));
        self
    }

    /// Sets how many changes may be queued; 4,096 by default, at least 1. A further change waits for the time limit, and then
    /// its outcome is [`WriteOutcome::NotApplied`](crate::store::WriteOutcome::NotApplied).
    #[must_use]
    pub fn queue(mut self, changes: usize) -> Self {
        self.queue = changes.max(1);
        self
    }

    /// Sets whether the store exchanges change notifications with other processes, by `NOTIFY` and `LISTEN` on a connection
    /// of its own; true by default. Notifications are sent after the commit, several in one message, so that no change waits
    /// for them. They are best-effort: see [`Store::subscribe`](crate::Store::subscribe).
    #[must_use]
    pub fn notifications(mut self, notifications: bool) -> Self {
        self.notifications = notifications;
        self
    }
}
