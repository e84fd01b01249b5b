//! Components with their types erased: what a conversation stores and the kernel calls.
//!
//! [`AnyComponent`] is the stored pointer. typetag (de)serializes it by its name on disk. [`ErasedComponent`] is
//! [`Component`](crate::Component) in terms of erased values; a blanket implementation provides it. Nothing here
//! decides what to do with a [`Transition`]; the kernel carries it out.

use std::any::Any;
use std::fmt;

use crate::component::answer::AnyAnswer;
use crate::component::context::Context;
use crate::component::descriptor;
use crate::component::saved_state::SavedState;
use crate::model::error::Failure;
use crate::model::timestamp::Timestamp;
use crate::model::view::{Event, View};

/// The facts about a component that are known without an instance.
#[doc(hidden)]
pub type ComponentDescriptor = descriptor::Descriptor<AnyMigrated>;

/// Whether a component is written by hand or is a flow.
#[doc(hidden)]
pub type Kind = descriptor::Kind<AnyMigrated>;

/// A component with its type erased, identified by its name on disk.
///
/// Only `#[component]` and `#[flow]` implement it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not registered under a name on disk",
    label = "this has no name on disk",
    note = "put `#[component]` on the `impl Component for {Self}` block"
)]
#[typetag::serde(tag = "type", content = "state")]
pub trait AnyComponent: ErasedComponent {}

/// Its name on disk, without its state.
impl fmt::Debug for dyn AnyComponent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.descriptor().name)
    }
}

/// [`Component`](crate::Component) with erased types, for the kernel. Implemented for every component.
#[doc(hidden)]
pub trait ErasedComponent: erased_serde::Serialize + Any + Send {
    fn descriptor(&self) -> &'static ComponentDescriptor;
    fn state_name(&self) -> Option<&'static str>;
    fn on_start(&mut self, cx: &Context) -> Result<Transition, Failure>;
    fn on_event(&mut self, event: Event, cx: &Context) -> Result<Transition, Failure>;
    fn on_answer(&mut self, key: &str, answer: AnyAnswer, cx: &Context) -> Result<Transition, Failure>;
    fn on_stop(&mut self, cx: &Context);
    fn on_wakeup(&mut self, cx: &Context) -> Result<(), Failure>;
    fn view(&self, cx: &Context) -> View;
    fn due_at(&self) -> Option<Timestamp>;
    fn embedded(&mut self) -> Vec<Embedded>;
    fn accepts(&self, answer: &AnyAnswer) -> bool;
}

/// [`Next`](crate::Next) with its type erased: what the kernel does after a handler has returned.
#[derive(Debug)]
pub enum Transition {
    /// Wait for the next event.
    Stay,
    /// Push `callee` onto the slot of the instance.
    Call {
        /// The component to push.
        callee: Box<dyn AnyComponent>,
        /// The name of the resume function that receives its answer; empty for a flow.
        resume: &'static str,
    },
    /// Pop the instance and resume the one below it.
    Answer(AnyAnswer),
    /// Replace the instance by this component.
    Replace(Box<dyn AnyComponent>),
    /// End the conversation without a result.
    End,
}

/// A component for a child slot. Made by [`Slots`](crate::Slots).
#[derive(Debug)]
pub struct Embedded {
    pub(crate) slot: String,
    pub(crate) component: Box<dyn AnyComponent>,
    pub(crate) resume: Option<&'static str>,
}

/// The outcome of a migration: how the conversation continues from a state that an earlier version saved.
#[doc(hidden)]
#[derive(Debug)]
pub enum Migrated<S, R> {
    /// The flow continues in this state.
    State(S),
    /// The flow ends with this result.
    Answer(R),
    /// This component takes the place of the flow.
    HandTo(Box<dyn AnyComponent>),
    /// The author's migration failed.
    Failed(Failure),
}

/// A migration's outcome with the types erased; `Err` with the state if no migration is written for it.
#[doc(hidden)]
pub type AnyMigrated = Result<Migrated<Box<dyn AnyComponent>, AnyAnswer>, SavedState>;
