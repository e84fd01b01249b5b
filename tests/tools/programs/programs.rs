//! Random programs, each run as an async function and as a flow: whatever differs is a mistake of `#[flow]`.
//!
//! ```text
//! tests/programs/run.sh [--count N] [--seed S] [--quick] [--show] [--shrink]
//! ```
//!
//! Program `k` of seed `s` is the program of seed `s + k`, so `--seed NUMBER --count 1` makes one of them again.
//! `--show` prints all programs; `--shrink` makes those that fail smaller, which takes a minute or two for each. What
//! is printed can be copied into `tests/language/fuzz_regressions.rs` as it is.
//!
//! Each program is run with several scripts of answers, without a reload, with one at some awaits, and with one at each
//! (`tests/language/harness.rs`). In every third program the values log when they are dropped, and the drops are
//! compared too. A program whose async function does not compile is a mistake of the generator; if only the flow does
//! not, or if it does something else, it is one of `#[flow]`.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

mod build;
mod drops;
mod expressions;
mod generate;
mod patterns;
mod random;
mod scope;
mod shrink;
mod statements;
mod types;

use crate::build::{Verdict, Workshop};
use crate::generate::{Program, generate};

/// Programs that are built together.
const BATCH: u64 = 200;

struct Options {
    count: u64,
    seed: u64,
    show: bool,
    shrink: bool,
}

fn main() -> ExitCode {
    let options = match options() {
        Ok(options) => options,
        Err(wrong) => {
            eprintln!("{wrong}\nusage: tests/programs/run.sh [--count N] [--seed S] [--quick] [--show]");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

fn options() -> Result<Options, String> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|error| error.to_string())?;
    let mut options = Options { count: 2000, seed: since.as_secs() % 1_000_000 * 1000, show: false, shrink: false };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut number = || args.next().and_then(|n| n.parse().ok()).ok_or(format!("{arg} takes a number"));
        match arg.as_str() {
            "--count" => options.count = number()?,
            "--seed" => options.seed = number()?,
            "--quick" => options.count = 200,
            "--show" => options.show = true,
            "--shrink" => options.shrink = true,
            _ => return Err(format!("unknown argument {arg}")),
        }
    }
    Ok(options)
}

/// Whether all programs did the same both ways.
fn run(options: &Options) -> std::io::Result<bool> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let workshop = Workshop::new(root, "all", 12)?;
    println!("seed {}, {} programs", options.seed, options.count);
    let begun = Instant::now();
    let (mut same, mut runs, mut failed) = (0u64, 0u64, Vec::new());
    let mut next = options.seed;
    let end = options.seed + options.count;
    while next < end {
        let seeds = next..end.min(next + BATCH);
        next = seeds.end;
        let programs: Vec<Program> = seeds.map(|seed| generate(seed, seed % 3 == 2)).collect();
        if options.show {
            programs.iter().for_each(|program| println!("{}", program.function().join("\n")));
        }
        let verdicts = workshop.try_out(&programs, true)?;
        for program in programs {
            match &verdicts[&program.name()] {
                Verdict::Same(ran) => {
                    same += 1;
                    runs += u64::from(*ran);
                }
                verdict => failed.push((program.clone(), verdict.clone())),
            }
        }
        println!("{same} same in {runs} runs, {} failed, {:.0} s", failed.len(), begun.elapsed().as_secs_f64());
    }
    for (program, verdict) in &failed {
        report(program, verdict);
        if options.shrink && !matches!(verdict, Verdict::NoFunction(_)) {
            let (program, verdict) = shrink::shrink(&workshop, program, verdict)?;
            report(&program, &verdict);
        }
    }
    Ok(failed.is_empty())
}

fn report(program: &Program, verdict: &Verdict) {
    let (what, details) = match verdict {
        Verdict::Same(_) => return,
        Verdict::NoFunction(details) => ("MISTAKE OF THE GENERATOR: the async function does not compile", details),
        Verdict::NoFlow(details) => ("MISTAKE OF #[flow]: it does not compile, and the async function does", details),
        Verdict::Differs(details) => ("MISTAKE OF #[flow]: it does something else", details),
    };
    println!("\n==== {what}. Again with: tests/programs/run.sh --seed {} --count 1", program.seed);
    println!("same! {{ [{}] {} }}", program.args, program.function().join("\n"));
    println!("---- {details}");
}
