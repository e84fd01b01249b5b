//! Releases: how a conversation that an earlier release saved goes on in this one.
//!
//! [`compat`] decides for one saved state whether it fits this program; [`migration`] is what an author writes where it
//! does not; [`lock`](mod@lock) is the schema lock file, which says at test time what an edit means for conversations
//! that wait; [`manifest`](mod@manifest) lists what is linked. Nothing here opens a store or reads a record.

pub(crate) mod compat;
pub mod lock;
pub mod manifest;
pub mod migration;
pub(crate) mod retired;
