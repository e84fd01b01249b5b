//! The pipeline of `#[flow]`: from the tokens of an item to the tokens that replace it. Each stage takes one value and
//! returns one, and all stages report to one collector of errors.

use proc_macro2::TokenStream;
use quote::quote;

use crate::analysis::analyze;
use crate::check::{awaits_under_cfg, check};
use crate::configure;
use crate::dump::Dump;
use crate::emit::{self, Output, emit};
use crate::errors::Errors;
use crate::expand::expand as expand_macros;
use crate::held::build;
use crate::lower::lower;
use crate::methods;
use crate::old_states::add_old_states;
use crate::parse::{self, ParsedFlow};
use crate::resolve::resolve;
use crate::syntax::parenthesized;
use crate::validate::{validate_graph, validate_machine};

#[cfg(test)]
mod tests;

/// Expands a function, or the methods of an `impl` block. If a part of it depends on the configuration, rustc evaluates
/// that first.
pub(crate) fn expand_item(args: TokenStream, item: TokenStream) -> TokenStream {
    let item = parenthesized(item);
    if let Some(carrier) = configure::carrier(&args, &item)
        && syn::parse2::<syn::Item>(item.clone()).is_ok_and(|item| !awaits_under_cfg(&item))
    {
        return carrier;
    }
    expand(args, item)
}

/// Expands the function or the block in an enum of [`configure`].
pub(crate) fn expand_configured(carrier: TokenStream) -> TokenStream {
    let (args, item) = configure::item(carrier).expect("BUG: only `#[flow]` writes this derive");
    if item.is_empty() { TokenStream::new() } else { expand(args, item) }
}

fn expand(args: TokenStream, item: TokenStream) -> TokenStream {
    if let Ok(block) = syn::parse2(item.clone()) {
        return expand_methods(block).unwrap_or_else(|error| emit::unparsed(item, &error));
    }
    let mut errors = Errors::new();
    if let Some(flow) = parse::parse(args.clone(), item.clone(), &mut errors) {
        let Output { function, items } = expand_flow(flow, errors);
        return quote!(#function #items);
    }
    let error = errors.finish().expect_err("BUG: nothing was parsed, and no error was reported");
    // An error in the syntax of the body: callers of the flow must not get errors as well.
    let mut errors = Errors::new();
    let signature = parse::parse_signature(args, item.clone(), &mut errors);
    match (errors.finish(), signature, syn::parse2::<syn::ItemFn>(item.clone())) {
        (Ok(()), Some(flow), Err(syntax)) => {
            let Output { function, items } = emit::stub(&flow, &syntax);
            quote!(#function #items)
        }
        _ => emit::unparsed(item, &error),
    }
}

fn expand_methods(block: syn::ItemImpl) -> syn::Result<TokenStream> {
    let (mut functions, mut all) = (Vec::new(), TokenStream::new());
    for method in methods::methods(&block)? {
        let mut errors = Errors::new();
        let flow = parse::parse_function(method.args, method.function, Some(&method.owner), &mut errors);
        let Output { function, items } = expand_flow(flow, errors);
        functions.push((method.index, function));
        all.extend(items);
    }
    let block = methods::block(block, functions);
    Ok(quote!(#block #all))
}

fn expand_flow(flow: ParsedFlow, mut errors: Errors) -> Output {
    let has_legal_signature = errors.is_empty();
    let dump = Dump::from_env(&flow.header);
    dump.stage("parsed", &flow);
    let original = flow.clone();
    let flow = expand_macros(flow);
    dump.stage("expanded", &flow);
    let flow = check(flow, &mut errors);
    dump.stage("checked", &flow);
    let flow = resolve(flow, &mut errors);
    dump.stage("resolved", &flow);
    let flow = build(flow, &mut errors);
    dump.stage("graph", &flow);
    if cfg!(debug_assertions) && errors.is_empty() {
        validate_graph(&flow);
    }
    let flow = analyze(flow);
    dump.stage("analyzed", &flow);
    let machine = lower(flow);
    dump.stage("machine", &machine);
    if cfg!(debug_assertions) && errors.is_empty() {
        validate_machine(&machine);
    }
    let machine = add_old_states(machine, &mut errors);
    match errors.finish() {
        Ok(()) => emit(&machine),
        Err(error) if has_legal_signature => emit::stub(&original, &error),
        Err(error) => emit::undeclared(&original, &error),
    }
}
