//! Durable answers: the file store against the disk, and the cost of an answer over the life of a conversation.
//!
//!     cargo bench --bench durable
//!
//! Prints ratios. The disk is the one that holds the target directory. The bare loop writes as many bytes as a record
//! has into a new file, syncs it, renames it over the old one and syncs the directory: what any store of files has to
//! do. Both take turns in one run, so that they meet the same disk.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use stube::runtime::{Reply, Runtime};
use stube::{Component, ConversationId, FileStore, MemoryStore, component, flow};

/// The question: its answer is a number.
#[derive(Serialize, Deserialize)]
struct Ask {
    round: u64,
}

#[component]
impl Component for Ask {
    type Answer = u64;
}

/// Sums up answers for ever.
#[flow]
async fn sum(name: String) -> u64 {
    let mut round = 0;
    let mut total = 0;
    while total != u64::MAX {
        round += 1;
        let answer = Ask { round }.await;
        total += answer % 7;
    }
    total + name.len() as u64
}

const ROUNDS: usize = 15;
const ANSWERS: usize = 200;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    against_the_disk().await;
    over_a_life().await;
}

async fn against_the_disk() {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("durable");
    // What a killed run has left behind.
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(dir.join("bare")).expect("a directory");
    let store = FileStore::open(dir.join("store")).expect("a store");
    let runtime = Runtime::open(store).expect("a runtime");
    let id = runtime.start(sum("ada".into())).await.expect("it starts").id;
    let record = fs::read(dir.join("store").join(format!("{id}.json"))).expect("its record");

    let mut ratios = Vec::new();
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let bare_time = time(|| (0..ANSWERS).for_each(|_| bare_save(&dir.join("bare"), &record)));
        let begin = Instant::now();
        for _ in 0..ANSWERS {
            answer(&runtime, id).await;
        }
        let our_time = begin.elapsed();
        ratios.push(bare_time.as_secs_f64() / our_time.as_secs_f64());
        ours.push(ANSWERS as f64 / our_time.as_secs_f64());
        bare.push(ANSWERS as f64 / bare_time.as_secs_f64());
    }
    println!("{ROUNDS} rounds of {ANSWERS} answers, a record of {} bytes:", record.len());
    println!("  bare loop     {:>8.0} saves a second (median)", median(&mut bare));
    println!("  file store    {:>8.0} answers a second (median)", median(&mut ours));
    println!("  ratio         {:>8.2} (median; {:.2} to {:.2})", median(&mut ratios), ratios[0], ratios[ROUNDS - 1]);
    fs::remove_dir_all(&dir).expect("it was made here");
}

fn bare_save(dir: &Path, bytes: &[u8]) {
    let mut file = File::create_new(dir.join("new")).expect("a new file");
    file.write_all(bytes).expect("it is written");
    file.sync_all().expect("it is synced");
    drop(file);
    fs::rename(dir.join("new"), dir.join("record.json")).expect("it is renamed");
    File::open(dir).and_then(|dir| dir.sync_all()).expect("the directory is synced");
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
        let now = median(&mut times);
        let first = *first.get_or_insert(now);
        println!("  {after:>7}       {now:>8.1} us (median), {:.2} of the first", now / first);
    }
}

async fn answer(runtime: &Runtime, id: ConversationId) {
    let turn = runtime.questions(id).await.expect("it is there").waiting().expect("it waits")[0].turn;
    assert_eq!(runtime.answer::<Ask>(id, turn, 5).await.expect("it is saved"), Reply::Applied);
}

fn time(run: impl FnOnce()) -> Duration {
    let begin = Instant::now();
    run();
    begin.elapsed()
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
