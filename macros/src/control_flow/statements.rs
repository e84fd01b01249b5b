//! Statements: a statement without an await is copied, one with an await is split. Also the items of inner blocks and
//! the attributes of statements about earlier versions.

use quote::ToTokens;
use syn::visit_mut::VisitMut;
use syn::{Block as SynBlock, Expr, Ident, Item, Local as SynLocal, Pat, Stmt, Type, parse_quote};

use crate::control_flow::builder::{Builder, Dest, items};
use crate::control_flow::exits::exits;
use crate::control_flow::splitting::{after, is_jump, splits, splits_if};
use crate::control_flow::state_names::ends_in_await;
use crate::def_use;
use crate::errors;
use crate::evolution_attrs::{self, At, EvolutionAttrs};
use crate::graph::Node;
use crate::syntax::{
    bindings, camel_case, contains_await, count_awaits, is_bare, is_diverging, is_whole, mentioned, unraw,
};

impl Builder<'_> {
    /// The statements of an inner block. The value of the block goes to `dest`.
    pub(super) fn stmts(&mut self, stmts: &[Stmt], dest: Dest, output: &Type) {
        self.inner_items(stmts);
        self.check_own_macros(stmts);
        self.block_stmts(stmts, dest, output);
    }

    /// The items of an inner block. Functions, constants, imports and macros are repeated in each basic block of the inner
    /// block, so that only it sees them. A type must not be repeated, so it is declared for the whole flow, and its name
    /// must have one meaning in the flow.
    pub(super) fn inner_items(&mut self, stmts: &[Stmt]) {
        let is_copied = |item: &Item| matches!(item, Item::Fn(_) | Item::Const(_) | Item::Use(_) | Item::Macro(_));
        let (copied, shared): (Vec<_>, Vec<_>) = items(stmts).cloned().partition(is_copied);
        let here: Vec<_> = stmts.iter().flat_map(|stmt| mentioned(&stmt.to_token_stream())).collect();
        for name in shared.iter().filter_map(item_name) {
            let count = |names: &[String]| names.iter().filter(|other| **other == unraw(name)).count();
            if count(&here) != count(&self.written) {
                self.errors.add(errors::body::item_of_a_block(name.span()));
            }
        }
        self.graph.items.extend(shared);
        if !copied.is_empty() {
            self.push(Node::Items(copied.clone()));
            self.items.insert(*self.scopes.last().expect("the function is a scope"), copied);
        }
    }

    pub(super) fn block_stmts(&mut self, stmts: &[Stmt], dest: Dest, output: &Type) {
        let (tail, before) = match stmts.split_last() {
            Some((Stmt::Expr(tail, None), before)) => (Some(tail.clone()), before),
            Some((Stmt::Macro(tail), before)) if tail.semi_token.is_none() => {
                let mac = tail.mac.clone();
                (Some(Expr::Macro(syn::ExprMacro { attrs: tail.attrs.clone(), mac })), before)
            }
            _ => (None, stmts),
        };
        before.iter().for_each(|stmt| self.stmt(stmt));
        if !self.is_reachable() {
            return;
        }
        match tail {
            Some(tail) => self.tail(tail, dest),
            // If the end is reachable, rustc reports that a value is missing.
            None if matches!(dest, Dest::Return) && !is_unit(output) => self.cur = None,
            None => self.deliver(None, dest),
        }
    }

    pub(super) fn stmt(&mut self, stmt: &Stmt) {
        if !self.is_reachable() {
            return;
        }
        if let Some((stmt, evolution)) = evolution_attrs::take_from(stmt, self.errors) {
            return self.with_evolution(&stmt, evolution);
        }
        match stmt {
            Stmt::Item(item) => self.check_own_macro(item),
            Stmt::Local(local) if local.init.is_none() => self.declare_later(local),
            Stmt::Local(local) if contains_await(stmt) => self.local(local),
            Stmt::Expr(expr, _) if contains_await(stmt) || is_jump(expr) => self.effect(expr.clone()),
            Stmt::Macro(mac) if contains_await(stmt) => {
                self.effect(Expr::Macro(syn::ExprMacro { attrs: mac.attrs.clone(), mac: mac.mac.clone() }));
            }
            Stmt::Local(_) | Stmt::Expr(..) | Stmt::Macro(_) => self.plain(stmt),
        }
    }

    /// A statement without its attributes about earlier versions, and these.
    pub(super) fn with_evolution(&mut self, stmt: &Stmt, evolution: EvolutionAttrs) {
        let EvolutionAttrs { at, local, span } = evolution;
        if let Some(at) = at {
            self.label(stmt, at);
        }
        let Some(span) = span else { return self.stmt(stmt) };
        let binding = match stmt {
            Stmt::Local(stmt) => only_binding(&stmt.pat),
            Stmt::Expr(..) | Stmt::Macro(_) | Stmt::Item(_) => None,
        };
        let Some(ident) = binding else {
            self.errors.add(errors::evolution::mark_without_local(span));
            return self.stmt(stmt);
        };
        // A state that is named after the local was named after the old name of the local.
        self.was = local.was.iter().map(|name| camel_case(name)).collect();
        let known = self.graph.locals.len();
        self.stmt(stmt);
        self.was.clear();
        let scope = *self.scopes.last().expect("the function is a scope");
        let new = &mut self.graph.locals[known..];
        if let Some(found) = new.iter_mut().rev().find(|local| local.ident == ident && local.scope == scope) {
            found.evolution = local;
        }
    }

    /// `#[at("Payment")]` on this statement.
    pub(super) fn label(&mut self, stmt: &Stmt, at: At) {
        match count_awaits(stmt) {
            0 => self.errors.add(errors::evolution::label_without_await(at.span)),
            1 => {}
            _ => self.errors.add(errors::evolution::label_on_several_awaits(at.span)),
        }
        if let Some(name) = &at.name {
            let is_name =
                syn::parse_str::<Ident>(&name.value()).is_ok_and(|ident| camel_case(&unraw(&ident)) == name.value());
            if !is_name {
                return self.errors.add(errors::evolution::label_is_no_name(name.span()));
            }
            if !self.labels.insert(name.value()) {
                self.errors.add(errors::evolution::label_used_twice(name.span(), &name.value()));
            }
        }
        self.label = Some(at);
    }

    /// A statement without an await: it stays one statement.
    pub(super) fn plain(&mut self, stmt: &Stmt) {
        self.check_declaring_macro(stmt);
        let (mut stmt, mut borrows) = (stmt.clone(), Vec::new());
        if let Stmt::Local(SynLocal { pat, init: Some(init), .. }) = &mut stmt {
            *init.expr = self.make_repeatable((*init.expr).clone());
            borrows = self.borrows(pat, &init.expr);
        }
        let def_use = def_use::of_stmt(&stmt, &self.env, &self.loops);
        self.count_exits(&def_use);
        let declares = match &stmt {
            Stmt::Local(local) => self.declare_pat(&local.pat),
            Stmt::Item(_) | Stmt::Expr(..) | Stmt::Macro(_) => Vec::new(),
        };
        self.bind_reborrows(borrows, &declares);
        let diverges = def_use.diverges || matches!(&stmt, Stmt::Macro(mac) if is_diverging(&mac.mac));
        if let (Stmt::Expr(_, semi), true) = (&mut stmt, diverges) {
            // It becomes the last statement of its block, and must not be the value of the block.
            semi.get_or_insert_with(Default::default);
        }
        if let Some(mut exits) = exits(&def_use, &self.loops, &self.graph.labels) {
            exits.visit_stmt_mut(&mut stmt);
        }
        self.push(Node::Stmt { stmt, def_use, declares });
        if diverges {
            self.cur = None;
        }
    }

    /// `let room;`
    pub(super) fn declare_later(&mut self, local: &SynLocal) {
        for local in self.declare_pat(&local.pat) {
            self.push(Node::Declare(local));
        }
    }

    /// `let pat = init;` or `let pat = init else { ... };` with an await in it.
    pub(super) fn local(&mut self, local: &SynLocal) {
        let init = local.init.as_ref().expect("a let without a value has no await");
        let value = (*init.expr).clone();
        let (pat, ty) = match &local.pat {
            Pat::Type(typed) => (&*typed.pat, Some(&*typed.ty)),
            pat => (pat, None),
        };
        let simple = match pat {
            Pat::Ident(bare) if is_bare(pat) && ty.is_none_or(is_whole) => Some(bare),
            _ => None,
        };
        let named = match &local.pat {
            Pat::Type(typed) => bindings(&typed.pat),
            pat => bindings(pat),
        };
        if let [only] = named.as_slice()
            && ends_in_await(&value)
        {
            let called = unraw(&only.ident);
            self.hint = Some(camel_case(self.renamed.get(&called).unwrap_or(&called)));
        }
        if let (Some(pat), true, None) = (simple, splits(&value), &init.diverge) {
            // The value of the join gets the name of the local.
            let (join, local) = self.join_with(after(&value), &pat.ident, pat.mutability.is_some(), ty);
            self.tail(value, Dest::Value(join));
            self.enter(join);
            self.env.push((unraw(&pat.ident), local));
            return;
        }
        if let (Some(pat), Expr::Loop(expr), None) = (simple, &value, &init.diverge) {
            let (after, local) = self.join_with("AfterLoop", &pat.ident, pat.mutability.is_some(), ty);
            self.split_loop(expr, after);
            self.env.push((unraw(&pat.ident), local));
            return;
        }
        let value = if contains_await(&value) { self.expr(value) } else { value };
        self.hint = None;
        let Some((_, otherwise)) = init.diverge.as_ref().filter(|(_, otherwise)| contains_await(&**otherwise)) else {
            let mut local = local.clone();
            *local.init.as_mut().expect("it has a value").expr = value;
            self.plain(&Stmt::Local(local));
            return;
        };
        let value = self.make_repeatable(value);
        let borrows = self.borrows(&local.pat, &value);
        let value = self.code(value);
        let otherwise = self.branch(|this| match &**otherwise {
            Expr::Block(block) => {
                let nowhere = this.join("Nowhere");
                this.stmts(&block.block.stmts, Dest::Discard(nowhere), &parse_quote!(!));
                this.cur = None;
            }
            _ => unreachable!("an else of a let is a block"),
        });
        let binds = self.declare_pat(&local.pat);
        self.bind_reborrows(borrows, &binds);
        self.push(Node::LetElse { pat: local.pat.clone(), value, binds, otherwise });
    }

    /// An expression with an await, or a jump, whose value is dropped.
    pub(super) fn effect(&mut self, expr: Expr) {
        if is_jump(&expr) {
            self.expr(expr);
            return;
        }
        match expr {
            Expr::Loop(expr) => {
                let after = self.join("AfterLoop");
                self.split_loop(&expr, after);
            }
            Expr::While(expr) => self.split_while(expr),
            Expr::ForLoop(expr) if contains_await(&expr.body) => self.scoped(|this| this.split_for(expr)),
            Expr::Block(expr) if expr.label.is_some() => {
                let after = self.join("AfterBlock");
                self.labelled_block(expr, after, Dest::Discard(after));
            }
            expr if splits(&expr) => {
                let join = self.join(after(&expr));
                self.tail(expr, Dest::Discard(join));
                self.enter(join);
            }
            expr => {
                let value = self.expr(expr);
                if self.is_reachable() {
                    self.discard(value);
                }
            }
        }
    }

    /// An expression at the end of a path.
    pub(super) fn tail(&mut self, expr: Expr, dest: Dest) {
        if !contains_await(&expr) && !is_jump(&expr) {
            self.deliver(Some(expr), dest);
            return;
        }
        match expr {
            Expr::If(expr) if splits_if(&expr) => self.split_if(expr, dest),
            Expr::Match(expr) if expr.arms.iter().any(|arm| contains_await(&*arm.body)) => self.split_match(expr, dest),
            Expr::Block(expr) if expr.label.is_none() => self.block(&expr.block, dest),
            Expr::Paren(expr) => self.tail(*expr.expr, dest),
            Expr::Group(expr) => self.tail(*expr.expr, dest),
            expr if matches!(dest, Dest::Discard(_)) || matches!(expr, Expr::While(_) | Expr::ForLoop(_)) => {
                self.effect(expr);
                if self.is_reachable() {
                    self.deliver(None, dest);
                }
            }
            expr => {
                let value = self.expr(expr);
                if self.is_reachable() {
                    self.deliver(Some(value), dest);
                }
            }
        }
    }

    /// `{ ... }` with an await in it.
    pub(super) fn block(&mut self, block: &SynBlock, dest: Dest) {
        self.scoped(|this| {
            this.stmts(&block.stmts, dest, &parse_quote!(()));
            // The value of the block has been delivered inside of it.
            this.cur = None;
        });
    }
}

/// The name that a pattern binds, if it is only one.
fn only_binding(pat: &Pat) -> Option<Ident> {
    let found = bindings(pat);
    let [binding] = found.as_slice() else { return None };
    Some(binding.ident.clone())
}

/// The name that an item declares.
fn item_name(item: &Item) -> Option<&Ident> {
    match item {
        Item::Enum(item) => Some(&item.ident),
        Item::Mod(item) => Some(&item.ident),
        Item::Static(item) => Some(&item.ident),
        Item::Struct(item) => Some(&item.ident),
        Item::Trait(item) => Some(&item.ident),
        Item::TraitAlias(item) => Some(&item.ident),
        Item::Type(item) => Some(&item.ident),
        Item::Union(item) => Some(&item.ident),
        _ => None,
    }
}

fn is_unit(ty: &Type) -> bool {
    matches!(ty, Type::Tuple(tuple) if tuple.elems.is_empty())
}
