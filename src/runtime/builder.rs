//! How a runtime is set up.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::component::registry;
use crate::model::timestamp::Timestamp;
use crate::record::WriteFor;
use crate::runtime::access::Core;
use crate::runtime::clock::Clock;
use crate::runtime::entries::{Entries, Limits};
use crate::runtime::error::{Error, ErrorKind};
use crate::runtime::handle::Runtime;
use crate::runtime::nonces::Nonces;
use crate::runtime::notify::Notifier;
use crate::runtime::persistence::Persistence;
use crate::runtime::retention::Retention;
use crate::store::Store;

/// Of how many conversations that nobody works on the runtime knows something: which revision it has seen last, for
/// instance.
const MAX_KNOWN: usize = 1 << 17;

/// Sets up a [`Runtime`].
pub struct Builder {
    pub(super) clock: Clock,
    write_for: WriteFor,
    retention: Retention,
    cache_bytes: usize,
    poll: Duration,
    timeout: Duration,
    max_in_flight: usize,
    #[cfg(feature = "store-contract")]
    loses_pending_changes: bool,
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("retention", &self.retention).finish_non_exhaustive()
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            clock: Clock::system(),
            write_for: WriteFor::default(),
            retention: Retention::default(),
            cache_bytes: 16 << 20,
            poll: Duration::from_secs(10),
            timeout: Duration::from_secs(30),
            max_in_flight: 4_096,
            #[cfg(feature = "store-contract")]
            loses_pending_changes: false,
        }
    }
}

impl Builder {
    /// Takes the time from here instead of the system. It is taken at its word, also by [`Runtime::reap`].
    #[must_use]
    pub fn clock(mut self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.clock = Clock::host(clock);
        self
    }

    /// How long the record of an ended conversation is kept. [`Retention::AtOnce`] unless set.
    #[must_use]
    pub const fn retention(mut self, retention: Retention) -> Self {
        self.retention = retention;
        self
    }

    /// Which releases can read what is saved. [`WriteFor::ThisRelease`] unless set; [`WriteFor::PreviousRelease`] while
    /// processes of the previous release answer the same conversations.
    #[must_use]
    pub const fn write_for(mut self, releases: WriteFor) -> Self {
        self.write_for = releases;
        self
    }

    /// The size of the record cache in bytes; the records that were used last are in it. A record that this process has
    /// saved counts twice: with it is kept what it decodes to, so that the next event decodes nothing. If the store is not
    /// [exclusive](Store::is_exclusive), an event is tried on the cached record and the save finds out whether another
    /// process has changed it; what is shown is always read. 16 MiB unless set.
    #[must_use]
    pub const fn cache_bytes(mut self, bytes: usize) -> Self {
        self.cache_bytes = bytes;
        self
    }

    /// How often a [`Subscription`](crate::runtime::Subscription) gives
    /// [`Invalidation::Anything`](crate::store::Invalidation::Anything), if other processes can change the store. 10 seconds
    /// unless set.
    #[must_use]
    pub const fn poll(mut self, every: Duration) -> Self {
        self.poll = every;
        self
    }

    /// How long a call waits for earlier calls of the same conversation, and for each answer of the store. After that it
    /// fails and can be retried: with [`ErrorKind::Busy`] if it was not begun, with [`ErrorKind::Store`] if the store could
    /// not be read, and with [`ErrorKind::Unknown`] if the change may still be saved. 30 seconds unless set.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How many calls may run or wait at once. Beyond that a call fails at once with [`ErrorKind::Busy`] and can be
    /// retried. The same holds when as many changes are unanswered by the store that no call waits for any more. 4,096
    /// unless set, and never less than 1.
    #[must_use]
    pub const fn max_in_flight(mut self, calls: usize) -> Self {
        self.max_in_flight = if calls == 0 { 1 } else { calls };
        self
    }

    /// Breaks the runtime: a change that its caller leaves is lost. For tests of dropped calls, which must notice.
    #[doc(hidden)]
    #[cfg(feature = "store-contract")]
    #[must_use]
    pub const fn lose_pending_changes(mut self) -> Self {
        self.loses_pending_changes = true;
        self
    }

    /// Opens a runtime that accepts events at once: a conversation is read when a call names it. [`Runtime::scan`] says
    /// what the store holds.
    ///
    /// # Errors
    ///
    /// Two components have one name on disk.
    pub fn open(self, store: impl Store) -> Result<Runtime, Error> {
        registry::check().map_err(|twice| Error::general(ErrorKind::Registry(twice)))?;
        let Self { clock, write_for, retention, cache_bytes, poll, timeout, max_in_flight, .. } = self;
        let is_exclusive = store.is_exclusive();
        let core = Arc::new(Core {
            entries: Entries::new(Limits { in_flight: max_in_flight, known: MAX_KNOWN, record_bytes: cache_bytes }),
            persistence: Persistence {
                store: Arc::new(store),
                is_exclusive,
                timeout,
                write_for,
                nonces: Nonces::default(),
            },
            clock,
            notifier: Notifier::new((!is_exclusive).then_some(poll)),
            retention,
            is_shutting_down: AtomicBool::new(false),
            #[cfg(feature = "store-contract")]
            loses_pending_changes: self.loses_pending_changes,
        });
        let listens = Arc::downgrade(&core);
        core.persistence.store.subscribe(Box::new(move |invalidation| {
            listens.upgrade().is_some_and(|core| {
                core.invalidate(invalidation);
                true
            })
        }));
        Ok(Runtime { core })
    }
}
