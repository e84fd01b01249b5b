//! A flow does what the same async function does. Here: what rustc decides by tokens: the configuration, macros that a
//! body declares, and the names that its code shows.
//!
//! The bodies are run as those of the other programs of this folder are; see `harness`.

#![deny(warnings)]
#![allow(clippy::all, unused_braces, unused_parens, unused_imports, reason = "the bodies are there to be strange")]

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Debug;

use serde::{Deserialize, Serialize};

mod harness;

// The bodies see all of it, as if it stood here.
use harness::*;

#[macro_use]
mod same;

mod cfgs;
mod constants;
mod own_macros;
mod shown_names;
