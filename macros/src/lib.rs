//! The attribute macros of stube.

use proc_macro::TokenStream;

mod component;

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
