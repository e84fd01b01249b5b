//! What an author writes: a component, or a task that calls others.
//!
//! A [`Component`] is a plain serde value. Its handlers take what happened and return what comes [`Next`]: stay, call
//! another component, answer, be replaced, end. They carry nothing out themselves; the kernel does. A [`Context`]
//! tells them where and when they run, as values: nothing here reads a clock or does I/O.
//!
//! `#[component]` gives a type its name on disk and registers it; what it writes is in the hidden part below.

pub mod prompts;
pub mod registry;

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, DeserializeSeed, Error as _};
use serde::{Deserializer, Serialize};

use crate::evolution::migration::SavedState;
use crate::model::error::Failure;
use crate::model::id::{ConversationId, InstanceId};
use crate::model::timestamp::Timestamp;
use crate::model::view::{Event, View};
use crate::schema::Probed;

/// What a handler gives: what comes next, or why it failed.
pub type Handled<C> = Result<Next<C>, Failure>;

/// One part of a conversation: a question to a person, a widget, or a task that calls others and goes on with their
/// answers. Written on an `impl` block marked `#[component]`; every method has a default.
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
/// Its `Self` and its `Answer` are saved, so both implement serde's two traits. A handler may run again after a crash
/// if its effect was not yet saved, so it has no side effects of its own.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a component",
    label = "only a component or a flow may be called or awaited here",
    note = "a component is a type with `#[component] impl Component for {Self}`; a flow is an `async fn` under `#[flow]`"
)]
pub trait Component: AnyComponent + Serialize + DeserializeOwned + Sized {
    /// What it answers to whoever called it.
    type Answer: Answer;

    /// Runs once, when the instance has been made. A task calls its first component here.
    ///
    /// # Errors
    ///
    /// Any [`Failure`]: then the conversation stays as it was before the event that made the instance.
    fn start(&mut self, cx: &Context) -> Handled<Self> {
        let _ = cx;
        Ok(Next::stay())
    }

    /// Something happened to this instance, for instance a person pressed a button.
    ///
    /// # Errors
    ///
    /// Any [`Failure`]: then the conversation stays as it was, and so does this value.
    fn handle(&mut self, event: Event, cx: &Context) -> Handled<Self> {
        let _ = (event, cx);
        Ok(Next::stay())
    }

    /// What to show.
    fn render(&self, cx: &Context) -> View {
        let _ = cx;
        View::default()
    }

    /// Runs just before the instance is taken away: it answered, it was replaced, or the conversation ended.
    fn stop(&mut self, cx: &Context) {
        let _ = cx;
    }

    /// Runs when the instance is in front of the person and its conversation is first touched by a new process.
    /// Its change of state is kept.
    ///
    /// # Errors
    ///
    /// Any [`Failure`]: then the event that touched the conversation changes nothing.
    fn wakeup(&mut self, cx: &Context) -> Result<(), Failure> {
        let _ = cx;
        Ok(())
    }

    /// From when on this instance, while it is in front, has something to do that nobody asks for: a deadline, the time
    /// for a reminder. Asked after each event; the host finds the conversations that are due and sends them an event.
    fn due(&self) -> Option<Timestamp> {
        None
    }

    /// The widgets that this instance embeds, made together with it and only then.
    fn slots(&self) -> Slots<Self> {
        Slots::none()
    }

    #[doc(hidden)]
    const DESCRIPTOR: &'static ComponentDescriptor;

    /// Goes on with the answer to what was called under `key`. Written by `#[component]` and `#[flow]`.
    #[doc(hidden)]
    fn resume(&mut self, key: &str, answer: AnyAnswer, cx: &Context) -> Handled<Self> {
        let _ = (answer, cx);
        Err(Failure::bug(format!("no resume function is named {key:?}")))
    }

    /// The name of the await at which a flow is.
    #[doc(hidden)]
    fn state(&self) -> Option<&'static str> {
        None
    }
}

/// Where and when author code runs.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Context {
    /// The conversation.
    pub conversation: ConversationId,
    /// The instance whose code runs.
    pub instance: InstanceId,
    /// The time of the event. All code that runs for one event sees one time.
    pub now: Timestamp,
}

impl Context {
    pub(crate) const fn new(conversation: ConversationId, instance: InstanceId, now: Timestamp) -> Self {
        Self { conversation, instance, now }
    }
}

/// What comes next, as a handler of the component `C` decided it.
#[must_use = "what comes next is carried out only if the handler returns it"]
pub struct Next<C> {
    pub(crate) transition: Transition,
    component: PhantomData<fn(C)>,
}

/// The same without the type: what the kernel carries out.
#[derive(Debug)]
pub enum Transition {
    /// Wait for the next event.
    Stay,
    /// Push `callee` onto the slot in which the instance sits.
    Call {
        /// What is called.
        callee: Box<dyn AnyComponent>,
        /// Where its answer goes.
        resume: &'static str,
    },
    /// Take the instance away and resume the one below it.
    Answer(AnyAnswer),
    /// Put this in place of the instance.
    Replace(Box<dyn AnyComponent>),
    /// End the conversation, without a result.
    End,
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

    /// Answer with this value: the instance is taken away, and the one that called it goes on.
    pub fn answer(value: C::Answer) -> Self {
        Self::new(Transition::Answer(AnyAnswer::new(value)))
    }

    /// Put `callee` in place of this instance until it answers; then run the function `resume` with the answer.
    ///
    /// The function is one that is marked `#[resume]` in the same `#[component]` block. It is stored by its name, so
    /// renaming it strands conversations that wait for this answer.
    pub fn call<D: Component>(callee: D, resume: Resume<C, D::Answer>) -> Self {
        Self::new(Transition::Call { callee: Box::new(callee), resume: resume.name })
    }

    /// Put `successor` in place of this instance for good: it answers to the same caller.
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

/// A function of the component `C` that takes the answer `A`. Made by `#[resume]`; what is stored is its name.
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

/// The widgets that a component embeds, each in a child slot with a name.
pub struct Slots<C> {
    pub(crate) embedded: Vec<Embedded>,
    component: PhantomData<fn(C)>,
}

/// One widget, to be put into a child slot.
#[derive(Debug)]
pub struct Embedded {
    pub(crate) slot: String,
    pub(crate) component: Box<dyn AnyComponent>,
    pub(crate) resume: Option<&'static str>,
}

impl<C: Component> Slots<C> {
    /// No widgets.
    pub const fn none() -> Self {
        Self { embedded: Vec::new(), component: PhantomData }
    }

    /// Embeds a widget that never answers. If it does, that is an error on the widget.
    #[must_use]
    pub fn with<D: Component>(self, slot: impl Into<String>, widget: D) -> Self {
        self.embed(slot.into(), Box::new(widget), None)
    }

    /// Embeds a widget whose answer goes to `resume`; the slot is empty from then on.
    #[must_use]
    pub fn asking<D: Component>(self, slot: impl Into<String>, widget: D, resume: Resume<C, D::Answer>) -> Self {
        self.embed(slot.into(), Box::new(widget), Some(resume.name))
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

/// What may be answered: any serde value that may be sent to another thread. Implemented for all of them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an answer, because it cannot be saved",
    label = "this has to be saved",
    note = "derive `Serialize` and `Deserialize` for it, and own what it borrows"
)]
pub trait Answer: Serialize + DeserializeOwned + Send + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + Send + 'static> Answer for T {}

/// An answer whose type is known to the one who takes it.
pub struct AnyAnswer(Box<dyn ErasedAnswer>);

trait ErasedAnswer: erased_serde::Serialize + Any + Send {
    /// Reads another answer of the same type.
    fn read(&self, from: &mut dyn erased_serde::Deserializer<'_>) -> Result<AnyAnswer, erased_serde::Error>;
}

impl<T: Answer> ErasedAnswer for T {
    fn read(&self, from: &mut dyn erased_serde::Deserializer<'_>) -> Result<AnyAnswer, erased_serde::Error> {
        erased_serde::deserialize::<T>(from).map(AnyAnswer::new)
    }
}

/// Reads an answer of the type that another one has.
pub(crate) struct Like<'a>(pub(crate) &'a AnyAnswer);

impl<'de> DeserializeSeed<'de> for Like<'_> {
    type Value = AnyAnswer;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<AnyAnswer, D::Error> {
        self.0.0.read(&mut <dyn erased_serde::Deserializer<'de>>::erase(deserializer)).map_err(D::Error::custom)
    }
}

impl AnyAnswer {
    /// Wraps this answer.
    pub fn new(answer: impl Answer) -> Self {
        Self(Box::new(answer))
    }

    /// The answer, if it is of this type; else the wrapped one back.
    pub fn downcast<T: Answer>(self) -> Result<T, Self> {
        if (&*self.0 as &dyn Any).is::<T>() {
            let any: Box<dyn Any> = self.0;
            Ok(*any.downcast().expect("BUG: the type was compared one line above"))
        } else {
            Err(self)
        }
    }

    pub(crate) fn erased(&self) -> &dyn erased_serde::Serialize {
        &*self.0
    }

    /// The same for a resume function, where another type is a bug of the caller.
    #[doc(hidden)]
    pub fn expect<T: Answer>(self) -> Result<T, Failure> {
        self.downcast().map_err(|_| Failure::bug(format!("the answer is not a {}", std::any::type_name::<T>())))
    }
}

impl Serialize for AnyAnswer {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        erased_serde::serialize(&*self.0, serializer)
    }
}

/// Keeps the answer to itself, so that none reaches a log.
impl fmt::Debug for AnyAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnyAnswer(..)")
    }
}

/// What is known of a component without an instance of it. Written by `#[component]` and `#[flow]`.
#[doc(hidden)]
#[derive(Debug)]
pub struct ComponentDescriptor {
    /// What Rust calls the type.
    pub type_name: fn() -> &'static str,
    /// What Rust calls the type of its answer.
    pub answer: fn() -> &'static str,
    /// The name on disk.
    pub name: &'static str,
    /// What it was called in earlier versions.
    pub was: &'static [&'static str],
    /// Reads a value of it, of a flow a state, and drops it.
    pub probe: Probed,
    /// Reads an answer of it, and drops it.
    pub probe_answer: Probed,
    /// Whether it is a component written by hand or a flow.
    pub kind: Kind,
    /// Whether it holds something that cannot be saved.
    pub transient: bool,
    /// The crate that one must link to have it.
    pub krate: &'static str,
    /// Where it is defined, as `module::path (file:line)`.
    pub defined: &'static str,
}

/// Whether a component was written by hand or as a flow.
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
        /// Its states.
        describe: fn() -> Vec<StateDescriptor>,
        /// What is written beside it for a state of an earlier version.
        migrate: fn(SavedState) -> AnyMigrated,
        /// What the closures of that take.
        takes: &'static [Probed],
        /// Whether there are functions that take a state apart as JSON.
        on_json: bool,
    },
}

/// The same with the types forgotten; or the state itself, if nothing is written of it.
#[doc(hidden)]
pub type AnyMigrated = Result<Migrated<Box<dyn AnyComponent>, AnyAnswer>, SavedState>;

impl Kind {
    /// Whether it is a flow.
    pub(crate) const fn is_flow(&self) -> bool {
        matches!(self, Self::Flow { .. })
    }
}

/// What became of a state of an earlier version.
#[doc(hidden)]
#[derive(Debug)]
pub enum Migrated<S, R> {
    /// The flow goes on here.
    State(S),
    /// The flow ends with this result.
    Answer(R),
    /// This goes on in its place.
    HandTo(Box<dyn AnyComponent>),
    /// The author's code could not do it.
    Failed(Failure),
}

/// Where a state stands in the code, and what may come next.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub struct AwaitSite {
    /// The name of the await.
    pub name: &'static str,
    /// Its line.
    pub line: u32,
    /// The states that may come next.
    pub next: &'static [&'static str],
    /// Whether the flow may end before.
    pub ends: bool,
    /// What it would be called if it were the only one; empty if the author named it.
    pub wanted: &'static str,
    /// What is awaited, in the author's words.
    pub asks: &'static str,
    /// What it was called in earlier versions.
    pub was: &'static [&'static str],
    /// What its locals were called.
    pub locals_were: &'static [(&'static str, &'static [&'static str])],
}

/// What is known of one state of a flow.
#[doc(hidden)]
#[derive(Debug)]
pub struct StateDescriptor {
    /// Where it stands.
    pub site: AwaitSite,
    /// What it holds, with the names of the types.
    pub locals: Vec<(&'static str, &'static str)>,
    /// What it awaits; nothing before the first await.
    pub awaits: Option<AwaitDescriptor>,
    /// What stands for locals that it did not have in earlier versions.
    pub defaults: Vec<DefaultValue>,
}

/// What stands for a local that a state of an earlier version does not have.
#[doc(hidden)]
#[derive(Debug, Clone)]
pub struct DefaultValue {
    /// The state.
    pub state: &'static str,
    /// The local.
    pub local: &'static str,
    /// Its value, as JSON; nothing if it has no JSON form.
    pub json: Option<String>,
}

/// What a state waits for.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub struct AwaitDescriptor {
    /// Its name on disk; empty where only the running flow knows.
    pub component: &'static str,
    /// What Rust calls the type.
    pub type_name: &'static str,
    /// What Rust calls the type of its answer.
    pub answer: &'static str,
    /// Reads an answer of it, and drops it.
    pub probe_answer: Probed,
}

/// What a conversation keeps: a component whose type is forgotten and whose name is not.
///
/// Implemented by `#[component]` and `#[flow]`, and by nothing else.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not registered under a name on disk",
    label = "this has no name on disk",
    note = "put `#[component]` on the `impl Component for {Self}` block"
)]
#[typetag::serde(tag = "type", content = "state")]
pub trait AnyComponent: ErasedComponent {}

impl fmt::Debug for dyn AnyComponent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.registration().name)
    }
}

/// [`Component`] without its types, for the kernel. Implemented for every component.
#[doc(hidden)]
pub trait ErasedComponent: erased_serde::Serialize + Any + Send {
    fn registration(&self) -> &'static ComponentDescriptor;
    fn state_name(&self) -> Option<&'static str>;
    fn on_start(&mut self, cx: &Context) -> Result<Transition, Failure>;
    fn on_event(&mut self, event: Event, cx: &Context) -> Result<Transition, Failure>;
    fn on_answer(&mut self, key: &str, answer: AnyAnswer, cx: &Context) -> Result<Transition, Failure>;
    fn on_stop(&mut self, cx: &Context);
    fn on_wakeup(&mut self, cx: &Context) -> Result<(), Failure>;
    fn view(&self, cx: &Context) -> View;
    fn due_at(&self) -> Option<Timestamp>;
    fn embedded(&self) -> Vec<Embedded>;
    fn accepts(&self, answer: &AnyAnswer) -> bool;
}

impl<C: Component> ErasedComponent for C {
    fn registration(&self) -> &'static ComponentDescriptor {
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

    fn embedded(&self) -> Vec<Embedded> {
        self.slots().embedded
    }

    fn accepts(&self, answer: &AnyAnswer) -> bool {
        (&*answer.0 as &dyn Any).is::<C::Answer>()
    }
}
