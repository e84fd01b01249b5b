//! A conversation with a component that cannot be saved, as it was before an input.

use crate::json::TypeFingerprint;
use crate::kernel::OpenAwait;
use crate::kernel::conversation::{Conversation, Instance};
use crate::model::id::{ConversationId, Owner};
use crate::model::timestamp::Timestamp;
use crate::record::decode::{Frame, Transient, decode_conversation};
use crate::record::write_body::{Writing, encode_body};
use crate::record::{EncodeError, Reason, WriteFor};

/// The structure and all components that can be saved are encoded. A component that cannot be saved is taken back from
/// the leftovers of the step, so its own fields are then whatever its handler made of them.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    body: String,
    id: ConversationId,
    created: Timestamp,
    touched: Timestamp,
    owner: Option<Owner>,
    awaits: Vec<OpenAwait>,
}

impl Checkpoint {
    pub(crate) fn take(conversation: &Conversation) -> Result<Self, EncodeError> {
        let told = TypeFingerprint::default();
        Ok(Self {
            body: encode_body(conversation, Writing { told: &told, write_for: WriteFor::ThisRelease })?,
            id: conversation.id,
            created: conversation.created,
            touched: conversation.touched,
            owner: conversation.owner.clone(),
            awaits: conversation.open_awaits(),
        })
    }

    /// The conversation as it was. `leftovers` holds every instance that was there then, wherever it is now.
    pub(crate) fn restore(self, leftovers: Vec<Instance>) -> Result<Conversation, Reason> {
        let mut transient = Transient::new();
        salvage(leftovers, &mut transient);
        let frame = Frame {
            id: self.id,
            created: self.created,
            touched: self.touched,
            owner: self.owner.as_ref(),
            awaits: &self.awaits,
        };
        decode_conversation(&frame, &self.body, transient).map(|(conversation, _)| conversation)
    }
}

fn salvage(instances: Vec<Instance>, transient: &mut Transient) {
    for instance in instances {
        if instance.component.descriptor().transient {
            transient.insert(instance.id, instance.component);
        }
        instance.slots.into_iter().for_each(|(_, slot)| salvage(slot.stack, transient));
    }
}
