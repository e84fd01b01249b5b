//! Components with their types erased, as a conversation stores and the kernel calls them, and their descriptors.
//!
//! [`AnyComponent`] is the stored pointer. typetag (de)serializes it by its name on disk. [`ErasedComponent`] is
//! [`Component`](crate::Component) in terms of erased values; a blanket implementation provides it. A
//! [`ComponentDescriptor`] is written by `#[component]` and `#[flow]`; the registry, the compatibility check, the lock
//! file and the manifest read it. Nothing here decides what to do with a [`Transition`]; the kernel carries it out.

use std::any::Any;
use std::fmt;

use crate::component::answer::AnyAnswer;
use crate::component::context::Context;
use crate::component::descriptor::StateDescriptor;
use crate::component::saved_state::SavedState;
use crate::model::error::Failure;
use crate::model::timestamp::Timestamp;
use crate::model::view::{Event, View};
use crate::schema::Probed;

/// The facts about a component or a flow that are known without an instance.
#[doc(hidden)]
#[derive(Debug)]
pub struct ComponentDescriptor {
    /// The Rust name of the type.
    pub type_name: fn() -> &'static str,
    /// The Rust name of its answer's type.
    pub answer: fn() -> &'static str,
    /// The name on disk.
    pub name: &'static str,
    /// The names that it had on disk in earlier versions.
    pub was: &'static [&'static str],
    /// Deserializes a value of it (of a flow: a state) and drops it.
    pub probe: Probed,
    /// Deserializes an answer of it and drops it.
    pub probe_answer: Probed,
    /// Whether it is a component written by hand or a flow.
    pub kind: Kind,
    /// Whether it holds something that cannot be saved.
    pub transient: bool,
    /// The crate that defines it; a program that lacks it must link this crate.
    pub krate: &'static str,
    /// The place of its definition: `module::path (file:line)`.
    pub defined: &'static str,
}

/// Whether a component is written by hand or is a flow.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// `#[component]`.
    Component {
        /// The names of its resume functions.
        resumes: &'static [&'static str],
    },
    /// `#[flow]`.
    Flow {
        /// Lists its states.
        describe: fn() -> Vec<StateDescriptor>,
        /// Migrates a state that an earlier version saved.
        migrate: fn(SavedState) -> AnyMigrated,
        /// The argument types of its `#[migrate]` closures.
        takes: &'static [Probed],
        /// Whether it has `#[migrate]` functions that edit a state as JSON.
        on_json: bool,
    },
}

impl Kind {
    /// Whether it is a flow.
    pub(crate) const fn is_flow(&self) -> bool {
        matches!(self, Self::Flow { .. })
    }
}

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
