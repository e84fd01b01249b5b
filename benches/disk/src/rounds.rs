//! Turns of half a second, and what is printed of them.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

/// How long a turn is.
const TURN: Duration = Duration::from_millis(500);

/// What takes turns.
pub(crate) trait Contender {
    fn turn(&mut self, long: Duration) -> Measured;
}

/// What was measured in one turn.
#[derive(Default)]
pub(crate) struct Measured {
    pub(crate) saves: u64,
    pub(crate) took: Duration,
    /// How long each save kept whoever waited for it.
    pub(crate) latencies: Vec<Duration>,
}

impl Measured {
    fn rate(&self) -> f64 {
        self.saves as f64 / self.took.as_secs_f64()
    }

    /// For another process: saves, seconds, and the latencies in microseconds.
    pub(crate) fn to_line(&self) -> String {
        let latencies: Vec<_> = self.latencies.iter().map(|latency| latency.as_micros().to_string()).collect();
        format!("{} {} {}", self.saves, self.took.as_secs_f64(), latencies.join(","))
    }

    fn from_line(line: &str) -> Self {
        let mut words = line.split_whitespace();
        let mut word = || words.next().expect("three words");
        Self {
            saves: word().parse().expect("a number"),
            took: Duration::from_secs_f64(word().parse().expect("a number")),
            latencies: word().split(',').map(|n| Duration::from_micros(n.parse().expect("a number"))).collect(),
        }
    }
}

/// Lets everybody take a turn in each round, and prints each with its ratio to each that is listed before `ours`. The
/// first turn of each does not count: files grow to their lengths in it.
pub(crate) fn run(rounds: usize, contenders: &mut [(&str, Box<dyn Contender>)], ours: usize) {
    for (_, contender) in contenders.iter_mut() {
        contender.turn(TURN);
    }
    let mut rates = vec![Vec::new(); contenders.len()];
    let mut latencies = vec![Vec::new(); contenders.len()];
    for round in 0..rounds {
        let mut order: Vec<_> = (0..contenders.len()).collect();
        order.rotate_left(round % contenders.len());
        if round % 2 == 1 {
            order.reverse();
        }
        for who in order {
            let measured = contenders[who].1.turn(TURN);
            rates[who].push(measured.rate());
            latencies[who].extend(measured.latencies.iter().map(|latency| latency.as_secs_f64() * 1e6));
        }
    }
    for (who, (name, _)) in contenders.iter().enumerate() {
        let rate = quantile(&mut rates[who].clone(), 0.5);
        let (p50, p99) = (quantile(&mut latencies[who], 0.5), quantile(&mut latencies[who], 0.99));
        print!("  {name:<26} {rate:>7.0} /s  p50 {p50:>6.0} us  p99 {p99:>6.0} us ({:>4.1}x)", p99 / p50);
        if who >= ours {
            let others = (0..ours).chain((who > ours).then_some(ours));
            for other in others {
                let mut ratios: Vec<_> = rates[who].iter().zip(&rates[other]).map(|(one, of)| one / of).collect();
                print!("  {:.2} of {}", quantile(&mut ratios, 0.5), contenders[other].0);
                print!(" ({:.2} to {:.2})", ratios[0], ratios[ratios.len() - 1]);
            }
        }
        println!();
    }
}

/// Sorts.
fn quantile(values: &mut [f64], which: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * which) as usize]
}

/// Another build of this program, which takes turns when it is told to.
pub(crate) struct Peer {
    program: Child,
    tell: ChildStdin,
    hear: BufReader<ChildStdout>,
}

impl Peer {
    pub(crate) fn start(program: &Path, dir: &Path, threads: usize, case: &str) -> Self {
        let mut program = Command::new(program)
            .args(["--serve", "--threads", &threads.to_string(), "--only", case, "--dir"])
            .arg(dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the other build can be started");
        let tell = program.stdin.take().expect("it is piped");
        let hear = BufReader::new(program.stdout.take().expect("it is piped"));
        Self { program, tell, hear }
    }
}

impl Contender for Peer {
    fn turn(&mut self, long: Duration) -> Measured {
        writeln!(self.tell, "{}", long.as_millis()).expect("it listens");
        let mut line = String::new();
        self.hear.read_line(&mut line).expect("it answers");
        Measured::from_line(&line)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It would end by itself once nobody tells it anything any more; what it has written is removed with the case.
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}
