//! Expressions with an await: each is split at its awaits, and becomes the expression that remains after the last one.

use quote::{ToTokens, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, parse_quote};

use crate::control_flow::builder::{Builder, Dest};
use crate::control_flow::operands::Role;
use crate::control_flow::splitting::{after, never, splits_if};
use crate::control_flow::state_names::{awaited, words};
use crate::def_use;
use crate::errors;
use crate::graph::{Await, Entry, Node, answer_ident, point_ident};
use crate::ids::AwaitId;
use crate::syntax::effects::{changes_name, index_changes, is_comparison, is_compound, is_pure};
use crate::syntax::{always_evaluated, arguments, contains_await, mentioned, tokens_await};

impl Builder<'_> {
    /// Splits an expression at its awaits. The result belongs to the current block and must be evaluated next.
    pub(super) fn expr(&mut self, expr: Expr) -> Expr {
        match expr {
            Expr::Await(expr) => self.await_(expr),
            Expr::Paren(mut expr) => {
                expr.expr = Box::new(self.expr(*expr.expr));
                Expr::Paren(expr)
            }
            Expr::Group(mut expr) => {
                expr.expr = Box::new(self.expr(*expr.expr));
                Expr::Group(expr)
            }
            Expr::Unary(mut expr) => {
                expr.expr = Box::new(self.expr(*expr.expr));
                Expr::Unary(expr)
            }
            Expr::Cast(mut expr) => {
                expr.expr = Box::new(self.expr(*expr.expr));
                Expr::Cast(expr)
            }
            Expr::Field(mut expr) => {
                expr.base = Box::new(self.expr(*expr.base));
                Expr::Field(expr)
            }
            Expr::Try(mut expr) => {
                expr.expr = Box::new(self.expr(*expr.expr));
                Expr::Try(expr)
            }
            Expr::Reference(mut expr) => {
                expr.expr = Box::new(self.expr(*expr.expr));
                Expr::Reference(expr)
            }
            Expr::Binary(expr) if matches!(expr.op, syn::BinOp::And(_) | syn::BinOp::Or(_)) => self.lazy(expr),
            Expr::Binary(expr) if is_compound(&expr.op) => self.compound(expr),
            Expr::Binary(mut expr) if is_comparison(&expr.op) => {
                let [left, right] = self.operands([(*expr.left, Role::Compared), (*expr.right, Role::Compared)]);
                (expr.left, expr.right) = (Box::new(left), Box::new(right));
                Expr::Binary(expr)
            }
            Expr::Binary(mut expr) => {
                let [left, right] = self.operands([(*expr.left, Role::Value), (*expr.right, Role::Value)]);
                (expr.left, expr.right) = (Box::new(left), Box::new(right));
                Expr::Binary(expr)
            }
            Expr::Assign(mut expr) => {
                self.take_and_restore(&mut expr);
                // Rust evaluates the right side of an assignment first.
                let [right, left] = self.operands([(*expr.right, Role::Value), (*expr.left, Role::Place)]);
                (expr.left, expr.right) = (Box::new(left), Box::new(right));
                Expr::Assign(expr)
            }
            Expr::Call(mut expr) => {
                let args = std::mem::take(&mut expr.args).into_iter().map(|arg| (arg, Role::Value));
                let mut all = self.sequence([(*expr.func, Role::Place)].into_iter().chain(args).collect()).into_iter();
                expr.func = Box::new(all.next().expect("the function"));
                expr.args = all.collect();
                Expr::Call(expr)
            }
            Expr::MethodCall(mut expr) => {
                let args = std::mem::take(&mut expr.args).into_iter().map(|arg| (arg, Role::Value));
                let receiver = (*expr.receiver, Role::Place);
                let mut all = self.sequence([receiver].into_iter().chain(args).collect()).into_iter();
                expr.receiver = Box::new(all.next().expect("the receiver"));
                expr.args = all.collect();
                Expr::MethodCall(expr)
            }
            Expr::Index(mut expr) => {
                let [base, index] = self.operands([(*expr.expr, Role::Place), (*expr.index, Role::Value)]);
                (expr.expr, expr.index) = (Box::new(base), Box::new(index));
                Expr::Index(expr)
            }
            Expr::Tuple(mut expr) => {
                expr.elems = self.values(std::mem::take(&mut expr.elems)).into_iter().collect();
                if expr.elems.len() == 1 {
                    expr.elems.push_punct(Default::default());
                }
                Expr::Tuple(expr)
            }
            Expr::Array(mut expr) => {
                expr.elems = self.values(std::mem::take(&mut expr.elems)).into_iter().collect();
                Expr::Array(expr)
            }
            Expr::Repeat(mut expr) => {
                expr.expr = Box::new(self.expr(*expr.expr));
                Expr::Repeat(expr)
            }
            Expr::Range(mut expr) => {
                let ends = [expr.start.take(), expr.end.take()].map(|end| end.map(|end| *end));
                let [start, end] = ends.clone();
                let all = ends.into_iter().flatten().map(|end| (end, Role::Value)).collect();
                let mut all = self.sequence(all).into_iter();
                expr.start = start.and_then(|_| all.next()).map(Box::new);
                expr.end = end.and_then(|_| all.next()).map(Box::new);
                Expr::Range(expr)
            }
            Expr::Struct(mut expr) => {
                let values = expr.fields.iter().map(|field| (field.expr.clone(), Role::Value));
                let rest = expr.rest.take().map(|rest| (*rest, Role::Value));
                let has_rest = rest.is_some();
                let mut all = self.sequence(values.chain(rest).collect()).into_iter();
                for field in &mut expr.fields {
                    field.expr = all.next().expect("each field has a value");
                    field.colon_token.get_or_insert_with(Default::default);
                }
                expr.rest = if has_rest { all.next().map(Box::new) } else { None };
                Expr::Struct(expr)
            }
            Expr::Macro(mut expr) => {
                let Some(mut args) = arguments(&expr.mac) else { return Expr::Macro(expr) };
                let role = if args.formats { Role::Shown } else { Role::Value };
                let list = args.exprs().map(|arg| match arg {
                    Expr::Assign(named) if args.formats => ((*named.right).clone(), role),
                    arg => (arg.clone(), role),
                });
                let list: Vec<_> = list.collect();
                for (lazy, _) in list.iter().skip(always_evaluated(&expr.mac)) {
                    if let Some(span) = tokens_await(&lazy.to_token_stream()) {
                        self.errors.add(errors::body::await_in_macro(span, &expr.mac));
                    }
                }
                let lowered = self.sequence(list);
                let formats = args.formats;
                for (arg, lowered) in args.exprs_mut().zip(lowered) {
                    match arg {
                        Expr::Assign(named) if formats => *named.right = lowered,
                        arg => *arg = lowered,
                    }
                }
                expr.mac.tokens = args.into_tokens();
                Expr::Macro(expr)
            }
            Expr::If(expr) if !splits_if(&expr) => {
                let mut expr = expr;
                expr.cond = Box::new(self.first_link(*expr.cond));
                Expr::If(expr)
            }
            Expr::Match(expr) if !expr.arms.iter().any(|arm| contains_await(&*arm.body)) => {
                let mut expr = expr;
                expr.expr = Box::new(self.expr(*expr.expr));
                Expr::Match(expr)
            }
            Expr::Loop(expr) => {
                let (after, local) = self.join_with_value("AfterLoop");
                self.split_loop(&expr, after);
                self.value(local)
            }
            Expr::ForLoop(mut expr) if !contains_await(&expr.body) => {
                expr.expr = Box::new(self.expr(*expr.expr));
                Expr::ForLoop(expr)
            }
            Expr::While(_) | Expr::ForLoop(_) => {
                self.effect(expr);
                parse_quote!(())
            }
            Expr::Block(expr) if expr.label.is_some() => {
                let (after, local) = self.join_with_value("AfterBlock");
                self.labelled_block(expr, after, Dest::Value(after));
                self.value(local)
            }
            Expr::If(_) | Expr::Match(_) | Expr::Block(_) => {
                let (join, local) = self.join_with_value(after(&expr));
                self.tail(expr, Dest::Value(join));
                self.enter(join);
                self.value(local)
            }
            Expr::Return(expr) => {
                match expr.expr {
                    Some(value) => self.tail(*value, Dest::Return),
                    None => self.deliver(None, Dest::Return),
                }
                self.cur = None;
                never()
            }
            Expr::Break(expr) => self.break_(expr),
            Expr::Continue(expr) => self.continue_(expr),
            // An await inside of one of these has been reported.
            other => other,
        }
    }

    pub(super) fn await_(&mut self, expr: syn::ExprAwait) -> Expr {
        let (label, mut was) = self.label.take().map_or_else(Default::default, |at| (at.name, at.was));
        let is_labelled = label.is_some();
        let hint = if is_labelled { None } else { self.hint.take() };
        if hint.is_some() {
            was.append(&mut self.was);
        }
        let name = label.map(|label| label.value()).or(hint).unwrap_or_else(|| awaited(&expr.base));
        let asks = words(&expr.base);
        let span = expr.await_token.span;
        let operand = if contains_await(&*expr.base) { self.expr(*expr.base) } else { *expr.base };
        let operand = self.code(operand);
        let id = AwaitId(self.graph.awaits.len());
        let resume = self.new_block(Entry::Resume(id));
        self.graph.awaits.push(Await { is_labelled, name, was, asks, span, resume });
        if self.is_reachable() {
            self.graph.blocks[resume.0].predecessors = 1;
        }
        self.push(Node::Await { id, operand });
        self.enter(resume);
        let (point, answer) = (point_ident(id, span), answer_ident(span));
        // rustc reports an error in the type of the answer on the await.
        Expr::Verbatim(quote_spanned!(span=> #point.answer(#answer)))
    }

    /// `a && b.await`
    pub(super) fn lazy(&mut self, expr: syn::ExprBinary) -> Expr {
        if !contains_await(&*expr.right) {
            let mut expr = expr;
            expr.left = Box::new(self.expr(*expr.left));
            return Expr::Binary(expr);
        }
        let left = if contains_await(&*expr.left) { self.expr(*expr.left) } else { *expr.left };
        let right = *expr.right;
        let (join, local) = self.join_with_value("AfterCondition");
        let is_and = matches!(expr.op, syn::BinOp::And(_));
        let decided: Expr = if is_and { parse_quote!(false) } else { parse_quote!(true) };
        let go_on = |this: &mut Self| this.tail(right, Dest::Value(join));
        let stop = |this: &mut Self| this.deliver(Some(decided), Dest::Value(join));
        if is_and {
            self.decide(left, stop, go_on);
        } else {
            self.decide(left, go_on, stop);
        }
        self.enter(join);
        self.value(local)
    }

    /// `place += value`. Rust evaluates the right side first if both are numbers, else the left side.
    pub(super) fn compound(&mut self, mut expr: syn::ExprBinary) -> Expr {
        if !contains_await(&*expr.right) {
            let read = mentioned(&expr.right.to_token_stream());
            if !is_pure(&expr.right) || read.iter().any(|name| changes_name(&expr.left, name)) {
                self.errors.add(errors::body::compound_order(expr.op.span()));
            }
            expr.left = Box::new(self.expr(*expr.left));
            return Expr::Binary(expr);
        }
        if contains_await(&*expr.left) || index_changes(&expr.right, &expr.left) {
            self.errors.add(errors::body::compound_order(expr.op.span()));
        }
        expr.right = Box::new(self.expr(*expr.right));
        if !is_pure(&expr.left) {
            // The left side has a side effect, so the order matters: it is evaluated second only for numbers.
            let left = &expr.left;
            expr.left = syn::parse_quote_spanned!(left.span()=> *::stube::__private::number(&mut #left));
        }
        Expr::Binary(expr)
    }

    pub(super) fn break_(&mut self, expr: syn::ExprBreak) -> Expr {
        let Some(split) = def_use::target(&self.loops, expr.label.as_ref()).cloned() else {
            match &expr.label {
                Some(label) => self.errors.add(errors::body::unknown_label(label.span())),
                None => self.plain(&parse_quote!(break;)),
            }
            return never();
        };
        let dest = match self.graph.value(split.break_to) {
            Some(_) => Dest::Value(split.break_to),
            None => Dest::Discard(split.break_to),
        };
        match expr.expr {
            Some(value) => self.tail(*value, dest),
            None => self.deliver(None, dest),
        }
        self.cur = None;
        never()
    }

    pub(super) fn continue_(&mut self, expr: syn::ExprContinue) -> Expr {
        match def_use::target(&self.loops, expr.label.as_ref()).and_then(|split| split.continue_to) {
            Some(head) => {
                self.jump(head, None);
                never()
            }
            None => {
                match &expr.label {
                    Some(label) => self.errors.add(errors::body::unknown_label(label.span())),
                    None => self.plain(&parse_quote!(continue;)),
                }
                never()
            }
        }
    }
}
