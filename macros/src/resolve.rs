//! From a [`CheckedFlow`] to a [`ResolvedFlow`]: a local that shadows one of an outer scope is renamed if both may be
//! live at one await. Never changes what a name means.
//!
//! `let x = 1; { let x = Ask.await; show(x) } show(x)` saves the outer `x` while it asks for the inner one. Generated
//! code has both in one scope, so the inner one becomes `x_2`; on disk its name is still `x`, and so it is in the code
//! that is emitted, with another span. If no await, jump or end of
//! a branch leaves the scope of the inner one, both are never live in one state, and nothing is renamed.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Group, TokenStream, TokenTree};
use quote::ToTokens;
use syn::visit::Visit;
use syn::visit_mut::{self, VisitMut};
use syn::{Block, Expr, FieldPat, FieldValue, Ident, Macro, Member, Pat, PatIdent};

use crate::check::CheckedFlow;
use crate::errors::{self, Errors};
use crate::header::Header;
use crate::syntax::{
    Arguments, Dots, Node, arguments, bindings, captured, contains_await, is_binding, may_borrow, mentioned, unraw,
};

/// From the new name of each renamed local to its original name.
pub(crate) type Renamed = BTreeMap<String, String>;

/// The renamed locals that are written under their original name in the end, with a span that tells them from the local
/// that they hide: macros show the names of their arguments.
pub(crate) type Shown = BTreeMap<String, String>;

/// A flow in which each name means one local at each await.
pub(crate) struct ResolvedFlow {
    pub(crate) header: Header,
    pub(crate) body: Block,
    pub(crate) renamed: Renamed,
    pub(crate) shown: Shown,
}

pub(crate) fn resolve(flow: CheckedFlow, errors: &mut Errors) -> ResolvedFlow {
    let CheckedFlow { header, mut body } = flow;
    let mut resolver = Resolver {
        scopes: Vec::new(),
        renamed: Renamed::new(),
        shown: Shown::new(),
        taken: mentioned(&body.to_token_stream()).into_iter().collect(),
        borrowed: BTreeSet::new(),
        errors,
    };
    resolver.open(false);
    for arg in &header.args {
        resolver.taken.extend(bindings(&arg.pat).iter().map(|binding| unraw(&binding.ident)));
        resolver.declare(&mut arg.pat.clone());
    }
    // The block of a function is the scope of its arguments too.
    body.stmts.iter_mut().for_each(|stmt| resolver.visit_stmt_mut(stmt));
    let Resolver { renamed, shown, .. } = resolver;
    ResolvedFlow { header, body, renamed, shown }
}

struct Resolver<'e> {
    scopes: Vec<Scope>,
    renamed: Renamed,
    shown: Shown,
    /// Every identifier of the body.
    taken: BTreeSet<String>,
    /// The current names of locals that a borrow may refer to. A reborrow may use them where they are shadowed.
    borrowed: BTreeSet<String>,
    errors: &'e mut Errors,
}

struct Scope {
    /// Whether a local of this scope that shadows one of an outer scope is renamed.
    renames: bool,
    /// The original and the current name of each local.
    names: Vec<(String, String)>,
}

impl Resolver<'_> {
    fn open(&mut self, renames: bool) {
        self.scopes.push(Scope { renames, names: Vec::new() });
    }

    fn scoped(&mut self, renames: bool, visit: impl FnOnce(&mut Self)) {
        self.open(renames);
        visit(self);
        self.scopes.pop();
    }

    /// The current name of the local that the author calls `name` here, if it has been renamed.
    fn new_name(&self, name: &str) -> Option<&str> {
        let mut all = self.scopes.iter().rev().flat_map(|scope| scope.names.iter().rev());
        all.find(|(old, _)| old == name).map(|(_, new)| new.as_str()).filter(|new| *new != name)
    }

    fn declare(&mut self, pat: &mut Pat) {
        self.declare_over(pat, false);
    }

    /// Declares a pattern. If its value borrows from a local that it shadows, both are live from here on.
    fn declare_over(&mut self, pat: &mut Pat, borrows: bool) {
        let names: Vec<_> = bindings(pat).iter().map(|binding| unraw(&binding.ident)).collect();
        for name in names {
            let (current, outer) = self.scopes.split_last().expect("the function has a scope");
            let hides = outer.iter().any(|scope| scope.names.iter().any(|(old, _)| *old == name));
            let again = current.names.iter().rev().find(|(old, _)| *old == name).map(|(_, new)| new.clone());
            let new = match again {
                Some(old) if borrows || self.borrowed.contains(&old) => self.fresh(&name),
                Some(new) => new,
                None if hides && current.renames => self.fresh(&name),
                None => name.clone(),
            };
            self.scopes.last_mut().expect("the function has a scope").names.push((name, new));
        }
        BindingsMut(self).visit_pat_mut(pat);
    }

    fn fresh(&mut self, name: &str) -> String {
        let new = (2..).map(|n| format!("{name}_{n}")).find(|new| !self.taken.contains(new));
        let new = new.expect("there are more numbers than names");
        self.taken.insert(new.clone());
        self.renamed.insert(new.clone(), name.to_owned());
        // There are two spans for one name, and a third local in scope has none.
        let mut in_scope = self.scopes.iter().flat_map(|scope| &scope.names);
        if !in_scope.any(|(old, new)| old == name && self.shown.contains_key(new)) {
            self.shown.insert(new.clone(), name.to_owned());
        }
        new
    }

    fn rename(&self, ident: &mut Ident) {
        if let Some(new) = self.new_name(&unraw(ident)) {
            *ident = Ident::new(new, ident.span());
        }
    }

    fn tokens(&mut self, tokens: TokenStream) -> TokenStream {
        let mut dots = Dots::default();
        let renamed = tokens.into_iter().map(|token| {
            let was_after_dot = dots.then(&token);
            match token {
                TokenTree::Group(group) => {
                    let mut new = Group::new(group.delimiter(), self.tokens(group.stream()));
                    new.set_span(group.span());
                    TokenTree::Group(new)
                }
                TokenTree::Ident(mut ident) => {
                    if !was_after_dot {
                        self.rename(&mut ident);
                    }
                    TokenTree::Ident(ident)
                }
                other @ (TokenTree::Punct(_) | TokenTree::Literal(_)) => other,
            }
        });
        renamed.collect()
    }

    /// A capture in a format string cannot be renamed, so it becomes a named argument: `"{x}", x = x_2`.
    fn name_captures(&self, args: &mut Arguments) {
        let Some(text) = args.format().cloned() else { return };
        // `x` of `"{x}", x = 1` is an argument.
        let mut named: BTreeSet<_> = args.names().map(unraw).collect();
        for name in captured(&text.token().to_string()) {
            if let Some(new) = self.new_name(&name).filter(|_| named.insert(name.clone())) {
                let (old, new) = (Ident::new(&name, text.span()), Ident::new(new, text.span()));
                args.args.push(syn::parse_quote!(#old = #new));
            }
        }
    }
}

/// Whether a macro may show the names in its arguments.
fn shows_names(mac: &Macro) -> bool {
    match mac.path.segments.last().map(|last| last.ident.to_string()).as_deref() {
        Some("assert" | "debug_assert") => arguments(mac).is_none_or(|args| args.args.len() < 2),
        Some("dbg") => true,
        _ => arguments(mac).is_none(),
    }
}

/// Whether generated code may leave this scope from inside: at an await or at a jump.
fn leaves(node: &impl Node) -> bool {
    struct Jumps(bool);
    impl<'ast> Visit<'ast> for Jumps {
        fn visit_expr_break(&mut self, _: &'ast syn::ExprBreak) {
            self.0 = true;
        }

        fn visit_expr_continue(&mut self, _: &'ast syn::ExprContinue) {
            self.0 = true;
        }

        fn visit_expr_closure(&mut self, _: &'ast syn::ExprClosure) {}
        fn visit_item(&mut self, _: &'ast syn::Item) {}
    }
    let mut jumps = Jumps(false);
    node.accept(&mut jumps);
    jumps.0 || contains_await(node)
}

/// Renames the identifiers that a pattern binds.
struct BindingsMut<'a>(&'a Resolver<'a>);

impl VisitMut for BindingsMut<'_> {
    fn visit_pat_ident_mut(&mut self, pat: &mut PatIdent) {
        if is_binding(pat) {
            self.0.rename(&mut pat.ident);
        }
        visit_mut::visit_pat_ident_mut(self, pat);
    }

    fn visit_field_pat_mut(&mut self, field: &mut FieldPat) {
        visit_mut::visit_field_pat_mut(self, field);
        // `Dates { from }` becomes `Dates { from: from_2 }`.
        if let (None, Member::Named(member), Pat::Ident(pat)) = (&field.colon_token, &field.member, &*field.pat)
            && pat.ident != *member
        {
            field.colon_token = Some(syn::Token![:](member.span()));
        }
    }

    fn visit_expr_mut(&mut self, _: &mut Expr) {}
}

impl Resolver<'_> {
    fn body(&mut self, block: &mut Block, renames: bool) {
        self.scoped(renames, |this| visit_mut::visit_block_mut(this, block));
    }

    fn branch(&mut self, branch: &mut Expr, renames: bool) {
        match branch {
            Expr::Block(block) if block.label.is_none() => self.body(&mut block.block, renames),
            branch => self.visit_expr_mut(branch),
        }
    }
}

impl VisitMut for Resolver<'_> {
    fn visit_block_mut(&mut self, block: &mut Block) {
        let renames = leaves(block);
        self.body(block, renames);
    }

    fn visit_local_mut(&mut self, local: &mut syn::Local) {
        if let Some(init) = &mut local.init {
            self.visit_expr_mut(&mut init.expr);
            if let Some((_, diverge)) = &mut init.diverge {
                self.visit_expr_mut(diverge);
            }
        }
        let borrows = local.init.as_ref().is_some_and(|init| may_borrow(&init.expr));
        self.declare_over(&mut local.pat, borrows);
        let by_ref = bindings(&local.pat).iter().any(|binding| binding.by_ref.is_some());
        if let Some(init) = local.init.as_ref().filter(|_| borrows || by_ref) {
            self.borrowed.extend(mentioned(&init.expr.to_token_stream()));
        }
    }

    fn visit_expr_let_mut(&mut self, expr: &mut syn::ExprLet) {
        self.visit_expr_mut(&mut expr.expr);
        self.declare(&mut expr.pat);
    }

    fn visit_expr_if_mut(&mut self, expr: &mut syn::ExprIf) {
        // If one branch awaits, generated code jumps from the end of each.
        let otherwise = expr.else_branch.as_ref().is_some_and(|(_, branch)| leaves(&**branch));
        let renames = leaves(&*expr.cond) || leaves(&expr.then_branch) || otherwise;
        self.scoped(renames, |this| {
            this.visit_expr_mut(&mut expr.cond);
            this.body(&mut expr.then_branch, renames);
        });
        if let Some((_, branch)) = &mut expr.else_branch {
            self.branch(branch, renames);
        }
    }

    fn visit_expr_match_mut(&mut self, expr: &mut syn::ExprMatch) {
        self.visit_expr_mut(&mut expr.expr);
        let renames = expr.arms.iter().any(|arm| leaves(&*arm.body) || leaves(&arm.pat));
        for arm in &mut expr.arms {
            self.scoped(renames, |this| {
                this.declare(&mut arm.pat);
                if let Pat::Guard(guarded) = &mut arm.pat {
                    this.visit_expr_mut(&mut guarded.guard);
                }
                this.branch(&mut arm.body, renames);
            });
        }
    }

    fn visit_expr_while_mut(&mut self, expr: &mut syn::ExprWhile) {
        let renames = leaves(&*expr.cond) || leaves(&expr.body);
        self.scoped(renames, |this| {
            this.visit_expr_mut(&mut expr.cond);
            this.body(&mut expr.body, renames);
        });
    }

    fn visit_expr_for_loop_mut(&mut self, expr: &mut syn::ExprForLoop) {
        self.visit_expr_mut(&mut expr.expr);
        let renames = leaves(&expr.body);
        self.scoped(renames, |this| {
            this.declare(&mut expr.pat);
            this.body(&mut expr.body, renames);
        });
    }

    fn visit_expr_closure_mut(&mut self, expr: &mut syn::ExprClosure) {
        self.scoped(false, |this| {
            expr.inputs.iter_mut().for_each(|input| this.declare(input));
            this.visit_expr_mut(&mut expr.body);
        });
    }

    fn visit_item_mut(&mut self, _: &mut syn::Item) {}

    fn visit_expr_path_mut(&mut self, expr: &mut syn::ExprPath) {
        if expr.qself.is_none()
            && expr.path.leading_colon.is_none()
            && let [segment] = expr.path.segments.iter_mut().collect::<Vec<_>>().as_mut_slice()
            && segment.arguments.is_none()
        {
            self.rename(&mut segment.ident);
        }
    }

    fn visit_field_value_mut(&mut self, field: &mut FieldValue) {
        self.visit_expr_mut(&mut field.expr);
        // `Dates { from }` becomes `Dates { from: from_2 }`.
        if let (None, Member::Named(member), Expr::Path(path)) = (&field.colon_token, &field.member, &field.expr)
            && !path.path.is_ident(member)
        {
            field.colon_token = Some(syn::Token![:](member.span()));
        }
    }

    fn visit_macro_mut(&mut self, mac: &mut Macro) {
        let renamed = mentioned(&mac.tokens).into_iter().find(|name| self.new_name(name).is_some());
        if shows_names(mac) {
            let is_misnamed = |name: &String| self.new_name(name).is_some_and(|new| !self.shown.contains_key(new));
            if let Some(name) = mentioned(&mac.tokens).into_iter().find(is_misnamed) {
                self.errors.add(errors::body::shown_shadow(mac, &name));
            }
        }
        if let Some(mut args) = arguments(mac) {
            // Without a rename the author's tokens are kept, for their spans.
            if renamed.is_none() && !args.exprs().any(leaves) {
                return;
            }
            let formats = args.formats;
            args.exprs_mut().for_each(|arg| match arg {
                Expr::Assign(assign) if formats => self.visit_expr_mut(&mut assign.right),
                arg => self.visit_expr_mut(arg),
            });
            if args.formats {
                self.name_captures(&mut args);
            }
            mac.tokens = args.into_tokens();
            return;
        }
        let Some(name) = renamed else { return };
        let text = mac.tokens.to_string();
        if captured(&text).iter().any(|captured| self.new_name(captured).is_some()) && text.contains('"') {
            self.errors.add(errors::body::captured_shadow(mac, &name));
        }
        mac.tokens = self.tokens(std::mem::take(&mut mac.tokens));
    }
}
