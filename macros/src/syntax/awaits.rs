//! Finds awaits and `?` in syntax. An await in a closure, an async block or an item is one of another function.

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Block, Expr, Macro, Pat, Stmt};

use crate::syntax::macros::arguments;

/// Whether there is an await that suspends this function: not one in a closure or in another function.
pub(crate) fn contains_await(node: &impl Node) -> bool {
    count_awaits(node) > 0
}

/// The number of awaits that suspend this function.
pub(crate) fn count_awaits(node: &impl Node) -> usize {
    struct Counter(usize);
    impl<'ast> Visit<'ast> for Counter {
        fn visit_expr_await(&mut self, expr: &'ast syn::ExprAwait) {
            self.0 += 1;
            visit::visit_expr_await(self, expr);
        }

        fn visit_expr_closure(&mut self, _: &'ast syn::ExprClosure) {}
        fn visit_expr_async(&mut self, _: &'ast syn::ExprAsync) {}
        fn visit_item(&mut self, _: &'ast syn::Item) {}

        fn visit_macro(&mut self, mac: &'ast Macro) {
            if let Some(args) = arguments(mac) {
                args.exprs().for_each(|arg| self.0 += count_awaits(arg));
            }
        }
    }
    let mut counter = Counter(0);
    node.accept(&mut counter);
    counter.0
}

/// Whether `?` is used in this function itself.
pub(crate) fn contains_try(block: &Block) -> bool {
    struct Finder(bool);
    impl<'ast> Visit<'ast> for Finder {
        fn visit_expr_try(&mut self, _: &'ast syn::ExprTry) {
            self.0 = true;
        }

        fn visit_expr_closure(&mut self, _: &'ast syn::ExprClosure) {}
        fn visit_expr_async(&mut self, _: &'ast syn::ExprAsync) {}
        fn visit_item(&mut self, _: &'ast syn::Item) {}

        fn visit_macro(&mut self, mac: &'ast Macro) {
            if let Some(args) = arguments(mac) {
                args.exprs().for_each(|arg| self.visit_expr(arg));
            }
        }
    }
    let mut finder = Finder(false);
    finder.visit_block(block);
    finder.0
}

/// The first `.await` in tokens.
pub(crate) fn tokens_await(tokens: &TokenStream) -> Option<proc_macro2::Span> {
    let mut after_dot = false;
    for token in tokens.clone() {
        let was_after_dot = std::mem::take(&mut after_dot);
        match token {
            TokenTree::Group(group) => {
                if let Some(span) = tokens_await(&group.stream()) {
                    return Some(span);
                }
            }
            TokenTree::Ident(ident) if was_after_dot && ident == "await" => return Some(ident.span()),
            TokenTree::Punct(punct) => after_dot = punct.as_char() == '.',
            TokenTree::Ident(_) | TokenTree::Literal(_) => {}
        }
    }
    None
}

/// A piece of syntax that a [`Visit`] can walk.
pub(crate) trait Node {
    fn accept<'ast>(&'ast self, visitor: &mut impl Visit<'ast>);
}

impl Node for Expr {
    fn accept<'ast>(&'ast self, visitor: &mut impl Visit<'ast>) {
        visitor.visit_expr(self);
    }
}

impl Node for Block {
    fn accept<'ast>(&'ast self, visitor: &mut impl Visit<'ast>) {
        visitor.visit_block(self);
    }
}

impl Node for Stmt {
    fn accept<'ast>(&'ast self, visitor: &mut impl Visit<'ast>) {
        visitor.visit_stmt(self);
    }
}

impl Node for Pat {
    fn accept<'ast>(&'ast self, visitor: &mut impl Visit<'ast>) {
        visitor.visit_pat(self);
    }
}
