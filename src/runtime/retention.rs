//! Retention: how long the record of an ended conversation is kept. The `reaper` deletes it then.

use std::time::Duration;

/// How long the record of a conversation that has ended is kept, with its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Retention {
    /// It is deleted in the background once the result is durable and has been returned to the caller of the last answer.
    /// Nobody waits for that. After a crash the record may still be there; [`Runtime::reap`](crate::runtime::Runtime::reap)
    /// deletes it then.
    #[default]
    AtOnce,
    /// [`Runtime::reap`](crate::runtime::Runtime::reap) deletes it when it is older than this.
    For(Duration),
    /// It is kept until [`Runtime::forget`](crate::runtime::Runtime::forget).
    UntilForgotten,
}

impl Retention {
    /// From which age on the reaper deletes it.
    pub(super) fn max_age(self) -> Option<Duration> {
        match self {
            Self::AtOnce => Some(Duration::ZERO),
            Self::For(age) => Some(age),
            Self::UntilForgotten => None,
        }
    }
}
