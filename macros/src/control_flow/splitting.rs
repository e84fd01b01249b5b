//! Which expressions with an await are split into branches that join after it.

use proc_macro2::TokenStream;
use syn::Expr;

use crate::syntax::{contains_await, links};

/// An empty expression, for unreachable code.
pub(super) fn never() -> Expr {
    Expr::Verbatim(TokenStream::new())
}

pub(super) fn is_jump(expr: &Expr) -> bool {
    matches!(expr, Expr::Return(_) | Expr::Break(_) | Expr::Continue(_))
}

/// Whether an expression with an await becomes branches that join after it.
pub(super) fn splits(expr: &Expr) -> bool {
    match expr {
        Expr::If(expr) => splits_if(expr),
        Expr::Match(expr) => expr.arms.iter().any(|arm| contains_await(&*arm.body)),
        Expr::Block(expr) => expr.label.is_none() && contains_await(&expr.block),
        Expr::Paren(expr) => splits(&expr.expr),
        Expr::Group(expr) => splits(&expr.expr),
        _ => false,
    }
}

/// The same for an `if`. If only the first operand of its condition awaits, it is evaluated as a whole after that await.
pub(super) fn splits_if(expr: &syn::ExprIf) -> bool {
    contains_await(&expr.then_branch)
        || expr.else_branch.as_ref().is_some_and(|(_, branch)| contains_await(&**branch))
        || links(&expr.cond).into_iter().skip(1).any(contains_await)
}

/// The name of the block after an expression.
pub(super) fn after(expr: &Expr) -> &'static str {
    match expr {
        Expr::If(_) => "AfterIf",
        Expr::Match(_) => "AfterMatch",
        Expr::Paren(expr) => after(&expr.expr),
        Expr::Group(expr) => after(&expr.expr),
        _ => "AfterBlock",
    }
}
