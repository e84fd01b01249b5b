//! Takes a piece of code that does not await, and what the names around it mean. Gives its [`Facts`]: which locals it
//! needs, which it sets for certain, which it mentions at all, and which split loops it may leave or repeat.
//! Never looks at types; a name inside a macro counts as needed.

use std::collections::BTreeSet;

use proc_macro2::Span;
use syn::visit::{self, Visit};
use syn::{Expr, Lifetime, Macro, Pat, Stmt};

use crate::graph::{BlockId, LocalId};
use crate::syntax::{arguments, bindings, is_diverging, mentioned, unraw};

/// What a piece of code does with the locals around it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    /// It may read their value from before.
    pub(crate) uses: BTreeSet<LocalId>,
    /// It sets them whenever it comes to its end.
    pub(crate) sets: BTreeSet<LocalId>,
    /// It names them.
    pub(crate) mentions: BTreeSet<LocalId>,
    /// It may go on there instead of coming to its end.
    pub(crate) exits: BTreeSet<BlockId>,
    /// It never comes to its end, as far as syntax tells.
    pub(crate) diverges: bool,
    /// Labels that no loop around has.
    pub(crate) unknown_labels: Vec<Span>,
}

/// The locals in sight, the innermost last.
pub(crate) type Env = Vec<(String, LocalId)>;

/// A loop or labelled block that holds an await, and so is no loop in the generated code.
#[derive(Debug, Clone)]
pub(crate) struct SplitLoop {
    pub(crate) label: Option<String>,
    pub(crate) break_to: BlockId,
    /// `None` for a labelled block.
    pub(crate) continue_to: Option<BlockId>,
}

/// The split loop that a `break` or `continue` leads to.
pub(crate) fn target<'a>(loops: &'a [SplitLoop], label: Option<&Lifetime>) -> Option<&'a SplitLoop> {
    let mut inner_first = loops.iter().rev();
    match label {
        Some(label) => inner_first.find(|split| split.label.as_deref() == Some(&label.ident.to_string())),
        None => inner_first.find(|split| split.continue_to.is_some()),
    }
}

pub(crate) fn of_expr(expr: &Expr, env: &Env, loops: &[SplitLoop]) -> Facts {
    let mut walker = Walker::new(env, loops);
    walker.walk_expr(expr);
    walker.finish()
}

/// Of a statement; the locals that it declares are none of the locals around it.
pub(crate) fn of_stmt(stmt: &Stmt, env: &Env, loops: &[SplitLoop]) -> Facts {
    let mut walker = Walker::new(env, loops);
    walker.hidden.push(Vec::new());
    walker.walk_stmt(stmt);
    walker.finish()
}

/// One of several ways through the code.
type Alternative<'w, 'a> = Box<dyn FnOnce(&mut Walker<'a>) + 'w>;

struct Walker<'a> {
    env: &'a Env,
    loops: &'a [SplitLoop],
    facts: Facts,
    /// Set for certain on the way here.
    set: BTreeSet<LocalId>,
    /// Nothing gets here.
    dead: bool,
    /// Names declared inside the code, a list for each scope.
    hidden: Vec<Vec<String>>,
    /// The labels of the loops and blocks inside the code; `true` for a loop.
    inner: Vec<(Option<String>, bool)>,
    in_closure: bool,
}

impl<'a> Walker<'a> {
    fn new(env: &'a Env, loops: &'a [SplitLoop]) -> Self {
        let (hidden, inner) = (Vec::new(), Vec::new());
        Self {
            env,
            loops,
            facts: Facts::default(),
            set: BTreeSet::new(),
            dead: false,
            hidden,
            inner,
            in_closure: false,
        }
    }

    fn finish(mut self) -> Facts {
        self.facts.sets = self.set;
        self.facts.diverges = self.dead;
        self.facts
    }

    fn walk_expr(&mut self, expr: &Expr) {
        Shorter(self).visit_expr(expr);
    }

    fn walk_stmt(&mut self, stmt: &Stmt) {
        Shorter(self).visit_stmt(stmt);
    }

    fn local(&self, name: &str) -> Option<LocalId> {
        if self.hidden.iter().flatten().any(|hidden| hidden == name) {
            return None;
        }
        self.env.iter().rev().find(|(known, _)| known == name).map(|&(_, local)| local)
    }

    fn uses(&mut self, name: &str) {
        if let Some(local) = self.local(name) {
            self.facts.mentions.insert(local);
            if !self.dead && !self.set.contains(&local) {
                self.facts.uses.insert(local);
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

    /// Walks code that may be left out: what it sets is not certain.
    fn maybe(&mut self, visit: impl FnOnce(&mut Self)) {
        let before = (self.set.clone(), self.dead);
        visit(self);
        (self.set, self.dead) = before;
    }

    /// Walks alternatives of which exactly one runs: certain is what all of them set that come to their end.
    fn either(&mut self, alternatives: Vec<Alternative<'_, 'a>>) {
        let before = (self.set.clone(), self.dead);
        let mut certain: Option<BTreeSet<LocalId>> = None;
        for alternative in alternatives {
            (self.set, self.dead) = before.clone();
            alternative(self);
            if !self.dead {
                certain = Some(match certain {
                    Some(certain) => &certain & &self.set,
                    None => self.set.clone(),
                });
            }
        }
        self.dead = certain.is_none();
        self.set = certain.unwrap_or(before.0);
    }

    fn looping(&mut self, label: Option<&syn::Label>, visit: impl FnOnce(&mut Self)) {
        self.inner.push((label.map(|label| label.name.ident.to_string()), true));
        visit(self);
        self.inner.pop();
    }

    fn jump(&mut self, label: Option<&Lifetime>, repeats: bool) {
        let inside = match label {
            Some(label) => {
                let name = label.ident.to_string();
                self.inner.iter().any(|(inner, _)| inner.as_deref() == Some(&name))
            }
            None => self.inner.iter().any(|(_, is_loop)| *is_loop),
        };
        if !inside {
            let split = target(self.loops, label);
            let to = split.and_then(|split| if repeats { split.continue_to } else { Some(split.break_to) });
            match (to, label) {
                (Some(to), _) => {
                    self.facts.exits.insert(to);
                }
                (None, Some(label)) => self.facts.unknown_labels.push(label.span()),
                // rustc says it best: `break` outside of a loop.
                (None, None) => {}
            }
        }
        self.dead = true;
    }
}

/// The walker as a visitor of syntax that lives shorter than the walker.
struct Shorter<'w, 'a>(&'w mut Walker<'a>);

impl<'ast, 'a> Visit<'ast> for Shorter<'_, 'a> {
    fn visit_block(&mut self, block: &'ast syn::Block) {
        self.0.scoped(|walker| visit::visit_block(&mut Shorter(walker), block));
    }

    fn visit_local(&mut self, local: &'ast syn::Local) {
        if let Some(init) = &local.init {
            self.visit_expr(&init.expr);
            if let Some((_, diverge)) = &init.diverge {
                self.0.maybe(|walker| Shorter(walker).visit_expr(diverge));
            }
        }
        self.0.hide(&local.pat);
    }

    fn visit_expr_let(&mut self, expr: &'ast syn::ExprLet) {
        self.visit_expr(&expr.expr);
        self.0.hide(&expr.pat);
    }

    fn visit_expr_if(&mut self, expr: &'ast syn::ExprIf) {
        // The condition is walked in the scope of its patterns; the else branch does not see them.
        let depth = self.0.hidden.len();
        self.0.hidden.push(Vec::new());
        self.visit_expr(&expr.cond);
        let patterns = self.0.hidden.split_off(depth);
        self.0.either(vec![
            Box::new(|walker| {
                walker.hidden.extend(patterns);
                Shorter(walker).visit_block(&expr.then_branch);
                walker.hidden.truncate(depth);
            }),
            Box::new(|walker| {
                if let Some((_, branch)) = &expr.else_branch {
                    Shorter(walker).visit_expr(branch);
                }
            }),
        ]);
    }

    fn visit_expr_match(&mut self, expr: &'ast syn::ExprMatch) {
        self.visit_expr(&expr.expr);
        let arms = expr.arms.iter().map(|arm| {
            let walk: Alternative<'_, 'a> = Box::new(move |walker| {
                walker.scoped(|walker| {
                    walker.hide(&arm.pat);
                    if let Pat::Guard(guarded) = &arm.pat {
                        Shorter(walker).visit_expr(&guarded.guard);
                    }
                    Shorter(walker).visit_expr(&arm.body);
                });
            });
            walk
        });
        self.0.either(arms.collect());
    }

    fn visit_expr_binary(&mut self, expr: &'ast syn::ExprBinary) {
        self.visit_expr(&expr.left);
        match expr.op {
            syn::BinOp::And(_) | syn::BinOp::Or(_) => {
                self.0.maybe(|walker| Shorter(walker).visit_expr(&expr.right));
            }
            _ => self.visit_expr(&expr.right),
        }
    }

    fn visit_expr_assign(&mut self, expr: &'ast syn::ExprAssign) {
        self.visit_expr(&expr.right);
        let name = match &*expr.left {
            Expr::Path(path) => path.path.get_ident().map(unraw),
            _ => None,
        };
        match name.and_then(|name| self.0.local(&name)) {
            // A closure that assigns has captured the local, so it must be there already.
            Some(_) if self.0.in_closure => self.visit_expr(&expr.left),
            Some(local) => {
                self.0.facts.mentions.insert(local);
                if !self.0.dead {
                    self.0.set.insert(local);
                }
            }
            None => self.visit_expr(&expr.left),
        }
    }

    fn visit_expr_while(&mut self, expr: &'ast syn::ExprWhile) {
        self.0.looping(expr.label.as_ref(), |walker| {
            walker.maybe(|walker| {
                walker.scoped(|walker| {
                    Shorter(walker).visit_expr(&expr.cond);
                    Shorter(walker).visit_block(&expr.body);
                });
            });
        });
    }

    fn visit_expr_for_loop(&mut self, expr: &'ast syn::ExprForLoop) {
        self.visit_expr(&expr.expr);
        self.0.looping(expr.label.as_ref(), |walker| {
            walker.maybe(|walker| {
                walker.scoped(|walker| {
                    walker.hide(&expr.pat);
                    Shorter(walker).visit_block(&expr.body);
                });
            });
        });
    }

    fn visit_expr_loop(&mut self, expr: &'ast syn::ExprLoop) {
        let breaks = breaks(expr);
        self.0.looping(expr.label.as_ref(), |walker| {
            walker.maybe(|walker| Shorter(walker).visit_block(&expr.body));
        });
        self.0.dead |= !breaks;
    }

    fn visit_expr_block(&mut self, expr: &'ast syn::ExprBlock) {
        match &expr.label {
            // It may be left in the middle.
            Some(label) => {
                self.0.inner.push((Some(label.name.ident.to_string()), false));
                self.0.maybe(|walker| Shorter(walker).visit_block(&expr.block));
                self.0.inner.pop();
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
        self.0.dead = true;
    }

    fn visit_expr_closure(&mut self, expr: &'ast syn::ExprClosure) {
        let inner = std::mem::take(&mut self.0.inner);
        let in_closure = std::mem::replace(&mut self.0.in_closure, true);
        self.0.maybe(|walker| {
            walker.scoped(|walker| {
                expr.inputs.iter().for_each(|input| walker.hide(input));
                Shorter(walker).visit_expr(&expr.body);
            });
        });
        self.0.inner = inner;
        self.0.in_closure = in_closure;
    }

    fn visit_expr_async(&mut self, expr: &'ast syn::ExprAsync) {
        self.0.maybe(|walker| Shorter(walker).visit_block(&expr.block));
    }

    // An inner function sees no locals.
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
                        // `name = value` in a format macro names nothing.
                        Expr::Assign(named) if args.formats => self.0.walk_expr(&named.right),
                        arg => self.0.walk_expr(arg),
                    }
                    if let Expr::Lit(lit) = arg
                        && let syn::Lit::Str(text) = &lit.lit
                        && args.formats
                    {
                        let captured = crate::syntax::captured(&text.token().to_string());
                        captured.iter().for_each(|name| self.0.uses(name));
                    }
                }
            }
            None => mentioned(&mac.tokens).iter().for_each(|name| self.0.uses(name)),
        }
        self.0.dead |= is_diverging(mac);
    }
}

/// Whether a loop can be left by a `break` of its own.
fn breaks(expr: &syn::ExprLoop) -> bool {
    struct Finder<'a> {
        label: Option<&'a Lifetime>,
        depth: usize,
        found: bool,
    }
    impl<'ast> Visit<'ast> for Finder<'_> {
        fn visit_expr_break(&mut self, expr: &'ast syn::ExprBreak) {
            self.found |= match &expr.label {
                Some(label) => self.label == Some(label),
                None => self.depth == 0,
            };
            visit::visit_expr_break(self, expr);
        }

        fn visit_expr_loop(&mut self, expr: &'ast syn::ExprLoop) {
            self.depth += 1;
            visit::visit_expr_loop(self, expr);
            self.depth -= 1;
        }

        fn visit_expr_while(&mut self, expr: &'ast syn::ExprWhile) {
            self.depth += 1;
            visit::visit_expr_while(self, expr);
            self.depth -= 1;
        }

        fn visit_expr_for_loop(&mut self, expr: &'ast syn::ExprForLoop) {
            self.depth += 1;
            visit::visit_expr_for_loop(self, expr);
            self.depth -= 1;
        }

        fn visit_expr_closure(&mut self, _: &'ast syn::ExprClosure) {}
        fn visit_item(&mut self, _: &'ast syn::Item) {}

        // A macro may hide one.
        fn visit_macro(&mut self, mac: &'ast Macro) {
            self.found |= mentioned(&mac.tokens).iter().any(|name| name == "break");
        }
    }
    let mut finder = Finder { label: expr.label.as_ref().map(|label| &label.name), depth: 0, found: false };
    finder.visit_block(&expr.body);
    finder.found
}
