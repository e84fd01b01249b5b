//! How close the stores come to the disk: conversations of ten questions through the whole runtime, against the same
//! bytes saved by a bare loop on the same disk.
//!
//!     cargo run --release --manifest-path benches/disk/Cargo.toml --target-dir target -- [OPTIONS]
//!
//!     --rounds N         rounds, 15 unless set
//!     --only WORD        only the cases whose name contains the word, for example `sqlite` or `1 KiB`
//!     --threads N        threads of tokio's executor, 2 unless set; 0 for the executor of one thread
//!     --inline WORD      which calls are made by their callers: `idle` unless set, `always` or `never`
//!     --dir PATH         where to write; a directory beside the program unless set
//!     --against PROGRAM  another build of this program, which takes its turn in each round: two commits in one run
//!     --count            no turns: one conversation after the other for two seconds, to be run under strace or perf
//!
//! In each round everybody takes a turn of half a second, in an order that changes from round to round, because the
//! speed of a disk can change fourfold from minute to minute. What is compared is durable saves a second: a conversation
//! makes eleven, one as it starts and one for each answer, of which the last one ends it. The removal of its record is
//! not counted. Each ratio is of one round, and what is printed is the median of rounds.
//!
//! `workload` has the conversations, `bare` the loops without the library, `rounds` the turns.

mod bare;
mod rounds;
mod workload;

use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rounds::{Contender, Measured, Peer};
use stube::store::Inline;
use stube::{FileStore, MemoryStore, Runtime, SqliteStore};
use workload::{Conversations, records};

/// What is measured: a store, the bytes of context that each conversation carries, and how many are answered at once.
#[derive(Debug, Clone, Copy)]
struct Case {
    store: Kind,
    context: usize,
    at_once: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Files,
    Sqlite,
}

impl Case {
    fn all() -> Vec<Self> {
        let mut cases = Vec::new();
        for context in [1024, 100] {
            for (store, at_once) in [(Kind::Sqlite, 1), (Kind::Sqlite, 64), (Kind::Files, 1), (Kind::Files, 16)] {
                cases.push(Self { store, context, at_once });
            }
        }
        cases
    }

    fn name(&self) -> String {
        let store = if self.store == Kind::Sqlite { "sqlite" } else { "files" };
        let context = if self.context == 1024 { "1 KiB".to_owned() } else { format!("{} bytes", self.context) };
        format!("{store}, {} at once, {context} of context", self.at_once)
    }
}

struct Options {
    rounds: usize,
    only: String,
    threads: usize,
    inline: Inline,
    dir: PathBuf,
    against: Option<PathBuf>,
    mode: Mode,
}

enum Mode {
    Compare,
    Count,
    /// Takes a turn of our own side for each line that is read: what `--against` starts.
    Serve,
}

fn options() -> Options {
    let beside = std::env::current_exe().ok().and_then(|exe| exe.parent().map(Path::to_owned)).unwrap_or_default();
    let mut options = Options {
        rounds: 15,
        only: String::new(),
        threads: 2,
        inline: Inline::WhenIdle,
        dir: beside.join("disk-bench"),
        against: None,
        mode: Mode::Compare,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().unwrap_or_else(|| panic!("{word} needs a value"));
        match word.as_str() {
            "--rounds" => options.rounds = value().parse().expect("a number"),
            "--only" => options.only = value(),
            "--threads" => options.threads = value().parse().expect("a number"),
            "--inline" => {
                options.inline = match value().as_str() {
                    "idle" => Inline::WhenIdle,
                    "always" => Inline::Always,
                    "never" => Inline::Never,
                    other => panic!("no mode is called {other}"),
                };
            }
            "--dir" => options.dir = value().into(),
            "--against" => options.against = Some(value().into()),
            "--count" => options.mode = Mode::Count,
            "--serve" => options.mode = Mode::Serve,
            _ => panic!("unknown option {word}: see the head of benches/disk/src/main.rs"),
        }
    }
    options
}

fn executor(threads: usize) -> tokio::runtime::Runtime {
    let mut builder = match threads {
        0 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    builder.worker_threads(threads.max(1)).enable_time().build().expect("an executor")
}

fn main() {
    let options = options();
    // In `Serve` the directory is the parent's, with a part of its own.
    let dir = match options.mode {
        Mode::Serve => options.dir.join("peer"),
        Mode::Compare | Mode::Count => options.dir.clone(),
    };
    // What a killed run has left behind.
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).expect("a directory");
    let cases = Case::all().into_iter().filter(|case| case.name().contains(&options.only));
    match options.mode {
        Mode::Compare => cases.for_each(|case| compare(&options, &dir, case)),
        Mode::Count => cases.for_each(|case| count(&options, &dir, case)),
        Mode::Serve => serve(&options, &dir),
    }
    std::fs::remove_dir_all(&dir).expect("it was made here");
}

fn open(case: Case, options: &Options, dir: &Path) -> Runtime {
    let inline = options.inline;
    let opened = match case.store {
        Kind::Sqlite => {
            Runtime::open(SqliteStore::options().inline(inline).open(dir.join("store.db")).expect("a store"))
        }
        Kind::Files => Runtime::open(FileStore::options().inline(inline).open(dir.join("store")).expect("a store")),
    };
    opened.expect("a runtime")
}

/// Our side of a case: the executor, the runtime and the conversations that go on from turn to turn.
struct Ours {
    executor: tokio::runtime::Runtime,
    runtime: Runtime,
    conversations: Conversations,
}

impl Ours {
    fn new(threads: usize, runtime: impl FnOnce() -> Runtime, case: Case) -> Self {
        let executor = executor(threads);
        let runtime = {
            let _inside = executor.enter();
            runtime()
        };
        Self { executor, runtime, conversations: Conversations::new(case.at_once, case.context) }
    }
}

impl Contender for Ours {
    fn turn(&mut self, long: Duration) -> Measured {
        self.executor.block_on(self.conversations.turn(&self.runtime, long))
    }
}

fn compare(options: &Options, dir: &Path, case: Case) {
    let dir = dir.join("case");
    std::fs::create_dir_all(&dir).expect("a directory");
    let records = executor(0).block_on(records(case.context));
    let bytes: Vec<_> = records.iter().map(|record| record.bytes().len()).collect();
    println!("{}: records of {} to {} bytes", case.name(), bytes.iter().min().unwrap(), bytes.iter().max().unwrap());
    let mut contenders: Vec<(&str, Box<dyn Contender>)> = Vec::new();
    match case.store {
        Kind::Sqlite => {
            let rows = case.at_once.min(64);
            contenders.push(("bare, the same statements", Box::new(bare::Statements::open(&dir, &records, rows))));
            contenders.push(("bare, one row", Box::new(bare::Rows::open(&dir, &records, rows))));
        }
        Kind::Files => contenders.push(("bare loop", Box::new(bare::Files::open(&dir, &records, case.at_once)))),
    }
    let ours = contenders.len();
    contenders.push(("ours", Box::new(Ours::new(options.threads, || open(case, options, &dir), case))));
    let memory = || Runtime::open(MemoryStore::new()).expect("a runtime");
    contenders.push(("ours in memory", Box::new(Ours::new(options.threads, memory, case))));
    if let Some(program) = &options.against {
        let peer = Peer::start(program, &dir, options.threads, &case.name());
        contenders.push(("the other build", Box::new(peer)));
    }
    rounds::run(options.rounds, &mut contenders, ours);
    drop(contenders);
    std::fs::remove_dir_all(&dir).expect("it was made here");
}

fn count(options: &Options, dir: &Path, case: Case) {
    let mut ours = Ours::new(options.threads, || open(case, options, dir), case);
    let measured = ours.turn(Duration::from_secs(2));
    println!("{}: {} durable saves in 2 s", case.name(), measured.saves);
}

fn serve(options: &Options, dir: &Path) {
    let case = Case::all().into_iter().find(|case| case.name() == options.only).expect("the name of a case");
    let mut ours = Ours::new(options.threads, || open(case, options, dir), case);
    for line in std::io::stdin().lock().lines() {
        let millis = line.expect("a line").parse().expect("a number of milliseconds");
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", ours.turn(Duration::from_millis(millis)).to_line()).expect("somebody reads");
        out.flush().expect("somebody reads");
    }
}
