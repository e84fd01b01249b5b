//! The runtime over stores that fail on command: what is saved, what is answered, and what is found by a query.
//!
//! Two test programs of this theme stand alone: `back_pressure`, which measures time, and `logs`, which listens to all
//! that is traced.

mod answers;
#[path = "../common/mod.rs"]
mod common;
mod queries;
mod regressions;
mod transient;
