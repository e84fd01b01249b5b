//! What a conversation shows: a tree of the instances in front, each with its view and the widgets in its slots.

use crate::component::Context;
use crate::kernel::author::{failed, guard};
use crate::kernel::conversation::{Conversation, Instance};
use crate::kernel::outcome::Cause;
use crate::model::id::Turn;
use crate::model::timestamp::Timestamp;
use crate::model::view::View;

/// An instance in front, what it shows, and what is in front in its slots.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RenderedInstance {
    /// The turn that an answer to it names.
    pub turn: Turn,
    /// The name of its component.
    pub component: String,
    /// What it shows.
    pub view: View,
    /// The widgets that it embeds, by the names of their slots, in the order in which it embeds them. A slot whose
    /// widget has answered is left out.
    pub slots: Vec<(String, RenderedInstance)>,
}

/// Renders all instances in front.
///
/// # Errors
///
/// The author's `render` panicked.
pub fn render(conversation: &Conversation, now: Timestamp) -> Result<RenderedInstance, Cause> {
    render_instance(conversation, conversation.front(), now)
}

fn render_instance(
    conversation: &Conversation,
    instance: &Instance,
    now: Timestamp,
) -> Result<RenderedInstance, Cause> {
    let mut slots = Vec::new();
    let view = view(conversation, instance, now)?;
    for (name, slot) in &instance.slots {
        if let Some(front) = slot.stack.last() {
            slots.push((name.clone(), render_instance(conversation, front, now)?));
        }
    }
    Ok(RenderedInstance { turn: instance.turn(), component: instance.name().to_owned(), view, slots })
}

/// What one instance shows.
///
/// # Errors
///
/// Its `render` panicked.
pub fn view(conversation: &Conversation, instance: &Instance, now: Timestamp) -> Result<View, Cause> {
    let cx = Context::new(conversation.id, instance.id, now);
    guard(|| Ok(instance.component.view(&cx))).map_err(|failure| failed(instance, failure))
}
