//! What one step costs in memory: the code between two awaits, and nothing durable.
//!
//! `machine`: the state machine alone. A flow against an enum with the same states written by hand, both taking the
//! same boxed answer and giving the same boxed callee, and, as a floor, that enum with neither of the boxes.
//! `conversation`: a whole event through the kernel, for the flow and for the same dialogue as a hand-written task.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use serde::{Deserialize, Serialize};
use stube::__private::{Flow, Machine};
use stube::component::{AnyAnswer, AnyComponent};
use stube::kernel::conversation::Conversation;
use stube::kernel::{self, Input, Outcome, Progress};
use stube::{Component, Context, ConversationId, Handled, Next, Timestamp, component, flow};

/// The question: its answer is a number.
#[derive(Serialize, Deserialize)]
struct Ask {
    round: u64,
}

#[component]
impl Component for Ask {
    type Answer = u64;
}

/// Sums up answers for ever.
#[flow]
async fn sum(name: String) -> u64 {
    let mut round = 0;
    let mut total = 0;
    while total != u64::MAX {
        round += 1;
        let answer = Ask { round }.await;
        total += answer % 7;
    }
    total + name.len() as u64
}

/// The same states by hand.
enum Sum {
    Ask { name: String, round: u64, total: u64 },
    Done,
}

impl Sum {
    fn step(&mut self, answer: u64) -> Ask {
        match std::mem::replace(self, Self::Done) {
            Self::Ask { name, mut round, mut total } => {
                total += answer % 7;
                if total == u64::MAX {
                    return Ask { round: total + name.len() as u64 };
                }
                round += 1;
                *self = Self::Ask { name, round, total };
                Ask { round }
            }
            Self::Done => unreachable!("it never ends"),
        }
    }

    fn boxed_step(&mut self, answer: AnyAnswer) -> Box<dyn AnyComponent> {
        let answer = answer.downcast::<u64>().expect("a number");
        Box::new(self.step(answer))
    }
}

/// The same dialogue as a hand-written task.
#[derive(Serialize, Deserialize)]
struct SumTask {
    name: String,
    round: u64,
    total: u64,
}

#[component]
impl Component for SumTask {
    type Answer = u64;

    fn start(&mut self, _cx: &Context) -> Handled<Self> {
        self.round += 1;
        Ok(Next::call(Ask { round: self.round }, Self::on_answer))
    }

    #[resume]
    fn on_answer(&mut self, answer: u64, _cx: &Context) -> Handled<Self> {
        self.total += answer % 7;
        if self.total == u64::MAX {
            return Ok(Next::answer(self.total + self.name.len() as u64));
        }
        self.round += 1;
        Ok(Next::call(Ask { round: self.round }, Self::on_answer))
    }
}

fn machine(c: &mut Criterion) {
    let mut group = c.benchmark_group("machine");
    let by_hand = || Sum::Ask { name: "ada".to_owned(), round: 1, total: 0 };
    let mut bare = by_hand();
    group.bench_function("enum without boxes", |b| b.iter(|| bare.step(black_box(5))));
    let mut boxed = by_hand();
    group.bench_function("enum by hand", |b| b.iter(|| boxed.boxed_step(AnyAnswer::new(black_box(5_u64)))));
    let machine = SumFlow::machine();
    let mut state = machine.begin(("ada".to_owned(),));
    assert!(machine.step(&mut state, AnyAnswer::new(())).is_ok());
    group.bench_function("flow", |b| b.iter(|| machine.step(&mut state, AnyAnswer::new(black_box(5_u64)))));
    group.finish();
}

fn conversation(c: &mut Criterion) {
    let mut group = c.benchmark_group("conversation");
    let task = SumTask { name: "ada".to_owned(), round: 0, total: 0 };
    for (name, root) in
        [("task by hand", Box::new(task) as Box<dyn AnyComponent>), ("flow", Box::new(sum("ada".into())))]
    {
        let mut conversation =
            Some(waits(kernel::start(ConversationId::from_bits([1; 16]), root, None, Timestamp::EPOCH)));
        group.bench_function(name, |b| {
            b.iter(|| {
                let now = conversation.take().expect("it goes on");
                let turn = now.front().turn();
                conversation = Some(waits(kernel::apply(now, Input::answer(turn, black_box(5_u64)), Timestamp::EPOCH)));
            });
        });
    }
    group.finish();
}

fn waits(outcome: Result<Outcome, kernel::Rejected>) -> Conversation {
    match outcome.map(|outcome| outcome.progress) {
        Ok(Progress::Waits(conversation)) => conversation,
        Ok(Progress::Ended(_)) => panic!("it never ends"),
        Err(rejected) => panic!("{:?}", rejected.cause),
    }
}

criterion_group!(benches, machine, conversation);
criterion_main!(benches);
