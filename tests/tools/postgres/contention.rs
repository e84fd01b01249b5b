//! Several processes answer the same conversations while everything is done to them that `meddle` knows, and then what
//! they said is compared with what is stored.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use stube::runtime::Runtime;
use stube::store::Query;
use stube::store::postgres::tokio_postgres::{Client, Config, Error};
use tokio::task::JoinSet;

use crate::answer::{self, ENOUGH, Ledger, OPEN};
use crate::chaos::Done;
use crate::history::{Heard, Verdict, Word, judge};
use crate::random::Random;
use crate::server::Server;
use crate::way::Way;

const PROCESSES: usize = 5;

/// After how many answers it is said how far it is.
const PROGRESS: u64 = 50_000;

/// How long it may take until somebody gets an answer through.
const STUCK: Duration = Duration::from_secs(120);

/// Prints what it counted. Whether the account is right.
pub(crate) async fn contest(answers: u64, seed: u64) -> bool {
    let server = Arc::new(Server::start(&[]).await);
    let control = Contest::begin(&server, "answer-early", Random::new(seed)).await.run(300).await.0;
    println!("control: processes that acknowledge too early were caught {} times", control.violations.len());
    if control.violations.is_empty() {
        return false;
    }
    let begun = Instant::now();
    let (verdict, done, lost) = Contest::begin(&server, "answer", Random::new(seed)).await.run(answers).await;
    for violation in verdict.violations.iter().take(100) {
        eprintln!("VIOLATION (seed {seed}): {violation}");
    }
    println!(
        "{} contested answers of {} acknowledged by {PROCESSES} processes on Postgres, {} unknown outcomes and {} \
         answers applied and not acknowledged, {} processes killed, {} kills of the server, {} ended backends, {lost} \
         lost replies, {} splits, {} stops, {} locks, {} violations, {} s, seed {seed}",
        verdict.contested,
        verdict.acknowledged,
        verdict.unknown,
        verdict.silent,
        done.kills,
        done.servers_killed,
        done.backends_ended,
        done.splits,
        done.stops,
        done.locks,
        verdict.violations.len(),
        begun.elapsed().as_secs(),
    );
    verdict.violations.is_empty()
}

pub(crate) struct Contest {
    pub(crate) server: Arc<Server>,
    config: Config,
    /// Beside everything that is done to the others.
    runtime: Runtime,
    how: &'static str,
    pub(crate) random: Random,
    pub(crate) processes: Vec<Process>,
    /// What those said that have ended.
    heard: Vec<Heard>,
    violations: Vec<String>,
    /// Replies that the ways of those have lost.
    lost: u64,
    pub(crate) done: Done,
    pub(crate) locking: JoinSet<Result<(), Error>>,
    together: Arc<Together>,
    /// How many conversations and processes have been started.
    conversations: usize,
    names: u64,
}

/// What all processes have said so far.
#[derive(Default)]
struct Together {
    /// Who gave an answer for which place of which conversation.
    given: Mutex<HashMap<(String, usize), HashSet<String>>>,
    acknowledged: AtomicU64,
    contested: AtomicU64,
}

impl Together {
    fn given(&self, place: (String, usize), process: &str) {
        self.given.lock().expect("nobody panics with it").entry(place).or_default().insert(process.to_owned());
    }

    fn contested(&self) -> u64 {
        self.contested.load(Ordering::Relaxed)
    }

    fn acknowledged(&self, place: &(String, usize)) {
        self.acknowledged.fetch_add(1, Ordering::Relaxed);
        let given = self.given.lock().expect("nobody panics with it");
        self.contested.fetch_add(u64::from(given.get(place).is_some_and(|given| given.len() > 1)), Ordering::Relaxed);
    }
}

/// A process that answers, and its way to the server.
pub(crate) struct Process {
    child: Child,
    ear: JoinHandle<Vec<Word>>,
    pub(crate) way: Way,
    /// Since when.
    pub(crate) stopped: Option<Instant>,
    pub(crate) split: Option<Instant>,
}

impl Process {
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it can be sent a signal");
    }
}

impl Contest {
    async fn begin(server: &Arc<Server>, how: &'static str, random: Random) -> Self {
        let config = server.database().await;
        let database = config.get_dbname().expect("it has a name");
        let place = server.dir().display();
        let beside = format!("host={place} port={} user=stube dbname={database} application_name=judge", server.port());
        let runtime = answer::runtime(&beside).await;
        let mut this = Self {
            server: Arc::clone(server),
            config,
            runtime,
            how,
            random,
            processes: Vec::new(),
            heard: Vec::new(),
            violations: Vec::new(),
            lost: 0,
            done: Done::default(),
            locking: JoinSet::new(),
            together: Arc::default(),
            conversations: 0,
            names: 0,
        };
        this.feed().await;
        for _ in 0..PROCESSES {
            let process = this.start().await;
            this.processes.push(process);
        }
        this
    }

    /// Until so many answers were contested, and everything has been done.
    async fn run(mut self, answers: u64) -> (Verdict, Done, u64) {
        let mut last = (0, Instant::now());
        while self.together.contested() < answers || !self.done.is_complete() {
            tokio::time::sleep(Duration::from_millis(self.random.below(100))).await;
            self.meddle().await;
            self.feed().await;
            let now = self.together.acknowledged.load(Ordering::Relaxed);
            if now > last.0 {
                if now / PROGRESS > last.0 / PROGRESS {
                    eprintln!("{now} answers acknowledged, {} of them contested", self.together.contested());
                }
                last = (now, Instant::now());
            }
            assert!(last.1.elapsed() < STUCK, "nobody gets an answer through");
        }
        for mut process in std::mem::take(&mut self.processes) {
            process.go_on();
            process.heal(false);
            self.end(process, false);
        }
        self.locking.shutdown().await;
        let stored = self.stored().await;
        let mut verdict = judge(&self.heard, &stored);
        verdict.violations.append(&mut self.violations);
        (verdict, self.done, self.lost)
    }

    /// A connection of its own.
    pub(crate) async fn beside(&self) -> Client {
        self.server.client(&self.server.local(self.config.get_dbname().expect("it has a name"))).await
    }

    /// Starts conversations, so that there is always one to be answered.
    async fn feed(&mut self) {
        let acknowledged = self.together.acknowledged.load(Ordering::Relaxed) as usize;
        while self.conversations * ENOUGH < acknowledged + 4 * OPEN * ENOUGH {
            match self.runtime.start(Ledger::default()).await {
                Ok(_) => self.conversations += 1,
                Err(error) => assert!(error.is_retryable(), "{error}"),
            }
        }
    }

    pub(crate) async fn start(&mut self) -> Process {
        let way = Way::to(self.server.port()).await;
        let database = self.config.get_dbname().expect("it has a name");
        self.names += 1;
        let name = format!("p{}", self.names);
        let mut command = Command::new(std::env::current_exe().expect("this program has a file"));
        command.args([self.how, &name, &format!("host=127.0.0.1 port={} user=stube dbname={database}", way.port)]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the process starts");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let together = Arc::clone(&self.together);
        let ear = std::thread::spawn(move || {
            let (mut words, mut place) = (Vec::new(), None);
            for line in lines {
                let word = line.expect("a line").parse().expect("a word");
                match &word {
                    Word::Try { id, place: number, .. } => {
                        let tried = place.insert((id.clone(), *number));
                        together.given(tried.clone(), &name);
                    }
                    Word::Ack { .. } => {
                        if let Some(place) = &place {
                            together.acknowledged(place);
                        }
                    }
                    Word::Read { .. } | Word::Not { .. } | Word::Unknown { .. } => {}
                }
                words.push(word);
            }
            words
        });
        Process { child, ear, way, stopped: None, split: None }
    }

    /// Waits until a process has ended, and keeps what it said; that it was not killed must have been well.
    pub(crate) fn end(&mut self, mut process: Process, was_killed: bool) {
        drop(process.child.stdin.take());
        let ended = process.child.wait().expect("it ends");
        if !was_killed && !ended.success() {
            self.violations.push(format!("a process ended with {ended}"));
        }
        self.lost += process.way.lost();
        let words = process.ear.join().expect("what it says is understood");
        self.heard.push(Heard { words, was_killed });
    }

    /// The names that are stored, by conversation.
    async fn stored(&mut self) -> BTreeMap<String, Vec<String>> {
        let (mut stored, mut after) = (BTreeMap::new(), None);
        loop {
            let page = self.runtime.list(&Query::all(), after, 100).await.expect("a page");
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            for summary in page {
                let (_, names) = answer::look(&self.runtime, summary.id).await.expect("it can be read");
                if summary.revision.number() != names.len() as u64 + 1 {
                    let (id, revision, many) = (summary.id, summary.revision, names.len());
                    self.violations.push(format!("{id} is at {revision}, and has {many} answers"));
                }
                stored.insert(summary.id.to_string(), names);
            }
        }
        if stored.len() < self.conversations {
            self.violations.push(format!("of {} conversations {} are there", self.conversations, stored.len()));
        }
        stored
    }
}
