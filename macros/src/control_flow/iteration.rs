//! The iterator of a `for` loop with an await in its body, split into its source and its adapters. An iterator cannot be
//! saved. Instead, these are:
//!
//! - a source that owns its items: the items that remain (`iterate` of the library);
//! - a source that borrows its items: the number of items taken (`lent`), and the borrow is repeated;
//! - an adapter that counts: its count. A closure is repeated, so nothing is saved for it.
//!
//! ```text
//! for (i, item) in cart.iter().filter(|item| item.ok).enumerate()
//!
//! rest_of_i   = place(cart.iter())
//! rest_of_i_2 = 0
//! next        = counted(lent(cart.iter(), &mut rest_of_i).filter(|item| item.ok), &mut rest_of_i_2).next()
//! again       = (rest_of_i_2 - 1, again(cart.iter(), &rest_of_i))
//! ```

use quote::{ToTokens, quote_spanned};
use syn::spanned::Spanned;
use syn::{Block, Expr, ExprClosure, ExprMethodCall, Pat, parse_quote, parse_quote_spanned};

use crate::control_flow::builder::Builder;
use crate::control_flow::reborrow::PendingReborrow;
use crate::def_use;
use crate::syntax::borrows::is_constant;
use crate::syntax::effects::changes_name;
use crate::syntax::{mentioned, unraw};

/// How a loop gets its items.
pub(super) struct Iteration {
    /// The next item, as an `Option`.
    pub(super) next: Expr,
    /// The current item once more, if it is borrowed and can be borrowed again.
    pub(super) again: Option<Expr>,
}

/// Methods without arguments that iterate over borrowed items.
const ITERATING: [&str; 12] = [
    "iter",
    "iter_mut",
    "keys",
    "values",
    "values_mut",
    "chars",
    "char_indices",
    "bytes",
    "lines",
    "split_whitespace",
    "split_ascii_whitespace",
    "range",
];

/// The same with an argument.
const PARTING: [&str; 10] = [
    "split",
    "rsplit",
    "split_terminator",
    "split_inclusive",
    "matches",
    "windows",
    "chunks",
    "chunks_mut",
    "chunks_exact",
    "range",
];

/// Adapters without a saved position that leave the items as they are.
const FILTERING: [&str; 2] = ["filter", "inspect"];

/// Adapters without a saved position that make other items.
const MAKING: [&str; 5] = ["map", "filter_map", "map_while", "cloned", "copied"];

/// Adapters that only iterators have.
const ONLY_OF_ITERATORS: [&str; 12] = [
    "enumerate",
    "rev",
    "skip",
    "step_by",
    "take_while",
    "skip_while",
    "map_while",
    "filter_map",
    "flat_map",
    "chain",
    "scan",
    "fuse",
];

/// Adapters without an effect in a loop.
const IDLE: [&str; 3] = ["by_ref", "fuse", "peekable"];

/// The source of the items.
enum Base {
    /// `items`, `0..n`: the remaining items are in this local.
    Owned(Expr),
    /// `items.iter()`: the position is in this local.
    Lent { iter: Expr, place: Expr },
}

impl Base {
    fn next(&self) -> Expr {
        match self {
            Self::Owned(items) => parse_quote!((&mut #items)),
            Self::Lent { iter, place } => {
                parse_quote_spanned!(iter.span()=> ::stube::__private::lent(#iter, &mut #place))
            }
        }
    }

    fn again(&self) -> Option<Expr> {
        match self {
            Self::Owned(_) => None,
            Self::Lent { iter, place } => {
                Some(parse_quote_spanned!(iter.span()=> ::stube::__private::again(#iter, &#place)))
            }
        }
    }
}

impl Builder<'_> {
    /// Splits the iterator of a loop, and stores in locals what the loop needs after an await.
    pub(super) fn iteration(&mut self, iter: Expr, name: &str, body: &Block) -> Iteration {
        let mut adapters = Vec::new();
        let mut base = bare(iter.clone());
        while let Expr::MethodCall(call) = base {
            if !is_adapter(&call) || !is_repeatable(&call, body) {
                base = Expr::MethodCall(call);
                break;
            }
            base = bare((*call.receiver).clone());
            adapters.push(call);
        }
        // `Option` and arrays have a `map` too.
        if !is_iterator(&base) && !adapters.iter().any(|call| ONLY_OF_ITERATORS.iter().any(|name| call.method == name))
        {
            adapters.clear();
            base = bare(iter);
        }
        adapters.reverse();
        // An adapter that works item by item can be applied after `rev` instead of before it.
        while let Some(at) = adapters.iter().position(|call| call.method == "rev")
            && at > 0
            && one_by_one(&adapters[at - 1])
        {
            adapters.swap(at - 1, at);
        }
        // `rev` after any other adapter needs all items first, so they are collected.
        if let Some(at) = adapters.iter().rposition(|call| call.method == "rev")
            && at > 0
            && !self.borrows_items(&base)
            && adapters[..at].iter().all(|call| !call.args.iter().any(|arg| matches!(arg, Expr::Closure(_))))
        {
            for mut call in adapters.drain(..=at) {
                call.receiver = Box::new(base);
                base = Expr::MethodCall(call);
            }
            base = parse_quote!(::core::iter::Iterator::collect::<::std::vec::Vec<_>>(#base));
        }
        let mut adapters = adapters.into_iter().peekable();
        let base = self.base(base, name, &mut adapters);
        let (mut next, mut again) = (base.next(), base.again());
        let is_bare = adapters.peek().is_none();
        for call in adapters {
            (next, again) = self.adapter(call, name, next, again);
        }
        // A source without adapters needs no `&mut`.
        let next = if let (Expr::Paren(next), true) = (&next, is_bare) {
            let next = &next.expr;
            parse_quote!(::core::iter::Iterator::next(#next))
        } else {
            parse_quote_spanned!(next.span()=> ::core::iter::Iterator::next(&mut #next))
        };
        Iteration { next, again }
    }

    /// The source of the items. Adapters that can be repeated with a borrow become a part of it.
    fn base(
        &mut self,
        base: Expr,
        name: &str,
        adapters: &mut std::iter::Peekable<std::vec::IntoIter<ExprMethodCall>>,
    ) -> Base {
        if self.borrows_items(&base) {
            let base = if let Expr::Path(_) = base { base } else { self.make_iterator_repeatable(base) };
            let mut iter: Expr = parse_quote_spanned!(base.span()=> ::core::iter::IntoIterator::into_iter(#base));
            while let Some(mut call) = adapters.next_if(|call| self.is_part_of_base(call)) {
                call.args = std::mem::take(&mut call.args)
                    .into_iter()
                    .map(|arg| {
                        if call.method == "zip" || call.method == "chain" {
                            self.make_iterator_repeatable(arg)
                        } else {
                            self.repeatable_index(arg)
                        }
                    })
                    .collect();
                call.receiver = Box::new(iter);
                iter = Expr::MethodCall(call);
            }
            let place = parse_quote_spanned!(iter.span()=> ::stube::__private::place(#iter));
            let source = self.through(&iter);
            let place = self.spill(name, place, true);
            if let Some(&(_, position)) = self.env.last() {
                self.graph.sources.insert(position, source);
            }
            return Base::Lent { iter, place };
        }
        // rustc reports a collection that cannot be saved on the collection.
        let iterate = quote_spanned!(base.span()=> ::stube::__private::iterate);
        Base::Owned(self.spill(name, parse_quote!(#iterate(#base)), true))
    }

    /// Whether the items of an expression are borrowed, as far as syntax tells.
    fn borrows_items(&self, base: &Expr) -> bool {
        match base {
            Expr::Reference(_) => true,
            Expr::Path(_) => self.is_repeatable_borrow(base) && !is_constant(base),
            Expr::MethodCall(call) => is_iterating(call),
            _ => false,
        }
    }

    /// Makes `items.iter()` or `items.windows(2)` one that can be repeated with the same result.
    fn make_iterator_repeatable(&mut self, iter: Expr) -> Expr {
        match iter {
            Expr::MethodCall(mut call) if is_iterating(&call) => {
                call.receiver = Box::new(match *call.receiver {
                    receiver if is_constant(&receiver) => receiver,
                    receiver @ Expr::MethodCall(_) => self.make_repeatable(receiver),
                    receiver => self.repeatable_place(receiver),
                });
                call.args = std::mem::take(&mut call.args).into_iter().map(|arg| self.repeatable_index(arg)).collect();
                Expr::MethodCall(call)
            }
            Expr::Reference(_) => self.make_repeatable(iter),
            iter if is_constant(&iter) => iter,
            iter => self.repeatable_index(iter),
        }
    }

    /// Whether an adapter can be repeated together with its borrow.
    fn is_part_of_base(&self, call: &ExprMethodCall) -> bool {
        match call.method.to_string().as_str() {
            "rev" | "enumerate" => true,
            "skip" | "take" | "step_by" => true,
            "zip" | "chain" => match bare(call.args[0].clone()) {
                Expr::MethodCall(other) => is_iterating(&other),
                other => {
                    matches!(other, Expr::Reference(_)) || is_constant(&other) || self.is_repeatable_borrow(&other)
                }
            },
            _ => false,
        }
    }

    /// An adapter of an iterator that is made anew in each round.
    fn adapter(
        &mut self,
        mut call: ExprMethodCall,
        name: &str,
        next: Expr,
        again: Option<Expr>,
    ) -> (Expr, Option<Expr>) {
        let method = call.method.to_string();
        let is = |names: &[&str]| names.contains(&method.as_str());
        if is(&IDLE) {
            return (next, again);
        }
        if is(&FILTERING) || is(&MAKING) || method == "rev" {
            let again = again.filter(|_| is(&FILTERING));
            call.receiver = Box::new(next);
            return (Expr::MethodCall(call), again);
        }
        let span = call.method.span();
        let arg = call.args.first().cloned();
        let function = proc_macro2::Ident::new(&method, span);
        let make = |next: Expr, rest: &[&Expr]| -> Expr {
            parse_quote_spanned!(span=> ::stube::__private::#function(#next, #(#rest),*))
        };
        let arg = arg.as_ref();
        match method.as_str() {
            "enumerate" => {
                let count = self.spill(name, parse_quote!(0usize), true);
                let again = again.map(|again| parse_quote!((#count - 1, #again)));
                (make(next, &[&parse_quote!(&mut #count)]), again)
            }
            "take" | "skip" => {
                let left = self.spill(name, arg.expect("a number").clone(), true);
                (make(next, &[&parse_quote!(&mut #left)]), again)
            }
            "step_by" => {
                let arg = arg.expect("a number");
                let steps = self.spill(name, parse_quote!(::stube::__private::Steps::new(#arg)), true);
                (make(next, &[&parse_quote!(&mut #steps)]), again)
            }
            "take_while" | "skip_while" => {
                let done = self.spill(name, parse_quote!(false), true);
                let closure = arg.expect("a closure");
                (make(next, &[closure, &parse_quote!(&mut #done)]), again)
            }
            "zip" | "chain" => {
                let arg = arg.expect("an iterator");
                let iterate = quote_spanned!(arg.span()=> ::stube::__private::iterate);
                let other = self.spill(name, parse_quote!(#iterate(#arg)), true);
                (make(next, &[&parse_quote!(&mut #other)]), None)
            }
            "flatten" | "flat_map" => {
                let inner = self.spill(name, parse_quote!(::core::option::Option::None), true);
                let next = match arg {
                    Some(closure) => parse_quote_spanned!(span=> #next.map(#closure)),
                    None => next,
                };
                let next = parse_quote_spanned!(span=> ::stube::__private::flatten(#next, &mut #inner));
                (next, None)
            }
            "scan" => {
                let (start, closure) = (arg.expect("a value").clone(), call.args[1].clone());
                let state = self.spill(name, start, true);
                (make(next, &[&parse_quote!(&mut #state), &closure]), None)
            }
            other => unreachable!("{other} is not among the adapters"),
        }
    }

    /// The borrows of a pattern from an item that can be borrowed again.
    pub(super) fn borrows_of_item(&self, pat: &Pat, item: &Expr) -> Vec<PendingReborrow> {
        vec![PendingReborrow::new(pat, item, def_use::of_expr(item, &self.env, &self.loops))]
    }
}

/// Without parentheses.
fn bare(expr: Expr) -> Expr {
    match expr {
        Expr::Paren(expr) => bare(*expr.expr),
        Expr::Group(expr) => bare(*expr.expr),
        expr => expr,
    }
}

/// Whether an expression is an iterator, as far as syntax tells.
fn is_iterator(expr: &Expr) -> bool {
    match expr {
        Expr::Range(_) => true,
        Expr::MethodCall(call) => {
            is_iterating(call)
                || ["into_iter", "drain", "into_keys", "into_values"].iter().any(|name| call.method == name)
        }
        Expr::Call(call) => matches!(&*call.func, Expr::Path(path)
            if path.path.segments.iter().rev().nth(1).is_some_and(|module| module.ident == "iter")),
        _ => false,
    }
}

fn is_iterating(call: &ExprMethodCall) -> bool {
    let is = |names: &[&str]| names.iter().any(|name| call.method == name);
    match call.args.len() {
        0 => is(&ITERATING),
        1 => is(&PARTING),
        _ => false,
    }
}

fn is_adapter(call: &ExprMethodCall) -> bool {
    let is = |names: &[&str]| names.iter().any(|name| call.method == name);
    match call.args.len() {
        0 => is(&IDLE) || is(&["cloned", "copied", "rev", "enumerate", "flatten"]),
        1 => {
            is(&FILTERING)
                || is(&["map", "filter_map", "map_while", "take", "skip", "step_by", "take_while", "skip_while"])
                || is(&["zip", "chain", "flat_map"])
        }
        2 => is(&["scan"]),
        _ => false,
    }
}

/// Whether the closures of an adapter can be repeated: they have no state of their own.
fn is_repeatable(call: &ExprMethodCall, body: &Block) -> bool {
    call.args.iter().all(|arg| match arg {
        Expr::Closure(closure) => closure.capture.is_none() || !changes_capture(closure, body),
        _ => true,
    })
}

/// Whether a value that a closure captures by `move` is changed, in the closure or in the body.
fn changes_capture(closure: &ExprClosure, body: &Block) -> bool {
    let body = Expr::Block(syn::ExprBlock { attrs: Vec::new(), label: None, block: body.clone() });
    let names = mentioned(&closure.body.to_token_stream());
    names.iter().any(|name| changes_name(&closure.body, name) || changes_name(&body, name))
}

/// Whether an adapter works item by item, so that it commutes with `rev`.
fn one_by_one(call: &ExprMethodCall) -> bool {
    let method = unraw(&call.method);
    FILTERING.contains(&method.as_str()) || MAKING.contains(&method.as_str())
}
