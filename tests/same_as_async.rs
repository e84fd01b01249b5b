//! A flow does what the same async function does: asks the same questions, has the same effects, in the same order,
//! and gives the same result, though it is saved and loaded at every await.
//!
//! Each body is written once and compiled twice, under `#[flow]` and as it stands, and run with many scripts of
//! answers; see `harness`. `tests/programs` does the same with random bodies; what it found stands in `found`.

#![deny(warnings)]
#![allow(clippy::all, unused_braces, unused_parens, reason = "the bodies are there to be strange")]

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Debug;

use serde::{Deserialize, Serialize};

#[path = "same_as_async/harness.rs"]
mod harness;

// The bodies see all of it, as if it stood here.
use harness::*;

/// `same! { [(1), (2)] async fn body(n: u32) -> u32 { .. } }` runs the body with each of the arguments. Functions in
/// brackets after it are flows that it calls.
macro_rules! same {
    (calls { $(async fn $callee:ident $callee_params:tt -> [$($callee_output:tt)*] $callee_body:tt)* }
     [$($args:tt),*] async fn $name:ident $($rest:tt)*) => {
        mod $name {
            mod plain {
                #[allow(unused_imports, reason = "a body may ask nothing")]
                use crate::*;
                $(
                    // Boxed, because they may call each other.
                    pub(super) fn $callee $callee_params -> std::pin::Pin<Box<dyn Future<Output = $($callee_output)*>>> {
                        Box::pin(async move $callee_body)
                    }
                )*
                pub(super) async fn $name $($rest)*
            }
            mod flow {
                #[allow(unused_imports, reason = "a body may ask nothing")]
                use crate::*;
                $(
                    #[stube::flow]
                    pub(super) async fn $callee $callee_params -> $($callee_output)* $callee_body
                )*
                #[stube::flow]
                pub(super) async fn $name $($rest)*
            }
            #[test]
            fn same_as_async() {
                $(crate::check(|| plain::$name $args, || flow::$name $args);)*
            }
        }
    };
    ([$($args:tt),*] async fn $name:ident $($rest:tt)*) => {
        same! { calls {} [$($args),*] async fn $name $($rest)* }
    };
}

#[path = "same_as_async/borrows.rs"]
mod borrows;
#[path = "same_as_async/branches.rs"]
mod branches;
#[path = "same_as_async/calls.rs"]
mod calls;
#[path = "same_as_async/expressions.rs"]
mod expressions;
#[path = "same_as_async/found.rs"]
mod found;
#[path = "same_as_async/iterators.rs"]
mod iterators;
#[path = "same_as_async/locals.rs"]
mod locals;
#[path = "same_as_async/loops.rs"]
mod loops;
#[path = "same_as_async/macros.rs"]
#[macro_use]
mod macros;
#[path = "same_as_async/many.rs"]
mod many;
#[path = "same_as_async/more.rs"]
mod more;
#[path = "same_as_async/names.rs"]
mod names;
#[path = "same_as_async/nasty.rs"]
mod nasty;
#[path = "same_as_async/parts.rs"]
mod parts;
#[path = "same_as_async/peers.rs"]
mod peers;
#[path = "same_as_async/texts.rs"]
mod texts;
