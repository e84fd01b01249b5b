//! From the tokens of an item with a `#[cfg(..)]` inside to the item without it. Only rustc can evaluate a `cfg`, and it
//! does for the item of a derive macro, also in the bodies of functions. So the item is put into an enum with a derive
//! macro, which gets the item as the configuration makes it and passes it to the pipeline; the enum itself is removed.
//!
//! ```text
//! #[derive(::stube::__private::ConfiguredFlow)]
//! #[::stube::__private::omitted]
//! enum Flow { #[arguments(name = "order")] Item = { async fn order() { #[cfg(unix)] let limit = 3; .. } } }
//! ```
//!
//! The tokens keep their spans. An item whose only `cfg` is on itself takes no such way.

use proc_macro2::{Delimiter, Group, Punct, Spacing, TokenStream, TokenTree};
use quote::quote;

/// The enum with the item; `None` if nothing in the item depends on the configuration.
pub(crate) fn carrier(args: &TokenStream, item: &TokenStream) -> Option<TokenStream> {
    if !is_conditional(body(item)) {
        return None;
    }
    let item = with_commas(item.clone());
    Some(quote! {
        #[derive(::stube::__private::ConfiguredFlow)]
        #[::stube::__private::omitted]
        enum Flow {
            #[arguments(#args)]
            Item = { #item }
        }
    })
}

/// The arguments and the item in a configured enum. The item is empty if a `cfg` on itself is off.
pub(crate) fn item(carrier: TokenStream) -> Option<(TokenStream, TokenStream)> {
    let variants = carrier.into_iter().filter_map(|token| group(token, Delimiter::Brace)).last()?;
    let mut tokens = variants.stream().into_iter();
    let attribute = tokens.find_map(|token| group(token, Delimiter::Bracket))?;
    let args = attribute.stream().into_iter().find_map(|token| group(token, Delimiter::Parenthesis))?;
    let item = tokens.find_map(|token| group(token, Delimiter::Brace))?;
    Some((args.stream(), without_strays(item.stream())))
}

/// Each tuple with a conditional operand ends in a comma: `(#[cfg(any())] a, b)` is a tuple of one, and what rustc leaves
/// of it, `(b)`, would be none. The arguments of a call or of a function may end in a comma too.
fn with_commas(tokens: TokenStream) -> TokenStream {
    map_groups(tokens, |group| {
        let mut tokens: Vec<_> = with_commas(group.stream()).into_iter().collect();
        let has_cfg = tokens
            .windows(2)
            .any(|pair| matches!(pair, [hash, TokenTree::Group(attribute)] if is(hash, '#') && is_cfg(attribute)));
        let is_list = tokens.iter().any(|token| is(token, ',')) && !tokens.last().is_some_and(|last| is(last, ','));
        if group.delimiter() == Delimiter::Parenthesis && has_cfg && is_list {
            tokens.push(TokenTree::Punct(Punct::new(',', Spacing::Alone)));
        }
        tokens.into_iter().collect()
    })
}

/// The tokens without the commas and semicolons that rustc leaves behind what it has removed.
fn without_strays(tokens: TokenStream) -> TokenStream {
    let mut kept: Vec<TokenTree> = Vec::new();
    for token in tokens {
        let follows = |chars: &[char]| kept.last().is_none_or(|last| chars.iter().any(|&char| is(last, char)));
        let is_stray = match &token {
            TokenTree::Punct(comma) if comma.as_char() == ',' => follows(&[',', '|', '<']),
            TokenTree::Punct(semi) if semi.as_char() == ';' => follows(&[';']),
            _ => false,
        };
        if !is_stray {
            kept.push(token);
        }
    }
    map_groups(kept.into_iter().collect(), |group| without_strays(group.stream()))
}

/// Changes what is in each group that is not part of a macro or of an attribute.
fn map_groups(tokens: TokenStream, change: impl Fn(&Group) -> TokenStream) -> TokenStream {
    let mut changed: Vec<TokenTree> = Vec::new();
    for token in tokens {
        let token = match token {
            TokenTree::Group(group) if !is_of_macro(&changed) => {
                let mut new = Group::new(group.delimiter(), change(&group));
                new.set_span(group.span());
                TokenTree::Group(new)
            }
            token => token,
        };
        changed.push(token);
    }
    changed.into_iter().collect()
}

/// Whether a group after these tokens holds the arguments or the rules of a macro, or an attribute.
fn is_of_macro(before: &[TokenTree]) -> bool {
    // `if !(..)` is no macro.
    const KEYWORDS: [&str; 7] = ["if", "while", "match", "return", "break", "in", "else"];
    match before {
        [.., TokenTree::Ident(name), bang] if is(bang, '!') => KEYWORDS.iter().all(|keyword| name != keyword),
        [.., TokenTree::Ident(name), bang, TokenTree::Ident(_)] if is(bang, '!') => name == "macro_rules",
        before => is_hash(before),
    }
}

/// Whether a group after these tokens is an attribute.
fn is_hash(before: &[TokenTree]) -> bool {
    match before {
        [.., hash, bang] if is(bang, '!') => is(hash, '#'),
        [.., hash] => is(hash, '#'),
        [] => false,
    }
}

fn is(token: &TokenTree, char: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == char)
}

fn group(token: TokenTree, delimiter: Delimiter) -> Option<Group> {
    match token {
        TokenTree::Group(group) if group.delimiter() == delimiter => Some(group),
        // rustc may put what it has parsed into a group without delimiters.
        TokenTree::Group(outer) if outer.delimiter() == Delimiter::None => {
            outer.stream().into_iter().find_map(|token| group(token, delimiter))
        }
        _ => None,
    }
}

/// The item without its own attributes.
fn body(item: &TokenStream) -> TokenStream {
    let mut tokens = item.clone().into_iter().peekable();
    while tokens.next_if(|token| matches!(token, TokenTree::Punct(punct) if punct.as_char() == '#')).is_some() {
        tokens.next();
    }
    tokens.collect()
}

/// Whether there is a `#[cfg(..)]` or a `#[cfg_attr(..)]` that rustc evaluates: not one in the tokens of a macro.
fn is_conditional(tokens: TokenStream) -> bool {
    let mut before: Vec<TokenTree> = Vec::new();
    for token in tokens {
        if let TokenTree::Group(group) = &token {
            let is_conditional = match is_of_macro(&before) {
                true => group.delimiter() == Delimiter::Bracket && is_hash(&before) && is_cfg(group),
                false => is_conditional(group.stream()),
            };
            if is_conditional {
                return true;
            }
        }
        before.push(token);
    }
    false
}

fn is_cfg(attribute: &Group) -> bool {
    let first = attribute.stream().into_iter().next();
    matches!(first, Some(TokenTree::Ident(name)) if name == "cfg" || name == "cfg_attr")
}
