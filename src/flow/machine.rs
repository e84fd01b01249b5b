//! The machine of a flow: its closure, with the type of its states erased.
//!
//! [`machine`] takes the closure that `#[flow]` writes. The states are an enum that is generic in every local without a
//! written type, so no code can name it; rustc infers it inside the closure, and [`Typed`] keeps it as a type
//! parameter. Outside, a [`State`] is an erased pointer that only the machine of the same flow can downcast.

use std::any::Any;
use std::marker::PhantomData;

use serde::Deserializer;

use crate::component::{AnyAnswer, AnyComponent, Migrated, SavedState};
use crate::flow::closure::{Description, Enter, Returns, Step};
use crate::flow::states::{self, Held, State, States};
use crate::model::error::Failure;

/// The code of a flow with arguments `A` and result `R`, without the type of its states.
pub trait Machine<A, R> {
    /// The state before the first step.
    fn begin(&self, args: A) -> State;

    /// Runs from the await at which `state` is parked to the next one. If the code panics, the state is lost.
    fn step(&self, state: &mut State, answer: AnyAnswer) -> Result<Stepped<R>, Failure>;

    /// The description of the states, which needs no instance.
    fn description(&self) -> Description;

    /// The locals of each state and the names of their types, in the order of the states.
    fn locals(&self) -> Vec<Vec<(&'static str, &'static str)>>;

    /// Deserializes a state and drops it.
    fn probe(&self, from: &mut dyn erased_serde::Deserializer<'static>) -> Result<(), erased_serde::Error>;

    /// Migrates a state that an earlier version saved; `Err` with the state if no migration is written for it.
    fn migrate(&self, earlier: SavedState) -> Result<Migrated<State, R>, SavedState>;

    /// Deserializes a state.
    fn read<'de, D: Deserializer<'de>>(&self, deserializer: D) -> Result<State, D::Error>;
}

/// The outcome of a step.
#[derive(Debug)]
pub enum Stepped<R> {
    /// The flow awaits this component.
    Awaits(Box<dyn AnyComponent>),
    /// The function returned this.
    Done(R),
}

/// Makes a machine from the closure that `#[flow]` writes. rustc infers the type of the states from it.
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
            Step::Await(..) | Step::Done(_) | Step::Described(_) | Step::Migrated(_) => {
                unreachable!("BUG: the first state runs no code")
            }
        }
    }

    fn description(&self) -> Description {
        match R::step((self.code)(Enter::Describe)) {
            Step::Described(description) => description,
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
            Step::Migrated(Err(unknown)) => Err(unknown),
            Step::Migrated(Ok(migrated)) => Ok(match migrated {
                Migrated::State(state) => Migrated::State(State::new(state)),
                Migrated::Answer(answer) => Migrated::Answer(answer),
                Migrated::HandTo(callee) => Migrated::HandTo(callee),
                Migrated::Failed(failure) => Migrated::Failed(failure),
            }),
            Step::Ready(_) | Step::Await(..) | Step::Done(_) | Step::Described(_) => {
                unreachable!("BUG: a migration runs no step")
            }
        }
    }

    fn locals(&self) -> Vec<Vec<(&'static str, &'static str)>> {
        S::locals()
    }

    fn step(&self, state: &mut State, answer: AnyAnswer) -> Result<Stepped<R::Output>, Failure> {
        let any: &mut dyn Any = &mut *state.0;
        let Some(held) = any.downcast_mut::<Held<S>>() else {
            return Err(Failure::bug("the state belongs to another flow"));
        };
        let Some(state) = held.0.take() else {
            return Err(Failure::bug("a flow is resumed whose last step did not complete"));
        };
        match R::step((self.code)(Enter::Resume(state, answer))) {
            Step::Ready(_) => unreachable!("BUG: only the arguments lead to the first state"),
            Step::Await(mut state, callee) => {
                state.settle();
                held.0 = Some(state);
                Ok(Stepped::Awaits(callee))
            }
            Step::Done(output) => Ok(Stepped::Done(output)),
            Step::Described(_) | Step::Migrated(_) => unreachable!("BUG: a step only runs the flow"),
        }
    }

    fn read<'de, D: Deserializer<'de>>(&self, deserializer: D) -> Result<State, D::Error> {
        states::read::<S, D>(deserializer).map(State::new)
    }
}

/// The machine of a flow that does not compile; lets rustc check the code around it.
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
