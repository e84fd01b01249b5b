//! From a [`ResolvedFlow`] to a [`FlowGraph`]: the body as a control-flow graph, split into basic blocks at its awaits.
//! Never looks at types, and makes no name that an author will see.
//!
//! | module | what it splits |
//! |---|---|
//! | `builder` | nothing: blocks, scopes and locals, for all others |
//! | `statements`, `branches`, `loops`, `expressions` | these forms of syntax |
//! | `splitting` | nothing: which expressions become several blocks |
//! | `operands` | keeps the evaluation order of operands if one of them awaits |
//! | `reborrow` | borrows that are repeated after an await |
//! | `keys` | nothing: what a borrow is taken through, and copies of its keys |
//! | `iteration` | the iterators of `for` loops |
//! | `take_and_restore` | `order.items = edit(order.items).await` |
//! | `exits` | `break` and `continue` out of a piece of code |
//! | `state_names` | the names of states |

use std::collections::BTreeSet;

use crate::control_flow::builder::Builder;
use crate::errors::Errors;
use crate::graph::Graph;
use crate::header::Header;
use crate::resolve::ResolvedFlow;

mod branches;
mod builder;
mod exits;
mod expressions;
mod iteration;
mod keys;
mod loops;
mod operands;
mod own_macros;
mod reborrow;
mod splitting;
mod state_names;
mod statements;
mod take_and_restore;

/// A flow as a control-flow graph.
pub(crate) struct FlowGraph {
    pub(crate) header: Header,
    pub(crate) graph: Graph,
}

/// Builds the graph of a flow. A key of a borrow in which one of the locals with the names `copied` is named is copied
/// when the borrow is taken.
pub(crate) fn build(flow: &ResolvedFlow, copied: &BTreeSet<String>, errors: &mut Errors) -> FlowGraph {
    let ResolvedFlow { header, body, renamed, shown } = flow;
    let mut builder = Builder::new(body, renamed, copied, errors);
    builder.start(header);
    builder.body(header, body);
    let mut graph = builder.graph;
    graph.shown.clone_from(shown);
    FlowGraph { header: header.clone(), graph }
}
