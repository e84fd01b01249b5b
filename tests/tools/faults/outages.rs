//! Outages of the disk: it does not answer, it is full, it loses what it was given late. Many people answer meanwhile, as
//! they do, and each sends an answer again until it is acknowledged.
//!
//! While the disk is out, every one of them must be told to try again, in bounded time, and no more than a bounded number
//! of threads may wait. Once it is back the store must work again, without being opened again. What was acknowledged is
//! logged, and `counted` compares it with what is there when the file system has been mounted anew: nothing is lost and
//! nothing is applied twice.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use stube::BoxError;
use stube::runtime::{Reply, Runtime};
use stube::store::Query;
use stube::{ConversationId, Error, ErrorKind, Event, FileStore, SqliteStore};
use tokio::task::JoinSet;

use crate::changes::{self, Kind};
use crate::contention::{count, counted};

const PEOPLE: usize = 32;
/// Fewer than there are people, so that some find no room.
const IN_FLIGHT: usize = 24;
/// Fewer still.
const CALLS: usize = 8;
/// How many threads more than before there may be: a call that has just ended may still have its own.
const THREADS: u64 = 4 * CALLS as u64;
/// Before somebody tries again.
const PAUSE: Duration = Duration::from_millis(1);
const PATIENCE: Duration = Duration::from_millis(300);
/// An event waits for its turn, for a load, for a save, and for the load that settles it; and this machine is not alone.
const LONGEST: Duration = Duration::from_millis(4 * 300 + 2_000);
/// How many answers must be acknowledged before an outage and after it, and how many must have failed meanwhile: that
/// there was no room for an event does not count.
const ANSWERS: u64 = 300;
/// How long an outage lasts at least: longer than anybody waits.
const SHORTEST: Duration = Duration::from_millis(4 * 300 + 300);
const FAILURES: u64 = 10;
/// When a disk that is back is taken for dead.
const DEAD: Duration = Duration::from_secs(60);

fn open(kind: Kind, dir: &str) -> Result<Runtime, BoxError> {
    let builder = Runtime::builder().max_in_flight(IN_FLIGHT).timeout(PATIENCE);
    Ok(match kind {
        Kind::Files => builder.open(FileStore::options().inline(changes::inline()).calls(CALLS).open(dir)?)?,
        Kind::Sqlite => {
            std::fs::create_dir_all(dir)?;
            builder
                .open(SqliteStore::options().inline(changes::inline()).timeout(PATIENCE).open(changes::file(dir))?)?
        }
    })
}

/// What has come of all calls so far.
#[derive(Default)]
struct Tally {
    acknowledged: AtomicU64,
    refused: AtomicU64,
    /// How many of these had come to the store.
    failed: AtomicU64,
    /// How long the slowest call took, in microseconds.
    slowest: AtomicU64,
    /// The last error.
    last: Mutex<String>,
    /// Errors that nobody may try again, by their text.
    wrong: Mutex<BTreeMap<String, u64>>,
    stops: AtomicBool,
}

impl Tally {
    async fn timed<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Option<T> {
        let began = Instant::now();
        let done = call.await;
        self.slowest.fetch_max(began.elapsed().as_micros() as u64, Ordering::SeqCst);
        done.map_err(|error| self.refuse(&error)).ok()
    }

    fn refuse(&self, error: &Error) {
        self.refused.fetch_add(1, Ordering::SeqCst);
        if !matches!(error.kind, ErrorKind::Busy) {
            *self.last.lock().expect("no panic") = error.kind.to_string();
            self.failed.fetch_add(1, Ordering::SeqCst);
        }
        if !error.is_retryable() {
            *self.wrong.lock().expect("no panic").entry(error.to_string()).or_default() += 1;
        }
    }
}

/// How people go about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum People {
    /// After each answer they begin another conversation, so that the files grow.
    Begin,
    /// They only answer.
    Answer,
    /// They acknowledge before they answer. It is the control.
    Early,
}

/// Answers one conversation until it is told to stop.
async fn person(runtime: Runtime, id: ConversationId, tally: Arc<Tally>, log: Arc<Mutex<File>>, how: People) {
    let early = how == People::Early;
    let say = |word, id| writeln!(log.lock().expect("no panic"), "{word} {id}").expect("the log can be written");
    let acknowledge = || {
        tally.acknowledged.fetch_add(1, Ordering::SeqCst);
        say("ack", id);
    };
    while !tally.stops.load(Ordering::SeqCst) {
        let Some(shown) = tally.timed(runtime.render(id)).await else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let Some(questions) = shown.waiting() else { panic!("it goes on") };
        if early {
            acknowledge();
        }
        // The same answer until it is settled; `Repeated` says that an earlier try has come through.
        loop {
            match tally.timed(runtime.dispatch(id, questions[0].turn, Event::new("yes"))).await {
                Some(Reply::Applied | Reply::Repeated) => break,
                Some(other) => panic!("nobody else answers it: {other:?}"),
                None if early => break,
                None => {}
            }
            tokio::time::sleep(PAUSE).await;
        }
        if !early {
            acknowledge();
        }
        if how != People::Answer
            && let Some(started) = tally.timed(runtime.start(count())).await
        {
            say("begun", started.id);
        }
    }
}

fn threads() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("Threads:"));
    line.and_then(|line| line.trim().parse().ok()).expect("the system counts threads")
}

fn shell(command: &str) {
    let ended = Command::new("sh").args(["-c", command]).status().expect("there is a shell");
    assert!(ended.success(), "`{command}` ended with {ended}");
}

async fn until(what: &str, longest: Duration, mut done: impl FnMut() -> bool) -> bool {
    let began = Instant::now();
    while !done() {
        if began.elapsed() > longest {
            println!("VIOLATION: {what} within {} s", longest.as_secs());
            return false;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    true
}

/// People answer, the command `begin` begins an outage and `end` ends it, so many times. Prints what it counted. Whether
/// nobody was kept waiting and the store came back each time.
pub(crate) async fn outage(kind: Kind, dir: &str, log: &str, begin: &str, end: &str, times: u64, how: People) -> bool {
    let runtime = open(kind, dir).expect("the store can be opened");
    let log = Arc::new(Mutex::new(File::create(log).expect("the log can be made")));
    let tally = Arc::new(Tally::default());
    let mut ids = Vec::new();
    for _ in 0..PEOPLE {
        ids.push(runtime.start(count()).await.expect("it starts").id);
    }
    let mut people = JoinSet::new();
    for id in ids {
        people.spawn(person(runtime.clone(), id, Arc::clone(&tally), Arc::clone(&log), how));
    }
    let acknowledged = || tally.acknowledged.load(Ordering::SeqCst);
    let failed = || tally.failed.load(Ordering::SeqCst);
    let (mut well, mut most_threads, mut slowest) = (true, 0, 0);
    let mut before = 0;
    for _ in 0..times {
        let enough = acknowledged() + ANSWERS;
        well &= until("not enough was answered before", DEAD, || acknowledged() >= enough).await;
        // Tokio keeps threads for a while that have blocked before, up to as many as there are calls.
        before = before.max(threads());
        shell(begin);
        tally.slowest.store(0, Ordering::SeqCst);
        let (enough, began) = (failed() + FAILURES, Instant::now());
        well &= until("not enough failed", DEAD, || {
            most_threads = most_threads.max(threads());
            failed() >= enough && began.elapsed() >= SHORTEST
        })
        .await;
        slowest = slowest.max(tally.slowest.load(Ordering::SeqCst));
        shell(end);
        let enough = acknowledged() + ANSWERS;
        let came_back = until("the store did not come back", DEAD, || acknowledged() >= enough).await;
        if !came_back {
            println!("the last error: {}", tally.last.lock().expect("no panic"));
        }
        well &= came_back;
    }
    tally.stops.store(true, Ordering::SeqCst);
    let ended = async {
        while people.join_next().await.is_some_and(|person| person.map_err(|e| println!("VIOLATION: {e}")).is_ok()) {}
    };
    well &= tokio::time::timeout(DEAD, ended).await.is_ok();
    runtime.shutdown().await;
    println!(
        "{times} outages, {} answers acknowledged, {} events refused, {} of them by the store, the slowest after {} ms, \
        {} threads more at most",
        acknowledged(),
        tally.refused.load(Ordering::SeqCst),
        failed(),
        slowest / 1_000,
        most_threads.saturating_sub(before)
    );
    for (error, times) in &*tally.wrong.lock().expect("no panic") {
        println!("VIOLATION: {times} times it was not said to try again: {error}");
        well = false;
    }
    if Duration::from_micros(slowest) > LONGEST || most_threads > before + THREADS {
        println!("VIOLATION: somebody was kept waiting too long, or too many threads were");
        well = false;
    }
    well
}

/// Compares what is there with this log. Whether each acknowledged answer was applied, and once.
pub(crate) async fn counted_as(kind: Kind, dir: &str, log: &str) -> bool {
    let log = std::fs::read_to_string(log).expect("the log can be read");
    let mut expected = BTreeMap::<&str, u64>::new();
    for line in log.lines() {
        match line.split_once(' ').expect("a word and a conversation") {
            ("begun", id) => drop(expected.insert(id, 0)),
            (_, id) => *expected.entry(id).or_default() += 1,
        }
    }
    let conversations = expected.len();
    let runtime = open(kind, dir).expect("the store can be opened");
    let mut violations = 0;
    let listed = match runtime.list(&Query::all(), None, usize::MAX).await {
        Ok(listed) => listed,
        Err(error) => {
            println!("VIOLATION: nothing can be read: {error}");
            return false;
        }
    };
    for summary in listed {
        let id = summary.id.to_string();
        let found = counted(&runtime, summary.id).await;
        // One whose beginning was not acknowledged may be there.
        let acknowledged = expected.remove(&*id).unwrap_or_default();
        if found != acknowledged {
            violations += 1;
            println!("VIOLATION: {id} has counted {found} answers, and {acknowledged} were acknowledged");
        }
    }
    for (id, acknowledged) in &expected {
        violations += 1;
        println!("VIOLATION: {id} is gone with {acknowledged} answers");
    }
    println!("{conversations} conversations looked for, {violations} of them not as they were acknowledged");
    violations == 0
}
