//! Computes the locals that are live at the entry of each block, and which of their parts ([`Liveness`]). Never looks at
//! tokens or types.
//!
//! A local is live where a path may still read its current value. The locals that are live where an await resumes are
//! saved. A borrow is not saved; the locals that it borrows from are live instead. A drop is not a read: a value that is
//! not read again is dropped where the flow waits, not at the end of its scope.

use std::collections::BTreeSet;

use crate::def_use::DefUse;
use crate::graph::{Graph, Node};
use crate::ids::{BlockId, LocalId, Place, SeqId};

/// The live locals of each block.
#[derive(Debug)]
pub(crate) struct Liveness {
    /// By block: the live places.
    places: Vec<Places>,
    /// By block: the locals of those places.
    live: Vec<Locals>,
    /// By block: the borrows that are live at its entry.
    borrows: Vec<Locals>,
    /// By block: those, and the borrows that they are built from.
    reborrows: Vec<Locals>,
}

type Locals = BTreeSet<LocalId>;
type Places = BTreeSet<Place>;

impl Liveness {
    /// The live locals at the entry of a block, with the value that the block is entered with if the block reads it.
    pub(crate) fn live(&self, block: BlockId) -> &Locals {
        &self.live[block.0]
    }

    /// The live paths in a local. One of them is empty if the whole local is live.
    pub(crate) fn paths(&self, block: BlockId, local: LocalId) -> impl Iterator<Item = &str> {
        let paths = self.places[block.0].range(Place::whole(local)..).take_while(move |place| place.local == local);
        paths.map(|place| place.path.as_str())
    }

    /// The borrows that are live at the entry of a block.
    pub(crate) fn borrows(&self, block: BlockId) -> &Locals {
        &self.borrows[block.0]
    }

    /// The borrows that are repeated for a block: the live ones, and those that they are built from.
    pub(crate) fn reborrows(&self, block: BlockId) -> &Locals {
        &self.reborrows[block.0]
    }
}

pub(crate) fn liveness(graph: &Graph) -> Liveness {
    let blocks = graph.order.iter().map(|id| id.0 + 1).max().unwrap_or(0);
    let mut live = Liveness {
        places: vec![Places::new(); blocks],
        live: vec![Locals::new(); blocks],
        borrows: vec![Locals::new(); blocks],
        reborrows: vec![Locals::new(); blocks],
    };
    loop {
        let mut changed = false;
        // Backwards, as liveness propagates: only loops need more than one round.
        for &id in graph.order.iter().rev() {
            let before = live.before(graph, graph.block(id).code, Places::new());
            let used = locals(&before).filter(|&local| graph.reborrow(local).is_some()).collect();
            let (places, again) = owned(graph, before);
            if places != live.places[id.0] || used != live.borrows[id.0] {
                changed = true;
                live.live[id.0] = locals(&places).collect();
                live.places[id.0] = places;
                live.borrows[id.0] = used;
                live.reborrows[id.0] = again;
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

/// Replaces each borrow by the places that it is built from. Returns the owned places and the borrows.
fn owned(graph: &Graph, mut open: Places) -> (Places, Locals) {
    let (mut owned, mut again) = (Places::new(), Locals::new());
    while let Some(place) = open.pop_last() {
        match graph.reborrow(place.local) {
            None => {
                owned.insert(place);
            }
            Some(made) => {
                again.insert(place.local);
                open.extend(made.def_use.uses.iter().cloned());
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
            Node::Stmt { def_use, declares, .. } => {
                let after = without(after, declares);
                self.before_facts(graph, def_use, &after)
            }
            Node::Declare(local) => without(after, &[*local]),
            Node::Items(_) => after,
            Node::Scope(_, seq) => self.before(graph, *seq, after),
            Node::If { cond, binds, then, otherwise } => {
                let then = without(self.before(graph, *then, Places::new()), binds);
                let otherwise = self.before(graph, *otherwise, Places::new());
                self.before_facts(graph, &cond.def_use, &(&then | &otherwise))
            }
            Node::Match { scrutinee, arms } => {
                let mut after = after;
                for arm in arms {
                    let body = self.before(graph, arm.body, Places::new());
                    after.extend(without(self.before_facts(graph, &arm.def_use, &body), &arm.binds));
                }
                self.before_facts(graph, &scrutinee.def_use, &after)
            }
            Node::LetElse { value, binds, otherwise, .. } => {
                let after = without(after, binds);
                let otherwise = self.before(graph, *otherwise, Places::new());
                self.before_facts(graph, &value.def_use, &(&after | &otherwise))
            }
            Node::Await { id, operand } => {
                let after = self.arriving(graph, graph.point(*id).resume);
                self.before_facts(graph, &operand.def_use, &after)
            }
            Node::Jump { to, value } => {
                let after = self.arriving(graph, *to);
                match value {
                    Some(value) => self.before_facts(graph, &value.def_use, &after),
                    None => after,
                }
            }
            Node::Return(value) => match value {
                Some(value) => self.before_facts(graph, &value.def_use, &Places::new()),
                None => Places::new(),
            },
        }
    }

    fn before_facts(&self, graph: &Graph, def_use: &DefUse, after: &Places) -> Places {
        let mut before = after.clone();
        before.retain(|place| !def_use.defs.contains(&place.local));
        before.extend(def_use.uses.iter().cloned());
        for (&exit, set) in &def_use.exits {
            before.extend(self.arriving(graph, exit).into_iter().filter(|place| !set.contains(&place.local)));
        }
        before
    }

    /// The places that are live before a jump to a block, without the value that the jump passes.
    fn arriving(&self, graph: &Graph, block: BlockId) -> Places {
        let mut arriving = self.carried(graph, block);
        arriving.extend(self.borrows.get(block.0).into_iter().flatten().copied().map(Place::whole));
        arriving
    }

    /// The same without borrows.
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

/// The locals that are named anywhere in a block, and those that it passes on.
pub(crate) fn mentioned(graph: &Graph, live: &Liveness, block: BlockId) -> Locals {
    let mut found = Locals::new();
    mentioned_in(graph, live, graph.block(block).code, &mut found);
    found
}

fn mentioned_in(graph: &Graph, live: &Liveness, seq: SeqId, found: &mut Locals) {
    let leave = |to: BlockId, found: &mut Locals| found.extend(locals(&live.carried(graph, to)));
    let def_use = |def_use: &DefUse, found: &mut Locals| {
        found.extend(&def_use.mentions);
        def_use.exits.keys().for_each(|&exit| leave(exit, found));
    };
    for node in graph.seq(seq) {
        match node {
            Node::Stmt { def_use: stmt, .. } => def_use(stmt, found),
            Node::Declare(_) | Node::Items(_) => {}
            Node::Scope(_, seq) => mentioned_in(graph, live, *seq, found),
            Node::If { cond, then, otherwise, .. } => {
                def_use(&cond.def_use, found);
                mentioned_in(graph, live, *then, found);
                mentioned_in(graph, live, *otherwise, found);
            }
            Node::Match { scrutinee, arms } => {
                def_use(&scrutinee.def_use, found);
                for arm in arms {
                    def_use(&arm.def_use, found);
                    mentioned_in(graph, live, arm.body, found);
                }
            }
            Node::LetElse { value, otherwise, .. } => {
                def_use(&value.def_use, found);
                mentioned_in(graph, live, *otherwise, found);
            }
            Node::Await { id, operand } => {
                def_use(&operand.def_use, found);
                leave(graph.point(*id).resume, found);
            }
            Node::Jump { to, value } => {
                value.iter().for_each(|value| def_use(&value.def_use, found));
                leave(*to, found);
            }
            Node::Return(value) => value.iter().for_each(|value| def_use(&value.def_use, found)),
        }
    }
}
