//! What the code that `#[flow]` writes stands on. Nothing here is written by hand by an author.
//!
//! A flow is a component. Its state is a value of an enum with one variant per await, each with the locals that are
//! needed after it. That enum is generic in every local whose type is not written, so nobody can name its type; it is
//! inferred from the author's code inside one closure, the [`machine`]. The closure takes a state and an answer and
//! runs to the next await. From outside, a [`State`] is a pointer whose type is forgotten, and the [`Machine`] is the
//! only one that can open it.

pub(crate) mod iterate;
mod states;

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::component::{
    Answer, AnyAnswer, AnyComponent, AnyMigrated, AwaitDescriptor, AwaitSite, Component, DefaultValue, Handled,
    Migrated, Next, StateDescriptor, Transition,
};
use crate::evolution::migration::{MigrationFn, SavedState};
use crate::flow::states::Held;
use crate::model::error::Failure;
use crate::schema;

pub use states::{Layout, Local, ReadLocal, ReadLocals, Saved, State, States};

/// A component whose code is one async function.
pub trait Flow: Component {
    /// The arguments of the function, as a tuple.
    type Args;

    /// Its states, in the order of the code.
    const SITES: &'static [AwaitSite];

    /// The function, cut at its awaits.
    fn machine() -> impl Machine<Self::Args, Self::Answer>;

    /// What brings states of earlier versions up to date, in the order in which it runs.
    const MIGRATIONS: &'static [MigrationFn];

    /// Where the state of a value lies.
    fn held(&mut self) -> &mut State;
}

/// A flow's code with the type of its states forgotten.
pub trait Machine<A, R> {
    /// The state before the first step.
    fn begin(&self, args: A) -> State;

    /// Runs from the await at which `state` is to the next one. If the code panics, the state is lost.
    fn step(&self, state: &mut State, answer: AnyAnswer) -> Result<Stepped<R>, Failure>;

    /// What is known of the states without a value.
    fn description(&self) -> Description;

    /// What the states hold, in their order.
    fn locals(&self) -> Vec<Vec<(&'static str, &'static str)>>;

    /// Reads a state and drops it.
    fn probe(&self, from: &mut dyn erased_serde::Deserializer<'static>) -> Result<(), erased_serde::Error>;

    /// What is written beside the flow for a state of an earlier version.
    fn migrate(&self, earlier: SavedState) -> Result<Migrated<State, R>, SavedState>;

    /// Reads a state.
    fn read<'de, D: Deserializer<'de>>(&self, deserializer: D) -> Result<State, D::Error>;
}

/// Where a step ended.
#[derive(Debug)]
pub enum Stepped<R> {
    /// At an await of this component.
    Awaits(Box<dyn AnyComponent>),
    /// At the end of the function.
    Done(R),
}

/// What the closure of a machine is given.
#[derive(Debug)]
pub enum Enter<A, S> {
    /// The arguments: the closure puts them into its first state and runs nothing.
    Begin(A),
    /// A state and the answer that it waits for.
    Resume(S, AnyAnswer),
    /// A state of an earlier version: what becomes of it?
    Migrate(SavedState),
    /// A question: what is awaited?
    Describe,
}

/// What the closure of a machine gives.
#[derive(Debug)]
pub enum Step<S, T> {
    /// The first state.
    Ready(S),
    /// An await.
    Await(S, Box<dyn AnyComponent>),
    /// The end of the function.
    Done(T),
    /// What is known without a value.
    StateDescriptor(Description),
    /// What became of a state of an earlier version; or the state itself, if nothing is written of it.
    Migrated(Result<Migrated<S, T>, SavedState>),
}

/// What is known of the states of a flow without a value.
#[derive(Debug, Default)]
pub struct Description {
    /// What is awaited, in the order of the states.
    pub awaits: Vec<Option<AwaitDescriptor>>,
    /// What stands for locals that a state of an earlier version does not have.
    pub defaults: Vec<DefaultValue>,
}

/// The return type of a flow. In the closure, `?` and a `return Err(..)` that a macro hides must mean what they mean
/// in the function, so the closure returns a `Result` where the function does.
#[diagnostic::on_unimplemented(
    message = "`?` can only be used in a flow that returns a `Result` or an `Option`",
    label = "this flow returns `{Self}`",
    note = "return a `Result` or an `Option`, or handle the other case with `match` or `let ... else`"
)]
pub trait Returns: Sized {
    /// What the function returns.
    type Output: Answer;
    /// What the closure returns.
    type Step<S>;

    /// Where a step ended, as the closure returns it.
    fn give<S>(step: Step<S, Self::Output>) -> Self::Step<S>;
    /// The same for all return types.
    fn step<S>(step: Self::Step<S>) -> Step<S, Self::Output>;

    /// The first state.
    fn ready<S>(state: S) -> Self::Step<S> {
        Self::give(Step::Ready(state))
    }

    /// An await.
    fn awaits<S>(state: S, callee: Box<dyn AnyComponent>) -> Self::Step<S> {
        Self::give(Step::Await(state, callee))
    }

    /// The end of the function.
    fn done<S>(output: Self::Output) -> Self::Step<S> {
        Self::give(Step::Done(output))
    }

    /// What is known without a value.
    fn described<S>(description: Description) -> Self::Step<S> {
        Self::give(Step::StateDescriptor(description))
    }

    /// What became of a state of an earlier version.
    fn migrated<S>(migrated: Result<Migrated<S, Self::Output>, SavedState>) -> Self::Step<S> {
        Self::give(Step::Migrated(migrated))
    }
}

#[diagnostic::do_not_recommend]
impl<T, E> Returns for Result<T, E>
where
    Self: Answer,
{
    type Output = Self;
    type Step<S> = Result<Inner<S, T, Self>, E>;

    fn give<S>(step: Step<S, Self>) -> Self::Step<S> {
        match step {
            Step::Done(output) => output.map(Inner::Done),
            other => Ok(Inner::Other(other)),
        }
    }

    fn step<S>(step: Self::Step<S>) -> Step<S, Self> {
        match step {
            Ok(Inner::Done(value)) => Step::Done(Ok(value)),
            Ok(Inner::Other(step)) => step,
            Err(error) => Step::Done(Err(error)),
        }
    }
}

#[diagnostic::do_not_recommend]
impl<T> Returns for Option<T>
where
    Self: Answer,
{
    type Output = Self;
    type Step<S> = Option<Inner<S, T, Self>>;

    fn give<S>(step: Step<S, Self>) -> Self::Step<S> {
        match step {
            Step::Done(output) => output.map(Inner::Done),
            other => Some(Inner::Other(other)),
        }
    }

    fn step<S>(step: Self::Step<S>) -> Step<S, Self> {
        match step {
            Some(Inner::Done(value)) => Step::Done(Some(value)),
            Some(Inner::Other(step)) => step,
            None => Step::Done(None),
        }
    }
}

/// What is inside of the `Result` or `Option` that a closure returns: the value of the function, or another step.
#[derive(Debug)]
pub enum Inner<S, T, R> {
    /// The end of the function.
    Done(T),
    /// Any other step.
    Other(Step<S, R>),
}

/// Any other return type, on which `?` cannot be used.
#[derive(Debug)]
pub struct Plain<T>(PhantomData<fn(T)>);

impl<T: Answer> Returns for Plain<T> {
    type Output = T;
    type Step<S> = Step<S, T>;

    fn give<S>(step: Step<S, T>) -> Step<S, T> {
        step
    }

    fn step<S>(step: Step<S, T>) -> Step<S, T> {
        step
    }
}

/// What may be awaited in a flow.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a component",
    label = "only a component or a flow may be called or awaited here",
    note = "a component is a type with `#[component] impl Component for {Self}`; a flow is an `async fn` under `#[flow]`"
)]
pub trait Awaited {
    /// What the `.await` gives.
    type Answer: Answer;

    /// As it is called.
    fn into_callee(self) -> Box<dyn AnyComponent>;

    /// What is known of it without a value.
    fn describe() -> AwaitDescriptor;
}

#[diagnostic::do_not_recommend]
impl<C: Component> Awaited for C {
    type Answer = C::Answer;

    fn into_callee(self) -> Box<dyn AnyComponent> {
        Box::new(self)
    }

    fn describe() -> AwaitDescriptor {
        let registration = C::DESCRIPTOR;
        let (type_name, answer) = ((registration.type_name)(), (registration.answer)());
        AwaitDescriptor { component: registration.name, type_name, answer, probe_answer: registration.probe_answer }
    }
}

/// A component of which only the answer is known: what `if vip { a } else { b }` asks, where `a` and `b` are of
/// different types.
///
/// ```
/// use stube::{Boxed, Confirm, Prompt, Component, component, flow};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Serialize, Deserialize)]
/// # struct Fingerprint;
/// # #[component]
/// # impl Component for Fingerprint { type Answer = bool; }
///
/// #[flow]
/// async fn sign(has_reader: bool) -> bool {
///     let question = if has_reader { Boxed::new(Fingerprint) } else { Boxed::new(Confirm::new("Sign it?")) };
///     question.await
/// }
/// ```
#[derive(Debug, Serialize, Deserialize)]
#[serde(transparent, bound = "")]
pub struct Boxed<A> {
    component: Box<dyn AnyComponent>,
    #[serde(skip)]
    answer: PhantomData<fn() -> A>,
}

impl<A: Answer> Boxed<A> {
    /// Forgets the type of a component.
    pub fn new(component: impl Component<Answer = A>) -> Self {
        Self { component: Box::new(component), answer: PhantomData }
    }
}

#[diagnostic::do_not_recommend]
impl<A: Answer> Awaited for Boxed<A> {
    type Answer = A;

    fn into_callee(self) -> Box<dyn AnyComponent> {
        self.component
    }

    fn describe() -> AwaitDescriptor {
        let (type_name, answer) = (std::any::type_name::<Self>(), std::any::type_name::<A>());
        AwaitDescriptor { component: "", type_name, answer, probe_answer: schema::probed::<A> }
    }
}

/// One `.await` of a flow: it ties the type of what is awaited to the type of its answer.
pub struct AwaitPoint<C, A>(PhantomData<fn(C) -> A>);

impl<C: Awaited> AwaitPoint<C, C::Answer> {
    /// What is known of what is awaited.
    pub fn describe(&self) -> Option<AwaitDescriptor> {
        Some(C::describe())
    }
}

/// What is known of what cannot be awaited, so that the compiler complains of it once.
pub trait Undescribed {
    /// Nothing.
    fn describe(&self) -> Option<AwaitDescriptor> {
        None
    }
}

impl<C, A> Undescribed for AwaitPoint<C, A> {}

impl<C, A: Answer> AwaitPoint<C, A> {
    /// Its type is inferred from [`call`](Self::call).
    #[expect(clippy::new_without_default, reason = "a default would hide that the type is still to be inferred")]
    pub fn new() -> Self {
        Self(PhantomData)
    }

    /// What is awaited.
    pub fn call(&self, callee: C) -> Box<dyn AnyComponent>
    where
        C: Awaited<Answer = A>,
    {
        callee.into_callee()
    }

    /// What it answered.
    ///
    /// # Panics
    ///
    /// The answer is of another type, because the saved conversation waits for another component than the code does.
    pub fn answer(&self, answer: AnyAnswer) -> A {
        answer.downcast().unwrap_or_else(|_| {
            let expected = std::any::type_name::<A>();
            panic!("the conversation waits for another component than this code, which expects a {expected}")
        })
    }
}

impl<C, A> fmt::Debug for AwaitPoint<C, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AwaitPoint")
    }
}

/// What a local must be to be kept over an await. Implemented for every type that is.
pub trait Savable: Serialize + Deserialize<'static> + Send + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + Deserialize<'static> + Send + 'static> Savable for T {}

/// What can be kept over an await.
#[diagnostic::on_unimplemented(
    message = "`{T}` is used again after an `.await`, so it would have to be saved, and it cannot be",
    label = "this would have to be saved over the `.await`",
    note = "own it and derive `Serialize` and `Deserialize` for its type, or end its use before the `.await`"
)]
pub trait Keeps<T> {
    /// The same type. Where it cannot be kept, there is none, and the compiler says no more than that.
    type Kept;

    /// The same value.
    fn keep(value: T) -> Self::Kept;
}

/// What [`Keeps`] is asked of. If it were asked of the type itself, the compiler would suggest to borrow it.
#[derive(Debug)]
pub enum Await {}

#[diagnostic::do_not_recommend]
impl<T: Savable> Keeps<T> for Await {
    type Kept = T;

    fn keep(value: T) -> T {
        value
    }
}

/// Gives back a local that can be saved. The compiler is asked at the place where the author wrote it.
pub fn kept<T>(value: T) -> <Await as Keeps<T>>::Kept
where
    Await: Keeps<T>,
{
    Await::keep(value)
}

/// A part that is moved out of a local until an await puts another one in its place.
#[derive(Debug)]
pub struct Out<'a, T>(pub &'a mut T);

/// What is copied stays.
pub trait CopiedOut<T> {
    fn out(self) -> T;
}

impl<T: Copy> CopiedOut<T> for Out<'_, T> {
    fn out(self) -> T {
        *self.0
    }
}

/// For what is not copied, its default stays.
pub trait TakenOut<T> {
    fn out(&mut self) -> T
    where
        T: Refilled;
}

impl<T> TakenOut<T> for Out<'_, T> {
    fn out(&mut self) -> T
    where
        T: Refilled,
    {
        self.0.take()
    }
}

/// What has a default.
#[diagnostic::on_unimplemented(
    message = "this part is missing in what the flow saves while it waits, and `{Self}` has no default to stand for it",
    label = "moved out here, and put back after the `.await`",
    note = "derive `Default` for `{Self}`, or take the whole apart: `let Order {{ name, items, .. }} = order;`"
)]
pub trait Refilled: Sized {
    fn take(&mut self) -> Self;
}

#[diagnostic::do_not_recommend]
impl<T: Default> Refilled for T {
    fn take(&mut self) -> Self {
        std::mem::take(self)
    }
}

/// Stands for a part of a tuple that has been moved out, so that the others keep their places. Reads anything.
#[derive(Debug, Clone, Copy)]
pub struct Gone;

impl Serialize for Gone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}

impl<'de> Deserialize<'de> for Gone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

/// What `+=` works on by itself, the right side first. For any other type it is a call, the left side first.
#[diagnostic::on_unimplemented(
    message = "which side of this assignment is evaluated first depends on its type, and for `{Self}` it is the left one",
    label = "this is evaluated before the `.await`, and would have to be saved over it",
    note = "write `let value = ...;` before the assignment for its right side"
)]
pub trait Number {}

macro_rules! numbers {
    ($($number:ty)*) => { $(impl Number for $number {})* };
}

numbers!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize f32 f64 bool);

/// Gives the place back if it is a number.
pub const fn number<T: Number>(place: &mut T) -> &mut T {
    place
}

/// What a method gives that is called again after an await.
#[diagnostic::on_unimplemented(
    message = "`{T}` is not a borrow, so it cannot be taken again after an `.await`",
    label = "this is taken to lend a part of what it is called on, because of its name",
    note = "call it as a function, `Type::method(&value)`, and what it gives is saved instead"
)]
pub trait Lends<T> {}

/// What [`Lends`] is asked of. If it were asked of the type itself, the compiler would suggest to borrow it.
#[derive(Debug)]
pub enum Method {}

#[diagnostic::do_not_recommend]
impl<T: ?Sized> Lends<&T> for Method {}
#[diagnostic::do_not_recommend]
impl<T: ?Sized> Lends<&mut T> for Method {}
#[diagnostic::do_not_recommend]
impl<T> Lends<Option<T>> for Method where Self: Lends<T> {}
#[diagnostic::do_not_recommend]
impl<T, E> Lends<Result<T, E>> for Method where Self: Lends<T> + Lends<E> {}

/// Gives the borrow back.
pub const fn borrowed<T>(borrow: T) -> T
where
    Method: Lends<T>,
{
    borrow
}

/// Makes a machine of the closure that `#[flow]` writes. The type of the states is inferred from it.
pub fn machine<A, R, S, F>(code: F) -> impl Machine<A, R::Output>
where
    R: Returns,
    S: States,
    F: Fn(Enter<A, S>) -> R::Step<S>,
{
    Typed { code, types: PhantomData::<fn(A, R, S)> }
}

struct Typed<A, R, S, F> {
    code: F,
    types: PhantomData<fn(A, R, S)>,
}

impl<A, R, S, F> Machine<A, R::Output> for Typed<A, R, S, F>
where
    R: Returns,
    S: States,
    F: Fn(Enter<A, S>) -> R::Step<S>,
{
    fn begin(&self, args: A) -> State {
        match R::step((self.code)(Enter::Begin(args))) {
            Step::Ready(state) => State::new(state),
            Step::Await(..) | Step::Done(_) | Step::StateDescriptor(_) | Step::Migrated(_) => {
                unreachable!("BUG: the first state runs no code")
            }
        }
    }

    fn description(&self) -> Description {
        match R::step((self.code)(Enter::Describe)) {
            Step::StateDescriptor(description) => description,
            Step::Ready(_) | Step::Await(..) | Step::Done(_) | Step::Migrated(_) => {
                unreachable!("BUG: a description runs no code")
            }
        }
    }

    fn probe(&self, from: &mut dyn erased_serde::Deserializer<'static>) -> Result<(), erased_serde::Error> {
        states::probe::<S>(from)
    }

    fn migrate(&self, earlier: SavedState) -> Result<Migrated<State, R::Output>, SavedState> {
        match R::step((self.code)(Enter::Migrate(earlier))) {
            Step::Migrated(migrated) => Ok(match migrated? {
                Migrated::State(state) => Migrated::State(State::new(state)),
                Migrated::Answer(answer) => Migrated::Answer(answer),
                Migrated::HandTo(callee) => Migrated::HandTo(callee),
                Migrated::Failed(failure) => Migrated::Failed(failure),
            }),
            Step::Ready(_) | Step::Await(..) | Step::Done(_) | Step::StateDescriptor(_) => {
                unreachable!("BUG: a migration runs no step")
            }
        }
    }

    fn locals(&self) -> Vec<Vec<(&'static str, &'static str)>> {
        S::locals()
    }

    fn step(&self, state: &mut State, answer: AnyAnswer) -> Result<Stepped<R::Output>, Failure> {
        let any: &mut dyn Any = &mut *state.0;
        let held = any.downcast_mut::<Held<S>>().ok_or_else(|| Failure::bug("the state is another flow's"))?;
        let state = held.0.take().ok_or_else(|| Failure::bug("a flow goes on whose last step did not end"))?;
        match R::step((self.code)(Enter::Resume(state, answer))) {
            Step::Ready(_) => unreachable!("BUG: only the arguments lead to the first state"),
            Step::Await(mut state, callee) => {
                state.settle();
                held.0 = Some(state);
                Ok(Stepped::Awaits(callee))
            }
            Step::Done(output) => Ok(Stepped::Done(output)),
            Step::StateDescriptor(_) | Step::Migrated(_) => unreachable!("BUG: only a question is answered so"),
        }
    }

    fn read<'de, D: Deserializer<'de>>(&self, deserializer: D) -> Result<State, D::Error> {
        states::read::<S, D>(deserializer).map(State::new)
    }
}

/// Puts together what is known of the states of a flow.
pub fn describe<F: Flow>() -> Vec<StateDescriptor> {
    let machine = F::machine();
    described(F::SITES, machine.description(), machine.locals())
}

fn described(
    sites: &[AwaitSite],
    description: Description,
    locals: Vec<Vec<(&'static str, &'static str)>>,
) -> Vec<StateDescriptor> {
    let Description { awaits, defaults } = description;
    // Before the first await, nothing is awaited.
    let awaits = std::iter::once(None).chain(awaits);
    let described = sites.iter().zip(locals).zip(awaits).map(|((site, locals), awaits)| {
        let of_state = defaults.iter().filter(|default| default.state == site.name);
        StateDescriptor { site: *site, locals, awaits, defaults: of_state.cloned().collect() }
    });
    described.collect()
}

/// Reads a state of a flow and drops it.
pub fn probe_states<F: Flow>(from: &mut dyn erased_serde::Deserializer<'static>) -> Result<(), erased_serde::Error> {
    F::machine().probe(from)
}

/// Brings a state of an earlier version of a flow up to date.
pub fn migrate<F: Flow + From<State>>(mut earlier: SavedState) -> AnyMigrated {
    for migration in F::MIGRATIONS {
        if let Err(failure) = migration(&mut earlier) {
            return Ok(Migrated::Failed(failure));
        }
    }
    Ok(match F::machine().migrate(earlier)? {
        Migrated::State(state) => Migrated::State(Box::new(F::from(state))),
        Migrated::Answer(answer) => Migrated::Answer(AnyAnswer::new(answer)),
        Migrated::HandTo(callee) => Migrated::HandTo(callee),
        Migrated::Failed(failure) => Migrated::Failed(failure),
    })
}

/// What goes on in the place of a flow of an earlier version: it answers the same.
pub fn hand_to<S, R: Answer, C: Component<Answer = R>>(callee: C) -> Migrated<S, R> {
    Migrated::HandTo(Box::new(callee))
}

/// The end of a flow of an earlier version.
pub const fn retire<S, R>(answer: R) -> Migrated<S, R> {
    Migrated::Answer(answer)
}

/// Ties the default of a local to the type of the local.
pub struct DefaultOf<T>(PhantomData<fn(T)>);

impl<T: Savable> DefaultOf<T> {
    /// Its type is inferred from [`of`](Self::of).
    #[expect(clippy::new_without_default, reason = "a default would hide that the type is still to be inferred")]
    pub const fn new() -> Self {
        Self(PhantomData)
    }

    /// The default is one of this local.
    pub const fn of(&self, _: &T) {}

    /// The value, for a state of an earlier version.
    pub fn value(&self, state: &'static str, local: &'static str, value: T) -> DefaultValue {
        let json = crate::json::to_json(&value).ok();
        DefaultValue { state, local, json: json.and_then(|json| String::from_utf8(json).ok()) }
    }
}

impl<T> fmt::Debug for DefaultOf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DefaultOf")
    }
}

/// The machine of a flow that has an error.
pub fn broken<A, R>() -> impl Machine<A, R> {
    struct Broken;
    impl<A, R> Machine<A, R> for Broken {
        fn begin(&self, _: A) -> State {
            unreachable!("BUG: a flow with an error has been compiled")
        }

        fn step(&self, _: &mut State, _: AnyAnswer) -> Result<Stepped<R>, Failure> {
            Err(Failure::bug("a flow with an error has been compiled"))
        }

        fn description(&self) -> Description {
            Description::default()
        }

        fn probe(&self, _: &mut dyn erased_serde::Deserializer<'static>) -> Result<(), erased_serde::Error> {
            Ok(())
        }

        fn migrate(&self, earlier: SavedState) -> Result<Migrated<State, R>, SavedState> {
            Err(earlier)
        }

        fn locals(&self) -> Vec<Vec<(&'static str, &'static str)>> {
            Vec::new()
        }

        fn read<'de, D: Deserializer<'de>>(&self, _: D) -> Result<State, D::Error> {
            Err(serde::de::Error::custom("a flow with an error has been compiled"))
        }
    }
    Broken
}

/// Runs a flow to its next await.
pub fn step<F: Flow>(flow: &mut F, answer: AnyAnswer) -> Handled<F> {
    let stepped = F::machine().step(flow.held(), answer)?;
    Ok(Next::new(match stepped {
        // A flow knows from its own state where it goes on.
        Stepped::Awaits(callee) => Transition::Call { callee, resume: "" },
        Stepped::Done(output) => Transition::Answer(AnyAnswer::new(output)),
    }))
}
