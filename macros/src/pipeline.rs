//! The pipeline of `#[flow]`: from the tokens of an item to the tokens that replace it. Each stage takes one value and
//! returns one, and all stages report to one collector of errors.

use proc_macro2::TokenStream;
use quote::quote;

use crate::analysis::analyze;
use crate::check::check;
use crate::control_flow::build;
use crate::emit::{self, Output, emit};
use crate::errors::Errors;
use crate::expand::expand;
use crate::lower::lower;
use crate::methods;
use crate::old_states::add_old_states;
use crate::parse::{self, ParsedFlow};
use crate::resolve::resolve;

#[cfg(test)]
mod fuzz;

/// Expands a function, or the methods of an `impl` block.
pub(crate) fn expand_item(args: TokenStream, item: TokenStream) -> TokenStream {
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
        (Ok(()), Some(ParsedFlow { header, body }), Err(syntax)) => {
            let Output { function, items } = emit::stub(&header, &body, &syntax);
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
    let original = flow.clone();
    let flow = expand(flow);
    let flow = check(flow, &mut errors);
    let flow = resolve(flow, &mut errors);
    let flow = build(flow, &mut errors);
    let flow = analyze(flow);
    let machine = lower(flow);
    let machine = add_old_states(machine, &mut errors);
    let ParsedFlow { header, body } = original;
    match errors.finish() {
        Ok(()) => emit(&machine),
        Err(error) if has_legal_signature => emit::stub(&header, &body, &error),
        Err(error) => Output { function: TokenStream::new(), items: error.to_compile_error() },
    }
}
