//! The order in which Rust evaluates operands, kept when one of them awaits: what comes before it is evaluated before,
//! and held over the await.

use quote::ToTokens;
use syn::spanned::Spanned;
use syn::{Expr, parse_quote};

use crate::check;
use crate::cut::Builder;
use crate::syntax::{arguments, contains_await, mentioned, unraw};

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
            Role::Value | Role::Compared => self.hold("operand", operand, false),
            Role::Place | Role::Shown if changed => {
                self.problems.add(check::changed_while_used(operand.span()));
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
            value => self.hold("operand", value, true),
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

/// Whether an expression can be evaluated later with the same result, as long as nobody changes its local.
pub(super) fn is_settled(expr: &Expr) -> bool {
    match expr {
        Expr::Lit(_) | Expr::Path(_) => true,
        Expr::Paren(expr) => is_settled(&expr.expr),
        Expr::Group(expr) => is_settled(&expr.expr),
        Expr::Field(expr) => is_settled(&expr.base),
        Expr::Reference(expr) => is_settled(&expr.expr),
        Expr::Unary(expr) => matches!(*expr.expr, Expr::Lit(_)),
        _ => false,
    }
}

/// Whether `later` may change the local at the root of `place`.
pub(super) fn changes(later: &Expr, place: &Expr) -> bool {
    root(place).is_some_and(|name| changes_name(later, &name))
}

pub(super) fn changes_name(later: &Expr, name: &str) -> bool {
    struct Finder {
        name: String,
        found: bool,
    }
    impl Finder {
        fn check(&mut self, place: &Expr) {
            self.found |= root(place).is_some_and(|root| root == self.name);
        }
    }
    impl<'ast> syn::visit::Visit<'ast> for Finder {
        fn visit_expr_assign(&mut self, expr: &'ast syn::ExprAssign) {
            self.check(&expr.left);
            syn::visit::visit_expr_assign(self, expr);
        }

        fn visit_expr_binary(&mut self, expr: &'ast syn::ExprBinary) {
            if is_compound(&expr.op) {
                self.check(&expr.left);
            }
            syn::visit::visit_expr_binary(self, expr);
        }

        fn visit_expr_reference(&mut self, expr: &'ast syn::ExprReference) {
            if expr.mutability.is_some() {
                self.check(&expr.expr);
            }
            syn::visit::visit_expr_reference(self, expr);
        }

        fn visit_expr_method_call(&mut self, expr: &'ast syn::ExprMethodCall) {
            if !READING.iter().any(|name| expr.method == name) {
                self.check(&expr.receiver);
            }
            syn::visit::visit_expr_method_call(self, expr);
        }

        fn visit_macro(&mut self, mac: &'ast syn::Macro) {
            match arguments(mac) {
                Some(args) => self.found |= args.exprs().any(|arg| changes_name(arg, &self.name)),
                None => self.found |= mentioned(&mac.tokens).contains(&self.name),
            }
        }
    }
    let mut finder = Finder { name: name.to_owned(), found: false };
    syn::visit::Visit::visit_expr(&mut finder, later);
    finder.found
}

/// Methods that leave a local as it is, even if it is one that is copied.
const READING: [&str; 32] = [
    "abs",
    "as_deref",
    "as_ref",
    "as_slice",
    "as_str",
    "chars",
    "checked_add",
    "checked_sub",
    "clone",
    "cloned",
    "contains",
    "contains_key",
    "copied",
    "ends_with",
    "first",
    "get",
    "into",
    "is_empty",
    "is_none",
    "is_some",
    "iter",
    "keys",
    "last",
    "len",
    "max",
    "min",
    "starts_with",
    "to_owned",
    "to_string",
    "trim",
    "unwrap_or",
    "values",
];

/// Whether `later` may change a local that an index of `place` reads.
pub(super) fn index_changes(later: &Expr, place: &Expr) -> bool {
    match place {
        Expr::Paren(place) => index_changes(later, &place.expr),
        Expr::Group(place) => index_changes(later, &place.expr),
        Expr::Field(place) => index_changes(later, &place.base),
        Expr::Unary(place) => index_changes(later, &place.expr),
        Expr::Index(place) => {
            let names = mentioned(&place.index.to_token_stream());
            names.iter().any(|name| changes_name(later, name)) || index_changes(later, &place.expr)
        }
        _ => false,
    }
}

/// Whether an expression only reads: nobody can tell when it is evaluated, unless what it reads is changed.
pub(super) fn is_pure(expr: &Expr) -> bool {
    match expr {
        Expr::Lit(_) | Expr::Path(_) => true,
        Expr::Paren(expr) => is_pure(&expr.expr),
        Expr::Group(expr) => is_pure(&expr.expr),
        Expr::Field(expr) => is_pure(&expr.base),
        Expr::Reference(expr) => is_pure(&expr.expr),
        Expr::Unary(expr) => is_pure(&expr.expr),
        Expr::Cast(expr) => is_pure(&expr.expr),
        Expr::Index(expr) => is_pure(&expr.expr) && is_pure(&expr.index),
        Expr::Binary(expr) => !is_compound(&expr.op) && is_pure(&expr.left) && is_pure(&expr.right),
        _ => false,
    }
}

pub(super) fn is_place(expr: &Expr) -> bool {
    match expr {
        Expr::Path(_) | Expr::Field(_) | Expr::Index(_) => true,
        Expr::Unary(expr) => matches!(expr.op, syn::UnOp::Deref(_)),
        Expr::Paren(expr) => is_place(&expr.expr),
        Expr::Group(expr) => is_place(&expr.expr),
        _ => false,
    }
}

/// `concat!("a", "b")`, which stands where a literal must stand.
pub(super) fn is_text(expr: &Expr) -> bool {
    let Expr::Macro(expr) = expr else { return false };
    let name = expr.mac.path.segments.last().map(|last| last.ident.to_string());
    matches!(name.as_deref(), Some("concat" | "stringify" | "include_str" | "env" | "file" | "module_path"))
}

pub(super) fn is_comparison(op: &syn::BinOp) -> bool {
    use syn::BinOp::{Eq, Ge, Gt, Le, Lt, Ne};
    matches!(op, Eq(_) | Ne(_) | Lt(_) | Le(_) | Gt(_) | Ge(_))
}

pub(super) fn is_compound(op: &syn::BinOp) -> bool {
    use syn::BinOp::{
        AddAssign, BitAndAssign, BitOrAssign, BitXorAssign, DivAssign, MulAssign, RemAssign, ShlAssign, ShrAssign,
        SubAssign,
    };
    matches!(
        op,
        AddAssign(_)
            | SubAssign(_)
            | MulAssign(_)
            | DivAssign(_)
            | RemAssign(_)
            | BitXorAssign(_)
            | BitAndAssign(_)
            | BitOrAssign(_)
            | ShlAssign(_)
            | ShrAssign(_)
    )
}

/// The local at the root of a place: `order` of `order.items[0]`.
pub(super) fn root(place: &Expr) -> Option<String> {
    match place {
        Expr::Path(path) => path.path.get_ident().map(unraw),
        Expr::Paren(expr) => root(&expr.expr),
        Expr::Group(expr) => root(&expr.expr),
        Expr::Field(expr) => root(&expr.base),
        Expr::Index(expr) => root(&expr.expr),
        Expr::Reference(expr) => root(&expr.expr),
        Expr::Unary(expr) => root(&expr.expr),
        _ => None,
    }
}
