//! The body of a flow with errors, as an ordinary function that never runs. rustc then counts the imports and items that
//! the body names as used, and reports its other errors. What is an error of the flow has been reported, and must not be
//! reported again, so each of these becomes an expression of the error type: an `.await`, a macro with an `.await`, a
//! jump to a label that does not exist, and a `self` that is not declared.

use proc_macro2::{TokenStream, TokenTree};
use quote::quote;
use syn::visit_mut::{self, VisitMut};
use syn::{Block, Expr, Ident, Item, Lifetime, Path, Stmt};

use crate::errors::Errors;
use crate::evolution_attrs;
use crate::syntax::{arguments, tokens_await};

/// The body with error expressions. `error` is a `compile_error!` that is written elsewhere too; rustc reports equal
/// errors once. If the flow returns something, the body is one of a function that returns it too, otherwise of a function
/// that returns nothing.
pub(super) fn inert(body: &Block, error: &TokenStream, returns: bool) -> Block {
    let mut body = body.clone();
    Inert { error, labels: Vec::new(), in_item: false, returns }.visit_block_mut(&mut body);
    if let (Some(Stmt::Expr(_, semi)), false) = (body.stmts.last_mut(), returns) {
        semi.get_or_insert_with(Default::default);
    }
    body
}

struct Inert<'a> {
    error: &'a TokenStream,
    /// The labels of the surrounding loops and blocks.
    labels: Vec<String>,
    /// Inside an item of the body, which may have a `self` of its own.
    in_item: bool,
    /// Whether `return` and `?` stay as they are.
    returns: bool,
}

impl Inert<'_> {
    /// An expression of the error type, after these have been evaluated.
    fn error(&self, before: impl IntoIterator<Item = Expr>) -> Expr {
        let (before, error) = (before.into_iter(), self.error);
        // In parentheses, because a block at the beginning of a statement would be a statement of its own.
        Expr::Verbatim(quote!(({ #(::core::mem::drop(#before);)* #error })))
    }

    fn labelled(&mut self, label: Option<&syn::Label>, visit: impl FnOnce(&mut Self)) {
        let known = self.labels.len();
        self.labels.extend(label.map(|label| label.name.ident.to_string()));
        visit(self);
        self.labels.truncate(known);
    }

    /// Visits what a `return` inside of it leaves.
    fn function(&mut self, visit: impl FnOnce(&mut Self)) {
        let labels = std::mem::take(&mut self.labels);
        let returns = std::mem::replace(&mut self.returns, true);
        visit(self);
        (self.labels, self.returns) = (labels, returns);
    }

    fn is_unknown(&self, label: Option<&Lifetime>) -> bool {
        label.is_some_and(|label| !self.labels.iter().any(|known| label.ident == known))
    }

    /// Whether a path names the `self` of a flow. A flow whose `self` is legal has none left.
    fn is_self(&self, path: &Path) -> bool {
        let first = path.segments.first();
        !self.in_item
            && first.is_some_and(|first| first.ident == "Self" || (first.ident == "self" && path.segments.len() == 1))
    }

    /// A macro with an await whose arguments are unknown.
    fn is_opaque(mac: &syn::Macro) -> bool {
        tokens_await(&mac.tokens).is_some() && arguments(mac).is_none()
    }
}

impl VisitMut for Inert<'_> {
    fn visit_block_mut(&mut self, block: &mut Block) {
        visit_mut::visit_block_mut(self, block);
        // A macro with braces needs no semicolon as a statement, and the expression in its place does.
        let last = block.stmts.len().saturating_sub(1);
        for stmt in &mut block.stmts[..last] {
            if let Stmt::Expr(Expr::Verbatim(_), semi) = stmt {
                semi.get_or_insert_with(Default::default);
            }
        }
    }

    fn visit_stmt_mut(&mut self, stmt: &mut Stmt) {
        // Attributes about earlier versions are no attributes of rustc. Errors in them have been reported.
        let mut ignored = Errors::new();
        if let Some((plain, _)) = evolution_attrs::take_from(stmt, &mut ignored) {
            *stmt = plain;
        }
        drop(ignored.finish());
        if let Stmt::Macro(mac) = stmt
            && Self::is_opaque(&mac.mac)
        {
            *stmt = Stmt::Expr(self.error([]), mac.semi_token);
            return;
        }
        visit_mut::visit_stmt_mut(self, stmt);
    }

    fn visit_expr_mut(&mut self, expr: &mut Expr) {
        visit_mut::visit_expr_mut(self, expr);
        let replaced = match expr {
            Expr::Await(expr) => self.error([(*expr.base).clone()]),
            Expr::Try(expr) if !self.returns => self.error([(*expr.expr).clone()]),
            Expr::Return(expr) if !self.returns => self.error(expr.expr.take().map(|value| *value)),
            Expr::Macro(expr) if Self::is_opaque(&expr.mac) => self.error([]),
            Expr::Break(expr) if self.is_unknown(expr.label.as_ref()) => {
                self.error(expr.expr.take().map(|value| *value))
            }
            Expr::Continue(expr) if self.is_unknown(expr.label.as_ref()) => self.error([]),
            Expr::Path(syn::ExprPath { path, .. }) | Expr::Struct(syn::ExprStruct { path, .. })
                if self.is_self(path) =>
            {
                self.error([])
            }
            _ => return,
        };
        *expr = replaced;
    }

    fn visit_item_mut(&mut self, item: &mut Item) {
        let in_item = std::mem::replace(&mut self.in_item, true);
        self.function(|this| visit_mut::visit_item_mut(this, item));
        self.in_item = in_item;
    }

    fn visit_expr_closure_mut(&mut self, expr: &mut syn::ExprClosure) {
        self.function(|this| visit_mut::visit_expr_closure_mut(this, expr));
    }

    fn visit_expr_async_mut(&mut self, expr: &mut syn::ExprAsync) {
        self.function(|this| visit_mut::visit_expr_async_mut(this, expr));
    }

    fn visit_expr_loop_mut(&mut self, expr: &mut syn::ExprLoop) {
        let label = expr.label.clone();
        self.labelled(label.as_ref(), |this| visit_mut::visit_expr_loop_mut(this, expr));
    }

    fn visit_expr_while_mut(&mut self, expr: &mut syn::ExprWhile) {
        let label = expr.label.clone();
        self.labelled(label.as_ref(), |this| visit_mut::visit_expr_while_mut(this, expr));
    }

    fn visit_expr_for_loop_mut(&mut self, expr: &mut syn::ExprForLoop) {
        let label = expr.label.clone();
        self.labelled(label.as_ref(), |this| visit_mut::visit_expr_for_loop_mut(this, expr));
    }

    fn visit_expr_block_mut(&mut self, expr: &mut syn::ExprBlock) {
        let label = expr.label.clone();
        self.labelled(label.as_ref(), |this| visit_mut::visit_expr_block_mut(this, expr));
    }

    fn visit_macro_mut(&mut self, mac: &mut syn::Macro) {
        if tokens_await(&mac.tokens).is_none() {
            return;
        }
        if let Some(mut args) = arguments(mac) {
            args.exprs_mut().for_each(|arg| self.visit_expr_mut(arg));
            mac.tokens = args.into_tokens();
        }
    }
}

/// Uses of the types that the tokens of a body name, for a body that does not parse: `Confirm` of `Confirm::new(..)`.
pub(super) fn used_types(tokens: TokenStream) -> TokenStream {
    let mut types = Vec::new();
    let is_certain = collect_types(tokens, &mut types);
    types.sort_by_key(ToString::to_string);
    types.dedup();
    // A type that the body itself declares or imports could not be found from outside.
    let types = types.iter().filter(|_| is_certain);
    quote!(#(#[allow(unused_imports, reason = "it is used in a body that cannot be parsed")] use #types as _;)*)
}

/// Collects the types at the beginning of paths. Whether the tokens declare and import no names.
fn collect_types(tokens: TokenStream, types: &mut Vec<Ident>) -> bool {
    const DECLARING: [&str; 7] = ["use", "struct", "enum", "union", "type", "trait", "mod"];
    let mut tokens = tokens.into_iter().peekable();
    let (mut is_certain, mut is_first) = (true, true);
    while let Some(token) = tokens.next() {
        let begins_path = std::mem::replace(&mut is_first, true);
        match token {
            TokenTree::Group(group) => is_certain &= collect_types(group.stream(), types),
            TokenTree::Ident(ident) => {
                let name = ident.to_string();
                is_certain &= !DECLARING.contains(&name.as_str());
                let has_colon = matches!(tokens.peek(), Some(TokenTree::Punct(next)) if next.as_char() == ':');
                if begins_path && has_colon && name.starts_with(char::is_uppercase) && name != "Self" {
                    types.push(ident);
                }
            }
            // What comes after `::`, `.` or `'` begins no path.
            TokenTree::Punct(punct) => is_first = !matches!(punct.as_char(), ':' | '.' | '\''),
            TokenTree::Literal(_) => {}
        }
    }
    is_certain
}
