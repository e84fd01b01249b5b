//! Rewrites each `break` and `continue` that leaves a piece of code for another block, so that it names the block:
//! `continue` becomes `break '__block_4`, and `break 'rooms found` becomes `break '__block_7 found`. A `break` of a loop
//! that is a part of the code itself stays as it is. So no later stage needs to know what loop a label belongs to.

use syn::visit_mut::{self, VisitMut};
use syn::{Expr, Lifetime};

use crate::def_use::{DefUse, SplitLoop, target};
use crate::graph::BlockLabels;
use crate::ids::BlockId;
use crate::syntax::{arguments, mentioned};

/// The rewriter, for code inside these split loops; `None` if the code leaves none of them.
pub(super) fn exits<'a>(def_use: &DefUse, loops: &'a [SplitLoop], labels: &'a BlockLabels) -> Option<Exits<'a>> {
    (!def_use.exits.is_empty()).then(|| Exits { loops, labels, inner: Vec::new() })
}

pub(super) struct Exits<'a> {
    loops: &'a [SplitLoop],
    labels: &'a BlockLabels,
    /// The labels of the loops and blocks inside the code; `true` for a loop.
    inner: Vec<(Option<String>, bool)>,
}

impl Exits<'_> {
    /// The split loop that a label, or a jump without a label, refers to.
    fn split(&self, label: Option<&Lifetime>) -> Option<&SplitLoop> {
        let is_inside = match label {
            Some(label) => {
                let name = label.ident.to_string();
                self.inner.iter().any(|(inner, _)| inner.as_deref() == Some(&name))
            }
            None => self.inner.iter().any(|(_, is_loop)| *is_loop),
        };
        if is_inside { None } else { target(self.loops, label) }
    }

    fn inside(&mut self, label: Option<&syn::Label>, is_loop: bool, visit: impl FnOnce(&mut Self)) {
        self.inner.push((label.map(|label| label.name.ident.to_string()), is_loop));
        visit(self);
        self.inner.pop();
    }

    fn jump(&self, to: BlockId, value: Option<Box<Expr>>) -> Expr {
        Expr::Break(syn::ExprBreak {
            attrs: Vec::new(),
            break_token: Default::default(),
            label: Some(self.labels.label(to)),
            expr: value,
        })
    }
}

impl VisitMut for Exits<'_> {
    fn visit_expr_mut(&mut self, expr: &mut Expr) {
        visit_mut::visit_expr_mut(self, expr);
        let rewritten = match expr {
            Expr::Break(expr) => {
                let Some(to) = self.split(expr.label.as_ref()).map(|split| split.break_to) else { return };
                self.jump(to, expr.expr.take())
            }
            Expr::Continue(expr) => {
                let Some(head) = self.split(expr.label.as_ref()).and_then(|split| split.continue_to) else { return };
                self.jump(head, None)
            }
            _ => return,
        };
        *expr = rewritten;
    }

    fn visit_expr_loop_mut(&mut self, expr: &mut syn::ExprLoop) {
        let label = expr.label.clone();
        self.inside(label.as_ref(), true, |this| visit_mut::visit_expr_loop_mut(this, expr));
    }

    fn visit_expr_while_mut(&mut self, expr: &mut syn::ExprWhile) {
        let label = expr.label.clone();
        self.inside(label.as_ref(), true, |this| visit_mut::visit_expr_while_mut(this, expr));
    }

    fn visit_expr_for_loop_mut(&mut self, expr: &mut syn::ExprForLoop) {
        self.visit_expr_mut(&mut expr.expr);
        let label = expr.label.clone();
        self.inside(label.as_ref(), true, |this| this.visit_block_mut(&mut expr.body));
    }

    fn visit_expr_block_mut(&mut self, expr: &mut syn::ExprBlock) {
        let label = expr.label.clone();
        self.inside(label.as_ref(), false, |this| visit_mut::visit_expr_block_mut(this, expr));
    }

    fn visit_macro_mut(&mut self, mac: &mut syn::Macro) {
        if !mentioned(&mac.tokens).iter().any(|name| name == "break" || name == "continue") {
            return;
        }
        if let Some(mut args) = arguments(mac) {
            args.exprs_mut().for_each(|arg| self.visit_expr_mut(arg));
            mac.tokens = args.into_tokens();
        }
    }

    // A jump inside one of these cannot leave it.
    fn visit_expr_closure_mut(&mut self, _: &mut syn::ExprClosure) {}
    fn visit_expr_async_mut(&mut self, _: &mut syn::ExprAsync) {}
    fn visit_item_mut(&mut self, _: &mut syn::Item) {}
}
