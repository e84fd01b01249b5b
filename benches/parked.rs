//! Many parked conversations: how soon a runtime over them answers, what they cost, and how long it takes to ask for
//! them.
//!
//!     cargo bench --bench parked [-- COUNT ...]                        10 thousand and 100 thousand unless named
//!     cargo bench --features postgres --bench parked [-- COUNT ...]    with Postgres, on a server of its own
//!
//! Each store is filled, closed and opened again, and then asked once for each thing, in this order: to open, to answer
//! one conversation in the middle (its question is read first), for a page of 100, for the counts by flow and state,
//! and to read every record. Memory is what the process has more after the answer than before the store was opened. Its
//! files are in the page cache of the machine, as they are when a program is started again.

#[allow(dead_code, reason = "other benchmarks use more of it")]
#[path = "shared/answers.rs"]
mod answers;
#[cfg(feature = "postgres")]
#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../tests/postgres/server.rs"]
mod server;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use answers::{Ask, sum};
use stube::runtime::Reply;
use stube::store::Query;
use stube::{ConversationId, FileStore, Runtime, SqliteStore, Store};

#[tokio::main]
async fn main() {
    let mut counts: Vec<usize> = std::env::args().filter_map(|word| word.parse().ok()).collect();
    if counts.is_empty() {
        counts = vec![10_000, 100_000];
    }
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("parked");
    for count in counts {
        println!("{count} parked:");
        println!(
            "  {:<10} {:>8} {:>9} {:>9} {:>9} {:>9} {:>9} {:>12} {:>10}",
            "", "fill", "open", "answer", "page", "counts", "all", "bytes each", "memory"
        );
        // What a killed run has left behind.
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).expect("a directory");
        let files = dir.join("files");
        let open = async || FileStore::open(&files).expect("a store");
        measure("files", count, open, || bytes(&files)).await;
        let file = dir.join("store.db");
        measure("sqlite", count, async || SqliteStore::open(&file).expect("a store"), || bytes(&dir)).await;
        #[cfg(feature = "postgres")]
        {
            let server = server::Server::start(&[]).await;
            let config = server.database().await;
            let open = async || stube::PostgresStore::connect(config.clone()).await.expect("a store");
            measure("postgres", count, open, || bytes(server.dir())).await;
        }
        fs::remove_dir_all(&dir).expect("it was made here");
    }
}

async fn measure<S: Store>(name: &str, count: usize, open: impl AsyncFn() -> S, bytes: impl Fn() -> u64) {
    let before = bytes();
    let (filling, one) = fill(open().await, count).await;
    let stored = bytes() - before;

    let memory = resident();
    let began = Instant::now();
    let runtime = Runtime::open(open().await).expect("a runtime");
    let opening = began.elapsed();
    let began = Instant::now();
    let turn = runtime.render(one).await.expect("it is there").waiting().expect("it waits")[0].turn;
    assert_eq!(runtime.answer::<Ask>(one, turn, 5).await.expect("it is saved"), Reply::Applied);
    let answering = began.elapsed();
    let memory = resident().saturating_sub(memory);

    let began = Instant::now();
    let page = runtime.list(&Query::all().flow("sum"), Some(one), 100).await.expect("it can be read");
    let paging = began.elapsed();
    assert!(page.len() <= 100);
    let began = Instant::now();
    let counted = runtime.count(&Query::all()).await.expect("it can be read");
    let counting = began.elapsed();
    assert_eq!(counted.iter().map(|count| count.records).sum::<u64>(), count as u64);
    let began = Instant::now();
    let scan = runtime.scan().await.expect("it can be read");
    let all = began.elapsed();
    assert!(scan.unreadable.is_empty());
    println!(
        "  {name:<10} {:>8} {:>9} {:>9} {:>9} {:>9} {:>9} {:>12} {:>7} KiB",
        shown(filling),
        shown(opening),
        shown(answering),
        shown(paging),
        shown(counting),
        shown(all),
        stored / count as u64,
        memory >> 10
    );
}

/// Starts conversations, many at a time. Gives one of them.
async fn fill(store: impl Store, count: usize) -> (Duration, ConversationId) {
    const TASKS: usize = 256;
    let runtime = Runtime::open(store).expect("a runtime");
    let began = Instant::now();
    let tasks = (0..TASKS).map(|task| {
        let runtime = runtime.clone();
        let mine = count / TASKS + usize::from(task < count % TASKS);
        tokio::spawn(async move {
            let mut last = None;
            for _ in 0..mine {
                last = Some(runtime.start(sum("ada".into())).await.expect("it starts").id);
            }
            last
        })
    });
    let mut one = None;
    for task in tasks.collect::<Vec<_>>() {
        one = task.await.expect("no panic").or(one);
    }
    (began.elapsed(), one.expect("there is one"))
}

fn shown(time: Duration) -> String {
    match time.as_secs_f64() {
        seconds if seconds >= 1.0 => format!("{seconds:.1} s"),
        seconds => format!("{:.1} ms", seconds * 1e3),
    }
}

/// All that lies in a directory.
fn bytes(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(data) if data.is_dir() => bytes(&entry.path()),
        Ok(data) => data.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

/// What memory the process has, in bytes.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).map_or(0, |kibibytes| kibibytes << 10)
}
