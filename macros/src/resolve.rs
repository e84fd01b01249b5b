//! Takes the body. Gives it back with every name telling which local it means: a local that hides another one of an
//! outer scope gets a name of its own wherever both may be needed at one await. Never changes a meaning.
//!
//! `let x = 1; { let x = Ask.await; show(x) } show(x)` saves the outer `x` while the inner one is being asked for. In
//! generated code both are in one place, so the inner one becomes `x_2`. On disk it is `x` all the same. Where nothing
//! leaves the scope of the inner one from inside, be it an await, a jump or the end of a branch, nothing is renamed.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Group, TokenStream, TokenTree};
use quote::ToTokens;
use syn::visit::Visit;
use syn::visit_mut::{self, VisitMut};
use syn::{Block, Expr, FieldPat, FieldValue, Ident, Lit, Macro, Member, Pat, PatIdent};

use crate::check::{self, Problems};
use crate::cut::may_borrow;
use crate::parse::Source;
use crate::syntax::{
    Arguments, Dots, Node, arguments, bindings, captured, contains_await, is_binding, mentioned, unraw,
};

/// The new names, and what their authors called them.
pub(crate) type Renamed = BTreeMap<String, String>;

pub(crate) fn resolve(source: &mut Source) -> syn::Result<Renamed> {
    let body = &source.body;
    let mut resolver =
        Resolver { taken: mentioned(&body.to_token_stream()).into_iter().collect(), ..Resolver::default() };
    resolver.open(false);
    for arg in &source.args {
        resolver.taken.extend(bindings(&arg.pat).iter().map(|binding| unraw(&binding.ident)));
        resolver.declare(&mut arg.pat.clone());
    }
    // The block of a function is the scope of its arguments too.
    source.body.stmts.iter_mut().for_each(|stmt| resolver.visit_stmt_mut(stmt));
    resolver.problems.into_result()?;
    Ok(resolver.renamed)
}

#[derive(Default)]
struct Resolver {
    scopes: Vec<Scope>,
    renamed: Renamed,
    /// Every identifier of the body.
    taken: BTreeSet<String>,
    /// What locals are called now that a borrow may be of: it may be taken again where they are hidden.
    lent: BTreeSet<String>,
    problems: Problems,
}

struct Scope {
    /// Whether what hides an outer local here gets a name of its own.
    renames: bool,
    /// What the author calls a local, and what it is called now.
    names: Vec<(String, String)>,
}

impl Resolver {
    fn open(&mut self, renames: bool) {
        self.scopes.push(Scope { renames, names: Vec::new() });
    }

    fn close(&mut self) {
        self.scopes.pop();
    }

    fn scoped(&mut self, renames: bool, visit: impl FnOnce(&mut Self)) {
        self.open(renames);
        visit(self);
        self.close();
    }

    /// What the local that is called `name` here is called now, if that is another name.
    fn new_name(&self, name: &str) -> Option<&str> {
        let mut all = self.scopes.iter().rev().flat_map(|scope| scope.names.iter().rev());
        all.find(|(old, _)| old == name).map(|(_, new)| new.as_str()).filter(|new| *new != name)
    }

    fn declare(&mut self, pat: &mut Pat) {
        self.declare_over(pat, false);
    }

    /// Declares a pattern. What it hides in its own scope may be what it borrows, and then both are needed.
    fn declare_over(&mut self, pat: &mut Pat, borrows: bool) {
        let names: Vec<_> = bindings(pat).iter().map(|binding| unraw(&binding.ident)).collect();
        for name in names {
            let (current, outer) = self.scopes.split_last().expect("the function has a scope");
            let hides = outer.iter().any(|scope| scope.names.iter().any(|(old, _)| *old == name));
            let again = current.names.iter().rev().find(|(old, _)| *old == name).map(|(_, new)| new.clone());
            let new = match again {
                Some(old) if borrows || self.lent.contains(&old) => self.fresh(&name),
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

    /// `"{x}"` cannot be renamed inside, so it is told what `x` is: `"{x}", x = x_2`.
    fn tell_captures(&self, args: &mut Arguments) {
        let Some(text) = args.args.iter().find_map(|arg| match arg {
            Expr::Lit(lit) => match &lit.lit {
                Lit::Str(text) => Some(text.clone()),
                _ => None,
            },
            _ => None,
        }) else {
            return;
        };
        // `x` of `"{x}", x = 1` is no local.
        let mut told: BTreeSet<_> = args.names().map(unraw).collect();
        for name in captured(&text.token().to_string()) {
            if let Some(new) = self.new_name(&name).filter(|_| told.insert(name.clone())) {
                let (old, new) = (Ident::new(&name, text.span()), Ident::new(new, text.span()));
                args.args.push(syn::parse_quote!(#old = #new));
            }
        }
    }
}

/// Whether both the inner and the outer local of one name may be needed at one place that generated code leaves.
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
struct BindingsMut<'a>(&'a Resolver);

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

impl Resolver {
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

impl VisitMut for Resolver {
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
            self.lent.extend(mentioned(&init.expr.to_token_stream()));
        }
    }

    fn visit_expr_let_mut(&mut self, expr: &mut syn::ExprLet) {
        self.visit_expr_mut(&mut expr.expr);
        self.declare(&mut expr.pat);
    }

    fn visit_expr_if_mut(&mut self, expr: &mut syn::ExprIf) {
        // Where one branch awaits, code goes on elsewhere from the end of each.
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
        if let Some(mut args) = arguments(mac) {
            // Untouched where nothing is renamed, in it or around it: the author's tokens are the best ones.
            if renamed.is_none() && !args.exprs().any(leaves) {
                return;
            }
            let formats = args.formats;
            args.exprs_mut().for_each(|arg| match arg {
                Expr::Assign(assign) if formats => self.visit_expr_mut(&mut assign.right),
                arg => self.visit_expr_mut(arg),
            });
            if args.formats {
                self.tell_captures(&mut args);
            }
            mac.tokens = args.into_tokens();
            return;
        }
        let Some(name) = renamed else { return };
        let text = mac.tokens.to_string();
        if captured(&text).iter().any(|captured| self.new_name(captured).is_some()) && text.contains('"') {
            self.problems.add(check::captured_shadow(mac, &name));
        }
        mac.tokens = self.tokens(std::mem::take(&mut mac.tokens));
    }
}
