//! The implementation of `Flow`: the description of the states, and the closure that runs the blocks.

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::Path;

use crate::emit::blocks::{block, own_macro};
use crate::emit::migrations::migrate;
use crate::emit::shared::{default_ident, hygienic, is_cfg, is_lint, kind, next_label, returns};
use crate::emit::states::typed_fields;
use crate::evolution_attrs::Migration;
use crate::graph::{answer_ident, point_ident};
use crate::header::Header;
use crate::ids::AwaitId;
use crate::machine::{Field, Machine, State};
use crate::syntax::{Dots, unraw};

pub(super) fn flow(machine: &Machine) -> TokenStream {
    let Header { args, value, attrs, .. } = &machine.header;
    let cfgs = attrs.iter().filter(|attr| is_cfg(attr));
    let lints = attrs.iter().filter(|attr| is_lint(attr));
    let types: Vec<_> = args.iter().map(|arg| &arg.ty).collect();
    let (kind, returns) = (kind(&machine.header), returns(&machine.header));
    let items = machine.items.iter().map(|item| own_macro(machine, item));
    let next_enum = next_enum(machine);
    let points = points(machine).map(|id| {
        let point = point_ident(id, Span::call_site());
        quote!(let #point = ::stube::__private::AwaitPoint::<_, _>::new();)
    });
    let defaults = machine.defaults.iter().map(|&local| {
        let of = default_ident(local);
        quote!(let #of = ::stube::__private::DefaultOf::<_>::new();)
    });
    let sites = machine.states.iter().map(|state| site(machine, state));
    let functions = functions(&machine.header);
    let (enter, run) = (hygienic("__enter"), shown(machine, run(machine)));
    quote! {
        #(#cfgs)*
        impl ::stube::__private::Flow for #value {
            type Args = (#(#types,)*);

            const SITES: &'static [::stube::__private::AwaitSite] = &[#(#sites),*];
            const MIGRATIONS: &'static [::stube::__private::MigrationFn] = &[#(#functions),*];

            fn held(&mut self) -> &mut ::stube::__private::State {
                &mut self.state
            }

            #[allow(
                unused_mut, unused_assignments, unreachable_code, clippy::all, clippy::pedantic,
                reason = "the function is split into blocks, and a block contains only a part of it"
            )]
            #(#lints)*
            fn machine() -> impl ::stube::__private::Machine<Self::Args, Self::Answer> {
                #(#items)*
                #next_enum
                ::stube::__private::machine::<(#(#types,)*), #kind, _, _>(
                    |#enter| -> #returns::Step<_> {
                        #(#points)*
                        #(#defaults)*
                        #run
                    },
                )
            }
        }
    }
}

/// The code with renamed locals under their original names. Their span tells them from the locals that they hide.
fn shown(machine: &Machine, code: TokenStream) -> TokenStream {
    if machine.shown.is_empty() {
        return code;
    }
    let mut dots = Dots::default();
    let shown = code.into_iter().map(|token| {
        let is_member = dots.then(&token);
        match token {
            TokenTree::Group(group) => {
                let mut new = Group::new(group.delimiter(), shown(machine, group.stream()));
                new.set_span(group.span());
                TokenTree::Group(new)
            }
            TokenTree::Ident(ident) if !is_member => match machine.shown.get(&unraw(&ident)) {
                Some(name) => TokenTree::Ident(raw(name, Span::mixed_site().located_at(ident.span()))),
                None => TokenTree::Ident(ident),
            },
            other => other,
        }
    });
    shown.collect()
}

fn raw(name: &str, span: Span) -> Ident {
    syn::parse_str::<Ident>(name).map_or_else(|_| Ident::new_raw(name, span), |_| Ident::new(name, span))
}

/// Enters the machine, and runs blocks until one of them returns.
fn run(machine: &Machine) -> TokenStream {
    let returns = returns(&machine.header);
    let (answer, state, next) = (answer_ident(Span::call_site()), hygienic("__state"), hygienic("__next"));
    let (enter, old) = (hygienic("__enter"), hygienic("__earlier"));
    let begin = begin(machine);
    let blocks = machine.blocks.iter().map(|one| block(machine, one));
    let described = described(machine);
    let migrate = migrate(machine);
    if machine.joins.is_empty() {
        return quote! {
            match #enter {
                #begin
                ::stube::__private::Enter::Resume(#state, #answer) => match #state { #(#blocks)* },
                ::stube::__private::Enter::Migrate(#old) => { #migrate }
                ::stube::__private::Enter::Describe => {
                    use ::stube::__private::Undescribed as _;
                    return #returns::described(#described);
                }
            }
        };
    }
    let (name, label) = (&machine.next, next_label());
    quote! {
        let mut #next = match #enter {
            #begin
            ::stube::__private::Enter::Resume(#state, #answer) => #name::Resume(#state, #answer),
            ::stube::__private::Enter::Migrate(#old) => { #migrate }
            ::stube::__private::Enter::Describe => #name::Describe,
        };
        loop {
            #next = #label: {
                match #next {
                    #(#blocks)*
                    #name::Describe => {
                        use ::stube::__private::Undescribed as _;
                        return #returns::described(#described);
                    }
                }
            };
        }
    }
}

/// The arm that makes the first state of the arguments.
fn begin(machine: &Machine) -> TokenStream {
    let (states, start) = (&machine.header.states, &machine.states[0]);
    let (returns, name) = (returns(&machine.header), &start.name);
    let names: Vec<_> = start.fields.iter().map(|field| &field.name).collect();
    quote! {
        ::stube::__private::Enter::Begin((#(#names,)*)) => {
            return #returns::ready(#states::#name { #(#names),* });
        }
    }
}

/// The description of the awaits and defaults. It is the last arm, so that the types of what is awaited are inferred.
fn described(machine: &Machine) -> TokenStream {
    let points = points(machine).map(|id| {
        let point = point_ident(id, Span::call_site());
        quote!(#point.describe())
    });
    let fields = machine.states.iter().flat_map(|state| state.fields.iter().map(move |field| (state, field)));
    let defaults = fields.filter_map(|(state, field)| default(state, field));
    quote! {
        ::stube::__private::Description {
            awaits: ::std::vec![#(#points),*],
            defaults: ::std::vec![#(#defaults),*],
        }
    }
}

fn default(state: &State, field: &Field) -> Option<TokenStream> {
    let default = field.default.as_ref()?;
    let (state, local) = (state.name.to_string(), unraw(&field.name));
    let of = default_ident(field.local);
    Some(quote!(#of.value(#state, #local, #default)))
}

/// Where a state is in the source, and what may come next.
fn site(machine: &Machine, state: &State) -> TokenStream {
    let State { span, ends, wanted, asks, was, .. } = state;
    let name = state.name.to_string();
    let line = quote_spanned!(*span=> ::core::line!());
    let next = state.next.iter().map(|&id| machine.state(id).name.to_string());
    let locals_were = state.fields.iter().filter(|field| !field.was.is_empty()).map(|field| {
        let (name, was) = (unraw(&field.name), &field.was);
        quote!((#name, &[#(#was),*]))
    });
    quote!(::stube::__private::AwaitSite {
        name: #name,
        line: #line,
        next: &[#(#next),*],
        ends: #ends,
        wanted: #wanted,
        asks: #asks,
        was: &[#(#was),*],
        locals_were: &[#(#locals_were),*],
    })
}

/// `enum BookingStateNext<S, Dates> { Resume(S, AnyAnswer), Loop { .. }, AfterLoop { .. }, Describe }`
fn next_enum(machine: &Machine) -> Option<TokenStream> {
    if machine.joins.is_empty() {
        return None;
    }
    let (name, params) = (&machine.next, &machine.join_params);
    let variants = machine.joins.iter().map(|join| {
        let (name, fields) = (&join.name, typed_fields(machine, &join.fields));
        quote!(#name { #fields })
    });
    Some(quote! {
        #[allow(non_camel_case_types, reason = "a parameter has the name of its local")]
        enum #name<S, #(#params),*> {
            Resume(S, ::stube::__private::AnyAnswer),
            #(#variants,)*
            Describe,
        }
    })
}

/// The functions of `#[migrate(function)]`.
fn functions(header: &Header) -> Vec<&Path> {
    let functions = header.migrations.iter().filter_map(|migration| match migration {
        Migration::Function(path) => Some(path),
        Migration::Closure(_) => None,
    });
    functions.collect()
}

fn points(machine: &Machine) -> impl Iterator<Item = AwaitId> {
    machine.states.iter().filter_map(|state| state.point)
}
