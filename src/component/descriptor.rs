//! Descriptors: the facts about a component or a flow that are known without an instance of it.
//!
//! `#[component]` and `#[flow]` write them. The registry, the compatibility check, the lock file and the manifest read
//! them. A descriptor holds names and function pointers, never a value of the author's; the type `M` of a migration's
//! outcome is a parameter, because only the erased components above this module can name it.

use crate::component::saved_state::SavedState;
use crate::schema::Probed;

/// A component or a flow.
#[doc(hidden)]
#[derive(Debug)]
pub struct Descriptor<M> {
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
    pub kind: Kind<M>,
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
pub enum Kind<M> {
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
        migrate: fn(SavedState) -> M,
        /// The argument types of its `#[migrate]` closures.
        takes: &'static [Probed],
        /// Whether it has `#[migrate]` functions that edit a state as JSON.
        on_json: bool,
    },
}

impl<M> Kind<M> {
    /// Whether it is a flow.
    pub(crate) const fn is_flow(&self) -> bool {
        matches!(self, Self::Flow { .. })
    }
}

/// The place of one await in the code of a flow, and the states that can follow it.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub struct AwaitSite {
    /// The name of the await.
    pub name: &'static str,
    /// Its line.
    pub line: u32,
    /// The states that can come next.
    pub next: &'static [&'static str],
    /// Whether the flow can end before its next await.
    pub ends: bool,
    /// The name that it would have if it were the only await of that name; empty if the author named it.
    pub wanted: &'static str,
    /// The awaited expression, as the author wrote it.
    pub asks: &'static str,
    /// The names that it had in earlier versions.
    pub was: &'static [&'static str],
    /// The names that its locals had in earlier versions.
    pub locals_were: &'static [(&'static str, &'static [&'static str])],
}

/// One state of a flow.
#[doc(hidden)]
#[derive(Debug)]
pub struct StateDescriptor {
    /// Its place in the code.
    pub site: AwaitSite,
    /// Its locals, each with the name of its type.
    pub locals: Vec<(&'static str, &'static str)>,
    /// The awaited component; `None` for the state before the first await.
    pub awaits: Option<AwaitDescriptor>,
    /// Values for locals that the state did not have in earlier versions.
    pub defaults: Vec<DefaultValue>,
}

/// The value of a `#[default]`: it fills in a local that an earlier version did not save.
#[doc(hidden)]
#[derive(Debug, Clone)]
pub struct DefaultValue {
    /// The state.
    pub state: &'static str,
    /// The local.
    pub local: &'static str,
    /// The value as JSON; `None` if it has no JSON form.
    pub json: Option<String>,
}

/// The component that a state awaits.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub struct AwaitDescriptor {
    /// Its name on disk; empty if it is only known while the flow runs.
    pub component: &'static str,
    /// The Rust name of its type.
    pub type_name: &'static str,
    /// The Rust name of its answer's type.
    pub answer: &'static str,
    /// Deserializes an answer of it and drops it.
    pub probe_answer: Probed,
}
