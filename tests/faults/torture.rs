//! A program that is killed and lied to: `torture run DIR ROUNDS` changes three conversations in turn and prints
//! `ack CONVERSATION STATE` after each change that the store has acknowledged. `torture verify DIR LOG` then checks,
//! in a new process, that the directory holds what the log says.
//!
//! What comes after a state is fixed, so `verify` knows what may have been on its way: the revision grows to four,
//! then the conversation is deleted and begins again.
//!
//! `torture run-early DIR ROUNDS` acknowledges before it saves. It is the control: a kill must find it out.
//!
//! Before that word may stand `--store sqlite`; then DIR holds `conversations.db`, and `verify` also asks the engine
//! whether the file is whole.
//!
//! `run` ends with 0, with 3 if the directory could not be opened, with 4 if the store did not recover from a failed
//! call, and with 5 if it answered what cannot be. `verify` ends with 0 or 1.

use std::collections::BTreeMap;
use std::io::{IoSlice, Write};
use std::process::ExitCode;

use stube::error::BoxError;
use stube::kernel::{self, Outcome};
use stube::record::{Record, Revision};
use stube::store::Saved;
use stube::store::sqlite::rusqlite::Connection;
use stube::{Confirm, ConversationId, FileStore, SqliteStore, Store, Timestamp};

/// The revision of a conversation; `None` if there is none.
type State = Option<Revision>;

fn conversations() -> [ConversationId; 3] {
    [1, 2, 3].map(|number| ConversationId::from_bits([number; 16]))
}

/// What a conversation becomes next.
fn next(state: State) -> State {
    match state {
        None => Some(Revision::FIRST),
        Some(revision) if revision.number() < 4 => Some(revision.next()),
        Some(_) => None,
    }
}

fn record(id: ConversationId, revision: Revision) -> Record {
    let question = Confirm::new(format!("Is this change {revision} of {id}?"));
    match kernel::start(id, Box::new(question), Timestamp::EPOCH) {
        Ok(Outcome::Waits(conversation)) => Record::encode(&conversation, revision).expect("a question can be saved"),
        Ok(Outcome::Ended(_)) => panic!("a question does not end by itself"),
        Err(rejected) => panic!("a question can be asked: {:?}", rejected.cause),
    }
}

fn text(state: State) -> String {
    state.map_or_else(|| "gone".to_owned(), |revision| revision.to_string())
}

/// Prints a line. By `writev`, so that every `write` is one of the store's, and can be told to fail.
fn say(line: &str) {
    let line = format!("{line}\n");
    let written = std::io::stderr().write_vectored(&[IoSlice::new(line.as_bytes())]);
    assert!(written.is_ok_and(|written| written == line.len()), "the log cannot be written");
}

fn main() -> ExitCode {
    // One thread makes all calls of the store, because strace counts the calls of each thread by itself.
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.max_blocking_threads(1).build().expect("a runtime can be made");
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let (kind, arguments) = match &arguments[..] {
        ["--store", "sqlite", rest @ ..] => (Kind::Sqlite, rest),
        all => (Kind::Files, all),
    };
    match *arguments {
        [how @ ("run" | "run-early"), dir, rounds] => {
            runtime.block_on(run(kind, dir, rounds.parse().expect("ROUNDS is a number"), how == "run-early"))
        }
        ["verify", dir, log] => runtime.block_on(verify(kind, dir, log)),
        _ => panic!("usage: torture [--store sqlite] run|run-early DIR ROUNDS | verify DIR LOG"),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Files,
    Sqlite,
}

async fn open(kind: Kind, dir: &str) -> Result<Box<dyn Store>, BoxError> {
    let dir = dir.to_owned();
    let open = move || -> Result<Box<dyn Store>, BoxError> {
        match kind {
            Kind::Files => Ok(Box::new(FileStore::open(dir)?)),
            Kind::Sqlite => {
                std::fs::create_dir_all(&dir)?;
                Ok(Box::new(SqliteStore::open(file(&dir))?))
            }
        }
    };
    tokio::task::spawn_blocking(open).await.expect("opening does not panic")
}

fn file(dir: &str) -> String {
    format!("{dir}/conversations.db")
}

async fn run(kind: Kind, dir: &str, rounds: usize, early: bool) -> ExitCode {
    let store = match open(kind, dir).await {
        Ok(store) => store,
        Err(error) => {
            say(&format!("closed {error}"));
            return ExitCode::from(3);
        }
    };
    say("opened");
    // What is there is durable once it has been loaded, whoever was killed before acknowledging it.
    let mut states: BTreeMap<_, Option<State>> = conversations().map(|id| (id, None)).into();
    for round in 0..rounds {
        let id = conversations()[round % 3];
        // At most six calls in a row are made to fail, and each try makes one of them.
        let mut tries = 0;
        let state = loop {
            tries += 1;
            if tries > 7 {
                say(&format!("stuck {id}"));
                return ExitCode::from(4);
            }
            let old = match states[&id] {
                Some(state) => state,
                None => match store.load(id).await {
                    Ok(record) => {
                        let state = record.map(|record| record.revision());
                        say(&format!("ack {id} {}", text(state)));
                        states.insert(id, Some(state));
                        state
                    }
                    Err(error) => {
                        say(&format!("unloaded {id} {error}"));
                        continue;
                    }
                },
            };
            let new = next(old);
            if early {
                say(&format!("ack {id} {}", text(new)));
            }
            let saved = match (old, new) {
                (_, Some(revision)) => store.save(&record(id, revision), old).await,
                (Some(revision), None) => store.delete(id, revision).await,
                (None, None) => unreachable!("BUG: after nothing comes the first revision"),
            };
            match saved {
                Saved::Applied => break new,
                Saved::NotApplied(error) => say(&format!("not {id} {error}")),
                Saved::Unknown(error) => {
                    say(&format!("unknown {id} {error}"));
                    states.insert(id, None);
                }
                // A file that could not be opened may look like one that nobody may read.
                Saved::Conflict { stored: None } if tries == 1 => say(&format!("kept out of {id}")),
                Saved::Conflict { stored } => {
                    say(&format!("conflict {id} {}", text(stored)));
                    return ExitCode::from(5);
                }
            }
        };
        states.insert(id, Some(state));
        say(&format!("ack {id} {}", text(state)));
    }
    say("done");
    ExitCode::SUCCESS
}

async fn verify(kind: Kind, dir: &str, log: &str) -> ExitCode {
    let log = std::fs::read_to_string(log).expect("the log can be read");
    let mut acknowledged: BTreeMap<String, String> =
        conversations().map(|id| (id.to_string(), "gone".to_owned())).into();
    for line in log.lines() {
        if let ["ack", id, state] = line.split(' ').collect::<Vec<_>>()[..] {
            acknowledged.insert(id.to_owned(), state.to_owned());
        }
    }
    let mut violations = Vec::new();
    let store = open(kind, dir).await.expect("the directory can be opened after a crash");
    let mut found: BTreeMap<_, State> = conversations().map(|id| (id, None)).into();
    let mut each = |entry: Result<Record, _>| match entry {
        Ok(read) => {
            if read != record(read.id(), read.revision()) {
                violations.push(format!("{} has other bytes", read.id()));
            }
            found.insert(read.id(), Some(read.revision()));
        }
        Err(unreadable) => violations.push(format!("unreadable: {unreadable}")),
    };
    store.load_all(&mut each).await.expect("the directory can be read after a crash");
    for (id, state) in found {
        let last = &acknowledged[&id.to_string()];
        let last: State = (1..=4)
            .scan(None, |state, _| {
                *state = next(*state);
                Some(*state)
            })
            .find(|state| text(*state) == *last)
            .flatten();
        if state != last && state != next(last) {
            violations.push(format!("{id} was acknowledged at {} and is at {}", text(last), text(state)));
        }
    }
    match kind {
        Kind::Files => violations.extend(leftovers(dir)),
        Kind::Sqlite => {
            let connection = Connection::open(file(dir)).expect("the file can be opened");
            let checked: String =
                connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("the file can be checked");
            if checked != "ok" {
                violations.push(checked);
            }
        }
    }
    for violation in &violations {
        say(violation);
    }
    if violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn leftovers(dir: &str) -> Vec<String> {
    let names = std::fs::read_dir(dir).expect("the directory can be read").map(|entry| {
        let entry = entry.expect("an entry can be read");
        entry.file_name().to_string_lossy().into_owned()
    });
    names.filter(|name| !name.ends_with(".json")).map(|name| format!("{name} is left over")).collect()
}
