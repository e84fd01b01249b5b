//! The closures of `#[migrate(|before: Before| ..)]`, which turn a state of an earlier version into a current one.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::visit_mut::{self, VisitMut};
use syn::{Expr, ExprClosure, Ident, Pat};

use crate::emit::shared::{hygienic, returns};
use crate::evolution_attrs::Migration;
use crate::machine::Machine;

/// Tries the closures one after the other.
pub(super) fn migrate(machine: &Machine) -> TokenStream {
    let (returns, earlier) = (returns(&machine.header), hygienic("__earlier"));
    let closures = machine.header.migrations.iter().filter_map(|migration| match migration {
        Migration::Closure(closure) => Some(closure),
        Migration::Function(_) => None,
    });
    let attempts = closures.map(|closure| attempt(machine, closure));
    quote! {
        #(#attempts)*
        return #returns::migrated(::core::result::Result::Err(#earlier));
    }
}

/// Calls a closure, if the state is one that its argument type can be read from.
fn attempt(machine: &Machine, closure: &ExprClosure) -> TokenStream {
    let (returns, earlier, before) = (returns(&machine.header), hygienic("__earlier"), hygienic("before"));
    let Some(Pat::Type(taken)) = closure.inputs.first() else {
        unreachable!("BUG: a closure without a type was parsed")
    };
    let (pat, ty, mut body) = (&taken.pat, &taken.ty, (*closure.body).clone());
    Outcomes { machine }.visit_expr_mut(&mut body);
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
}

/// Replaces the results of a `#[migrate]` closure: `Room { guest }`, `retire(result)`, `hand_to(flow)`.
struct Outcomes<'a> {
    machine: &'a Machine,
}

impl VisitMut for Outcomes<'_> {
    fn visit_expr_mut(&mut self, expr: &mut Expr) {
        visit_mut::visit_expr_mut(self, expr);
        let written = match expr {
            Expr::Struct(state) => {
                let is_state = |name: &&Ident| self.machine.states.iter().any(|state| state.name == **name);
                let Some(name) = state.path.get_ident().filter(is_state) else { return };
                let (states, mut state) = (&self.machine.header.states, state.clone());
                state.path = syn::parse_quote!(#states::#name);
                quote!(::stube::__private::Migrated::State(#state))
            }
            Expr::Call(call) => {
                let Expr::Path(path) = &*call.func else { return };
                let (args, output) = (&call.args, &self.machine.header.output);
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
