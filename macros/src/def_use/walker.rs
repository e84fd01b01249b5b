//! The walk over a piece of code, in the order of evaluation.

use std::collections::BTreeSet;

use syn::visit::{self, Visit};
use syn::{BinOp, Expr, Lifetime, Macro, Pat, Stmt, UnOp};

use crate::def_use::places::{borrows_receiver, moved_by};
use crate::def_use::types::{Changes, DefUse, Env, SplitLoop, target};
use crate::ids::{BlockId, LocalId, Place};
use crate::syntax::effects::{is_compound, is_mutating, is_reading};
use crate::syntax::{arguments, below, bindings, captured, is_diverging, mentioned, part, unraw};

/// The locals that are certainly assigned at a jump. In unreachable code, all are.
fn reached_with(env: &Env, dead: bool, set: &BTreeSet<LocalId>) -> BTreeSet<LocalId> {
    if dead { env.iter().map(|&(_, local)| local).collect() } else { set.clone() }
}

/// The locals that are certainly assigned at a place, and whether the place is unreachable.
type Certain = (BTreeSet<LocalId>, bool);

/// The walk over one of several branches.
type Alternative<'w, 'a> = Box<dyn FnOnce(&mut Walker<'a>) + 'w>;

pub(super) struct Walker<'a> {
    env: &'a Env,
    loops: &'a [SplitLoop],
    pub(super) def_use: DefUse,
    /// The locals that are certainly assigned here.
    set: BTreeSet<LocalId>,
    /// Whether the code here is unreachable.
    pub(super) dead: bool,
    /// The names that the code itself declares, a list for each scope.
    pub(super) hidden: Vec<Vec<String>>,
    /// The loops and labelled blocks inside the code.
    inner: Vec<Inner>,
    in_closure: bool,
    /// Whether the walk is in a closure with `move`.
    in_move: bool,
}

/// A loop or labelled block inside the code.
struct Inner {
    label: Option<String>,
    is_loop: bool,
    /// The locals that are certainly assigned after each `break` out of it; `None` without a `break`.
    left: Option<BTreeSet<LocalId>>,
    /// What may have been changed at a jump to its beginning or its end.
    changes: Changes,
}

impl Inner {
    fn leave(&mut self, set: &BTreeSet<LocalId>) {
        self.left = Some(match &self.left {
            Some(left) => left & set,
            None => set.clone(),
        });
    }
}

impl<'a> Walker<'a> {
    pub(super) fn new(env: &'a Env, loops: &'a [SplitLoop]) -> Self {
        let (hidden, inner) = (Vec::new(), Vec::new());
        Self {
            env,
            loops,
            def_use: DefUse::default(),
            set: BTreeSet::new(),
            dead: false,
            hidden,
            inner,
            in_closure: false,
            in_move: false,
        }
    }

    pub(super) fn finish(mut self) -> DefUse {
        self.def_use.defs = self.set;
        self.def_use.diverges = self.dead;
        if self.dead {
            self.def_use.changes = Changes::default();
        }
        self.def_use
    }

    pub(super) fn walk_expr(&mut self, expr: &Expr) {
        Visitor(self).visit_expr(expr);
    }

    pub(super) fn walk_stmt(&mut self, stmt: &Stmt) {
        Visitor(self).visit_stmt(stmt);
    }

    pub(super) fn local(&self, name: &str) -> Option<LocalId> {
        if self.hidden.iter().flatten().any(|hidden| hidden == name) {
            return None;
        }
        self.env.iter().rev().find(|(known, _)| known == name).map(|&(_, local)| local)
    }

    fn uses(&mut self, name: &str) {
        self.place(name, String::new(), false);
    }

    /// A read of a local or of a part of one, which may move the part.
    fn place(&mut self, name: &str, path: String, moves: bool) {
        let Some(local) = self.local(name) else { return };
        self.def_use.mentions.insert(local);
        if self.dead {
            return;
        }
        let place = Place { local, path };
        if (moves || self.in_move) && !place.path.is_empty() {
            self.def_use.moves.insert(place.clone());
        }
        if !self.set.contains(&local) {
            self.def_use.uses.insert(place);
        }
    }

    /// Walks an expression of which nothing is moved out: `&order.name`, `order.items[0]`.
    fn borrowed(&mut self, expr: &Expr) {
        match expr {
            Expr::Paren(expr) => self.borrowed(&expr.expr),
            Expr::Group(expr) => self.borrowed(&expr.expr),
            Expr::Reference(expr) => {
                if expr.mutability.is_some() {
                    self.changed(&expr.expr, true);
                }
                self.borrowed(&expr.expr);
            }
            Expr::Unary(expr) if matches!(expr.op, UnOp::Deref(_)) => self.borrowed(&expr.expr),
            Expr::Field(field) => match part(expr) {
                Some((name, path)) => self.place(&name, path, false),
                None => self.borrowed(&field.base),
            },
            expr => self.walk_expr(expr),
        }
    }

    /// Walks the value of a pattern, which may move the parts that it binds.
    fn destructured(&mut self, pat: &Pat, expr: &Expr) {
        self.changed_by(pat, expr);
        if bindings(pat).iter().all(|binding| binding.by_ref.is_some()) {
            return self.borrowed(expr);
        }
        self.walk_expr(expr);
        if let Some((name, path)) = part(expr) {
            let mut parts = Vec::new();
            moved_by(pat, &path, &mut parts);
            if let Some(local) = self.local(&name) {
                self.def_use.moves.extend(parts.into_iter().map(|path| Place { local, path }));
            }
        }
    }

    fn hide(&mut self, pat: &Pat) {
        let names = bindings(pat).into_iter().map(|binding| unraw(&binding.ident));
        match self.hidden.last_mut() {
            Some(scope) => scope.extend(names),
            None => self.hidden.push(names.collect()),
        }
    }

    fn scoped(&mut self, visit: impl FnOnce(&mut Self)) {
        let depth = self.hidden.len();
        self.hidden.push(Vec::new());
        visit(self);
        self.hidden.truncate(depth);
    }

    /// Walks code that may not run: its assignments are not certain.
    fn maybe(&mut self, visit: impl FnOnce(&mut Self)) {
        let before = (self.set.clone(), self.dead);
        let unchanged = self.def_use.changes.clone();
        visit(self);
        if self.has_ended() {
            self.def_use.changes = unchanged;
        }
        (self.set, self.dead) = before;
    }

    /// Walks a condition. Afterwards the state is that of a condition that is false. Returns the state of one that is true:
    /// there, all operands of `a && b` have been evaluated.
    fn condition(&mut self, cond: &Expr) -> Certain {
        match cond {
            Expr::Paren(paren) => self.condition(&paren.expr),
            Expr::Group(group) => self.condition(&group.expr),
            Expr::Binary(binary) if matches!(binary.op, BinOp::And(_)) => {
                let first = self.condition(&binary.left);
                let unless = (self.set.clone(), self.dead);
                (self.set, self.dead) = first;
                let both = self.condition(&binary.right);
                (self.set, self.dead) = unless;
                both
            }
            cond => {
                Visitor(self).visit_expr(cond);
                (self.set.clone(), self.dead)
            }
        }
    }

    /// Whether nothing comes after the code here. A closure that has returned has changed what it changes.
    const fn has_ended(&self) -> bool {
        self.dead && !self.in_closure
    }

    /// Walks branches of which exactly one runs. Certain are the assignments of all those that come to their end.
    fn either(&mut self, alternatives: Vec<Alternative<'_, 'a>>) {
        let before = (self.set.clone(), self.dead);
        let (unchanged, mut changes) = (self.def_use.changes.clone(), self.def_use.changes.clone());
        let mut certain: Option<BTreeSet<LocalId>> = None;
        for alternative in alternatives {
            (self.set, self.dead) = before.clone();
            self.def_use.changes.clone_from(&unchanged);
            alternative(self);
            if !self.has_ended() {
                changes.add(&self.def_use.changes);
            }
            if !self.dead {
                certain = Some(match certain {
                    Some(certain) => &certain & &self.set,
                    None => self.set.clone(),
                });
            }
        }
        self.def_use.changes = changes;
        self.dead = certain.is_none();
        self.set = certain.unwrap_or(before.0);
    }

    /// Walks a loop or block that a `break` can leave. Returns the locals that are certainly assigned at each `break`.
    fn inside(
        &mut self,
        label: Option<&syn::Label>,
        is_loop: bool,
        visit: impl FnOnce(&mut Self),
    ) -> Option<BTreeSet<LocalId>> {
        let label = label.map(|label| label.name.ident.to_string());
        self.inner.push(Inner { label, is_loop, left: None, changes: Changes::default() });
        visit(self);
        let inner = self.inner.pop()?;
        self.def_use.changes.add(&inner.changes);
        inner.left
    }

    /// Continues after a loop or block that has been left with these locals assigned.
    fn after(&mut self, left: Option<BTreeSet<LocalId>>) {
        self.dead = left.is_none();
        self.set = left.unwrap_or_default();
    }

    fn jump(&mut self, label: Option<&Lifetime>, repeats: bool) {
        let name = label.map(|label| label.ident.to_string());
        let is_target = |inner: &&mut Inner| match &name {
            Some(_) => inner.label == name,
            None => inner.is_loop,
        };
        if let Some(inner) = self.inner.iter_mut().rev().find(is_target) {
            if !repeats {
                // rustc counts an unreachable `break` too.
                inner.leave(&reached_with(self.env, self.dead, &self.set));
            }
            inner.changes.add(&self.def_use.changes);
        } else {
            let split = target(self.loops, label);
            let to = split.and_then(|split| if repeats { split.continue_to } else { Some(split.break_to) });
            match (to, label) {
                (Some(to), _) => self.exit(to),
                (None, Some(label)) => self.def_use.unknown_labels.push(label.span()),
                // rustc reports a `break` outside of a loop.
                (None, None) => {}
            }
        }
        self.dead = true;
    }

    fn exit(&mut self, to: BlockId) {
        self.def_use.exit_changes.entry(to).or_default().add(&self.def_use.changes);
        let set = reached_with(self.env, self.dead, &self.set);
        match self.def_use.exits.get_mut(&to) {
            Some(known) => known.retain(|local| set.contains(local)),
            None => {
                self.def_use.exits.insert(to, set);
            }
        }
    }

    /// The left side of `=`: `x`, `order.name`, `(x, _)`.
    fn assign(&mut self, place: &Expr) {
        match place {
            Expr::Tuple(tuple) => tuple.elems.iter().for_each(|elem| self.assign(elem)),
            Expr::Array(array) => array.elems.iter().for_each(|elem| self.assign(elem)),
            Expr::Call(call) => call.args.iter().for_each(|arg| self.assign(arg)),
            Expr::Struct(parts) => parts.fields.iter().for_each(|field| self.assign(&field.expr)),
            Expr::Paren(inner) => self.assign(&inner.expr),
            Expr::Group(inner) => self.assign(&inner.expr),
            Expr::Path(path) => {
                self.changed(place, true);
                if let Some(local) = path.path.get_ident().and_then(|ident| self.local(&unraw(ident))) {
                    if self.in_closure {
                        // The closure has captured the local, so it must be there already.
                        return self.walk_expr(place);
                    }
                    self.def_use.mentions.insert(local);
                    if !self.dead {
                        self.set.insert(local);
                    }
                }
            }
            place => {
                self.changed(place, true);
                self.borrowed(place);
            }
        }
    }
}

/// The walker as a visitor of syntax that may not live as long as the walker.
struct Visitor<'w, 'a>(&'w mut Walker<'a>);

impl<'ast, 'a> Visit<'ast> for Visitor<'_, 'a> {
    fn visit_block(&mut self, block: &'ast syn::Block) {
        self.0.scoped(|walker| visit::visit_block(&mut Visitor(walker), block));
    }

    fn visit_local(&mut self, local: &'ast syn::Local) {
        if let Some(init) = &local.init {
            self.0.destructured(&local.pat, &init.expr);
            if let Some((_, diverge)) = &init.diverge {
                self.0.maybe(|walker| Visitor(walker).visit_expr(diverge));
            }
        }
        self.0.hide(&local.pat);
    }

    fn visit_expr_let(&mut self, expr: &'ast syn::ExprLet) {
        self.0.destructured(&expr.pat, &expr.expr);
        self.0.hide(&expr.pat);
    }

    fn visit_expr_if(&mut self, expr: &'ast syn::ExprIf) {
        // The names of the patterns in the condition are in scope in the condition and in the first branch only.
        let depth = self.0.hidden.len();
        self.0.hidden.push(Vec::new());
        let holds = self.0.condition(&expr.cond);
        let patterns = self.0.hidden.split_off(depth);
        self.0.either(vec![
            Box::new(|walker| {
                (walker.set, walker.dead) = holds;
                walker.hidden.extend(patterns);
                Visitor(walker).visit_block(&expr.then_branch);
                walker.hidden.truncate(depth);
            }),
            Box::new(|walker| {
                if let Some((_, branch)) = &expr.else_branch {
                    Visitor(walker).visit_expr(branch);
                }
            }),
        ]);
    }

    fn visit_expr_match(&mut self, expr: &'ast syn::ExprMatch) {
        match expr.arms.iter().any(|arm| bindings(&arm.pat).iter().any(|binding| binding.by_ref.is_none())) {
            true => self.visit_expr(&expr.expr),
            false => self.0.borrowed(&expr.expr),
        }
        expr.arms.iter().for_each(|arm| self.0.changed_by(&arm.pat, &expr.expr));
        let arms = expr.arms.iter().map(|arm| {
            let walk: Alternative<'_, 'a> = Box::new(move |walker| {
                walker.scoped(|walker| {
                    walker.hide(&arm.pat);
                    if let Pat::Guard(guarded) = &arm.pat {
                        Visitor(walker).visit_expr(&guarded.guard);
                    }
                    Visitor(walker).visit_expr(&arm.body);
                });
            });
            walk
        });
        self.0.either(arms.collect());
    }

    fn visit_expr_binary(&mut self, expr: &'ast syn::ExprBinary) {
        if is_compound(&expr.op) {
            self.0.changed(&expr.left, true);
        }
        match expr.op {
            BinOp::And(_) | BinOp::Or(_) => {
                self.visit_expr(&expr.left);
                self.0.maybe(|walker| Visitor(walker).visit_expr(&expr.right));
            }
            BinOp::Eq(_) | BinOp::Ne(_) | BinOp::Lt(_) | BinOp::Le(_) | BinOp::Gt(_) | BinOp::Ge(_) => {
                self.0.borrowed(&expr.left);
                self.0.borrowed(&expr.right);
            }
            BinOp::Add(_) | BinOp::Sub(_) | BinOp::Mul(_) | BinOp::Div(_) | BinOp::Rem(_) => {
                self.visit_expr(&expr.left);
                self.visit_expr(&expr.right);
            }
            _ => {
                self.0.borrowed(&expr.left);
                self.visit_expr(&expr.right);
            }
        }
    }

    fn visit_expr_field(&mut self, expr: &'ast syn::ExprField) {
        match part(&expr.base) {
            Some((name, path)) => self.0.place(&name, below(&path, &expr.member), true),
            None => self.visit_expr(&expr.base),
        }
    }

    fn visit_expr_reference(&mut self, expr: &'ast syn::ExprReference) {
        if expr.mutability.is_some() {
            self.0.changed(&expr.expr, true);
        }
        self.0.borrowed(&expr.expr);
    }

    fn visit_expr_index(&mut self, expr: &'ast syn::ExprIndex) {
        self.0.borrowed(&expr.expr);
        self.visit_expr(&expr.index);
    }

    fn visit_expr_method_call(&mut self, expr: &'ast syn::ExprMethodCall) {
        if !is_reading(&expr.method) {
            self.0.changed(&expr.receiver, is_mutating(&expr.method));
        }
        match borrows_receiver(&unraw(&expr.method)) {
            true => self.0.borrowed(&expr.receiver),
            false => self.visit_expr(&expr.receiver),
        }
        expr.args.iter().for_each(|arg| self.visit_expr(arg));
    }

    fn visit_expr_assign(&mut self, expr: &'ast syn::ExprAssign) {
        self.visit_expr(&expr.right);
        self.0.assign(&expr.left);
    }

    fn visit_expr_while(&mut self, expr: &'ast syn::ExprWhile) {
        self.0.inside(expr.label.as_ref(), true, |walker| {
            walker.maybe(|walker| {
                walker.scoped(|walker| {
                    (walker.set, walker.dead) = walker.condition(&expr.cond);
                    Visitor(walker).visit_block(&expr.body);
                });
            });
        });
    }

    fn visit_expr_for_loop(&mut self, expr: &'ast syn::ExprForLoop) {
        self.visit_expr(&expr.expr);
        self.0.inside(expr.label.as_ref(), true, |walker| {
            walker.maybe(|walker| {
                walker.scoped(|walker| {
                    walker.hide(&expr.pat);
                    Visitor(walker).visit_block(&expr.body);
                });
            });
        });
    }

    fn visit_expr_loop(&mut self, expr: &'ast syn::ExprLoop) {
        let left = self.0.inside(expr.label.as_ref(), true, |walker| Visitor(walker).visit_block(&expr.body));
        self.0.after(left);
    }

    fn visit_expr_block(&mut self, expr: &'ast syn::ExprBlock) {
        match &expr.label {
            Some(label) => {
                let left = self.0.inside(Some(label), false, |walker| {
                    Visitor(walker).visit_block(&expr.block);
                    if let (false, Some(block)) = (walker.dead, walker.inner.last_mut()) {
                        block.leave(&walker.set);
                    }
                });
                self.0.after(left);
            }
            None => self.visit_block(&expr.block),
        }
    }

    fn visit_expr_break(&mut self, expr: &'ast syn::ExprBreak) {
        if let Some(value) = &expr.expr {
            self.visit_expr(value);
        }
        self.0.jump(expr.label.as_ref(), false);
    }

    fn visit_expr_continue(&mut self, expr: &'ast syn::ExprContinue) {
        self.0.jump(expr.label.as_ref(), true);
    }

    fn visit_expr_return(&mut self, expr: &'ast syn::ExprReturn) {
        visit::visit_expr_return(self, expr);
        self.0.def_use.returns = true;
        self.0.dead = true;
    }

    fn visit_expr_closure(&mut self, expr: &'ast syn::ExprClosure) {
        let inner = std::mem::take(&mut self.0.inner);
        let in_closure = std::mem::replace(&mut self.0.in_closure, true);
        let moves = self.0.in_move || expr.capture.is_some();
        let in_move = std::mem::replace(&mut self.0.in_move, moves);
        self.0.maybe(|walker| {
            walker.scoped(|walker| {
                expr.inputs.iter().for_each(|input| walker.hide(input));
                Visitor(walker).visit_expr(&expr.body);
            });
        });
        self.0.inner = inner;
        (self.0.in_closure, self.0.in_move) = (in_closure, in_move);
    }

    fn visit_expr_async(&mut self, expr: &'ast syn::ExprAsync) {
        self.0.maybe(|walker| Visitor(walker).visit_block(&expr.block));
    }

    // An item cannot use locals.
    fn visit_item(&mut self, _: &'ast syn::Item) {}

    fn visit_expr_path(&mut self, expr: &'ast syn::ExprPath) {
        if let Some(ident) = expr.path.get_ident().filter(|_| expr.qself.is_none()) {
            self.0.uses(&unraw(ident));
        }
    }

    fn visit_macro(&mut self, mac: &'ast Macro) {
        match arguments(mac) {
            Some(args) => {
                for arg in args.exprs() {
                    match arg {
                        // The name in `name = value` is that of an argument.
                        Expr::Assign(named) if args.formats => self.0.borrowed(&named.right),
                        arg if args.formats => self.0.borrowed(arg),
                        arg => self.0.walk_expr(arg),
                    }
                }
                if let Some(text) = args.format() {
                    let captured = captured(&text.token().to_string());
                    // `x` of `"{x}", x = 1` is an argument.
                    let captured = captured.iter().filter(|name| !args.names().any(|other| unraw(other) == **name));
                    captured.for_each(|name| self.0.uses(name));
                }
            }
            None => {
                let names = mentioned(&mac.tokens);
                for name in &names {
                    self.0.uses(name);
                    self.0.changed_part(name, String::new(), false);
                }
                // It may contain a `break` of any loop around it.
                if !self.0.dead && names.iter().any(|name| name == "break") {
                    let walker = &mut *self.0;
                    let changes = &walker.def_use.changes;
                    walker.inner.iter_mut().for_each(|inner| {
                        inner.leave(&walker.set);
                        inner.changes.add(changes);
                    });
                }
            }
        }
        self.0.dead |= is_diverging(mac);
    }
}
