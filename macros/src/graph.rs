//! The [`Graph`]: the control-flow graph of a body, split into basic blocks at every await and at every join of paths.
//! [`control_flow`] builds it, and all later stages read it. Has no types in it, and no name that an author will see but
//! the author's own.
//!
//! A [`Block`] is entered at the start of the flow, after an await, or where paths join. Its code is a tree with the
//! structure of the source: statements, `if` and `match` with their branches, scopes. Each path through it ends in an
//! await, a jump to a block, or a return. A construct without an await is one statement, however large it is.
//!
//! ```text
//! let room = loop {                        Start:     .. ; jump Loop
//!     let room = PickRoom.await;           Loop:      await PickRoom
//!     if ok(&room) { break room }          Room:      let room = answer; if ok(&room) { jump AfterLoop(room) } jump Loop
//! };                                       AfterLoop: (room) ..
//! ```
//!
//! [`control_flow`]: crate::control_flow

use std::collections::BTreeMap;

use proc_macro2::Span;
use syn::{Expr, Ident, Item, Lifetime, Pat, Stmt, Type};

use crate::def_use::DefUse;
use crate::evolution_attrs::LocalAttrs;
use crate::ids::{AwaitId, BlockId, LocalId, Place, ReborrowId, ScopeId, SeqId};

/// The control-flow graph of a body.
pub(crate) struct Graph {
    pub(crate) locals: Vec<Local>,
    /// The locals that are the arguments of the flow, in order.
    pub(crate) args: Vec<LocalId>,
    pub(crate) awaits: Vec<Await>,
    pub(crate) reborrows: Vec<Reborrow>,
    /// By the local that holds the position of a loop: what the loop iterates over, which is evaluated in each round.
    pub(crate) sources: BTreeMap<LocalId, Through>,
    pub(crate) blocks: Vec<Block>,
    pub(crate) seqs: Vec<Vec<Node>>,
    /// The blocks that are reachable, in the order of their code.
    pub(crate) order: Vec<BlockId>,
    /// Functions, types and imports that the author declared in the body, and that are visible in all of it.
    pub(crate) items: Vec<Item>,
    /// The labels by which statements jump to blocks.
    pub(crate) labels: BlockLabels,
    /// From the name of a renamed local to the one that it is written with: `x_2`, `x`.
    pub(crate) shown: BTreeMap<String, String>,
}

/// `let mut tries: u32`.
pub(crate) struct Local {
    /// Its name in generated code.
    pub(crate) ident: Ident,
    /// Its name on disk.
    pub(crate) name: String,
    pub(crate) mutable: bool,
    /// The type, if the author wrote all of it.
    pub(crate) ty: Option<Type>,
    /// The reborrow that declares it after an await, if it is a borrow.
    pub(crate) reborrow: Option<ReborrowId>,
    /// Its attributes about earlier versions.
    pub(crate) evolution: LocalAttrs,
    pub(crate) scope: ScopeId,
}

/// `let name = &order.name;`: a borrow is not saved; its `let` is repeated after an await.
pub(crate) struct Reborrow {
    pub(crate) pat: Pat,
    pub(crate) ty: Option<Type>,
    pub(crate) expr: Expr,
    pub(crate) def_use: DefUse,
    /// The locals of the pattern that are borrows.
    pub(crate) locals: Vec<LocalId>,
    pub(crate) through: Through,
    /// The pattern, if it would choose another alternative after what it tests has been written.
    pub(crate) rebinds: Option<Span>,
}

/// The places that a borrow is taken through, each with the word that names it.
#[derive(Clone, Default)]
pub(crate) struct Through {
    /// Those that it borrows from, as far as their locals go: `rooms` of `rooms.get(&key)`.
    pub(crate) bases: Vec<(Place, Span)>,
    /// For a local of a pattern with `ref`, only these of its bases.
    pub(crate) parts: BTreeMap<LocalId, Vec<(Place, Span)>>,
    /// Those that name the element: `key`.
    pub(crate) keys: Vec<(Place, Span)>,
}

/// `PickRoom { nights }.await`.
pub(crate) struct Await {
    /// Whether `name` is from `#[at("Payment")]`.
    pub(crate) is_labelled: bool,
    /// The name of the state: `Room` of `let room = ...`, otherwise the awaited component, `PickRoom`.
    pub(crate) name: String,
    /// Names of the state in earlier versions.
    pub(crate) was: Vec<String>,
    /// The awaited expression without the names of locals, which identifies a question across edits.
    pub(crate) asks: String,
    pub(crate) span: Span,
    /// The block that the answer resumes.
    pub(crate) resume: BlockId,
}

/// A basic block: code with one entry.
pub(crate) struct Block {
    pub(crate) entry: Entry,
    /// The scopes that are open at its entry, the outermost first.
    pub(crate) scopes: Vec<ScopeId>,
    pub(crate) code: SeqId,
    /// The number of awaits, jumps and exits that lead to it.
    pub(crate) predecessors: usize,
}

/// How a block is entered.
pub(crate) enum Entry {
    /// With the arguments.
    Start,
    /// With the answer of an await.
    Resume(AwaitId),
    /// From several places: `AfterLoop`, with the value of the loop.
    Join { name: &'static str, value: Option<LocalId> },
}

/// A piece of a block's code.
pub(crate) enum Node {
    /// A statement as it was written.
    Stmt { stmt: Stmt, def_use: DefUse, declares: Vec<LocalId> },
    /// `let room;`
    Declare(LocalId),
    /// `fn price() -> u32 { .. }`: items that are visible in one scope only.
    Items(Vec<Item>),
    /// `{ ... }`
    Scope(ScopeId, SeqId),
    /// `if cond { ... } else { ... }`; both branches leave the block.
    If { cond: Code, binds: Vec<LocalId>, then: SeqId, otherwise: SeqId },
    /// `match scrutinee { ... }`; all arms leave the block.
    Match { scrutinee: Code, arms: Vec<Arm> },
    /// `let Some(x) = value else { ... };`; the `else` leaves the block.
    LetElse { pat: Pat, value: Code, binds: Vec<LocalId>, otherwise: SeqId },
    /// `operand.await`: the last node of its path.
    Await { id: AwaitId, operand: Code },
    /// Continue at a block, with a value if the block takes one.
    Jump { to: BlockId, value: Option<Code> },
    /// `return value`.
    Return(Option<Code>),
}

pub(crate) struct Arm {
    pub(crate) pat: Pat,
    /// Of the guard, if there is one.
    pub(crate) def_use: DefUse,
    pub(crate) binds: Vec<LocalId>,
    pub(crate) body: SeqId,
}

/// An expression without an await.
pub(crate) struct Code {
    pub(crate) expr: Expr,
    pub(crate) def_use: DefUse,
}

/// Labels that name blocks: `'__block_7`. Their prefix is one that the body does not contain.
#[derive(Clone)]
pub(crate) struct BlockLabels {
    prefix: String,
}

impl BlockLabels {
    /// Labels that differ from all these identifiers.
    pub(crate) fn unlike(identifiers: &[String]) -> Self {
        let mut prefix = "__block_".to_owned();
        while identifiers.iter().any(|identifier| identifier.starts_with(&prefix)) {
            prefix.insert(0, '_');
        }
        Self { prefix }
    }

    pub(crate) fn label(&self, block: BlockId) -> Lifetime {
        Lifetime::new(&format!("'{}{}", self.prefix, block.0), Span::mixed_site())
    }

    /// The block that a label names, if it is one of these labels.
    pub(crate) fn block(&self, label: &Lifetime) -> Option<BlockId> {
        label.ident.to_string().strip_prefix(&self.prefix).and_then(|id| id.parse().ok()).map(BlockId)
    }
}

impl Graph {
    pub(crate) fn block(&self, id: BlockId) -> &Block {
        &self.blocks[id.0]
    }

    pub(crate) fn seq(&self, id: SeqId) -> &[Node] {
        &self.seqs[id.0]
    }

    pub(crate) fn local(&self, id: LocalId) -> &Local {
        &self.locals[id.0]
    }

    /// How a local is declared after an await, if it is a borrow.
    pub(crate) fn reborrow(&self, id: LocalId) -> Option<&Reborrow> {
        self.local(id).reborrow.map(|reborrow| &self.reborrows[reborrow.0])
    }

    pub(crate) fn point(&self, id: AwaitId) -> &Await {
        &self.awaits[id.0]
    }

    /// The local that holds the value that a block is entered with, if it takes one.
    pub(crate) fn value(&self, id: BlockId) -> Option<LocalId> {
        match self.block(id).entry {
            Entry::Join { value, .. } => value,
            Entry::Start | Entry::Resume(_) => None,
        }
    }
}

/// The local that holds the answer at the entry of a block. Its name is hygienic, and unusual too: in the tokens of a
/// macro it is among the author's names, where only the text distinguishes them.
pub(crate) fn answer_ident(place: Span) -> Ident {
    Ident::new("__answer", Span::mixed_site().located_at(place))
}

/// The local that ties the type of an answer to its await: `__at_0.call(operand)`, `__at_0.answer(__answer)`.
pub(crate) fn point_ident(id: AwaitId, place: Span) -> Ident {
    Ident::new(&format!("__at_{}", id.0), Span::mixed_site().located_at(place))
}
