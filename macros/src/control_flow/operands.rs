//! The order in which Rust evaluates operands, kept when one of them awaits: what comes before it is evaluated before,
//! and held over the await.

use syn::spanned::Spanned;
use syn::{Expr, parse_quote};

use crate::control_flow::builder::Builder;
use crate::errors;
use crate::syntax::contains_await;
use crate::syntax::effects::{changes, is_place, is_settled, is_text};

impl Builder<'_> {
    pub(super) fn values(&mut self, values: impl IntoIterator<Item = Expr>) -> Vec<Expr> {
        self.sequence(values.into_iter().map(|value| (value, Role::Value)).collect())
    }

    pub(super) fn operands<const N: usize>(&mut self, operands: [(Expr, Role); N]) -> [Expr; N] {
        let all = self.sequence(operands.into_iter().collect());
        all.try_into().unwrap_or_else(|_| unreachable!("as many come out as went in"))
    }

    /// Operands in the order in which Rust evaluates them. Those before the last await are evaluated before it.
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

    /// An operand that is used after these later ones have been evaluated.
    fn keep(&mut self, operand: Expr, role: Role, later: &[Expr]) -> Expr {
        let changed = later.iter().any(|later| changes(later, &operand));
        match role {
            Role::Value if is_settled(&operand) && !changed => operand,
            // Whoever could change what is borrowed here has been stopped by the compiler.
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

    /// A place that is used later: what it is made of is evaluated now.
    fn place(&mut self, place: Expr, later: &[Expr]) -> Expr {
        match place {
            Expr::Lit(_) | Expr::Path(_) => place,
            // The text of a format macro.
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
                place.index = Box::new(self.keep(*place.index, Role::Value, later));
                // An element that is not there panics now, not later. A range is moved where it indexes.
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

/// How an operand is taken.
#[derive(Debug, Clone, Copy)]
pub(super) enum Role {
    /// Moved or copied when it is evaluated.
    Value,
    /// Copied when it is evaluated if it is a number, else borrowed.
    Compared,
    /// A place that is used when all operands have been evaluated: `v` of `v.push(x)`.
    Place,
    /// Borrowed by a macro that shows it.
    Shown,
}
