//! Names: in camel case, those of a place, and all those that tokens and format strings mention.

use proc_macro2::{TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::{Expr, Ident, Member};

/// The identifier without a leading `r#`.
pub(crate) fn unraw(ident: &Ident) -> String {
    ident.unraw().to_string()
}

/// `pick_room` becomes `PickRoom`; a name in camel case is unchanged.
pub(crate) fn camel_case(name: &str) -> String {
    let words = name.split('_').filter(|word| !word.is_empty());
    words
        .flat_map(|word| {
            let mut letters = word.chars();
            letters.next().into_iter().flat_map(char::to_uppercase).chain(letters)
        })
        .collect()
}

/// The local and the path of a place: `order` and `address.city`.
pub(crate) fn part(expr: &Expr) -> Option<(String, String)> {
    match expr {
        Expr::Paren(expr) => part(&expr.expr),
        Expr::Group(expr) => part(&expr.expr),
        Expr::Path(path) if path.qself.is_none() => Some((unraw(path.path.get_ident()?), String::new())),
        Expr::Field(field) => {
            let (name, path) = part(&field.base)?;
            Some((name, below(&path, &field.member)))
        }
        _ => None,
    }
}

/// The path of a member of a place.
pub(crate) fn below(path: &str, member: &Member) -> String {
    let member = match member {
        Member::Named(name) => unraw(name),
        Member::Unnamed(index) => index.index.to_string(),
    };
    if path.is_empty() { member } else { format!("{path}.{member}") }
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

/// Distinguishes `order.name` from `0..name`.
#[derive(Default)]
pub(crate) struct Dots(usize);

impl Dots {
    /// Takes the next token. Returns whether it follows a single dot.
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
