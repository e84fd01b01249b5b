//! The groups without delimiters in which `macro_rules!` passes on what it has parsed: `1 + 1` for the `$step` of
//! `2 * $step`. rustc ignores them in the output of a procedural macro and would calculate `2 * 1 + 1`.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use syn::{Expr, Type};

/// The tokens with parentheses around each group without delimiters whose meaning would depend on its neighbours.
pub(crate) fn parenthesized(tokens: TokenStream) -> TokenStream {
    if !contains_groups(&tokens) {
        return tokens;
    }
    let tokens: Vec<_> = tokens.into_iter().collect();
    let mut written: Vec<TokenTree> = Vec::with_capacity(tokens.len());
    for (index, token) in tokens.iter().enumerate() {
        let TokenTree::Group(group) = token else {
            written.push(token.clone());
            continue;
        };
        // It shows its tokens.
        if matches!(&tokens[..index], [.., TokenTree::Ident(name), TokenTree::Punct(_)] if name == "stringify") {
            written.push(token.clone());
            continue;
        }
        let is_alone =
            index.checked_sub(1).is_none_or(|before| ends(&tokens[before])) && tokens.get(index + 1).is_none_or(ends);
        let delimiter = match group.delimiter() {
            Delimiter::None if !is_alone && is_divisible(&group.stream()) => Delimiter::Parenthesis,
            delimiter => delimiter,
        };
        let mut new = Group::new(delimiter, parenthesized(group.stream()));
        new.set_span(group.span());
        written.push(TokenTree::Group(new));
    }
    written.into_iter().collect()
}

fn contains_groups(tokens: &TokenStream) -> bool {
    tokens.clone().into_iter().any(|token| match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::None || contains_groups(&group.stream()),
        _ => false,
    })
}

/// Whether no operator reaches over this token.
fn ends(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(punct) if matches!(punct.as_char(), ',' | ';'))
}

/// Whether an operator beside these tokens could take a part of them.
fn is_divisible(tokens: &TokenStream) -> bool {
    let is_operation = |expr: &Expr| {
        matches!(
            expr,
            Expr::Assign(_)
                | Expr::Binary(_)
                | Expr::Break(_)
                | Expr::Cast(_)
                | Expr::Closure(_)
                | Expr::Range(_)
                | Expr::Reference(_)
                | Expr::Return(_)
                | Expr::Struct(_)
                | Expr::Unary(_)
        )
    };
    let has_bounds = |ty: &Type| match ty {
        Type::TraitObject(ty) => ty.bounds.len() > 1,
        Type::ImplTrait(ty) => ty.bounds.len() > 1,
        _ => false,
    };
    match syn::parse2::<Expr>(tokens.clone()) {
        Ok(expr) => is_operation(&expr),
        Err(_) => syn::parse2::<Type>(tokens.clone()).is_ok_and(|ty| has_bounds(&ty)),
    }
}
