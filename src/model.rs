//! Values that every other module uses: ids, timestamps, views and events, errors.
//!
//! Nothing here reads a clock, draws randomness or does I/O.

pub mod error;
pub(crate) mod id;
pub(crate) mod timestamp;
pub mod view;
