//! Fronts: what shows a conversation to a person or an operator, and turns input into events.
//!
//! [`session`] is the part that every front for persons shares: find or start a conversation, show it, send an answer,
//! read the result. [`lines`] turns questions into text and lines into events, without any input or output of its own.
//! The terminal is both over standard input and output; a line server for many users is both over its connections;
//! `cli` is the command for operators.

#[cfg(feature = "cli")]
pub mod cli;
pub mod lines;
pub mod session;
#[cfg(feature = "terminal")]
pub mod terminal;
