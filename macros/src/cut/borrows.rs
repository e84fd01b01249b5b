//! Borrows that are taken again: `let name = &order.name;` is not saved while the flow waits, but written out again
//! after the await. So are texts and constants, which have no owned form that could be read from disk.
//!
//! What is taken again, and nothing else:
//!
//! | written | again after the await |
//! |---|---|
//! | `&place`, `&mut place`, where a place is a local or constant, its fields, `*`, and elements | the same; an index is evaluated once, and kept |
//! | `&value()` | the value is kept, and borrowed again |
//! | `place.as_str()`, and the other methods of [`BORROWING`] | the same call |
//! | `rooms.get(&name)`, `rooms.get_mut(..)`, and `.unwrap()`, `.expect("..")` after any of these | the same call; an argument is evaluated once, and kept |
//! | a pattern on one of these: `if let Some(room) = &room`, `match &order { .. }`, `let (a, b) = (&x, &y);` | the same pattern |
//! | `let title = "x";`, `let limit = LIMIT;` | the same |
//! | a closure without `move` | the same closure: what it changes lies outside of it |
//!
//! As long as such a borrow is in use, the compiler lets nobody change what it borrows, so it is the same one.

use syn::visit_mut::{self, VisitMut};
use syn::{Expr, Ident, Pat, Type, parse_quote};

use crate::cut::{Builder, is_bare};
use crate::facts::{self, Facts};
use crate::graph::Again;
use crate::ids::{AgainId, LocalId};
use crate::syntax::{bindings, unraw};

/// Methods that, by a convention that everybody keeps, lend a part of what they are called on, and take no arguments.
const BORROWING: [&str; 19] = [
    "as_bytes",
    "as_deref",
    "as_deref_mut",
    "as_mut",
    "as_mut_slice",
    "as_mut_str",
    "as_os_str",
    "as_path",
    "as_ref",
    "as_slice",
    "as_str",
    "first",
    "first_mut",
    "last",
    "last_mut",
    "trim",
    "trim_end",
    "trim_start",
    "deref",
];

/// Methods that lend the element that their argument names.
const ELEMENT: [&str; 2] = ["get", "get_mut"];

/// A borrow, before the locals that it is bound to have been declared.
pub(super) struct Borrow {
    pat: Pat,
    ty: Option<Type>,
    expr: Expr,
    facts: Facts,
    /// What of the pattern is a borrow.
    names: Vec<Ident>,
}

impl Borrow {
    pub(super) fn new(pat: &Pat, expr: &Expr, facts: Facts) -> Self {
        Self { pat: pat.clone(), ty: None, expr: expr.clone(), facts, names: by_reference(pat) }
    }
}

impl Builder<'_> {
    /// Makes an expression that borrows one that can be evaluated again: what it is made of is evaluated now, and held.
    pub(super) fn lend(&mut self, expr: Expr) -> Expr {
        match expr {
            Expr::Paren(mut expr) => {
                expr.expr = Box::new(self.lend(*expr.expr));
                Expr::Paren(expr)
            }
            Expr::Group(mut expr) => {
                expr.expr = Box::new(self.lend(*expr.expr));
                Expr::Group(expr)
            }
            Expr::Tuple(mut expr) => {
                expr.elems = std::mem::take(&mut expr.elems).into_iter().map(|elem| self.lend(elem)).collect();
                if expr.elems.len() == 1 {
                    expr.elems.push_punct(Default::default());
                }
                Expr::Tuple(expr)
            }
            Expr::Reference(mut expr) if !is_constant(&expr.expr) => {
                expr.expr = Box::new(self.lent_place(*expr.expr));
                Expr::Reference(expr)
            }
            Expr::MethodCall(mut expr) if is_lending(&expr) => {
                expr.receiver = Box::new(match *expr.receiver {
                    receiver @ Expr::MethodCall(_) => self.lend(receiver),
                    receiver => self.lent_place(receiver),
                });
                if ELEMENT.iter().any(|name| expr.method == name) {
                    expr.args = std::mem::take(&mut expr.args).into_iter().map(|arg| self.lent_index(arg)).collect();
                }
                Expr::MethodCall(expr)
            }
            expr => expr,
        }
    }

    pub(super) fn lent_place(&mut self, place: Expr) -> Expr {
        match place {
            Expr::Paren(mut place) => {
                place.expr = Box::new(self.lent_place(*place.expr));
                Expr::Paren(place)
            }
            Expr::Group(mut place) => {
                place.expr = Box::new(self.lent_place(*place.expr));
                Expr::Group(place)
            }
            Expr::Field(mut place) => {
                place.base = Box::new(self.lent_place(*place.base));
                Expr::Field(place)
            }
            Expr::Unary(mut place) if matches!(place.op, syn::UnOp::Deref(_)) => {
                place.expr = Box::new(self.lent_place(*place.expr));
                Expr::Unary(place)
            }
            Expr::Index(mut place) => {
                place.expr = Box::new(self.lent_place(*place.expr));
                place.index = Box::new(self.lent_index(*place.index));
                Expr::Index(place)
            }
            place if is_place(&place) => place,
            Expr::MethodCall(call) if is_lending(&call) => self.lend(Expr::MethodCall(call)),
            value => self.hold("operand", value, true),
        }
    }

    /// An index, or the key of an element.
    pub(super) fn lent_index(&mut self, index: Expr) -> Expr {
        match index {
            index if is_constant(&index) => index,
            Expr::Reference(mut reference) if reference.mutability.is_none() => {
                reference.expr = Box::new(self.lent_place(*reference.expr));
                Expr::Reference(reference)
            }
            // Already a borrow that is taken again.
            index if self.is_lent(&index) => index,
            index => {
                let index = self.hold("index", index, false);
                kept(&index)
            }
        }
    }

    /// Whether an expression can be evaluated again for as long as what it lends is in use.
    pub(super) fn is_lent(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Paren(expr) => self.is_lent(&expr.expr),
            Expr::Group(expr) => self.is_lent(&expr.expr),
            Expr::Tuple(expr) => !expr.elems.is_empty() && expr.elems.iter().all(|elem| self.is_lent(elem)),
            Expr::Reference(expr) => is_constant(&expr.expr) || is_place(&expr.expr),
            Expr::MethodCall(call) => {
                let receiver = &*call.receiver;
                is_lending(call) && (is_place(receiver) || self.is_lent(receiver)) && call.args.iter().all(is_kept)
            }
            Expr::Path(path) => match path.path.get_ident() {
                Some(ident) => self.is_taken_again(&unraw(ident)) || is_constant(expr),
                None => is_constant(expr),
            },
            _ => false,
        }
    }

    fn is_taken_again(&self, name: &str) -> bool {
        let local = self.env.iter().rev().find(|(known, _)| known == name).map(|&(_, local)| local);
        local.is_some_and(|local| self.graph.local(local).again.is_some())
    }

    /// What a pattern will borrow from the value of an expression. Asked before the pattern is declared.
    pub(super) fn borrows(&self, pat: &Pat, expr: &Expr) -> Vec<Borrow> {
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
                } else if is_text || self.is_lent(expr) {
                    by_reference(inner)
                } else if is_place(expr) {
                    let borrowed = bindings(inner).into_iter().filter(|binding| binding.by_ref.is_some());
                    borrowed.map(|binding| binding.ident.clone()).collect()
                } else {
                    return Vec::new();
                };
                let facts = facts::of_expr(expr, &self.env, &self.loops);
                vec![Borrow { pat: inner.clone(), ty, expr: expr.clone(), facts, names }]
            }
        }
    }

    /// Remembers of the locals that a pattern has declared which of them are taken again.
    pub(super) fn take_again(&mut self, borrows: Vec<Borrow>, declared: &[LocalId]) {
        for Borrow { pat, ty, expr, facts, names } in borrows {
            let id = AgainId(self.graph.agains.len());
            let mut locals = Vec::new();
            for ident in names {
                let named = |local: &&LocalId| self.graph.local(**local).ident == ident;
                if let Some(&local) = declared.iter().find(named) {
                    self.graph.locals[local.0].again = Some(id);
                    locals.push(local);
                }
            }
            if !locals.is_empty() {
                self.graph.agains.push(Again { pat, ty, expr, facts, locals });
            }
        }
    }
}

/// Whether a value may borrow from the locals that its expression names.
pub(crate) fn may_borrow(expr: &Expr) -> bool {
    match expr {
        Expr::Paren(expr) => may_borrow(&expr.expr),
        Expr::Group(expr) => may_borrow(&expr.expr),
        Expr::Reference(_) => true,
        Expr::Tuple(expr) => expr.elems.iter().any(may_borrow),
        Expr::MethodCall(call) => is_lending(call),
        _ => false,
    }
}

/// The names that a pattern binds to a part of what is lent. What stands under `&` is copied, and `mut` makes it a
/// variable of its own.
fn by_reference(pat: &Pat) -> Vec<Ident> {
    let copied = |ident: &Ident| {
        struct Finder<'a>(&'a Ident, bool);
        impl<'ast> syn::visit::Visit<'ast> for Finder<'_> {
            fn visit_pat_reference(&mut self, pat: &'ast syn::PatReference) {
                self.1 |= bindings(&pat.pat).iter().any(|binding| binding.ident == *self.0 && binding.by_ref.is_none());
            }
        }
        let mut finder = Finder(ident, false);
        syn::visit::Visit::visit_pat(&mut finder, pat);
        finder.1
    };
    let all = bindings(pat).into_iter().filter(|binding| binding.mutability.is_none() || binding.by_ref.is_some());
    all.map(|binding| binding.ident.clone()).filter(|ident| !copied(ident)).collect()
}

/// The pattern with only these names in it.
pub(crate) fn only(pat: &Pat, names: &[&Ident]) -> Pat {
    struct Others<'a>(&'a [&'a Ident]);
    impl VisitMut for Others<'_> {
        fn visit_pat_mut(&mut self, pat: &mut Pat) {
            if let Pat::Guard(guarded) = pat {
                *pat = (*guarded.pat).clone();
            }
            if let Pat::Ident(ident) = pat
                && crate::syntax::is_binding(ident)
                && !self.0.contains(&&ident.ident)
            {
                *pat = match ident.subpat.take() {
                    Some((_, inner)) => *inner,
                    None => parse_quote!(_),
                };
                self.visit_pat_mut(pat);
                return;
            }
            visit_mut::visit_pat_mut(self, pat);
        }

        fn visit_field_pat_mut(&mut self, field: &mut syn::FieldPat) {
            visit_mut::visit_field_pat_mut(self, field);
            // `Dates { from }` becomes `Dates { from: _ }`.
            if let (None, syn::Member::Named(member)) = (&field.colon_token, &field.member)
                && !matches!(&*field.pat, Pat::Ident(_))
            {
                field.colon_token = Some(syn::Token![:](member.span()));
            }
        }

        fn visit_expr_mut(&mut self, _: &mut Expr) {}
    }
    let mut pat = pat.clone();
    Others(names).visit_pat_mut(&mut pat);
    pat
}

fn is_lending(call: &syn::ExprMethodCall) -> bool {
    let is = |names: &[&str]| names.iter().any(|name| call.method == name);
    let unwraps = || matches!(&*call.receiver, Expr::MethodCall(inner) if is_lending(inner));
    match call.args.len() {
        0 => is(&BORROWING) || call.method == "unwrap" && unwraps(),
        1 if call.method == "expect" => unwraps(),
        1 => is(&ELEMENT),
        _ => false,
    }
}

/// A local or constant, its fields, what it points to, and its elements, with indexes that stay what they are.
fn is_place(expr: &Expr) -> bool {
    match expr {
        Expr::Path(path) => {
            path.qself.is_none() && path.path.segments.iter().all(|segment| segment.arguments.is_none())
        }
        Expr::Paren(place) => is_place(&place.expr),
        Expr::Group(place) => is_place(&place.expr),
        Expr::Field(place) => is_place(&place.base),
        Expr::Unary(place) => matches!(place.op, syn::UnOp::Deref(_)) && is_place(&place.expr),
        Expr::Index(place) => is_place(&place.expr) && is_kept(&place.index),
        Expr::MethodCall(call) => is_lending(call) && is_place(&call.receiver) && call.args.iter().all(is_kept),
        _ => false,
    }
}

/// An index that is the same whenever it is evaluated: a constant, a borrow, or a copy of what is held.
fn is_kept(index: &Expr) -> bool {
    match index {
        Expr::Reference(reference) => is_place(&reference.expr) || is_constant(&reference.expr),
        Expr::Call(call) => is_copy(call),
        index => is_constant(index),
    }
}

/// A copy of what is held.
fn kept(held: &Expr) -> Expr {
    parse_quote!(::core::clone::Clone::clone(&#held))
}

/// Whether this has been written by [`kept`].
fn is_copy(call: &syn::ExprCall) -> bool {
    let Expr::Path(path) = &*call.func else { return false };
    path.path.leading_colon.is_some() && path.path.segments.last().is_some_and(|last| last.ident == "clone")
}

/// Made of literals and of names in capitals, which are constants.
pub(super) fn is_constant(expr: &Expr) -> bool {
    match expr {
        Expr::Lit(_) => true,
        Expr::Path(path) => path.path.segments.last().is_some_and(|last| {
            let name = unraw(&last.ident);
            name.len() > 1 && name.chars().all(|c| c.is_uppercase() || c.is_ascii_digit() || c == '_')
        }),
        Expr::Paren(expr) => is_constant(&expr.expr),
        Expr::Group(expr) => is_constant(&expr.expr),
        Expr::Reference(expr) => expr.mutability.is_none() && is_constant(&expr.expr),
        Expr::Unary(expr) => matches!(expr.op, syn::UnOp::Neg(_)) && is_constant(&expr.expr),
        Expr::Tuple(expr) => expr.elems.iter().all(is_constant),
        Expr::Array(expr) => expr.elems.iter().all(is_constant),
        Expr::Range(expr) => [&expr.start, &expr.end].into_iter().flatten().all(|end| is_constant(end)),
        Expr::Index(expr) => is_constant(&expr.expr) && is_constant(&expr.index),
        _ => false,
    }
}

/// A text, or a list of constants with texts in it: borrowed from the program itself.
fn is_text(expr: &Expr) -> bool {
    match expr {
        Expr::Lit(lit) => matches!(lit.lit, syn::Lit::Str(_) | syn::Lit::ByteStr(_) | syn::Lit::CStr(_)),
        Expr::Array(list) => is_constant(expr) && list.elems.iter().any(is_text),
        Expr::Tuple(list) => is_constant(expr) && list.elems.iter().any(is_text),
        Expr::Paren(expr) => is_text(&expr.expr),
        Expr::Group(expr) => is_text(&expr.expr),
        _ => false,
    }
}
