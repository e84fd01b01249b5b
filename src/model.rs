//! Values that every other module uses: ids, timestamps, views and events, errors.
//!
//! Nothing here reads a clock, draws randomness or does I/O.

pub(crate) mod error;
pub(crate) mod id;
pub(crate) mod revision;
pub(crate) mod timestamp;
pub mod view;
