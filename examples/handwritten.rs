//! One dialogue twice: as a flow, and as the task that one would write by hand without `#[flow]`.
//!
//!     cargo run --example handwritten
//!
//! Prints what is saved of each at every question, side by side. The flow is the task, written by the compiler: the
//! states that one keeps by hand in fields and resume functions are there the locals and the awaits.

use serde::{Deserialize, Serialize};
use stube::testing::TestConversation;
use stube::{Choose, Component, Confirm, Context, Handled, Next, Prompt, component, flow};

/// As a flow: three questions, one after another.
#[flow]
pub(crate) async fn order(item: String) -> Option<String> {
    let size = Choose::new(format!("Which size of {item}?"), ["small", "large"]).await;
    let name = Prompt::new("For whom?").await;
    let sure = Confirm::new(format!("A {size} {item} for {name}?")).await;
    sure.then(|| format!("{size} {item} for {name}"))
}

/// By hand: what is known so far lies in fields, and each answer has its own function.
#[derive(Serialize, Deserialize)]
pub(crate) struct OrderTask {
    item: String,
    size: Option<String>,
    name: Option<String>,
}

#[component]
impl Component for OrderTask {
    type Answer = Option<String>;

    fn start(&mut self, _cx: &Context) -> Handled<Self> {
        let which = Choose::new(format!("Which size of {}?", self.item), ["small", "large"]);
        Ok(Next::call(which, Self::on_size))
    }

    #[resume]
    fn on_size(&mut self, size: String, _cx: &Context) -> Handled<Self> {
        self.size = Some(size);
        Ok(Next::call(Prompt::new("For whom?"), Self::on_name))
    }

    #[resume]
    fn on_name(&mut self, name: String, _cx: &Context) -> Handled<Self> {
        let size = self.size.as_deref().unwrap_or_default();
        let question = format!("A {size} {} for {name}?", self.item);
        self.name = Some(name);
        // `Self::on_name` would not compile here: a `Confirm` answers with a `bool`.
        Ok(Next::call(Confirm::new(question), Self::on_sure))
    }

    #[resume]
    fn on_sure(&mut self, sure: bool, _cx: &Context) -> Handled<Self> {
        let Self { item, size, name } = self;
        let mut order = || Some(format!("{} {item} for {}", size.take()?, name.take()?));
        Ok(Next::answer(if sure { order() } else { None }))
    }
}

pub(crate) fn by_hand(item: String) -> OrderTask {
    OrderTask { item, size: None, name: None }
}

fn main() {
    let mut flow = TestConversation::start(order("coffee".into()));
    let mut task = TestConversation::start(by_hand("coffee".into()));
    side_by_side(&flow, &task);

    flow.answer::<Choose>("large".into());
    task.answer::<Choose>("large".into());
    side_by_side(&flow, &task);

    flow.answer::<Prompt>("Ada".into());
    task.answer::<Prompt>("Ada".into());
    side_by_side(&flow, &task);

    flow.answer::<Confirm>(true);
    task.answer::<Confirm>(true);
    let (flow, task) = (flow.result::<Option<String>>(), task.result::<Option<String>>());
    println!("The flow ends with {flow:?}, the task with {task:?}.");
    assert_eq!(flow, task);
}

/// Prints what is saved of the bottom instance of each.
fn side_by_side(flow: &TestConversation, task: &TestConversation) {
    let (flow, task) = (flow.record(), task.record());
    println!("Both wait for `{}`.", flow["awaits"][0]["component"].as_str().unwrap_or("?"));
    println!("  flow  {}", flow["body"]["root"]["stack"][0]["state"]);
    println!("  task  {}", task["body"]["root"]["stack"][0]["state"]);
    println!("        and go on in `{}`\n", task["body"]["root"]["stack"][1]["resume"].as_str().unwrap_or("?"));
}
