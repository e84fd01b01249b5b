//! What is written for a flow with errors.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Block;

use crate::emit::component::{component, function};
use crate::emit::shared::{Output, hygienic, is_cfg};
use crate::header::Header;

/// What stands for a flow whose body cannot be one: whoever calls it is told nothing on top.
pub(crate) fn stub(header: &Header, body: &Block, error: &syn::Error) -> Output {
    let Header { vis, args, value: ty, states, attrs, .. } = header;
    let names: Vec<_> = (0..args.len()).map(|index| hygienic(&format!("arg{index}"))).collect();
    let types: Vec<_> = args.iter().map(|arg| &arg.ty).collect();
    let (function, value, error) =
        (function(header, &names.iter().collect::<Vec<_>>()), component(header), error.to_compile_error());
    let cfgs: Vec<_> = attrs.iter().filter(|attr| is_cfg(attr)).collect();
    let output = &header.output;
    let patterns = args.iter().map(|arg| &arg.pat);
    let items = quote! {
        #error
        #value
        #(#cfgs)*
        #[allow(missing_docs, dead_code, reason = "the flow has an error")]
        #vis enum #states {}
        #(#cfgs)*
        impl ::stube::__private::Flow for #ty {
            type Args = (#(#types,)*);

            const SITES: &'static [::stube::__private::AwaitSite] = &[];
            const MIGRATIONS: &'static [::stube::__private::MigrationFn] = &[];

            fn held(&mut self) -> &mut ::stube::__private::State {
                &mut self.state
            }

            fn machine() -> impl ::stube::__private::Machine<Self::Args, Self::Answer> {
                ::stube::__private::broken()
            }
        }
        // Of use to an editor, which shows and completes what stands in here.
        #(#cfgs)*
        #[allow(unexpected_cfgs, reason = "cargo does not know it")]
        const _: () = {
            #[cfg(rust_analyzer)]
            async fn body(#(#patterns: #types),*) -> #output #body
        };
    };
    Output { function, items }
}

/// What stands for a flow that could not be read. What is no function stays what it is; neither an editor nor the
/// compiler is told less about it than without the attribute.
pub(crate) fn unparsed(item: TokenStream, error: &syn::Error) -> TokenStream {
    let error = error.to_compile_error();
    let item = syn::parse2::<syn::ItemFn>(item.clone()).is_err().then_some(item);
    quote!(#error #item)
}
