//! Prints the stages of a flow for a person. `STUBE_DUMP=booking` prints every stage of the flow whose function is called
//! `booking` to stderr, `STUBE_DUMP=all` of every flow. Each stage is printed by its `Debug`, which is written for people:
//! code as text, the graph as blocks, the machine as states and jumps.
//!
//! Cargo does not know the variable, so the crate must be compiled again: `touch src/lib.rs`.

use std::fmt::Debug;

use crate::header::Header;

mod body;
mod graph;
mod machine;
mod text;

/// Where the stages of one flow are printed, if anywhere.
pub(crate) struct Dump {
    flow: Option<String>,
}

impl Dump {
    /// Reads `STUBE_DUMP`.
    pub(crate) fn from_env(header: &Header) -> Self {
        let wanted = std::env::var("STUBE_DUMP").unwrap_or_default();
        let name = header.ident.to_string();
        let is_wanted = wanted == "all" || wanted == name || wanted == header.name.value();
        Self { flow: (is_wanted && !wanted.is_empty()).then_some(name) }
    }

    pub(crate) fn stage(&self, stage: &str, value: &dyn Debug) {
        if let Some(flow) = &self.flow {
            eprintln!("---- {flow}: {stage}\n{value:?}");
        }
    }
}
