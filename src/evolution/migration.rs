//! What an author writes for conversations of an earlier version of a flow, where the flow cannot go on with them by
//! itself.
//!
//! Most edits need nothing: a state is found by its name, and only conversations that wait in a state whose own locals
//! changed are concerned. The rest is written beside the flow:
//!
//! | Edit | Write |
//! |---|---|
//! | a flow or a component has another name | `#[flow(was = "reservation")]`, `#[component(was = "pick_room")]` |
//! | a local has another name, and the state that is called as it | `#[was = "chamber"] let room = ..;` |
//! | a state has another name | `#[at("Payment", was = "Pay")]` on the statement |
//! | a parked state needs a local that it did not have | `#[default = 0] let mut tries = 0;` |
//! | a local has another type, a state was split or is gone | `#[migrate(..)]` on the flow |
//! | the old ones are to finish as they began | `#[flow(version = 2)]` on the new one, beside the old one |
//!
//! A parameter takes `#[was = ".."]` and `#[default = ..]` too. For what is inside of a type of the author's own, serde
//! has `#[serde(default)]` and `#[serde(alias = "..")]`.
//!
//! # `#[migrate]`
//!
//! Below `#[flow]`, with a closure that takes the old state and gives the one to go on in, written as a struct with the
//! name of the state and its locals; or `retire(result)`, which ends the flow; or `hand_to(flow)`, which goes on in its
//! place. The compiler compares all types:
//!
//! ```
//! use stube::{Confirm, Prompt, flow};
//! use serde::Deserialize;
//!
//! /// What the version before had: states that are gone, or that held something else.
//! #[derive(Deserialize)]
//! enum Before {
//!     Chamber { guest: String, nights: String },
//!     Desk {},
//! }
//!
//! #[flow]
//! #[migrate(|before: Before| match before {
//!     Before::Chamber { guest, nights } => Room { guest, nights: nights.parse().unwrap_or(1) },
//!     Before::Desk {} => retire(None),
//! })]
//! async fn booking(guest: String) -> Option<String> {
//!     let nights: u32 = Prompt::new("How many nights?").await.parse().ok()?;
//!     let room = Prompt::new("Which room?").await;
//!     Confirm::new(format!("{room} for {guest}, {nights} nights?")).await.then_some(room)
//! }
//! ```
//!
//! That enum need not be written by hand. `#[earlier(Before)]` below `#[flow]` makes it of `flows.lock`: a variant for each
//! state that the flow has no more, with the locals and types it was saved with; `#[earlier(Before: Room)]` adds a state
//! that held something else. As the compiler wants every variant in the `match`, nobody who waits is forgotten.
//!
//! **The question stays.** Who waits has been asked what the old state asked, and the answer to that is what the new state
//! is given; it must be of the type that is awaited there. To ask something else, `hand_to` a flow that does.
//!
//! With the path of a function, `#[migrate(split_the_name)]`, the old state is taken apart as JSON:
//!
//! ```
//! use stube::{Failure, evolution::migration::SavedState};
//!
//! fn split_the_name(state: &mut SavedState) -> Result<(), Failure> {
//!     if let Some(name) = state.take::<String>("name")? {
//!         let (first, last) = name.split_once(' ').unwrap_or((&name, ""));
//!         state.put("first", &first)?;
//!         state.put("last", &last)?;
//!     }
//!     Ok(())
//! }
//! ```
//!
//! Functions run first, in the order in which they are written, so a conversation may come from several versions ago.
//! They run for every state that is not as the code has it, and only for those, so they look before they change.
//!
//! # Every edit
//!
//! What each kind of edit means for the conversations that wait. `flows.lock` says it of an edit of your own, before it is
//! released: see [`lock`](mod@crate::evolution::lock). *Breaking* is no loss: such a conversation is left as it is, listed with the
//! reason, and goes on as soon as the code fits.
//!
#![doc = include_str!("migration/edits.md")]

pub use crate::component::saved_state::{MigrationFn, SavedState};
