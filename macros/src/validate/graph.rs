//! The promises of the graph.

use std::collections::BTreeSet;

use crate::def_use::DefUse;
use crate::graph::{Entry, Graph, Node};
use crate::ids::{AwaitId, BlockId, LocalId, SeqId};

/// The promises that a graph breaks, in words.
pub(super) fn broken(graph: &Graph) -> Vec<String> {
    let mut checker = Checker {
        graph,
        broken: Vec::new(),
        seqs: vec![0; graph.seqs.len()],
        paths: vec![0; graph.blocks.len()],
        awaits: vec![0; graph.awaits.len()],
        declared: vec![0; graph.locals.len()],
    };
    checker.check();
    checker.broken
}

struct Checker<'g> {
    graph: &'g Graph,
    broken: Vec<String>,
    /// How often each sequence belongs to something.
    seqs: Vec<usize>,
    /// How many paths lead to each block.
    paths: Vec<usize>,
    /// How often each await occurs.
    awaits: Vec<usize>,
    /// How often each local is declared.
    declared: Vec<usize>,
}

impl Checker<'_> {
    fn check(&mut self) {
        let graph = self.graph;
        let is_start = |&id: &BlockId| matches!(graph.blocks.get(id.0).map(|block| &block.entry), Some(Entry::Start));
        if !graph.order.first().is_some_and(is_start) {
            self.broken.push("the order does not begin with the start".to_owned());
        }
        for local in &graph.locals {
            if local.reborrow.is_some_and(|id| id.0 >= graph.reborrows.len()) {
                self.broken.push(format!("`{}` is a borrow that does not exist", local.ident));
            }
        }
        graph.args.iter().for_each(|&local| self.declare(local));
        let mut seen = BTreeSet::new();
        for &id in &graph.order {
            let Some(block) = graph.blocks.get(id.0) else {
                self.broken.push(format!("the order names a block b{} that does not exist", id.0));
                continue;
            };
            if !seen.insert(id) {
                self.broken.push(format!("the order names the block b{} twice", id.0));
                continue;
            }
            match block.entry {
                Entry::Start => self.paths[id.0] += 1,
                Entry::Resume(point) if graph.awaits.get(point.0).is_none_or(|point| point.resume != id) => {
                    self.broken.push(format!("the block b{} takes the answer of an await that resumes another", id.0));
                }
                Entry::Resume(_) => {}
                Entry::Join { value, .. } => value.into_iter().for_each(|local| self.declare(local)),
            }
            self.seq(block.code);
        }
        for &id in &seen {
            let (found, counted) = (self.paths[id.0], graph.block(id).predecessors);
            if found == 0 {
                self.broken.push(format!("no path leads to the block b{}", id.0));
            } else if found != counted {
                self.broken.push(format!("the block b{} has {found} predecessors and counts {counted}", id.0));
            }
        }
        for (index, block) in graph.blocks.iter().enumerate() {
            let must_be_unreachable = matches!(block.entry, Entry::Join { name: "Nowhere", .. });
            if self.paths[index] > 0 && !seen.contains(&BlockId(index)) && !must_be_unreachable {
                self.broken.push(format!("a path leads to the block b{index}, which is not in the order"));
            }
        }
        for (index, count) in self.awaits.iter().enumerate().filter(|(_, count)| **count > 1) {
            self.broken.push(format!("the await {index} occurs {count} times"));
        }
        for (index, count) in self.declared.iter().enumerate().filter(|(_, count)| **count > 1) {
            self.broken.push(format!("the local `{}` is declared {count} times", graph.locals[index].ident));
        }
    }

    fn seq(&mut self, id: SeqId) {
        let graph = self.graph;
        let Some(count) = self.seqs.get_mut(id.0) else {
            return self.broken.push(format!("the sequence {} does not exist", id.0));
        };
        *count += 1;
        if *count > 1 {
            return self.broken.push(format!("the sequence {} belongs to two places", id.0));
        }
        let nodes = graph.seq(id);
        for (index, node) in nodes.iter().enumerate() {
            if ends_path(node) && index + 1 < nodes.len() {
                self.broken.push(format!("something follows the end of the path in the sequence {}", id.0));
            }
            self.node(node);
        }
    }

    fn node(&mut self, node: &Node) {
        match node {
            Node::Stmt { def_use, declares, .. } => {
                self.exits(def_use);
                declares.iter().for_each(|&local| self.declare(local));
            }
            Node::Declare(local) => self.declare(*local),
            Node::Items(_) => {}
            Node::Scope(_, seq) => self.seq(*seq),
            Node::If { cond, binds, then, otherwise } => {
                self.exits(&cond.def_use);
                binds.iter().for_each(|&local| self.declare(local));
                self.seq(*then);
                self.seq(*otherwise);
            }
            Node::Match { scrutinee, arms } => {
                self.exits(&scrutinee.def_use);
                for arm in arms {
                    self.exits(&arm.def_use);
                    arm.binds.iter().for_each(|&local| self.declare(local));
                    self.seq(arm.body);
                }
            }
            Node::LetElse { value, binds, otherwise, .. } => {
                self.exits(&value.def_use);
                binds.iter().for_each(|&local| self.declare(local));
                self.seq(*otherwise);
            }
            Node::Await { id, operand } => {
                self.exits(&operand.def_use);
                self.awaits(*id);
            }
            Node::Jump { to, value } => {
                value.iter().for_each(|value| self.exits(&value.def_use));
                self.path(*to);
                let takes =
                    self.graph.blocks.get(to.0).map(|block| matches!(block.entry, Entry::Join { value: Some(_), .. }));
                if takes.is_some_and(|takes| takes != value.is_some()) {
                    self.broken.push(format!("a jump to the block b{} passes a wrong number of values", to.0));
                }
            }
            Node::Return(value) => value.iter().for_each(|value| self.exits(&value.def_use)),
        }
    }

    fn awaits(&mut self, id: AwaitId) {
        match self.awaits.get_mut(id.0) {
            Some(count) => *count += 1,
            None => return self.broken.push(format!("the await {} does not exist", id.0)),
        }
        let resume = self.graph.point(id).resume;
        self.path(resume);
        let takes_answer = |entry: &Entry| matches!(entry, Entry::Resume(point) if *point == id);
        if self.graph.blocks.get(resume.0).is_some_and(|block| !takes_answer(&block.entry)) {
            self.broken.push(format!("the await {} resumes a block that does not take its answer", id.0));
        }
    }

    fn exits(&mut self, def_use: &DefUse) {
        let places = def_use.uses.iter().chain(&def_use.moves).map(|place| place.local);
        let locals = places.chain(def_use.defs.iter().copied()).chain(def_use.mentions.iter().copied());
        let unknown: BTreeSet<_> = locals.filter(|local| local.0 >= self.graph.locals.len()).collect();
        self.broken.extend(unknown.into_iter().map(|local| format!("the local {} does not exist", local.0)));
        def_use.exits.keys().for_each(|&exit| self.path(exit));
    }

    fn path(&mut self, to: BlockId) {
        match self.paths.get_mut(to.0) {
            Some(paths) => *paths += 1,
            None => self.broken.push(format!("a path leads to a block b{} that does not exist", to.0)),
        }
    }

    fn declare(&mut self, local: LocalId) {
        match self.declared.get_mut(local.0) {
            Some(count) => *count += 1,
            None => self.broken.push(format!("the local {} does not exist", local.0)),
        }
    }
}

/// Whether a node ends every path that reaches it.
fn ends_path(node: &Node) -> bool {
    match node {
        Node::If { .. } | Node::Match { .. } | Node::Await { .. } | Node::Jump { .. } | Node::Return(_) => true,
        Node::Stmt { .. } | Node::Declare(_) | Node::Items(_) | Node::Scope(..) | Node::LetElse { .. } => false,
    }
}
