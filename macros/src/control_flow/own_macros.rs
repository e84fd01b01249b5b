//! The `macro_rules!` macros that a body declares. Their definitions are written at the beginning of the blocks that may
//! use them, or of the whole flow. So a macro that must not be known before its definition, or that names a local, is
//! refused.

use std::collections::BTreeSet;

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Item, ItemMacro, Stmt};

use crate::control_flow::builder::Builder;
use crate::errors;
use crate::syntax::{Dots, captured, mentioned, unraw};

impl Builder<'_> {
    /// Reports each macro among these statements that has the name of another one which they use before it.
    pub(super) fn check_own_macros(&mut self, stmts: &[Stmt]) {
        let (mut used, mut declared) = (BTreeSet::new(), BTreeSet::new());
        for stmt in stmts {
            if let Stmt::Item(Item::Macro(ItemMacro { ident: Some(name), .. })) = stmt
                && (used.contains(&unraw(name)) || !declared.insert(unraw(name)))
            {
                self.errors.add(errors::body::macro_with_two_meanings(name));
            }
            used.extend(used_macros(stmt.to_token_stream()).difference(&declared).cloned());
        }
    }

    /// Reports a macro that declares a local in the place of another one, which generated code would go on with.
    pub(super) fn check_declaring_macro(&mut self, stmt: &Stmt) {
        let Stmt::Macro(syn::StmtMacro { mac, .. }) = stmt else { return };
        if !mac.path.get_ident().is_some_and(|name| self.declaring.contains(&unraw(name))) {
            return;
        }
        let names = mentioned(&mac.tokens);
        if let Some((local, _)) = self.env.iter().rev().find(|(local, _)| names.contains(local)) {
            let local = self.renamed.get(local).unwrap_or(local);
            self.errors.add(errors::body::macro_declares_local(mac, local));
        }
    }

    /// Reports a macro that names a local.
    pub(super) fn check_own_macro(&mut self, item: &Item) {
        let Item::Macro(ItemMacro { ident: Some(macro_name), mac, .. }) = item else { return };
        if declares(mac.tokens.clone(), 0) {
            self.declaring.insert(unraw(macro_name));
        }
        let mut known = BTreeSet::new();
        let named = free_names(mac.tokens.clone(), &mut known);
        if let Some((local, _)) = self.env.iter().rev().find(|(local, _)| named.contains(local)) {
            let local = self.renamed.get(local).unwrap_or(local);
            self.errors.add(errors::body::macro_names_local(macro_name, local));
        }
    }
}

/// Whether the code of a macro declares a local that its user names, outside of any block: `let $name = 1;`
fn declares(tokens: TokenStream, depth: usize) -> bool {
    let (mut is_let, mut is_variable) = (false, false);
    for token in tokens {
        match token {
            // The code of a rule, or a repetition in it.
            TokenTree::Group(group) if depth == 0 || is_variable => {
                if declares(group.stream(), depth + 1) {
                    return true;
                }
                (is_let, is_variable) = (false, false);
            }
            TokenTree::Ident(name) if name == "let" => is_let = true,
            TokenTree::Ident(name) if is_let && name == "mut" => {}
            TokenTree::Punct(punct) if punct.as_char() == '$' => {
                if is_let {
                    return true;
                }
                is_variable = true;
            }
            // `let ($one, $other) = ..`
            TokenTree::Group(group) if is_let && declares_in_pattern(group.stream()) => return true,
            _ => (is_let, is_variable) = (is_let && depth == 0, false),
        }
    }
    false
}

fn declares_in_pattern(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| matches!(token, TokenTree::Punct(punct) if punct.as_char() == '$'))
}

/// The macros that tokens use and do not declare before.
fn used_macros(tokens: TokenStream) -> BTreeSet<String> {
    let (mut used, mut declared) = (BTreeSet::new(), BTreeSet::new());
    let mut before: [Option<TokenTree>; 2] = [None, None];
    for token in tokens {
        match (&before, &token) {
            ([Some(TokenTree::Ident(rules)), Some(TokenTree::Punct(bang))], TokenTree::Ident(name))
                if rules == "macro_rules" && bang.as_char() == '!' =>
            {
                declared.insert(unraw(name));
            }
            ([Some(TokenTree::Ident(name)), Some(TokenTree::Punct(bang))], TokenTree::Group(group))
                if bang.as_char() == '!' =>
            {
                used.extend(Some(unraw(name)).filter(|name| !declared.contains(name)));
                used.extend(used_macros(group.stream()).difference(&declared).cloned());
            }
            (_, TokenTree::Group(group)) => used.extend(used_macros(group.stream()).difference(&declared).cloned()),
            _ => {}
        }
        let [_, last] = before;
        before = [last, Some(token)];
    }
    used
}

/// The names in the rules of a macro that are no `$name` and that it does not bind itself: `step` of `$x + step`.
fn free_names(tokens: TokenStream, bound: &mut BTreeSet<String>) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut dots = Dots::default();
    let (mut is_variable, mut is_bound) = (false, false);
    for token in tokens {
        let is_member = dots.then(&token);
        let was_variable = std::mem::take(&mut is_variable);
        match token {
            TokenTree::Group(group) => {
                is_bound = false;
                names.extend(free_names(group.stream(), bound));
            }
            TokenTree::Punct(punct) => {
                is_variable = punct.as_char() == '$';
                is_bound = false;
            }
            TokenTree::Ident(name) if name == "let" || name == "for" || (is_bound && name == "mut") => is_bound = true,
            TokenTree::Ident(name) if is_bound => {
                bound.insert(unraw(&name));
                is_bound = false;
            }
            TokenTree::Ident(name) if !was_variable && !is_member && !bound.contains(&unraw(&name)) => {
                names.insert(unraw(&name));
            }
            TokenTree::Literal(literal) => {
                names.extend(captured(&literal.to_string()).into_iter().filter(|name| !bound.contains(name)));
            }
            TokenTree::Ident(_) => {}
        }
    }
    names
}
