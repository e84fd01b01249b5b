//! Macros whose arguments are known to be expressions: those of the standard library. Nothing is known about others.

use proc_macro2::TokenStream;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::{Expr, Ident, Lit, LitStr, Macro, Token};

/// The arguments of a macro that evaluates each of them once, in order.
pub(crate) struct Arguments {
    pub(crate) args: Punctuated<Expr, Token![,]>,
    /// The `n` of `vec![x; n]`.
    repeat: Option<Expr>,
    /// Whether the arguments belong to a format string, which borrows them.
    pub(crate) formats: bool,
    /// The index of the format string: 2 for `assert_eq!(one, other, "{x}")`.
    format: usize,
}

impl Arguments {
    pub(crate) fn exprs(&self) -> impl Iterator<Item = &Expr> {
        self.args.iter().chain(&self.repeat)
    }

    /// `x` of `x = 1`.
    pub(crate) fn names(&self) -> impl Iterator<Item = &Ident> {
        let formats = self.formats;
        self.args.iter().filter(move |_| formats).filter_map(|arg| match arg {
            Expr::Assign(assign) => match &*assign.left {
                Expr::Path(path) => path.path.get_ident(),
                _ => None,
            },
            _ => None,
        })
    }

    /// The format string, if it is a literal.
    pub(crate) fn format(&self) -> Option<&LitStr> {
        fn text(expr: &Expr) -> Option<&LitStr> {
            match expr {
                Expr::Lit(syn::ExprLit { lit: Lit::Str(text), .. }) => Some(text),
                Expr::Group(expr) => text(&expr.expr),
                _ => None,
            }
        }
        self.args.iter().nth(self.format).filter(|_| self.formats).and_then(text)
    }

    pub(crate) fn exprs_mut(&mut self) -> impl Iterator<Item = &mut Expr> {
        self.args.iter_mut().chain(&mut self.repeat)
    }

    pub(crate) fn into_tokens(self) -> TokenStream {
        let args = self.args;
        match self.repeat {
            Some(n) => quote::quote!(#args; #n),
            None => quote::quote!(#args),
        }
    }
}

/// The macros whose arguments may contain an await, a `?` or a `return`.
const FORMATTING: [&str; 20] = [
    "format",
    "format_args",
    "print",
    "println",
    "eprint",
    "eprintln",
    "write",
    "writeln",
    "panic",
    "todo",
    "unimplemented",
    "unreachable",
    "assert",
    "assert_eq",
    "assert_ne",
    "debug_assert",
    "debug_assert_eq",
    "debug_assert_ne",
    "vec",
    "dbg",
];

/// The arguments of a macro of the standard library that takes expressions; of any other, nothing is known.
pub(crate) fn arguments(mac: &Macro) -> Option<Arguments> {
    let name = mac.path.segments.last()?.ident.to_string();
    if !FORMATTING.contains(&name.as_str()) {
        return None;
    }
    let format = match name.as_str() {
        "write" | "writeln" | "assert" | "debug_assert" => 1,
        "assert_eq" | "assert_ne" | "debug_assert_eq" | "debug_assert_ne" => 2,
        _ => 0,
    };
    let list = Punctuated::<Expr, Token![,]>::parse_terminated;
    if let Ok(args) = list.parse2(mac.tokens.clone()) {
        return Some(Arguments { args, repeat: None, formats: name != "vec" && name != "dbg", format });
    }
    let repeat = |input: syn::parse::ParseStream<'_>| {
        let value: Expr = input.parse()?;
        input.parse::<Token![;]>()?;
        Ok((value, input.parse::<Expr>()?))
    };
    let (value, n) = repeat.parse2(mac.tokens.clone()).ok().filter(|_| name == "vec")?;
    Some(Arguments { args: Punctuated::from_iter([value]), repeat: Some(n), formats: false, format })
}

/// The number of arguments, from the first one, that a macro always evaluates: 1 for `assert!(ok, "{}", text)`.
pub(crate) fn always_evaluated(mac: &Macro) -> usize {
    let name = mac.path.segments.last().map(|last| last.ident.to_string()).unwrap_or_default();
    match name.as_str() {
        "assert" => 1,
        "assert_eq" | "assert_ne" => 2,
        // Not in a release build.
        "debug_assert" | "debug_assert_eq" | "debug_assert_ne" => 0,
        _ => usize::MAX,
    }
}

/// The macros that do not return.
const DIVERGING: [&str; 5] = ["panic", "unreachable", "todo", "unimplemented", "bail"];

pub(crate) fn is_diverging(mac: &Macro) -> bool {
    mac.path.segments.last().is_some_and(|last| DIVERGING.iter().any(|name| last.ident == name))
}

/// Macros of error crates that return from the function.
pub(crate) fn is_leaving(name: &Ident) -> bool {
    name == "bail" || name == "ensure"
}
