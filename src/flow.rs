//! The runtime support of `#[flow]`: the traits and functions that generated code names. Authors do not use it
//! directly.
//!
//! A flow is a component. Its state is an enum with one variant per await, and each variant holds the locals that are
//! needed after that await. The enum is generic in every local without a written type, so no code can name it; rustc
//! infers it from the author's code inside one closure, the `machine`. The closure takes a state and an answer and
//! runs to the next await. Outside of it, a [`State`] is an erased pointer that only the flow's [`Machine`] can
//! downcast.

pub(crate) mod awaitables;
pub(crate) mod closure;
pub(crate) mod iterate;
pub(crate) mod locals;
pub(crate) mod machine;
pub(crate) mod states;

use crate::component::saved_state::{MigrationFn, SavedState};
use crate::component::{
    Answer, AnyAnswer, AnyMigrated, AwaitSite, Component, Handled, Migrated, Next, StateDescriptor, Transition,
};

pub use awaitables::{AwaitPoint, Awaited, Boxed, Undescribed};
pub use closure::{Description, Enter, Inner, Plain, Returns, Step};
pub use locals::{
    Await, CopiedOut, DefaultOf, Gone, Keeps, Lends, Method, Number, Out, Refilled, Savable, TakenOut, borrowed,
    constant, kept, number,
};
pub use machine::{Machine, Stepped, broken, machine};
pub use states::{Layout, Local, ReadLocal, ReadLocals, Saved, State, States};

/// A component that is written as one async function.
pub trait Flow: Component {
    /// The arguments of the function, as a tuple.
    type Args;

    /// Its awaits, in the order of the code.
    const SITES: &'static [AwaitSite];

    /// The function as a machine, split at its awaits.
    fn machine() -> impl Machine<Self::Args, Self::Answer>;

    /// Its migration functions, in the order in which they run.
    const MIGRATIONS: &'static [MigrationFn];

    /// Its state.
    fn held(&mut self) -> &mut State;
}

/// Describes the states of a flow.
pub fn describe<F: Flow>() -> Vec<StateDescriptor> {
    let machine = F::machine();
    describe_states(F::SITES, machine.description(), machine.locals())
}

/// Does not depend on the flow, so it is compiled once.
fn describe_states(
    sites: &[AwaitSite],
    Description { awaits, defaults }: Description,
    locals: Vec<Vec<(&'static str, &'static str)>>,
) -> Vec<StateDescriptor> {
    // The flow awaits nothing in its first state.
    let awaits = std::iter::once(None).chain(awaits);
    let described = sites.iter().zip(locals).zip(awaits).map(|((site, locals), awaits)| {
        let of_state = defaults.iter().filter(|default| default.state == site.name);
        StateDescriptor { site: *site, locals, awaits, defaults: of_state.cloned().collect() }
    });
    described.collect()
}

/// Deserializes a state of a flow and drops it.
pub fn probe_states<F: Flow>(from: &mut dyn erased_serde::Deserializer<'static>) -> Result<(), erased_serde::Error> {
    F::machine().probe(from)
}

/// Migrates a state that an earlier version of a flow saved.
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

/// The outcome of a migration that continues with another component of the same answer type.
pub fn hand_to<S, R: Answer, C: Component<Answer = R>>(callee: C) -> Migrated<S, R> {
    Migrated::HandTo(Box::new(callee))
}

/// The outcome of a migration that ends the flow.
pub const fn retire<S, R>(answer: R) -> Migrated<S, R> {
    Migrated::Answer(answer)
}

/// Runs a flow to its next await.
pub fn step<F: Flow>(flow: &mut F, answer: AnyAnswer) -> Handled<F> {
    let stepped = F::machine().step(flow.held(), answer)?;
    Ok(Next::new(match stepped {
        // A flow resumes at its own state, so it needs no resume function.
        Stepped::Awaits(callee) => Transition::Call { callee, resume: "" },
        Stepped::Done(output) => Transition::Answer(AnyAnswer::new(output)),
    }))
}
