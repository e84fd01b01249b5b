//! Fronts: what shows a conversation to a person or an operator, and turns input into events.

#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "terminal")]
pub mod terminal;
