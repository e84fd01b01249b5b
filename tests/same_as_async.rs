//! A flow does what the same async function does: asks the same questions, has the same effects, in the same order,
//! and gives the same result, though it is saved and loaded at every await.
//!
//! Each body is written once and compiled twice, under `#[flow]` and as it stands. The answers are numbers from a
//! script; a question makes of its number what it answers. Scripts are drawn from a fixed seed, many for each body.
//! Whatever the plain function logs, asks and returns is what is expected of the flow. A body is left after
//! [`PATIENCE`] questions, so it may loop as long as the answers let it.

#![deny(warnings)]
#![allow(clippy::all, unused_braces, unused_parens, reason = "the bodies are there to be strange")]

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::fmt::{Debug, Display};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Context as TaskContext, Poll, Waker};

use serde::{Deserialize, Serialize};
use stube::component::Answer;
use stube::testing::TestConversation;
use stube::{Component, component};

/// How many questions a run answers.
const PATIENCE: usize = 40;

/// How many scripts each body is run with, for each of its arguments.
const SCRIPTS: u32 = 40;

thread_local! {
    static LOG: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    static SCRIPT: RefCell<Vec<u32>> = const { RefCell::new(Vec::new()) };
}

/// An effect, in order with all others. Gives back what it was given, so that it can stand in any expression.
fn log<T: Display>(what: T) -> T {
    LOG.with_borrow_mut(|log| log.push(what.to_string()));
    what
}

/// What a body hides by a function of its own.
fn log_it() -> u32 {
    log(7)
}

/// The next number of the script; `None` once patience is at its end.
fn next_number(question: &str) -> Option<u32> {
    let number = SCRIPT.with_borrow_mut(Vec::pop)?;
    log(format!("{question}? {number}"));
    Some(number)
}

/// A question: asked by a flow, and awaited by a plain function.
macro_rules! question {
    ($name:ident, $ask:ident, $answer:ty, |$n:ident| $value:expr) => {
        #[derive(Debug, Serialize, Deserialize)]
        struct $name(String);

        #[component]
        impl Component for $name {
            type Answer = $answer;
        }

        impl $name {
            fn answer($n: u32) -> $answer {
                $value
            }
        }

        impl IntoFuture for $name {
            type Output = $answer;
            type IntoFuture = Asked<$answer>;

            fn into_future(self) -> Asked<$answer> {
                Asked(next_number(&self.0).map(Self::answer))
            }
        }

        fn $ask(question: impl Display) -> $name {
            $name(question.to_string())
        }
    };
}

question!(Ask, ask, u32, |n| n);
question!(AskText, ask_text, String, |n| format!("t{n}"));
question!(AskBool, ask_bool, bool, |n| n % 2 == 1);
question!(AskMaybe, ask_maybe, Option<u32>, |n| n.checked_sub(1));
question!(AskResult, ask_result, Result<u32, String>, |n| n.checked_sub(1).ok_or("none".to_owned()));
question!(AskUnit, ask_unit, (), |_n| ());
question!(AskSigned, signed, i64, |n| [-2, 0, 3, 8][n as usize]);
question!(AskSignedMaybe, signed_maybe, Option<i64>, |n| [None, Some(0), Some(5), Some(9)][n as usize]);
question!(AskSignedResult, signed_result, Result<i64, String>, |n| if n == 0 { Err("e0".to_owned()) } else { Ok(2 * i64::from(n) - 1) });
question!(AskPair, ask_pair, (i64, String), |n| (i64::from(n), format!("p{n}")));
question!(AskList, ask_list, Vec<i64>, |n| (0..i64::from(n)).collect());
question!(AskShape, ask_shape, Shape, |n| match n {
    0 => Shape::Point,
    1 => Shape::Circle { radius: 5 },
    2 => Shape::Box(2, 3),
    _ => Shape::Named(format!("n{n}")),
});

/// A value with several forms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Shape {
    Point,
    Circle { radius: i64 },
    Box(i64, i64),
    Named(String),
}

/// A value with several fields.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Order {
    name: String,
    items: Vec<i64>,
    total: i64,
}

/// An error that another one turns into.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Broken(String);

impl From<String> for Broken {
    fn from(text: String) -> Self {
        Self(text)
    }
}

fn takes_u8(n: u8) -> u8 {
    n
}

fn f2(n: i64) -> i64 {
    n + 1
}

fn three(a: i64, b: i64, c: i64) -> String {
    format!("{a} {b} {c}")
}

fn joined(a: String, b: i64, c: i64) -> String {
    format!("{a}{b}{c}")
}

/// Ready with the answer, or never.
struct Asked<T>(Option<T>);

impl<T: Unpin> Future for Asked<T> {
    type Output = T;

    fn poll(mut self: std::pin::Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<T> {
        self.0.take().map_or(Poll::Pending, Poll::Ready)
    }
}

#[derive(Debug, PartialEq)]
enum End<R> {
    Returned(R),
    Panicked,
    OutOfPatience,
}

fn observed<R>(script: &[u32], run: impl FnOnce() -> Option<R>) -> (Vec<String>, End<R>) {
    SCRIPT.set(script.to_vec());
    LOG.take();
    let end = match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Some(result)) => End::Returned(result),
        Ok(None) => End::OutOfPatience,
        Err(_) => End::Panicked,
    };
    (LOG.take(), end)
}

fn run_plain<R>(plain: impl Future<Output = R>) -> Option<R> {
    match pin!(plain).poll(&mut TaskContext::from_waker(Waker::noop())) {
        Poll::Ready(result) => Some(result),
        Poll::Pending => None,
    }
}

fn run_flow<R: Answer>(flow: impl Component<Answer = R>, reloads: bool) -> Option<R> {
    let mut conversation = TestConversation::start(flow);
    while !conversation.has_ended() {
        if reloads {
            conversation.reload();
        }
        macro_rules! answer_one_of {
            ($($question:ident)*) => {
                $(if let Some(question) = conversation.waiting_for::<$question>() {
                    let number = next_number(&question.0)?;
                    conversation.answer::<$question>($question::answer(number));
                } else)* {
                    panic!("the conversation waits for something else: {}", conversation.record());
                }
            };
        }
        answer_one_of!(Ask AskText AskBool AskMaybe AskResult AskUnit AskSigned AskSignedMaybe AskSignedResult AskPair AskList AskShape);
    }
    Some(conversation.result())
}

/// Numbers from 0 to 3, the same ones each time.
fn script(seed: u32) -> Vec<u32> {
    let mut random = seed.wrapping_mul(0x9E37_79B9) | 1;
    let draw = |_| {
        random ^= random << 13;
        random ^= random >> 17;
        random ^= random << 5;
        (random >> 7) % 4
    };
    (0..PATIENCE).map(draw).collect()
}

fn check<R, P, C>(plain: impl Fn() -> P, flow: impl Fn() -> C)
where
    R: Answer + PartialEq + Debug,
    P: Future<Output = R>,
    C: Component<Answer = R>,
{
    for seed in 0..SCRIPTS {
        let script = script(seed);
        let expected = observed(&script, || run_plain(plain()));
        let kept = observed(&script, || run_flow(flow(), false));
        assert_eq!(kept, expected, "without a reload, seed {seed}");
        let reloaded = observed(&script, || run_flow(flow(), true));
        assert_eq!(reloaded, expected, "reloaded at every await, seed {seed}");
    }
}

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
#[path = "same_as_async/iterators.rs"]
mod iterators;
#[path = "same_as_async/locals.rs"]
mod locals;
#[path = "same_as_async/loops.rs"]
mod loops;
#[path = "same_as_async/macros.rs"]
#[macro_use]
mod macros;
#[path = "same_as_async/more.rs"]
mod more;
#[path = "same_as_async/names.rs"]
mod names;
#[path = "same_as_async/nasty.rs"]
mod nasty;
#[path = "same_as_async/peers.rs"]
mod peers;
#[path = "same_as_async/texts.rs"]
mod texts;
