//! What a record holds once it is decoded, and what it is to this program.

use crate::kernel::conversation::Conversation;
use crate::kernel::receipt::Receipts;

/// What a record that can be read is to this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RecordStatus {
    /// It is as this program would write it.
    Current,
    /// An earlier release wrote it, and it goes on.
    Upgradable,
    /// An earlier release wrote it, and it ends, or another flow begins in its place.
    Ending,
}

/// What a record holds.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "nearly all are conversations that go on, and a box would cost each of them"
)]
pub enum Stored {
    /// A conversation that goes on.
    Conversation(Conversation),
    /// One that has ended.
    Ended(StoredResult),
}

/// What a record holds of a conversation that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredResult {
    /// The result as JSON; `null` if it ended without one. [`result`](crate::record::result) reads it as a value.
    pub json: String,
    pub(crate) receipts: Receipts,
}
