//! The rules: start, apply an input, call, answer, replace, end.
//!
//! `(conversation, input, now) -> outcome`, values in and values out. The kernel runs author code and carries out the
//! transitions that it returns, until the conversation waits for input again. It knows no store, clock, network,
//! randomness or task: the time is handed in, and the caller makes the outcome durable.
//!
//! A conversation goes in by value. If anything fails, what comes back is a [`Rejected`] with the cause; the caller
//! still has the record from which it read the conversation, so the conversation stays as it was.

mod author;
pub mod conversation;
mod input;
mod open_await;
mod outcome;
pub(crate) mod receipt;
mod render;
mod step;

use crate::component::{AnyComponent, Transition};
use crate::kernel::conversation::{Conversation, Path, PendingUpgrade, Slot};
use crate::kernel::receipt::{Receipts, Recognised};
use crate::kernel::step::Step;
use crate::model::id::{ConversationId, Owner};
use crate::model::timestamp::Timestamp;

pub use input::{Input, RepeatableAnswer};
pub use open_await::{AwaitKind, OpenAwait};
pub use outcome::{Cause, Ended, OutboxEntry, Outcome, Progress, ProgressRef, Rejected};
pub use receipt::{AnswerKey, InvalidAnswerKey};
pub use render::{RenderedInstance, render, view};
pub use step::MAX_TRANSITIONS;

/// Starts a conversation and runs it until it waits for input.
///
/// # Errors
///
/// Author code failed.
pub fn start(
    id: ConversationId,
    root: Box<dyn AnyComponent>,
    owner: Option<Owner>,
    now: Timestamp,
) -> Result<Outcome, Rejected> {
    let flow = root.descriptor().name;
    let conversation = Conversation {
        id,
        created: now,
        touched: now,
        owner,
        next_instance: 1,
        root: Slot::default(),
        removed: Vec::new(),
        pending_upgrades: Vec::new(),
    };
    let mut step = Step::new(conversation, flow, now);
    let pushed = step.push(&Path::root(), root, None);
    let started = pushed.and_then(|transitions| step.carry_out(transitions));
    step.finish(started)
}

/// Applies an input to a conversation: the one way in which anything happens to it.
///
/// # Errors
///
/// The input was applied before, is for a question that is not open, does not fit, or author code failed.
pub fn apply(conversation: Conversation, input: Input, now: Timestamp) -> Result<Outcome, Rejected> {
    let receipt = input.receipt();
    let mut step = Step::of(conversation, now);
    let applied = match (input, receipt) {
        (Input::Event { turn, event, .. }, Some(receipt)) => step.open(turn, receipt).and_then(|path| {
            let transition = step.author(&path, |component, cx| component.on_event(event, cx))?;
            step.carry_out(vec![(turn.instance, transition)])
        }),
        (Input::Answer { turn, answer, .. }, Some(receipt)) => step.open(turn, receipt).and_then(|path| {
            let transition = step.answer_of(&path, answer.to_any())?;
            step.carry_out(vec![(turn.instance, transition)])
        }),
        (Input::End, _) | (Input::Event { .. } | Input::Answer { .. }, None) => {
            step.end(None);
            Ok(())
        }
    };
    step.finish(applied)
}

/// Why an input is not applied to a conversation that has ended with these receipts.
pub(crate) fn apply_to_ended(receipts: &Receipts, input: &Input) -> Cause {
    match input.receipt().and_then(|receipt| receipts.recognise(&receipt)) {
        Some(Recognised::Repeated) => Cause::Repeated,
        Some(Recognised::AnotherAnswer) | None => Cause::Stale,
    }
}

/// Applies the upgrades that a decoded record left to apply: ends the flows that have ended with this release, and
/// begins those that begin in their place. Changes nothing if there are none.
///
/// # Errors
///
/// Author code failed.
pub fn apply_upgrades(mut conversation: Conversation, now: Timestamp) -> Result<Outcome, Rejected> {
    let upgrades = std::mem::take(&mut conversation.pending_upgrades);
    let bottom = conversation.bottom().id;
    let ended = upgrades.iter().find(|upgrade| upgrade.instance == bottom).map(|upgrade| upgrade.flow);
    let flow = ended.unwrap_or_else(|| conversation.bottom().name());
    let mut step = Step::new(conversation, flow, now);
    let mut pending = Vec::new();
    for PendingUpgrade { instance, answer, .. } in upgrades {
        let path = step.path(instance);
        let transition = match answer {
            Some(answer) => Ok(Transition::Answer(answer)),
            None => step.author(&path, |component, cx| component.on_start(cx)),
        };
        match transition {
            Ok(transition) => pending.push((instance, transition)),
            Err(cause) => return Err(step.reject(cause)),
        }
    }
    let applied = step.carry_out(pending);
    step.finish(applied)
}

/// Wakes the instances in front, when a new process touches the conversation for the first time.
///
/// # Errors
///
/// Author code failed.
pub fn wakeup(conversation: Conversation, now: Timestamp) -> Result<Conversation, Rejected> {
    let mut step = Step::of(conversation, now);
    for id in step.in_front() {
        let path = step.path(id);
        if let Err(cause) = step.author(&path, |component, cx| component.on_wakeup(cx)) {
            return Err(step.reject(cause));
        }
    }
    Ok(step.into_conversation())
}
