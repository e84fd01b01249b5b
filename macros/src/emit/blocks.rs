//! The code of the blocks.

use proc_macro2::{Group, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::visit_mut::{self, VisitMut};
use syn::{Expr, Item, Pat, Stmt, Type};

use crate::emit::shared::{default_ident, hygienic, next_label, returns};
use crate::emit::states::partial_value;
use crate::graph::{answer_ident, point_ident};
use crate::machine::{Arm, Block, Code, Entry, Field, FieldType, JoinId, Machine, Op, StateId};
use crate::syntax::{arguments, mentioned};

/// A block: the arm of the match over the states and joins.
pub(super) fn block(machine: &Machine, block: &Block) -> TokenStream {
    let states = &machine.header.states;
    let bindings = block.bindings.iter().map(|binding| {
        let (field, ident, mutable) = (&binding.field, &binding.ident, binding.mutable.then(|| quote!(mut)));
        if field == ident { quote!(#mutable #ident) } else { quote!(#field: #mutable #ident) }
    });
    let bindings = quote!(#(#bindings),*);
    let code = ops(machine, &block.code);
    let next = &machine.next;
    match block.entry {
        Entry::Join(id) => {
            let name = &machine.join(id).name;
            quote!(#next::#name { #bindings } => { #code })
        }
        Entry::State(id) => {
            let state = machine.state(id);
            let name = &state.name;
            let pattern = quote!(#states::#name { #bindings });
            let answer = answer_ident(Span::call_site());
            match (machine.joins.is_empty(), state.point) {
                (true, _) => quote!(#pattern => { #code }),
                (false, None) => quote!(#next::Resume(#pattern, _) => { #code }),
                (false, Some(_)) => quote!(#next::Resume(#pattern, #answer) => { #code }),
            }
        }
    }
}

fn ops(machine: &Machine, ops: &[Op]) -> TokenStream {
    ops.iter().map(|one| op(machine, one)).collect()
}

fn op(machine: &Machine, op: &Op) -> TokenStream {
    match op {
        Op::Declare { ident, mutable, ty } => {
            let (mutable, ty) = (mutable.then(|| quote!(mut)), ty.as_ref().map(|ty| quote!(: #ty)));
            quote!(let #mutable #ident #ty;)
        }
        Op::Rebind { ident, mutable } => {
            let mutable = mutable.then(|| quote!(mut));
            quote!(let #mutable #ident = #ident;)
        }
        Op::Reborrow { pat, ty, expr, is_refutable, constants } => {
            let checks = constants.iter().map(|path| {
                let span = path.path.segments.last().map_or_else(Span::call_site, |last| last.ident.span());
                quote_spanned!(span=> ::stube::__private::constant(&#path);)
            });
            let reborrow = reborrow(pat, ty.as_deref(), expr, *is_refutable);
            quote!(#(#checks)* #reborrow)
        }
        Op::Stmt { stmt, jumps: true } => {
            let mut stmt: Stmt = stmt.clone();
            Jumps(machine).visit_stmt_mut(&mut stmt);
            stmt.into_token_stream()
        }
        Op::Stmt { stmt, jumps: false } => stmt.to_token_stream(),
        Op::Items(items) => {
            let items = items.iter().map(|item| {
                let item = own_macro(machine, item);
                quote!(#[allow(dead_code, unused_imports, unused_macros, reason = "another block uses it")] #item)
            });
            items.collect()
        }
        Op::Scope(inner) => {
            let inner = ops(machine, inner);
            quote!({ #inner })
        }
        Op::If { cond, then, otherwise } => {
            let (cond, then, otherwise) = (code(machine, cond), ops(machine, then), ops(machine, otherwise));
            quote!(if #cond { #then } else { #otherwise })
        }
        Op::Match { scrutinee, arms } => {
            let scrutinee = code(machine, scrutinee);
            let arms = arms.iter().map(|one| arm(machine, one));
            quote!(match #scrutinee { #(#arms)* })
        }
        Op::LetElse { pat, value, otherwise } => {
            let (value, otherwise) = (code(machine, value), ops(machine, otherwise));
            quote!(let #pat = #value else { #otherwise };)
        }
        Op::Use(idents) => quote!(_ = (#(&#idents),*);),
        Op::Await { state, callee } => await_(machine, *state, code(machine, callee)),
        Op::Jump { to, value } => {
            let jump = jump(machine, *to, value.as_ref().map(|value| code(machine, value)));
            quote!(#jump;)
        }
        Op::FallThrough(value) => {
            let value = value.as_ref().map(|value| code(machine, value));
            quote!(#value;)
        }
        Op::Return(value) => {
            let done = done(machine, value.as_ref().map_or_else(|| quote!(()), |value| code(machine, value)));
            quote!(#done;)
        }
    }
}

fn arm(machine: &Machine, arm: &Arm) -> TokenStream {
    let (mut pat, code) = (arm.pat.clone(), ops(machine, &arm.code));
    if arm.jumps {
        Jumps(machine).visit_pat_mut(&mut pat);
    }
    quote!(#pat => { #code })
}

fn reborrow(pat: &Pat, ty: Option<&Type>, expr: &Expr, is_refutable: bool) -> TokenStream {
    let (expr, ty) = (borrowed(expr), ty.map(|ty| quote!(: #ty)));
    if !is_refutable {
        return quote!(let #pat #ty = #expr;);
    }
    // An alternative needs parentheses in a `let`.
    let pat = if matches!(pat, Pat::Or(_)) { quote!((#pat)) } else { quote!(#pat) };
    quote!(let #pat #ty = #expr else { ::core::unreachable!("BUG: a pattern does not match again") };)
}

/// An expression that borrows again. For a method call, rustc checks that its result is a borrow.
fn borrowed(expr: &Expr) -> TokenStream {
    match expr {
        Expr::Paren(expr) => borrowed(&expr.expr),
        Expr::Group(expr) => borrowed(&expr.expr),
        Expr::Tuple(expr) => {
            let elems = expr.elems.iter().map(borrowed);
            quote!((#(#elems,)*))
        }
        Expr::MethodCall(call) => quote_spanned!(call.method.span()=> ::stube::__private::borrowed(#call)),
        expr => expr.to_token_stream(),
    }
}

fn code(machine: &Machine, code: &Code) -> TokenStream {
    if !code.jumps {
        return code.expr.to_token_stream();
    }
    let mut expr = code.expr.clone();
    Jumps(machine).visit_expr_mut(&mut expr);
    expr.into_token_stream()
}

/// Saves a state and returns what is awaited.
fn await_(machine: &Machine, id: StateId, callee_value: TokenStream) -> TokenStream {
    let state = machine.state(id);
    let (states, name, returns) = (&machine.header.states, &state.name, returns(&machine.header));
    let point = point_ident(state.point.expect("the state of an await"), Span::call_site());
    let callee = hygienic("__callee");
    let fields = state.fields.iter().map(|field| match field.is_checked {
        true => checked(machine, field),
        false => moved(machine, field),
    });
    let defaults = state.fields.iter().filter(|field| field.default.is_some()).map(|field| {
        let (of, ident) = (default_ident(field.local), &field.ident);
        quote!(#of.of(&#ident);)
    });
    // An error about a type that is no component is reported on the awaited expression.
    let call = quote_spanned!(callee_value.span()=> #point.call(#callee_value));
    quote! {
        let #callee = #call;
        #(#defaults)*
        return #returns::awaits(#states::#name { #(#fields),* }, #callee);
    }
}

/// Continues at a join, from an expression.
fn jump(machine: &Machine, to: JoinId, value: Option<TokenStream>) -> TokenStream {
    let join = machine.join(to);
    let (next, name, label) = (&machine.next, &join.name, next_label());
    // The value comes first: it may read the locals that are moved.
    let value = join.value.zip(value).map(|(index, value)| {
        let name = &join.fields[index].name;
        quote!(#name: #value,)
    });
    let others = join.fields.iter().enumerate().filter(|(index, _)| Some(*index) != join.value);
    let others = others.map(|(_, field)| moved(machine, field));
    quote!(break #label #next::#name { #value #(#others),* })
}

/// A field, with its local moved into it.
fn moved(machine: &Machine, field: &Field) -> TokenStream {
    let Field { name, ident, .. } = field;
    match &field.ty {
        FieldType::Whole(_) if name == ident => quote!(#ident),
        FieldType::Whole(_) => quote!(#name: #ident),
        FieldType::Partial(id) => {
            let value = partial_value(machine, *id, ident, &|place| place);
            quote!(#name: #value)
        }
    }
}

/// The same, where rustc checks that the local can be saved.
fn checked(machine: &Machine, field: &Field) -> TokenStream {
    let Field { name, ident, .. } = field;
    let kept = |place: TokenStream| quote_spanned!(ident.span()=> ::stube::__private::kept(#place));
    let value = match &field.ty {
        FieldType::Whole(_) => kept(quote!(#ident)),
        FieldType::Partial(id) => partial_value(machine, *id, ident, &kept),
    };
    quote!(#name: #value)
}

/// An item. Where a macro says `return`, the code in its place leaves the flow.
pub(super) fn own_macro(machine: &Machine, item: &Item) -> Item {
    let mut item = item.clone();
    if let Item::Macro(rules) = &mut item
        && rules.mac.path.is_ident("macro_rules")
    {
        let (mut is_rule, mut written) = (false, TokenStream::new());
        for token in std::mem::take(&mut rules.mac.tokens) {
            match token {
                TokenTree::Group(group) if std::mem::take(&mut is_rule) => {
                    let mut new = Group::new(group.delimiter(), with_returns(machine, group.stream()));
                    new.set_span(group.span());
                    written.extend([TokenTree::Group(new)]);
                }
                token => {
                    is_rule = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == '>');
                    written.extend([token]);
                }
            }
        }
        rules.mac.tokens = written;
    }
    item
}

/// The tokens with `return value` as a return from the flow. Its value ends with the group, or at a comma or a semicolon.
fn with_returns(machine: &Machine, tokens: TokenStream) -> TokenStream {
    let mut tokens = tokens.into_iter().peekable();
    let mut written = TokenStream::new();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Group(group) => {
                let mut new = Group::new(group.delimiter(), with_returns(machine, group.stream()));
                new.set_span(group.span());
                written.extend([TokenTree::Group(new)]);
            }
            TokenTree::Ident(ident) if ident == "return" => {
                let is_end = |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if matches!(punct.as_char(), ',' | ';'));
                let value: TokenStream = std::iter::from_fn(|| tokens.next_if(|token| !is_end(token))).collect();
                let value = if value.is_empty() { quote!(()) } else { with_returns(machine, value) };
                written.extend(done(machine, value));
            }
            token => written.extend([token]),
        }
    }
    written
}

fn done(machine: &Machine, value: TokenStream) -> TokenStream {
    let returns = returns(&machine.header);
    quote!(return #returns::done(#value))
}

/// Replaces what leaves a statement of the author's: `return`, and `break` with the label of a block.
struct Jumps<'a>(&'a Machine);

impl VisitMut for Jumps<'_> {
    fn visit_expr_mut(&mut self, expr: &mut Expr) {
        visit_mut::visit_expr_mut(self, expr);
        let written = match expr {
            Expr::Return(expr) => {
                let value = expr.expr.as_ref().map_or_else(|| quote!(()), ToTokens::to_token_stream);
                done(self.0, value)
            }
            Expr::Break(expr) => {
                let Some(block) = expr.label.as_ref().and_then(|label| self.0.labels.block(label)) else { return };
                let Some(to) = self.0.label_targets[block.0] else { return };
                match (self.0.join(to).value, &expr.expr) {
                    (Some(_), Some(value)) => jump(self.0, to, Some(quote!(#value))),
                    (Some(_), None) => jump(self.0, to, Some(quote!(()))),
                    (None, None) => jump(self.0, to, None),
                    (None, Some(value)) => {
                        let jump = jump(self.0, to, None);
                        quote!({ #value; #jump })
                    }
                }
            }
            _ => return,
        };
        *expr = Expr::Verbatim(written);
    }

    fn visit_macro_mut(&mut self, mac: &mut syn::Macro) {
        if !mentioned(&mac.tokens).iter().any(|name| name == "return" || name == "break") {
            return;
        }
        if let Some(mut args) = arguments(mac) {
            args.exprs_mut().for_each(|arg| self.visit_expr_mut(arg));
            mac.tokens = args.into_tokens();
        }
    }

    // A `return` in one of these leaves only itself.
    fn visit_expr_closure_mut(&mut self, _: &mut syn::ExprClosure) {}
    fn visit_expr_async_mut(&mut self, _: &mut syn::ExprAsync) {}
    fn visit_item_mut(&mut self, _: &mut syn::Item) {}
}
