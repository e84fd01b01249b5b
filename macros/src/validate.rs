//! Checks, in debug builds, that the graph and the machine keep the promises that later stages rely on. A broken promise
//! is a bug of the macro, and panics.
//!
//! The graph:
//!
//! 1. Every id of a block, local, await, sequence and borrow exists.
//! 2. Each sequence is the code of one block or belongs to one node.
//! 3. Nothing follows an await, a jump, a `return`, an `if` or a `match` in its sequence.
//! 4. `order` begins with the start and names each block once.
//! 5. Every block in `order` is reachable, and has as many predecessors as it counts; no path leads to a block that is
//!    not in `order`, except to the end of an `else` that must not come to its end.
//! 6. Each await in reachable code occurs once, and resumes a block that takes its answer.
//! 7. A jump passes a value if and only if its block takes one.
//! 8. Each local is declared once.
//!
//! The machine:
//!
//! 1. The names of states, of joins, of the fields of a variant, and of type parameters are unique.
//! 2. Each state but `Start` is saved by one await. Each state and each join is entered by one block.
//! 3. Every jump, also one in the author's code, goes to an existing join, and passes a value if the join takes one.
//! 4. Every local that an await saves or a jump passes is declared there.
//! 5. Every type parameter of a field is a parameter of its enum.
//! 6. Every saved place is checked by one await.
//! 7. Every successor of a state is the state of an await.
//! 8. The fields of a partial type have types that come before it.

use crate::control_flow::FlowGraph;
use crate::machine::Machine;

mod graph;
mod machine;
#[cfg(test)]
mod tests;

/// Panics if a graph breaks a promise.
pub(crate) fn validate_graph(flow: &FlowGraph) {
    report("graph", &flow.header.ident, &graph::broken(&flow.graph));
}

/// Panics if a machine breaks a promise.
pub(crate) fn validate_machine(machine: &Machine) {
    report("machine", &machine.header.ident, &machine::broken(machine));
}

fn report(stage: &str, flow: &syn::Ident, broken: &[String]) {
    assert!(broken.is_empty(), "BUG: the {stage} of the flow `{flow}` breaks its promises: {}", broken.join("; "));
}
