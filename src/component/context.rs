//! The values that author code receives with each call: which conversation, which instance, what time.

use crate::model::id::{ConversationId, InstanceId};
use crate::model::timestamp::Timestamp;

/// Which instance of which conversation runs, and the time of the event.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Context {
    /// The conversation.
    pub conversation: ConversationId,
    /// The instance whose code runs.
    pub instance: InstanceId,
    /// The time of the event. All code that runs for one event sees the same time.
    pub now: Timestamp,
}

impl Context {
    pub(crate) const fn new(conversation: ConversationId, instance: InstanceId, now: Timestamp) -> Self {
        Self { conversation, instance, now }
    }
}
