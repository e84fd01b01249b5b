//! How an author migrates saved states of an earlier release.
//!
//! Most edits need nothing: a state is identified by its name, so an edit affects only the conversations that wait in a
//! state whose own locals changed. For the others, declare the migration beside the flow:
//!
//! | Edit | Declaration |
//! |---|---|
//! | a flow or a component was renamed | `#[flow(was = "reservation")]`, `#[component(was = "pick_room")]` |
//! | a local was renamed, and with it the state named after it | `#[was = "chamber"] let room = ..;` |
//! | a state was renamed | `#[at("Payment", was = "Pay")]` on the statement |
//! | a state has a new local | `#[default = 0] let mut tries = 0;` |
//! | a local has another type, a state was split or removed | `#[migrate(..)]` on the flow |
//! | conversations of the old version are to finish unchanged | `#[flow(version = 2)]` on the new flow, beside the old one |
//!
//! A parameter takes `#[was = ".."]` and `#[default = ..]` too. For the fields of the author's own types, use serde's
//! `#[serde(default)]` and `#[serde(alias = "..")]`.
//!
//! # `#[migrate]`
//!
//! Write it below `#[flow]`, with a closure that takes the old state. The closure returns one of:
//!
//! - the state in which the flow continues, as a struct with the name of the state and its locals;
//! - `retire(result)`, which ends the flow with that result;
//! - `hand_to(flow)`, which replaces the flow with another one.
//!
//! The compiler checks all types:
//!
//! ```
//! use stube::{Confirm, Prompt, flow};
//! use serde::Deserialize;
//!
//! /// The old states that the code no longer has, or that had other locals.
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
//! The enum can be generated. `#[earlier(Before)]` below `#[flow]` generates it from `flows.lock`: one variant for each
//! state that the flow no longer has, with the locals and types that were saved. `#[earlier(Before: Room)]` adds the state
//! `Room`, which the flow still has but with other locals. The compiler requires every variant in the `match`, so no state
//! is forgotten.
//!
//! **The question stays.** A waiting person was asked the question of the old state, and their answer is passed to the new
//! state, which must await the same answer type. To ask another question, use `hand_to` with a flow that asks it.
//!
//! With the path of a function, `#[migrate(split_the_name)]`, the old state is modified as JSON:
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
//! Functions run before closures, in the order of the source, so a conversation may skip several releases. They run for
//! every state whose schema differs from the code, and for no other, so a function must check what it is given.
//!
//! # Every edit
//!
//! What each kind of edit means for waiting conversations. The test of [`lock`](mod@crate::evolution::lock) says it for
//! your own edits, before a release. *Breaking* loses no data: such a conversation is left as it is, is listed with the
//! reason, and continues once the code has a migration for it.
//!
#![doc = include_str!("migration/edits.md")]

pub use crate::component::saved_state::{MigrationFn, SavedState};
