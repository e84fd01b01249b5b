//! The name of a state, and the words that identify its question.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use syn::Expr;

use crate::syntax::{camel_case, unraw};

/// Whether the value of an expression comes from an await: `PickRoom.await?`, `(&Ask.await).name`.
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

/// The name of an awaited expression: `Confirm` of `Confirm::new(text).await`, `Pay` of `pay(guest).await`.
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

/// The awaited expression in words that do not depend on the names of locals: types, functions and string literals remain,
/// a name of a local becomes `_`, also in a format string. It distinguishes questions of one name: `Confirm::new(format!("{} for {}?", _, _))`.
pub(super) fn words(expr: &Expr) -> String {
    let mut words = String::new();
    add_words(expr.to_token_stream(), &mut words);
    words
}

fn add_words(tokens: TokenStream, words: &mut String) {
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => (" { ", " }"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                words.push_str(open);
                add_words(group.stream(), words);
                words.push_str(close);
            }
            TokenTree::Ident(ident) => {
                let is_called = match tokens.peek() {
                    Some(TokenTree::Group(group)) => group.delimiter() == Delimiter::Parenthesis,
                    Some(TokenTree::Punct(next)) => matches!(next.as_char(), '!' | ':'),
                    _ => false,
                };
                let name = unraw(&ident);
                let is_named = is_called || name.starts_with(char::is_uppercase) || name == "await";
                words.push_str(if is_named { &name } else { "_" });
            }
            TokenTree::Punct(punct) if punct.as_char() == ',' => words.push_str(", "),
            TokenTree::Punct(punct) => words.push(punct.as_char()),
            TokenTree::Literal(literal) => add_text(&literal.to_string(), words),
        }
    }
}

/// A literal, without the names that a format string captures.
fn add_text(literal: &str, words: &mut String) {
    if !literal.contains('"') {
        return words.push_str(literal);
    }
    let mut depth = 0_usize;
    for c in literal.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ if depth > 0 => continue,
            _ => {}
        }
        words.push(c);
    }
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn questions_are_told_apart_by_their_words() {
        for (code, expected) in [
            ("Confirm :: new (\"Sure?\")", "Confirm::new(\"Sure?\")"),
            ("Confirm::new(format!(\"{room} for {}?\", guest.name))", "Confirm::new(format!(\"{} for {}?\", _._))"),
            ("PickRoom { nights: dates.nights() }", "PickRoom { nights:_.nights() }"),
            ("pay(guest, room.price * 2)", "pay(_, _._*2)"),
        ] {
            assert_eq!(words(&syn::parse_str(code).unwrap()), expected);
        }
    }
}
