//! What is known of a piece of code, and of the names around it.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::Span;
use syn::Lifetime;

use crate::ids::{BlockId, LocalId, Place};

/// How a piece of code uses the locals around it.
#[derive(Debug, Clone, Default)]
pub(crate) struct DefUse {
    /// The places whose value from before it may read.
    pub(crate) uses: BTreeSet<Place>,
    /// The parts of locals that it may move out.
    pub(crate) moves: BTreeSet<Place>,
    /// The locals that it has assigned if it comes to its end.
    pub(crate) defs: BTreeSet<LocalId>,
    /// What it may have changed if it comes to its end.
    pub(crate) changes: Changes,
    /// What it may have changed when it jumps to a block.
    pub(crate) exit_changes: BTreeMap<BlockId, Changes>,
    /// The locals that it names.
    pub(crate) mentions: BTreeSet<LocalId>,
    /// The blocks that it may jump to, with the locals that it has assigned by then: `{found}` of `found = n; break`.
    pub(crate) exits: BTreeMap<BlockId, BTreeSet<LocalId>>,
    /// Whether it contains a `return`.
    pub(crate) returns: bool,
    /// Whether it never comes to its end, as far as syntax tells.
    pub(crate) diverges: bool,
    /// Labels that no surrounding loop or block has.
    pub(crate) unknown_labels: Vec<Span>,
}

/// Places that a piece of code may change.
#[derive(Debug, Clone, Default)]
pub(crate) struct Changes {
    /// Assigned, borrowed by `&mut`, or changed by a method of the standard library.
    pub(crate) surely: BTreeSet<Place>,
    /// Perhaps changed by a method that is not known, by a macro, or through a borrow.
    pub(crate) perhaps: BTreeSet<Place>,
}

impl Changes {
    pub(crate) fn add(&mut self, others: &Self) {
        self.surely.extend(others.surely.iter().cloned());
        self.perhaps.extend(others.perhaps.iter().cloned());
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Place> {
        self.surely.iter().chain(&self.perhaps)
    }
}

impl DefUse {
    /// Whether the code contains a jump to a block, or a `return`.
    pub(crate) fn jumps(&self) -> bool {
        self.returns || !self.exits.is_empty()
    }
}

/// The locals in scope, the innermost last.
pub(crate) type Env = Vec<(String, LocalId)>;

/// A loop or labelled block with an await in it, which is split into blocks.
#[derive(Debug, Clone)]
pub(crate) struct SplitLoop {
    pub(crate) label: Option<String>,
    pub(crate) break_to: BlockId,
    /// `None` for a labelled block.
    pub(crate) continue_to: Option<BlockId>,
}

/// The split loop that a `break` or `continue` leads to.
pub(crate) fn target<'a>(loops: &'a [SplitLoop], label: Option<&Lifetime>) -> Option<&'a SplitLoop> {
    let mut inner_first = loops.iter().rev();
    match label {
        Some(label) => inner_first.find(|split| split.label.as_deref() == Some(&label.ident.to_string())),
        None => inner_first.find(|split| split.continue_to.is_some()),
    }
}
