//! Reborrows: `let name = &order.name;` is not saved at an await, but repeated after it. So are string literals and
//! constants, which are borrowed from the program.
//!
//! These borrows are repeated, and no others:
//!
//! | written | repeated after the await |
//! |---|---|
//! | `&place`, `&mut place`, where a place is a local or constant, its fields, `*`, and elements | the same; an index is evaluated once, and saved |
//! | `&value()` | the value is saved, and borrowed again |
//! | `place.as_str()`, and the other methods of [`BORROWING`] | the same call |
//! | `rooms.get(&name)`, `rooms.get_mut(..)`, and `.unwrap()`, `.expect("..")` after any of these | the same call; an argument is evaluated once, and saved |
//! | a pattern on one of these: `if let Some(room) = &room`, `match &order { .. }`, `let (a, b) = (&x, &y);` | the same pattern |
//! | `let title = "x";`, `let limit = LIMIT;` | the same |
//! | a closure without `move` | the same closure: it has no state of its own |
//!
//! While such a borrow is live, the borrow checker lets nothing change what it borrows from, so the repeated borrow is
//! equal to the first one. What it does not protect are keys, and locals that are borrows themselves: see `keys`.

use syn::{Expr, Ident, Pat, Type, parse_quote};

use crate::control_flow::builder::Builder;
use crate::def_use::{self, DefUse};
use crate::graph::Reborrow;
use crate::ids::{LocalId, ReborrowId};
use crate::syntax::borrows::{
    ELEMENT, cloned_index, is_borrowing_call, is_constant, is_place, is_stable_index, is_text,
};
use crate::syntax::effects::is_pure;
use crate::syntax::{bindings, by_reference, is_bare, may_borrow, unraw};

/// A borrow whose locals have not been declared yet.
pub(super) struct PendingReborrow {
    pat: Pat,
    ty: Option<Type>,
    expr: Expr,
    def_use: DefUse,
    /// The names in the pattern that are borrows.
    names: Vec<Ident>,
}

impl PendingReborrow {
    pub(super) fn new(pat: &Pat, expr: &Expr, def_use: DefUse) -> Self {
        Self { pat: pat.clone(), ty: None, expr: expr.clone(), def_use, names: by_reference(pat) }
    }
}

impl Builder<'_> {
    /// Makes a borrowing expression one that can be repeated: values in it are evaluated now and stored in locals.
    pub(super) fn make_repeatable(&mut self, expr: Expr) -> Expr {
        match expr {
            Expr::Paren(mut expr) => {
                expr.expr = Box::new(self.make_repeatable(*expr.expr));
                Expr::Paren(expr)
            }
            Expr::Group(mut expr) => {
                expr.expr = Box::new(self.make_repeatable(*expr.expr));
                Expr::Group(expr)
            }
            Expr::Tuple(mut expr) => {
                expr.elems = self.repeatable_elems(std::mem::take(&mut expr.elems)).into_iter().collect();
                if expr.elems.len() == 1 {
                    expr.elems.push_punct(Default::default());
                }
                Expr::Tuple(expr)
            }
            // What it changes is a value of its own.
            Expr::Reference(mut expr) if expr.mutability.is_some() && self.is_of_constant(&expr.expr) => {
                // In braces, because a constant itself would be written again.
                let value = *expr.expr;
                expr.expr = Box::new(self.spill("operand", parse_quote!({ #value }), true));
                Expr::Reference(expr)
            }
            Expr::Reference(mut expr) if !is_constant(&expr.expr) => {
                expr.expr = Box::new(self.repeatable_place(*expr.expr));
                Expr::Reference(expr)
            }
            Expr::MethodCall(mut expr) if is_borrowing_call(&expr) => {
                expr.receiver = Box::new(match *expr.receiver {
                    receiver @ Expr::MethodCall(_) => self.make_repeatable(receiver),
                    receiver => self.repeatable_place(receiver),
                });
                if ELEMENT.iter().any(|name| expr.method == name) {
                    expr.args =
                        std::mem::take(&mut expr.args).into_iter().map(|arg| self.repeatable_index(arg)).collect();
                }
                Expr::MethodCall(expr)
            }
            expr => expr,
        }
    }

    /// The elements of a tuple. What an element evaluates now must not come before the effect of an earlier one.
    fn repeatable_elems(&mut self, elems: impl IntoIterator<Item = Expr>) -> Vec<Expr> {
        let elems: Vec<_> = elems.into_iter().collect();
        let last = elems.iter().rposition(may_borrow).unwrap_or_default();
        let elems = elems.into_iter().enumerate().map(|(at, elem)| match elem {
            elem if at >= last || may_borrow(&elem) || is_pure(&elem) || matches!(elem, Expr::Closure(_)) => {
                self.make_repeatable(elem)
            }
            elem => self.spill("operand", elem, true),
        });
        elems.collect()
    }

    pub(super) fn repeatable_place(&mut self, place: Expr) -> Expr {
        match place {
            Expr::Paren(mut place) => {
                place.expr = Box::new(self.repeatable_place(*place.expr));
                Expr::Paren(place)
            }
            Expr::Group(mut place) => {
                place.expr = Box::new(self.repeatable_place(*place.expr));
                Expr::Group(place)
            }
            Expr::Field(mut place) => {
                place.base = Box::new(self.repeatable_place(*place.base));
                Expr::Field(place)
            }
            Expr::Unary(mut place) if matches!(place.op, syn::UnOp::Deref(_)) => {
                place.expr = Box::new(self.repeatable_place(*place.expr));
                Expr::Unary(place)
            }
            Expr::Index(mut place) => {
                place.expr = Box::new(self.repeatable_place(*place.expr));
                place.index = Box::new(self.repeatable_index(*place.index));
                Expr::Index(place)
            }
            place if is_place(&place) && !self.has_copied_key(&place) => place,
            Expr::MethodCall(call) if is_borrowing_call(&call) => self.make_repeatable(Expr::MethodCall(call)),
            value => self.spill("operand", value, true),
        }
    }

    /// An index, or the key of an element.
    pub(super) fn repeatable_index(&mut self, index: Expr) -> Expr {
        match index {
            index if is_constant(&index) => index,
            index if self.is_copied_key(&index) => self.copied_key(index),
            Expr::Reference(mut reference) if reference.mutability.is_none() => {
                reference.expr = Box::new(self.repeatable_place(*reference.expr));
                Expr::Reference(reference)
            }
            // It is a borrow that is repeated.
            index if self.is_repeatable_borrow(&index) => index,
            index => {
                let index = self.spill("index", index, false);
                cloned_index(&index)
            }
        }
    }

    /// Whether an expression gives the same result again for as long as the borrow is live.
    pub(super) fn is_repeatable_borrow(&self, expr: &Expr) -> bool {
        if self.has_copied_key(expr) {
            return false;
        }
        match expr {
            Expr::Paren(expr) => self.is_repeatable_borrow(&expr.expr),
            Expr::Group(expr) => self.is_repeatable_borrow(&expr.expr),
            Expr::Tuple(expr) => {
                !expr.elems.is_empty() && expr.elems.iter().all(|elem| self.is_repeatable_borrow(elem))
            }
            Expr::Reference(expr) => is_constant(&expr.expr) || is_place(&expr.expr),
            Expr::MethodCall(call) => {
                let receiver = &*call.receiver;
                is_borrowing_call(call)
                    && (is_place(receiver) || self.is_repeatable_borrow(receiver))
                    && call.args.iter().all(is_stable_index)
            }
            Expr::Path(path) => match path.path.get_ident() {
                Some(ident) => self.is_reborrow(&unraw(ident)) || is_constant(expr),
                None => is_constant(expr),
            },
            _ => false,
        }
    }

    /// Whether a place is in a constant, which is a new value wherever it is written.
    fn is_of_constant(&self, place: &Expr) -> bool {
        match place {
            Expr::Path(path) => {
                let name = path.path.get_ident().map(unraw);
                is_constant(place) && !self.env.iter().any(|(local, _)| Some(local) == name.as_ref())
            }
            Expr::Field(place) => self.is_of_constant(&place.base),
            Expr::Index(place) => self.is_of_constant(&place.expr),
            Expr::Paren(place) => self.is_of_constant(&place.expr),
            Expr::Group(place) => self.is_of_constant(&place.expr),
            place => is_constant(place),
        }
    }

    fn is_reborrow(&self, name: &str) -> bool {
        let local = self.env.iter().rev().find(|(known, _)| known == name).map(|&(_, local)| local);
        local.is_some_and(|local| self.graph.local(local).reborrow.is_some())
    }

    /// The borrows of a pattern from the value of an expression, before the pattern is declared.
    pub(super) fn borrows(&self, pat: &Pat, expr: &Expr) -> Vec<PendingReborrow> {
        match (pat, expr) {
            (Pat::Paren(pat), expr) => self.borrows(&pat.pat, expr),
            (Pat::Guard(pat), expr) => self.borrows(&pat.pat, expr),
            (pat, Expr::Paren(expr)) => self.borrows(pat, &expr.expr),
            (pat, Expr::Group(expr)) => self.borrows(pat, &expr.expr),
            (Pat::Tuple(pats), Expr::Tuple(exprs))
                if pats.elems.len() == exprs.elems.len()
                    && !pats.elems.iter().any(|pat| matches!(pat, Pat::Rest(_))) =>
            {
                pats.elems.iter().zip(&exprs.elems).flat_map(|(pat, expr)| self.borrows(pat, expr)).collect()
            }
            (pat, expr) => {
                let (inner, ty) = match pat {
                    Pat::Type(typed) => (&*typed.pat, Some((*typed.ty).clone())),
                    pat => (pat, None),
                };
                let is_text = is_text(expr) && is_bare(inner);
                let names = if matches!(expr, Expr::Closure(closure) if closure.capture.is_none()) {
                    bindings(inner).into_iter().map(|binding| binding.ident.clone()).collect()
                } else if is_text || self.is_repeatable_borrow(expr) {
                    by_reference(inner)
                } else if is_place(expr) {
                    let borrowed = bindings(inner).into_iter().filter(|binding| binding.by_ref.is_some());
                    borrowed.map(|binding| binding.ident.clone()).collect()
                } else {
                    return Vec::new();
                };
                let def_use = def_use::of_expr(expr, &self.env, &self.loops);
                vec![PendingReborrow { pat: inner.clone(), ty, expr: expr.clone(), def_use, names }]
            }
        }
    }

    /// Marks those locals of a declared pattern that are borrows.
    pub(super) fn bind_reborrows(&mut self, borrows: Vec<PendingReborrow>, declared: &[LocalId]) {
        for PendingReborrow { pat, ty, expr, def_use, names } in borrows {
            let id = ReborrowId(self.graph.reborrows.len());
            let mut locals = Vec::new();
            for ident in names {
                let named = |local: &&LocalId| self.graph.local(**local).ident == ident;
                if let Some(&local) = declared.iter().find(named) {
                    self.graph.locals[local.0].reborrow = Some(id);
                    locals.push(local);
                }
            }
            if !locals.is_empty() {
                let rebinds = self.rebinds(&pat, &expr, &locals);
                let mut through = self.through(&expr);
                through.parts = self.parts(&pat, &expr, &locals);
                self.graph.reborrows.push(Reborrow { pat, ty, expr, def_use, locals, through, rebinds });
            }
        }
    }
}
