//! From a [`Machine`] to tokens: the function, the type of its value, the enum of its states, and one closure with the
//! author's code, block by block in the order of the source. Decides nothing; only this stage writes output.
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
//! Every path in the author's crate is absolute and goes through `::stube::__private`, so that crate needs no other
//! dependency.

use quote::quote;

use crate::emit::component::{component, function, name_test};
use crate::emit::flow::flow;
use crate::emit::states::states;
use crate::machine::Machine;

mod blocks;
mod component;
mod flow;
mod inert;
mod migrations;
mod old_states;
mod shared;
mod states;
mod stub;

#[cfg(test)]
pub(crate) use old_states::old_states;
pub(crate) use shared::Output;
pub(crate) use stub::{stub, undeclared, unparsed};

pub(crate) fn emit(machine: &Machine) -> Output {
    let header = &machine.header;
    let names: Vec<_> = machine.states[0].fields.iter().map(|field| &field.name).collect();
    let function = function(header, &names);
    let (component, states, flow) = (component(header), states(machine), flow(machine));
    let test = name_test(header);
    let old_states = machine.old_states.as_ref().map(|old| old_states::old_states(&header.vis, old));
    let items = quote! {
        #component
        #states
        #flow
        #test
        #old_states
    };
    Output { function, items }
}
