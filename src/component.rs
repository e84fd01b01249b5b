//! The author's side: the trait of components, and the values that their handlers return.
//!
//! A [`Component`] is a plain serde value. Its handlers take an event and return what to do [`Next`]: stay, call
//! another component, answer, replace itself, end. A handler performs nothing itself; the kernel does. A [`Context`]
//! passes in the conversation, the instance and the time: nothing here reads a clock or does I/O.
//!
//! `#[component]` gives a type its name on disk and registers it. The hidden items are what the macro emits.

pub(crate) mod answer;
pub(crate) mod context;
pub(crate) mod descriptor;
pub(crate) mod erased;
pub mod prompts;
pub mod registry;
pub(crate) mod saved_state;

use std::fmt;
use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::model::error::Failure;
use crate::model::timestamp::Timestamp;
use crate::model::view::{Event, View};

pub(crate) use answer::Like;
pub use answer::{Answer, AnyAnswer};
pub use context::Context;
pub use descriptor::{AwaitDescriptor, AwaitSite, DefaultValue, StateDescriptor};
pub use erased::{
    AnyComponent, AnyMigrated, ComponentDescriptor, Embedded, ErasedComponent, Kind, Migrated, Transition,
};
pub use saved_state::SavedState;

/// The return type of a handler: what to do next, or why it failed.
pub type Handled<C> = Result<Next<C>, Failure>;

/// One part of a conversation: a question to a person, a widget, or a task that calls other components and continues
/// with their answers. Put `#[component]` on the `impl` block; every method has a default.
///
/// ```
/// use stube::{Action, Component, Context, Event, Form, Handled, Next, View, component};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Stars {
///     place: String,
/// }
///
/// #[component]
/// impl Component for Stars {
///     type Answer = u32;
///
///     fn render(&self, _cx: &Context) -> View {
///         let form = Form::text(format!("How was {}?", self.place));
///         form.action(Action::new("good")).action(Action::new("bad")).into()
///     }
///
///     fn handle(&mut self, event: Event, _cx: &Context) -> Handled<Self> {
///         Ok(Next::answer(if event.action == "good" { 5 } else { 1 }))
///     }
/// }
/// ```
///
/// The component and its `Answer` are saved, so both implement `Serialize` and `Deserialize`. A handler must have no
/// side effects: it runs again if the process crashes, or another process saves the conversation, before its result is
/// saved.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a component",
    label = "only a component or a flow may be called or awaited here",
    note = "a component is a type with `#[component] impl Component for {Self}`; a flow is an `async fn` under `#[flow]`"
)]
pub trait Component: AnyComponent + Serialize + DeserializeOwned + Sized {
    /// The type of its answer to the caller.
    type Answer: Answer;

    /// Runs once, after the instance has been created. A task calls its first component here.
    ///
    /// # Errors
    ///
    /// Any [`Failure`]. The conversation then stays as it was before the event that created the instance.
    fn start(&mut self, cx: &Context) -> Handled<Self> {
        let _ = cx;
        Ok(Next::stay())
    }

    /// Handles an event that was sent to this instance, for instance a pressed button.
    ///
    /// # Errors
    ///
    /// Any [`Failure`]. The conversation then stays as it was, including changes that this method made to `self`.
    fn handle(&mut self, event: Event, cx: &Context) -> Handled<Self> {
        let _ = (event, cx);
        Ok(Next::stay())
    }

    /// The view of this instance.
    fn render(&self, cx: &Context) -> View {
        let _ = cx;
        View::default()
    }

    /// Runs just before the instance is removed: because it answered, was replaced, or the conversation ended.
    fn stop(&mut self, cx: &Context) {
        let _ = cx;
    }

    /// Runs when a new process uses the conversation for the first time and this instance is on top of its slot.
    /// Changes to `self` are saved with the next event.
    ///
    /// # Errors
    ///
    /// Any [`Failure`]. The event that caused the wakeup then changes nothing.
    fn wakeup(&mut self, cx: &Context) -> Result<(), Failure> {
        let _ = cx;
        Ok(())
    }

    /// The time at which this instance is due, while it is on top of its slot: a deadline, or the time of a reminder.
    /// Called after each event. The host queries for conversations that are due and sends them an event.
    fn due(&self) -> Option<Timestamp> {
        None
    }

    /// The components that this instance embeds, each in a child slot with a name. Called once, when the instance is
    /// created and before it is started. A child can be moved out of `self`, so it need not be `Clone`:
    ///
    /// ```
    /// # use stube::{Component, Confirm, Slots, component};
    /// # use serde::{Deserialize, Serialize};
    /// #[derive(Serialize, Deserialize)]
    /// struct Framed {
    ///     title: String,
    ///     question: Option<Confirm>,
    /// }
    ///
    /// #[component]
    /// impl Component for Framed {
    ///     type Answer = bool;
    ///
    ///     fn slots(&mut self) -> Slots<Self> {
    ///         match self.question.take() {
    ///             Some(question) => Slots::none().asking("question", question, Self::on_answer),
    ///             None => Slots::none(),
    ///         }
    ///     }
    ///
    ///     #[resume]
    ///     fn on_answer(&mut self, sure: bool, _cx: &stube::Context) -> stube::Handled<Self> {
    ///         Ok(stube::Next::answer(sure))
    ///     }
    /// }
    /// ```
    fn slots(&mut self) -> Slots<Self> {
        Slots::none()
    }

    #[doc(hidden)]
    const DESCRIPTOR: &'static ComponentDescriptor;

    /// Continues with the answer of the component that was called with the resume function `key`. Written by
    /// `#[component]` and `#[flow]`.
    #[doc(hidden)]
    fn resume(&mut self, key: &str, answer: AnyAnswer, cx: &Context) -> Handled<Self> {
        let _ = (answer, cx);
        Err(Failure::bug(format!("no resume function is named {key:?}")))
    }

    /// The name of the await at which a flow is parked; `None` for other components.
    #[doc(hidden)]
    fn state(&self) -> Option<&'static str> {
        None
    }
}

/// The step that follows a handler of the component `C`.
#[must_use = "the kernel does this only if the handler returns it"]
pub struct Next<C> {
    pub(crate) transition: Transition,
    component: PhantomData<fn(C)>,
}

impl<C: Component> Next<C> {
    #[doc(hidden)]
    pub const fn new(transition: Transition) -> Self {
        Self { transition, component: PhantomData }
    }

    /// Wait for the next event.
    pub const fn stay() -> Self {
        Self::new(Transition::Stay)
    }

    /// Answer with this value: the instance is removed, and its caller continues.
    pub fn answer(value: C::Answer) -> Self {
        Self::new(Transition::Answer(AnyAnswer::new(value)))
    }

    /// Push `callee` on top of this instance; when it answers, run the function `resume` with the answer.
    ///
    /// The function is marked `#[resume]` in the same `#[component]` block. The record stores its name, so a
    /// conversation that waits for this answer cannot be read after the function has been renamed.
    pub fn call<D: Component>(callee: D, resume: Resume<C, D::Answer>) -> Self {
        Self::new(Transition::Call { callee: Box::new(callee), resume: resume.name })
    }

    /// Replace this instance by `successor`, which answers to the same caller.
    pub fn replace<D: Component<Answer = C::Answer>>(successor: D) -> Self {
        Self::new(Transition::Replace(Box::new(successor)))
    }

    /// End the whole conversation, without a result.
    pub const fn end() -> Self {
        Self::new(Transition::End)
    }
}

impl<C> fmt::Debug for Next<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Next").field(&self.transition).finish()
    }
}

/// A function of the component `C` that takes the answer `A`. `#[resume]` makes it; the record stores its name.
pub struct Resume<C, A> {
    name: &'static str,
    fits: PhantomData<fn(C, A)>,
}

impl<C, A> Resume<C, A> {
    #[doc(hidden)]
    pub const fn new(name: &'static str) -> Self {
        Self { name, fits: PhantomData }
    }
}

impl<C, A> Clone for Resume<C, A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C, A> Copy for Resume<C, A> {}

impl<C, A> fmt::Debug for Resume<C, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Resume").field(&self.name).finish()
    }
}

/// The components that a component embeds, each in a child slot with a name.
pub struct Slots<C> {
    pub(crate) embedded: Vec<Embedded>,
    component: PhantomData<fn(C)>,
}

impl<C: Component> Slots<C> {
    /// No child slots.
    pub const fn none() -> Self {
        Self { embedded: Vec::new(), component: PhantomData }
    }

    /// Embeds a component that never answers. If it does answer, the event that made it answer fails.
    #[must_use]
    pub fn with<D: Component>(self, slot: impl Into<String>, child: D) -> Self {
        self.embed(slot.into(), Box::new(child), None)
    }

    /// Embeds a component whose answer goes to `resume`. After the answer the slot is empty.
    #[must_use]
    pub fn asking<D: Component>(self, slot: impl Into<String>, child: D, resume: Resume<C, D::Answer>) -> Self {
        self.embed(slot.into(), Box::new(child), Some(resume.name))
    }

    fn embed(mut self, slot: String, component: Box<dyn AnyComponent>, resume: Option<&'static str>) -> Self {
        self.embedded.push(Embedded { slot, component, resume });
        self
    }
}

impl<C> fmt::Debug for Slots<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Slots").field(&self.embedded).finish()
    }
}

impl<C: Component> ErasedComponent for C {
    fn descriptor(&self) -> &'static ComponentDescriptor {
        C::DESCRIPTOR
    }

    fn state_name(&self) -> Option<&'static str> {
        self.state()
    }

    fn on_start(&mut self, cx: &Context) -> Result<Transition, Failure> {
        self.start(cx).map(|next| next.transition)
    }

    fn on_event(&mut self, event: Event, cx: &Context) -> Result<Transition, Failure> {
        self.handle(event, cx).map(|next| next.transition)
    }

    fn on_answer(&mut self, key: &str, answer: AnyAnswer, cx: &Context) -> Result<Transition, Failure> {
        self.resume(key, answer, cx).map(|next| next.transition)
    }

    fn on_stop(&mut self, cx: &Context) {
        self.stop(cx);
    }

    fn on_wakeup(&mut self, cx: &Context) -> Result<(), Failure> {
        self.wakeup(cx)
    }

    fn view(&self, cx: &Context) -> View {
        self.render(cx)
    }

    fn due_at(&self) -> Option<Timestamp> {
        self.due()
    }

    fn embedded(&mut self) -> Vec<Embedded> {
        self.slots().embedded
    }

    fn accepts(&self, answer: &AnyAnswer) -> bool {
        answer.is::<C::Answer>()
    }
}
