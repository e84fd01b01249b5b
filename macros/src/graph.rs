//! The [`Graph`]: a body cut at every await, and at every place that more than one path leads to. What [`cut`] gives
//! and all later stages read. Has no types in it, and no names that an author will see but the author's own.
//!
//! A [`Block`] begins where the function starts, goes on after an await, or joins paths. Its code is a tree that looks
//! like the author's: statements as they were written, `if` and `match` with the paths that they choose, scopes. Every
//! path through it ends in an await, a jump to a block, or a return. A construct without an await is one statement,
//! whatever is inside.
//!
//! ```text
//! let room = loop {                        Start:     .. ; jump Loop
//!     let room = PickRoom.await;           Loop:      await PickRoom
//!     if ok(&room) { break room }          Room:      let room = answer; if ok(&room) { jump AfterLoop(room) } jump Loop
//! };                                       AfterLoop: (room) ..
//! ```
//!
//! [`cut`]: crate::cut

use proc_macro2::Span;
use syn::{Expr, Ident, Item, Pat, Stmt, Type};

use crate::facts::{Facts, SplitLoop};
use crate::ids::{AgainId, AwaitId, BlockId, LocalId, ScopeId, SeqId};
use crate::marks::LocalMarks;

/// A body, cut at its awaits.
pub(crate) struct Graph {
    pub(crate) locals: Vec<Local>,
    pub(crate) awaits: Vec<Await>,
    pub(crate) agains: Vec<Again>,
    pub(crate) blocks: Vec<Block>,
    pub(crate) seqs: Vec<Vec<Node>>,
    /// The blocks that something leads to, in the order of their code.
    pub(crate) order: Vec<BlockId>,
    /// Functions, types and imports that the author wrote inside the body and that are seen in all of it.
    pub(crate) items: Vec<Item>,
}

/// `let mut tries: u32`.
pub(crate) struct Local {
    /// What it is called in code.
    pub(crate) ident: Ident,
    /// What it is called on disk.
    pub(crate) name: String,
    pub(crate) mutable: bool,
    /// The type, where it is written and whole.
    pub(crate) ty: Option<Type>,
    /// The borrow that it is a part of.
    pub(crate) again: Option<AgainId>,
    /// What its author says of it for conversations of earlier versions.
    pub(crate) marks: LocalMarks,
    pub(crate) scope: ScopeId,
}

/// `let name = &order.name;`: not saved, but written out again after an await.
pub(crate) struct Again {
    pub(crate) pat: Pat,
    pub(crate) ty: Option<Type>,
    pub(crate) expr: Expr,
    pub(crate) facts: Facts,
    /// The locals of the pattern that are taken again.
    pub(crate) locals: Vec<LocalId>,
}

/// `PickRoom { nights }.await`.
pub(crate) struct Await {
    /// Whether the author gave the name: `#[at("Payment")]`.
    pub(crate) is_labelled: bool,
    /// `Room`, from `let room = ...`, else what is awaited: `PickRoom`.
    pub(crate) name: String,
    /// What it was called in earlier versions.
    pub(crate) was: Vec<String>,
    /// What is awaited, in the author's words.
    pub(crate) asks: String,
    pub(crate) span: Span,
    /// Where the code goes on.
    pub(crate) resume: BlockId,
}

/// Code with one entrance.
pub(crate) struct Block {
    pub(crate) entry: Entry,
    /// The scopes around its beginning, the outermost first.
    pub(crate) scopes: Vec<ScopeId>,
    pub(crate) code: SeqId,
    /// How many paths lead to it.
    pub(crate) edges: usize,
}

/// How a block is entered.
pub(crate) enum Entry {
    /// With the arguments.
    Start,
    /// With the answer of an await.
    Resume(AwaitId),
    /// From several places: `AfterLoop`, with the value that the loop was left with.
    Join { name: &'static str, value: Option<LocalId> },
}

/// A piece of a block's code.
pub(crate) enum Node {
    /// A statement as it was written.
    Stmt { stmt: Stmt, facts: Facts, loops: Vec<SplitLoop>, declares: Vec<LocalId> },
    /// `let room;`
    Declare(LocalId),
    /// `fn price() -> u32 { .. }`: what only a scope sees.
    Items(Vec<Item>),
    /// `{ ... }`
    Scope(ScopeId, SeqId),
    /// `if cond { ... } else { ... }`; both paths lead elsewhere.
    If { cond: Code, binds: Vec<LocalId>, then: SeqId, otherwise: SeqId },
    /// `match scrutinee { ... }`; all paths lead elsewhere.
    Match { scrutinee: Code, arms: Vec<Arm> },
    /// `let Some(x) = value else { ... };`; the other path leads elsewhere.
    LetElse { pat: Pat, value: Code, binds: Vec<LocalId>, otherwise: SeqId },
    /// `operand.await`: nothing after it.
    Await { id: AwaitId, operand: Code },
    /// Go on at a block, with a value if it takes one.
    Jump { to: BlockId, value: Option<Code> },
    /// `return value`.
    Return(Option<Code>),
}

pub(crate) struct Arm {
    pub(crate) pat: Pat,
    /// Of the guard, if there is one.
    pub(crate) facts: Facts,
    pub(crate) loops: Vec<SplitLoop>,
    pub(crate) binds: Vec<LocalId>,
    pub(crate) body: SeqId,
}

/// An expression as it was written.
#[derive(Clone)]
pub(crate) struct Code {
    pub(crate) expr: Expr,
    pub(crate) facts: Facts,
    pub(crate) loops: Vec<SplitLoop>,
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

    /// How a local is taken again.
    pub(crate) fn again(&self, id: LocalId) -> Option<&Again> {
        self.local(id).again.map(|again| &self.agains[again.0])
    }

    pub(crate) fn point(&self, id: AwaitId) -> &Await {
        &self.awaits[id.0]
    }

    /// The value with which a block is entered.
    pub(crate) fn value(&self, id: BlockId) -> Option<LocalId> {
        match self.block(id).entry {
            Entry::Join { value, .. } => value,
            Entry::Start | Entry::Resume(_) => None,
        }
    }
}

/// The local that holds the answer at the beginning of a block. A name that no author can write, and none does: inside
/// a macro it stands among the author's names, where only the text tells them apart.
pub(crate) fn answer_ident(place: Span) -> Ident {
    Ident::new("__answer", Span::mixed_site().located_at(place))
}

/// The constant of an await: `__at_0.call(operand)`, `__at_0.answer(__answer)`.
pub(crate) fn point_ident(id: AwaitId, place: Span) -> Ident {
    Ident::new(&format!("__at_{}", id.0), Span::mixed_site().located_at(place))
}
