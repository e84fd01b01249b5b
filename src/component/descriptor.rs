//! Descriptors of a flow's states: the facts that are known without an instance.
//!
//! `#[flow]` writes them. The compatibility check, the lock file and the manifest read them. They hold names and function
//! pointers, never a value of the author's. The descriptor of a whole component stands beside the erased components,
//! because it names them.

use crate::schema::Probed;

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
