//! Everything at once that can happen to processes that share a Postgres server, and a judge of what they saw.
//!
//! `contest ANSWERS SEED` starts a server of its own, and processes that answer the same conversations. `meddle` is what
//! is done to them meanwhile. Each says what it tries and what it is told (`answer`), and `history` compares all of that
//! with what is stored at last. Prints what it counted, and ends with 1 if anything is not as it must be.
//!
//! First processes that acknowledge before they answer, which must be caught.

mod answer;
mod chaos;
mod contention;
mod history;
#[path = "../faults/random.rs"]
mod random;
#[allow(dead_code, reason = "tests use more of it")]
#[path = "../../postgres/server.rs"]
mod server;
mod way;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse::<u64>().unwrap_or_else(|_| panic!("{text} is a number"));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime can be made");
    match arguments[..] {
        ["contest", answers, seed] => match runtime.block_on(contention::contest(number(answers), number(seed))) {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        },
        [how @ ("answer" | "answer-early"), name, config] => {
            runtime.block_on(answer::answer(name, config, how == "answer-early"));
            ExitCode::SUCCESS
        }
        _ => panic!("usage: contest ANSWERS SEED | answer|answer-early NAME CONFIG"),
    }
}
