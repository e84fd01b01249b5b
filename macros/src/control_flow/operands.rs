//! Keeps the evaluation order of operands if one of them awaits: the operands before it are evaluated before the await,
//! and their values are stored in locals.

use quote::ToTokens;
use syn::spanned::Spanned;
use syn::{Expr, parse_quote};

use crate::control_flow::builder::Builder;
use crate::errors;
use crate::syntax::borrows::is_borrowing_call;
use crate::syntax::effects::{changes, changes_name, is_place, is_settled, is_text};
use crate::syntax::{contains_await, mentioned};

impl Builder<'_> {
    pub(super) fn values(&mut self, values: impl IntoIterator<Item = Expr>) -> Vec<Expr> {
        self.sequence(values.into_iter().map(|value| (value, Role::Value)).collect())
    }

    pub(super) fn operands<const N: usize>(&mut self, operands: [(Expr, Role); N]) -> [Expr; N] {
        let all = self.sequence(operands.into_iter().collect());
        all.try_into().unwrap_or_else(|_| unreachable!("as many come out as went in"))
    }

    /// Splits operands at their awaits, in the order in which Rust evaluates them.
    pub(super) fn sequence(&mut self, operands: Vec<(Expr, Role)>) -> Vec<Expr> {
        let Some(last) = operands.iter().rposition(|(operand, _)| contains_await(operand)) else {
            return operands.into_iter().map(|(operand, _)| operand).collect();
        };
        let later: Vec<_> = operands.iter().map(|(operand, _)| operand.clone()).collect();
        let operands = operands.into_iter().enumerate().map(|(index, (operand, role))| {
            if index > last {
                return operand;
            }
            let operand = if contains_await(&operand) { self.expr(operand) } else { operand };
            if index == last { operand } else { self.keep(operand, role, &later[index + 1..=last]) }
        });
        operands.collect()
    }

    /// An operand that is used after these later operands have been evaluated.
    fn keep(&mut self, operand: Expr, role: Role, later: &[Expr]) -> Expr {
        let changed = later.iter().any(|later| changes(later, &operand));
        match role {
            Role::Value if is_settled(&operand) && !changed => operand,
            // The borrow checker ensures that the later operands do not change what is borrowed here.
            Role::Value if matches!(operand, Expr::Reference(_)) => self.place(operand, later),
            Role::Compared if is_place(&operand) && !changed => self.place(operand, later),
            Role::Value | Role::Compared => self.spill("operand", operand, false),
            Role::Place | Role::Shown if changed => {
                self.errors.add(errors::body::changed_while_used(operand.span()));
                operand
            }
            Role::Place | Role::Shown => self.place(operand, later),
        }
    }

    /// The index of a place that is used later. It is evaluated now, and a key that is borrowed may change until then.
    fn key(&mut self, key: Expr, later: &[Expr]) -> Expr {
        let is_changed = || {
            let names = mentioned(&key.to_token_stream());
            names.iter().any(|name| later.iter().any(|later| changes_name(later, name)))
        };
        match &key {
            Expr::Reference(reference) if reference.mutability.is_none() && is_changed() => {
                if self.is_whole_borrow(&reference.expr) {
                    self.errors.add(errors::body::changed_while_used(key.span()));
                    return key;
                }
                self.key_with_copy(key)
            }
            Expr::MethodCall(call) if is_borrowing_call(call) && is_changed() => self.key_with_copy(key),
            _ => self.keep(key, Role::Value, later),
        }
    }

    /// A place that is used later: its parts with side effects are evaluated now.
    fn place(&mut self, place: Expr, later: &[Expr]) -> Expr {
        match place {
            Expr::Lit(_) | Expr::Path(_) => place,
            // The format string of a macro.
            Expr::Macro(_) if is_text(&place) => place,
            Expr::Paren(mut place) => {
                place.expr = Box::new(self.place(*place.expr, later));
                Expr::Paren(place)
            }
            Expr::Group(mut place) => {
                place.expr = Box::new(self.place(*place.expr, later));
                Expr::Group(place)
            }
            Expr::Field(mut place) => {
                place.base = Box::new(self.place(*place.base, later));
                Expr::Field(place)
            }
            Expr::Reference(mut place) => {
                place.expr = Box::new(self.place(*place.expr, later));
                Expr::Reference(place)
            }
            Expr::Unary(mut place) if matches!(place.op, syn::UnOp::Deref(_)) => {
                place.expr = Box::new(self.place(*place.expr, later));
                Expr::Unary(place)
            }
            Expr::Index(mut place) => {
                place.expr = Box::new(self.place(*place.expr, later));
                place.index = Box::new(self.key(*place.index, later));
                // An index out of bounds must panic now, not later. An index is cloned, because a range is moved by indexing.
                let mut probe = place.clone();
                if !matches!(*probe.index, Expr::Lit(_) | Expr::Reference(_)) {
                    let index = &place.index;
                    *probe.index = parse_quote!(::core::clone::Clone::clone(&#index));
                }
                self.plain(&parse_quote!(let _ = &#probe;));
                Expr::Index(place)
            }
            value => self.spill("operand", value, true),
        }
    }
}

/// How an operand is used.
#[derive(Debug, Clone, Copy)]
pub(super) enum Role {
    /// By value: moved or copied when it is evaluated.
    Value,
    /// In a comparison: copied when it is evaluated if it is a number, otherwise borrowed.
    Compared,
    /// As a place, after all operands have been evaluated: `v` of `v.push(x)`.
    Place,
    /// Borrowed by a format macro.
    Shown,
}
