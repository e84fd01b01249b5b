//! The flows and components that are linked into the program, as a value.
//!
//! Takes the registry. Gives a [`Manifest`], which serde can write: every flow with its states, and every component. Runs
//! no author code, and never opens a store.
//!
//! ```
//! use stube::{Confirm, Prompt, flow};
//!
//! #[flow]
//! async fn meet() -> bool {
//!     let name = Prompt::new("Who are you?").await;
//!     Confirm::new(format!("Hello, {name}. Again?")).await
//! }
//!
//! let manifest = stube::manifest();
//! let name = &manifest.flows["meet"].states[1];
//! assert_eq!((name.name.as_str(), name.next.as_slice()), ("Name", &["Confirm".to_owned()][..]));
//! assert_eq!(name.awaits.as_ref().map(|awaits| awaits.answer.as_str()), Some("String"));
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::component::{ComponentDescriptor, Kind, StateDescriptor, registry};

/// All flows and components that are linked into the program.
///
/// Two builds of one source give equal manifests, with equal JSON byte for byte. Type names are those of
/// [`std::any::type_name`], with the paths of the standard library's types removed; another compiler version may write some
/// of them differently.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Manifest {
    /// The flows, by their names on disk.
    pub flows: BTreeMap<String, Flow>,
    /// The hand-written components, by their names on disk.
    pub components: BTreeMap<String, Component>,
}

/// A flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flow {
    /// Its Rust type: `shop::BookingFlow`.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Its answer type.
    pub answer: String,
    /// The crate that defines it.
    #[serde(rename = "crate")]
    pub krate: String,
    /// The file that defines it, relative to the folder of its crate.
    pub file: String,
    /// `Start`, then one state for each await, in the order of the code.
    pub states: Vec<State>,
}

/// A state of a flow: an await, or the start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Its name on disk.
    pub name: String,
    /// The line of the await.
    pub line: u32,
    /// The saved locals.
    pub locals: Vec<Local>,
    /// The awaited component or flow; `None` at the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub awaits: Option<Awaits>,
    /// The states that may come next, in the order of the code.
    pub next: Vec<String>,
    /// Whether the flow may end before it waits again.
    pub ends: bool,
}

/// A local that is saved, because it is used after the await.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Local {
    /// Its name on disk; `order.name` for a part of a local whose other parts were moved out.
    pub name: String,
    /// Its inferred type.
    #[serde(rename = "type")]
    pub type_name: String,
}

/// The component or flow that a state awaits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Awaits {
    /// Its name on disk; empty for a [`Boxed`](crate::Boxed), which may be any component.
    pub component: String,
    /// Its type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Its answer type.
    pub answer: String,
}

/// A hand-written component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Component {
    /// Its type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Its answer type.
    pub answer: String,
    /// The crate that defines it.
    #[serde(rename = "crate")]
    pub krate: String,
    /// The file that defines it, relative to the folder of its crate.
    pub file: String,
    /// The names of its resume functions, which are saved with the components that it calls.
    pub resumes: Vec<String>,
    /// Whether it is declared transient: it cannot be saved.
    pub transient: bool,
}

/// Lists the flows and components that are linked into the program.
///
/// If two types have the same name on disk it has one of them; a runtime refuses to start then.
pub fn manifest() -> Manifest {
    let mut manifest = Manifest::default();
    for descriptor in registry::all() {
        let name = descriptor.name.to_owned();
        match descriptor.kind {
            Kind::Flow { describe, .. } => {
                manifest.flows.insert(name, flow(descriptor, describe));
            }
            Kind::Component { resumes } => {
                manifest.components.insert(name, component(descriptor, resumes));
            }
        }
    }
    manifest
}

/// The flow of this name on disk; `None` if no such flow is linked into the program.
pub(super) fn linked_flow(name: &str) -> Option<Flow> {
    let descriptor = registry::lookup(name)?;
    match descriptor.kind {
        Kind::Flow { describe, .. } => Some(flow(descriptor, describe)),
        Kind::Component { .. } => None,
    }
}

fn flow(descriptor: &ComponentDescriptor, describe: fn() -> Vec<StateDescriptor>) -> Flow {
    let states = describe().into_iter().map(|state| State {
        name: state.site.name.to_owned(),
        line: state.site.line,
        locals: state
            .locals
            .into_iter()
            .map(|(name, ty)| Local { name: name.to_owned(), type_name: short(ty) })
            .collect(),
        awaits: state.awaits.map(|awaits| Awaits {
            component: awaits.component.to_owned(),
            type_name: short(awaits.type_name),
            answer: short(awaits.answer),
        }),
        next: state.site.next.iter().map(|&next| next.to_owned()).collect(),
        ends: state.site.ends,
    });
    Flow {
        type_name: short((descriptor.type_name)()),
        answer: short((descriptor.answer)()),
        krate: descriptor.krate.to_owned(),
        file: file(descriptor.defined),
        states: states.collect(),
    }
}

fn component(descriptor: &ComponentDescriptor, resumes: &[&str]) -> Component {
    Component {
        type_name: short((descriptor.type_name)()),
        answer: short((descriptor.answer)()),
        krate: descriptor.krate.to_owned(),
        file: file(descriptor.defined),
        resumes: resumes.iter().map(|&resume| resume.to_owned()).collect(),
        transient: descriptor.transient,
    }
}

/// The file in `module::path (file:line)`, relative to the folder of its crate. The compiler's path depends on the folder
/// it runs in.
fn file(defined: &str) -> String {
    let path = defined.split_once(" (").map_or(defined, |(_, place)| place);
    let path = path.rsplit_once(':').map_or(path, |(path, _)| path).replace('\\', "/");
    let folders = ["src/", "tests/", "examples/", "benches/"];
    let starts = folders.iter().filter_map(|folder| {
        let found = path.rfind(&format!("/{folder}")).map(|at| at + 1);
        found.or_else(|| path.starts_with(folder).then_some(0))
    });
    starts.max().map_or_else(|| path.clone(), |at| path[at..].to_owned())
}

/// The type name without the paths of the standard library: `Vec<String>` for `alloc::vec::Vec<alloc::string::String>`.
fn short(type_name: &str) -> String {
    let mut short = String::new();
    let mut rest = type_name;
    while let Some(first) = rest.chars().next() {
        let in_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
        if !in_path(first) {
            short.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let end = rest.find(|c| !in_path(c)).unwrap_or(rest.len());
        let path = &rest[..end];
        let is_std = ["alloc::", "core::", "std::"].iter().any(|krate| path.starts_with(krate));
        short.push_str(if is_std { path.rsplit("::").next().unwrap_or(path) } else { path });
        rest = &rest[end..];
    }
    short
}

#[cfg(test)]
mod tests {
    use super::{file, short};

    #[test]
    fn type_names_have_no_paths_of_the_standard_library() {
        for (long, expected) in [
            ("alloc::vec::Vec<alloc::string::String>", "Vec<String>"),
            ("core::option::Option<(u32, shop::order::Order)>", "Option<(u32, shop::order::Order)>"),
            ("std::collections::hash::map::HashMap<&str, [i64; 3]>", "HashMap<&str, [i64; 3]>"),
            ("standard::Thing", "standard::Thing"),
            ("()", "()"),
        ] {
            assert_eq!(short(long), expected);
        }
    }

    #[test]
    fn files_are_relative_to_the_folder_of_their_crate() {
        for (defined, expected) in [
            ("shop::order (src/order.rs:12)", "src/order.rs"),
            ("shop (/home/ada/src/shop/src/main.rs:1)", "src/main.rs"),
            ("shop (shop/tests/flow.rs:7)", "tests/flow.rs"),
            (r"shop (C:\shop\src\main.rs:7)", "src/main.rs"),
            ("shop (build.rs:7)", "build.rs"),
        ] {
            assert_eq!(file(defined), expected);
        }
    }
}
