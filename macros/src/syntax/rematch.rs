//! Patterns that match a second time, when what they bind may have been written since: without the tests that decided
//! the first time.
//!
//! | first | again, if `n` is used |
//! |---|---|
//! | `Some(n @ 1..=3)` | `Some(n)` |
//! | `(LIMIT, n, Some(_))` | `(_, n, _)` |
//! | `Circle { radius: n @ 1.. } \| Box(n, 3)` | `Circle { radius: n } \| Box(n, _)` |
//!
//! The form around a name that is bound stays: while the name is used, the borrow checker lets nothing change it.

use quote::ToTokens;
use syn::visit_mut::{self, VisitMut};
use syn::{Ident, Pat, parse_quote};

use crate::syntax::patterns::{bindings, only};

/// The pattern that binds only these names, and binds them to the same places again.
pub(crate) fn rematch(pat: &Pat, names: &[&Ident]) -> Pat {
    let pat = only(pat, names);
    let (again, is_clear) = without_tests(&pat);
    if is_clear { again } else { pat }
}

/// Whether a pattern would choose another alternative if what it tests were written: `(1, n) | (n, 2)`.
pub(crate) fn may_rebind(pat: &Pat, names: &[Ident]) -> bool {
    let is_clear = |names: &[&Ident]| without_tests(&only(pat, names)).1;
    !is_clear(&names.iter().collect::<Vec<_>>()) || names.iter().any(|name| !is_clear(&[name]))
}

/// The pattern without its tests, and whether each of its names has one place in it.
fn without_tests(pat: &Pat) -> (Pat, bool) {
    let mut pat = pat.clone();
    let mut tests = Tests { is_clear: true };
    tests.visit_pat_mut(&mut pat);
    (pat, tests.is_clear)
}

struct Tests {
    is_clear: bool,
}

impl VisitMut for Tests {
    fn visit_pat_mut(&mut self, pat: &mut Pat) {
        if matches!(pat, Pat::Rest(_) | Pat::Wild(_)) {
            return;
        }
        if bindings(pat).is_empty() {
            *pat = parse_quote!(_);
            return;
        }
        match pat {
            Pat::Ident(ident) => {
                let is_test = |inner: &Pat| bindings(inner).is_empty() && !matches!(inner, Pat::Rest(_));
                if ident.subpat.as_ref().is_some_and(|(_, inner)| is_test(inner)) {
                    ident.subpat = None;
                }
                visit_mut::visit_pat_ident_mut(self, ident);
            }
            Pat::Or(all) => {
                let mut distinct: Vec<Pat> = Vec::new();
                for case in &all.cases {
                    let mut case = case.clone();
                    self.visit_pat_mut(&mut case);
                    let text = case.to_token_stream().to_string();
                    if !distinct.iter().any(|other| other.to_token_stream().to_string() == text) {
                        distinct.push(case);
                    }
                }
                let pairs = distinct.iter().enumerate();
                let mut pairs = pairs.flat_map(|(at, one)| distinct[at + 1..].iter().map(move |other| (one, other)));
                self.is_clear &= pairs.all(|(one, other)| are_disjoint(one, other));
                if let [only] = distinct.as_slice() {
                    *pat = only.clone();
                } else {
                    all.cases = distinct.into_iter().collect();
                }
            }
            pat => visit_mut::visit_pat_mut(self, pat),
        }
    }

    fn visit_field_pat_mut(&mut self, field: &mut syn::FieldPat) {
        visit_mut::visit_field_pat_mut(self, field);
        if let (None, syn::Member::Named(member)) = (&field.colon_token, &field.member)
            && !matches!(&*field.pat, Pat::Ident(_))
        {
            field.colon_token = Some(syn::Token![:](member.span()));
        }
    }

    fn visit_expr_mut(&mut self, _: &mut syn::Expr) {}
}

/// Whether no value matches both patterns, because they name two forms of one type.
fn are_disjoint(one: &Pat, other: &Pat) -> bool {
    match (one, other) {
        (Pat::Paren(one), other) => are_disjoint(&one.pat, other),
        (one, Pat::Paren(other)) => are_disjoint(one, &other.pat),
        (Pat::Ident(one), other) => one.subpat.as_ref().is_some_and(|(_, one)| are_disjoint(one, other)),
        (one, Pat::Ident(other)) => other.subpat.as_ref().is_some_and(|(_, other)| are_disjoint(one, other)),
        (Pat::Reference(one), Pat::Reference(other)) => are_disjoint(&one.pat, &other.pat),
        (Pat::Or(all), other) => all.cases.iter().all(|one| are_disjoint(one, other)),
        (one, Pat::Or(all)) => all.cases.iter().all(|other| are_disjoint(one, other)),
        (Pat::Tuple(one), Pat::Tuple(other)) => any_disjoint(one.elems.iter(), other.elems.iter()),
        (Pat::TupleStruct(one), Pat::TupleStruct(other)) => {
            differ(&one.path, &other.path) || any_disjoint(one.elems.iter(), other.elems.iter())
        }
        (Pat::TupleStruct(one), Pat::Struct(other)) => differ(&one.path, &other.path),
        (Pat::Struct(one), Pat::TupleStruct(other)) => differ(&one.path, &other.path),
        (Pat::Struct(one), Pat::Struct(other)) => {
            let same = |one: &syn::FieldPat| other.fields.iter().find(|other| other.member == one.member).cloned();
            let mut fields = one.fields.iter().filter_map(|one| Some((one, same(one)?)));
            differ(&one.path, &other.path) || fields.any(|(one, other)| are_disjoint(&one.pat, &other.pat))
        }
        _ => false,
    }
}

/// Compares patterns by their place, as far as no `..` stands before them.
fn any_disjoint<'a>(one: impl Iterator<Item = &'a Pat>, other: impl Iterator<Item = &'a Pat>) -> bool {
    let is_elem = |pat: &&Pat| !matches!(pat, Pat::Rest(_));
    let mut pairs = one.take_while(is_elem).zip(other.take_while(is_elem));
    pairs.any(|(one, other)| are_disjoint(one, other))
}

fn differ(one: &syn::Path, other: &syn::Path) -> bool {
    one.segments.last().map(|last| &last.ident) != other.segments.last().map(|last| &last.ident)
}
