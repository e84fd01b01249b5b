//! From a [`ParsedFlow`] to an [`ExpandedFlow`]: macros that decide whether an await in their arguments runs are
//! replaced by the code that they stand for. Never changes a macro without an await, so its tokens stay the author's.
//!
//! | macro | replaced by |
//! |---|---|
//! | `matches!(value, pattern if guard)` | `match value { pattern if guard => true, _ => false }` |
//! | `assert!(cond, "{}", value)` | `if !cond { panic!("{}", value) }` |
//! | `assert_eq!(one, other, "{}", value)` | `let left = &one; let right = &other; if !(left == right) { panic!(..) }` |
//! | `debug_assert!(..)` and its variants | `if cfg!(debug_assertions) { assert!(..) }` |
//! | `tracing::info!(n = value, "..")` and the other levels | `if tracing::enabled!(Level::INFO) { let v = value; info!(n = v, "..") }` |

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::visit_mut::{self, VisitMut};
use syn::{Block, Expr, ExprMacro, Macro, Pat, Stmt, Token};

use crate::header::Header;
use crate::parse::ParsedFlow;
use crate::syntax::{arguments, tokens_await};

/// A flow whose conditional macros are expanded.
pub(crate) struct ExpandedFlow {
    pub(crate) header: Header,
    pub(crate) body: Block,
}

pub(crate) fn expand(flow: ParsedFlow) -> ExpandedFlow {
    let ParsedFlow { header, mut body, .. } = flow;
    Expander.visit_block_mut(&mut body);
    ExpandedFlow { header, body }
}

struct Expander;

impl VisitMut for Expander {
    fn visit_stmt_mut(&mut self, stmt: &mut Stmt) {
        if let Stmt::Macro(mac) = stmt
            && mac.attrs.is_empty()
            && let Some(expanded) = expanded(&mac.mac)
        {
            *stmt = Stmt::Expr(expanded, mac.semi_token);
        }
        visit_mut::visit_stmt_mut(self, stmt);
    }

    fn visit_expr_mut(&mut self, expr: &mut Expr) {
        if let Expr::Macro(ExprMacro { attrs, mac }) = expr
            && attrs.is_empty()
            && let Some(expanded) = expanded(mac)
        {
            *expr = expanded;
        }
        visit_mut::visit_expr_mut(self, expr);
    }

    fn visit_macro_mut(&mut self, mac: &mut Macro) {
        if tokens_await(&mac.tokens).is_some()
            && let Some(mut args) = arguments(mac)
        {
            args.exprs_mut().for_each(|arg| self.visit_expr_mut(arg));
            mac.tokens = args.into_tokens();
        }
    }

    // An await in one of these is an error, which `check` reports.
    fn visit_expr_closure_mut(&mut self, _: &mut syn::ExprClosure) {}
    fn visit_expr_async_mut(&mut self, _: &mut syn::ExprAsync) {}
    fn visit_item_mut(&mut self, _: &mut syn::Item) {}
}

/// The code that a macro with an await stands for; `None` if it is left as it is.
fn expanded(mac: &Macro) -> Option<Expr> {
    tokens_await(&mac.tokens)?;
    let name = mac.path.segments.last()?.ident.to_string();
    match name.as_str() {
        "matches" => matches(mac),
        "assert" => assert(mac),
        "assert_eq" => assert_both(mac, &Token![==](mac.path.span())),
        "assert_ne" => assert_both(mac, &Token![!=](mac.path.span())),
        "debug_assert" | "debug_assert_eq" | "debug_assert_ne" => debug_assert(mac, &name),
        "trace" | "debug" | "info" | "warn" | "error" => event(mac, &name),
        _ => None,
    }
}

/// `matches!(value, pattern if guard)`
fn matches(mac: &Macro) -> Option<Expr> {
    let parts = |input: ParseStream<'_>| {
        let value: Expr = input.parse()?;
        input.parse::<Token![,]>()?;
        let pattern = input.call(Pat::parse_multi_with_leading_vert)?;
        let guard = match input.parse::<Option<Token![if]>>()? {
            Some(_) => Some(input.parse::<Expr>()?),
            None => None,
        };
        input.parse::<Option<Token![,]>>()?;
        Ok((value, pattern, guard))
    };
    let (value, pattern, guard) = parts.parse2(mac.tokens.clone()).ok()?;
    let guard = guard.map(|guard| quote!(if #guard));
    syn::parse2(quote_spanned!(mac.path.span()=> match #value { #pattern #guard => true, _ => false })).ok()
}

/// `assert!(cond, "{}", value)` with an await in the message. The condition is always evaluated, so an await in it alone
/// needs no expansion, but what it shows: its condition.
fn assert(mac: &Macro) -> Option<Expr> {
    let args = list(&mac.tokens)?;
    let mut args = args.into_iter();
    let cond = args.next()?;
    let message: Vec<_> = args.collect();
    if message.is_empty() {
        let (shown, path) = (shown(&cond), &mac.path);
        return syn::parse2(quote_spanned!(mac.path.span()=> #path!(#cond, "assertion failed: {}", #shown))).ok();
    }
    message.iter().find_map(tokens_await)?;
    syn::parse2(quote_spanned!(mac.path.span()=> if !(#cond) { ::core::panic!(#(#message),*) })).ok()
}

/// An expression as rustc shows it: without a space after an operator with one side.
fn shown(expr: &TokenStream) -> String {
    const OPERATORS: [char; 4] = ['!', '-', '*', '&'];
    let (mut shown, mut is_in_text, mut is_unary) = (String::new(), false, false);
    for c in expr.to_string().chars() {
        is_in_text ^= c == '"' && !shown.ends_with('\\');
        if c == ' ' && is_unary && !is_in_text {
            continue;
        }
        // The second `&` of `&&` is what the first one is.
        if !OPERATORS.contains(&c) || !shown.ends_with(OPERATORS) {
            let before = shown.trim_end().chars().last();
            let is_first = before.is_none_or(|before| "([{,;=<>|&+-*/%^!".contains(before));
            is_unary = c == '!' || OPERATORS.contains(&c) && is_first;
        }
        shown.push(c);
    }
    shown
}

/// `assert_eq!(one, other, "{}", value)` with an await in the message. Panics with the text of the standard library.
fn assert_both(mac: &Macro, relation: &impl ToTokens) -> Option<Expr> {
    let span = mac.path.span();
    let args = list(&mac.tokens)?;
    let [one, other, message @ ..] = &args[..] else { return None };
    message.iter().find_map(tokens_await)?;
    let relation = relation.to_token_stream();
    let failed = format!("assertion `left {relation} right` failed: {{}}\n  left: {{:?}}\n right: {{:?}}");
    syn::parse2(quote_spanned! {span=> {
        let __left = &(#one);
        let __right = &(#other);
        if !(*__left #relation *__right) {
            ::core::panic!(#failed, ::std::format!(#(#message),*), __left, __right)
        }
    }})
    .ok()
}

/// `debug_assert!(cond)`
fn debug_assert(mac: &Macro, name: &str) -> Option<Expr> {
    let checked = Ident::new(name.strip_prefix("debug_")?, mac.path.span());
    let tokens = &mac.tokens;
    syn::parse2(quote_spanned!(mac.path.span()=> if ::core::cfg!(debug_assertions) { ::core::#checked!(#tokens); }))
        .ok()
}

/// `info!(n = value, "{}", text)`: no argument is evaluated if the level is disabled.
fn event(mac: &Macro, name: &str) -> Option<Expr> {
    let span = mac.path.span();
    let level = Ident::new(&name.to_uppercase(), span);
    // The path of the crate as the author wrote it.
    let mut krate = mac.path.clone();
    krate.segments.pop();
    krate.segments.pop_punct();
    let krate = if krate.segments.is_empty() { quote_spanned!(span=> ::tracing) } else { krate.into_token_stream() };
    let mut lets = TokenStream::new();
    let list = list(&mac.tokens)?;
    // The macro evaluates the arguments of the text before the fields, which are written in front of it.
    let text = list.iter().position(|arg| syn::parse2::<syn::LitStr>(arg.clone()).is_ok()).unwrap_or(list.len());
    let order: Vec<_> = (text..list.len()).chain(0..text).collect();
    let last = order.iter().rposition(|&index| tokens_await(&list[index]).is_some())?;
    let mut args = list.clone();
    for index in order.into_iter().take(last + 1) {
        let (before, value) = field(list[index].clone());
        let is_place = |value: Expr| matches!(value, Expr::Lit(_) | Expr::Path(_) | Expr::Field(_));
        // A place stays as it is: the macro only borrows it.
        if !syn::parse2(value.clone()).is_ok_and(is_place) {
            let held = Ident::new(&format!("__value_{index}"), Span::mixed_site().located_at(span));
            lets.extend(quote!(let #held = #value;));
            args[index] = quote!(#before #held);
        }
    }
    let path = &mac.path;
    syn::parse2(quote_spanned!(span=> if #krate::enabled!(#krate::Level::#level) { #lets #path!(#(#args),*); })).ok()
}

/// Splits `user.name = ?value` into `user.name = ?` and `value`.
fn field(arg: TokenStream) -> (TokenStream, TokenStream) {
    let tokens: Vec<_> = arg.into_iter().collect();
    let is = |token: &TokenTree, chars: &[char]| matches!(token, TokenTree::Punct(punct) if chars.contains(&punct.as_char()));
    let names = |tokens: &[TokenTree]| {
        tokens.iter().all(|token| matches!(token, TokenTree::Ident(_) | TokenTree::Literal(_)) || is(token, &['.']))
    };
    let equals = tokens.iter().position(|token| is(token, &['=', ':']));
    let mut start = match equals {
        Some(at) if at > 0 && names(&tokens[..at]) => at + 1,
        _ => 0,
    };
    start += usize::from(tokens.get(start).is_some_and(|token| is(token, &['?', '%'])));
    (tokens[..start].iter().cloned().collect(), tokens[start..].iter().cloned().collect())
}

/// The arguments of a macro, which stand between commas.
fn list(tokens: &TokenStream) -> Option<Vec<TokenStream>> {
    // Parsing recognises a comma in generic arguments. A field of an event is no expression, so if parsing fails, the
    // tokens are split at each comma.
    if let Ok(list) = Punctuated::<Expr, Token![,]>::parse_terminated.parse2(tokens.clone()) {
        return Some(list.into_iter().map(ToTokens::into_token_stream).collect());
    }
    let mut list = vec![TokenStream::new()];
    for token in tokens.clone() {
        match &token {
            TokenTree::Punct(punct) if punct.as_char() == ',' => list.push(TokenStream::new()),
            _ => list.last_mut()?.extend([token]),
        }
    }
    list.retain(|arg| !arg.is_empty());
    Some(list)
}
