//! Expressions that borrow and can be repeated with the same result: `&order.name`, `list.first()`, `rooms.get(&key)`.

use syn::visit::Visit;
use syn::{Expr, ExprPath, parse_quote};

use crate::syntax::names::{part, unraw};

/// Methods without arguments that, by convention, return a borrow of a part of their receiver.
const BORROWING: [&str; 19] = [
    "as_bytes",
    "as_deref",
    "as_deref_mut",
    "as_mut",
    "as_mut_slice",
    "as_mut_str",
    "as_os_str",
    "as_path",
    "as_ref",
    "as_slice",
    "as_str",
    "first",
    "first_mut",
    "last",
    "last_mut",
    "trim",
    "trim_end",
    "trim_start",
    "deref",
];

/// Methods that return a borrow of the element that their argument names.
pub(crate) const ELEMENT: [&str; 2] = ["get", "get_mut"];

/// Whether a value may borrow from the locals that its expression names.
pub(crate) fn may_borrow(expr: &Expr) -> bool {
    match expr {
        Expr::Paren(expr) => may_borrow(&expr.expr),
        Expr::Group(expr) => may_borrow(&expr.expr),
        Expr::Reference(_) => true,
        Expr::Tuple(expr) => expr.elems.iter().any(may_borrow),
        Expr::MethodCall(call) => is_borrowing_call(call),
        _ => false,
    }
}

pub(crate) fn is_borrowing_call(call: &syn::ExprMethodCall) -> bool {
    let is = |names: &[&str]| names.iter().any(|name| call.method == name);
    let unwraps = || matches!(&*call.receiver, Expr::MethodCall(inner) if is_borrowing_call(inner));
    match call.args.len() {
        0 => is(&BORROWING) || call.method == "unwrap" && unwraps(),
        1 if call.method == "expect" => unwraps(),
        1 => is(&ELEMENT),
        _ => false,
    }
}

/// A local or constant, its fields, its target, and its elements with stable indexes.
pub(crate) fn is_place(expr: &Expr) -> bool {
    match expr {
        Expr::Path(path) => {
            path.qself.is_none() && path.path.segments.iter().all(|segment| segment.arguments.is_none())
        }
        Expr::Paren(place) => is_place(&place.expr),
        Expr::Group(place) => is_place(&place.expr),
        Expr::Field(place) => is_place(&place.base),
        Expr::Unary(place) => matches!(place.op, syn::UnOp::Deref(_)) && is_place(&place.expr),
        Expr::Index(place) => is_place(&place.expr) && is_stable_index(&place.index),
        Expr::MethodCall(call) => {
            is_borrowing_call(call) && is_place(&call.receiver) && call.args.iter().all(is_stable_index)
        }
        _ => false,
    }
}

/// An index that has the same value whenever it is evaluated: a constant, a borrow, or a clone of a stored index.
pub(crate) fn is_stable_index(index: &Expr) -> bool {
    match index {
        Expr::Reference(reference) => is_place(&reference.expr) || is_constant(&reference.expr),
        Expr::Call(call) => is_cloned_index(call),
        index => is_constant(index),
    }
}

/// A clone of a stored index.
pub(crate) fn cloned_index(stored: &Expr) -> Expr {
    parse_quote!(::core::clone::Clone::clone(&#stored))
}

/// Whether this has been made by [`cloned_index`].
pub(crate) fn is_cloned_index(call: &syn::ExprCall) -> bool {
    let Expr::Path(path) = &*call.func else { return false };
    path.path.leading_colon.is_some() && path.path.segments.last().is_some_and(|last| last.ident == "clone")
}

/// Whether an expression consists of literals and of names in capitals, which are constants.
pub(crate) fn is_constant(expr: &Expr) -> bool {
    match expr {
        Expr::Lit(_) => true,
        Expr::Path(path) => path.path.segments.last().is_some_and(|last| {
            let name = unraw(&last.ident);
            name.len() > 1 && name.chars().all(|c| c.is_uppercase() || c.is_ascii_digit() || c == '_')
        }),
        Expr::Paren(expr) => is_constant(&expr.expr),
        Expr::Group(expr) => is_constant(&expr.expr),
        Expr::Reference(expr) => expr.mutability.is_none() && is_constant(&expr.expr),
        Expr::Unary(expr) => matches!(expr.op, syn::UnOp::Neg(_)) && is_constant(&expr.expr),
        Expr::Tuple(expr) => expr.elems.iter().all(is_constant),
        Expr::Array(expr) => expr.elems.iter().all(is_constant),
        Expr::Range(expr) => [&expr.start, &expr.end].into_iter().flatten().all(|end| is_constant(end)),
        Expr::Index(expr) => is_constant(&expr.expr) && is_constant(&expr.index),
        _ => false,
    }
}

/// The constants among the places of an expression.
pub(crate) fn constants(expr: &Expr) -> Vec<ExprPath> {
    struct Finder(Vec<ExprPath>);
    impl<'ast> Visit<'ast> for Finder {
        fn visit_expr_path(&mut self, path: &'ast ExprPath) {
            if is_constant(&Expr::Path(path.clone())) {
                self.0.push(path.clone());
            }
        }

        fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
            call.args.iter().for_each(|arg| self.visit_expr(arg));
        }

        fn visit_expr_closure(&mut self, _: &'ast syn::ExprClosure) {}
    }
    let mut finder = Finder(Vec::new());
    finder.visit_expr(expr);
    finder.0
}

/// A string literal, or a list of constants with string literals in it: borrowed from the program itself.
pub(crate) fn is_text(expr: &Expr) -> bool {
    match expr {
        Expr::Lit(lit) => matches!(lit.lit, syn::Lit::Str(_) | syn::Lit::ByteStr(_) | syn::Lit::CStr(_)),
        Expr::Array(list) => is_constant(expr) && list.elems.iter().any(is_text),
        Expr::Tuple(list) => is_constant(expr) && list.elems.iter().any(is_text),
        Expr::Paren(expr) => is_text(&expr.expr),
        Expr::Group(expr) => is_text(&expr.expr),
        _ => false,
    }
}

/// What a borrow is taken through.
#[derive(Default)]
pub(crate) struct Through<'a> {
    /// What is borrowed from: `order.rooms` of `order.rooms.get(&key)`.
    pub(crate) bases: Vec<&'a Expr>,
    /// What names the element: `&key`.
    pub(crate) keys: Vec<&'a Expr>,
}

/// The parts of a borrow that is repeated, or of the iterator of a loop.
pub(crate) fn through(expr: &Expr) -> Through<'_> {
    let mut parts = Through::default();
    collect_through(expr, &mut parts);
    parts
}

fn collect_through<'a>(expr: &'a Expr, parts: &mut Through<'a>) {
    match expr {
        Expr::Path(_) | Expr::Closure(_) => parts.bases.push(expr),
        Expr::Field(field) => match part(expr) {
            Some(_) => parts.bases.push(expr),
            None => collect_through(&field.base, parts),
        },
        Expr::Paren(expr) => collect_through(&expr.expr, parts),
        Expr::Group(expr) => collect_through(&expr.expr, parts),
        Expr::Reference(expr) => collect_through(&expr.expr, parts),
        Expr::Unary(expr) => collect_through(&expr.expr, parts),
        Expr::Tuple(expr) => expr.elems.iter().for_each(|elem| collect_through(elem, parts)),
        Expr::Index(expr) => {
            collect_through(&expr.expr, parts);
            parts.keys.push(&expr.index);
        }
        Expr::MethodCall(call) => {
            collect_through(&call.receiver, parts);
            if call.method == "zip" || call.method == "chain" {
                call.args.iter().for_each(|arg| collect_through(arg, parts));
            } else {
                parts.keys.extend(&call.args);
            }
        }
        // `again(iterator, &place)`
        Expr::Call(call) => call.args.first().into_iter().for_each(|iter| collect_through(iter, parts)),
        _ => {}
    }
}
