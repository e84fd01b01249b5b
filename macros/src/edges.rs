//! Takes a [`Graph`]. Gives its [`Edges`]: from the start and from each await, the awaits that may come next, in the
//! order of their code, and whether the flow may end first. Never looks at types; a macro may leave the flow if its
//! tokens say so.
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

use crate::facts::Facts;
use crate::graph::{Entry, Graph, Node};
use crate::ids::{AwaitId, BlockId, SeqId};
use crate::syntax::is_leaving;

/// Where a flow may go on, by the await that it goes on from; `None` is the start.
pub(crate) type Edges = BTreeMap<Option<AwaitId>, Next>;

/// What may come next.
#[derive(Debug, Default)]
pub(crate) struct Next {
    pub(crate) awaits: BTreeSet<AwaitId>,
    /// Whether the flow may end.
    pub(crate) ends: bool,
}

pub(crate) fn edges(graph: &Graph) -> Edges {
    let mut edges = Edges::new();
    for &id in &graph.order {
        let from = match graph.block(id).entry {
            Entry::Start => None,
            Entry::Resume(point) => Some(point),
            Entry::Join { .. } => continue,
        };
        let mut walk = Walk { graph, seen: BTreeSet::new(), next: Next::default() };
        walk.block(id);
        edges.insert(from, walk.next);
    }
    edges
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
                Node::Stmt { stmt, facts, .. } => self.code(stmt, facts),
                Node::Declare(_) | Node::Items(_) => {}
                Node::Scope(_, seq) => self.seq(*seq),
                Node::If { cond, then, otherwise, .. } => {
                    self.code(&cond.expr, &cond.facts);
                    self.seq(*then);
                    self.seq(*otherwise);
                }
                Node::Match { scrutinee, arms } => {
                    self.code(&scrutinee.expr, &scrutinee.facts);
                    for arm in arms {
                        self.code(&arm.pat, &arm.facts);
                        self.seq(arm.body);
                    }
                }
                Node::LetElse { value, otherwise, .. } => {
                    self.code(&value.expr, &value.facts);
                    self.seq(*otherwise);
                }
                Node::Await { id, operand } => {
                    self.code(&operand.expr, &operand.facts);
                    self.next.awaits.insert(*id);
                }
                Node::Jump { to, value } => {
                    value.iter().for_each(|value| self.code(&value.expr, &value.facts));
                    self.block(*to);
                }
                Node::Return(_) => self.next.ends = true,
            }
        }
    }

    fn code(&mut self, code: &impl ToTokens, facts: &Facts) {
        facts.exits.keys().for_each(|&exit| self.block(exit));
        self.next.ends |= leaves(code.to_token_stream());
    }
}

/// Whether code may end the flow: by `return`, by `?`, or by a macro that is known for it.
fn leaves(tokens: TokenStream) -> bool {
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let found = match &token {
            TokenTree::Group(group) => leaves(group.stream()),
            TokenTree::Ident(ident) => {
                let is_macro = matches!(tokens.peek(), Some(TokenTree::Punct(next)) if next.as_char() == '!');
                ident == "return" || (is_macro && is_leaving(ident))
            }
            // `?Sized` stands before what it means, and in no expression.
            TokenTree::Punct(punct) => punct.as_char() == '?',
            TokenTree::Literal(_) => false,
        };
        if found {
            return true;
        }
    }
    false
}
