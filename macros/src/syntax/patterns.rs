//! Patterns: the names that they bind, and the types written beside them.

use syn::visit::{self, Visit};
use syn::visit_mut::{self, VisitMut};
use syn::{Expr, Ident, Member, Pat, PatIdent, Type, parse_quote};

use crate::syntax::names::{below, unraw};

/// The names that a pattern binds, from left to right; a name that occurs in several alternatives is listed once.
pub(crate) fn bindings(pat: &Pat) -> Vec<&PatIdent> {
    struct Finder<'ast>(Vec<&'ast PatIdent>);
    impl<'ast> Visit<'ast> for Finder<'ast> {
        fn visit_pat_ident(&mut self, pat: &'ast PatIdent) {
            if is_binding(pat) && !self.0.iter().any(|other| other.ident == pat.ident) {
                self.0.push(pat);
            }
            visit::visit_pat_ident(self, pat);
        }

        // The guard of a pattern binds nothing.
        fn visit_expr(&mut self, _: &'ast Expr) {}
    }
    let mut finder = Finder(Vec::new());
    finder.visit_pat(pat);
    finder.0
}

/// `x` binds; `None` and `LIMIT` are constants or variants, which a macro can recognise by their case only.
pub(crate) fn is_binding(pat: &PatIdent) -> bool {
    pat.by_ref.is_some()
        || pat.mutability.is_some()
        || pat.subpat.is_some()
        || unraw(&pat.ident).starts_with(|c: char| c.is_lowercase() || c == '_')
}

/// The patterns of a condition with the expressions that they match: `Some(x)` and `a`, `Ok(y)` and `b` of
/// `let Some(x) = a && let Ok(y) = b && x > y`.
pub(crate) fn condition_patterns(cond: &Expr) -> Vec<(Pat, Expr)> {
    let patterns = links(cond).into_iter().filter_map(|link| match link {
        Expr::Let(link) => Some(((*link.pat).clone(), (*link.expr).clone())),
        _ => None,
    });
    patterns.collect()
}

/// The operands of a chain of `&&`.
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

/// The parts of its value that these bindings of a pattern borrow, as far as it names fields.
pub(crate) fn borrowed_by(pat: &Pat, path: &str, parts: &mut Vec<String>, is_one: &dyn Fn(&PatIdent) -> bool) {
    match pat {
        Pat::Paren(pat) => borrowed_by(&pat.pat, path, parts, is_one),
        Pat::Type(pat) => borrowed_by(&pat.pat, path, parts, is_one),
        Pat::Guard(pat) => borrowed_by(&pat.pat, path, parts, is_one),
        Pat::Struct(fields) if fields.path.segments.len() == 1 => {
            let below = |field: &syn::FieldPat| below(path, &field.member);
            fields.fields.iter().for_each(|field| borrowed_by(&field.pat, &below(field), parts, is_one));
        }
        Pat::Tuple(tuple) if !tuple.elems.iter().any(|elem| matches!(elem, Pat::Rest(_))) => {
            for (index, elem) in tuple.elems.iter().enumerate() {
                borrowed_by(elem, &below(path, &Member::from(index)), parts, is_one);
            }
        }
        pat if bindings(pat).into_iter().any(is_one) => parts.push(path.to_owned()),
        _ => {}
    }
}

/// Whether a name is bound by `ref mut`.
pub(crate) fn is_ref_mut(binding: &PatIdent) -> bool {
    binding.by_ref.is_some() && binding.mutability.is_some()
}

/// `x` or `mut x`.
pub(crate) fn is_bare(pat: &Pat) -> bool {
    matches!(pat, Pat::Ident(pat) if pat.subpat.is_none() && pat.by_ref.is_none() && is_binding(pat))
}

/// Whether a written type is the whole type of its local: without `_`, references and `impl Trait`.
pub(crate) fn is_whole(ty: &Type) -> bool {
    struct Finder(bool);
    impl<'ast> syn::visit::Visit<'ast> for Finder {
        fn visit_type_infer(&mut self, _: &'ast syn::TypeInfer) {
            self.0 = true;
        }

        fn visit_type_reference(&mut self, _: &'ast syn::TypeReference) {
            self.0 = true;
        }

        fn visit_type_impl_trait(&mut self, _: &'ast syn::TypeImplTrait) {
            self.0 = true;
        }

        fn visit_type_macro(&mut self, _: &'ast syn::TypeMacro) {
            self.0 = true;
        }

        fn visit_lifetime(&mut self, _: &'ast syn::Lifetime) {
            self.0 = true;
        }
    }
    let mut finder = Finder(false);
    syn::visit::Visit::visit_type(&mut finder, ty);
    !finder.0
}

/// The pattern with all other names replaced by `_`.
pub(crate) fn only(pat: &Pat, names: &[&Ident]) -> Pat {
    struct Others<'a>(&'a [&'a Ident]);
    impl VisitMut for Others<'_> {
        fn visit_pat_mut(&mut self, pat: &mut Pat) {
            if let Pat::Guard(guarded) = pat {
                *pat = (*guarded.pat).clone();
            }
            if let Pat::Ident(ident) = pat
                && is_binding(ident)
                && !self.0.contains(&&ident.ident)
            {
                *pat = match ident.subpat.take() {
                    Some((_, inner)) => *inner,
                    None => parse_quote!(_),
                };
                self.visit_pat_mut(pat);
                return;
            }
            visit_mut::visit_pat_mut(self, pat);
        }

        fn visit_field_pat_mut(&mut self, field: &mut syn::FieldPat) {
            visit_mut::visit_field_pat_mut(self, field);
            // `Dates { from }` becomes `Dates { from: _ }`.
            if let (None, syn::Member::Named(member)) = (&field.colon_token, &field.member)
                && !matches!(&*field.pat, Pat::Ident(_))
            {
                field.colon_token = Some(syn::Token![:](member.span()));
            }
        }

        fn visit_expr_mut(&mut self, _: &mut Expr) {}
    }
    let mut pat = pat.clone();
    Others(names).visit_pat_mut(&mut pat);
    pat
}

/// The names that a pattern binds by reference if its value is a borrow. A name under `&` is bound to a copy, and a name
/// with `mut` is a variable of its own.
pub(crate) fn by_reference(pat: &Pat) -> Vec<Ident> {
    let copied = |ident: &Ident| {
        struct Finder<'a>(&'a Ident, bool);
        impl<'ast> syn::visit::Visit<'ast> for Finder<'_> {
            fn visit_pat_reference(&mut self, pat: &'ast syn::PatReference) {
                self.1 |= bindings(&pat.pat).iter().any(|binding| binding.ident == *self.0 && binding.by_ref.is_none());
            }
        }
        let mut finder = Finder(ident, false);
        syn::visit::Visit::visit_pat(&mut finder, pat);
        finder.1
    };
    let all = bindings(pat).into_iter().filter(|binding| binding.mutability.is_none() || binding.by_ref.is_some());
    all.map(|binding| binding.ident.clone()).filter(|ident| !copied(ident)).collect()
}
