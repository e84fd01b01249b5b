//! SIGKILL at random moments: while the program starts, while it changes records in turn or side by side, and while it
//! starts again on what the last kill has left. After each kill what is there is checked against what it had said.
//!
//! A kill takes nothing from the page cache, so the directory may be one in memory.
//!
//! First a program that acknowledges too early is killed in the same way, and must be caught.

use std::fs::{self, File};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

use crate::changes::{self, Kind};
use crate::myself;
use crate::random::Random;

/// How often the program is killed before it begins anew in an empty directory.
const IN_ONE: u64 = 25;

#[derive(Default)]
struct Counted {
    kills: u64,
    /// Of these, before the store was open.
    starting: u64,
    acknowledged: usize,
    violations: u64,
}

/// Prints what it counted. Whether nothing was lost.
pub(crate) fn kill(kind: Kind, runtime: &Runtime, dir: &str, kills: u64, seed: u64) -> bool {
    let mut random = Random::new(seed);
    let control = series(kind, runtime, dir, 100, &mut random, &["run-early"], |_| {});
    println!("control: a program that acknowledges too early was caught in {} of 100 kills", control.violations);
    if control.violations == 0 {
        return false;
    }
    let begun = Instant::now();
    let counted = series(kind, runtime, dir, kills, &mut random, &["run", "run-at-once"], |violation| {
        eprintln!("VIOLATION (seed {seed}): {violation}");
    });
    println!(
        "{} kills, {} of them while it started, {} acknowledged changes, {} violations, {:.1} ms each",
        counted.kills,
        counted.starting,
        counted.acknowledged,
        counted.violations,
        begun.elapsed().as_secs_f64() * 1000.0 / counted.kills as f64
    );
    counted.violations == 0 && counted.acknowledged > 0
}

fn series(
    kind: Kind,
    runtime: &Runtime,
    dir: &str,
    kills: u64,
    random: &mut Random,
    hows: &[&str],
    mut report: impl FnMut(&str),
) -> Counted {
    let mut counted = Counted::default();
    let (place, log) = (format!("{dir}/d"), format!("{dir}/log"));
    let mut fresh = true;
    while counted.kills < kills {
        if fresh || counted.kills % IN_ONE == 0 {
            if fs::exists(&place).expect("the directory can be looked at") {
                fs::remove_dir_all(&place).expect("what was there can be removed");
            }
            fs::write(&log, "").expect("the log can be written");
            fresh = false;
        }
        let before = fs::metadata(&log).expect("the log is there").len();
        let how = hows[random.below(hows.len() as u64) as usize];
        let log_of_it = File::options().append(true).open(&log).expect("the log can be written");
        let mut program =
            myself(kind).args([how, &place, "1000000"]).stderr(Stdio::from(log_of_it)).spawn().expect("it starts");
        // Mostly about as long as it takes to start, and sometimes much longer.
        let longest = if random.below(8) == 0 { 20_000 } else { 4_000 };
        std::thread::sleep(Duration::from_micros(random.below(longest)));
        program.kill().expect("it can be killed");
        let ended = program.wait().expect("it ends");
        counted.kills += 1;
        let said = fs::read_to_string(&log).expect("the log can be read");
        let new = &said[before as usize..];
        let mut found = runtime.block_on(changes::verify(kind, &place, &said));
        if ended.code().is_some() {
            found.push(format!("it ended by itself with {ended}: {new}"));
        }
        if !new.starts_with("opened") {
            counted.starting += 1;
        }
        counted.acknowledged += new.lines().filter(|line| line.starts_with("ack")).count();
        if !found.is_empty() {
            counted.violations += 1;
            report(&format!("kill {}, {how}: {}", counted.kills, found.join(", ")));
            fresh = true;
        }
    }
    counted
}
