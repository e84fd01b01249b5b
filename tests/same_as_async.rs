//! A flow does what its async function does.
//!
//! Each body is written once and compiled twice: as a plain `async fn`, whose questions are answered by a script, and as
//! a flow, which goes through its saved bytes and back at every question. What is logged on the way, what is asked, and
//! what comes out must be equal, for many scripts.

use std::cell::RefCell;
use std::fmt::{Debug, Display};
use std::future::{Future, IntoFuture, Pending, Ready, pending, ready};
use std::pin::pin;
use std::task::{Context as TaskContext, Poll, Waker};

use serde::{Deserialize, Serialize};
use stube::testing::TestConversation;
use stube::{Component, Context, Handled, Next, component};

#[path = "same_as_async/bodies.rs"]
#[allow(clippy::all, reason = "the bodies are nasty on purpose")]
mod bodies;

thread_local! {
    static LOG: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    static SCRIPT: RefCell<Script> = const { RefCell::new(Script { seed: 0, asked: 0 }) };
}

/// Notes that the code has come here.
fn log(what: impl Display) {
    LOG.with_borrow_mut(|log| log.push(what.to_string()));
}

/// The same in the middle of an expression.
fn note<T: Debug>(what: T) -> T {
    log(format!("note {what:?}"));
    what
}

/// Endless answers, the same for the same seed.
#[derive(Clone, Copy)]
struct Script {
    seed: u64,
    asked: u64,
}

/// After so many questions, a loop that the script does not end is left alone.
const MOST_QUESTIONS: u64 = 40;

impl Script {
    /// Answers from -2 to 9, small ones more often.
    fn next(&mut self) -> Option<i64> {
        self.asked += 1;
        if self.asked > MOST_QUESTIONS {
            return None;
        }
        // SplitMix64.
        let mut z =
            self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(self.asked.wrapping_mul(0xbf58_476d_1ce4_e5b9));
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        Some(if z.is_multiple_of(3) { (z >> 8) as i64 % 2 } else { (z >> 8) as i64 % 12 - 2 })
    }
}

/// The next answer of the script, to this question.
fn scripted(question: &str) -> Option<i64> {
    log(format!("asked {question}"));
    SCRIPT.with_borrow_mut(Script::next)
}

macro_rules! questions {
    ($($(#[$doc:meta])* $name:ident -> $answer:ty, $make:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Serialize, Deserialize)]
        struct $name(String);

        impl $name {
            #[allow(dead_code, reason = "not every question is asked with every kind of text")]
            fn new(question: impl Into<String>) -> Self {
                Self(question.into())
            }
        }

        #[component]
        impl Component for $name {
            type Answer = $answer;

            fn start(&mut self, _cx: &Context) -> Handled<Self> {
                log(format!("asked {}", self.0));
                Ok(Next::stay())
            }
        }

        impl IntoFuture for $name {
            type Output = $answer;
            type IntoFuture = Scripted<$answer>;

            fn into_future(self) -> Scripted<$answer> {
                let make: fn(i64) -> $answer = $make;
                match scripted(&self.0) {
                    Some(n) => Scripted::Answer(ready(make(n))),
                    None => Scripted::Nothing(pending()),
                }
            }
        }
    )*

        /// Answers whatever waits. Gives whether anything did.
        fn answer(conversation: &mut TestConversation, n: i64) -> bool {
            $(
                if conversation.waiting_for::<$name>().is_some() {
                    let make: fn(i64) -> $answer = $make;
                    conversation.answer::<$name>(make(n));
                    return true;
                }
            )*
            false
        }
    };
}

questions! {
    /// A number.
    Ask -> i64, |n| n;
    /// A text.
    AskText -> String, |n| format!("t{n}");
    /// Yes or no.
    AskBool -> bool, |n| n > 3;
    /// A number, or nothing.
    AskMaybe -> Option<i64>, |n| (n >= 0).then_some(n);
    /// A number, or an error.
    AskResult -> Result<i64, String>, |n| if n >= 0 { Ok(n) } else { Err(format!("e{n}")) };
    /// A pair.
    AskPair -> (i64, String), |n| (n, format!("p{n}"));
    /// A shape with fields.
    AskShape -> bodies::Shape, bodies::Shape::from_number;
    /// Some numbers.
    AskList -> Vec<i64>, |n| (0..n.max(0)).collect();
    /// Nothing.
    Tell -> (), |_| ();
}

enum Scripted<T> {
    Answer(Ready<T>),
    Nothing(Pending<T>),
}

impl<T> Future for Scripted<T> {
    type Output = T;

    fn poll(self: std::pin::Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<T> {
        match self.get_mut() {
            Self::Answer(answer) => pin!(answer).poll(cx),
            Self::Nothing(nothing) => pin!(nothing).poll(cx),
        }
    }
}

impl<T> Unpin for Scripted<T> {}

/// What a run led to: what was logged, and what came out, if the script got that far.
#[derive(Debug, PartialEq)]
struct Run {
    log: Vec<String>,
    result: Option<String>,
}

fn run(seed: u64, run: impl FnOnce() -> Option<String>) -> Run {
    SCRIPT.set(Script { seed, asked: 0 });
    LOG.take();
    let result = run();
    Run { log: LOG.take(), result }
}

fn run_plain<T: Debug>(seed: u64, future: impl FnOnce() -> Box<dyn Future<Output = T>>) -> Run {
    run(seed, || {
        let mut future = Box::into_pin(future());
        match future.as_mut().poll(&mut TaskContext::from_waker(Waker::noop())) {
            Poll::Ready(value) => Some(format!("{value:?}")),
            // The script has come to its end. What is alive is dropped, which a flow that is parked does not do.
            Poll::Pending => {
                std::mem::forget(future);
                None
            }
        }
    })
}

fn run_flow<C: Component>(seed: u64, reload: bool, flow: impl FnOnce() -> C) -> Run
where
    C::Answer: Debug,
{
    run(seed, || {
        let mut conversation = TestConversation::start(flow());
        while !conversation.has_ended() {
            if reload {
                conversation.reload();
            }
            let n = SCRIPT.with_borrow_mut(Script::next)?;
            assert!(answer(&mut conversation, n), "it waits for a question of this file");
        }
        Some(format!("{:?}", conversation.result::<C::Answer>()))
    })
}

const SEEDS: u64 = 60;

#[track_caller]
fn check<T: Debug, C: Component<Answer = T>>(plain: impl Fn() -> Box<dyn Future<Output = T>>, flow: impl Fn() -> C) {
    for seed in 0..SEEDS {
        let expected = run_plain(seed, &plain);
        for reload in [false, true] {
            let found = run_flow(seed, reload, &flow);
            assert_eq!(
                found,
                expected,
                "seed {seed}, {}",
                if reload { "reloaded at every await" } else { "in one go" }
            );
        }
    }
}

/// Writes each body once, and compiles it twice.
macro_rules! same {
    ($(
        $(#[$meta:meta])*
        async fn $name:ident($($arg:pat in $value:expr => $ty:ty),*) $(-> $output:ty)? { $($body:tt)* }
    )*) => {
        mod plain {
            use super::*;
            $(
                $(#[$meta])*
                pub(super) async fn $name($($arg: $ty),*) $(-> $output)? { $($body)* }
            )*
        }
        mod flows {
            use super::*;
            $(
                #[stube::flow]
                $(#[$meta])*
                pub(super) async fn $name($($arg: $ty),*) $(-> $output)? { $($body)* }
            )*
        }
        $(
            #[test]
            fn $name() {
                crate::check(|| Box::new(plain::$name($($value),*)), || flows::$name($($value),*));
            }
        )*
    };
}

pub(crate) use same;
