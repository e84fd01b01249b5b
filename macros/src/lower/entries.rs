//! Which state or join each block is entered with.

use syn::Ident;

use crate::graph::Graph;
use crate::ids::{AwaitId, BlockId};
use crate::lower::fields::Draft;
use crate::machine::{JoinId, StateId};

/// A state before the types of its fields are known.
pub(super) struct StateDraft {
    pub(super) name: Ident,
    pub(super) point: Option<AwaitId>,
    pub(super) fields: Vec<Draft>,
}

/// A join before the types of its fields are known.
pub(super) struct JoinDraft {
    pub(super) name: Ident,
    pub(super) block: BlockId,
    pub(super) fields: Vec<Draft>,
}

/// The state or join that each block is entered with.
pub(super) struct Entries {
    /// By await.
    pub(super) states: Vec<Option<StateId>>,
    /// By block.
    pub(super) joins: Vec<Option<JoinId>>,
}

impl Entries {
    pub(super) fn new(states: &[StateDraft], joins: &[JoinDraft], graph: &Graph) -> Self {
        let mut entries = Self { states: vec![None; graph.awaits.len()], joins: vec![None; graph.blocks.len()] };
        for (index, state) in states.iter().enumerate() {
            if let Some(point) = state.point {
                entries.states[point.0] = Some(StateId(index));
            }
        }
        for (index, join) in joins.iter().enumerate() {
            entries.joins[join.block.0] = Some(JoinId(index));
        }
        entries
    }

    pub(super) fn state(&self, point: AwaitId) -> StateId {
        self.states[point.0].expect("a reachable await has a state")
    }
}
