//! The tokens of a macro, read as what they look like: paths, lists of names, `use`, attributes.
//!
//! What a macro makes of its tokens is not known. So every path in them counts, and what could become one without looking
//! so is forbidden: `crate` handed to a macro, a path that goes on with what a macro is given.

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use syn::punctuated::Punctuated;
use syn::{ItemUse, Lit, Token, UseTree, Visibility};

use crate::mentions::{Collector, Kind, NOT_CODE, is_root_word, name};

impl Collector<'_> {
    /// The paths in the tokens of a macro.
    pub(crate) fn tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<_> = tokens.into_iter().collect();
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            match token {
                TokenTree::Group(group) => {
                    self.group(group, &tokens[..at]);
                    at += 1;
                }
                TokenTree::Literal(_) => at += 1,
                // A lifetime.
                TokenTree::Punct(punct) if punct.as_char() == '\'' => at += 2,
                TokenTree::Ident(word) if word == "use" => at = self.token_use(&tokens, at),
                TokenTree::Punct(_) | TokenTree::Ident(_) => at = self.token_path(&tokens, at),
            }
        }
    }

    fn group(&mut self, group: &Group, before: &[TokenTree]) {
        let is_attribute = group.delimiter() == Delimiter::Bracket
            && match before {
                [.., hash, not] if punct(not, '!') => punct(hash, '#'),
                [.., hash] => punct(hash, '#'),
                [] => false,
            };
        if is_attribute {
            let first = group.stream().into_iter().next();
            if NOT_CODE.iter().any(|word| first.as_ref().is_some_and(|first| is(first, word))) {
                return;
            }
            self.strings(group.stream());
        }
        // `pub(crate)`, `pub(super)`, `pub(in crate::store)`.
        let may_be_visibility = group.delimiter() == Delimiter::Parenthesis;
        let is_visibility = may_be_visibility && before.last().is_some_and(|token| is(token, "pub"));
        if !is_visibility || syn::parse2::<Visibility>(after_pub(group)).is_err() {
            self.tokens(group.stream());
        }
    }

    /// Reads a `use` among the tokens, so that what it brings has its name. Gives where to go on.
    fn token_use(&mut self, tokens: &[TokenTree], start: usize) -> usize {
        let Some(length) = tokens[start..].iter().position(|token| punct(token, ';')) else { return start + 1 };
        let end = start + length + 1;
        // `$crate` is `crate` here.
        let statement = &tokens[start..end];
        let is_dollar =
            |at: usize| punct(&statement[at], '$') && statement.get(at + 1).is_some_and(|token| is(token, "crate"));
        let statement = statement.iter().enumerate().filter(|(at, _)| !is_dollar(*at)).map(|(_, token)| token.clone());
        match syn::parse2::<ItemUse>(statement.collect()) {
            Ok(item) => {
                self.use_tree(Kind::Use, item.leading_colon.is_some(), &[], &item.tree);
                end
            }
            Err(_) => start + 1,
        }
    }

    /// Reads the path that begins here, if one does. Gives where to go on.
    fn token_path(&mut self, tokens: &[TokenTree], start: usize) -> usize {
        let before = start.checked_sub(1).map(|before| &tokens[before]);
        let is_member = before.is_some_and(|token| punct(token, '.'))
            && !start.checked_sub(2).is_some_and(|earlier| punct(&tokens[earlier], '.'));
        let (mut at, global) = if colons(tokens, start) { (start + 2, true) } else { (start, false) };
        // `Vec::<u8>::new`: what comes before is no path of its own.
        let goes_on = global && before.is_some_and(|token| punct(token, '>') || matches!(token, TokenTree::Group(_)));
        let mut unknown = false;
        if tokens.get(at).is_some_and(|token| punct(token, '$')) {
            at += 1;
            unknown = !tokens.get(at).is_some_and(|token| is(token, "crate"));
        }
        let mut path = Vec::new();
        while let Some(TokenTree::Ident(ident)) = tokens.get(at) {
            path.push(name(ident));
            at += 1;
            if !colons(tokens, at) {
                break;
            }
            match tokens.get(at + 2) {
                Some(TokenTree::Ident(_)) => at += 2,
                Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace && !unknown => {
                    self.token_group(global, &path, group);
                    return at + 3;
                }
                Some(token) if punct(token, '*') && !unknown && !self.is_quoted => {
                    self.forbid(format!("`{}::*` hides what is used", path.join("::")));
                    at += 3;
                    break;
                }
                Some(token) if punct(token, '$') && is_own(&path) && !self.is_quoted => {
                    self.forbid(format!("`{}::$..` is put together by a macro", path.join("::")));
                    at += 2;
                    break;
                }
                _ => break,
            }
        }
        if path.is_empty() {
            return at.max(start + 1);
        }
        if unknown || goes_on || (is_member && path != ["await"]) {
            return at;
        }
        let next = tokens.get(at);
        let renames = next.is_some_and(|token| is(token, "as"));
        let is_handed_on = matches!(path.as_slice(), [one] if one == "crate" || one == "super");
        let is_renamed = renames && path.len() > 1 && path.iter().all(|part| is_root_word(part));
        if (is_handed_on || is_renamed) && !self.is_quoted {
            self.forbid(format!("`{}` in a macro gives a module above another name", path.join("::")));
        }
        self.token_mention(global, path, next);
        at
    }

    fn token_mention(&mut self, global: bool, path: Vec<String>, next: Option<&TokenTree>) {
        if let [word] = path.as_slice() {
            if word == "async" || word == "await" {
                return self.mention(Kind::Word, false, path);
            }
            let calls = matches!(next, Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis);
            let runs = next.is_some_and(|token| punct(token, '!'));
            if runs {
                return self.mention(Kind::Macro, global, path);
            }
            // Any other word may be a field or a local.
            if !calls && !word.starts_with(char::is_uppercase) {
                return;
            }
        }
        self.mention(Kind::Path, global, path);
    }

    /// `before::{..}` in the tokens of a macro.
    fn token_group(&mut self, global: bool, before: &[String], group: &Group) {
        let tree = group.stream();
        match syn::parse::Parser::parse2(Punctuated::<UseTree, Token![,]>::parse_terminated, tree.clone()) {
            Ok(trees) => trees.iter().for_each(|tree| self.use_tree(Kind::Use, global, before, tree)),
            Err(_) => {
                if is_own(before) && !self.is_quoted {
                    self.forbid(format!("`{}::{{ .. }}` in a macro is no list of names", before.join("::")));
                }
                self.tokens(tree);
            }
        }
    }

    /// The paths in the strings of an attribute.
    pub(crate) fn strings(&mut self, tokens: TokenStream) {
        for token in tokens {
            match token {
                TokenTree::Group(group) => self.strings(group.stream()),
                TokenTree::Literal(literal) => self.string(&Lit::new(literal)),
                TokenTree::Ident(_) | TokenTree::Punct(_) => {}
            }
        }
    }

    pub(crate) fn string(&mut self, literal: &Lit) {
        if let Lit::Str(text) = literal
            && let Ok(tokens) = text.value().parse()
        {
            self.quoted(tokens);
        }
    }

    pub(crate) fn quoted(&mut self, tokens: TokenStream) {
        let before = std::mem::replace(&mut self.is_quoted, true);
        self.tokens(tokens);
        self.is_quoted = before;
    }
}

/// A path into this crate.
fn is_own(path: &[String]) -> bool {
    path.first().is_some_and(|first| is_root_word(first))
}

fn is(token: &TokenTree, word: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident == word)
}

fn punct(token: &TokenTree, char: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == char)
}

fn colons(tokens: &[TokenTree], at: usize) -> bool {
    matches!(tokens.get(at..at + 2), Some([first, second]) if punct(first, ':') && punct(second, ':'))
}

/// `pub` and the group after it.
fn after_pub(group: &Group) -> TokenStream {
    let word = Ident::new("pub", proc_macro2::Span::call_site());
    [TokenTree::Ident(word), TokenTree::Group(group.clone())].into_iter().collect()
}
