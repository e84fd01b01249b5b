//! What is written for a flow with errors: the errors, and as much of the flow as callers and editors need, so that one
//! error does not cause others.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Expr, Pat, Stmt, Type};

use crate::emit::component::{component, function};
use crate::emit::inert::{inert, used_types};
use crate::emit::shared::{Output, hygienic, is_cfg};
use crate::evolution_attrs::Migration;
use crate::header::Header;
use crate::parse::ParsedFlow;

/// A flow whose signature is legal and whose body has errors. Its callers compile.
pub(crate) fn stub(flow: &ParsedFlow, error: &syn::Error) -> Output {
    let Header { vis, args, value: ty, states, attrs, output, .. } = &flow.header;
    let names: Vec<_> = (0..args.len()).map(|index| hygienic(&format!("arg{index}"))).collect();
    let types: Vec<_> = args.iter().map(|arg| &arg.ty).collect();
    let function = function(&flow.header, &names.iter().collect::<Vec<_>>());
    let (component, errors) = (component(&flow.header), error.to_compile_error());
    let cfgs: Vec<_> = attrs.iter().filter(|attr| is_cfg(attr)).collect();
    let never_run = never_run(flow, error, Some(output));
    let items = quote! {
        #errors
        #component
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
        #never_run
    };
    Output { function, items }
}

/// A flow whose signature has errors too. It is not declared.
pub(crate) fn undeclared(flow: &ParsedFlow, error: &syn::Error) -> Output {
    let errors = error.to_compile_error();
    // No constant can be declared without a name in an `impl` block.
    let never_run = (!flow.is_associated).then(|| never_run(flow, error, None));
    Output { function: TokenStream::new(), items: quote!(#errors #never_run) }
}

/// The body, twice: for an editor, which completes code in it, and for rustc, which counts what it names as used. The
/// return type is given if it is legal.
fn never_run(flow: &ParsedFlow, error: &syn::Error, returned: Option<&Type>) -> TokenStream {
    let ParsedFlow { header, generics, body, .. } = flow;
    let Header { args, attrs, output, migrations, .. } = header;
    let cfgs: Vec<_> = attrs.iter().filter(|attr| is_cfg(attr)).collect();
    let patterns: Vec<_> = args.iter().map(|arg| &arg.pat).collect();
    let types: Vec<_> = args.iter().map(|arg| &arg.ty).collect();
    let bounds = &generics.where_clause;
    let for_rustc = match body.stmts.as_slice() {
        [Stmt::Expr(Expr::Verbatim(tokens), None)] => used_types(tokens.clone()),
        _ => {
            let error = error.clone().into_iter().next().map(|error| error.to_compile_error());
            let body = inert(body, error.as_ref().unwrap_or(&TokenStream::new()), returned.is_some());
            let returned = returned.map(|ty| quote!(-> #ty));
            // The enum of `#[earlier(..)]` is not written for a flow with errors, so a migration cannot name it.
            let migrations =
                migrations.iter().filter(|_| header.old_states.is_none()).map(|migration| match migration {
                    Migration::Function(path) => quote!(_ = #path;),
                    Migration::Closure(closure) => match closure.inputs.first() {
                        Some(Pat::Type(taken)) => {
                            let ty = &taken.ty;
                            quote!(_ = ::core::option::Option::<#ty>::None;)
                        }
                        _ => TokenStream::new(),
                    },
                });
            quote! {
                #[allow(
                    warnings, unused, clippy::all, clippy::pedantic, clippy::nursery,
                    reason = "the flow has an error"
                )]
                fn body #generics (#(#patterns: #types),*) #returned #bounds {
                    // Without an error in the function, rustc would report types that it cannot infer.
                    _ = #error;
                    #(#migrations)*
                    #body
                }
            }
        }
    };
    quote! {
        #(#cfgs)*
        #[allow(unexpected_cfgs, reason = "cargo does not know it")]
        const _: () = {
            #[cfg(rust_analyzer)]
            async fn body #generics (#(#patterns: #types),*) -> #output #bounds #body
            #[cfg(not(rust_analyzer))]
            const _: () = { #for_rustc };
        };
    }
}

/// An item that is no flow. Whatever is no function stays as it is, so that rustc and an editor know
/// as much about it as without the attribute.
pub(crate) fn unparsed(item: TokenStream, error: &syn::Error) -> TokenStream {
    let error = error.to_compile_error();
    let item = syn::parse2::<syn::ItemFn>(item.clone()).is_err().then_some(item);
    quote!(#error #item)
}
