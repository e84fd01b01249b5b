//! From a [`FlowGraph`] to an [`AnalyzedFlow`]: the graph with its liveness, its partial moves and the successors of its
//! awaits. Never changes the graph.

use crate::analysis::liveness::{Liveness, liveness};
use crate::analysis::partial_moves::{PartialMoves, partial_moves};
use crate::analysis::successors::{Successors, successors};
use crate::control_flow::FlowGraph;
use crate::graph::Graph;
use crate::header::Header;

pub(crate) mod liveness;
pub(crate) mod partial_moves;
pub(crate) mod successors;

/// A graph with everything that `lower` decides by.
pub(crate) struct AnalyzedFlow {
    pub(crate) header: Header,
    pub(crate) graph: Graph,
    pub(crate) liveness: Liveness,
    pub(crate) partial_moves: PartialMoves,
    pub(crate) successors: Successors,
}

pub(crate) fn analyze(flow: FlowGraph) -> AnalyzedFlow {
    let FlowGraph { header, graph } = flow;
    let liveness = liveness(&graph);
    let partial_moves = partial_moves(&graph, &liveness);
    let successors = successors(&graph);
    AnalyzedFlow { header, graph, liveness, partial_moves, successors }
}
