//! What is changed, and what must be there afterwards: three conversations, each of which becomes what follows it, and
//! a log of what was acknowledged.
//!
//! What comes after a state is fixed, so what may have been on its way is known: the revision grows to four, then the
//! conversation is deleted and begins again.

use std::collections::BTreeMap;
use std::io::{IoSlice, Write};

use stube::BoxError;
use stube::kernel::{self, Progress};
use stube::record::{Lineage, Record, Revision};
use stube::store::sqlite::rusqlite::Connection;
use stube::store::{Inline, WriteOutcome};
use stube::{Confirm, ConversationId, FileStore, SqliteStore, Store, Timestamp};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Files,
    Sqlite,
}

impl Kind {
    /// The arguments that say so.
    pub(crate) fn arguments(self) -> &'static [&'static str] {
        match self {
            Kind::Files => &[],
            Kind::Sqlite => &["--store", "sqlite"],
        }
    }
}

/// How a program goes about its changes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// One after the other.
    InTurn,
    /// The conversations side by side, so that changes share a sync.
    AtOnce,
    /// Acknowledges before it saves. It is the control.
    Early,
}

/// The revision of a conversation; `None` if there is none.
type State = Option<Revision>;

fn conversations() -> [ConversationId; 3] {
    [1, 2, 3].map(|number| ConversationId::from_bits([number; 16]))
}

/// What a conversation becomes next.
fn next(state: State) -> State {
    match state {
        None => Some(Revision::for_test(1)),
        Some(revision) if revision.number() < 4 => Some(Revision::for_test(revision.number() + 1)),
        Some(_) => None,
    }
}

fn record(id: ConversationId, revision: Revision) -> Record {
    let question = Confirm::new(format!("Is this change {revision} of {id}?"));
    match kernel::start(id, Box::new(question), None, Timestamp::EPOCH).map(|outcome| outcome.progress) {
        Ok(Progress::Waits(conversation)) => {
            Record::encode(&conversation, Lineage::for_test(revision.number())).expect("a question can be saved")
        }
        Ok(Progress::Ended(_)) => panic!("a question does not end by itself"),
        Err(rejected) => panic!("a question can be asked: {:?}", rejected.cause),
    }
}

fn text(state: State) -> String {
    state.map_or_else(|| "gone".to_owned(), |revision| revision.to_string())
}

/// Prints a line. By `writev`, so that every `write` is one of the store's, and can be told to fail.
pub(crate) fn say(line: &str) {
    let line = format!("{line}\n");
    let written = std::io::stderr().write_vectored(&[IoSlice::new(line.as_bytes())]);
    assert!(written.is_ok_and(|written| written == line.len()), "the log cannot be written");
}

/// The file of the SQLite store in a directory.
pub(crate) fn file(dir: &str) -> String {
    format!("{dir}/conversations.db")
}

/// The variable that says which calls are made by their callers.
pub(crate) const INLINE: &str = "STUBE_INLINE";

pub(crate) fn inline() -> Inline {
    match std::env::var(INLINE).as_deref() {
        Ok("always") => Inline::Always,
        Ok("never") => Inline::Never,
        Ok("idle") | Err(_) => Inline::WhenIdle,
        Ok(other) => panic!("{INLINE} is {other}"),
    }
}

async fn open(kind: Kind, dir: &str) -> Result<Box<dyn Store>, BoxError> {
    let dir = dir.to_owned();
    let open = move || -> Result<Box<dyn Store>, BoxError> {
        match kind {
            Kind::Files => Ok(Box::new(FileStore::options().inline(inline()).open(dir)?)),
            Kind::Sqlite => {
                std::fs::create_dir_all(&dir)?;
                Ok(Box::new(SqliteStore::options().inline(inline()).open(file(&dir))?))
            }
        }
    };
    tokio::task::spawn_blocking(open).await.expect("opening does not panic")
}

/// Makes so many changes, and prints `ack CONVERSATION STATE` after each. Gives how the program is to end.
pub(crate) async fn run(kind: Kind, dir: &str, rounds: usize, how: How) -> u8 {
    let store = match open(kind, dir).await {
        Ok(store) => store,
        Err(error) => {
            say(&format!("closed {error}"));
            return 3;
        }
    };
    say("opened");
    let ids = conversations();
    let changed = match how {
        How::InTurn | How::Early => change(&*store, &ids, rounds, how).await,
        How::AtOnce => {
            let [one, two, three] = ids.each_ref().map(|id| change(&*store, std::slice::from_ref(id), rounds / 3, how));
            tokio::try_join!(one, two, three).map(|_| ())
        }
    };
    if let Err(end) = changed {
        return end;
    }
    say("done");
    0
}

async fn change(store: &dyn Store, ids: &[ConversationId], rounds: usize, how: How) -> Result<(), u8> {
    // What is there is durable once it has been loaded, whoever was killed before acknowledging it.
    let mut states: BTreeMap<_, Option<State>> = ids.iter().map(|&id| (id, None)).collect();
    for round in 0..rounds {
        let id = ids[round % ids.len()];
        // At most six calls in a row are made to fail, and each try makes one of them.
        let mut tries = 0;
        let state = loop {
            tries += 1;
            if tries > 7 {
                say(&format!("stuck {id}"));
                return Err(4);
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
            if how == How::Early {
                say(&format!("ack {id} {}", text(new)));
            }
            let saved = match (old, new) {
                (_, Some(revision)) => store.save(&record(id, revision), old).await,
                (Some(revision), None) => store.delete(id, revision).await,
                (None, None) => unreachable!("BUG: after nothing comes the first revision"),
            };
            match saved {
                WriteOutcome::Applied => break new,
                WriteOutcome::NotApplied(error) => say(&format!("not {id} {error}")),
                WriteOutcome::Unknown(error) => {
                    say(&format!("unknown {id} {error}"));
                    states.insert(id, None);
                }
                // A file that could not be opened may look like one that nobody may read.
                WriteOutcome::Conflict { stored: None } if tries == 1 => say(&format!("kept out of {id}")),
                WriteOutcome::Conflict { stored } => {
                    say(&format!("conflict {id} {}", text(stored)));
                    return Err(5);
                }
            }
        };
        states.insert(id, Some(state));
        say(&format!("ack {id} {}", text(state)));
    }
    Ok(())
}

/// What is not as this log says: nothing, if all is well.
pub(crate) async fn verify(kind: Kind, dir: &str, log: &str) -> Vec<String> {
    let mut acknowledged: BTreeMap<String, String> =
        conversations().map(|id| (id.to_string(), "gone".to_owned())).into();
    for line in log.lines() {
        if let ["ack", id, state] = line.split(' ').collect::<Vec<_>>()[..] {
            acknowledged.insert(id.to_owned(), state.to_owned());
        }
    }
    let mut violations = Vec::new();
    let store = match open(kind, dir).await {
        Ok(store) => store,
        Err(error) => return vec![format!("it cannot be opened: {error}")],
    };
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
    let loaded = store.load_all(&mut each).await;
    if let Err(error) = loaded {
        violations.push(format!("it cannot be read: {error}"));
    }
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
        Kind::Sqlite => match integrity(dir) {
            Ok(whole) if whole == "ok" => {}
            Ok(damage) => violations.push(damage),
            Err(error) => violations.push(format!("it cannot be checked: {error}")),
        },
    }
    violations
}

pub(crate) fn integrity(dir: &str) -> Result<String, BoxError> {
    Ok(Connection::open(file(dir))?.query_row("PRAGMA integrity_check", [], |row| row.get(0))?)
}

fn leftovers(dir: &str) -> Vec<String> {
    let names = match std::fs::read_dir(dir).and_then(Iterator::collect::<Result<Vec<_>, _>>) {
        Ok(entries) => entries.into_iter().map(|entry| entry.file_name().to_string_lossy().into_owned()),
        Err(error) => return vec![format!("the directory cannot be read: {error}")],
    };
    names.filter(|name| !name.ends_with(".json")).map(|name| format!("{name} is left over")).collect()
}
