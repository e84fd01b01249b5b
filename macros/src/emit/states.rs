//! The enum of states, its implementation of `States`, and the types of partially moved locals.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Ident, Member};

use crate::emit::shared::{hygienic, is_cfg};
use crate::header::Header;
use crate::machine::{
    Field, FieldType, Machine, PartialField, PartialFields, PartialType, PartialTypeId, PlaceType, State,
};
use crate::syntax::unraw;

/// `enum BookingState<Dates, Room> { ... }`
pub(super) fn states(machine: &Machine) -> TokenStream {
    let Header { vis, ident, states, attrs, .. } = &machine.header;
    let cfgs: Vec<_> = attrs.iter().filter(|attr| is_cfg(attr)).collect();
    let doc =
        format!("The states of [`{ident}`]: one variant for each `.await`, with the locals that are used after it.");
    let params = &machine.state_params;
    let declared = (!params.is_empty()).then(|| quote!(<#(#params),*>));
    let bounded = (!params.is_empty()).then(|| quote!(<#(#params: ::stube::__private::Savable),*>));
    let variants = machine.states.iter().map(|state| {
        let (name, fields) = (&state.name, typed_fields(machine, &state.fields));
        quote!(#name { #fields })
    });
    let name = unraw(states);
    let state_names = machine.states.iter().map(|state| state.name.to_string());
    let local_names = machine.states.iter().map(|state| {
        let names = state.fields.iter().map(|field| unraw(&field.name));
        quote!(&[#(#names),*])
    });
    let written = machine.states.iter().enumerate().map(|(index, state)| written(index, state));
    let read = machine.states.iter().enumerate().map(|(index, state)| read(machine, index, state));
    let (to, state, read_locals) = (hygienic("to"), hygienic("__state"), hygienic("locals"));
    let locals = machine.states.iter().map(local_types);
    let settled = machine.states.iter().map(settled);
    let partial_types = machine.partial_types.iter().map(|ty| partial_type(machine, ty));
    quote! {
        #(#partial_types)*
        #(#cfgs)*
        #[doc = #doc]
        #[allow(missing_docs, private_interfaces, non_camel_case_types, reason = "its fields are the locals of the flow")]
        #vis enum #states #declared {
            #(#variants,)*
        }
        #(#cfgs)*
        #[allow(non_camel_case_types, reason = "a parameter has the name of its local")]
        #[diagnostic::do_not_recommend]
        impl #bounded ::stube::__private::States for #states #declared {
            const LAYOUT: &'static ::stube::__private::Layout = &::stube::__private::Layout {
                name: #name,
                states: &[#(#state_names),*],
                locals: &[#(#local_names),*],
            };

            fn write(&self, #to: &mut dyn ::core::ops::FnMut(usize, &[&dyn ::stube::__private::Saved])) {
                match self {
                    #(#written)*
                }
            }

            fn read(
                #state: usize,
                #read_locals: &mut dyn ::stube::__private::ReadLocals,
            ) -> ::core::option::Option<Self> {
                match #state {
                    #(#read)*
                    _ => ::core::option::Option::None,
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

/// The arm that hands out the fields of a state: `Self::Dates { guest } => to(1, &[guest])`.
fn written(index: usize, state: &State) -> TokenStream {
    let (name, to) = (&state.name, hygienic("to"));
    let fields: Vec<_> = state.fields.iter().map(|field| &field.name).collect();
    let places = places(state);
    quote!(Self::#name { #(#fields: #places),* } => #to(#index, &[#(#places),*]),)
}

/// The arm that reads the fields of a state.
fn read(machine: &Machine, index: usize, state: &State) -> TokenStream {
    let (name, locals) = (&state.name, hygienic("locals"));
    let fields: Vec<_> = state.fields.iter().map(|field| &field.name).collect();
    let types = state.fields.iter().map(|field| field_type(machine, field));
    let places = places(state);
    quote! {
        #index => {
            #(let mut #places = ::stube::__private::Local::<#types>::new();)*
            if #locals.read(&mut [#(&mut #places),*]) {
                ::core::option::Option::Some(Self::#name { #(#fields: #places.take()),* })
            } else {
                ::core::option::Option::None
            }
        }
    }
}

/// A name for each field of a state that no item of the author's has.
fn places(state: &State) -> Vec<Ident> {
    (0..state.fields.len()).map(|index| hygienic(&format!("local_{index}"))).collect()
}

/// The name on disk and the type of each saved place.
fn local_types(state: &State) -> TokenStream {
    let places = state.fields.iter().flat_map(|field| &field.places).map(|place| {
        let (name, ty) = (&place.name, place_type(&place.ty));
        quote!((#name, ::core::any::type_name::<#ty>()))
    });
    quote!(#(#places),*)
}

/// The arm that normalizes the fields of a state before it is saved.
fn settled(state: &State) -> TokenStream {
    let (name, fields) = (&state.name, state.fields.iter().map(|field| &field.name));
    let places = state.fields.iter().flat_map(|field| {
        let name = &field.name;
        field.places.iter().map(move |place| match place.path.as_slice() {
            [] => quote!(#name),
            path => {
                let place = member(quote!(&mut #name), path);
                quote!(#place)
            }
        })
    });
    quote!(Self::#name { #(#fields),* } => { #(::stube::__private::settle(#places);)* })
}

/// `struct BookingStateOrder<OrderName> { name: OrderName }`
fn partial_type(machine: &Machine, ty: &PartialType) -> TokenStream {
    let Header { vis, attrs, .. } = &machine.header;
    let cfgs = attrs.iter().filter(|attr| is_cfg(attr));
    let PartialType { name, params, fields } = ty;
    let body = partial_fields(fields, &mut |field| match field {
        PartialField::Whole { ty, .. } => place_type(ty),
        PartialField::Partial(id) => named_partial_type(machine, *id),
    });
    let end = matches!(fields, PartialFields::Tuple(_)).then(|| quote!(;));
    quote! {
        #(#cfgs)*
        #[doc = "The saved parts of a local whose other parts may have been moved out."]
        #[derive(::stube::__private::serde::Serialize, ::stube::__private::serde::Deserialize)]
        #[serde(crate = "::stube::__private::serde")]
        #[allow(missing_docs, non_camel_case_types, reason = "its fields are the parts of a local")]
        #vis struct #name<#(#params),*> #body #end
    }
}

fn named_partial_type(machine: &Machine, id: PartialTypeId) -> TokenStream {
    let PartialType { name, params, .. } = machine.partial_type(id);
    quote!(#name<#(#params),*>)
}

/// The fields of a partial type, with a type or a value for each. A field of a tuple that is moved out becomes `Gone`.
fn partial_fields(fields: &PartialFields, write: &mut dyn FnMut(&PartialField) -> TokenStream) -> TokenStream {
    match fields {
        PartialFields::Named(fields) => {
            let fields = fields.iter().map(|(name, field)| {
                let written = write(field);
                quote!(#name: #written)
            });
            quote!({ #(#fields),* })
        }
        PartialFields::Tuple(fields) => {
            let fields = fields.iter().map(|field| match field {
                Some(field) => write(field),
                None => quote!(::stube::__private::Gone),
            });
            quote!((#(#fields),*))
        }
    }
}

/// The value of a partial type, from the parts of a local: `BookingStateOrder { name: order.name }`.
pub(super) fn partial_value(
    machine: &Machine,
    id: PartialTypeId,
    local: &Ident,
    wrap: &dyn Fn(TokenStream) -> TokenStream,
) -> TokenStream {
    let PartialType { name, fields, .. } = machine.partial_type(id);
    let body = partial_fields(fields, &mut |field| match field {
        PartialField::Whole { path, .. } => wrap(member(quote!(#local), path)),
        PartialField::Partial(id) => partial_value(machine, *id, local, wrap),
    });
    quote!(#name #body)
}

/// The fields of a variant with their types.
pub(super) fn typed_fields(machine: &Machine, fields: &[Field]) -> TokenStream {
    let fields = fields.iter().map(|field| {
        let (name, ty) = (&field.name, field_type(machine, field));
        quote!(#name: #ty)
    });
    quote!(#(#fields),*)
}

fn field_type(machine: &Machine, field: &Field) -> TokenStream {
    match &field.ty {
        FieldType::Whole(ty) => place_type(ty),
        FieldType::Partial(id) => named_partial_type(machine, *id),
    }
}

fn place_type(ty: &PlaceType) -> TokenStream {
    match ty {
        PlaceType::Param(param) => param.to_token_stream(),
        PlaceType::Written(ty) => ty.to_token_stream(),
    }
}

/// A member of a value: `order.address.city`.
fn member(value: TokenStream, path: &[Member]) -> TokenStream {
    quote!(#value #(. #path)*)
}
