//! Computes, for the start and for each await, the awaits that may come next and whether the flow may end first
//! ([`Successors`]). Never looks at types. A macro may end the flow if its tokens or its name say so.
//!
//! ```text
//! let room = loop {                                 Start -> Room
//!     let room = PickRoom.await;                    Room  -> Confirm
//!     if Confirm::new("?").await { break room }     Confirm -> Room, end
//! };
//! ```

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;

use crate::def_use::DefUse;
use crate::graph::{Entry, Graph, Node};
use crate::ids::{AwaitId, BlockId, SeqId};
use crate::syntax::is_leaving;

/// The successors of each await; `None` is the start.
pub(crate) type Successors = BTreeMap<Option<AwaitId>, Next>;

/// What may come after an await.
#[derive(Debug, Default)]
pub(crate) struct Next {
    pub(crate) awaits: BTreeSet<AwaitId>,
    /// Whether the flow may end.
    pub(crate) ends: bool,
}

pub(crate) fn successors(graph: &Graph) -> Successors {
    let mut successors = Successors::new();
    for &id in &graph.order {
        let from = match graph.block(id).entry {
            Entry::Start => None,
            Entry::Resume(point) => Some(point),
            Entry::Join { .. } => continue,
        };
        let mut walk = Walk { graph, seen: BTreeSet::new(), next: Next::default() };
        walk.block(id);
        successors.insert(from, walk.next);
    }
    successors
}

struct Walk<'a> {
    graph: &'a Graph,
    seen: BTreeSet<BlockId>,
    next: Next,
}

impl Walk<'_> {
    fn block(&mut self, id: BlockId) {
        if self.seen.insert(id) {
            self.seq(self.graph.block(id).code);
        }
    }

    fn seq(&mut self, id: SeqId) {
        for node in self.graph.seq(id) {
            match node {
                Node::Stmt { stmt, def_use, .. } => self.code(stmt, def_use),
                Node::Declare(_) | Node::Items(_) => {}
                Node::Scope(_, seq) => self.seq(*seq),
                Node::If { cond, then, otherwise, .. } => {
                    self.code(&cond.expr, &cond.def_use);
                    self.seq(*then);
                    self.seq(*otherwise);
                }
                Node::Match { scrutinee, arms } => {
                    self.code(&scrutinee.expr, &scrutinee.def_use);
                    for arm in arms {
                        self.code(&arm.pat, &arm.def_use);
                        self.seq(arm.body);
                    }
                }
                Node::LetElse { value, otherwise, .. } => {
                    self.code(&value.expr, &value.def_use);
                    self.seq(*otherwise);
                }
                Node::Await { id, operand } => {
                    self.code(&operand.expr, &operand.def_use);
                    self.next.awaits.insert(*id);
                }
                Node::Jump { to, value } => {
                    value.iter().for_each(|value| self.code(&value.expr, &value.def_use));
                    self.block(*to);
                }
                Node::Return(_) => self.next.ends = true,
            }
        }
    }

    fn code(&mut self, code: &impl ToTokens, def_use: &DefUse) {
        def_use.exits.keys().for_each(|&exit| self.block(exit));
        self.next.ends |= leaves(code.to_token_stream());
    }
}

/// Whether code may end the flow: by `return`, by `?`, or by `bail!` or `ensure!`.
fn leaves(tokens: TokenStream) -> bool {
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let found = match &token {
            TokenTree::Group(group) => leaves(group.stream()),
            TokenTree::Ident(ident) => {
                let is_macro = matches!(tokens.peek(), Some(TokenTree::Punct(next)) if next.as_char() == '!');
                ident == "return" || (is_macro && is_leaving(ident))
            }
            // `?Sized` does not occur in an expression.
            TokenTree::Punct(punct) => punct.as_char() == '?',
            TokenTree::Literal(_) => false,
        };
        if found {
            return true;
        }
    }
    false
}
