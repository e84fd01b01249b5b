//! Several processes answer the same conversations, on one SQLite file. Every answer that one of them acknowledges must
//! have been applied once, and none may be acknowledged by two.
//!
//! All of them give the next answer of every conversation, so that most answers are given by several and taken from
//! one. Now and then one of them is killed and another one started, or one is stopped for a while in whatever it does.
//!
//! Each question shows how many answers came before it, so there is an exact account: each answer up to the one that is
//! waited for was acknowledged by one process, or by none and was tried by one that was killed.
//!
//! First processes that acknowledge before they answer, which must be caught.

use std::collections::{BTreeSet, HashMap};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use stube::runtime::{Reply, Runtime};
use stube::store::Query;
use stube::{Confirm, ConversationId, Event, SqliteStore, Turn, View, flow};

use crate::changes::{self, Kind};
use crate::myself;
use crate::random::Random;

const PROCESSES: usize = 5;
const CONVERSATIONS: usize = 2;

/// Counts its answers.
#[flow]
pub(crate) async fn count() -> u64 {
    let mut answers: u64 = 0;
    while answers < 1_000_000_000 {
        if Confirm::new(format!("{answers}")).await {
            answers += 1;
        }
    }
    answers
}

async fn runtime(dir: &str) -> Runtime {
    // A process that is stopped may hold the lock.
    let store =
        SqliteStore::options().inline(changes::inline()).timeout(Duration::from_secs(60)).open(changes::file(dir));
    Runtime::open(store.expect("the file can be opened")).expect("the runtime can be opened")
}

/// At which turn a conversation waits, and how many answers it has counted.
async fn question(runtime: &Runtime, id: ConversationId) -> (Turn, u64) {
    let questions = runtime.render(id).await.expect("it is there").waiting().expect("it waits");
    let View::Form(form) = &questions[0].view else { panic!("it shows a form") };
    let text = format!("{form:?}");
    let digits: String = text.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    (questions[0].turn, digits.parse().expect("it shows how many"))
}

/// How many answers a conversation has counted.
pub(crate) async fn counted(runtime: &Runtime, id: ConversationId) -> u64 {
    question(runtime, id).await.1
}

/// Answers until the standard input is closed, and prints what it tries and what was acknowledged.
pub(crate) async fn answer(dir: &str, early: bool) {
    let closed = Arc::new(AtomicBool::new(false));
    let watcher = Arc::clone(&closed);
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        watcher.store(true, Ordering::Relaxed);
    });
    let say = |word: &str, id: ConversationId, answer: u64| {
        // In one piece, so that a kill leaves no half of it.
        let line = format!("{word} {id} {answer}\n");
        std::io::stdout().write_all(line.as_bytes()).expect("somebody listens");
    };
    let runtime = runtime(dir).await;
    let page = runtime.list(&Query::all(), None, CONVERSATIONS).await.expect("a page");
    for round in 0.. {
        if closed.load(Ordering::Relaxed) {
            return;
        }
        let id = page[round % page.len()].id;
        let (turn, answer) = question(&runtime, id).await;
        say("try", id, answer);
        if early {
            say("ack", id, answer);
        }
        match runtime.dispatch(id, turn, Event::new("yes")).await {
            Ok(Reply::Applied) if early => {}
            Ok(Reply::Applied) => say("ack", id, answer),
            // Somebody else has given this very answer, or another one.
            Ok(Reply::Repeated | Reply::Stale) => say("late", id, answer),
            Err(error) if error.is_retryable() => say("late", id, answer),
            other => panic!("{other:?}"),
        }
    }
}

/// What one process printed.
#[derive(Default)]
struct Heard {
    /// Conversations, and which of their answers.
    acknowledged: Vec<(String, u64)>,
    /// Of which nothing more was heard.
    open: Option<(String, u64)>,
    late: u64,
}

/// What all of them have printed so far.
#[derive(Default)]
struct Together {
    /// How often each answer was tried.
    tried: Mutex<HashMap<(String, u64), u32>>,
    /// The answers that were tried more than once.
    contested: AtomicU64,
}

struct Process {
    child: Child,
    ear: JoinHandle<Heard>,
}

impl Process {
    fn start(dir: &str, how: &str, together: &Arc<Together>) -> Self {
        let mut command = myself(Kind::Sqlite);
        command.args([how, dir]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the process starts");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let together = Arc::clone(together);
        let ear = std::thread::spawn(move || {
            let mut heard = Heard::default();
            for line in lines {
                let line = line.expect("a line");
                let [word, id, answer] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
                let answer = (id.to_owned(), answer.parse().expect("answers are numbered"));
                match word {
                    "try" => {
                        let mut tried = together.tried.lock().expect("nobody panics with it");
                        let times = tried.entry(answer.clone()).or_default();
                        *times += 1;
                        if *times == 2 {
                            together.contested.fetch_add(1, Ordering::Relaxed);
                        }
                        heard.open = Some(answer);
                    }
                    "ack" => {
                        heard.open = None;
                        heard.acknowledged.push(answer);
                    }
                    _ => {
                        heard.open = None;
                        heard.late += 1;
                    }
                }
            }
            heard
        });
        Self { child, ear }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it can be sent a signal");
    }

    /// What it said, once it has ended; that it was not killed must have been well.
    fn end(mut self, killed: bool) -> Heard {
        drop(self.child.stdin.take());
        let ended = self.child.wait().expect("it ends");
        assert!(killed || ended.success(), "a process ended with {ended}");
        self.ear.join().expect("what it says is understood")
    }
}

/// Prints what it counted. Whether the account is right.
pub(crate) fn contest(tokio: &tokio::runtime::Runtime, dir: &str, answers: u64, seed: u64) -> bool {
    let mut random = Random::new(seed);
    let (_, violations) = series(tokio, &format!("{dir}/control"), "answer-early", 300, &mut random);
    println!("control: processes that acknowledge too early were caught {} times", violations.len());
    if violations.is_empty() {
        return false;
    }
    let begun = Instant::now();
    let (line, violations) = series(tokio, &format!("{dir}/d"), "answer", answers, &mut random);
    for violation in &violations {
        eprintln!("VIOLATION (seed {seed}): {violation}");
    }
    println!("{line}, {} violations, {} s", violations.len(), begun.elapsed().as_secs());
    violations.is_empty()
}

fn series(
    tokio: &tokio::runtime::Runtime,
    dir: &str,
    how: &str,
    answers: u64,
    random: &mut Random,
) -> (String, Vec<String>) {
    std::fs::create_dir(dir).expect("the directory can be made");
    let runtime = tokio.block_on(runtime(dir));
    for _ in 0..CONVERSATIONS {
        tokio.block_on(runtime.start(count())).expect("it starts");
    }

    let together = Arc::new(Together::default());
    let start = || Process::start(dir, how, &together);
    let mut processes: Vec<_> = (0..PROCESSES).map(|_| start()).collect();
    let (mut killed, mut stopped) = (Vec::new(), 0);
    let mut last = (0, Instant::now());
    while together.contested.load(Ordering::Relaxed) < answers {
        std::thread::sleep(Duration::from_millis(random.below(60)));
        let one = random.below(PROCESSES as u64) as usize;
        match random.below(3) {
            0 => {
                let process = std::mem::replace(&mut processes[one], start());
                process.signal(Signal::KILL);
                killed.push(process.end(true));
            }
            1 => {
                processes[one].signal(Signal::STOP);
                std::thread::sleep(Duration::from_millis(random.below(50)));
                processes[one].signal(Signal::CONT);
                stopped += 1;
            }
            _ => {}
        }
        let now = together.contested.load(Ordering::Relaxed);
        if now > last.0 {
            last = (now, Instant::now());
        }
        assert!(last.1.elapsed() < Duration::from_secs(120), "nobody gets an answer through");
    }
    let kills = killed.len();
    let ended: Vec<_> = processes.into_iter().map(|process| process.end(false)).collect();

    let mut violations = Vec::new();
    let (mut late, mut open, mut once) = (0, BTreeSet::new(), BTreeSet::new());
    for heard in killed {
        open.extend(heard.open);
        for answer in heard.acknowledged {
            if !once.insert(answer.clone()) {
                violations.push(format!("{answer:?} was acknowledged twice"));
            }
        }
        late += heard.late;
    }
    for heard in ended {
        if let Some(open) = heard.open {
            violations.push(format!("nothing was heard of {open:?}"));
        }
        for answer in heard.acknowledged {
            if !once.insert(answer.clone()) {
                violations.push(format!("{answer:?} was acknowledged twice"));
            }
        }
        late += heard.late;
    }
    let acknowledged = once.clone();
    let mut silent = 0;
    for summary in tokio.block_on(runtime.list(&Query::all(), None, CONVERSATIONS)).expect("a page") {
        let (_, counted) = tokio.block_on(question(&runtime, summary.id));
        if summary.revision.number() != counted + 1 {
            violations.push(format!("{} has counted {counted} answers and is at {}", summary.id, summary.revision));
        }
        for number in 0..counted {
            let answer = (summary.id.to_string(), number);
            if once.remove(&answer) {
                continue;
            }
            silent += 1;
            if !open.contains(&answer) {
                violations.push(format!("{answer:?} was applied, and nobody can have done it"));
            }
        }
    }
    violations.extend(once.iter().map(|answer| format!("{answer:?} was acknowledged and is not there")));
    match changes::integrity(dir) {
        Ok(whole) if whole == "ok" => {}
        Ok(damage) => violations.push(damage),
        Err(error) => violations.push(format!("it cannot be checked: {error}")),
    }
    let tried = together.tried.lock().expect("nobody panics with it");
    let contested = acknowledged.iter().filter(|answer| tried.get(*answer).is_some_and(|&times| times > 1)).count();
    let line = format!(
        "{contested} contested answers of {} acknowledged by {PROCESSES} processes, {late} came too late, {kills} kills \
        ({silent} answers applied and not acknowledged), {stopped} stops",
        acknowledged.len()
    );
    (line, violations)
}
