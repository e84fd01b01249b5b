//! Finds locals that are partially moved at the entry of a block ([`PartialMoves`]). Never looks at types: it is not known
//! whether `order.name` is moved or copied, so it counts as moved.
//!
//! ```text
//! let order = Order.await;
//! Pay { email: order.email }.await;     moves `order.email`
//! Thanks { name: order.name }.await;    needs `order.name`, so `order { name }` is saved at the await before
//! ```
//!
//! A local is saved whole unless one of its parts may have been moved out and only other parts are live. If a live part
//! may have been moved out, it has been copied, or rustc reports a use after move.

use std::collections::{BTreeMap, BTreeSet};

use crate::analysis::liveness::Liveness;
use crate::def_use::DefUse;
use crate::graph::{Graph, Node};
use crate::ids::{BlockId, LocalId, Place, SeqId, is_below, overlap};

/// The locals that are partially moved at the entry of a block, with the paths of the parts that are saved.
#[derive(Debug, Default)]
pub(crate) struct PartialMoves(BTreeMap<(BlockId, LocalId), BTreeSet<String>>);

impl PartialMoves {
    /// The parts of a local that are saved for a block, if it is not saved whole.
    pub(crate) fn parts(&self, block: BlockId, local: LocalId) -> Option<&BTreeSet<String>> {
        self.0.get(&(block, local))
    }
}

pub(crate) fn partial_moves(graph: &Graph, live: &Liveness) -> PartialMoves {
    let mut walk = Walk { graph, moved: BTreeMap::new(), changed: true, block: BlockId(0), set: BTreeSet::new() };
    while std::mem::take(&mut walk.changed) {
        for &id in &graph.order {
            walk.block = id;
            let moved = walk.moved.get(&id).cloned().unwrap_or_default();
            walk.seq(graph.block(id).code, moved);
        }
    }
    let mut partial = PartialMoves::default();
    for (&id, moved) in &walk.moved {
        let locals: BTreeSet<_> = moved.iter().map(|place| place.local).collect();
        for &local in locals.intersection(live.live(id)) {
            let paths: BTreeSet<_> = live.paths(id, local).collect();
            let mut moved = moved.iter().filter(|place| place.local == local).map(|place| &place.path);
            if moved.any(|moved| !paths.iter().any(|path| overlap(path, moved))) {
                let outermost = paths.iter().filter(|path| !paths.iter().any(|outer| is_below(path, outer)));
                let parts: BTreeSet<_> = outermost.map(|path| (*path).to_owned()).collect();
                if has_one_kind_of_fields(&parts) {
                    partial.0.insert((id, local), parts);
                }
            }
        }
    }
    // A local that is assigned as a whole in such a block needs its own type there, so it is saved whole.
    let set: BTreeSet<_> = partial.0.keys().filter(|place| walk.set.contains(place)).map(|&(_, local)| local).collect();
    partial.0.retain(|(_, local), _| !set.contains(local));
    partial
}

/// Whether a type can have these parts: no type has named and numbered fields. If it cannot, rustc reports one of them.
fn has_one_kind_of_fields(parts: &BTreeSet<String>) -> bool {
    let mut kinds = BTreeMap::new();
    let fields = parts.iter().flat_map(|path| {
        let names = path.split('.').scan(0, |start, name| {
            let outer = &path[..*start];
            *start += name.len() + 1;
            Some((outer, name))
        });
        names.collect::<Vec<_>>()
    });
    fields.into_iter().all(|(outer, name)| {
        let is_number = name.parse::<usize>().is_ok();
        *kinds.entry(outer).or_insert(is_number) == is_number
    })
}

struct Walk<'a> {
    graph: &'a Graph,
    /// By block: the parts that may have been moved at its entry.
    moved: BTreeMap<BlockId, BTreeSet<Place>>,
    changed: bool,
    /// The current block.
    block: BlockId,
    /// The blocks that assign a whole local, with the local.
    set: BTreeSet<(BlockId, LocalId)>,
}

type Moved = BTreeSet<Place>;

impl Walk<'_> {
    /// Walks code with the parts that may have been moved before it. Returns those that may have been moved after it.
    fn seq(&mut self, seq: SeqId, moved: Moved) -> Moved {
        let graph = self.graph;
        graph.seq(seq).iter().fold(moved, |moved, node| self.node(node, moved))
    }

    fn node(&mut self, node: &Node, moved: Moved) -> Moved {
        match node {
            Node::Stmt { def_use, declares, .. } => without(self.def_use(def_use, moved), declares),
            Node::Declare(local) => without(moved, &[*local]),
            Node::Items(_) => moved,
            Node::Scope(_, seq) => self.seq(*seq, moved),
            Node::If { cond, binds, then, otherwise } => {
                let moved = self.def_use(&cond.def_use, moved);
                self.seq(*then, without(moved.clone(), binds));
                self.seq(*otherwise, moved)
            }
            Node::Match { scrutinee, arms } => {
                let moved = self.def_use(&scrutinee.def_use, moved);
                for arm in arms {
                    let moved = self.def_use(&arm.def_use, without(moved.clone(), &arm.binds));
                    self.seq(arm.body, moved);
                }
                moved
            }
            Node::LetElse { value, binds, otherwise, .. } => {
                let moved = self.def_use(&value.def_use, moved);
                self.seq(*otherwise, moved.clone());
                without(moved, binds)
            }
            Node::Await { id, operand } => {
                let moved = self.def_use(&operand.def_use, moved);
                self.arrive(self.graph.point(*id).resume, &moved);
                moved
            }
            Node::Jump { to, value } => {
                let moved = match value {
                    Some(value) => self.def_use(&value.def_use, moved),
                    None => moved,
                };
                self.arrive(*to, &moved);
                moved
            }
            Node::Return(_) => moved,
        }
    }

    fn def_use(&mut self, def_use: &DefUse, mut moved: Moved) -> Moved {
        self.set.extend(def_use.defs.iter().map(|&local| (self.block, local)));
        let graph = self.graph;
        // Nothing is moved out of a borrow.
        let moves: Vec<_> =
            def_use.moves.iter().filter(|place| graph.reborrow(place.local).is_none()).cloned().collect();
        for &exit in def_use.exits.keys() {
            self.arrive(exit, &moved.iter().chain(&moves).cloned().collect());
        }
        moved.retain(|place| !def_use.defs.contains(&place.local));
        moved.extend(moves);
        moved
    }

    fn arrive(&mut self, block: BlockId, moved: &Moved) {
        let value = self.graph.value(block);
        let known = self.moved.entry(block).or_default();
        let before = known.len();
        known.extend(moved.iter().filter(|place| Some(place.local) != value).cloned());
        self.changed |= known.len() > before;
    }
}

fn without(mut moved: Moved, locals: &[LocalId]) -> Moved {
    moved.retain(|place| !locals.contains(&place.local));
    moved
}

#[cfg(test)]
mod tests {
    use super::has_one_kind_of_fields;

    #[test]
    fn no_type_has_named_and_numbered_fields() {
        for (parts, expected) in [
            (&["email", "name"][..], true),
            (&["0", "1.name"], true),
            (&["email", "1"], false),
            (&["to.name", "to.0", "from.0"], false),
            (&["to.name", "from.0", "from.1"], true),
        ] {
            assert_eq!(
                has_one_kind_of_fields(&parts.iter().map(|part| (*part).to_owned()).collect()),
                expected,
                "{parts:?}"
            );
        }
    }
}
