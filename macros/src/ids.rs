//! The ids of the parts of a flow, which index its vectors, and [`Place`]s.

/// A local, index into `Graph::locals`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LocalId(pub(crate) usize);

/// A basic block, index into `Graph::blocks`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct BlockId(pub(crate) usize);

/// An await, index into `Graph::awaits`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AwaitId(pub(crate) usize);

/// A borrow that is repeated after an await, index into `Graph::reborrows`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ReborrowId(pub(crate) usize);

/// A scope of the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ScopeId(pub(crate) usize);

/// A sequence of nodes, index into `Graph::seqs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SeqId(pub(crate) usize);

/// A local, or a part of one: `order`, `order.name`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) local: LocalId,
    /// `name`, `address.city`, `0`; empty for the whole local.
    pub(crate) path: String,
}

impl Place {
    pub(crate) const fn whole(local: LocalId) -> Self {
        Self { local, path: String::new() }
    }

    /// Whether one place contains the other.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.local == other.local && overlap(&self.path, &other.path)
    }
}

/// Whether one of two paths contains the other.
pub(crate) fn overlap(one: &str, other: &str) -> bool {
    one == other || is_below(one, other) || is_below(other, one)
}

/// Whether a path is inside another one: `address.city` is below `address`, and every path is below the empty one.
pub(crate) fn is_below(path: &str, outer: &str) -> bool {
    outer.is_empty() || path.strip_prefix(outer).is_some_and(|rest| rest.starts_with('.'))
}
