//! The attribute macros of stube.

use proc_macro::TokenStream;

mod check;
mod component;
mod emit;
mod facts;
mod graph;
mod liveness;
mod lower;
mod parse;
mod resolve;
mod syntax;

/// Gives a component its name on disk and registers it. Goes on the `impl Component for T` block.
///
/// Methods marked `#[resume]` take the answers of what the component called: `Self::on_dates` is then a value that
/// [`Next::call`] takes, and it fits only a component whose `Answer` is the type of the function's second parameter.
///
/// Arguments: `name = "..."` sets the name on disk, which is otherwise the name of the type in snake case;
/// `transient` says that the type holds something that cannot be saved.
///
/// [`Next::call`]: https://docs.rs/stube/latest/stube/struct.Next.html#method.call
#[proc_macro_attribute]
pub fn component(args: TokenStream, item: TokenStream) -> TokenStream {
    component::expand(args.into(), item.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Turns an `async fn` into a flow: a component whose state is saved at every `.await`.
#[proc_macro_attribute]
pub fn flow(args: TokenStream, item: TokenStream) -> TokenStream {
    expand_flow(args.into(), item.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}

fn expand_flow(
    args: proc_macro2::TokenStream,
    item: proc_macro2::TokenStream,
) -> syn::Result<proc_macro2::TokenStream> {
    let mut source = parse::parse(args, item)?;
    check::body(&source.body)?;
    let renamed = resolve::resolve(&mut source)?;
    let (graph, args) = graph::graph(&source, &renamed)?;
    let live = liveness::liveness(&graph);
    let machine = lower::lower(&source, &graph, &live, &args);
    Ok(emit::emit(&source, &graph, &live, &machine))
}
