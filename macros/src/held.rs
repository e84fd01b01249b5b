//! From a [`ResolvedFlow`] to a [`FlowGraph`], in which each borrow leads to the same place whenever it is taken again.
//!
//! A borrow that is used after an await is taken again there, through the same path. The borrow checker protects what it
//! borrows from. It does not protect the key of an element, nor a local that is a borrow itself: `t` of
//! `let mut t = "x"; let p = t.trim();`. So `control_flow` builds the graph, and here it is asked where one of these may
//! change while the borrow is still to be taken again ([`conflicts`]). A key that changes is copied: the graph is built
//! once more, with the names of what changes. What is then left is refused.

use std::collections::BTreeSet;

use proc_macro2::Span;

use crate::analysis::liveness::{Liveness, liveness};
use crate::control_flow::{self, FlowGraph};
use crate::def_use::{Changes, DefUse};
use crate::errors::{self, Errors};
use crate::graph::{Graph, Node, Through};
use crate::ids::{BlockId, LocalId, Place, SeqId};
use crate::resolve::ResolvedFlow;
use crate::syntax::unraw;

pub(crate) fn build(flow: ResolvedFlow, errors: &mut Errors) -> FlowGraph {
    let mut copied = BTreeSet::new();
    loop {
        let mut found = Errors::new();
        let built = control_flow::build(&flow, &copied, &mut found);
        let is_refused = !found.is_empty();
        errors.take(found);
        if is_refused {
            return built;
        }
        let conflicts = conflicts(&built.graph);
        let named = |conflict: &Conflict| unraw(&built.graph.local(conflict.of).ident);
        let keys = conflicts.iter().filter(|conflict| conflict.is_key).map(named);
        let before = copied.len();
        copied.extend(keys);
        if copied.len() > before {
            continue;
        }
        for span in rebinding(&built.graph) {
            errors.add(errors::body::alternatives_of_what_changes(span));
        }
        let mut reported = BTreeSet::new();
        for conflict in conflicts.iter().filter(|conflict| reported.insert((conflict.borrow, conflict.of))) {
            errors.add(errors::body::changed_while_borrowed(conflict.span, &named(conflict)));
        }
        return built;
    }
}

/// The patterns that match again where they may choose another alternative.
fn rebinding(graph: &Graph) -> Vec<Span> {
    if graph.reborrows.iter().all(|reborrow| reborrow.rebinds.is_none()) {
        return Vec::new();
    }
    let live = liveness(graph);
    let again: Locals = graph.order.iter().flat_map(|&id| live.reborrows(id)).copied().collect();
    let again = |local: &LocalId| again.contains(local);
    graph
        .reborrows
        .iter()
        .filter(|borrow| borrow.locals.iter().any(again))
        .filter_map(|borrow| borrow.rebinds)
        .collect()
}

/// What a borrow is taken through, and may change before the borrow is taken again.
struct Conflict {
    /// A local that is the borrow, or that holds the position of a loop.
    borrow: LocalId,
    of: LocalId,
    is_key: bool,
    span: Span,
}

type Locals = BTreeSet<LocalId>;

fn conflicts(graph: &Graph) -> Vec<Conflict> {
    let all = graph.seqs.iter().flatten().flat_map(def_uses);
    let all = all.flat_map(|def_use| [&def_use.changes].into_iter().chain(def_use.exit_changes.values()));
    let changed: Locals = all.flat_map(Changes::all).map(|place| place.local).collect();
    let throughs = graph.reborrows.iter().map(|reborrow| &reborrow.through).chain(graph.sources.values());
    let mut places = throughs.flat_map(|through| through.bases.iter().chain(&through.keys));
    if !places.any(|(place, _)| changed.contains(&place.local)) {
        return Vec::new();
    }
    let blocks = graph.order.iter().map(|id| id.0 + 1).max().unwrap_or(0);
    let mut walk = Walk {
        graph,
        live: liveness(graph),
        pending: vec![Locals::new(); blocks],
        conflicts: Vec::new(),
        reports: false,
    };
    let mut changed = true;
    while std::mem::take(&mut changed) {
        for &id in graph.order.iter().rev() {
            let mut before = walk.seq(graph.block(id).code, Locals::new());
            before.extend(walk.live.reborrows(id));
            if before != walk.pending[id.0] {
                walk.pending[id.0] = before;
                changed = true;
            }
        }
    }
    walk.reports = true;
    for &id in &graph.order {
        walk.seq(graph.block(id).code, Locals::new());
    }
    walk.conflicts
}

/// How the code of a node uses its locals, without the code in its branches.
fn def_uses(node: &Node) -> Vec<&DefUse> {
    match node {
        Node::Stmt { def_use, .. } => vec![def_use],
        Node::Declare(_) | Node::Items(_) | Node::Scope(..) => Vec::new(),
        Node::If { cond: code, .. } | Node::LetElse { value: code, .. } | Node::Await { operand: code, .. } => {
            vec![&code.def_use]
        }
        Node::Match { scrutinee, arms } => {
            let arms = arms.iter().map(|arm| &arm.def_use);
            [&scrutinee.def_use].into_iter().chain(arms).collect()
        }
        Node::Jump { value, .. } | Node::Return(value) => value.iter().map(|code| &code.def_use).collect(),
    }
}

/// A walk backwards with the borrows that will be taken again before they are declared anew: at the entry of a block, and
/// for the source of a loop in each round.
struct Walk<'a> {
    graph: &'a Graph,
    live: Liveness,
    /// By block.
    pending: Vec<Locals>,
    conflicts: Vec<Conflict>,
    reports: bool,
}

impl Walk<'_> {
    fn seq(&mut self, seq: SeqId, after: Locals) -> Locals {
        let graph = self.graph;
        graph.seq(seq).iter().rfold(after, |after, node| self.node(node, after))
    }

    fn node(&mut self, node: &Node, after: Locals) -> Locals {
        match node {
            Node::Stmt { def_use, declares, .. } => {
                let pending = self.code(def_use, after, declares);
                without(pending, declares)
            }
            Node::Declare(local) => without(after, &[*local]),
            Node::Items(_) => after,
            Node::Scope(_, seq) => self.seq(*seq, after),
            Node::If { cond, binds, then, otherwise } => {
                let then = self.seq(*then, Locals::new());
                let otherwise = self.seq(*otherwise, Locals::new());
                let pending = self.code(&cond.def_use, &then | &otherwise, binds);
                without(pending, binds)
            }
            Node::Match { scrutinee, arms } => {
                let mut pending = after;
                for arm in arms {
                    let body = self.seq(arm.body, Locals::new());
                    pending.extend(self.code(&arm.def_use, body, &[]));
                }
                let binds: Vec<_> = arms.iter().flat_map(|arm| arm.binds.iter().copied()).collect();
                let pending = self.code(&scrutinee.def_use, pending, &binds);
                without(pending, &binds)
            }
            Node::LetElse { value, binds, otherwise, .. } => {
                let otherwise = self.seq(*otherwise, Locals::new());
                let pending = self.code(&value.def_use, &after | &otherwise, binds);
                without(pending, binds)
            }
            Node::Await { id, operand } => {
                let after = self.arriving(self.graph.point(*id).resume);
                self.code(&operand.def_use, after, &[])
            }
            Node::Jump { to, value } => {
                let after = self.arriving(*to);
                match value {
                    Some(value) => self.code(&value.def_use, after, &[]),
                    None => after,
                }
            }
            Node::Return(_) => Locals::new(),
        }
    }

    fn arriving(&self, block: BlockId) -> Locals {
        self.pending.get(block.0).cloned().unwrap_or_default()
    }

    /// Code before which these borrows are pending after it. It may itself take some of them.
    fn code(&mut self, def_use: &DefUse, mut pending: Locals, declares: &[LocalId]) -> Locals {
        let used = def_use.uses.iter().map(|place| place.local);
        let sources: Locals = used.filter(|used| self.graph.sources.contains_key(used)).collect();
        let taken = declares.iter().copied().chain(sources.iter().copied()).collect();
        self.check(&pending, &def_use.changes, &taken);
        for exit in def_use.exits.keys() {
            let arriving = self.arriving(*exit);
            if let Some(changes) = def_use.exit_changes.get(exit) {
                self.check(&arriving, changes, &Locals::new());
            }
            pending.extend(arriving);
        }
        pending.extend(sources);
        pending
    }

    /// Finds the conflicts of changes after which these borrows are pending. The code itself takes some of them.
    fn check(&mut self, pending: &Locals, changes: &Changes, taken: &Locals) {
        if !self.reports || changes.all().next().is_none() {
            return;
        }
        let with_behind = |change: &Place| -> Vec<Place> {
            // What is changed through a borrow.
            let behind = self.graph.reborrow(change.local).map(|_| through(self.graph, change.local).0);
            behind.into_iter().flatten().map(|(place, _)| place).chain([change.clone()]).collect()
        };
        // A method that is not known cannot change a local that is not `mut`.
        let may_change = |place: &Place| self.graph.local(place.local).mutable;
        let perhaps = changes.perhaps.iter().flat_map(with_behind).filter(may_change);
        let changed: BTreeSet<_> = changes.surely.iter().flat_map(with_behind).chain(perhaps).collect();
        for &borrow in pending {
            let (bases, keys) = through(self.graph, borrow);
            for (of, span) in bases.into_iter().filter(|_| !taken.contains(&borrow)) {
                if changes.surely.iter().any(|change| change.overlaps(&of)) {
                    self.conflicts.push(Conflict { borrow, of: of.local, is_key: false, span });
                }
            }
            for (of, span) in keys {
                if changed.iter().any(|change| change.overlaps(&of)) {
                    self.conflicts.push(Conflict { borrow, of: of.local, is_key: true, span });
                }
            }
        }
    }
}

type Places = Vec<(Place, Span)>;

/// What a borrow is taken through, with what the borrows in it are taken through.
fn through(graph: &Graph, borrow: LocalId) -> (Places, Places) {
    let of = |local: LocalId| -> Option<&Through> {
        graph.reborrow(local).map(|reborrow| &reborrow.through).or_else(|| graph.sources.get(&local))
    };
    let (mut bases, mut keys) = (Places::new(), Places::new());
    let mut open = vec![(borrow, false)];
    let mut seen = BTreeSet::new();
    while let Some((local, is_key)) = open.pop() {
        let Some(through) = of(local).filter(|_| seen.insert((local, is_key))) else { continue };
        for (place, span) in through.parts.get(&local).unwrap_or(&through.bases) {
            if is_key { &mut keys } else { &mut bases }.push((place.clone(), *span));
            open.push((place.local, is_key));
        }
        for (place, span) in &through.keys {
            keys.push((place.clone(), *span));
            open.push((place.local, true));
        }
    }
    (bases, keys)
}

fn without(mut locals: Locals, gone: &[LocalId]) -> Locals {
    locals.retain(|local| !gone.contains(local));
    locals
}
