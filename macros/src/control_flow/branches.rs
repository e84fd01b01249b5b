//! `if` and `match` with an await in a branch or in a condition.

use syn::{Block as SynBlock, Expr, Pat, parse_quote};

use crate::control_flow::builder::{Builder, Dest};
use crate::def_use::DefUse;
use crate::graph::{Arm, Node};
use crate::ids::BlockId;
use crate::syntax::{bindings, condition_patterns, contains_await, links, may_borrow};

impl Builder<'_> {
    pub(super) fn split_if(&mut self, expr: syn::ExprIf, dest: Dest) {
        let otherwise = expr.else_branch.map(|(_, branch)| *branch);
        self.condition(&expr.cond, dest, otherwise, |this| this.branch_stmts(&expr.then_branch, dest));
    }

    pub(super) fn branch_stmts(&mut self, block: &SynBlock, dest: Dest) {
        self.stmts(&block.stmts, dest, &parse_quote!(()));
    }

    pub(super) fn otherwise(&mut self, branch: Option<Expr>, dest: Dest) {
        match branch {
            None => self.deliver(None, dest),
            Some(Expr::Block(block)) if block.label.is_none() => self.branch_stmts(&block.block, dest),
            Some(branch) => self.tail(branch, dest),
        }
        self.cur = None;
    }

    /// `if cond { then } else { otherwise }`. Any operand of the `&&`s in the condition may contain an await.
    pub(super) fn condition(&mut self, cond: &Expr, dest: Dest, otherwise: Option<Expr>, then: impl FnOnce(&mut Self)) {
        let links: Vec<_> = links(cond).into_iter().cloned().collect();
        if !links.iter().skip(1).any(|link| self.stands_alone(link)) {
            // Only the first operand awaits, so the rest is evaluated after that await as one condition.
            let cond = if links.iter().any(contains_await) { self.first_link(cond.clone()) } else { cond.clone() };
            self.decide(cond, |this| this.otherwise(otherwise, dest), then);
            return;
        }
        // Several places lead to the other branch, so it becomes a block.
        let other = self.join("Else");
        self.chain(&links, other, Box::new(then));
        self.enter(other);
        if self.is_reachable() {
            self.scoped(|this| this.otherwise(otherwise, dest));
        }
        self.cur = None;
    }

    /// Whether an operand of a condition needs code directly before it: it awaits, or it borrows from a temporary value
    /// that must be saved.
    pub(super) fn stands_alone(&self, link: &Expr) -> bool {
        contains_await(link)
            || matches!(link, Expr::Let(link)
                if !bindings(&link.pat).is_empty() && may_borrow(&link.expr)
                    && (!self.is_repeatable_borrow(&link.expr) || self.has_key_to_come(&link.expr)))
    }

    /// Evaluates the await in the first operand of a condition.
    pub(super) fn first_link(&mut self, cond: Expr) -> Expr {
        match cond {
            Expr::Binary(mut binary) if matches!(binary.op, syn::BinOp::And(_)) => {
                binary.left = Box::new(self.first_link(*binary.left));
                Expr::Binary(binary)
            }
            Expr::Let(mut link) => {
                link.expr = Box::new(self.expr(*link.expr));
                Expr::Let(link)
            }
            cond => self.expr(cond),
        }
    }

    /// `if cond { then } else { otherwise }`, where the condition does not await.
    pub(super) fn decide(&mut self, cond: Expr, otherwise: impl FnOnce(&mut Self), then: impl FnOnce(&mut Self)) {
        let cond = self.make_first_repeatable(cond);
        let patterns = condition_patterns(&cond);
        let code = self.code(cond.clone());
        let mut binds = Vec::new();
        let then = self.branch(|this| {
            for (pat, value) in &patterns {
                let borrows = this.borrows(pat, value);
                let declared = this.declare_pat(pat);
                this.bind_reborrows(borrows, &declared);
                binds.extend(declared);
            }
            then(this);
            this.cur = None;
        });
        let otherwise = self.branch(|this| {
            otherwise(this);
            this.cur = None;
        });
        self.push(Node::If { cond: code, binds, then, otherwise });
        self.cur = None;
    }

    /// Stores the temporary values that the first operand of a condition borrows from. The other operands borrow from
    /// places only.
    pub(super) fn make_first_repeatable(&mut self, cond: Expr) -> Expr {
        match cond {
            Expr::Binary(mut binary) if matches!(binary.op, syn::BinOp::And(_)) => {
                binary.left = Box::new(self.make_first_repeatable(*binary.left));
                Expr::Binary(binary)
            }
            Expr::Let(mut link) if !bindings(&link.pat).is_empty() => {
                link.expr = Box::new(self.make_repeatable(*link.expr));
                Expr::Let(link)
            }
            cond => cond,
        }
    }

    /// `if links[0] && links[1] && ...`: each operand that needs code before it is an `if` inside the one before.
    pub(super) fn chain(&mut self, links: &[Expr], other: BlockId, then: Box<dyn FnOnce(&mut Self) + '_>) {
        let Some((first, rest)) = links.split_first() else {
            then(self);
            return;
        };
        let plain = rest.iter().take_while(|link| !self.stands_alone(link)).count();
        let (together, rest) = rest.split_at(plain);
        let first = if contains_await(first) { self.first_link(first.clone()) } else { first.clone() };
        let cond = together.iter().fold(first, |cond, link| parse_and(cond, link.clone()));
        self.decide(cond, |this| this.jump(other, None), |this| this.chain(rest, other, then));
    }

    pub(super) fn split_match(&mut self, expr: syn::ExprMatch, dest: Dest) {
        let scrutinee = if contains_await(&*expr.expr) { self.expr(*expr.expr) } else { *expr.expr };
        let scrutinee = if expr.arms.iter().any(|arm| !bindings(&arm.pat).is_empty()) {
            self.make_repeatable(scrutinee)
        } else {
            scrutinee
        };
        let matched = scrutinee.clone();
        let scrutinee = self.code(scrutinee);
        let arms = expr.arms.into_iter().map(|arm| {
            let (mut binds, mut def_use) = (Vec::new(), DefUse::default());
            let mut pat = arm.pat;
            let body = self.branch(|this| {
                let borrows = this.borrows(&pat, &matched);
                binds = this.declare_pat(&pat);
                this.bind_reborrows(borrows, &binds);
                if let Pat::Guard(guarded) = &mut pat {
                    let code = this.code((*guarded.guard).clone());
                    (*guarded.guard, def_use) = (code.expr, code.def_use);
                }
                match *arm.body {
                    Expr::Block(block) if block.label.is_none() => this.branch_stmts(&block.block, dest),
                    body => this.tail(body, dest),
                }
                this.cur = None;
            });
            Arm { pat, def_use, binds, body }
        });
        let arms = arms.collect();
        self.push(Node::Match { scrutinee, arms });
        self.cur = None;
    }
}

fn parse_and(left: Expr, right: Expr) -> Expr {
    Expr::Binary(syn::ExprBinary {
        attrs: Vec::new(),
        left: Box::new(left),
        op: syn::BinOp::And(Default::default()),
        right: Box::new(right),
    })
}
