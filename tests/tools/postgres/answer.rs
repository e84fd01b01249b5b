//! A process that answers, and says what it sees. Each answer has a name that is given once, and a conversation keeps
//! the names in the order in which they were applied, until it has so many and ends with them.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use stube::ErrorKind;
use stube::record::result;
use stube::runtime::{Rendered, Reply, Retention, Runtime};
use stube::store::Query;
use stube::{
    Action, Component, Context, ConversationId, Error, Event, Form, Handled, Next, PostgresStore, Turn, Value, View,
    component,
};

use crate::history::Word;

/// How many answers a conversation takes.
pub(crate) const ENOUGH: usize = 100;

/// How many conversations are answered at once.
pub(crate) const OPEN: usize = 2;

/// How long the store of a process waits for the server.
pub(crate) const PATIENCE: Duration = Duration::from_millis(300);

/// Keeps the names of all answers.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Ledger {
    applied: Vec<String>,
}

#[component]
impl Component for Ledger {
    type Answer = Vec<String>;

    fn render(&self, _cx: &Context) -> View {
        Form::text(self.applied.join(" ")).action(Action::new("sign")).into()
    }

    fn handle(&mut self, event: Event, _cx: &Context) -> Handled<Self> {
        self.applied.push(event.text("name").expect("an answer has a name").to_owned());
        Ok(if self.applied.len() < ENOUGH { Next::stay() } else { Next::answer(std::mem::take(&mut self.applied)) })
    }
}

/// What a conversation shows: the turn that is open, unless it has ended, and the names.
pub(crate) async fn look(runtime: &Runtime, id: ConversationId) -> Result<(Option<Turn>, Vec<String>), Error> {
    match runtime.render(id).await? {
        Rendered::Ended(json) => Ok((None, result(&json).expect("it ends with names"))),
        shown => {
            let question = shown.waiting().expect("it goes on").remove(0);
            let text = question.view.form().expect("a form").text.join(" ");
            Ok((Some(question.turn), text.split_whitespace().map(str::to_owned).collect()))
        }
    }
}

/// A runtime on this database, as soon as it can be reached.
pub(crate) async fn runtime(config: &str) -> Runtime {
    loop {
        let config = config.parse().expect("it is what the campaign has written");
        match PostgresStore::options().timeout(PATIENCE).connections(4).connect(config).await {
            Ok(store) => {
                let builder = Runtime::builder().retention(Retention::UntilForgotten);
                return builder.open(store).expect("a runtime");
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// The time that all processes of a machine share, in nanoseconds.
fn now() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    u64::try_from(now.tv_sec * 1_000_000_000 + now.tv_nsec).expect("it has begun")
}

fn say(word: &Word) {
    // In one piece, so that a kill leaves no half of it.
    std::io::stdout().write_all(format!("{word}\n").as_bytes()).expect("somebody listens");
}

/// Answers until the standard input is closed. If it is `early`, it acknowledges before it answers: then it is the control.
pub(crate) async fn answer(process: &str, config: &str, early: bool) {
    let closed = Arc::new(AtomicBool::new(false));
    let watcher = Arc::clone(&closed);
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        watcher.store(true, Ordering::Relaxed);
    });
    let runtime = runtime(config).await;
    let going_on = Query::all().ended(false);
    let mut number = 0;
    while !closed.load(Ordering::Relaxed) {
        let Ok(page) = runtime.list(&going_on, None, OPEN).await else {
            tokio::time::sleep(Duration::from_millis(5)).await;
            continue;
        };
        for summary in page {
            let id = summary.id;
            let (turn, applied) = match look(&runtime, id).await {
                Ok((turn, names)) => (turn, names.len()),
                Err(error) => {
                    assert!(error.is_retryable(), "{error}");
                    continue;
                }
            };
            say(&Word::Read { at: now(), id: id.to_string(), applied });
            let Some(turn) = turn else { continue };
            number += 1;
            let name = format!("{process}.{number}");
            say(&Word::Try { at: now(), id: id.to_string(), place: applied, name: name.clone() });
            if early {
                say(&Word::Ack { at: now(), name: name.clone() });
            }
            let event = Event::new("sign").with("name", Value::Text(name.clone()));
            match runtime.dispatch(id, turn, event).await {
                Ok(_) if early => {}
                Ok(Reply::Applied | Reply::Ended { .. } | Reply::Repeated) => say(&Word::Ack { at: now(), name }),
                Ok(Reply::Stale) => say(&Word::Not { name }),
                Ok(other @ Reply::Refused { .. }) => panic!("{other:?}"),
                Err(Error { kind: ErrorKind::Unknown(_), .. }) => say(&Word::Unknown { name }),
                // Whatever else fails has changed nothing.
                Err(error) => {
                    assert!(error.is_retryable(), "{error}");
                    say(&Word::Not { name });
                }
            }
        }
    }
}
