//! Tokens as text with the spaces that a person would write, and indented lines.

use std::fmt;

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};
use quote::ToTokens;

/// Code as one line.
pub(super) fn text(code: &impl ToTokens) -> String {
    let mut out = String::new();
    write_tokens(code.to_token_stream(), &mut out);
    out
}

/// Items between commas.
pub(super) fn list(items: impl IntoIterator<Item = impl ToString>) -> String {
    let items: Vec<_> = items.into_iter().map(|item| item.to_string()).collect();
    items.join(", ")
}

/// Lines at a depth.
pub(super) struct Lines<'a, 'f> {
    pub(super) out: &'a mut fmt::Formatter<'f>,
    pub(super) depth: usize,
}

impl Lines<'_, '_> {
    pub(super) fn line(&mut self, text: &str) -> fmt::Result {
        for _ in 0..self.depth {
            self.out.write_str("    ")?;
        }
        writeln!(self.out, "{text}")
    }

    pub(super) fn indented(&mut self, write: impl FnOnce(&mut Self) -> fmt::Result) -> fmt::Result {
        self.depth += 1;
        let written = write(self);
        self.depth -= 1;
        written
    }
}

/// What stands before the next token.
#[derive(Clone, Copy, PartialEq)]
enum Before {
    /// Nothing, or something that takes no space after it: `(`, `.`, `::`, a unary operator.
    Tight,
    /// A name, a literal or the end of a group, which a call, an index or a binary operator may follow.
    Callee,
    /// A keyword.
    Word,
    /// The first half of an operator: `&` of `&&`.
    Joint,
    /// An operator.
    Operator,
}

fn write_tokens(tokens: TokenStream, out: &mut String) {
    const KEYWORDS: [&str; 12] =
        ["if", "in", "match", "return", "break", "let", "else", "mut", "move", "while", "as", "ref"];
    let (mut before, mut generics, mut colons) = (Before::Tight, 0_usize, 0_usize);
    for token in tokens {
        let is_type = out.ends_with("::")
            || out
                .rsplit(|c: char| !c.is_alphanumeric())
                .next()
                .is_some_and(|word| word.starts_with(char::is_uppercase));
        match token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::Brace => ("{ ", " }"),
                    Delimiter::None => ("", ""),
                };
                let is_tight = match group.delimiter() {
                    Delimiter::Brace => before == Before::Tight,
                    _ => matches!(before, Before::Tight | Before::Callee),
                };
                space(out, !is_tight);
                let mut inner = String::new();
                write_tokens(group.stream(), &mut inner);
                match inner.is_empty() && group.delimiter() == Delimiter::Brace {
                    true => out.push_str("{}"),
                    false => out.extend([open, &inner, close]),
                }
                before = Before::Callee;
                colons = 0;
            }
            TokenTree::Ident(ident) => {
                space(out, before != Before::Tight);
                let word = ident.to_string();
                before = if KEYWORDS.contains(&word.as_str()) { Before::Word } else { Before::Callee };
                out.push_str(&word);
                colons = 0;
            }
            TokenTree::Literal(literal) => {
                space(out, before != Before::Tight);
                out.push_str(&literal.to_string());
                before = Before::Callee;
                colons = 0;
            }
            TokenTree::Punct(punct) => {
                let c = punct.as_char();
                colons = if c == ':' { colons + 1 } else { 0 };
                let joins = before == Before::Joint;
                let is_unary = matches!(before, Before::Tight | Before::Operator | Before::Word) && !joins;
                let opens = c == '<' && is_type && !joins;
                let closes = c == '>' && generics > 0 && !joins;
                generics = (generics + usize::from(opens)).saturating_sub(usize::from(closes));
                let is_tight = joins
                    || before == Before::Tight
                    || opens
                    || closes
                    || matches!(c, ',' | ';' | '.' | '?')
                    || (c == ':' && before == Before::Callee)
                    || (c == '!' && before == Before::Callee);
                space(out, !is_tight);
                out.push(c);
                before = match c {
                    '.' | '#' | '\'' | '$' => Before::Tight,
                    '=' if out.ends_with("..=") => Before::Tight,
                    ':' if colons == 2 => Before::Tight,
                    '&' | '*' | '!' | '-' if is_unary => Before::Tight,
                    '!' if is_tight => Before::Tight,
                    '<' if opens => Before::Tight,
                    '>' if closes => Before::Callee,
                    '?' => Before::Callee,
                    _ if punct.spacing() == Spacing::Joint => Before::Joint,
                    _ => Before::Operator,
                };
            }
        }
    }
}

fn space(out: &mut String, wanted: bool) {
    if wanted && !out.is_empty() {
        out.push(' ');
    }
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn code_is_written_as_a_person_would_write_it() {
        for code in [
            "let mut tries: Vec<u32> = vec![0, 1];",
            "if room.price > 3 && !ok(&room) { break 'rooms room.name; }",
            "Confirm::new(format!(\"{room} . {}\", guest.name)).await?",
            "match found { Some((a, _)) if *a == -1 => {} _ => return x[i - 1] }",
            "for i in 0..=n { sum += i; }",
            "let place = ::core::mem::take(&mut ::stube::Place::<u32>::new());",
        ] {
            let tokens: proc_macro2::TokenStream = code.parse().unwrap();
            assert_eq!(text(&tokens), code);
        }
    }
}
