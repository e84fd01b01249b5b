//! Releases: how a conversation that an earlier release saved continues in this one.
//!
//! - `compat` decides whether one saved state fits this program, and converts it.
//! - [`migration`] has what an author writes where a state does not fit.
//! - `retired` is the placeholder for a flow that a migration has ended.
//! - [`lock`](mod@lock) is the schema lock file, whose test says what an edit means for waiting conversations.
//! - [`manifest`](mod@manifest) lists the flows and components that are linked, and [`diagram`](mod@diagram) draws a flow.
//!
//! Nothing here opens a store or reads a record.

pub(crate) mod compat;
pub mod diagram;
pub mod lock;
pub mod manifest;
pub mod migration;
pub(crate) mod retired;
