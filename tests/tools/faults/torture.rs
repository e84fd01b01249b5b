//! A program that is killed and lied to, and those that do it to it.
//!
//! `torture run DIR ROUNDS` changes three conversations in turn and prints `ack CONVERSATION STATE` after each change
//! that the store has acknowledged. `torture verify DIR LOG` then checks, in a new process, that the directory holds
//! what the log says. `run-at-once` changes the three side by side. `run-early` acknowledges before it saves: it is the
//! control, and a kill must find it out.
//!
//! The others do it to the program, in a place that a script has prepared, and say at their head what they do:
//! `disk` and `cut` for `power_cuts.sh`, `outage` and `counted` for `outages.sh`, `kill`, `contest`, `answer` and `flip`
//! for `campaign.sh`. They print what they
//! counted, and end with 1 if anything was lost, or if a control was not caught.
//!
//! Before that word may stand `--store sqlite`; then DIR holds `conversations.db`, and `verify` also asks the engine
//! whether the file is whole.
//!
//! `STUBE_INLINE` says which calls are made by their callers: `always`, `never` or `idle`, which is what a store does by
//! itself. Those who start the program again and again take these in turn, unless it is set.
//!
//! `run` ends with 0, with 3 if the directory could not be opened, with 4 if the store did not recover from a failed
//! call, and with 5 if it answered what cannot be. `verify` ends with 0 or 1.

mod bit_flips;
mod changes;
#[cfg(target_os = "linux")]
mod contention;
#[cfg(target_os = "linux")]
mod disk;
mod kills;
#[cfg(target_os = "linux")]
mod outages;
#[cfg(target_os = "linux")]
mod power_cuts;
mod random;

use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicUsize, Ordering};

use changes::{How, Kind};

fn main() -> ExitCode {
    // One thread makes all calls of the store, because strace counts the calls of each thread by itself.
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().max_blocking_threads(1).build().expect("a runtime can be made");
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let (kind, arguments) = match &arguments[..] {
        ["--store", "sqlite", rest @ ..] => (Kind::Sqlite, rest),
        all => (Kind::Files, all),
    };
    let number = |text: &str| text.parse::<u64>().unwrap_or_else(|_| panic!("{text} is a number"));
    match *arguments {
        [how @ ("run" | "run-at-once" | "run-early"), dir, rounds] => {
            let how = match how {
                "run" => How::InTurn,
                "run-at-once" => How::AtOnce,
                _ => How::Early,
            };
            ExitCode::from(runtime.block_on(changes::run(kind, dir, number(rounds) as usize, how)))
        }
        ["verify", dir, log] => {
            let log = std::fs::read_to_string(log).expect("the log can be read");
            let violations = runtime.block_on(changes::verify(kind, dir, &log));
            violations.iter().for_each(|violation| changes::say(violation));
            ended(violations.is_empty())
        }
        ["flip", dir, flips, seed] => ended(bit_flips::flip(kind, &runtime, dir, number(flips), number(seed))),
        ["kill", dir, kills, seed] => ended(kills::kill(kind, &runtime, dir, number(kills), number(seed))),
        #[cfg(target_os = "linux")]
        ["contest", dir, answers, seed] => ended(contention::contest(&runtime, dir, number(answers), number(seed))),
        #[cfg(target_os = "linux")]
        [how @ ("answer" | "answer-early"), dir] => {
            runtime.block_on(contention::answer(dir, how == "answer-early"));
            ExitCode::SUCCESS
        }
        #[cfg(target_os = "linux")]
        [how @ ("outage" | "outage-answers" | "outage-early"), dir, log, begin, end, times] => {
            let how = match how {
                "outage" => outages::People::Begin,
                "outage-answers" => outages::People::Answer,
                _ => outages::People::Early,
            };
            // As a program that serves people: what waits for the disk does so on threads of its own.
            let serving = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build();
            let outage = outages::outage(kind, dir, log, begin, end, number(times), how);
            ended(serving.expect("a runtime can be made").block_on(outage))
        }
        #[cfg(target_os = "linux")]
        ["counted", dir, log] => ended(runtime.block_on(outages::counted_as(kind, dir, log))),
        #[cfg(target_os = "linux")]
        ["disk", mebibytes] => {
            disk::serve(number(mebibytes)).expect("the kernel is answered");
            ExitCode::SUCCESS
        }
        #[cfg(target_os = "linux")]
        ["cut", place, disk, after, mount, file_system, options, cuts, seed] => {
            let place = power_cuts::Place { place, disk, after, mount, file_system, options };
            ended(power_cuts::cut(kind, &runtime, place, number(cuts), number(seed)))
        }
        _ => panic!("usage: torture [--store sqlite] run|run-at-once|run-early DIR ROUNDS | verify DIR LOG | ..."),
    }
}

fn ended(well: bool) -> ExitCode {
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// This program, to be started again: each time with the next [`Inline`](stube::store::Inline), unless `STUBE_INLINE`
/// is set.
fn myself(kind: Kind) -> Command {
    static STARTED: AtomicUsize = AtomicUsize::new(0);
    let mut command = Command::new(std::env::current_exe().expect("this program has a file"));
    command.args(kind.arguments());
    if std::env::var_os(changes::INLINE).is_none() {
        let words = ["idle", "always", "never"];
        command.env(changes::INLINE, words[STARTED.fetch_add(1, Ordering::Relaxed) % words.len()]);
    }
    command
}
