//! What is linked into the program, as a value: every flow with its states, and every component.
//!
//! Takes the registry. Gives a [`Manifest`], which serde can write, and a [`Diagram`] of one flow. Runs no code of an
//! author's, and never opens a store.
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
//!
//! assert_eq!(stube::diagram("meet").unwrap().mermaid(), "\
//! stateDiagram-v2
//!     [*] --> Name
//!     Name: Name (prompt)
//!     Name --> Confirm
//!     Confirm: Confirm (confirm)
//!     Confirm --> [*]
//! ");
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::component::registry;
use crate::component::{ComponentDescriptor, Kind};

/// Everything that is linked into the program and can be in a conversation.
///
/// Two builds of one source give equal manifests, and what serde writes of them is equal byte for byte. The names of
/// types are those of [`std::any::type_name`], without the paths of the standard library's own types; a new compiler
/// may write some of them in another way.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Manifest {
    /// The flows, by their names on disk.
    pub flows: BTreeMap<String, Flow>,
    /// The components written by hand, by their names on disk.
    pub components: BTreeMap<String, Component>,
}

/// A flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flow {
    /// The type of its value: `shop::BookingFlow`.
    #[serde(rename = "type")]
    pub type_name: String,
    /// The type that it answers with.
    pub answer: String,
    /// The crate that it stands in.
    #[serde(rename = "crate")]
    pub krate: String,
    /// The file that it stands in, from the folder of its crate.
    pub file: String,
    /// `Start`, and one state for each await, in the order of the code.
    pub states: Vec<State>,
}

/// An await of a flow, or its start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Its name on disk.
    pub name: String,
    /// The line of the await.
    pub line: u32,
    /// What is saved there.
    pub locals: Vec<Local>,
    /// What is awaited; nothing at the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub awaits: Option<Awaits>,
    /// The states that may come next, in the order of the code.
    pub next: Vec<String>,
    /// Whether the flow may end before it waits again.
    pub ends: bool,
}

/// A local that is needed after an await.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Local {
    /// Its name on disk; `order.name` if only parts of it are left.
    pub name: String,
    /// Its type, as inferred.
    #[serde(rename = "type")]
    pub type_name: String,
}

/// What a state waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Awaits {
    /// The component's or flow's name on disk; empty for a [`Boxed`](crate::Boxed), which may be any.
    pub component: String,
    /// Its type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// The type that it answers with.
    pub answer: String,
}

/// A component that was written by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Component {
    /// Its type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// The type that it answers with.
    pub answer: String,
    /// The crate that it stands in.
    #[serde(rename = "crate")]
    pub krate: String,
    /// The file that it stands in, from the folder of its crate.
    pub file: String,
    /// The names of its resume functions, which are saved with what it calls.
    pub resumes: Vec<String>,
    /// Whether it holds something that cannot be saved.
    pub transient: bool,
}

/// Describes everything that is linked into the program.
///
/// Of two types of one name, which a runtime refuses to start with, it holds one.
pub fn manifest() -> Manifest {
    let mut manifest = Manifest::default();
    for registration in registry::all() {
        let name = registration.name.to_owned();
        match registration.kind {
            Kind::Flow { describe, .. } => {
                manifest.flows.insert(name, flow(registration, describe));
            }
            Kind::Component { resumes } => {
                manifest.components.insert(name, component(registration, resumes));
            }
        }
    }
    manifest
}

/// Draws the flow of this name on disk; `None` if no such flow is linked into the program.
pub fn diagram(name: &str) -> Option<Diagram> {
    let registration = registry::lookup(name)?;
    match registration.kind {
        Kind::Flow { describe, .. } => {
            Some(Diagram { name: registration.name.to_owned(), flow: flow(registration, describe) })
        }
        Kind::Component { .. } => None,
    }
}

fn flow(registration: &ComponentDescriptor, describe: fn() -> Vec<crate::component::StateDescriptor>) -> Flow {
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
        type_name: short((registration.type_name)()),
        answer: short((registration.answer)()),
        krate: registration.krate.to_owned(),
        file: file(registration.defined),
        states: states.collect(),
    }
}

fn component(registration: &ComponentDescriptor, resumes: &[&str]) -> Component {
    Component {
        type_name: short((registration.type_name)()),
        answer: short((registration.answer)()),
        krate: registration.krate.to_owned(),
        file: file(registration.defined),
        resumes: resumes.iter().map(|&resume| resume.to_owned()).collect(),
        transient: registration.transient,
    }
}

/// The file in `module::path (file:line)`, from the folder of its crate: the compiler names it from wherever it runs.
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

/// A type without the paths of the standard library: `Vec<String>` of `alloc::vec::Vec<alloc::string::String>`.
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

/// A picture of a flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagram {
    name: String,
    flow: Flow,
}

impl Diagram {
    /// As a state diagram of [Mermaid](https://mermaid.js.org/syntax/stateDiagram.html).
    pub fn mermaid(&self) -> String {
        // An id of Mermaid's is made of ASCII letters and digits; a name of Rust's may have others.
        let id = |name: &str| -> String {
            let letters = name.chars().map(|c| match c {
                c if c.is_ascii_alphanumeric() => c.to_string(),
                c => format!("_{:x}", u32::from(c)),
            });
            letters.collect()
        };
        let mut text = "stateDiagram-v2\n".to_owned();
        for state in &self.flow.states {
            let from = match &state.awaits {
                Some(awaits) => {
                    let (id, label) = (id(&state.name), label(state, awaits));
                    text += &format!("    {id}: {label}\n");
                    id
                }
                None => "[*]".to_owned(),
            };
            for next in &state.next {
                text += &format!("    {from} --> {}\n", id(next));
            }
            if state.ends {
                text += &format!("    {from} --> [*]\n");
            }
        }
        text
    }

    /// As a graph of [DOT](https://graphviz.org/doc/info/lang.html).
    pub fn dot(&self) -> String {
        let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
        let mut text = format!("digraph {} {{\n    node [shape=box, style=rounded];\n", quoted(&self.name));
        text += "    start [shape=circle, label=\"\"];\n    end [shape=doublecircle, label=\"\"];\n";
        for state in &self.flow.states {
            let from = match &state.awaits {
                Some(awaits) => {
                    let from = quoted(&state.name);
                    text += &format!("    {from} [label={}];\n", quoted(&label(state, awaits)));
                    from
                }
                None => "start".to_owned(),
            };
            for next in &state.next {
                text += &format!("    {from} -> {};\n", quoted(next));
            }
            if state.ends {
                text += &format!("    {from} -> end;\n");
            }
        }
        text + "}\n"
    }
}

/// `Room (pick_room)`
fn label(state: &State, awaits: &Awaits) -> String {
    let component = if awaits.component.is_empty() { &awaits.answer } else { &awaits.component };
    format!("{} ({component})", state.name)
}

#[cfg(test)]
mod tests {
    use super::{file, short};

    #[test]
    fn names_of_types_are_short() {
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
    fn files_are_named_from_the_folder_of_their_crate() {
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
