//! What an expression may change, as far as its syntax tells: which operands can be evaluated later with the same result.

use quote::ToTokens;
use syn::{Expr, Ident, Pat};

use crate::syntax::macros::arguments;
use crate::syntax::names::{mentioned, unraw};
use crate::syntax::patterns::{bindings, is_ref_mut};

/// Whether an expression can be evaluated later with the same result, as long as its local is not changed.
pub(crate) fn is_settled(expr: &Expr) -> bool {
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
pub(crate) fn changes(later: &Expr, place: &Expr) -> bool {
    root(place).is_some_and(|name| changes_name(later, &name))
}

/// Whether `later` may change a local.
pub(crate) fn changes_name(later: &Expr, name: &str) -> bool {
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
            assigned(&expr.left).into_iter().for_each(|place| self.check(place));
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
            if !is_reading(&expr.method) {
                self.check(&expr.receiver);
            }
            syn::visit::visit_expr_method_call(self, expr);
        }

        fn visit_local(&mut self, local: &'ast syn::Local) {
            if let Some(init) = local.init.as_ref().filter(|_| borrows_to_change(&local.pat)) {
                self.check(&init.expr);
            }
            syn::visit::visit_local(self, local);
        }

        fn visit_expr_let(&mut self, expr: &'ast syn::ExprLet) {
            if borrows_to_change(&expr.pat) {
                self.check(&expr.expr);
            }
            syn::visit::visit_expr_let(self, expr);
        }

        fn visit_expr_match(&mut self, expr: &'ast syn::ExprMatch) {
            if expr.arms.iter().any(|arm| borrows_to_change(&arm.pat)) {
                self.check(&expr.expr);
            }
            syn::visit::visit_expr_match(self, expr);
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

/// The places that an assignment assigns: both of `(x, order.name) = ..`.
fn assigned(left: &Expr) -> Vec<&Expr> {
    match left {
        Expr::Tuple(tuple) => tuple.elems.iter().flat_map(assigned).collect(),
        Expr::Array(array) => array.elems.iter().flat_map(assigned).collect(),
        Expr::Call(call) => call.args.iter().flat_map(assigned).collect(),
        Expr::Struct(parts) => parts.fields.iter().flat_map(|field| assigned(&field.expr)).collect(),
        Expr::Paren(inner) => assigned(&inner.expr),
        Expr::Group(inner) => assigned(&inner.expr),
        place => vec![place],
    }
}

/// Whether a pattern binds a name by `ref mut`.
fn borrows_to_change(pat: &Pat) -> bool {
    bindings(pat).into_iter().any(is_ref_mut)
}

/// Whether a method does not change its receiver, as far as its name tells.
pub(crate) fn is_reading(method: &Ident) -> bool {
    READING.iter().any(|name| method == name)
}

/// Whether a method of the standard library with this name changes its receiver.
pub(crate) fn is_mutating(method: &Ident) -> bool {
    MUTATING.iter().any(|name| method == name)
}

const MUTATING: [&str; 24] = [
    "append",
    "clear",
    "drain",
    "extend",
    "get_or_insert",
    "get_or_insert_with",
    "insert",
    "pop",
    "pop_back",
    "pop_front",
    "push",
    "push_back",
    "push_front",
    "push_str",
    "remove",
    "replace",
    "retain",
    "reverse",
    "rotate_left",
    "rotate_right",
    "sort",
    "swap_remove",
    "take",
    "truncate",
];

/// Methods that do not change their receiver, also if it is `Copy`.
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
pub(crate) fn index_changes(later: &Expr, place: &Expr) -> bool {
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

/// Whether an expression has no side effects.
pub(crate) fn is_pure(expr: &Expr) -> bool {
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

/// Whether an expression is a place.
pub(crate) fn is_place(expr: &Expr) -> bool {
    match expr {
        Expr::Path(_) | Expr::Field(_) | Expr::Index(_) => true,
        Expr::Unary(expr) => matches!(expr.op, syn::UnOp::Deref(_)),
        Expr::Paren(expr) => is_place(&expr.expr),
        Expr::Group(expr) => is_place(&expr.expr),
        _ => false,
    }
}

/// `concat!("a", "b")`, in the place of a literal.
pub(crate) fn is_text(expr: &Expr) -> bool {
    let Expr::Macro(expr) = expr else { return false };
    let name = expr.mac.path.segments.last().map(|last| last.ident.to_string());
    matches!(name.as_deref(), Some("concat" | "stringify" | "include_str" | "env" | "file" | "module_path"))
}

/// Whether an operator borrows both sides.
pub(crate) fn is_comparison(op: &syn::BinOp) -> bool {
    use syn::BinOp::{Eq, Ge, Gt, Le, Lt, Ne};
    matches!(op, Eq(_) | Ne(_) | Lt(_) | Le(_) | Gt(_) | Ge(_))
}

/// Whether an operator assigns to its left side: `+=`.
pub(crate) fn is_compound(op: &syn::BinOp) -> bool {
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
pub(crate) fn root(place: &Expr) -> Option<String> {
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
