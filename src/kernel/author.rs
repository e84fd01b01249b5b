//! The border to author code: a panic becomes a failure of the instance whose code it was.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::component::Context;
use crate::kernel::conversation::Instance;
use crate::kernel::outcome::Cause;
use crate::model::error::Failure;
use crate::model::id::ConversationId;
use crate::model::timestamp::Timestamp;

/// Runs author code and turns a panic into a failure. The caller throws away what the panic left half done.
pub(super) fn guard<T>(code: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(code)).unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let message = message.or_else(|| panic.downcast_ref::<String>().cloned());
        Err(Failure::Panicked(message.unwrap_or_else(|| "with a value that is not text".to_owned())))
    })
}

/// The failure of this instance, as a cause.
pub(super) fn failed(instance: &Instance, failure: Failure) -> Cause {
    match failure {
        Failure::Refused(refusal) => Cause::Refused(refusal),
        failure => Cause::Failed { component: instance.name(), instance: instance.id, failure },
    }
}

/// Runs the `stop` of an instance and its widgets, the widgets first. A `stop` that panics holds nothing back.
pub(super) fn stop(instance: &mut Instance, conversation: ConversationId, now: Timestamp) {
    for child in instance.slots.iter_mut().flat_map(|(_, slot)| &mut slot.stack).rev() {
        stop(child, conversation, now);
    }
    let cx = Context::new(conversation, instance.id, now);
    let component = &mut instance.component;
    let stopped = guard(|| {
        component.on_stop(&cx);
        Ok(())
    });
    if stopped.is_err() {
        tracing::warn!(%conversation, instance = %instance.id, component = instance.name(), "stop panicked");
    }
}
