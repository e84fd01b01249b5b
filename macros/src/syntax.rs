//! Small questions about syntax that several stages ask: does an await lie in here, what does a pattern bind, what are
//! the arguments of a macro. Never rewrites anything.

use proc_macro2::{TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{Block, Expr, Ident, Macro, Pat, PatIdent, Stmt, Token};

/// The identifier without a leading `r#`.
pub(crate) fn unraw(ident: &Ident) -> String {
    ident.unraw().to_string()
}

/// `pick_room` becomes `PickRoom`; what is in camel case already stays.
pub(crate) fn camel_case(name: &str) -> String {
    let words = name.split('_').filter(|word| !word.is_empty());
    words
        .flat_map(|word| {
            let mut letters = word.chars();
            letters.next().into_iter().flat_map(char::to_uppercase).chain(letters)
        })
        .collect()
}

/// Whether an await lies in here that suspends this function: not one of a closure or of another function.
pub(crate) fn contains_await(node: &impl Node) -> bool {
    count_awaits(node) > 0
}

/// How many awaits lie in here that suspend this function.
pub(crate) fn count_awaits(node: &impl Node) -> usize {
    struct Counter(usize);
    impl<'ast> Visit<'ast> for Counter {
        fn visit_expr_await(&mut self, expr: &'ast syn::ExprAwait) {
            self.0 += 1;
            visit::visit_expr_await(self, expr);
        }

        fn visit_expr_closure(&mut self, _: &'ast syn::ExprClosure) {}
        fn visit_expr_async(&mut self, _: &'ast syn::ExprAsync) {}
        fn visit_item(&mut self, _: &'ast syn::Item) {}

        fn visit_macro(&mut self, mac: &'ast Macro) {
            if let Some(args) = arguments(mac) {
                args.exprs().for_each(|arg| self.0 += count_awaits(arg));
            }
        }
    }
    let mut counter = Counter(0);
    node.accept(&mut counter);
    counter.0
}

/// Whether `?` is used in this function itself.
pub(crate) fn contains_try(block: &Block) -> bool {
    struct Finder(bool);
    impl<'ast> Visit<'ast> for Finder {
        fn visit_expr_try(&mut self, _: &'ast syn::ExprTry) {
            self.0 = true;
        }

        fn visit_expr_closure(&mut self, _: &'ast syn::ExprClosure) {}
        fn visit_expr_async(&mut self, _: &'ast syn::ExprAsync) {}
        fn visit_item(&mut self, _: &'ast syn::Item) {}

        fn visit_macro(&mut self, mac: &'ast Macro) {
            if let Some(args) = arguments(mac) {
                args.exprs().for_each(|arg| self.visit_expr(arg));
            }
        }
    }
    let mut finder = Finder(false);
    finder.visit_block(block);
    finder.0
}

/// What a [`Visit`] can be sent through.
pub(crate) trait Node {
    fn accept<'ast>(&'ast self, visitor: &mut impl Visit<'ast>);
}

impl Node for Expr {
    fn accept<'ast>(&'ast self, visitor: &mut impl Visit<'ast>) {
        visitor.visit_expr(self);
    }
}

impl Node for Block {
    fn accept<'ast>(&'ast self, visitor: &mut impl Visit<'ast>) {
        visitor.visit_block(self);
    }
}

impl Node for Stmt {
    fn accept<'ast>(&'ast self, visitor: &mut impl Visit<'ast>) {
        visitor.visit_stmt(self);
    }
}

impl Node for Pat {
    fn accept<'ast>(&'ast self, visitor: &mut impl Visit<'ast>) {
        visitor.visit_pat(self);
    }
}

/// The names that a pattern binds, from left to right; a name that stands in several alternatives comes once.
pub(crate) fn bindings(pat: &Pat) -> Vec<&PatIdent> {
    struct Finder<'ast>(Vec<&'ast PatIdent>);
    impl<'ast> Visit<'ast> for Finder<'ast> {
        fn visit_pat_ident(&mut self, pat: &'ast PatIdent) {
            if is_binding(pat) && !self.0.iter().any(|other| other.ident == pat.ident) {
                self.0.push(pat);
            }
            visit::visit_pat_ident(self, pat);
        }

        // Of a pattern with a guard, only the pattern binds.
        fn visit_expr(&mut self, _: &'ast Expr) {}
    }
    let mut finder = Finder(Vec::new());
    finder.visit_pat(pat);
    finder.0
}

/// `x` binds; `None` and `LIMIT` are constants or variants, which a macro can tell by their case only.
pub(crate) fn is_binding(pat: &PatIdent) -> bool {
    pat.by_ref.is_some()
        || pat.mutability.is_some()
        || pat.subpat.is_some()
        || unraw(&pat.ident).starts_with(|c: char| c.is_lowercase() || c == '_')
}

/// The patterns of a condition and what they are matched with: `Some(x)` and `a`, `Ok(y)` and `b` of
/// `let Some(x) = a && let Ok(y) = b && x > y`.
pub(crate) fn condition_patterns(cond: &Expr) -> Vec<(Pat, Expr)> {
    let patterns = links(cond).into_iter().filter_map(|link| match link {
        Expr::Let(link) => Some(((*link.pat).clone(), (*link.expr).clone())),
        _ => None,
    });
    patterns.collect()
}

/// The links of a chain of `&&`.
pub(crate) fn links(cond: &Expr) -> Vec<&Expr> {
    match cond {
        Expr::Binary(binary) if matches!(binary.op, syn::BinOp::And(_)) => {
            let mut all = links(&binary.left);
            all.extend(links(&binary.right));
            all
        }
        other => vec![other],
    }
}

/// The arguments of a macro that evaluates each of them once, in order, where it stands.
pub(crate) struct Arguments {
    pub(crate) args: Punctuated<Expr, Token![,]>,
    /// The `n` of `vec![x; n]`.
    repeat: Option<Expr>,
    /// Whether the arguments are shown by a format string, and so borrowed.
    pub(crate) formats: bool,
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

/// The macros whose arguments may hold an await, a `?` or a `return`.
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

/// How many arguments, from the first one, a macro evaluates whatever happens: of `assert!(ok, "{}", text)` the first.
pub(crate) fn always_evaluated(mac: &Macro) -> usize {
    let name = mac.path.segments.last().map(|last| last.ident.to_string()).unwrap_or_default();
    match name.as_str() {
        "assert" => 1,
        "assert_eq" | "assert_ne" => 2,
        // Not in a release.
        "debug_assert" | "debug_assert_eq" | "debug_assert_ne" => 0,
        _ => usize::MAX,
    }
}

/// The macros after which nothing happens.
const DIVERGING: [&str; 5] = ["panic", "unreachable", "todo", "unimplemented", "bail"];

pub(crate) fn is_diverging(mac: &Macro) -> bool {
    mac.path.segments.last().is_some_and(|last| DIVERGING.iter().any(|name| last.ident == name))
}

/// Macros of error crates that return from the function.
pub(crate) fn is_leaving(name: &Ident) -> bool {
    name == "bail" || name == "ensure"
}

/// The arguments of a macro of the standard library that takes expressions; of any other, nothing is known.
pub(crate) fn arguments(mac: &Macro) -> Option<Arguments> {
    let name = mac.path.segments.last()?.ident.to_string();
    if !FORMATTING.contains(&name.as_str()) {
        return None;
    }
    let list = Punctuated::<Expr, Token![,]>::parse_terminated;
    if let Ok(args) = list.parse2(mac.tokens.clone()) {
        return Some(Arguments { args, repeat: None, formats: name != "vec" && name != "dbg" });
    }
    let repeat = |input: syn::parse::ParseStream<'_>| {
        let value: Expr = input.parse()?;
        input.parse::<Token![;]>()?;
        Ok((value, input.parse::<Expr>()?))
    };
    let (value, n) = repeat.parse2(mac.tokens.clone()).ok().filter(|_| name == "vec")?;
    Some(Arguments { args: Punctuated::from_iter([value]), repeat: Some(n), formats: false })
}

/// The identifiers in tokens that may name a variable, and those that format strings capture.
pub(crate) fn mentioned(tokens: &TokenStream) -> Vec<String> {
    let mut names = Vec::new();
    collect_mentioned(tokens.clone(), &mut names);
    names
}

fn collect_mentioned(tokens: TokenStream, names: &mut Vec<String>) {
    let mut dots = Dots::default();
    for token in tokens {
        let was_after_dot = dots.then(&token);
        match token {
            TokenTree::Group(group) => collect_mentioned(group.stream(), names),
            TokenTree::Ident(ident) if !was_after_dot => names.push(unraw(&ident)),
            TokenTree::Ident(_) => {}
            TokenTree::Punct(_) => {}
            TokenTree::Literal(literal) => names.extend(captured(&literal.to_string())),
        }
    }
}

/// Tells `order.name` from `0..name`.
#[derive(Default)]
pub(crate) struct Dots(usize);

impl Dots {
    /// Goes on with the next token. Whether it stands after a single dot.
    pub(crate) fn then(&mut self, token: &TokenTree) -> bool {
        let before = self.0;
        let is_dot = matches!(token, TokenTree::Punct(punct) if punct.as_char() == '.');
        self.0 = if is_dot { before + 1 } else { 0 };
        before == 1
    }
}

/// The names that a string literal captures if it is a format string: `room` of `"{room:?}"`.
pub(crate) fn captured(literal: &str) -> Vec<String> {
    if !literal.contains('"') {
        return Vec::new();
    }
    let mut names = Vec::new();
    let mut rest = literal;
    while let Some(open) = rest.find('{') {
        rest = &rest[open + 1..];
        if let Some(after) = rest.strip_prefix('{') {
            rest = after;
            continue;
        }
        let spec = rest.split('}').next().unwrap_or_default();
        // `{name:width$.precision$}` names up to three variables.
        for (index, part) in spec.split([':', '$', '.']).enumerate() {
            let start = part.rfind(|c: char| !(c.is_alphanumeric() || c == '_')).map_or(0, |at| at + 1);
            let name = if index == 0 { part.trim() } else { &part[start..] };
            let starts = |c: char| c.is_alphabetic() || c == '_';
            if name.starts_with(starts) && name.chars().all(|c| c.is_alphanumeric() || c == '_') {
                names.push(name.to_owned());
            }
        }
    }
    names
}

/// Whether tokens hold `.await`.
pub(crate) fn tokens_await(tokens: &TokenStream) -> Option<proc_macro2::Span> {
    let mut after_dot = false;
    for token in tokens.clone() {
        let was_after_dot = std::mem::take(&mut after_dot);
        match token {
            TokenTree::Group(group) => {
                if let Some(span) = tokens_await(&group.stream()) {
                    return Some(span);
                }
            }
            TokenTree::Ident(ident) if was_after_dot && ident == "await" => return Some(ident.span()),
            TokenTree::Punct(punct) => after_dot = punct.as_char() == '.',
            TokenTree::Ident(_) | TokenTree::Literal(_) => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_string_names_what_it_captures() {
        assert_eq!(
            captured("\"{room} for {guest:?}, {{not}} {0} {} {price:>width$.digits$}\""),
            ["room", "guest", "price", "width", "digits"]
        );
        assert!(captured("'{'").is_empty());
    }

    #[test]
    fn names_become_types() {
        assert_eq!(camel_case("pick_room"), "PickRoom");
        assert_eq!(camel_case("Confirm"), "Confirm");
        assert_eq!(camel_case("_x1_y"), "X1Y");
        assert_eq!(camel_case("\u{fc}ber_uns"), "\u{dc}berUns");
    }
}
