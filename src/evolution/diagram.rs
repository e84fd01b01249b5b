//! Draws a flow: its states and the transitions between them.
//!
//! Takes a [`Flow`] of the manifest. Gives text for Mermaid or for Graphviz. Runs no author code.
//!
//! ```
//! use stube::{Confirm, Prompt, flow};
//!
//! #[flow]
//! async fn propose() -> bool {
//!     let name = Prompt::new("Who are you?").await;
//!     Confirm::new(format!("Hello, {name}. Again?")).await
//! }
//!
//! assert_eq!(stube::diagram("propose").unwrap().mermaid(), "\
//! stateDiagram-v2
//!     [*] --> Name
//!     Name: Name (prompt)
//!     Name --> Confirm
//!     Confirm: Confirm (confirm)
//!     Confirm --> [*]
//! ");
//! ```

use crate::evolution::manifest::{Awaits, Flow, State, linked_flow};

/// The diagram of the flow of this name on disk; `None` if no such flow is linked into the program.
pub fn diagram(name: &str) -> Option<Diagram> {
    linked_flow(name).map(|flow| Diagram { name: name.to_owned(), flow })
}

/// A flow that can be drawn; see [`diagram()`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagram {
    name: String,
    flow: Flow,
}

impl Diagram {
    /// The flow as a [Mermaid state diagram](https://mermaid.js.org/syntax/stateDiagram.html).
    pub fn mermaid(&self) -> String {
        // A Mermaid id may have only ASCII letters and digits, a Rust identifier may have others.
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

    /// The flow as a graph in the [DOT language](https://graphviz.org/doc/info/lang.html).
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
