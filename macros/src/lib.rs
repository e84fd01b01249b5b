//! The attribute macros of stube.

use proc_macro::TokenStream;
use proc_macro2::TokenStream as TokenStream2;

mod check;
mod component;
mod cut;
mod edges;
mod emit;
mod expand;
mod facts;
#[cfg(test)]
mod fuzz;
mod graph;
mod ids;
mod liveness;
mod lower;
mod methods;
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
///
/// Of `async fn greet(guest: String) -> bool`, `greet("you".into())` is then a value, of the type `GreetFlow`, that runs
/// nothing yet: it can be started by a runtime, or awaited by another flow. `GreetState` is the enum of its states. The
/// function itself is gone; its body runs piece by piece, from one `.await` to the next.
///
/// # What may be awaited
///
/// Components, and other flows. The value of the `.await` is the callee's `Answer`. If that is a `Result`, `?` and
/// `match` work on it as on any other.
///
/// # What is saved
///
/// At each `.await`, the locals that are used after it, and nothing else. Their types are inferred, never written
/// down, and implement serde's two traits. The state is called as the binding (`let name = ...` waits in `Name`), else
/// as what is awaited (`Confirm`); if that name is taken, it is numbered. The fields are the names of the locals.
///
/// A value that nobody uses after an `.await` is not saved: it is dropped where the flow waits, or where paths join
/// after a branch or loop that waits, and not at the end of its scope. Everything else is dropped where the async
/// function would drop it.
///
/// # What runs again
///
/// Code between two awaits runs again if the program is killed before its effect was saved. It is never run again
/// after that, so it need not be deterministic.
///
/// # Loops
///
/// A `for` loop with an `.await` in its body goes over a range or an owned collection, which is consumed item by item;
/// what is left of it is saved. `while`, `while let` and `loop` are free.
///
/// # Methods
///
/// On an `impl` block, `#[flow]` makes flows of those functions in it that are marked `#[flow]` too. They take `self`
/// by value, and its type is saved as that of any argument. Of `stay` in `impl Hotel`, the value is a `HotelStayFlow`,
/// called `hotel_stay` on disk.
///
/// # Arguments of the attribute
///
/// `name = "..."` sets the name on disk, which is otherwise the name of the function. Names are for ever: a
/// conversation that waits on disk is found by them.
#[proc_macro_attribute]
pub fn flow(args: TokenStream, item: TokenStream) -> TokenStream {
    expand_flow(args.into(), item.into()).into()
}

fn expand_flow(args: TokenStream2, item: TokenStream2) -> TokenStream2 {
    if let Ok(block) = syn::parse2(item.clone()) {
        return expand_methods(block).unwrap_or_else(|error| emit::unparsed(item, &error));
    }
    match parse::parse(args, item.clone()) {
        Ok(source) => {
            let emit::Flow { function, items } = expand_source(&source);
            quote::quote!(#function #items)
        }
        Err(error) => emit::unparsed(item, &error),
    }
}

/// The flows of an `impl` block.
fn expand_methods(block: syn::ItemImpl) -> syn::Result<TokenStream2> {
    let (mut functions, mut all) = (Vec::new(), TokenStream2::new());
    for method in methods::methods(&block)? {
        let source = parse::function(method.args, method.function, Some(&method.owner))?;
        let emit::Flow { function, items } = expand_source(&source);
        functions.push((method.index, function));
        all.extend(items);
    }
    let block = methods::block(block, functions);
    Ok(quote::quote!(#block #all))
}

fn expand_source(source: &parse::Source) -> emit::Flow {
    machine(source.clone()).unwrap_or_else(|error| emit::stub(source, &error))
}

fn machine(mut source: parse::Source) -> syn::Result<emit::Flow> {
    expand::expand(&mut source.body);
    check::body(&source.body)?;
    let renamed = resolve::resolve(&mut source)?;
    let (graph, args) = cut::cut(&source, &renamed)?;
    let live = liveness::liveness(&graph);
    let machine = lower::lower(&source, &graph, &live, &args);
    let edges = edges::edges(&graph);
    Ok(emit::emit(&source, &graph, &live, &machine, &edges))
}
