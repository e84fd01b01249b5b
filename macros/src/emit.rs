//! Takes the machine. Gives the tokens: the function, the type of its value, the enum of its states, and one closure
//! that holds the author's code, block by block in the order in which it was written. Only this stage writes output.
//!
//! ```text
//! enum BookingState<Dates, Tries, Room> { Start { guest: String }, Dates { guest: String }, Room { .. }, .. }
//!
//! machine(|enter| {
//!     let mut next = match enter { Begin((guest,)) => return ready(BookingState::Start { guest }), .. };
//!     loop {
//!         next = 'next: {
//!             match next {
//!                 Next::Resume(BookingState::Start { guest }, _) => { .. return awaits(BookingState::Dates { guest }, ..) }
//!                 Next::Resume(BookingState::Dates { guest }, __answer) => { let dates = __at_0.answer(__answer); .. }
//!                 Next::Loop { guest, dates, tries } => { .. }
//! ```
//!
//! Every path in the author's own crate is absolute and goes through `::stube::__private`, so that crate needs no other.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::visit_mut::{self, VisitMut};
use syn::{Attribute, Expr, Ident, Lifetime, Pat, Stmt};

use crate::component::{register, registration, snake_case};
use crate::cut::only;
use crate::edges::Edges;
use crate::facts::{SplitLoop, target};
use crate::graph::{Again, Code, Entry, Graph, Node, answer_ident, point_ident};
use crate::ids::{AwaitId, BlockId, LocalId, Place, ScopeId, SeqId};
use crate::liveness::{Liveness, mentioned};
use crate::lower::{Field, Kept, Machine, Rest, Variant};
use crate::marks::Migration;
use crate::parse::Source;
use crate::syntax::{arguments, unraw};

/// What is written in the place of a flow.
pub(crate) struct Flow {
    /// The function that gives its value.
    pub(crate) function: TokenStream,
    /// All that stands beside it.
    pub(crate) items: TokenStream,
}

pub(crate) fn emit(source: &Source, graph: &Graph, live: &Liveness, machine: &Machine, edges: &Edges) -> Flow {
    let emitter = Emitter { source, graph, live, machine, edges, checked: RefCell::default() };
    let names: Vec<_> = machine.start.fields.iter().map(|field| &field.name).collect();
    let function = function(source, &names);
    let value = value(source);
    let states = emitter.states();
    let flow = emitter.flow();
    let test = test(source);
    let items = quote! {
        #value
        #states
        #flow
        #test
    };
    Flow { function, items }
}

struct Emitter<'a> {
    source: &'a Source,
    graph: &'a Graph,
    live: &'a Liveness,
    machine: &'a Machine,
    edges: &'a Edges,
    /// What it has been asked of whether it can be saved.
    checked: RefCell<BTreeSet<Place>>,
}

/// What stands for a flow whose body cannot be one: whoever calls it is told nothing on top.
pub(crate) fn stub(source: &Source, error: &syn::Error) -> Flow {
    let Source { vis, args, value: ty, states, attrs, .. } = source;
    let names: Vec<_> = (0..args.len()).map(|index| mixed(&format!("arg{index}"))).collect();
    let types: Vec<_> = args.iter().map(|arg| &arg.ty).collect();
    let (function, value, error) =
        (function(source, &names.iter().collect::<Vec<_>>()), value(source), error.to_compile_error());
    let cfgs: Vec<_> = attrs.iter().filter(|attr| is_cfg(attr)).collect();
    let (body, output) = (&source.body, &source.output);
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
    Flow { function, items }
}

/// What stands for a flow that could not be read. What is no function stays what it is; neither an editor nor the
/// compiler is told less about it than without the attribute.
pub(crate) fn unparsed(item: TokenStream, error: &syn::Error) -> TokenStream {
    let error = error.to_compile_error();
    let item = syn::parse2::<syn::ItemFn>(item.clone()).is_err().then_some(item);
    quote!(#error #item)
}

/// Two flows of one name are found by whoever runs the tests.
fn test(source: &Source) -> TokenStream {
    let Source { value, name, attrs, .. } = source;
    let cfgs = attrs.iter().filter(|attr| is_cfg(attr));
    let module = Ident::new(&format!("{}_on_disk", snake_case(&value.to_string())), value.span());
    quote! {
        #(#cfgs)*
        #[cfg(test)]
        #[allow(unnameable_test_items, reason = "a flow inside of a function has no test")]
        mod #module {
            #[test]
            fn has_its_name_alone() {
                ::stube::__private::assert_alone(#name);
            }
        }
    }
}

/// `fn booking(guest: String) -> BookingFlow`
fn function(source: &Source, names: &[&Ident]) -> TokenStream {
    let Source { vis, ident, value, args, attrs, .. } = source;
    // A lint that is expected of the body is not found in the function.
    let attrs = attrs.iter().filter(|attr| !attr.path().is_ident("expect"));
    let this: Option<Ident> = source.is_method.then(|| Ident::new("self", ident.span()));
    let params = names.iter().zip(args).skip(usize::from(source.is_method)).map(|(name, arg)| {
        let ty = &arg.ty;
        quote!(#name: #ty)
    });
    let params = this.iter().map(ToTokens::to_token_stream).chain(params);
    let given = this.iter().chain(names.iter().copied().skip(usize::from(source.is_method)));
    quote! {
        #(#attrs)*
        #vis fn #ident(#(#params),*) -> #value {
            let machine = <#value as ::stube::__private::Flow>::machine();
            #value { state: ::stube::__private::Machine::begin(&machine, (#(#given,)*)) }
        }
    }
}

/// The type of `booking(..)`: a component.
fn value(source: &Source) -> TokenStream {
    let Source { vis, ident, value, name, output, attrs, .. } = source;
    let doc = format!("The value of [`{ident}`]: a conversation, or a part of one, that has not been started.");
    let cfgs: Vec<_> = attrs.iter().filter(|attr| is_cfg(attr)).collect();
    let takes = source.migrations.iter().filter_map(|migration| match migration {
        Migration::Closure(closure) => match closure.inputs.first() {
            Some(Pat::Type(taken)) => Some(&taken.ty),
            _ => None,
        },
        Migration::Function(_) => None,
    });
    let on_json = source.migrations.iter().any(|migration| matches!(migration, Migration::Function(_)));
    let kind = quote!(Flow {
        describe: ::stube::__private::describe::<Self>,
        migrate: ::stube::__private::migrate::<Self>,
        takes: &[#(::stube::__private::probed::<#takes>),*],
        on_json: #on_json
    });
    let probe = quote!(::stube::__private::probe_states::<Self>);
    let registration = registration(name, &source.was, &kind, &probe, false);
    let registered = register(&syn::parse_quote!(#value), name);
    quote! {
        #(#cfgs)*
        #[doc = #doc]
        #[must_use = "a flow does nothing until it is started or awaited"]
        #[derive(Debug)]
        #vis struct #value {
            state: ::stube::__private::State,
        }
        #(#cfgs)*
        impl ::stube::Component for #value {
            type Answer = #output;
            #[doc(hidden)]
            const DESCRIPTOR: &'static ::stube::__private::ComponentDescriptor = #registration;
            fn start(&mut self, _: &::stube::Context) -> ::stube::Handled<Self> {
                ::stube::__private::step(self, ::stube::__private::AnyAnswer::new(()))
            }
            #[doc(hidden)]
            fn resume(
                &mut self,
                _: &str,
                answer: ::stube::__private::AnyAnswer,
                _: &::stube::Context,
            ) -> ::stube::Handled<Self> {
                ::stube::__private::step(self, answer)
            }
            #[doc(hidden)]
            fn state(&self) -> ::core::option::Option<&'static str> {
                ::core::option::Option::Some(self.state.name())
            }
        }
        #(#cfgs)*
        impl ::core::convert::From<::stube::__private::State> for #value {
            fn from(state: ::stube::__private::State) -> Self {
                Self { state }
            }
        }
        #(#cfgs)*
        impl ::stube::__private::serde::Serialize for #value {
            fn serialize<S: ::stube::__private::serde::Serializer>(
                &self,
                serializer: S,
            ) -> ::core::result::Result<S::Ok, S::Error> {
                ::stube::__private::serde::Serialize::serialize(&self.state, serializer)
            }
        }
        #(#cfgs)*
        impl<'de> ::stube::__private::serde::Deserialize<'de> for #value {
            fn deserialize<D: ::stube::__private::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> ::core::result::Result<Self, D::Error> {
                let machine = <#value as ::stube::__private::Flow>::machine();
                ::core::result::Result::Ok(Self {
                    state: ::stube::__private::Machine::read(&machine, deserializer)?,
                })
            }
        }
        #(#cfgs)*
        #registered
    }
}

impl Emitter<'_> {
    /// `enum BookingState<Dates, Room> { ... }`
    fn states(&self) -> TokenStream {
        let Source { vis, ident, states, attrs, .. } = self.source;
        let cfgs: Vec<_> = attrs.iter().filter(|attr| is_cfg(attr)).collect();
        let doc =
            format!("Where [`{ident}`] is: one variant for each `.await`, with the locals that are needed after it.");
        let used = self.params(self.saved());
        let declared = (!used.is_empty()).then(|| quote!(<#(#used),*>));
        let all: Vec<_> = self.saved().collect();
        let variants = all.iter().map(|variant| {
            let name = &variant.name;
            let fields = self.typed(variant);
            quote!(#name { #fields })
        });
        let names = all.iter().map(|variant| {
            let (name, text) = (&variant.name, variant.name.to_string());
            quote!(Self::#name { .. } => #text)
        });
        let locals = all.iter().map(|variant| {
            let places = variant.fields.iter().flat_map(|field| {
                field.places().into_iter().map(|place| {
                    // As it is called on disk: a raw identifier without its `r#`.
                    let name = unraw(&field.name);
                    let name = if place.path.is_empty() { name } else { format!("{name}.{}", place.path) };
                    (name, self.ty(&place))
                })
            });
            let fields = places.map(|(name, ty)| quote!((#name, ::core::any::type_name::<#ty>())));
            fields.collect::<Vec<_>>()
        });
        let locals = locals.map(|fields| quote!(#(#fields),*));
        let settled = all.iter().map(|variant| {
            let (name, fields) = (&variant.name, variant.fields.iter().map(|field| &field.name));
            let settled = variant.fields.iter().flat_map(|field| {
                let name = &field.name;
                field.places().into_iter().map(move |place| match place.path.as_str() {
                    "" => quote!(#name),
                    path => at(quote!(&mut #name), path),
                })
            });
            quote!(Self::#name { #(#fields),* } => { #(::stube::__private::settle(#settled);)* })
        });
        let rests = self.machine.rests.iter().map(|rest| self.rest(rest));
        let bounded = (!used.is_empty()).then(|| quote!(<#(#used: ::stube::__private::Savable),*>));
        quote! {
            #(#rests)*
            #(#cfgs)*
            #[doc = #doc]
            #[derive(::stube::__private::serde::Serialize, ::stube::__private::serde::Deserialize)]
            #[serde(crate = "::stube::__private::serde")]
            #[allow(missing_docs, private_interfaces, non_camel_case_types, reason = "its fields are the locals of the flow")]
            #vis enum #states #declared {
                #(#variants,)*
            }
            #(#cfgs)*
            #[allow(non_camel_case_types, reason = "a parameter is called as its local")]
            #[diagnostic::do_not_recommend]
            impl #bounded ::stube::__private::States for #states #declared {
                fn name(&self) -> &'static str {
                    match self {
                        #(#names,)*
                    }
                }

                fn locals() -> ::std::vec::Vec<::std::vec::Vec<(&'static str, &'static str)>> {
                    ::std::vec![#(::std::vec![#locals]),*]
                }

                fn settle(&mut self) {
                    match self {
                        #(#settled)*
                    }
                }
            }
        }
    }

    /// `struct BookingStateOrder<OrderName> { name: OrderName }`
    fn rest(&self, rest: &Rest) -> TokenStream {
        let Source { vis, attrs, .. } = self.source;
        let cfgs = attrs.iter().filter(|attr| is_cfg(attr));
        let (name, params) = (&rest.name, self.params_of(&self.machine.places(rest)));
        let types = rest.fields.values().map(|kept| match kept {
            Kept::Whole(place) => self.ty(place),
            Kept::Rest(index) => self.rest_type(&self.machine.rests[*index]),
        });
        let body = fields(rest, types.collect());
        let end = is_tuple(rest).then(|| quote!(;));
        quote! {
            #(#cfgs)*
            #[doc = "What is left of a local that parts have been moved out of."]
            #[derive(::stube::__private::serde::Serialize, ::stube::__private::serde::Deserialize)]
            #[serde(crate = "::stube::__private::serde")]
            #[allow(missing_docs, non_camel_case_types, reason = "its fields are the parts of a local")]
            #vis struct #name<#(#params),*> #body #end
        }
    }

    fn rest_type(&self, rest: &Rest) -> TokenStream {
        let (name, params) = (&rest.name, self.params_of(&self.machine.places(rest)));
        quote!(#name<#(#params),*>)
    }

    /// Where each state stands, and what may come next.
    fn sites(&self) -> Vec<TokenStream> {
        let name_of = |id: &AwaitId| self.machine.states[id].name.to_string();
        let all = std::iter::once((None, &self.machine.start))
            .chain(self.machine.states.iter().map(|(&id, variant)| (Some(id), variant)));
        let sites = all.map(|(id, variant)| {
            let name = variant.name.to_string();
            let span = id.map_or(self.source.ident.span(), |id| self.graph.point(id).span);
            let line = quote_spanned!(span=> ::core::line!());
            let next = &self.edges[&id];
            let (ends, next) = (next.ends, next.awaits.iter().map(name_of));
            let point = id.map(|id| self.graph.point(id));
            let wanted = point.filter(|point| !point.is_labelled).map_or("", |point| point.name.as_str());
            let (asks, was) = point.map_or(("", &[] as &[String]), |point| (&point.asks, &point.was));
            let locals_were = variant.fields.iter().filter_map(|field| {
                let (name, was) = (unraw(&field.name), &self.graph.local(field.local).marks.was);
                (!was.is_empty()).then(|| quote!((#name, &[#(#was),*])))
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
        });
        sites.collect()
    }

    /// The author's code.
    fn flow(&self) -> TokenStream {
        let Source { args, value, attrs, .. } = self.source;
        let cfgs = attrs.iter().filter(|attr| is_cfg(attr));
        let lints = attrs.iter().filter(|attr| is_lint(attr));
        let types: Vec<_> = args.iter().map(|arg| &arg.ty).collect();
        let (kind, returns) = (self.kind(), self.returns());
        let items = &self.graph.items;
        let points = self.machine.states.keys().map(|&id| {
            let point = point_ident(id, Span::call_site());
            quote!(let #point = ::stube::__private::AwaitPoint::<_, _>::new();)
        });
        let with_defaults: BTreeSet<_> = self.defaults().map(|(_, field, _)| field.local).collect();
        let points = points.chain(with_defaults.into_iter().map(|local| {
            let of = default_ident(local);
            quote!(let #of = ::stube::__private::DefaultOf::<_>::new();)
        }));
        let next_enum = self.next_enum();
        let body = self.body();
        let names = self.machine.start.fields.iter().map(|field| &field.name);
        let begin = {
            let names: Vec<_> = names.collect();
            let (states, start) = (&self.source.states, &self.machine.start.name);
            quote! {
                ::stube::__private::Enter::Begin((#(#names,)*)) => {
                    return #returns::ready(#states::#start { #(#names),* });
                }
            }
        };
        let (answer, state, next) = (answer_ident(Span::call_site()), mixed("state"), mixed("next"));
        let enter = mixed("enter");
        let sites = self.sites();
        let described = self.machine.states.keys().map(|&id| {
            let point = point_ident(id, Span::call_site());
            quote!(#point.describe())
        });
        let defaults = self.defaults().map(|(variant, field, default)| {
            let (state, local) = (variant.name.to_string(), unraw(&field.name));
            let of = default_ident(field.local);
            quote!(#of.value(#state, #local, #default))
        });
        // Last of all, when the types of what is awaited are known.
        let described = quote! {{
            use ::stube::__private::Undescribed as _;
            return #returns::described(::stube::__private::Description {
                awaits: ::std::vec![#(#described),*],
                defaults: ::std::vec![#(#defaults),*],
            });
        }};
        let migrate = self.migrate();
        let (functions, old) = (self.functions(), mixed("earlier"));
        let run = if self.machine.jumps.is_empty() {
            quote! {
                match #enter {
                    #begin
                    ::stube::__private::Enter::Resume(#state, #answer) => match #state { #body },
                    ::stube::__private::Enter::Migrate(#old) => { #migrate }
                    ::stube::__private::Enter::Describe => #described
                }
            }
        } else {
            let (name, label) = (self.next_name(), next_label());
            quote! {
                let mut #next = match #enter {
                    #begin
                    ::stube::__private::Enter::Resume(#state, #answer) => #name::Resume(#state, #answer),
                    ::stube::__private::Enter::Migrate(#old) => { #migrate }
                    ::stube::__private::Enter::Describe => #name::Describe,
                };
                loop {
                    #next = #label: { match #next { #body #name::Describe => #described } };
                }
            }
        };
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
                    reason = "the function has been cut into blocks, and a block sees only a part of it"
                )]
                #(#lints)*
                fn machine() -> impl ::stube::__private::Machine<Self::Args, Self::Answer> {
                    #(#items)*
                    #next_enum
                    ::stube::__private::machine::<(#(#types,)*), #kind, _, _>(
                        |#enter| -> #returns::Step<_> {
                            #(#points)*
                            #run
                        },
                    )
                }
            }
        }
    }

    /// What stands for a local in a conversation that does not have it.
    fn default(&self, field: &Field) -> Option<&Expr> {
        let default = self.graph.local(field.local).marks.default.as_ref();
        default.filter(|_| field.left.is_none())
    }

    /// The same for all states after the first, whose locals are the arguments.
    fn defaults(&self) -> impl Iterator<Item = (&Variant, &Field, &Expr)> {
        self.machine.states.values().flat_map(move |variant| {
            let fields = variant.fields.iter();
            fields.filter_map(move |field| Some((variant, field, self.default(field)?)))
        })
    }

    /// The functions that bring states of earlier versions up to date.
    fn functions(&self) -> Vec<&syn::Path> {
        let functions = self.source.migrations.iter().filter_map(|migration| match migration {
            Migration::Function(path) => Some(path),
            Migration::Closure(_) => None,
        });
        functions.collect()
    }

    /// The closures that do so, one after the other.
    fn migrate(&self) -> TokenStream {
        let (returns, output) = (self.returns(), &self.source.output);
        let (earlier, before) = (mixed("earlier"), mixed("before"));
        let closures = self.source.migrations.iter().filter_map(|migration| match migration {
            Migration::Closure(closure) => Some(closure),
            Migration::Function(_) => None,
        });
        let arms = closures.map(|closure| {
            let Some(Pat::Type(taken)) = closure.inputs.first() else { unreachable!("it was parsed so") };
            let (pat, ty, mut body) = (&taken.pat, &taken.ty, (*closure.body).clone());
            Outcomes { machine: self.machine, states: &self.source.states, output }.visit_expr_mut(&mut body);
            quote! {
                match ::stube::__private::earlier::<#ty>(&#earlier) {
                    ::core::result::Result::Ok(::core::option::Option::Some(#before)) => {
                        let migrated = (|#pat: #ty| #body)(#before);
                        return #returns::migrated(::core::result::Result::Ok(migrated));
                    }
                    ::core::result::Result::Ok(::core::option::Option::None) => {}
                    ::core::result::Result::Err(failure) => {
                        return #returns::migrated(::core::result::Result::Ok(
                            ::stube::__private::Migrated::Failed(failure),
                        ));
                    }
                }
            }
        });
        quote! {
            #(#arms)*
            return #returns::migrated(::core::result::Result::Err(#earlier));
        }
    }

    /// The type that says what the closure returns: the flow's own, if `?` works on it.
    fn kind(&self) -> TokenStream {
        let output = &self.source.output;
        if self.source.fallible {
            quote!(#output)
        } else {
            quote_spanned!(output.span()=> ::stube::__private::Plain<#output>)
        }
    }

    /// The functions of that type. What is wrong with it is reported on it, once.
    fn returns(&self) -> TokenStream {
        let kind = self.kind();
        quote_spanned!(self.source.output.span()=> <#kind as ::stube::__private::Returns>)
    }

    /// `enum Next<S, Dates> { Resume(S, AnyAnswer), Loop { .. }, AfterLoop { .. } }`
    fn next_enum(&self) -> Option<TokenStream> {
        if self.machine.jumps.is_empty() {
            return None;
        }
        let name = self.next_name();
        let params = self.params(self.machine.jumps.values());
        let variants = self.machine.jumps.values().map(|variant| {
            let (name, fields) = (&variant.name, self.typed(variant));
            quote!(#name { #fields })
        });
        Some(quote! {
            #[allow(non_camel_case_types, reason = "a parameter is called as its local")]
            enum #name<S, #(#params),*> {
                Resume(S, ::stube::__private::AnyAnswer),
                #(#variants,)*
                Describe,
            }
        })
    }

    /// A name that no type of the author's has.
    fn next_name(&self) -> Ident {
        Ident::new(&format!("{}Next", self.source.states), Span::call_site())
    }

    fn saved(&self) -> impl Iterator<Item = &Variant> {
        std::iter::once(&self.machine.start).chain(self.machine.states.values())
    }

    /// The type parameters that these variants need, in the order of their locals.
    fn params<'v>(&self, variants: impl IntoIterator<Item = &'v Variant>) -> Vec<&Ident> {
        let fields = variants.into_iter().flat_map(|variant| &variant.fields);
        self.params_of(&fields.flat_map(Field::places).collect::<Vec<_>>())
    }

    fn params_of(&self, places: &[Place]) -> Vec<&Ident> {
        let places: BTreeSet<_> = places.iter().collect();
        places.into_iter().filter_map(|place| self.machine.params.get(place)).collect()
    }

    fn ty(&self, place: &Place) -> TokenStream {
        match self.machine.ty(self.graph, place) {
            Ok(param) => quote!(#param),
            Err(ty) => quote!(#ty),
        }
    }

    fn typed(&self, variant: &Variant) -> TokenStream {
        let fields = variant.fields.iter().map(|field| {
            let name = &field.name;
            let ty = match &field.left {
                None => self.ty(&Place::whole(field.local)),
                Some(left) => self.rest_type(self.machine.rest(field.local, left)),
            };
            quote!(#name: #ty)
        });
        quote!(#(#fields),*)
    }

    // ---- Blocks ---------------------------------------------------------------------------------------------------

    fn body(&self) -> TokenStream {
        self.graph.order.iter().map(|&id| self.block(id)).collect()
    }

    fn block(&self, id: BlockId) -> TokenStream {
        let block = self.graph.block(id);
        let states = &self.source.states;
        let resume = (!self.machine.jumps.is_empty()).then(|| self.next_name());
        let answer = answer_ident(Span::call_site());
        let (variant, path) = match block.entry {
            Entry::Start => (&self.machine.start, quote!(#states)),
            Entry::Resume(point) => (&self.machine.states[&point], quote!(#states)),
            Entry::Join { .. } => {
                let next = self.next_name();
                (&self.machine.jumps[&id], quote!(#next))
            }
        };
        let body = Body::new(self, id, variant);
        let name = &variant.name;
        let fields = body.pattern(variant);
        let code = body.code();
        let pattern = quote!(#path::#name { #fields });
        match (&block.entry, resume) {
            (Entry::Join { .. }, _) => quote!(#pattern => { #code }),
            (Entry::Start, Some(next)) => quote!(#next::Resume(#pattern, _) => { #code }),
            (Entry::Resume(_), Some(next)) => quote!(#next::Resume(#pattern, #answer) => { #code }),
            (Entry::Start | Entry::Resume(_), None) => quote!(#pattern => { #code }),
        }
    }

    fn jump(&self, to: BlockId, value: Option<TokenStream>) -> TokenStream {
        // A block that nothing else leads to: the path is one that cannot be taken.
        let Some(variant) = self.machine.jumps.get(&to) else { return value.unwrap_or_default() };
        let (next, name, label) = (self.next_name(), &variant.name, next_label());
        let own = self.graph.value(to);
        // The value first: it may read what is moved along.
        let value = own.zip(value).map(|(local, value)| {
            let field = variant.fields.iter().find(|field| field.local == local).expect("it was added to the fields");
            let name = &field.name;
            quote!(#name: #value,)
        });
        let rest = self.moved(variant.fields.iter().filter(|field| Some(field.local) != own));
        quote!(break #label #next::#name { #value #rest })
    }

    fn moved<'v>(&self, fields: impl IntoIterator<Item = &'v Field>) -> TokenStream {
        let fields = fields.into_iter().map(|field| {
            let (name, ident) = (&field.name, &self.graph.local(field.local).ident);
            match &field.left {
                None if name == ident => quote!(#ident),
                None => quote!(#name: #ident),
                Some(_) => {
                    let rest = self.left_of(field, &|place| quote!(#place));
                    quote!(#name: #rest)
                }
            }
        });
        quote!(#(#fields),*)
    }

    /// What is left of a local: `BookingStateOrder { name: order.name }`.
    fn left_of(&self, field: &Field, kept: &dyn Fn(TokenStream) -> TokenStream) -> TokenStream {
        let left = field.left.as_ref().expect("it is not whole");
        self.rest_value(self.machine.rest(field.local, left), &self.graph.local(field.local).ident, kept)
    }

    fn rest_value(&self, rest: &Rest, local: &Ident, kept: &dyn Fn(TokenStream) -> TokenStream) -> TokenStream {
        let values = rest.fields.values().map(|value| match value {
            Kept::Whole(place) => kept(at(quote!(#local), &place.path)),
            Kept::Rest(index) => self.rest_value(&self.machine.rests[*index], local, kept),
        });
        let (name, body) = (&rest.name, fields(rest, values.collect()));
        quote!(#name #body)
    }

    fn await_(&self, id: AwaitId, operand: TokenStream) -> TokenStream {
        let (states, variant, returns) = (&self.source.states, &self.machine.states[&id], self.returns());
        let (name, point, callee) = (&variant.name, point_ident(id, Span::call_site()), mixed("callee"));
        // Each local is asked once whether it can be saved.
        let fields = variant.fields.iter().map(|field| {
            let ident = &self.graph.local(field.local).ident;
            let is_first =
                field.places().into_iter().fold(false, |any, place| any | self.checked.borrow_mut().insert(place));
            let (name, kept) = (&field.name, |place| quote_spanned!(ident.span()=> ::stube::__private::kept(#place)));
            match &field.left {
                _ if !is_first => self.moved([field]),
                None => {
                    let kept = kept(quote!(#ident));
                    quote!(#name: #kept)
                }
                Some(_) => {
                    let rest = self.left_of(field, &kept);
                    quote!(#name: #rest)
                }
            }
        });
        let fields: Vec<_> = fields.collect();
        let with_defaults = variant.fields.iter().filter(|field| self.default(field).is_some());
        let defaults = with_defaults.map(|field| {
            let (of, ident) = (default_ident(field.local), &self.graph.local(field.local).ident);
            quote!(#of.of(&#ident);)
        });
        // What is no component is reported on what is awaited.
        let call = quote_spanned!(operand.span()=> #point.call(#operand));
        quote! {
            let #callee = #call;
            #(#defaults)*
            return #returns::awaits(#states::#name { #(#fields),* }, #callee);
        }
    }

    fn done(&self, value: TokenStream) -> TokenStream {
        let returns = self.returns();
        quote!(return #returns::done(#value))
    }
}

/// The code of one block.
struct Body<'a> {
    emitter: &'a Emitter<'a>,
    id: BlockId,
    /// What the block is entered with.
    carried: BTreeSet<LocalId>,
    /// What it sets before it reads, and so has to declare.
    declared: BTreeSet<LocalId>,
    /// The scopes that end with the block, and so need no braces: nothing comes after them that could tell.
    open_ended: BTreeSet<ScopeId>,
}

impl<'a> Body<'a> {
    fn new(emitter: &'a Emitter<'a>, id: BlockId, variant: &Variant) -> Self {
        let carried: BTreeSet<_> = variant.fields.iter().map(|field| field.local).collect();
        let mut declared = mentioned(emitter.graph, emitter.live, id);
        // What is taken again may be made of what is taken again.
        let again = emitter.live.again(id);
        let mut open: Vec<_> = declared.intersection(again).copied().collect();
        // What is not in use here any more would borrow what is not there.
        declared.retain(|&local| emitter.graph.again(local).is_none());
        while let Some(local) = open.pop() {
            if declared.insert(local)
                && let Some(made) = emitter.graph.again(local)
            {
                open.extend(made.facts.uses.iter().map(|place| place.local).filter(|local| again.contains(local)));
            }
        }
        let open_ended = open_ended(emitter.graph, emitter.graph.block(id).code);
        Self { emitter, id, carried, declared, open_ended }
    }

    /// What the block is entered with, under the names that its code uses.
    fn pattern(&self, variant: &Variant) -> TokenStream {
        let graph = self.emitter.graph;
        let fields = variant.fields.iter().map(|field| {
            let (name, local) = (&field.name, graph.local(field.local));
            let ident = &local.ident;
            let mutable = (local.mutable && self.stays(field.local)).then(|| quote!(mut));
            if name == ident { quote!(#mutable #ident) } else { quote!(#name: #mutable #ident) }
        });
        quote!(#(#fields),*)
    }

    fn code(&self) -> TokenStream {
        let graph = self.emitter.graph;
        let block = graph.block(self.id);
        let declared = self.declarations(block.scopes[0]);
        let code = self.seq(block.code);
        quote!(#declared #code)
    }

    /// At the beginning of a scope in which the block starts: its locals in the order in which they were declared, so
    /// that they are dropped at its end, the last one first.
    fn declarations(&self, scope: ScopeId) -> TokenStream {
        let graph = self.emitter.graph;
        let mut tokens = TokenStream::new();
        if !graph.block(self.id).scopes.contains(&scope) {
            return tokens;
        }
        let carried = self.carried.iter().copied().filter(|&local| !self.stays(local));
        let here: BTreeSet<_> = carried.chain(self.set_later()).filter(|&id| graph.local(id).scope == scope).collect();
        let mut written = BTreeSet::new();
        for id in here {
            let local = graph.local(id);
            if self.carried.contains(&id) {
                let (ident, mutable) = (&local.ident, local.mutable.then(|| quote!(mut)));
                tokens.extend(quote!(let #mutable #ident = #ident;));
                continue;
            }
            match local.again {
                None => tokens.extend(self.declare(id)),
                Some(again) if written.insert(again) => tokens.extend(self.again(&graph.agains[again.0])),
                Some(_) => {}
            }
        }
        tokens
    }

    /// What has to be declared at the beginning, because the block sets it before it reads it.
    fn set_later(&self) -> impl Iterator<Item = LocalId> {
        let code = self.emitter.graph.block(self.id).code;
        let set_later = self.declared.iter().copied().filter(|local| !self.carried.contains(local));
        set_later.filter(move |local| !self.declares(code, *local))
    }

    /// Whether what the block is entered with can stay where the block was entered: its scope ends with the block, and
    /// it is dropped in its turn, because nothing that was declared before it is declared after it now.
    fn stays(&self, local: LocalId) -> bool {
        let graph = self.emitter.graph;
        let scope = graph.local(local).scope;
        let ends_here = scope == graph.block(self.id).scopes[0] || self.open_ended.contains(&scope);
        ends_here && !self.set_later().any(|other| other < local && graph.local(other).again.is_none())
    }

    /// Takes a borrow again.
    fn again(&self, again: &Again) -> TokenStream {
        let graph = self.emitter.graph;
        let needed = again.locals.iter().filter(|local| self.declared.contains(local));
        let needed: Vec<_> = needed.map(|local| &graph.local(*local).ident).collect();
        let (expr, ty) = (borrowed(&again.expr), again.ty.as_ref().map(|ty| quote!(: #ty)));
        let pat = only(&again.pat, &needed);
        if let Pat::Ident(bare) = &pat
            && bare.subpat.is_none()
        {
            return quote!(let #pat #ty = #expr;);
        }
        // An alternative needs parentheses in a `let`.
        let pat = if matches!(pat, Pat::Or(_)) { quote!((#pat)) } else { quote!(#pat) };
        quote!(let #pat #ty = #expr else { ::core::unreachable!("BUG: a pattern does not match again") };)
    }

    /// Whether a local is declared by a node of the block itself.
    fn declares(&self, seq: SeqId, local: LocalId) -> bool {
        self.emitter.graph.seq(seq).iter().any(|node| match node {
            Node::Stmt { declares, .. } => declares.contains(&local),
            Node::Declare(declared) => *declared == local,
            Node::Scope(_, seq) => self.declares(*seq, local),
            Node::If { binds, then, otherwise, .. } => {
                binds.contains(&local) || self.declares(*then, local) || self.declares(*otherwise, local)
            }
            Node::Match { arms, .. } => {
                arms.iter().any(|arm| arm.binds.contains(&local) || self.declares(arm.body, local))
            }
            Node::LetElse { binds, otherwise, .. } => binds.contains(&local) || self.declares(*otherwise, local),
            Node::Items(_) | Node::Await { .. } | Node::Jump { .. } | Node::Return(_) => false,
        })
    }

    fn declare(&self, local: LocalId) -> TokenStream {
        let local = self.emitter.graph.local(local);
        let (ident, mutable) = (&local.ident, local.mutable.then(|| quote!(mut)));
        let ty = local.ty.as_ref().map(|ty| quote!(: #ty));
        quote!(let #mutable #ident #ty;)
    }

    fn seq(&self, seq: SeqId) -> TokenStream {
        self.emitter.graph.seq(seq).iter().map(|node| self.node(node)).collect()
    }

    fn node(&self, node: &Node) -> TokenStream {
        match node {
            Node::Stmt { stmt, loops, .. } => self.stmt(stmt, loops),
            // Without a use in this block, its type could not be inferred here.
            Node::Declare(local) if self.declared.contains(local) => self.declare(*local),
            Node::Declare(_) => TokenStream::new(),
            Node::Items(items) => {
                let items = items.iter().map(|item| {
                    quote!(#[allow(dead_code, unused_imports, unused_macros, reason = "another block uses it")] #item)
                });
                items.collect()
            }
            Node::Scope(scope, seq) => {
                let declared = self.declarations(*scope);
                let code = self.seq(*seq);
                if self.open_ended.contains(scope) { quote!(#declared #code) } else { quote!({ #declared #code }) }
            }
            Node::If { cond, then, otherwise, .. } => {
                let (cond, then, otherwise) = (self.expr(cond), self.seq(*then), self.seq(*otherwise));
                quote!(if #cond { #then } else { #otherwise })
            }
            Node::Match { scrutinee, arms } => {
                let scrutinee = self.expr(scrutinee);
                let arms = arms.iter().map(|arm| {
                    let (mut pat, body) = (arm.pat.clone(), self.seq(arm.body));
                    // A guard may leave a loop.
                    Jumps::new(self.emitter, &arm.loops).visit_pat_mut(&mut pat);
                    quote!(#pat => { #body })
                });
                quote!(match #scrutinee { #(#arms)* })
            }
            Node::LetElse { pat, value, otherwise, .. } => {
                let (value, otherwise) = (self.expr(value), self.seq(*otherwise));
                quote!(let #pat = #value else { #otherwise };)
            }
            Node::Await { id, operand } => {
                let mut operand = operand.clone();
                // `(Order { .. }).await` needs its parentheses, and an argument does not.
                while let Expr::Paren(inner) = operand.expr {
                    operand.expr = *inner.expr;
                }
                let used = self.used_later(self.emitter.graph.point(*id).resume);
                let await_ = self.emitter.await_(*id, self.expr(&operand));
                quote!(#used #await_)
            }
            Node::Jump { to, value } => {
                let used = self.used_later(*to);
                let jump = self.emitter.jump(*to, value.as_ref().map(|value| self.expr(value)));
                quote!(#used #jump;)
            }
            Node::Return(value) => {
                let done = self.emitter.done(value.as_ref().map_or_else(|| quote!(()), |value| self.expr(value)));
                quote!(#done;)
            }
        }
    }

    /// What is borrowed here and taken again elsewhere is in use, which the compiler could not see.
    fn used_later(&self, block: BlockId) -> Option<TokenStream> {
        let Emitter { graph, live, .. } = self.emitter;
        let code = graph.block(self.id).code;
        let used = live.used(block).iter().filter(|local| self.declares(code, **local));
        let used: Vec<_> = used.map(|local| &graph.local(*local).ident).collect();
        (!used.is_empty()).then(|| quote!(_ = (#(&#used),*);))
    }

    fn stmt(&self, stmt: &Stmt, loops: &[SplitLoop]) -> TokenStream {
        let mut stmt = stmt.clone();
        Jumps::new(self.emitter, loops).visit_stmt_mut(&mut stmt);
        stmt.into_token_stream()
    }

    fn expr(&self, code: &Code) -> TokenStream {
        let mut expr = code.expr.clone();
        Jumps::new(self.emitter, &code.loops).visit_expr_mut(&mut expr);
        expr.into_token_stream()
    }
}

/// An expression that is evaluated again. Of a method, the compiler says whether it lends what it gives.
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

/// The scopes that end where a block ends. One with an item needs its braces, or the code before it would see the item.
fn open_ended(graph: &Graph, mut seq: SeqId) -> BTreeSet<ScopeId> {
    let mut scopes = BTreeSet::new();
    while let Some(&Node::Scope(scope, inner)) = graph.seq(seq).last()
        && !graph.seq(inner).iter().any(|node| matches!(node, Node::Items(_)))
    {
        scopes.insert(scope);
        seq = inner;
    }
    scopes
}

/// Rewrites what leaves a statement: `return`, and `break` and `continue` of loops that are none any more.
struct Jumps<'a> {
    emitter: &'a Emitter<'a>,
    loops: &'a [SplitLoop],
    /// The labels of the loops and blocks inside the statement; `true` for a loop.
    inner: Vec<(Option<String>, bool)>,
}

impl<'a> Jumps<'a> {
    fn new(emitter: &'a Emitter<'a>, loops: &'a [SplitLoop]) -> Self {
        Self { emitter, loops, inner: Vec::new() }
    }

    fn split(&self, label: Option<&Lifetime>) -> Option<&'a SplitLoop> {
        let inside = match label {
            Some(label) => {
                let name = label.ident.to_string();
                self.inner.iter().any(|(inner, _)| inner.as_deref() == Some(&name))
            }
            None => self.inner.iter().any(|(_, is_loop)| *is_loop),
        };
        if inside { None } else { target(self.loops, label) }
    }

    fn inside(&mut self, label: Option<&syn::Label>, is_loop: bool, visit: impl FnOnce(&mut Self)) {
        self.inner.push((label.map(|label| label.name.ident.to_string()), is_loop));
        visit(self);
        self.inner.pop();
    }
}

impl VisitMut for Jumps<'_> {
    fn visit_expr_mut(&mut self, expr: &mut Expr) {
        visit_mut::visit_expr_mut(self, expr);
        let rewritten = match expr {
            Expr::Return(expr) => {
                let value = expr.expr.as_ref().map_or_else(|| quote!(()), ToTokens::to_token_stream);
                self.emitter.done(value)
            }
            Expr::Break(expr) => {
                let Some(split) = self.split(expr.label.as_ref()) else { return };
                match (self.emitter.graph.value(split.break_to), &expr.expr) {
                    (Some(_), Some(value)) => self.emitter.jump(split.break_to, Some(quote!(#value))),
                    (Some(_), None) => self.emitter.jump(split.break_to, Some(quote!(()))),
                    (None, None) => self.emitter.jump(split.break_to, None),
                    (None, Some(value)) => {
                        let jump = self.emitter.jump(split.break_to, None);
                        quote!({ #value; #jump })
                    }
                }
            }
            Expr::Continue(expr) => {
                let Some(head) = self.split(expr.label.as_ref()).and_then(|split| split.continue_to) else { return };
                self.emitter.jump(head, None)
            }
            _ => return,
        };
        *expr = Expr::Verbatim(rewritten);
    }

    fn visit_expr_loop_mut(&mut self, expr: &mut syn::ExprLoop) {
        let label = expr.label.clone();
        self.inside(label.as_ref(), true, |this| visit_mut::visit_expr_loop_mut(this, expr));
    }

    fn visit_expr_while_mut(&mut self, expr: &mut syn::ExprWhile) {
        let label = expr.label.clone();
        self.inside(label.as_ref(), true, |this| visit_mut::visit_expr_while_mut(this, expr));
    }

    fn visit_expr_for_loop_mut(&mut self, expr: &mut syn::ExprForLoop) {
        self.visit_expr_mut(&mut expr.expr);
        let label = expr.label.clone();
        self.inside(label.as_ref(), true, |this| this.visit_block_mut(&mut expr.body));
    }

    fn visit_expr_block_mut(&mut self, expr: &mut syn::ExprBlock) {
        let label = expr.label.clone();
        self.inside(label.as_ref(), false, |this| visit_mut::visit_expr_block_mut(this, expr));
    }

    fn visit_macro_mut(&mut self, mac: &mut syn::Macro) {
        const JUMPS: [&str; 3] = ["return", "break", "continue"];
        if !crate::syntax::mentioned(&mac.tokens).iter().any(|name| JUMPS.contains(&name.as_str())) {
            return;
        }
        if let Some(mut args) = arguments(mac) {
            args.exprs_mut().for_each(|arg| self.visit_expr_mut(arg));
            mac.tokens = args.into_tokens();
        }
    }

    // A `return` of these is their own.
    fn visit_expr_closure_mut(&mut self, _: &mut syn::ExprClosure) {}
    fn visit_expr_async_mut(&mut self, _: &mut syn::ExprAsync) {}
    fn visit_item_mut(&mut self, _: &mut syn::Item) {}
}

/// A part of a value: `order.address.city`.
fn at(value: TokenStream, path: &str) -> TokenStream {
    let members = path.split('.').map(member);
    quote!(#value #(. #members)*)
}

fn member(name: &str) -> syn::Member {
    match name.parse::<u32>() {
        Ok(index) => syn::Member::from(index as usize),
        Err(_) => syn::Member::Named(syn::parse_str(name).unwrap_or_else(|_| Ident::new_raw(name, Span::call_site()))),
    }
}

fn is_tuple(rest: &Rest) -> bool {
    rest.fields.keys().all(|name| name.parse::<u32>().is_ok())
}

/// The fields of a rest, with these types or values. Of a tuple, those that are gone have none.
fn fields(rest: &Rest, values: Vec<TokenStream>) -> TokenStream {
    if !is_tuple(rest) {
        let names = rest.fields.keys().map(|name| member(name));
        return quote!({ #(#names: #values),* });
    }
    let mut values: BTreeMap<_, _> =
        rest.fields.keys().filter_map(|name| name.parse::<u32>().ok()).zip(values).collect();
    let last = values.keys().copied().max().unwrap_or_default();
    let all = (0..=last).map(|index| values.remove(&index).unwrap_or_else(|| quote!(::stube::__private::Gone)));
    quote!((#(#all),*))
}

/// A local name that no author can write.
fn mixed(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

/// The label of the block that chooses the next block. A `break` that a macro hides is an error inside of it, where it
/// would leave the wrong loop.
fn next_label() -> Lifetime {
    Lifetime::new("'next", Span::mixed_site())
}

fn is_lint(attr: &Attribute) -> bool {
    ["allow", "warn", "deny", "forbid", "expect"].iter().any(|name| attr.path().is_ident(name))
}

fn is_cfg(attr: &Attribute) -> bool {
    attr.path().is_ident("cfg") || attr.path().is_ident("cfg_attr")
}

/// Ties the default of a local to its type: `__default_3.of(&tries)`.
fn default_ident(local: LocalId) -> Ident {
    Ident::new(&format!("__default_{}", local.0), Span::mixed_site())
}

/// Writes out what stands in a `#[migrate]` closure: `Room { guest }`, `retire(result)`, `hand_to(flow)`.
struct Outcomes<'a> {
    machine: &'a Machine,
    states: &'a Ident,
    output: &'a syn::Type,
}

impl VisitMut for Outcomes<'_> {
    fn visit_expr_mut(&mut self, expr: &mut Expr) {
        visit_mut::visit_expr_mut(self, expr);
        let written = match expr {
            Expr::Struct(state) => {
                let mut all = std::iter::once(&self.machine.start).chain(self.machine.states.values());
                let Some(name) = state.path.get_ident().filter(|name| all.any(|state| state.name == **name)) else {
                    return;
                };
                let (states, mut state) = (self.states, state.clone());
                state.path = syn::parse_quote!(#states::#name);
                quote!(::stube::__private::Migrated::State(#state))
            }
            Expr::Call(call) => {
                let Expr::Path(path) = &*call.func else { return };
                let (args, output) = (&call.args, self.output);
                match path.path.get_ident().map(ToString::to_string).as_deref() {
                    Some("retire") => {
                        quote_spanned!(args.span()=> ::stube::__private::retire::<_, #output>(#args))
                    }
                    Some("hand_to") => {
                        quote_spanned!(args.span()=> ::stube::__private::hand_to::<_, #output, _>(#args))
                    }
                    _ => return,
                }
            }
            _ => return,
        };
        *expr = Expr::Verbatim(written);
    }
}
