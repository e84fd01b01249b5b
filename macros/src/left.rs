//! Takes the graph and what lives where. Gives what is [`Left`] of locals that parts have been moved out of. Never looks
//! at types: whether `order.name` is moved or copied is not known, so it counts as moved.
//!
//! ```text
//! let order = Order.await;
//! Pay { email: order.email }.await;     moves `order.email`
//! Thanks { name: order.name }.await;    needs `order.name`, so `order { name }` is saved at the await before
//! ```
//!
//! A local is saved whole unless a part of it may be gone and nothing but other parts is needed. What is needed and may
//! be gone all the same has been copied, or the compiler will say that it is gone.

use std::collections::{BTreeMap, BTreeSet};

use crate::facts::Facts;
use crate::graph::{Graph, Node};
use crate::ids::{BlockId, LocalId, Place, SeqId, is_below, overlap};
use crate::liveness::Liveness;

/// The locals of which only parts are carried to a block, with the paths of those.
#[derive(Default)]
pub(crate) struct Left(BTreeMap<(BlockId, LocalId), BTreeSet<String>>);

impl Left {
    /// The parts of a local that are carried to a block, if it is not carried whole.
    pub(crate) fn of(&self, block: BlockId, local: LocalId) -> Option<&BTreeSet<String>> {
        self.0.get(&(block, local))
    }
}

pub(crate) fn left(graph: &Graph, live: &Liveness) -> Left {
    let mut walk = Walk { graph, gone: BTreeMap::new(), changed: true, block: BlockId(0), set: BTreeSet::new() };
    while std::mem::take(&mut walk.changed) {
        for &id in &graph.order {
            walk.block = id;
            let gone = walk.gone.get(&id).cloned().unwrap_or_default();
            walk.seq(graph.block(id).code, gone);
        }
    }
    let mut left = Left::default();
    for (&id, gone) in &walk.gone {
        let locals: BTreeSet<_> = gone.iter().map(|place| place.local).collect();
        for &local in locals.intersection(live.needed(id)) {
            let paths: BTreeSet<_> = live.paths(id, local).collect();
            let mut gone = gone.iter().filter(|place| place.local == local).map(|place| &place.path);
            if gone.any(|gone| !paths.iter().any(|path| overlap(path, gone))) {
                let outermost = paths.iter().filter(|path| !paths.iter().any(|outer| is_below(path, outer)));
                left.0.insert((id, local), outermost.map(|path| (*path).to_owned()).collect());
            }
        }
    }
    // What is left of a local cannot become a whole again.
    let set: BTreeSet<_> = left.0.keys().filter(|place| walk.set.contains(place)).map(|&(_, local)| local).collect();
    left.0.retain(|(_, local), _| !set.contains(local));
    left
}

struct Walk<'a> {
    graph: &'a Graph,
    /// By block: what may have been moved where it is entered.
    gone: BTreeMap<BlockId, BTreeSet<Place>>,
    changed: bool,
    /// Where it walks.
    block: BlockId,
    /// The locals that are set as a whole, with the blocks that do so.
    set: BTreeSet<(BlockId, LocalId)>,
}

type Gone = BTreeSet<Place>;

impl Walk<'_> {
    /// Walks code with what may be gone before it, and gives what may be gone after.
    fn seq(&mut self, seq: SeqId, gone: Gone) -> Gone {
        let graph = self.graph;
        graph.seq(seq).iter().fold(gone, |gone, node| self.node(node, gone))
    }

    fn node(&mut self, node: &Node, gone: Gone) -> Gone {
        match node {
            Node::Stmt { facts, declares, .. } => without(self.facts(facts, gone), declares),
            Node::Declare(local) => without(gone, &[*local]),
            Node::Items(_) => gone,
            Node::Scope(_, seq) => self.seq(*seq, gone),
            Node::If { cond, binds, then, otherwise } => {
                let gone = self.facts(&cond.facts, gone);
                self.seq(*then, without(gone.clone(), binds));
                self.seq(*otherwise, gone)
            }
            Node::Match { scrutinee, arms } => {
                let gone = self.facts(&scrutinee.facts, gone);
                for arm in arms {
                    let gone = self.facts(&arm.facts, without(gone.clone(), &arm.binds));
                    self.seq(arm.body, gone);
                }
                gone
            }
            Node::LetElse { value, binds, otherwise, .. } => {
                let gone = self.facts(&value.facts, gone);
                self.seq(*otherwise, gone.clone());
                without(gone, binds)
            }
            Node::Await { id, operand } => {
                let gone = self.facts(&operand.facts, gone);
                self.arrive(self.graph.point(*id).resume, &gone);
                gone
            }
            Node::Jump { to, value } => {
                let gone = match value {
                    Some(value) => self.facts(&value.facts, gone),
                    None => gone,
                };
                self.arrive(*to, &gone);
                gone
            }
            Node::Return(_) => gone,
        }
    }

    fn facts(&mut self, facts: &Facts, mut gone: Gone) -> Gone {
        self.set.extend(facts.sets.iter().map(|&local| (self.block, local)));
        let graph = self.graph;
        // What is borrowed stays where it is.
        let moves = facts.moves.iter().filter(|place| graph.again(place.local).is_none());
        let moves: Vec<_> = moves.cloned().collect();
        for &exit in facts.exits.keys() {
            self.arrive(exit, &gone.iter().chain(&moves).cloned().collect());
        }
        gone.retain(|place| !facts.sets.contains(&place.local));
        gone.extend(moves);
        gone
    }

    fn arrive(&mut self, block: BlockId, gone: &Gone) {
        let value = self.graph.value(block);
        let known = self.gone.entry(block).or_default();
        let before = known.len();
        known.extend(gone.iter().filter(|place| Some(place.local) != value).cloned());
        self.changed |= known.len() > before;
    }
}

fn without(mut gone: Gone, locals: &[LocalId]) -> Gone {
    gone.retain(|place| !locals.contains(&place.local));
    gone
}
