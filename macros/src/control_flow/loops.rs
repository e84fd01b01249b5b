//! Loops with an await: one block for the head, and one after the loop.

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::{Expr, Label, parse_quote};

use crate::control_flow::builder::{Builder, Dest};
use crate::control_flow::iteration::Iteration;
use crate::def_use::SplitLoop;
use crate::graph::Node;
use crate::ids::{BlockId, LocalId};
use crate::syntax::{bindings, contains_await, is_bare, unraw};

impl Builder<'_> {
    /// A loop with an await. `build` gets the block of its head; afterwards the code continues after the loop.
    pub(super) fn loop_to(&mut self, label: Option<&Label>, after: BlockId, build: impl FnOnce(&mut Self, BlockId)) {
        let head = self.join("Loop");
        self.jump(head, None);
        self.enter(head);
        let label = label.map(|label| label.name.ident.to_string());
        self.loops.push(SplitLoop { label, break_to: after, continue_to: Some(head) });
        self.scoped(|this| {
            build(this, head);
            this.cur = None;
        });
        self.loops.pop();
        self.enter(after);
    }

    /// A join whose value has no name in the source.
    pub(super) fn join_with_value(&mut self, name: &'static str) -> (BlockId, LocalId) {
        // Two such values may be in scope at once, so each gets a name of its own.
        let ident = self.fresh("value", Span::mixed_site());
        // It is mutable, as a temporary value is: `{ .. }.push(x)` may change it.
        let (join, local) = self.join_with(name, &ident, true, None);
        self.graph.locals[local.0].name = "value".to_owned();
        (join, local)
    }

    /// The value that the current block is entered with.
    pub(super) fn value(&mut self, local: LocalId) -> Expr {
        let ident = self.graph.local(local).ident.clone();
        self.env.push((unraw(&ident), local));
        parse_quote!(#ident)
    }

    /// `for pat in iter { .. }`: the remaining items are stored in a local, or the position in what the loop borrows.
    pub(super) fn split_for(&mut self, expr: syn::ExprForLoop) {
        let iter = if contains_await(&*expr.expr) { self.expr(*expr.expr) } else { *expr.expr };
        let name = bindings(&expr.pat)
            .first()
            .map_or_else(|| "rest".to_owned(), |pat| format!("rest_of_{}", unraw(&pat.ident)));
        let Iteration { next, again } = self.iteration(iter, &name, &expr.body);
        let after = self.join("AfterLoop");
        self.loop_to(expr.label.as_ref(), after, |this, head| {
            let value = this.code(next);
            let otherwise = this.branch(|this| this.jump(after, None));
            let pat = &expr.pat;
            if is_bare(pat) || again.is_some() {
                let borrows = again.map(|again| this.borrows_of_item(pat, &again)).unwrap_or_default();
                let binds = this.declare_pat(pat);
                this.bind_reborrows(borrows, &binds);
                let some = parse_quote!(::core::option::Option::Some(#pat));
                this.push(Node::LetElse { pat: some, value, binds, otherwise });
            } else {
                // The parts of the item that the pattern does not move live until the end of the round.
                let ident = this.fresh("item", pat.span());
                let local = this.declare(&ident, false, None);
                let some = parse_quote!(::core::option::Option::Some(#ident));
                this.push(Node::LetElse { pat: some, value, binds: vec![local], otherwise });
                this.plain(&parse_quote!(let #pat = #ident;));
            }
            this.branch_stmts(&expr.body, Dest::Discard(head));
        });
    }

    pub(super) fn split_while(&mut self, expr: syn::ExprWhile) {
        let after = self.join("AfterLoop");
        self.loop_to(expr.label.as_ref(), after, |this, head| {
            let body = |this: &mut Self| this.branch_stmts(&expr.body, Dest::Discard(head));
            this.condition(&expr.cond, Dest::Discard(after), None, body);
        });
    }

    pub(super) fn split_loop(&mut self, expr: &syn::ExprLoop, after: BlockId) {
        self.loop_to(expr.label.as_ref(), after, |this, head| this.branch_stmts(&expr.body, Dest::Discard(head)));
    }

    pub(super) fn labelled_block(&mut self, expr: syn::ExprBlock, after: BlockId, dest: Dest) {
        let label = expr.label.map(|label| label.name.ident.to_string());
        self.loops.push(SplitLoop { label, break_to: after, continue_to: None });
        self.block(&expr.block, dest);
        self.loops.pop();
        self.enter(after);
    }
}
