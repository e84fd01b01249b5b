//! Durable answers: the file store against the disk, and the cost of an answer over the life of a conversation.
//!
//!     cargo bench --bench durable [-- ROUNDS]
//!
//! The disk is the one that holds the target directory. The bare loop writes as many bytes as a record has into a new
//! file, syncs it, renames it over the old one and syncs the directory: what any store of files has to do. As many threads
//! do so as conversations are answered at once, each with a file of its own. The two logs append as many bytes to one
//! file and call `fdatasync`, once for each record or once for all that are answered at once: what any store has to do.
//!
//! All take turns in each round, so that they meet the same disk, and each ratio is of one round.

#[path = "shared/answers.rs"]
mod answers;

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use answers::{Ask, Conversations, Measured, quantile, sum, turn};
use stube::runtime::{Reply, Runtime};
use stube::{ConversationId, FileStore, MemoryStore};

/// How many conversations are answered at once.
const AT_ONCE: [usize; 5] = [1, 2, 16, 64, 256];

/// How many answers each turn of a round takes.
const fn answers(at_once: usize) -> usize {
    if at_once < 16 { 200 } else { at_once * 8 }
}

#[tokio::main]
async fn main() {
    let rounds = std::env::args().filter_map(|word| word.parse().ok()).next().unwrap_or(15);
    against_the_disk(rounds).await;
    over_a_life().await;
}

async fn against_the_disk(rounds: usize) {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("durable");
    // What a killed run has left behind.
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(dir.join("bare")).expect("a directory");
    let store = FileStore::open(dir.join("store")).expect("a store");
    let runtime = Runtime::open(store).expect("a runtime");
    println!("{rounds} rounds, medians of rounds; `of it` is of the bare loop in the same round");
    for at_once in AT_ONCE {
        let conversations = Conversations::start(&runtime, at_once).await;
        let record = fs::read(dir.join("store").join(format!("{}.json", conversations.open[0].0))).expect("its record");
        let bare = Bare { dir: dir.join("bare"), record, at_once };
        let (mut loops, mut alone, mut shared, mut ours) = <(Measured, Measured, Measured, Measured)>::default();
        for _ in 0..rounds {
            bare.replaces_files(&mut loops);
            bare.appends(&mut alone, 1);
            bare.appends(&mut shared, at_once);
            conversations.measure(&mut ours, &runtime, answers(at_once)).await;
        }
        println!("{at_once} at once, records of {} bytes:", bare.record.len());
        let floor = loops.rates.clone();
        loops.print("bare loop", None);
        ours.print("answers", Some(&floor));
        alone.print("log, a sync each", Some(&floor));
        shared.print("log, shared syncs", Some(&floor));
    }
    drop(runtime);
    fs::remove_dir_all(&dir).expect("it was made here");
}

/// The disk and nothing else.
struct Bare {
    dir: PathBuf,
    record: Vec<u8>,
    at_once: usize,
}

impl Bare {
    fn replaces_files(&self, measured: &mut Measured) {
        let each = answers(self.at_once) / self.at_once;
        let began = Instant::now();
        let latencies = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..self.at_once)
                .map(|number| {
                    let replace = move || timed(|| self.replaces_file(number));
                    scope.spawn(move || (0..each).map(|_| replace()).collect::<Vec<_>>())
                })
                .collect();
            threads.into_iter().flat_map(|thread| thread.join().expect("it does not panic")).collect()
        });
        measured.add(began, latencies);
    }

    fn replaces_file(&self, number: usize) {
        let new = self.dir.join(format!("{number}.new"));
        let mut file = File::create_new(&new).expect("a new file");
        file.write_all(&self.record).expect("it is written");
        file.sync_all().expect("it is synced");
        drop(file);
        fs::rename(new, self.dir.join(format!("{number}.json"))).expect("it is renamed");
        File::open(&self.dir).and_then(|dir| dir.sync_all()).expect("the directory is synced");
    }

    /// So many records with each sync.
    fn appends(&self, measured: &mut Measured, together: usize) {
        let mut log = File::create(self.dir.join("log")).expect("a log");
        let records = self.record.repeat(together);
        let began = Instant::now();
        let mut latencies = Vec::new();
        // A sync each takes long, where many are answered.
        while latencies.len() < answers(self.at_once).min(500 * together) {
            let took = timed(|| {
                log.write_all(&records).expect("it is written");
                log.sync_data().expect("it is synced");
            });
            latencies.resize(latencies.len() + together, took);
        }
        measured.add(began, latencies);
    }
}

async fn over_a_life() {
    let runtime = Runtime::open(MemoryStore::new()).expect("a runtime");
    let id = runtime.start(sum("ada".into())).await.expect("it starts").id;
    println!("cost of an answer after so many answers, in memory, durable copy included:");
    let (mut done, mut first) = (0, None);
    for after in [10, 1_000, 100_000] {
        while done < after {
            answer(&runtime, id).await;
            done += 1;
        }
        let mut times = Vec::new();
        for _ in 0..21 {
            let begin = Instant::now();
            for _ in 0..100 {
                answer(&runtime, id).await;
            }
            times.push(begin.elapsed().as_secs_f64() / 100.0 * 1e6);
            done += 100;
        }
        let now = quantile(&mut times, 0.5);
        let first = *first.get_or_insert(now);
        println!("  {after:>7}       {now:>8.1} us (median), {:.2} of the first", now / first);
    }
}

async fn answer(runtime: &Runtime, id: ConversationId) {
    let turn = turn(runtime, id).await;
    assert_eq!(runtime.answer::<Ask>(id, turn, 5).await.expect("it is saved"), Reply::Applied);
}

fn timed(work: impl FnOnce()) -> Duration {
    let began = Instant::now();
    work();
    began.elapsed()
}
