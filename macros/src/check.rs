//! From an [`ExpandedFlow`] to a [`CheckedFlow`]: reports each `.await` at a place that a flow cannot wait in, such as a
//! closure, and each `cfg` that would make the states depend on it. Never changes the flow.

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Block, Error, Macro};

use crate::errors::{self, Errors};
use crate::expand::ExpandedFlow;
use crate::header::Header;
use crate::syntax::{arguments, contains_await, tokens_await};

/// A flow whose awaits are all at places that it can wait in, unless an error has been reported.
pub(crate) struct CheckedFlow {
    pub(crate) header: Header,
    pub(crate) body: Block,
}

pub(crate) fn check(flow: ExpandedFlow, errors: &mut Errors) -> CheckedFlow {
    let ExpandedFlow { header, body } = flow;
    Checker { errors, inside: Vec::new() }.visit_block(&body);
    CheckedFlow { header, body }
}

struct Checker<'e> {
    errors: &'e mut Errors,
    /// The messages for an await in each of the surrounding constructs. The innermost one is reported.
    inside: Vec<fn(Span) -> Error>,
}

impl Checker<'_> {
    fn inside(&mut self, message: fn(Span) -> Error, visit: impl FnOnce(&mut Self)) {
        self.inside.push(message);
        visit(self);
        self.inside.pop();
    }
}

impl<'ast> Visit<'ast> for Checker<'_> {
    fn visit_expr_await(&mut self, expr: &'ast syn::ExprAwait) {
        if let Some(message) = self.inside.last() {
            self.errors.add(message(expr.await_token.span));
        }
        visit::visit_expr_await(self, expr);
    }

    fn visit_expr_closure(&mut self, expr: &'ast syn::ExprClosure) {
        self.inside(errors::body::await_in_closure, |this| visit::visit_expr_closure(this, expr));
    }

    fn visit_expr_async(&mut self, expr: &'ast syn::ExprAsync) {
        self.inside(errors::body::await_in_async_block, |this| visit::visit_expr_async(this, expr));
    }

    fn visit_expr_const(&mut self, expr: &'ast syn::ExprConst) {
        self.inside(errors::body::await_in_const, |this| visit::visit_expr_const(this, expr));
    }

    fn visit_expr_unsafe(&mut self, expr: &'ast syn::ExprUnsafe) {
        self.inside(errors::body::await_in_unsafe, |this| visit::visit_expr_unsafe(this, expr));
    }

    fn visit_item(&mut self, item: &'ast syn::Item) {
        self.inside(errors::body::await_in_inner_function, |this| visit::visit_item(this, item));
    }

    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        self.inside(errors::body::await_in_const, |this| visit::visit_item_const(this, item));
    }

    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        self.inside(errors::body::await_in_const, |this| visit::visit_item_static(this, item));
    }

    fn visit_pat_guard(&mut self, pat: &'ast syn::PatGuard) {
        self.visit_pat(&pat.pat);
        self.inside(errors::body::await_in_guard, |this| this.visit_expr(&pat.guard));
    }

    fn visit_expr_repeat(&mut self, expr: &'ast syn::ExprRepeat) {
        self.visit_expr(&expr.expr);
        self.inside(errors::body::await_in_const, |this| this.visit_expr(&expr.len));
    }

    fn visit_stmt(&mut self, stmt: &'ast syn::Stmt) {
        let attrs = match stmt {
            syn::Stmt::Local(local) => &local.attrs,
            syn::Stmt::Macro(mac) => &mac.attrs,
            syn::Stmt::Item(_) | syn::Stmt::Expr(..) => return visit::visit_stmt(self, stmt),
        };
        if let Some(attr) = attrs.iter().find(|attr| attr.path().is_ident("cfg")).filter(|_| contains_await(stmt)) {
            self.errors.add(errors::body::cfg_on_await(attr.span()));
        }
        visit::visit_stmt(self, stmt);
    }

    fn visit_expr_match(&mut self, expr: &'ast syn::ExprMatch) {
        if expr.arms.iter().any(|arm| contains_await(&*arm.body)) {
            let cfgs = expr.arms.iter().flat_map(|arm| &arm.attrs).filter(|attr| attr.path().is_ident("cfg"));
            cfgs.for_each(|cfg| self.errors.add(errors::body::cfg_on_await(cfg.span())));
        }
        visit::visit_expr_match(self, expr);
    }

    fn visit_macro(&mut self, mac: &'ast Macro) {
        match arguments(mac) {
            Some(args) => {
                // The arguments do not live as long as the body, so they are visited by a checker of their own.
                let mut inner = Checker { errors: self.errors, inside: self.inside.clone() };
                args.exprs().for_each(|arg| inner.visit_expr(arg));
            }
            None => {
                if let Some(span) = tokens_await(&mac.tokens) {
                    self.errors.add(errors::body::await_in_macro(span, mac));
                }
            }
        }
    }
}
