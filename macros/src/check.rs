//! From an [`ExpandedFlow`] to a [`CheckedFlow`]: reports each `.await` at a place that a flow cannot wait in, such as a
//! closure, each `cfg` that would make the states depend on it, and each `cfg` that is still there because it is in the
//! arguments of a macro. Never changes the flow.

use proc_macro2::Span;
use quote::ToTokens;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Attribute, Block, Error, Expr, Item, Macro, Stmt};

use crate::errors::{self, Errors};
use crate::expand::ExpandedFlow;
use crate::header::Header;
use crate::syntax::{Node, arguments, contains_await, mentioned, tokens_await};

/// A flow whose awaits are all at places that it can wait in, unless an error has been reported.
pub(crate) struct CheckedFlow {
    pub(crate) header: Header,
    pub(crate) body: Block,
}

pub(crate) fn check(flow: ExpandedFlow, errors: &mut Errors) -> CheckedFlow {
    let ExpandedFlow { header, body } = flow;
    let mut conditions = Conditions::default();
    conditions.visit_block(&body);
    conditions.on_awaits.into_iter().for_each(|cfg| errors.add(errors::body::cfg_on_await(cfg)));
    conditions.in_macros.into_iter().for_each(|cfg| errors.add(errors::body::cfg_in_macro(cfg)));
    Checker { errors, inside: Vec::new() }.visit_block(&body);
    CheckedFlow { header, body }
}

/// Whether an await in an item is under a `cfg`.
pub(crate) fn awaits_under_cfg(item: &Item) -> bool {
    let mut conditions = Conditions::default();
    match item {
        Item::Fn(function) => conditions.visit_block(&function.block),
        item => conditions.visit_item(item),
    }
    !conditions.on_awaits.is_empty()
}

/// Finds each `cfg` that rustc cannot evaluate before the flow is expanded, or must not.
#[derive(Default)]
struct Conditions {
    on_awaits: Vec<Span>,
    /// In the arguments of a macro, which rustc takes as they are.
    in_macros: Vec<Span>,
    in_macro: bool,
}

impl Conditions {
    fn on(&mut self, attrs: &[Attribute], node: &impl Node) {
        if contains_await(node) {
            self.on_awaits.extend(attrs.iter().filter(|attr| is_cfg(attr)).map(|attr| attr.path().span()));
        }
    }

    fn on_exprs<'ast>(&mut self, exprs: impl IntoIterator<Item = &'ast Expr>) {
        exprs.into_iter().for_each(|expr| self.on(outer_attributes(expr), expr));
    }
}

impl<'ast> Visit<'ast> for Conditions {
    fn visit_stmt(&mut self, stmt: &'ast Stmt) {
        match stmt {
            Stmt::Local(local) => self.on(&local.attrs, stmt),
            Stmt::Macro(mac) => self.on(&mac.attrs, stmt),
            Stmt::Expr(expr, _) => self.on(outer_attributes(expr), expr),
            Stmt::Item(_) => {}
        }
        visit::visit_stmt(self, stmt);
    }

    fn visit_arm(&mut self, arm: &'ast syn::Arm) {
        self.on(&arm.attrs, &*arm.body);
        visit::visit_arm(self, arm);
    }

    fn visit_field_value(&mut self, field: &'ast syn::FieldValue) {
        self.on(&field.attrs, &field.expr);
        visit::visit_field_value(self, field);
    }

    fn visit_expr_call(&mut self, expr: &'ast syn::ExprCall) {
        self.on_exprs(&expr.args);
        visit::visit_expr_call(self, expr);
    }

    fn visit_expr_method_call(&mut self, expr: &'ast syn::ExprMethodCall) {
        self.on_exprs(&expr.args);
        visit::visit_expr_method_call(self, expr);
    }

    fn visit_expr_array(&mut self, expr: &'ast syn::ExprArray) {
        self.on_exprs(&expr.elems);
        visit::visit_expr_array(self, expr);
    }

    fn visit_expr_tuple(&mut self, expr: &'ast syn::ExprTuple) {
        self.on_exprs(&expr.elems);
        visit::visit_expr_tuple(self, expr);
    }

    fn visit_attribute(&mut self, attr: &'ast Attribute) {
        if self.in_macro && is_cfg(attr) {
            self.in_macros.push(attr.path().span());
        }
    }

    fn visit_macro(&mut self, mac: &'ast Macro) {
        let Some(args) = arguments(mac) else { return };
        // The arguments do not live as long as the body.
        let mut inner = Conditions { in_macro: true, ..Conditions::default() };
        args.exprs().for_each(|arg| inner.visit_expr(arg));
        self.on_awaits.append(&mut inner.on_awaits);
        self.in_macros.append(&mut inner.in_macros);
    }
}

/// The attributes before an expression. syn puts those of `#[cfg(unix)] ask.await` on `ask`.
fn outer_attributes(expr: &Expr) -> &[Attribute] {
    let (own, first) = match expr {
        Expr::Assign(expr) => (&expr.attrs, &expr.left),
        Expr::Binary(expr) => (&expr.attrs, &expr.left),
        Expr::Await(expr) => (&expr.attrs, &expr.base),
        Expr::Try(expr) => (&expr.attrs, &expr.expr),
        Expr::Cast(expr) => (&expr.attrs, &expr.expr),
        Expr::MethodCall(expr) => (&expr.attrs, &expr.receiver),
        Expr::Call(expr) => (&expr.attrs, &expr.func),
        Expr::Field(expr) => (&expr.attrs, &expr.base),
        Expr::Index(expr) => (&expr.attrs, &expr.expr),
        Expr::Array(expr) => return &expr.attrs,
        Expr::Block(expr) => return &expr.attrs,
        Expr::Break(expr) => return &expr.attrs,
        Expr::ForLoop(expr) => return &expr.attrs,
        Expr::If(expr) => return &expr.attrs,
        Expr::Loop(expr) => return &expr.attrs,
        Expr::Macro(expr) => return &expr.attrs,
        Expr::Match(expr) => return &expr.attrs,
        Expr::Paren(expr) => return &expr.attrs,
        Expr::Path(expr) => return &expr.attrs,
        Expr::Reference(expr) => return &expr.attrs,
        Expr::Return(expr) => return &expr.attrs,
        Expr::Struct(expr) => return &expr.attrs,
        Expr::Tuple(expr) => return &expr.attrs,
        Expr::Unary(expr) => return &expr.attrs,
        Expr::While(expr) => return &expr.attrs,
        _ => return &[],
    };
    if own.is_empty() { outer_attributes(first) } else { own }
}

/// Whether an attribute may remove what it is on.
fn is_cfg(attr: &Attribute) -> bool {
    let may_be_cfg = |meta: &syn::Meta| mentioned(&meta.to_token_stream()).iter().skip(1).any(|name| name == "cfg");
    attr.path().is_ident("cfg") || (attr.path().is_ident("cfg_attr") && may_be_cfg(&attr.meta))
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
