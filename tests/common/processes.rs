//! Tests that start their own program again, as processes that answer the same conversations over one store, are stopped
//! and go on. What such a process does is behind an environment variable.
//!
//! Each answer says whose it is, and the conversation keeps all of them, so that what was acknowledged can be compared
//! with what was applied.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process, waitpid};
use serde::{Deserialize, Serialize};
use stube::runtime::{Reply, Runtime};
use stube::store::Query;
use stube::{Action, Component, Context, ConversationId, Event, Form, Handled, Next, Turn, Value, View, component};

// ---- Processes ----------------------------------------------------------------------------------------------------

/// What this program does when it is started again: a word, and what that needs.
const ROLE: &str = "STUBE_ROLE";

/// What comes after the word, if this is the process of this role.
pub(crate) fn role(name: &str) -> Option<String> {
    let role = std::env::var(ROLE).ok()?;
    Some(role.strip_prefix(name)?.strip_prefix(' ')?.to_owned())
}

/// On a line of its own, whatever the test harness has written.
pub(crate) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    write!(out, "\n{line}\n").and_then(|()| out.flush()).expect("the other end listens");
}

/// Waits for a word of the process that has started this one.
pub(crate) fn listen() {
    std::io::stdin().read_line(&mut String::new()).expect("the other end speaks");
}

/// Another process, which is gone with this value.
pub(crate) struct Process {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Process {
    /// Starts this program again, to run the test of this name in this role.
    pub(crate) fn start(test: &str, role: &str, argument: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("this test is a program"))
            .args([test, "--exact", "--nocapture"])
            .env(ROLE, format!("{role} {argument}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this test can be started again");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        Self { child, lines }
    }

    /// Waits until it says this.
    pub(crate) fn says(&mut self, word: &str) {
        assert!(self.lines.any(|line| line.expect("a line") == word), "it never says `{word}`");
    }

    /// The word to go on.
    pub(crate) fn go(&mut self) {
        self.child.stdin.as_mut().expect("a pipe").write_all(b"go\n").expect("it listens");
    }

    /// The next line that begins with this word, without it.
    pub(crate) fn next(&mut self, word: &str) -> String {
        let mut rest = self.lines.by_ref().map(|line| line.expect("a line"));
        let found = rest.find_map(|line| line.strip_prefix(word)?.strip_prefix(' ').map(str::to_owned));
        found.unwrap_or_else(|| panic!("it never says `{word}`"))
    }

    /// Stops it where it is.
    pub(crate) fn stop(&self) {
        kill_process(Pid::from_child(&self.child), Signal::STOP).expect("it is there");
        self.has_stopped();
    }

    /// Waits until it has stopped.
    pub(crate) fn has_stopped(&self) {
        let status = waitpid(Some(Pid::from_child(&self.child)), WaitOptions::UNTRACED).expect("it is our child");
        assert!(status.is_some_and(|(_, status)| status.stopped()), "it has ended");
    }

    /// Lets it go on where it was stopped.
    pub(crate) fn go_on(&self) {
        kill_process(Pid::from_child(&self.child), Signal::CONT).expect("it is there");
    }

    /// Kills it. Gives what else it has said.
    pub(crate) fn kill(&mut self) -> Vec<String> {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it ends");
        // The last line may be half of one.
        self.lines.by_ref().map_while(Result::ok).collect()
    }

    /// What it says until it ends, and ends well.
    pub(crate) fn rest(mut self) -> Vec<String> {
        let rest = self.lines.by_ref().map(|line| line.expect("a line")).collect();
        assert!(self.child.wait().expect("it ends").success());
        rest
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill().and_then(|()| self.child.wait());
    }
}

// ---- Answers ------------------------------------------------------------------------------------------------------

/// Keeps the names of all answers in the order in which they were applied.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Book {
    applied: Vec<String>,
}

#[component]
impl Component for Book {
    type Answer = ();

    fn render(&self, _cx: &Context) -> View {
        Form::text(self.applied.join(" ")).action(Action::new("sign")).into()
    }

    fn handle(&mut self, event: Event, _cx: &Context) -> Handled<Self> {
        if event.text("stops").is_some() {
            // The record has been read, and nothing is saved yet.
            say("stopping");
            kill_process(getpid(), Signal::STOP).expect("it is this process");
            // Another thread may take the signal, and this one must come no further meanwhile.
            listen();
        }
        self.applied.push(event.text("name").expect("an answer has a name").to_owned());
        Ok(Next::stay())
    }
}

fn answer(name: &str) -> Event {
    Event::new("sign").with("name", Value::Text(name.to_owned()))
}

/// The turn that is open, and what has been applied.
async fn open(runtime: &Runtime, id: ConversationId) -> Result<(Turn, Vec<String>), stube::Error> {
    let questions = runtime.render(id).await?.waiting().expect("it goes on");
    let text = questions[0].view.form().expect("a form").text.join(" ");
    Ok((questions[0].turn, text.split_whitespace().map(str::to_owned).collect()))
}

/// What has been applied, read until it can be.
pub(crate) async fn applied(runtime: &Runtime, id: ConversationId) -> Vec<String> {
    loop {
        match open(runtime, id).await {
            Ok((_, applied)) => return applied,
            Err(error) => assert!(error.is_retryable(), "{error}"),
        }
    }
}

/// Gives one answer until it is known to be applied, as a person does who means it. Gives how often somebody else was
/// faster.
pub(crate) async fn insist(runtime: &Runtime, id: ConversationId, name: &str) -> usize {
    let (mut met, mut in_doubt) = (0, false);
    // More than a server that is started again can take.
    for _ in 0..20_000 {
        let replied = match open(runtime, id).await {
            Ok((_, applied)) if in_doubt && applied.iter().any(|applied| applied == name) => return met,
            Ok((turn, _)) => {
                let replied = runtime.dispatch(id, turn, answer(name)).await;
                // It may have been applied, and somebody else may have answered since.
                in_doubt |= replied.is_err();
                replied
            }
            Err(error) => Err(error),
        };
        match replied {
            Ok(Reply::Applied | Reply::Repeated) => return met,
            Ok(Reply::Stale) => met += 1,
            Ok(other) => panic!("{other:?}"),
            Err(error) => {
                assert!(error.is_retryable(), "{error}");
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    }
    panic!("nobody takes the answer {name}");
}

/// What a process does that answers all conversations in turn, so many times: its name and that number are its argument,
/// before what is for the store. Says each answer when it is acknowledged.
pub(crate) async fn answers(runtime: &Runtime, name: &str, many: usize) {
    let ids = runtime.list(&Query::all(), None, 99).await.expect("a page");
    say("ready");
    listen();
    let mut met = 0;
    for number in 0..many {
        let (id, name) = (ids[number % ids.len()].id, format!("{name}.{number}"));
        met += insist(runtime, id, &name).await;
        say(&format!("ack {id} {name}"));
    }
    say(&format!("met {met}"));
}

/// What has been acknowledged, by conversation, and how often processes met.
#[derive(Default)]
pub(crate) struct Log {
    acknowledged: Vec<(String, String)>,
    pub(crate) met: usize,
}

impl Log {
    pub(crate) fn add(&mut self, id: ConversationId, name: &str) {
        self.acknowledged.push((id.to_string(), name.to_owned()));
    }

    pub(crate) fn read(&mut self, lines: &[String]) {
        for line in lines {
            match line.split(' ').collect::<Vec<_>>()[..] {
                ["ack", id, name] => self.acknowledged.push((id.to_owned(), name.to_owned())),
                ["met", many] => self.met += many.parse::<usize>().expect("a number"),
                _ => {}
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.acknowledged.len()
    }

    /// That what was applied is what was acknowledged, each once.
    pub(crate) async fn check(mut self, runtime: &Runtime) {
        let mut all = Vec::new();
        for summary in runtime.list(&Query::all(), None, 99).await.expect("a page") {
            let applied = applied(runtime, summary.id).await;
            all.extend(applied.into_iter().map(|name| (summary.id.to_string(), name)));
        }
        all.sort();
        self.acknowledged.sort();
        assert_eq!(all, self.acknowledged);
    }
}

pub(crate) async fn begin(runtime: &Runtime, conversations: usize) -> Vec<ConversationId> {
    let mut ids = Vec::new();
    for _ in 0..conversations {
        ids.push(runtime.start(Book::default()).await.expect("it starts").id);
    }
    ids
}

// ---- What every store that many processes share must stand ---------------------------------------------------------

/// Processes that all begin at once. `argument` is for their store.
pub(crate) fn contestants(test: &str, many: usize, answers: usize, argument: &str) -> Vec<Process> {
    let start = |number| Process::start(test, "answer", &format!("p{number} {answers} {argument}"));
    let mut processes: Vec<_> = (0..many).map(start).collect();
    processes.iter_mut().for_each(|process| process.says("ready"));
    processes.iter_mut().for_each(Process::go);
    processes
}

/// The argument of a [contestant](contestants): its name, how many answers it gives, and what is for the store.
pub(crate) fn contestant() -> Option<(String, usize, String)> {
    let argument = role("answer")?;
    let mut words = argument.splitn(3, ' ');
    let mut word = || words.next().expect("three words").to_owned();
    Some((word(), word().parse().expect("a number"), word()))
}

/// What a process does that stops itself between reading a record and saving the next one: the role `stop`.
pub(crate) async fn stops(runtime: &Runtime) {
    let id = runtime.list(&Query::all(), None, 1).await.expect("a page")[0].id;
    let (turn, _) = open(runtime, id).await.expect("it is there");
    let event = answer("stopped").with("stops", Value::Text(String::new()));
    say(&format!("reply {:?}", runtime.dispatch(id, turn, event).await));
}

/// Starts a process that stops itself, goes on here for longer than its store waits for anything, and lets it go on.
pub(crate) async fn stopped_between_read_and_save(test: &str, runtime: &Runtime, argument: &str, past_all: Duration) {
    let id = begin(runtime, 1).await[0];
    let mut expected = Vec::new();
    for answers in [0, 1, 7] {
        let mut process = Process::start(test, "stop", argument);
        process.says("stopping");
        process.has_stopped();
        for number in 0..answers {
            let name = format!("{answers}.{number}");
            insist(runtime, id, &name).await;
            expected.push(name);
        }
        tokio::time::sleep(past_all).await;
        assert_eq!(applied(runtime, id).await, expected);
        process.go_on();
        process.go();
        // Its answer is to a question that is not open any more, unless nobody else has answered.
        let reply = process.next("reply");
        assert_eq!(reply, if answers == 0 { "Ok(Applied)" } else { "Ok(Stale)" });
        process.rest();
        if answers == 0 {
            expected.push("stopped".to_owned());
        }
        assert_eq!(applied(runtime, id).await, expected);
    }
}

/// Stops a process that answers at whatever it is at, and lets it go on after `past_all`, in which `meanwhile` must be
/// answered here. What is there before it goes on stays.
pub(crate) async fn stopped_anywhere(
    test: &str,
    runtime: &Runtime,
    argument: &str,
    past_all: Duration,
    meanwhile: usize,
) {
    const ROUNDS: usize = 6;
    let ids = begin(runtime, 2).await;
    let mut log = Log::default();
    let mut process = contestants(test, 1, 40 * ROUNDS, argument).remove(0);
    for round in 0..ROUNDS {
        for _ in 0..10 {
            let line = format!("ack {}", process.next("ack"));
            log.read(&[line]);
        }
        for _ in 0..round * 20_000 {
            std::hint::spin_loop();
        }
        process.stop();
        for number in 0..meanwhile {
            for &id in &ids {
                let name = format!("here.{round}.{number}");
                log.met += insist(runtime, id, &name).await;
                log.add(id, &name);
            }
        }
        tokio::time::sleep(past_all).await;
        let mut before = Vec::new();
        for &id in &ids {
            before.push(applied(runtime, id).await);
        }
        process.go_on();
        let line = format!("ack {}", process.next("ack"));
        log.read(&[line]);
        for (&id, before) in ids.iter().zip(before) {
            let after = applied(runtime, id).await;
            assert_eq!(after[..before.len()], before, "what was there has been written over");
        }
    }
    log.read(&process.rest());
    assert_eq!(log.len(), ROUNDS * (40 + 2 * meanwhile));
    log.check(runtime).await;
}
