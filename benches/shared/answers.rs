//! What the benchmarks of stores share: a conversation that is answered for ever, and what was measured of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use stube::runtime::{Reply, Runtime};
use stube::{Component, ConversationId, Turn, component, flow};

/// The question: its answer is a number.
#[derive(Serialize, Deserialize)]
pub(crate) struct Ask {
    pub(crate) round: u64,
}

#[component]
impl Component for Ask {
    type Answer = u64;
}

/// Sums up answers for ever.
#[flow]
pub(crate) async fn sum(name: String) -> u64 {
    let mut round = 0;
    let mut total = 0;
    while total != u64::MAX {
        round += 1;
        let answer = Ask { round }.await;
        total += answer % 7;
    }
    total + name.len() as u64
}

/// What was measured of one thing, round by round.
#[derive(Default)]
pub(crate) struct Measured {
    /// Answers a second.
    pub(crate) rates: Vec<f64>,
    /// Of every answer, in microseconds.
    pub(crate) latencies: Vec<f64>,
}

impl Measured {
    pub(crate) fn add(&mut self, began: Instant, latencies: Vec<Duration>) {
        self.rates.push(latencies.len() as f64 / began.elapsed().as_secs_f64());
        self.latencies.extend(latencies.iter().map(|latency| latency.as_secs_f64() * 1e6));
    }

    pub(crate) fn print(&mut self, name: &str, floor: Option<&[f64]>) {
        let ratio = floor.map(|floor| {
            let mut ratios: Vec<_> = self.rates.iter().zip(floor).map(|(rate, floor)| rate / floor).collect();
            format!("{:.2} of it", quantile(&mut ratios, 0.5))
        });
        let rate = quantile(&mut self.rates.clone(), 0.5);
        let (p50, p99) = (quantile(&mut self.latencies, 0.5), quantile(&mut self.latencies, 0.99));
        let ratio = ratio.unwrap_or_default();
        println!("  {name:<22} {rate:>8.0} /s   p50 {p50:>7.0} us   p99 {p99:>7.0} us ({:>4.1}x)   {ratio}", p99 / p50);
    }
}

pub(crate) fn quantile(values: &mut [f64], which: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * which) as usize]
}

/// Conversations of a runtime, each with the turn that is open.
pub(crate) struct Conversations {
    pub(crate) open: Vec<(ConversationId, Arc<tokio::sync::Mutex<Turn>>)>,
}

impl Conversations {
    pub(crate) async fn start(runtime: &Runtime, many: usize) -> Self {
        let mut open = Vec::new();
        for _ in 0..many {
            let id = runtime.start(sum("ada".into())).await.expect("it starts").id;
            open.push((id, Arc::new(tokio::sync::Mutex::new(turn(runtime, id).await))));
        }
        Self { open }
    }

    pub(crate) async fn measure(&self, measured: &mut Measured, runtime: &Runtime, answers: usize) {
        let each = answers / self.open.len();
        let began = Instant::now();
        let mut tasks = Vec::new();
        for (id, open) in &self.open {
            let (runtime, id, open) = (runtime.clone(), *id, Arc::clone(open));
            tasks.push(tokio::spawn(async move {
                let mut open = open.lock().await;
                let mut latencies = Vec::with_capacity(each);
                for _ in 0..each {
                    let began = Instant::now();
                    let reply = runtime.answer::<Ask>(id, *open, 5).await.expect("it is saved");
                    latencies.push(began.elapsed());
                    assert_eq!(reply, Reply::Applied);
                    *open = next(*open);
                }
                latencies
            }));
        }
        measured.add(began, joined(tasks).await);
    }
}

pub(crate) async fn turn(runtime: &Runtime, id: ConversationId) -> Turn {
    runtime.render(id).await.expect("it is there").waiting().expect("it waits")[0].turn
}

/// The next question is a new instance, and these are numbered, so nobody need be asked.
pub(crate) fn next(turn: Turn) -> Turn {
    let text = turn.to_string();
    let number = text.strip_prefix('i').and_then(|text| text.strip_suffix(".0")).and_then(|text| text.parse().ok());
    let number: u64 = number.expect("an instance that has handled nothing");
    format!("i{}.0", number + 1).parse().expect("the next one")
}

pub(crate) async fn joined(tasks: Vec<tokio::task::JoinHandle<Vec<Duration>>>) -> Vec<Duration> {
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await.expect("it does not panic"));
    }
    all
}
