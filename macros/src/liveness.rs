//! Takes a [`Graph`]. Gives, for each block, the locals that must be there when it is entered, and which of their
//! parts. Never looks at tokens or types.
//!
//! A local is live where some path may still read the value that it has. Those that are live where an await resumes
//! are what is saved. A borrow that is taken again needs what it borrows instead. Dropping is not reading: a value that
//! nobody reads again is dropped where the flow waits, not kept until the end of its scope.

use std::collections::BTreeSet;

use crate::facts::Facts;
use crate::graph::{Graph, Node};
use crate::ids::{BlockId, LocalId, Place, SeqId};

/// The locals that each block needs.
pub(crate) struct Liveness {
    /// By block.
    places: Vec<Places>,
    /// By block: the locals that those places are in.
    needed: Vec<Locals>,
    /// By block: the borrows that are in use where it is entered.
    used: Vec<Locals>,
    /// By block: those, and the borrows that they are made of.
    again: Vec<Locals>,
}

type Locals = BTreeSet<LocalId>;
type Places = BTreeSet<Place>;

impl Liveness {
    /// The locals that must be there when this block is entered; among them the value that it is entered with, if it
    /// reads that.
    pub(crate) fn needed(&self, block: BlockId) -> &Locals {
        &self.needed[block.0]
    }

    /// The paths in such a local that must be there; one is empty if the whole of it must.
    pub(crate) fn paths(&self, block: BlockId, local: LocalId) -> impl Iterator<Item = &str> {
        let paths = self.places[block.0].range(Place::whole(local)..).take_while(move |place| place.local == local);
        paths.map(|place| place.path.as_str())
    }

    /// The borrows that are in use where this block is entered.
    pub(crate) fn used(&self, block: BlockId) -> &Locals {
        &self.used[block.0]
    }

    /// The borrows that are taken again for this block: those in use, and those that they are made of.
    pub(crate) fn again(&self, block: BlockId) -> &Locals {
        &self.again[block.0]
    }
}

pub(crate) fn liveness(graph: &Graph) -> Liveness {
    let blocks = graph.order.iter().map(|id| id.0 + 1).max().unwrap_or(0);
    let mut live = Liveness {
        places: vec![Places::new(); blocks],
        needed: vec![Locals::new(); blocks],
        used: vec![Locals::new(); blocks],
        again: vec![Locals::new(); blocks],
    };
    loop {
        let mut changed = false;
        // Backwards, because that is the way in which needs travel: all but loops are done in one round.
        for &id in graph.order.iter().rev() {
            let before = live.before(graph, graph.block(id).code, Places::new());
            let used = locals(&before).filter(|&local| graph.again(local).is_some()).collect();
            let (places, again) = owned(graph, before);
            if places != live.places[id.0] || used != live.used[id.0] {
                changed = true;
                live.needed[id.0] = locals(&places).collect();
                live.places[id.0] = places;
                live.used[id.0] = used;
                live.again[id.0] = again;
            }
        }
        if !changed {
            return live;
        }
    }
}

fn locals(places: &Places) -> impl Iterator<Item = LocalId> {
    places.iter().map(|place| place.local)
}

/// Parts what is owned from what is taken again, which needs what it is made of.
fn owned(graph: &Graph, mut open: Places) -> (Places, Locals) {
    let (mut owned, mut again) = (Places::new(), Locals::new());
    while let Some(place) = open.pop_last() {
        match graph.again(place.local) {
            None => {
                owned.insert(place);
            }
            Some(made) => {
                again.insert(place.local);
                open.extend(made.facts.uses.iter().cloned());
            }
        }
    }
    (owned, again)
}

impl Liveness {
    fn before(&self, graph: &Graph, seq: SeqId, after: Places) -> Places {
        graph.seq(seq).iter().rfold(after, |after, node| self.before_node(graph, node, after))
    }

    fn before_node(&self, graph: &Graph, node: &Node, after: Places) -> Places {
        match node {
            Node::Stmt { facts, declares, .. } => {
                let after = without(after, declares);
                self.before_facts(graph, facts, &after)
            }
            Node::Declare(local) => without(after, &[*local]),
            Node::Items(_) => after,
            Node::Scope(_, seq) => self.before(graph, *seq, after),
            Node::If { cond, binds, then, otherwise } => {
                let then = without(self.before(graph, *then, Places::new()), binds);
                let otherwise = self.before(graph, *otherwise, Places::new());
                self.before_facts(graph, &cond.facts, &(&then | &otherwise))
            }
            Node::Match { scrutinee, arms } => {
                let mut after = after;
                for arm in arms {
                    let body = self.before(graph, arm.body, Places::new());
                    after.extend(without(self.before_facts(graph, &arm.facts, &body), &arm.binds));
                }
                self.before_facts(graph, &scrutinee.facts, &after)
            }
            Node::LetElse { value, binds, otherwise, .. } => {
                let after = without(after, binds);
                let otherwise = self.before(graph, *otherwise, Places::new());
                self.before_facts(graph, &value.facts, &(&after | &otherwise))
            }
            Node::Await { id, operand } => {
                let after = self.arriving(graph, graph.point(*id).resume);
                self.before_facts(graph, &operand.facts, &after)
            }
            Node::Jump { to, value } => {
                let after = self.arriving(graph, *to);
                match value {
                    Some(value) => self.before_facts(graph, &value.facts, &after),
                    None => after,
                }
            }
            Node::Return(value) => match value {
                Some(value) => self.before_facts(graph, &value.facts, &Places::new()),
                None => Places::new(),
            },
        }
    }

    fn before_facts(&self, graph: &Graph, facts: &Facts, after: &Places) -> Places {
        let mut before = after.clone();
        before.retain(|place| !facts.sets.contains(&place.local));
        before.extend(facts.uses.iter().cloned());
        for (&exit, set) in &facts.exits {
            before.extend(self.arriving(graph, exit).into_iter().filter(|place| !set.contains(&place.local)));
        }
        before
    }

    /// What is in use where a block is entered; its value comes along by itself.
    fn arriving(&self, graph: &Graph, block: BlockId) -> Places {
        let mut arriving = self.carried(graph, block);
        arriving.extend(self.used.get(block.0).into_iter().flatten().copied().map(Place::whole));
        arriving
    }

    /// What must be carried to a block; its value comes along by itself.
    fn carried(&self, graph: &Graph, block: BlockId) -> Places {
        let mut needed = self.places.get(block.0).cloned().unwrap_or_default();
        if let Some(value) = graph.value(block) {
            needed.retain(|place| place.local != value);
        }
        needed
    }
}

fn without(mut places: Places, gone: &[LocalId]) -> Places {
    places.retain(|place| !gone.contains(&place.local));
    places
}

/// The locals that are named anywhere in a block.
pub(crate) fn mentioned(graph: &Graph, live: &Liveness, block: BlockId) -> Locals {
    let mut found = Locals::new();
    mentioned_in(graph, live, graph.block(block).code, &mut found);
    found
}

fn mentioned_in(graph: &Graph, live: &Liveness, seq: SeqId, found: &mut Locals) {
    let leave = |to: BlockId, found: &mut Locals| found.extend(locals(&live.carried(graph, to)));
    let facts = |facts: &Facts, found: &mut Locals| {
        found.extend(&facts.mentions);
        facts.exits.keys().for_each(|&exit| leave(exit, found));
    };
    for node in graph.seq(seq) {
        match node {
            Node::Stmt { facts: stmt, .. } => facts(stmt, found),
            Node::Declare(_) | Node::Items(_) => {}
            Node::Scope(_, seq) => mentioned_in(graph, live, *seq, found),
            Node::If { cond, then, otherwise, .. } => {
                facts(&cond.facts, found);
                mentioned_in(graph, live, *then, found);
                mentioned_in(graph, live, *otherwise, found);
            }
            Node::Match { scrutinee, arms } => {
                facts(&scrutinee.facts, found);
                for arm in arms {
                    facts(&arm.facts, found);
                    mentioned_in(graph, live, arm.body, found);
                }
            }
            Node::LetElse { value, otherwise, .. } => {
                facts(&value.facts, found);
                mentioned_in(graph, live, *otherwise, found);
            }
            Node::Await { id, operand } => {
                facts(&operand.facts, found);
                leave(graph.point(*id).resume, found);
            }
            Node::Jump { to, value } => {
                value.iter().for_each(|value| facts(&value.facts, found));
                leave(*to, found);
            }
            Node::Return(value) => value.iter().for_each(|value| facts(&value.facts, found)),
        }
    }
}
