//! What a state is called.

use syn::Expr;

use crate::syntax::{camel_case, unraw};

/// Whether the value of an expression is that of an await: `PickRoom.await?`, `(&Ask.await).name`.
pub(super) fn ends_in_await(expr: &Expr) -> bool {
    match expr {
        Expr::Await(_) => true,
        Expr::Paren(expr) => ends_in_await(&expr.expr),
        Expr::Group(expr) => ends_in_await(&expr.expr),
        Expr::Try(expr) => ends_in_await(&expr.expr),
        Expr::Field(expr) => ends_in_await(&expr.base),
        Expr::Cast(expr) => ends_in_await(&expr.expr),
        Expr::Unary(expr) => ends_in_await(&expr.expr),
        Expr::Reference(expr) => ends_in_await(&expr.expr),
        Expr::MethodCall(expr) => ends_in_await(&expr.receiver),
        _ => false,
    }
}

/// What is awaited, in one word: `Confirm` of `Confirm::new(text).await`, `Pay` of `pay(guest).await`.
pub(super) fn awaited(expr: &Expr) -> String {
    let of_path = |path: &syn::Path| {
        let mut words = path.segments.iter().rev().map(|segment| unraw(&segment.ident));
        let last = words.next().expect("a path has a segment");
        // The type before a constructor says more than the constructor.
        let ty = words.next().filter(|word| word.starts_with(char::is_uppercase));
        camel_case(&ty.unwrap_or(last))
    };
    match expr {
        Expr::Path(expr) => of_path(&expr.path),
        Expr::Struct(expr) => of_path(&expr.path),
        Expr::Call(expr) => awaited(&expr.func),
        Expr::MethodCall(expr) => awaited(&expr.receiver),
        Expr::Field(expr) => awaited(&expr.base),
        Expr::Paren(expr) => awaited(&expr.expr),
        Expr::Group(expr) => awaited(&expr.expr),
        Expr::Try(expr) => awaited(&expr.expr),
        Expr::Macro(expr) => of_path(&expr.mac.path),
        _ => "Await".to_owned(),
    }
}
