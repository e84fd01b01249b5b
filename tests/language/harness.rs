//! What a body is run with, as an async function and as a flow: questions, a log of effects, scripts of answers, and
//! the comparison of the two runs.
//!
//! The answers are numbers from a script; a question makes of its number what it answers. Scripts are drawn from a
//! fixed seed. Whatever the plain function logs, asks and returns is what is expected of the flow. A body is left
//! after [`PATIENCE`] questions, so it may loop as long as the answers let it.

#![allow(unreachable_pub, dead_code, reason = "the programs of tests/programs use this as a crate")]
#![allow(missing_docs, missing_debug_implementations, reason = "only tests use it")]

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Debug, Display};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Context as TaskContext, Poll, Waker};

use serde::{Deserialize, Deserializer, Serialize};
use stube::component::Answer;
use stube::testing::TestConversation;
use stube::{Component, Context, Handled, Next, component};

/// How many questions a run answers.
const PATIENCE: usize = 40;

/// How many scripts each body is run with, for each of its arguments.
pub const SCRIPTS: u32 = 40;

thread_local! {
    static LOG: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    static SCRIPT: RefCell<Vec<u32>> = const { RefCell::new(Vec::new()) };
    /// Whether the body runs, and not what saves and loads it.
    static RUNNING: Cell<bool> = const { Cell::new(false) };
    /// Whether a conversation is being loaded to go on.
    static RELOADING: Cell<bool> = const { Cell::new(false) };
    static NOISES: Cell<u32> = const { Cell::new(0) };
}

/// An effect, in order with all others. Gives back what it was given, so that it can stand in any expression.
pub fn log<T: Display>(what: T) -> T {
    LOG.with_borrow_mut(|log| log.push(what.to_string()));
    what
}

/// What a body hides by a function of its own.
pub fn log_it() -> u32 {
    log(7)
}

/// The next number of the script; `None` once patience is at its end.
fn next_number(question: &str) -> Option<u32> {
    let Some(number) = SCRIPT.with_borrow_mut(Vec::pop) else {
        // What is dropped from here on is dropped because the run is left.
        RUNNING.set(false);
        return None;
    };
    LOG.with_borrow_mut(|log| log.push(format!("{question}? {number}")));
    Some(number)
}

/// A question: asked by a flow, and awaited by a plain function.
macro_rules! question {
    ($name:ident, $ask:ident, $answer:ty, |$n:ident| $value:expr) => {
        #[derive(Debug, Serialize, Deserialize)]
        pub struct $name(pub String);

        #[component]
        impl Component for $name {
            type Answer = $answer;

            // The body waits.
            fn start(&mut self, _: &Context) -> Handled<Self> {
                RUNNING.set(false);
                Ok(Next::stay())
            }
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

        pub fn $ask(question: impl Display) -> $name {
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
question!(AskSignedResult, signed_result, Result<i64, String>, |n| if n == 0 {
    Err("e0".to_owned())
} else {
    Ok(2 * i64::from(n) - 1)
});
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
pub enum Shape {
    Point,
    Circle { radius: i64 },
    Box(i64, i64),
    Named(String),
}

/// A value with several fields.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Order {
    pub name: String,
    pub items: Vec<i64>,
    pub total: i64,
}

/// An error that another one turns into.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Broken(pub String);

impl From<String> for Broken {
    fn from(text: String) -> Self {
        Self(text)
    }
}

pub fn takes_u8(n: u8) -> u8 {
    n
}

pub fn f2(n: i64) -> i64 {
    n + 1
}

pub fn three(a: i64, b: i64, c: i64) -> String {
    format!("{a} {b} {c}")
}

pub fn joined(a: String, b: i64, c: i64) -> String {
    format!("{a}{b}{c}")
}

// ---- Values that log when they are dropped ------------------------------------------------------------------------

/// Logs when the body drops it. Each has a name of its own.
#[derive(Debug, PartialEq, Serialize)]
pub struct Noisy {
    name: String,
    /// Read only to see whether it can be read.
    #[serde(skip)]
    is_copy: bool,
}

/// Makes a value that logs when it is dropped.
pub fn noisy(name: &str) -> Noisy {
    NOISES.set(NOISES.get() + 1);
    Noisy { name: format!("{name}#{}", NOISES.get()), is_copy: false }
}

impl Display for Noisy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl<'de> Deserialize<'de> for Noisy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Read {
            name: String,
        }
        let Read { name } = Read::deserialize(deserializer)?;
        Ok(Self { name, is_copy: !RELOADING.get() })
    }
}

impl Drop for Noisy {
    fn drop(&mut self) {
        // Who saves, loads or leaves a body drops values that the body has kept.
        if RUNNING.get() && !self.is_copy && !std::thread::panicking() {
            LOG.with_borrow_mut(|log| log.push(format!("{DROPPED}{}", self.name)));
        }
    }
}

const DROPPED: &str = "dropped ";

/// A drop, apart from what else is logged.
struct Dropped<'a> {
    name: &'a str,
    /// How many other things were logged before.
    at: usize,
}

/// What a log says without the drops, and the drops.
fn apart(log: &[String]) -> (Vec<&str>, Vec<Dropped<'_>>) {
    let (mut rest, mut drops) = (Vec::new(), Vec::new());
    for line in log {
        match line.strip_prefix(DROPPED) {
            Some(name) => drops.push(Dropped { name, at: rest.len() }),
            None => rest.push(&**line),
        }
    }
    (rest, drops)
}

/// Whether a flow drops what the plain function drops, each value once, and at the same place and in the same order;
/// or, if nobody needs the value any more, earlier: just before it asks, or just before what stands after a construct
/// that awaits, which logs that it does with [`JOIN`]. This is the rule in the documentation of `#[flow]`, without its
/// sentence on temporaries: all values whose drops are compared are bound to locals.
fn drops_alike(plain: &[String], flow: &[String]) -> Result<(), String> {
    let ((rest, plain), (same, flow)) = (apart(plain), apart(flow));
    if rest != same {
        return Err("the logs differ".to_owned());
    }
    let of = |drops: &[Dropped<'_>], name: &str| drops.iter().find(|drop| drop.name == name).map(|drop| drop.at);
    for dropped in &plain {
        if of(&flow, dropped.name).is_none_or(|at| at > dropped.at) {
            return Err(format!("`{}` is dropped too late or never", dropped.name));
        }
    }
    let mut names = BTreeSet::new();
    for dropped in &flow {
        if !names.insert(dropped.name) {
            return Err(format!("`{}` is dropped twice", dropped.name));
        }
        let is_early = of(&plain, dropped.name) != Some(dropped.at);
        let next = rest.get(dropped.at);
        if is_early && next.is_some_and(|next| !next.contains("? ") && !next.starts_with(JOIN)) {
            return Err(format!("`{}` is dropped before its time", dropped.name));
        }
    }
    let in_time = |drops: &[Dropped<'_>], others: &[Dropped<'_>]| {
        let in_time = drops.iter().filter(|drop| of(others, drop.name) == Some(drop.at));
        in_time.map(|drop| drop.name.to_owned()).collect::<Vec<_>>()
    };
    if in_time(&plain, &flow) != in_time(&flow, &plain) {
        return Err("what is dropped at the same place is dropped in another order".to_owned());
    }
    Ok(())
}

/// What stands after each construct that awaits, and at the beginning of each round of a loop, in a body whose drops
/// are compared.
pub const JOIN: &str = "join";

// ---- Runs ---------------------------------------------------------------------------------------------------------

/// Ready with the answer, or never.
pub struct Asked<T>(Option<T>);

impl<T: Unpin> Future for Asked<T> {
    type Output = T;

    fn poll(mut self: std::pin::Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<T> {
        self.0.take().map_or(Poll::Pending, Poll::Ready)
    }
}

/// A result whose type is forgotten, so that what runs and compares bodies is compiled once and not for each of them.
trait Outcome: Any + Debug {
    fn equals(&self, other: &dyn Outcome) -> bool;
}

impl<R: Any + PartialEq + Debug> Outcome for R {
    fn equals(&self, other: &dyn Outcome) -> bool {
        (other as &dyn Any).downcast_ref::<R>() == Some(self)
    }
}

#[derive(Debug)]
enum End {
    Returned(Box<dyn Outcome>),
    /// With this message.
    Panicked(String),
    OutOfPatience,
}

impl PartialEq for End {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Returned(this), Self::Returned(other)) => this.equals(&**other),
            (Self::Panicked(this), Self::Panicked(other)) => this == other,
            (Self::OutOfPatience, Self::OutOfPatience) => true,
            _ => false,
        }
    }
}

/// When a conversation is saved and loaded.
#[derive(Debug, Clone, Copy)]
enum Reloads {
    Never,
    /// At some awaits.
    Sometimes(u32),
    Always,
}

struct Run {
    log: Vec<String>,
    end: End,
}

fn observed(script: &[u32], run: &dyn Fn() -> Option<Box<dyn Outcome>>) -> Run {
    SCRIPT.set(script.to_vec());
    LOG.take();
    NOISES.set(0);
    RUNNING.set(true);
    let end = match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Some(result)) => End::Returned(result),
        Ok(None) => End::OutOfPatience,
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            End::Panicked(text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default())
        }
    };
    RUNNING.set(false);
    Run { log: LOG.take(), end }
}

fn run_plain<R: Answer + PartialEq + Debug>(plain: impl Future<Output = R>) -> Option<Box<dyn Outcome>> {
    let mut plain = pin!(plain);
    let result = match plain.as_mut().poll(&mut TaskContext::from_waker(Waker::noop())) {
        Poll::Ready(result) => Some(Box::new(result) as Box<dyn Outcome>),
        Poll::Pending => None,
    };
    RUNNING.set(false);
    result
}

/// Runs a conversation to its end. `result` takes what it gave.
fn run_flow(
    mut conversation: TestConversation,
    reloads: Reloads,
    result: fn(TestConversation) -> Box<dyn Outcome>,
) -> Option<Box<dyn Outcome>> {
    while !conversation.has_ended() {
        go_on(&mut conversation, reloads)?;
    }
    RUNNING.set(false);
    Some(result(conversation))
}

/// The result of a conversation that has ended.
fn result<R: Answer + PartialEq + Debug>(conversation: TestConversation) -> Box<dyn Outcome> {
    Box::new(conversation.result::<R>())
}

/// Answers one question.
fn go_on(conversation: &mut TestConversation, reloads: Reloads) -> Option<()> {
    RUNNING.set(false);
    let left = SCRIPT.with_borrow(Vec::len) as u32;
    let reloaded = match reloads {
        Reloads::Never => false,
        Reloads::Sometimes(seed) => (seed >> (left % 32)) & 1 == 1,
        Reloads::Always => true,
    };
    if reloaded {
        RELOADING.set(true);
        conversation.reload();
        RELOADING.set(false);
    }
    macro_rules! answer_one_of {
        ($($question:ident)*) => {
            $(if let Some(question) = conversation.waiting_for::<$question>() {
                let number = next_number(&question.0)?;
                RUNNING.set(true);
                conversation.answer::<$question>($question::answer(number));
            } else)* {
                panic!("the conversation waits for something else: {}", conversation.record());
            }
        };
    }
    answer_one_of!(Ask AskText AskBool AskMaybe AskResult AskUnit AskSigned AskSignedMaybe AskSignedResult AskPair AskList AskShape);
    Some(())
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

/// Whether a flow's run is what the plain run makes one expect; else, what differs.
fn alike(plain: &Run, flow: &Run) -> Result<(), String> {
    let same_end = match (&plain.end, &flow.end) {
        // The conversation says more around it.
        (End::Panicked(plain), End::Panicked(flow)) => flow.contains(plain.as_str()),
        (plain, flow) => plain == flow,
    };
    let difference = if !same_end {
        "the ends differ".to_owned()
    } else if plain.log == flow.log {
        return Ok(());
    } else if let Err(difference) = drops_alike(&plain.log, &flow.log) {
        difference
    } else {
        return Ok(());
    };
    let show = |run: &Run| format!("{}\n=> {:?}", run.log.join("\n"), run.end);
    Err(format!("{difference}\n-- async fn:\n{}\n-- flow:\n{}", show(plain), show(flow)))
}

/// Runs a body both ways with each script. Gives the number of runs of the flow, or what differs first.
pub fn compare<R, P, C>(scripts: u32, plain: impl Fn() -> P, flow: impl Fn() -> C) -> Result<u32, String>
where
    R: Answer + PartialEq + Debug,
    P: Future<Output = R>,
    C: Component<Answer = R>,
{
    let plain = || run_plain(plain());
    compare_runs(scripts, &plain, &|| TestConversation::start(flow()), result::<R>)
}

fn compare_runs(
    scripts: u32,
    plain: &dyn Fn() -> Option<Box<dyn Outcome>>,
    flow: &dyn Fn() -> TestConversation,
    result: fn(TestConversation) -> Box<dyn Outcome>,
) -> Result<u32, String> {
    let mut runs = 0;
    for seed in 0..scripts {
        let script = script(seed);
        let expected = observed(&script, plain);
        for reloads in [
            Reloads::Never,
            Reloads::Sometimes(script.iter().fold(seed, |all, n| all.rotate_left(5) ^ n)),
            Reloads::Always,
        ] {
            runs += 1;
            let run = observed(&script, &|| run_flow(flow(), reloads, result));
            alike(&expected, &run).map_err(|difference| format!("script {seed}, reloads {reloads:?}: {difference}"))?;
        }
    }
    Ok(runs)
}

/// Fails if a body does not do as a flow what it does as an async function.
pub fn check<R, P, C>(plain: impl Fn() -> P, flow: impl Fn() -> C)
where
    R: Answer + PartialEq + Debug,
    P: Future<Output = R>,
    C: Component<Answer = R>,
{
    if let Err(difference) = compare(SCRIPTS, plain, flow) {
        panic!("{difference}");
    }
}

/// A map, so that bodies can name it.
pub type Map<T> = BTreeMap<String, T>;
