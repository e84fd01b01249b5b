//! The conversations: ten questions, with a context that each of them carries from the first to the last.

use std::sync::Arc;
use std::time::{Duration, Instant};

use stube::record::Record;
use stube::runtime::{Reply, Runtime};
use stube::{Confirm, ConversationId, Event, MemoryStore, Store, flow};

use crate::rounds::Measured;

/// Asks ten questions, and counts.
#[flow]
async fn interview(context: String) -> u64 {
    let mut asked = 0;
    let mut yes = 0;
    while asked < QUESTIONS {
        asked += 1;
        if Confirm::new("Go on?").await {
            yes += 1;
        }
    }
    yes + context.len() as u64
}

const QUESTIONS: u64 = 10;

/// Those that are under way, each in a task of its own. They go on from turn to turn.
pub(crate) struct Conversations {
    open: Vec<Option<ConversationId>>,
    context: String,
}

impl Conversations {
    pub(crate) fn new(at_once: usize, context: usize) -> Self {
        Self { open: vec![None; at_once], context: "x".repeat(context) }
    }

    /// Goes on with all of them for so long, and begins another one for each that ends.
    pub(crate) async fn turn(&mut self, runtime: &Runtime, long: Duration) -> Measured {
        let began = Instant::now();
        let until = began + long;
        let tasks: Vec<_> = std::mem::take(&mut self.open)
            .into_iter()
            .map(|open| tokio::spawn(go_on(runtime.clone(), open, self.context.clone(), until)))
            .collect();
        let mut measured = Measured::default();
        for task in tasks {
            let (open, latencies) = task.await.expect("it does not panic");
            self.open.push(open);
            measured.latencies.extend(latencies);
        }
        measured.saves = measured.latencies.len() as u64;
        measured.took = began.elapsed();
        measured
    }
}

/// One conversation after the other. Gives the one that is open at the end, and how long each durable save took whoever
/// waited for it.
async fn go_on(
    runtime: Runtime,
    mut open: Option<ConversationId>,
    context: String,
    until: Instant,
) -> (Option<ConversationId>, Vec<Duration>) {
    let mut latencies = Vec::new();
    while Instant::now() < until {
        let began = Instant::now();
        open = match open {
            None => Some(runtime.start(interview(context.clone())).await.expect("it starts").id),
            Some(id) => match answer(&runtime, id).await {
                Reply::Applied => Some(id),
                Reply::Ended { .. } => None,
                other => panic!("nobody else answers it: {other:?}"),
            },
        };
        latencies.push(began.elapsed());
    }
    (open, latencies)
}

/// What a front does: it shows what is asked, and hands on what comes back.
async fn answer(runtime: &Runtime, id: ConversationId) -> Reply {
    let questions = runtime.render(id).await.expect("it can be read").waiting().expect("it goes on");
    runtime.dispatch(id, questions[0].turn, Event::new("yes")).await.expect("it is saved")
}

/// What is saved in the life of one conversation, from the first record to that of its end.
pub(crate) async fn records(context: usize) -> Vec<Record> {
    let store = Arc::new(MemoryStore::new());
    let builder = Runtime::builder().retention(stube::runtime::Retention::UntilForgotten);
    let runtime = builder.open(Arc::clone(&store)).expect("a runtime");
    let id = runtime.start(interview("x".repeat(context))).await.expect("it starts").id;
    let mut records = Vec::new();
    loop {
        records.push(store.load(id).await.expect("it can be read").expect("it is there"));
        if records.last().is_some_and(Record::has_ended) {
            return records;
        }
        answer(&runtime, id).await;
    }
}
