//! What a borrow is taken through, and copies of the keys that change while it is used.
//!
//! The borrow checker protects what a borrow borrows from, and not what names the element: after
//! `let room = rooms.get(&key);` the key may change, and `room` stays. So a key that changes is copied beside the borrow:
//!
//! ```text
//! let mut key = 0;
//! let room = rooms.get(&key);        index = key.clone(); room = rooms.get(&index)
//! key = 1;
//! ```
//!
//! Whether it changes is known when the graph has been built; then the flow is built once more, with the names of what
//! changes.

use std::collections::BTreeMap;

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::spanned::Spanned;
use syn::visit_mut::{self, VisitMut};
use syn::{Expr, Ident, Pat, parse_quote, parse_quote_spanned};

use crate::control_flow::builder::Builder;
use crate::def_use;
use crate::graph::Through;
use crate::ids::{LocalId, Place};
use crate::syntax::borrows::through;
use crate::syntax::rematch::may_rebind;
use crate::syntax::{bindings, borrowed_by, part, unraw};

impl Builder<'_> {
    /// The places that a borrow is taken through.
    pub(super) fn through(&self, expr: &Expr) -> Through {
        let parts = through(expr);
        let bases = parts.bases.into_iter().flat_map(|base| match base {
            Expr::Closure(_) => self.places(base),
            base => self.place_of(base).into_iter().collect(),
        });
        let keys = parts.keys.into_iter().flat_map(|key| self.places(key));
        Through { bases: bases.collect(), parts: BTreeMap::new(), keys: keys.collect() }
    }

    fn place_of(&self, expr: &Expr) -> Option<(Place, Span)> {
        let (name, path) = part(expr)?;
        Some((Place { local: self.visible(&name)?, path }, expr.span()))
    }

    /// The places that an expression reads.
    fn places(&self, expr: &Expr) -> Vec<(Place, Span)> {
        let def_use = def_use::of_expr(expr, &self.env, &self.loops);
        def_use.uses.into_iter().map(|place| (place, expr.span())).collect()
    }

    pub(super) fn visible(&self, name: &str) -> Option<LocalId> {
        self.env.iter().rev().find(|(known, _)| known == name).map(|&(_, local)| local)
    }

    /// Whether a borrow has a key that is copied.
    pub(super) fn has_copied_key(&self, expr: &Expr) -> bool {
        through(expr).keys.into_iter().any(|key| self.is_copied_key(key))
    }

    /// Whether a key changes while a borrow is used, or has such a key in it.
    pub(super) fn is_copied_key(&self, key: &Expr) -> bool {
        !self.copied.is_empty() && (self.is_copied(key) || self.has_copied_key(key))
    }

    /// Whether what a key is taken from changes while a borrow is used.
    fn is_copied(&self, key: &Expr) -> bool {
        // The borrow of a local that is a borrow cannot be saved.
        if matches!(key, Expr::Reference(key) if self.is_whole_borrow(&key.expr)) {
            return false;
        }
        let mut open: Vec<_> = self.through(key).bases.into_iter().map(|(place, _)| place.local).collect();
        let mut seen = Vec::new();
        while let Some(local) = open.pop() {
            if seen.contains(&local) {
                continue;
            }
            seen.push(local);
            if self.copied.contains(&unraw(&self.graph.local(local).ident)) {
                return true;
            }
            if let Some(reborrow) = self.graph.reborrow(local) {
                let parts = reborrow.through.bases.iter().chain(&reborrow.through.keys);
                open.extend(parts.map(|(place, _)| place.local));
            }
        }
        false
    }

    /// Whether a borrow may have a key that is copied and that an earlier operand of the same condition binds.
    pub(super) fn has_key_to_come(&self, expr: &Expr) -> bool {
        let is_visible = |base: &Expr| part(base).is_none_or(|(name, _)| self.visible(&name).is_some());
        let is_to_come = |key: &Expr| !through(key).bases.into_iter().all(is_visible);
        !self.copied.is_empty() && through(expr).keys.into_iter().any(is_to_come)
    }

    /// Whether an expression is a local that is a borrow.
    pub(super) fn is_whole_borrow(&self, expr: &Expr) -> bool {
        let local = part(expr).filter(|(_, path)| path.is_empty()).and_then(|(name, _)| self.visible(&name));
        local.is_some_and(|local| self.graph.local(local).reborrow.is_some())
    }

    /// A key that changes, or one with such a key in it, with a copy in the place of what changes.
    pub(super) fn copied_key(&mut self, key: Expr) -> Expr {
        let key = match key {
            Expr::Reference(mut reference) => {
                reference.expr = Box::new(self.repeatable_place(*reference.expr));
                Expr::Reference(reference)
            }
            key => self.make_repeatable(key),
        };
        if self.is_copied(&key) { self.key_with_copy(key) } else { key }
    }

    /// A key with a copy in the place of what it is taken from: `order.name` of `&order.name[2..]`.
    pub(super) fn key_with_copy(&mut self, mut key: Expr) -> Expr {
        let mut root = Root { found: None, derefs: false, by: None };
        root.visit_expr_mut(&mut key);
        let Some(place) = root.found.take() else { return key };
        root.derefs = self.is_whole_borrow(&place);
        // On the author's word, because a key that is not `Clone` is an error there.
        let value = match root.derefs {
            // What a borrow leads to may have no size.
            true => parse_quote_spanned!(place.span()=> ::std::borrow::ToOwned::to_owned(&*#place)),
            false => parse_quote_spanned!(place.span()=> ::core::clone::Clone::clone(&#place)),
        };
        let index = self.spill("index", value, false);
        if matches!(key, Expr::Path(_)) {
            return parse_quote!(&#index);
        }
        root.by = Some(index);
        root.visit_expr_mut(&mut key);
        key
    }

    /// The places that each name of a pattern with `ref` borrows from.
    pub(super) fn parts(&self, pat: &Pat, expr: &Expr, locals: &[LocalId]) -> BTreeMap<LocalId, Vec<(Place, Span)>> {
        let Some((place, span)) = self.place_of(expr) else { return BTreeMap::new() };
        let of = |id: LocalId| {
            let mut paths = Vec::new();
            borrowed_by(pat, &place.path, &mut paths, &|binding| {
                binding.by_ref.is_some() && binding.ident == self.graph.local(id).ident
            });
            let places = paths.into_iter().map(|path| (Place { local: place.local, path }, span));
            Some((id, places.collect::<Vec<_>>())).filter(|(_, places)| !places.is_empty())
        };
        locals.iter().filter_map(|&id| of(id)).collect()
    }

    /// The pattern, if its alternatives are told apart by what may be written before it matches again.
    pub(super) fn rebinds(&self, pat: &Pat, expr: &Expr, locals: &[LocalId]) -> Option<Span> {
        let names: Vec<Ident> = locals.iter().map(|local| self.graph.local(*local).ident.clone()).collect();
        (may_rebind(pat, &names) && self.may_write(pat, expr)).then(|| pat.span())
    }

    /// Whether what a borrow leads to may be written while it is used, as far as syntax tells.
    fn may_write(&self, pat: &Pat, expr: &Expr) -> bool {
        let changes = |name: &String| name == "mut" || name.ends_with("_mut");
        let through = self.through(expr);
        let mut bases = through.bases.iter().map(|(place, _)| place.local);
        let by_name = bindings(pat).iter().any(|binding| binding.by_ref.is_some());
        all_names(&pat.to_token_stream()).iter().any(changes)
            || all_names(&expr.to_token_stream()).iter().any(changes)
            || bases.any(|local| match self.graph.reborrow(local) {
                Some(outer) => self.may_write(&outer.pat, &outer.expr),
                None => by_name && self.graph.local(local).mutable,
            })
    }
}

/// All identifiers in tokens.
fn all_names(tokens: &TokenStream) -> Vec<String> {
    let names = tokens.clone().into_iter().flat_map(|token| match token {
        TokenTree::Group(group) => all_names(&group.stream()),
        TokenTree::Ident(ident) => vec![ident.to_string()],
        _ => Vec::new(),
    });
    names.collect()
}

/// Finds the place at the root of a key: `order.name` of `&order.name[2..]`, and replaces it.
struct Root {
    found: Option<Expr>,
    /// Whether the place is replaced together with a `*` before it.
    derefs: bool,
    by: Option<Expr>,
}

impl VisitMut for Root {
    fn visit_expr_mut(&mut self, expr: &mut Expr) {
        if self.found.is_some() {
            return;
        }
        let is_deref = matches!(expr, Expr::Unary(unary)
            if matches!(unary.op, syn::UnOp::Deref(_)) && part(&unary.expr).is_some());
        if part(expr).is_some() || self.derefs && is_deref {
            self.found = Some(expr.clone());
            if let Some(by) = &self.by {
                *expr = by.clone();
            }
            return;
        }
        visit_mut::visit_expr_mut(self, expr);
    }
}
