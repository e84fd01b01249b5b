//! A flow does what the same async function does: asks the same questions, has the same effects, in the same order,
//! and gives the same result, though it is saved and loaded at every await. Here: what lives over an await.
//!
//! Each body is written once and compiled twice, under `#[flow]` and as it stands, and run with many scripts of
//! answers; see `harness`. `tests/tools/programs` does the same with random bodies; the mistakes that it found are in
//! `fuzz_regressions`. Two programs share the bodies, because rustc needs the more memory the more flows a crate has.

#![deny(warnings)]
#![allow(clippy::all, unused_braces, unused_parens, unused_imports, reason = "the bodies are there to be strange")]

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Debug;

use serde::{Deserialize, Serialize};

mod harness;

// The bodies see all of it, as if it stood here.
use harness::*;
use held::{Number, Step, floors, glue, pair_of, rooms, steps};

#[macro_use]
mod same;

mod borrows;
mod combinations;
mod fuzz_regressions;
mod held;
mod iterators;
mod locals;
mod matched;
mod names;
mod parts;
mod peers;
mod texts;
