//! Conversations that go on in memory because a component of theirs cannot be saved.

use crate::kernel::conversation::Conversation;
use crate::record::Lineage;

pub(super) use crate::record::Checkpoint;

/// A conversation that is not in the store, or is there in an older state that is marked as such.
pub(super) struct InMemory {
    pub(super) conversation: Conversation,
    /// The lineage of the marked record, if there is one.
    pub(super) lineage: Option<Lineage>,
}
