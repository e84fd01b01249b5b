//! What a generated program has at one place: its locals and what has become of them, and the loops around.
//!
//! This is what makes each program compile as a plain function: a local is read only where it certainly has a value,
//! moved only where that happens once, and not changed while something borrows it.

use crate::types::Ty;

/// What has become of a local, as far as the borrow checker can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// It certainly has a value.
    Ready,
    /// It certainly has not been set yet.
    Unset,
    /// It may have been moved, or what it borrows from may have changed, or it may not have been set.
    Gone,
}

/// What may be done with a local while an expression around goes on to use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lock {
    Free,
    /// It may be read.
    Shared,
    /// It may not be touched.
    Exclusive,
}

#[derive(Debug, Clone)]
pub(crate) struct Var {
    pub(crate) name: String,
    pub(crate) ty: Ty,
    pub(crate) mutable: bool,
    /// It is a reference to a value of its type.
    pub(crate) is_ref: bool,
    /// It is a borrow that is taken again after an await.
    pub(crate) is_kept: bool,
    /// The index of the local that it borrows from.
    pub(crate) of: Option<usize>,
    /// Its type follows from how it is used, so no method can be called on it.
    pub(crate) vague: bool,
    pub(crate) is_const: bool,
    pub(crate) state: State,
    /// How many loops are around its declaration.
    pub(crate) depth: usize,
    pub(crate) lock: Lock,
}

/// Something that can be left with `break`, or a place that keeps one from doing so.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: FrameKind,
    pub(crate) label: Option<String>,
    /// The type of the value that it is left with.
    pub(crate) value: Option<Ty>,
    /// What has become of the locals at each `break` that can be reached.
    pub(crate) breaks: Vec<Vec<State>>,
    /// How many locals are around it.
    pub(crate) locals: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FrameKind {
    Loop,
    /// `while` and `for`, which are also left without a `break`.
    Round,
    /// The condition of a `while`: run again and again, and only left by label.
    Condition,
    /// `'a: { .. }`
    Block,
}

impl FrameKind {
    pub(crate) fn repeats(self) -> bool {
        match self {
            Self::Loop | Self::Round | Self::Condition => true,
            Self::Block => false,
        }
    }
}

/// What is known at one place, to go back to or to join with what is known at another one.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) states: Vec<State>,
    /// Nothing gets here.
    pub(crate) dead: bool,
}

/// What is known where two paths join.
pub(crate) fn joined(a: State, b: State) -> State {
    if a == b { a } else { State::Gone }
}
