//! What the parts of a flow are called between the stages.

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LocalId(pub(crate) usize);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct BlockId(pub(crate) usize);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AwaitId(pub(crate) usize);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AgainId(pub(crate) usize);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ScopeId(pub(crate) usize);

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

    /// Whether one is in the other.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.local == other.local && overlap(&self.path, &other.path)
    }
}

pub(crate) fn overlap(one: &str, other: &str) -> bool {
    one == other || is_below(one, other) || is_below(other, one)
}

/// Whether a path goes on where another one ends: `address.city` is below `address`, and all are below the whole.
pub(crate) fn is_below(path: &str, outer: &str) -> bool {
    outer.is_empty() || path.strip_prefix(outer).is_some_and(|rest| rest.starts_with('.'))
}
