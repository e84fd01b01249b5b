//! The values that go into and come out of a flow's closure, and the return types that it can have.
//!
//! The closure of a machine takes an [`Enter`] and gives a [`Step`], wrapped by [`Returns`] so that `?` works in it as
//! it does in the author's function. Nothing here runs a flow or knows a state's type.

use std::marker::PhantomData;

use crate::component::{Answer, AnyAnswer, AnyComponent, AwaitDescriptor, DefaultValue, Migrated, SavedState};

/// The argument of a machine's closure.
#[derive(Debug)]
pub enum Enter<A, S> {
    /// The arguments of the flow: the closure stores them in its first state and runs no code.
    Begin(A),
    /// A state, and the answer that it awaited.
    Resume(S, AnyAnswer),
    /// A state that an earlier version saved, to be migrated.
    Migrate(SavedState),
    /// A request for the [`Description`].
    Describe,
}

/// The outcome of a machine's closure.
#[derive(Debug)]
pub enum Step<S, T> {
    /// The first state.
    Ready(S),
    /// The flow awaits this component, in this state.
    Await(S, Box<dyn AnyComponent>),
    /// The end of the function.
    Done(T),
    /// The description of the states.
    Described(Description),
    /// The outcome of a migration; `Err` with the state if no migration is written for it.
    Migrated(Result<Migrated<S, T>, SavedState>),
}

/// The description of a flow's states, which needs no instance.
#[derive(Debug, Default)]
pub struct Description {
    /// The awaited components, in the order of the states.
    pub awaits: Vec<Option<AwaitDescriptor>>,
    /// Values for locals that states of earlier versions do not have.
    pub defaults: Vec<DefaultValue>,
}

/// The return type of a flow. `?`, and a `return Err(..)` inside a macro call, must mean the same in the closure as in
/// the author's function, so the closure returns a `Result` if the function does, and an `Option` if the function does.
#[diagnostic::on_unimplemented(
    message = "`?` can only be used in a flow that returns a `Result` or an `Option`",
    label = "this flow returns `{Self}`",
    note = "return a `Result` or an `Option`, or handle the other case with `match` or `let ... else`"
)]
pub trait Returns: Sized {
    /// The return type of the function.
    type Output: Answer;
    /// The return type of the closure.
    type Step<S>;

    /// Wraps a step as the closure's return value.
    fn give<S>(step: Step<S, Self::Output>) -> Self::Step<S>;
    /// Unwraps a step from the closure's return value.
    fn step<S>(step: Self::Step<S>) -> Step<S, Self::Output>;

    /// The first state.
    fn ready<S>(state: S) -> Self::Step<S> {
        Self::give(Step::Ready(state))
    }

    /// The flow awaits this component.
    fn awaits<S>(state: S, callee: Box<dyn AnyComponent>) -> Self::Step<S> {
        Self::give(Step::Await(state, callee))
    }

    /// The end of the function.
    fn done<S>(output: Self::Output) -> Self::Step<S> {
        Self::give(Step::Done(output))
    }

    /// The description of the states.
    fn described<S>(description: Description) -> Self::Step<S> {
        Self::give(Step::Described(description))
    }

    /// The outcome of a migration.
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

/// The content of the `Result` or `Option` that a closure returns: the function's value, or another step.
#[derive(Debug)]
pub enum Inner<S, T, R> {
    /// The end of the function.
    Done(T),
    /// Any other step.
    Other(Step<S, R>),
}

/// Any other return type: `?` cannot be used in the flow.
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
