//! The control-flow graph, one block after the other, and what the analyses found for each.

use std::fmt::{self, Debug, Formatter};

use crate::analysis::AnalyzedFlow;
use crate::control_flow::FlowGraph;
use crate::dump::body::signature;
use crate::dump::text::{Lines, list, text};
use crate::graph::{Code, Entry, Graph, Node};
use crate::ids::{AwaitId, BlockId, LocalId, SeqId};

impl Debug for FlowGraph {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let graph = &self.graph;
        let mut lines = Lines { out, depth: 0 };
        lines.line(&signature(&self.header))?;
        for &id in &graph.order {
            lines.line(&block_name(graph, id))?;
            lines.indented(|lines| seq(lines, graph, graph.block(id).code))?;
        }
        Ok(())
    }
}

impl Debug for AnalyzedFlow {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let graph = &self.graph;
        let mut lines = Lines { out, depth: 0 };
        for &id in &graph.order {
            lines.line(&block_name(graph, id))?;
            let live = self.liveness.live(id).iter().map(|&local| match self.partial_moves.parts(id, local) {
                None => local_name(graph, local),
                Some(parts) => list(parts.iter().map(|part| format!("{}.{part}", local_name(graph, local)))),
            });
            let (live, borrows) = (list(live), list(self.liveness.borrows(id).iter().map(|&id| local_name(graph, id))));
            let next = match graph.block(id).entry {
                Entry::Start => self.successors.get(&None),
                Entry::Resume(point) => self.successors.get(&Some(point)),
                Entry::Join { .. } => None,
            };
            let next = next.map(|next| {
                let awaits = next.awaits.iter().map(|&id| graph.point(id).name.clone());
                list(awaits.chain(next.ends.then(|| "end".to_owned())))
            });
            lines.indented(|lines| {
                for (what, found) in [("live", Some(live)), ("borrows", Some(borrows)), ("next", next)] {
                    if let Some(found) = found.filter(|found| !found.is_empty()) {
                        lines.line(&format!("{what}: {found}"))?;
                    }
                }
                Ok(())
            })?;
        }
        Ok(())
    }
}

/// `b3 answer of Room`, `b4 AfterLoop(found)`
fn block_name(graph: &Graph, id: BlockId) -> String {
    let number = id.0;
    match graph.block(id).entry {
        Entry::Start => format!("b{number} Start"),
        Entry::Resume(point) => format!("b{number} answer of {}", await_name(graph, point)),
        Entry::Join { name, value: None } => format!("b{number} {name}"),
        Entry::Join { name, value: Some(value) } => format!("b{number} {name}({})", local_name(graph, value)),
    }
}

fn await_name(graph: &Graph, id: AwaitId) -> String {
    format!("{} (__at_{})", graph.point(id).name, id.0)
}

fn local_name(graph: &Graph, id: LocalId) -> String {
    graph.local(id).ident.to_string()
}

fn seq(lines: &mut Lines<'_, '_>, graph: &Graph, id: SeqId) -> fmt::Result {
    graph.seq(id).iter().try_for_each(|one| node(lines, graph, one))
}

fn node(lines: &mut Lines<'_, '_>, graph: &Graph, node: &Node) -> fmt::Result {
    match node {
        Node::Stmt { stmt, .. } => lines.line(&text(stmt)),
        Node::Declare(local) => lines.line(&format!("let {};", local_name(graph, *local))),
        Node::Items(items) => items.iter().try_for_each(|item| lines.line(&text(item))),
        Node::Scope(_, inner) => {
            lines.line("scope")?;
            lines.indented(|lines| seq(lines, graph, *inner))
        }
        Node::If { cond, then, otherwise, .. } => {
            lines.line(&format!("if {}", text(&cond.expr)))?;
            lines.indented(|lines| seq(lines, graph, *then))?;
            lines.line("else")?;
            lines.indented(|lines| seq(lines, graph, *otherwise))
        }
        Node::Match { scrutinee, arms } => {
            lines.line(&format!("match {}", text(&scrutinee.expr)))?;
            for arm in arms {
                lines.line(&format!("case {}", text(&arm.pat)))?;
                lines.indented(|lines| seq(lines, graph, arm.body))?;
            }
            Ok(())
        }
        Node::LetElse { pat, value, otherwise, .. } => {
            lines.line(&format!("let {} = {} else", text(pat), text(&value.expr)))?;
            lines.indented(|lines| seq(lines, graph, *otherwise))
        }
        Node::Await { id, operand } => {
            let resume = graph.point(*id).resume.0;
            lines.line(&format!("await {}: {} -> b{resume}", await_name(graph, *id), text(&operand.expr)))
        }
        Node::Jump { to, value } => lines.line(&format!("jump b{}{}", to.0, passed(value.as_ref()))),
        Node::Return(value) => lines.line(&format!("return{}", passed(value.as_ref()))),
    }
}

fn passed(value: Option<&Code>) -> String {
    value.map_or_else(String::new, |value| format!("({})", text(&value.expr)))
}
