//! The [`Machine`]: a flow as states, jumps and code, with every decision about the generated code made. `lower` builds
//! it, and `emit` writes it token by token. Its parts are named as they are written.
//!
//! ```text
//! Start { guest }              -> await Dates, save Dates { guest }
//! Dates { guest } (answer)     -> let dates = answer; jump Loop { guest, dates, tries }
//! Loop { guest, dates, tries } -> await Room, save Room { guest, dates, tries }
//! ```

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Span, TokenStream};
use syn::{Expr, ExprPath, Ident, Item, Member, Pat, Stmt, Type};

use crate::graph::BlockLabels;
use crate::header::Header;
use crate::ids::{AwaitId, LocalId, Place};

/// A flow as a state machine.
pub(crate) struct Machine {
    pub(crate) header: Header,
    /// `Start { guest }`, then one state for each await: `Room { guest, dates, tries }`.
    pub(crate) states: Vec<State>,
    /// The type parameters of the enum of states, one for each saved place whose type is not written.
    pub(crate) state_params: Vec<Ident>,
    /// The blocks that paths join at: `AfterLoop { guest, room }`.
    pub(crate) joins: Vec<Join>,
    /// The type parameters of the enum of joins.
    pub(crate) join_params: Vec<Ident>,
    /// The name of that enum: `BookingStateNext`.
    pub(crate) next: Ident,
    /// The types of partially moved locals. A type comes after those of its fields.
    pub(crate) partial_types: Vec<PartialType>,
    /// The locals with a `#[default]` that are saved, for each of which a helper is declared.
    pub(crate) defaults: Vec<LocalId>,
    /// Items of the body that are visible in all of it.
    pub(crate) items: Vec<Item>,
    /// The code, in the order of the source.
    pub(crate) blocks: Vec<Block>,
    /// The labels of jumps in the author's code.
    pub(crate) labels: BlockLabels,
    /// From the name of a renamed local to the one that it is written with: `x_2`, `x`.
    pub(crate) shown: BTreeMap<String, String>,
    /// By block: the join that its label names.
    pub(crate) label_targets: Vec<Option<JoinId>>,
    /// The names of the awaits' states, now and in earlier versions.
    pub(crate) known_names: BTreeSet<String>,
    /// The enum of states that only earlier versions have: `#[earlier(Before)]`.
    pub(crate) old_states: Option<OldStates>,
}

/// A state, index into [`Machine::states`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StateId(pub(crate) usize);

/// A join, index into [`Machine::joins`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct JoinId(pub(crate) usize);

/// A type of a partially moved local, index into [`Machine::partial_types`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PartialTypeId(pub(crate) usize);

/// A variant of the enum of states.
pub(crate) struct State {
    pub(crate) name: Ident,
    /// In the order in which the locals were declared.
    pub(crate) fields: Vec<Field>,
    /// The await that the flow waits at; `None` for `Start`.
    pub(crate) point: Option<AwaitId>,
    /// The line of the await.
    pub(crate) span: Span,
    /// The states that may come next.
    pub(crate) next: Vec<StateId>,
    /// Whether the flow may end before another await.
    pub(crate) ends: bool,
    /// The name before it was numbered; empty if the author gave it.
    pub(crate) wanted: String,
    /// The words that identify the question.
    pub(crate) asks: String,
    /// Names in earlier versions.
    pub(crate) was: Vec<String>,
}

/// A variant of the enum of joins.
pub(crate) struct Join {
    pub(crate) name: Ident,
    pub(crate) fields: Vec<Field>,
    /// Which of the fields is the value that the block is entered with.
    pub(crate) value: Option<usize>,
}

/// `tries`, in the state `Room`.
pub(crate) struct Field {
    pub(crate) name: Ident,
    /// The name of the local in code.
    pub(crate) ident: Ident,
    pub(crate) local: LocalId,
    pub(crate) ty: FieldType,
    /// The whole local, or its parts.
    pub(crate) places: Vec<FieldPlace>,
    /// Names of the local in earlier versions.
    pub(crate) was: Vec<String>,
    /// The value in a saved state without the field.
    pub(crate) default: Option<Expr>,
    /// Whether the await of this state is the first that saves the local. There rustc checks that it can be saved.
    pub(crate) is_checked: bool,
}

/// The type of a field.
pub(crate) enum FieldType {
    Whole(PlaceType),
    Partial(PartialTypeId),
}

/// The type of a place.
#[derive(Clone)]
pub(crate) enum PlaceType {
    /// A type parameter, which rustc infers: `Dates`.
    Param(Ident),
    /// The type that the author wrote.
    Written(Box<Type>),
}

/// `order.name`, in a field.
pub(crate) struct FieldPlace {
    pub(crate) place: Place,
    /// Its name on disk.
    pub(crate) name: String,
    /// Its path in the field; empty for the whole field.
    pub(crate) path: Vec<Member>,
    pub(crate) ty: PlaceType,
}

/// `struct BookingStateOrder<OrderName> { name: OrderName }`: the saved parts of `order`.
pub(crate) struct PartialType {
    pub(crate) name: Ident,
    pub(crate) params: Vec<Ident>,
    pub(crate) fields: PartialFields,
}

pub(crate) enum PartialFields {
    Named(Vec<(Member, PartialField)>),
    /// By index; `None` for a field that has been moved out.
    Tuple(Vec<Option<PartialField>>),
}

pub(crate) enum PartialField {
    /// A part of the local with everything in it.
    Whole { path: Vec<Member>, ty: PlaceType },
    /// A part that is itself partially moved.
    Partial(PartialTypeId),
}

/// The code of a basic block.
pub(crate) struct Block {
    pub(crate) entry: Entry,
    /// The fields of the entry, with the names that the code uses.
    pub(crate) bindings: Vec<Binding>,
    pub(crate) code: Vec<Op>,
}

/// The variant that a block is entered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    State(StateId),
    Join(JoinId),
}

/// `tries: mut tries`
pub(crate) struct Binding {
    pub(crate) field: Ident,
    pub(crate) ident: Ident,
    pub(crate) mutable: bool,
}

/// A piece of the code of a block.
pub(crate) enum Op {
    /// `let mut room: Room;`
    Declare {
        ident: Ident,
        mutable: bool,
        ty: Option<Type>,
    },
    /// `let mut tries = tries;`: so that it is dropped at the end of this scope.
    Rebind {
        ident: Ident,
        mutable: bool,
    },
    /// `let name = &order.name;`, or with a pattern that cannot fail a second time.
    Reborrow {
        pat: Box<Pat>,
        ty: Option<Box<Type>>,
        expr: Box<Expr>,
        is_refutable: bool,
        /// The constants that it reads, of which rustc checks that they are the same whenever they are written.
        constants: Vec<ExprPath>,
    },
    /// A statement of the author's.
    Stmt {
        stmt: Stmt,
        jumps: bool,
    },
    /// Items of one scope.
    Items(Vec<Item>),
    /// `{ .. }`
    Scope(Vec<Op>),
    If {
        cond: Code,
        then: Vec<Op>,
        otherwise: Vec<Op>,
    },
    Match {
        scrutinee: Code,
        arms: Vec<Arm>,
    },
    LetElse {
        pat: Box<Pat>,
        value: Code,
        otherwise: Vec<Op>,
    },
    /// `_ = (&name, &rest);`: borrows that end here count as used, because they are repeated elsewhere.
    Use(Vec<Ident>),
    /// Saves the state and returns the component that is awaited.
    Await {
        state: StateId,
        callee: Code,
    },
    /// Continues at a join, with its value if it takes one.
    Jump {
        to: JoinId,
        value: Option<Code>,
    },
    /// The end of an `else` that must not come to its end: rustc reports that it does.
    FallThrough(Option<Code>),
    /// Ends the flow.
    Return(Option<Code>),
}

pub(crate) struct Arm {
    pub(crate) pat: Pat,
    /// Whether the guard contains a jump or a `return`.
    pub(crate) jumps: bool,
    pub(crate) code: Vec<Op>,
}

/// An expression of the author's.
pub(crate) struct Code {
    pub(crate) expr: Expr,
    /// Whether it contains a jump to a block, or a `return`.
    pub(crate) jumps: bool,
}

/// The states of earlier versions that the flow no longer has.
pub(crate) struct OldStates {
    /// The name of the enum.
    pub(crate) name: Ident,
    /// The module of the types that its fields name.
    pub(crate) module: Ident,
    pub(crate) states: Vec<OldState>,
    pub(crate) types: Vec<OldType>,
    /// The path of the lock file. The flow is compiled again when the file changes.
    pub(crate) lock: String,
}

pub(crate) struct OldState {
    pub(crate) ident: Ident,
    pub(crate) name: String,
    /// The schema fingerprint that it was saved with.
    pub(crate) schema: String,
    pub(crate) fields: Vec<(Ident, TokenStream)>,
}

/// A type that an old state used.
pub(crate) enum OldType {
    Struct(Ident, Vec<(Ident, TokenStream)>),
    Enum(Ident, Vec<OldVariant>),
}

pub(crate) struct OldVariant {
    pub(crate) ident: Ident,
    pub(crate) content: OldContent,
}

pub(crate) enum OldContent {
    Unit,
    Value(TokenStream),
    Fields(Vec<(Ident, TokenStream)>),
}

impl Machine {
    pub(crate) fn state(&self, id: StateId) -> &State {
        &self.states[id.0]
    }

    pub(crate) fn join(&self, id: JoinId) -> &Join {
        &self.joins[id.0]
    }

    pub(crate) fn partial_type(&self, id: PartialTypeId) -> &PartialType {
        &self.partial_types[id.0]
    }
}
