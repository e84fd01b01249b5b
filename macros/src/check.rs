//! Every message that an author can see, and the walk over a body that finds what cannot be a flow.
//!
//! A message says what is wrong, why where that is not obvious, and what to write instead; lower case, no full stop,
//! on the smallest token that must change. All problems of a flow are reported together.

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Block, Error, Generics, Macro, Receiver, ReceiverKind, TypeImplTrait, TypeReference};

use crate::syntax::{arguments, contains_await, tokens_await};

/// The problems found so far. Must be looked at.
#[derive(Default)]
pub(crate) struct Problems {
    found: Option<Error>,
}

impl Problems {
    pub(crate) fn add(&mut self, error: Error) {
        match &mut self.found {
            Some(found) => found.combine(error),
            None => self.found = Some(error),
        }
    }

    pub(crate) fn into_result(self) -> syn::Result<()> {
        self.found.map_or(Ok(()), Err)
    }
}

// ---- The signature ------------------------------------------------------------------------------------------------

pub(crate) fn not_an_async_fn(span: Span) -> Error {
    Error::new(span, "`#[flow]` goes on an `async fn` with a body")
}

pub(crate) fn not_async(span: Span) -> Error {
    Error::new(span, "a flow is an async function, because it waits; write `async fn`")
}

pub(crate) fn unsafe_flow(span: Span) -> Error {
    Error::new(span, "a flow cannot be `unsafe`, because nobody is there to keep its promise after a restart")
}

pub(crate) fn generic_flow(generics: &Generics) -> Error {
    let message = "a flow has one name on disk, so it cannot be generic; write a flow for each case, \
                   or an argument of an enum type";
    Error::new(generics.span(), message)
}

pub(crate) fn receiver(receiver: &Receiver) -> Error {
    let message = match receiver.kind {
        ReceiverKind::Value => "a method alone does not say what `self` is; write `#[flow]` on its `impl` block too",
        ReceiverKind::Reference(..) => {
            "a flow outlives whoever starts it, so it cannot borrow `self`; write `self`, and call it on a clone"
        }
        _ => "what a flow takes is saved, so it takes `self` itself; write `self`",
    };
    Error::new(receiver.self_token.span, message)
}

pub(crate) fn flows_of_a_type(span: Span) -> Error {
    let message = "flows in an `impl` block are methods of one type, which is saved by its name; write \
                   `impl Name`, without a trait and without generics";
    Error::new(span, message)
}

pub(crate) fn no_flow_in_block(span: Span) -> Error {
    Error::new(span, "no function in this block is a flow; write `#[flow]` on those that are")
}

pub(crate) fn borrowed_type(reference: &TypeReference) -> Error {
    let message = "a flow outlives whoever starts it, so it owns its arguments and its result; write an owned type, \
                   for instance `String` for `&str`";
    Error::new(reference.and_token.span, message)
}

pub(crate) fn impl_trait(ty: &TypeImplTrait) -> Error {
    Error::new(ty.impl_token.span, "what a flow takes and returns is saved, so its type must be written out")
}

// ---- The body -----------------------------------------------------------------------------------------------------

pub(crate) fn await_in_closure(span: Span) -> Error {
    let message = "this `.await` is inside a closure, which cannot be saved while it waits; await before it, \
                   or write a loop";
    Error::new(span, message)
}

pub(crate) fn await_in_async_block(span: Span) -> Error {
    let message = "this `.await` is inside an async block, which cannot be saved while it waits; await it in the flow \
                   itself, or make the block a flow of its own";
    Error::new(span, message)
}

pub(crate) fn await_in_const(span: Span) -> Error {
    Error::new(span, "this `.await` is inside a constant, which is evaluated by the compiler; await before it")
}

pub(crate) fn await_in_inner_function(span: Span) -> Error {
    let message = "this `.await` is inside another function; put `#[flow]` on it and move it out of this one";
    Error::new(span, message)
}

pub(crate) fn await_in_guard(span: Span) -> Error {
    let message = "this `.await` is inside a match guard, while the match is undecided; await before the `match`, \
                   or write an `if` inside the arm";
    Error::new(span, message)
}

pub(crate) fn await_in_unsafe(span: Span) -> Error {
    let message = "this `.await` is inside an `unsafe` block, whose promise cannot outlive a restart; \
                   end the block before it";
    Error::new(span, message)
}

pub(crate) fn await_in_macro(span: Span, mac: &Macro) -> Error {
    let name = mac.path.segments.last().map(|last| last.ident.to_string()).unwrap_or_default();
    let message = format!(
        "this `.await` is inside `{name}!`, which may evaluate it twice or not at all; \
         write `let value = ... .await;` before it and use `value`"
    );
    Error::new(span, message)
}

pub(crate) fn changed_while_used(span: Span) -> Error {
    let message = "this may be changed by a later part of the same expression, which awaits; \
                   write `let` before the expression for the value that you mean";
    Error::new(span, message)
}

pub(crate) fn captured_shadow(mac: &Macro, name: &str) -> Error {
    let message = format!(
        "`{name}` hides another `{name}` here, and this macro may capture either in its text; give one of them \
         another name"
    );
    Error::new(mac.path.span(), message)
}

pub(crate) fn unknown_label(span: Span) -> Error {
    Error::new(span, "no loop or block around this has that label")
}

pub(crate) fn cfg_on_await(span: Span) -> Error {
    let message = "a `cfg` on a statement that awaits is not supported, because the state would depend on it; \
                   put it on the flow, or use `if cfg!(...)`";
    Error::new(span, message)
}

pub(crate) fn compound_order(span: Span) -> Error {
    let message = "which side of this is evaluated first depends on its type, and both do something; \
                   write `let value = ...;` before it for the right side";
    Error::new(span, message)
}

pub(crate) fn label_is_no_name(span: Span) -> Error {
    let message = "a state is called in camel case, as a type: write `#[at(\"Payment\")]`";
    Error::new(span, message)
}

pub(crate) fn was_is_no_name(span: Span) -> Error {
    Error::new(span, "an old name is a text: write `was = \"room\"`, or `was = [\"room\", \"chamber\"]`")
}

pub(crate) fn no_earlier(span: Span) -> Error {
    let message = "write the name of the enum that is wanted, and states that held something else: \
                   `#[earlier(Before: Room, Confirm)]`";
    Error::new(span, message)
}

pub(crate) fn no_lock(span: Span) -> Error {
    let message = "there is no `flows.lock` in the folder of this crate to say what earlier versions had; write \
                   `stube::flows_lock!();` once, and run `STUBE_LOCK=update cargo test flows_lock`";
    Error::new(span, message)
}

pub(crate) fn not_a_lock(span: Span) -> Error {
    Error::new(span, "`flows.lock` is not as stube writes it; take back what was changed in it by hand")
}

pub(crate) fn not_in_the_lock(span: Span, name: &str) -> Error {
    Error::new(span, format!("no earlier version of this flow had a state `{name}`, says `flows.lock`"))
}

pub(crate) fn nothing_is_gone(span: Span) -> Error {
    let message = "the flow has every state that it ever had, says `flows.lock`; remove this, or name the states that held \
                   something else: `#[earlier(Before: Room)]`";
    Error::new(span, message)
}

pub(crate) fn no_version(span: Span) -> Error {
    Error::new(span, "a version is a number from 1 on: write `version = 2`")
}

pub(crate) fn mark_without_local(span: Span) -> Error {
    let message = "this is said of one local, so it goes on a `let` with one name; write a `let` for each of them";
    Error::new(span, message)
}

pub(crate) fn no_migration(span: Span) -> Error {
    let message =
        "write a closure that says what it takes, `#[migrate(|before: Before| ..)]`, or the path of a function";
    Error::new(span, message)
}

pub(crate) fn label_without_await(span: Span) -> Error {
    Error::new(span, "this names the state of an `.await`, and there is none in this statement; remove it")
}

pub(crate) fn label_on_several_awaits(span: Span) -> Error {
    let message = "this statement has several `.await`s, and a name is for one; write a `let` for each of them";
    Error::new(span, message)
}

pub(crate) fn label_used_twice(span: Span, name: &str) -> Error {
    Error::new(span, format!("another state of this flow is called `{name}` already; give this `.await` another name"))
}

pub(crate) fn item_of_a_block(name: Span) -> Error {
    let message = "this name means something else elsewhere in the flow, and a type in a block that awaits is seen in \
                   the whole of it; give it another name, or declare it outside of the flow";
    Error::new(name, message)
}

/// Looks for awaits where they cannot be.
pub(crate) fn body(block: &Block) -> syn::Result<()> {
    let mut checker = Checker::default();
    checker.visit_block(block);
    checker.problems.into_result()
}

#[derive(Default)]
struct Checker {
    problems: Problems,
    /// What an await here would be reported as; the innermost one wins.
    inside: Vec<fn(Span) -> Error>,
}

impl Checker {
    fn inside(&mut self, message: fn(Span) -> Error, visit: impl FnOnce(&mut Self)) {
        self.inside.push(message);
        visit(self);
        self.inside.pop();
    }
}

impl<'ast> Visit<'ast> for Checker {
    fn visit_expr_await(&mut self, expr: &'ast syn::ExprAwait) {
        if let Some(message) = self.inside.last() {
            self.problems.add(message(expr.await_token.span));
        }
        visit::visit_expr_await(self, expr);
    }

    fn visit_expr_closure(&mut self, expr: &'ast syn::ExprClosure) {
        self.inside(await_in_closure, |this| visit::visit_expr_closure(this, expr));
    }

    fn visit_expr_async(&mut self, expr: &'ast syn::ExprAsync) {
        self.inside(await_in_async_block, |this| visit::visit_expr_async(this, expr));
    }

    fn visit_expr_const(&mut self, expr: &'ast syn::ExprConst) {
        self.inside(await_in_const, |this| visit::visit_expr_const(this, expr));
    }

    fn visit_expr_unsafe(&mut self, expr: &'ast syn::ExprUnsafe) {
        self.inside(await_in_unsafe, |this| visit::visit_expr_unsafe(this, expr));
    }

    fn visit_item(&mut self, item: &'ast syn::Item) {
        self.inside(await_in_inner_function, |this| visit::visit_item(this, item));
    }

    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        self.inside(await_in_const, |this| visit::visit_item_const(this, item));
    }

    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        self.inside(await_in_const, |this| visit::visit_item_static(this, item));
    }

    fn visit_pat_guard(&mut self, pat: &'ast syn::PatGuard) {
        self.visit_pat(&pat.pat);
        self.inside(await_in_guard, |this| this.visit_expr(&pat.guard));
    }

    fn visit_expr_repeat(&mut self, expr: &'ast syn::ExprRepeat) {
        self.visit_expr(&expr.expr);
        self.inside(await_in_const, |this| this.visit_expr(&expr.len));
    }

    fn visit_stmt(&mut self, stmt: &'ast syn::Stmt) {
        let attrs = match stmt {
            syn::Stmt::Local(local) => &local.attrs,
            syn::Stmt::Macro(mac) => &mac.attrs,
            syn::Stmt::Item(_) | syn::Stmt::Expr(..) => return visit::visit_stmt(self, stmt),
        };
        if let Some(attr) = attrs.iter().find(|attr| attr.path().is_ident("cfg")).filter(|_| contains_await(stmt)) {
            self.problems.add(cfg_on_await(attr.span()));
        }
        visit::visit_stmt(self, stmt);
    }

    fn visit_expr_match(&mut self, expr: &'ast syn::ExprMatch) {
        if expr.arms.iter().any(|arm| contains_await(&*arm.body)) {
            let cfgs = expr.arms.iter().flat_map(|arm| &arm.attrs).filter(|attr| attr.path().is_ident("cfg"));
            cfgs.for_each(|cfg| self.problems.add(cfg_on_await(cfg.span())));
        }
        visit::visit_expr_match(self, expr);
    }

    fn visit_macro(&mut self, mac: &'ast Macro) {
        match arguments(mac) {
            Some(args) => {
                // The arguments live only here, so the walk over them is one of its own.
                let mut inner = Checker { problems: Problems::default(), inside: self.inside.clone() };
                args.exprs().for_each(|arg| visit_own(&mut inner, arg));
                if let Err(error) = inner.problems.into_result() {
                    self.problems.add(error);
                }
            }
            None => {
                if let Some(span) = tokens_await(&mac.tokens) {
                    self.problems.add(await_in_macro(span, mac));
                }
            }
        }
    }
}

/// Walks an expression that lives shorter than the body.
fn visit_own(checker: &mut Checker, expr: &syn::Expr) {
    struct Shorter<'a>(&'a mut Checker);
    impl<'ast> Visit<'ast> for Shorter<'_> {
        fn visit_expr(&mut self, expr: &'ast syn::Expr) {
            Visit::<'ast>::visit_expr(self.0, expr);
        }
    }
    Shorter(checker).visit_expr(expr);
}
