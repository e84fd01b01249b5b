//! One change of one conversation: what a store is asked to write, and what is in memory before and after it.
//!
//! A [`Change`] is a value. While the store has not answered, it lies in the conversation's entry as a [`PendingChange`],
//! together with the future of the store, and not on the stack of whoever asked for it. So a caller that stops waiting
//! loses nothing: the next one finds the change there and finishes it.

use std::sync::Arc;

use crate::kernel::conversation::{Conversation, Instance};
use crate::model::id::ConversationId;
use crate::record::{Checkpoint, Lineage, Record, Revision};
use crate::runtime::error::{Error, ErrorKind};
use crate::runtime::persistence::{Resolution, Write};
use crate::runtime::shared_future::SharedFuture;

/// A change that is worked out and not made yet.
pub(super) struct Change {
    pub(super) write: Write,
    pub(super) before: Before,
    pub(super) after: After,
}

/// What is in memory of a conversation if the change is not made.
pub(super) enum Before {
    /// Nothing: the store has it, or there is no conversation.
    Stored,
    /// The store has it; this is what was decoded, and what stops if the conversation ends.
    Decoded(Box<Conversation>),
    /// It is in memory only, and is as it was.
    InMemory(Box<InMemory>),
    /// It is in memory only, and a step has gone on from it.
    Stepped(Box<Undo>),
}

/// What is in memory of a conversation once the change is made.
pub(super) enum After {
    /// Nothing that matters: the store has it. This is what its record decodes to, if it goes on.
    Stored(Option<Box<Conversation>>),
    /// It goes on in memory only.
    InMemory(Box<InMemory>),
    /// Nothing: it has ended without a result.
    Gone,
}

/// A conversation that goes on in memory, because a component cannot be saved. The store has nothing of it, or an older
/// state that is marked as such.
pub(super) struct InMemory {
    pub(super) conversation: Conversation,
    /// The lineage of the marked record, if there is one.
    pub(super) lineage: Option<Lineage>,
}

/// What brings a conversation in memory back to where it was before a step.
pub(super) struct Undo {
    pub(super) checkpoint: Checkpoint,
    /// Every instance that was there then, wherever it is now.
    pub(super) leftovers: Vec<Instance>,
    pub(super) lineage: Option<Lineage>,
}

impl Undo {
    /// The conversation as it was.
    pub(super) fn restore(self, id: ConversationId) -> Result<Box<InMemory>, Error> {
        let restored = self.checkpoint.restore(self.leftovers);
        let conversation = restored.map_err(|reason| Error::new(id, ErrorKind::Unreadable(reason)))?;
        Ok(Box::new(InMemory { conversation, lineage: self.lineage }))
    }
}

impl Change {
    /// A record in place of another one, or as the first one, and what it decodes to.
    pub(super) fn save((record, decoded): (Record, Option<Conversation>), replaces: Option<Revision>) -> Self {
        let write = Write::Save { record: Arc::new(record), replaces };
        Self { write, before: Before::Stored, after: After::Stored(decoded.map(Box::new)) }
    }

    /// A record that goes away, of a conversation that ends if it has not ended before.
    pub(super) fn delete(id: ConversationId, revision: Revision) -> Self {
        Self { write: Write::Delete { id, revision }, before: Before::Stored, after: After::Gone }
    }

    /// A record of an ended conversation that goes away, sooner or later.
    pub(super) fn discard(id: ConversationId, revision: Revision) -> Self {
        Self { write: Write::Discard { id, revision }, before: Before::Stored, after: After::Gone }
    }

    /// Whether a part of the conversation is in memory only, so that it depends on what became of this change.
    pub(super) fn concerns_memory(&self) -> bool {
        let before = match self.before {
            Before::Stored | Before::Decoded(_) => false,
            Before::InMemory(_) | Before::Stepped(_) => true,
        };
        let after = match self.after {
            After::Stored(_) | After::Gone => false,
            After::InMemory(_) => true,
        };
        before || after
    }
}

/// A change that the store has been asked for and has not answered, as far as anybody has looked.
pub(super) struct PendingChange {
    pub(super) change: Change,
    pub(super) answer: SharedFuture<Resolution>,
    pub(super) follow_up: FollowUp,
}

/// Who waits for the answer once its caller has stopped waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FollowUp {
    /// A task, as soon as there is one.
    Wanted,
    /// A task.
    Task,
    /// The next caller. A store that does not know what it has done is not asked in a loop.
    Callers,
}

impl PendingChange {
    pub(super) fn new(change: Change, answer: SharedFuture<Resolution>, follow_up: FollowUp) -> Box<Self> {
        Box::new(Self { change, answer, follow_up })
    }
}
