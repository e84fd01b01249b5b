//! What a flow is besides what its body does: names on disk, states, recursion, its value as a component.

use serde::{Deserialize, Serialize};
use stube::testing::TestConversation;
use stube::{Choose, Component, Confirm, Context, Event, Handled, Info, Next, Prompt, component, flow};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Dates {
    from: u32,
    to: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Declined {
    Undecided,
}

#[flow]
async fn pay(guest: String, price: u32) -> Result<String, Declined> {
    if Confirm::new(format!("{guest}, pay {price}?")).await {
        Ok(format!("r-{price}"))
    } else {
        Err(Declined::Undecided)
    }
}

/// Books a room.
#[flow]
async fn booking(guest: String) -> Result<String, Declined> {
    let from = Prompt::new("from").await;
    let dates = Dates { from: from.parse().unwrap_or(1), to: 7 };
    let mut tries = 0;
    let room = loop {
        let room = Choose::new("room", ["blue", "red"]).await;
        if Confirm::new(format!("{room} for {guest}?")).await {
            break room;
        }
        tries += 1;
        if tries == 3 {
            return Err(Declined::Undecided);
        }
    };
    let receipt = pay(guest, 10 * (dates.to - dates.from)).await?;
    Ok(format!("{receipt} {room} {tries}"))
}

/// The state of the bottom instance, as it is saved.
fn state(conversation: &TestConversation) -> serde_json::Value {
    conversation.record()["body"]["root"]["stack"][0]["state"].clone()
}

#[test]
fn a_state_is_called_as_its_binding_or_as_what_is_awaited_and_holds_what_is_live() {
    let mut c = TestConversation::start(booking("ada".into()));
    assert_eq!(state(&c), serde_json::json!({ "From": { "guest": "ada" } }));
    c.answer::<Prompt>("3".into());
    let dates = serde_json::json!({ "from": 3, "to": 7 });
    assert_eq!(state(&c), serde_json::json!({ "Room": { "guest": "ada", "dates": dates, "tries": 0 } }));
    c.answer::<Choose>("blue".into());
    let confirm = serde_json::json!({ "guest": "ada", "dates": dates, "tries": 0, "room": "blue" });
    assert_eq!(state(&c), serde_json::json!({ "Confirm": confirm }));
    c.answer::<Confirm>(true);
    // The guest and the dates have been used up.
    assert_eq!(state(&c), serde_json::json!({ "Receipt": { "tries": 0, "room": "blue" } }));
    let record = c.record();
    assert_eq!(record["flow"], "booking");
    assert_eq!(record["state"], "Receipt");
    assert_eq!(record["awaits"][0]["component"], "confirm");
    assert_eq!(record["body"]["root"]["stack"][1]["type"], "pay");
}

#[test]
fn a_failure_of_the_callee_resumes_the_caller_with_it() {
    let mut c = TestConversation::start(booking("ada".into()));
    c.answer::<Prompt>("3".into());
    c.answer::<Choose>("blue".into());
    c.answer::<Confirm>(true);
    c.reload();
    c.answer::<Confirm>(false);
    assert_eq!(c.result::<Result<String, Declined>>(), Err(Declined::Undecided));
}

#[flow(name = "questions/two")]
async fn two_of_a_kind() -> bool {
    Confirm::new("one?").await && Confirm::new("two?").await
}

#[test]
fn names_that_clash_are_numbered_and_the_name_on_disk_can_be_set() {
    let mut c = TestConversation::start(two_of_a_kind());
    assert_eq!(c.record()["state"], "Confirm");
    assert_eq!(c.record()["flow"], "questions/two");
    c.answer::<Confirm>(true);
    assert_eq!(c.record()["state"], "Confirm2");
}

/// A flow without a generic local: its states can be named.
#[flow]
async fn countdown(from: u32) -> u32 {
    if from == 0 {
        return 0;
    }
    Info::new(format!("{from}")).await;
    let below: u32 = countdown(from - 1).await;
    below + from
}

#[test]
fn a_flow_may_call_itself() {
    let mut c = TestConversation::start(countdown(3));
    for _ in 0..3 {
        c.reload();
        c.answer::<Info>(());
    }
    assert_eq!(c.result::<u32>(), 6);
}

#[flow]
async fn even(n: u32) -> bool {
    if n == 0 { true } else { odd(n - 1).await }
}

#[flow]
async fn odd(n: u32) -> bool {
    if n == 0 {
        return false;
    }
    if n % 10 == 5 {
        Info::new(format!("{n} left")).await;
    }
    even(n - 1).await
}

#[test]
fn flows_may_call_each_other_deep_down() {
    let mut c = TestConversation::start(even(1000));
    let mut asked = 0;
    while !c.has_ended() {
        c.reload();
        c.answer::<Info>(());
        asked += 1;
    }
    assert_eq!(asked, 100);
    assert!(c.result::<bool>());
}

/// Keeps a flow that has not been started as a value.
#[derive(Debug, Serialize, Deserialize)]
struct Later {
    flow: Option<PayFlow>,
}

#[component]
impl Component for Later {
    type Answer = Result<String, Declined>;

    fn handle(&mut self, _event: Event, _cx: &Context) -> Handled<Self> {
        match self.flow.take() {
            Some(flow) => Ok(Next::call(flow, Self::on_paid)),
            None => Ok(Next::stay()),
        }
    }

    #[resume]
    fn on_paid(&mut self, paid: Result<String, Declined>, _cx: &Context) -> Handled<Self> {
        Ok(Next::answer(paid))
    }
}

#[test]
fn a_flow_that_has_not_been_started_is_a_value_that_is_saved() {
    let mut c = TestConversation::start(Later { flow: Some(pay("ada".into(), 7)) });
    assert_eq!(state(&c)["flow"], serde_json::json!({ "Start": { "guest": "ada", "price": 7 } }));
    c.reload();
    c.send(Event::new("go"));
    c.reload();
    c.answer::<Confirm>(true);
    assert_eq!(c.result::<Result<String, Declined>>(), Ok("r-7".to_owned()));
}

#[test]
fn a_panic_in_a_flow_leaves_the_conversation_as_it_was() {
    #[flow]
    async fn divides(by: Vec<i32>) -> i32 {
        let mut sum = 0;
        loop {
            let index = Prompt::new("which?").await;
            let Ok(index) = index.parse::<usize>() else { break };
            sum += 100 / by[index];
        }
        sum
    }
    let mut c = TestConversation::start(divides(vec![0, 4]));
    let answer = |text: &str| Event::new("ok").with("text", stube::Value::Text(text.into()));
    let before = c.record();
    for panics in ["0", "9"] {
        assert!(c.try_send(answer(panics)).is_err());
        assert_eq!(c.record(), before);
    }
    c.send(answer("1"));
    c.send(answer("end"));
    assert_eq!(c.result::<i32>(), 25);
}

/// In a module, behind `pub`.
pub mod other {
    /// Documented.
    #[stube::flow]
    #[must_use]
    pub async fn visible(text: String) -> usize {
        stube::Info::new(text.as_str()).await;
        text.len()
    }
}

#[test]
fn visibility_goes_along() {
    let mut c = TestConversation::start(other::visible("abc".into()));
    c.answer::<Info>(());
    assert_eq!(c.result::<usize>(), 3);
}

#[test]
fn a_saved_flow_that_was_changed_is_not_read_as_something_else() {
    let state = |state: &str| serde_json::from_str::<PayFlow>(state);
    assert!(state(r#"{"Confirm":{"price":7}}"#).is_ok());
    assert!(state(r#"{"Confirm":{}}"#).is_err());
    assert!(state(r#"{"Gone":{}}"#).is_err());
    assert!(state(r#"{"Start":{"guest":"ada"}}"#).is_err());
    assert!(state(r#"{"Start":{"guest":"ada","price":"seven"}}"#).is_err());
}

#[flow]
async fn buy() -> u32 {
    #[at("Payment")]
    let first = Confirm::new("First?").await;
    #[at("Receipt")]
    Info::new("So be it").await;
    // Would be called `Payment` too.
    let payment = Confirm::new("And more?").await;
    #[at("Last")]
    return u32::from(first) + u32::from(payment) + u32::from(Confirm::new("Last?").await);
}

#[test]
fn a_label_names_a_state_and_others_make_room() {
    let mut c = TestConversation::start(buy());
    let mut names = Vec::new();
    for _ in 0..2 {
        names
            .extend(state(&c).as_object().map(|state| state.keys().cloned().collect::<Vec<_>>()).into_iter().flatten());
        if names.len() == 1 { c.answer::<Confirm>(true) } else { c.answer::<Info>(()) }
    }
    assert_eq!(names, ["Payment", "Receipt"]);
    assert_eq!(state(&c), serde_json::json!({ "Payment2": { "first": true } }));
    c.answer::<Confirm>(true);
    assert_eq!(state(&c), serde_json::json!({ "Last": { "operand": 2 } }));
    c.answer::<Confirm>(true);
    assert_eq!(c.result::<u32>(), 3);
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Hotel {
    name: String,
    free: Vec<u32>,
}

#[flow]
impl Hotel {
    const FIRST: u32 = 1;

    fn new(name: &str) -> Self {
        Self { name: name.to_owned(), free: vec![Self::FIRST, 2] }
    }

    /// A stay.
    #[flow]
    async fn stay(mut self, nights: u32) -> Result<Self, Declined> {
        let sure = Confirm::new(format!("{nights} nights in {}?", self.name)).await;
        if !sure {
            return Err(Declined::Undecided);
        }
        let room = self.free.pop().unwrap_or(Self::FIRST);
        Info::new(format!("room {room}, {} left", self.free.len())).await;
        Ok(Self { name: format!("{}*", self.name), ..self })
    }

    #[flow(name = "make_hotel")]
    async fn make() -> Hotel {
        let hotel = Self::new(&Prompt::new("name").await);
        hotel.stay(2).await.unwrap_or_else(|_| Self::new("none"))
    }
}

#[test]
fn methods_are_flows() {
    let mut c = TestConversation::start(Hotel::make());
    assert_eq!(c.record()["flow"], "make_hotel");
    c.answer::<Prompt>("plaza".into());
    c.reload();
    c.answer::<Confirm>(true);
    c.reload();
    let stay = c.record()["body"]["root"]["stack"][1].clone();
    assert_eq!(stay["type"], "hotel_stay");
    assert_eq!(stay["state"], serde_json::json!({ "Info": { "self_": { "name": "plaza", "free": [1] } } }));
    c.answer::<Info>(());
    let hotel = c.result::<Hotel>();
    assert_eq!((hotel.name.as_str(), hotel.free.as_slice()), ("plaza*", [1].as_slice()));
}

/// The line that calls it.
#[track_caller]
fn here() -> u32 {
    std::panic::Location::caller().line()
}

#[flow]
async fn lines(fails: bool) -> Vec<u32> {
    let mut seen = vec![here()];
    let base = line!();
    while Confirm::new("More?").await {
        seen.push(here());
        assert!(!fails, "it fails here");
    }
    seen.push(here());
    seen.iter().map(|line| line.abs_diff(base)).collect()
}

#[test]
fn code_stands_in_the_line_that_its_author_wrote_it_in() {
    let mut c = TestConversation::start(lines(false));
    c.answer::<Confirm>(true);
    c.answer::<Confirm>(false);
    assert_eq!(c.result::<Vec<u32>>(), [1, 2, 5]);
}

#[test]
fn a_panic_is_reported_on_the_line_of_its_author() {
    use std::sync::{Arc, Mutex};
    let place = Arc::new(Mutex::new(None));
    let (told, old) = (Arc::clone(&place), std::panic::take_hook());
    std::panic::set_hook(Box::new(move |panic| {
        if panic.payload().downcast_ref::<&str>().is_some_and(|text| *text == "it fails here") {
            *told.lock().expect("nobody panics with it") = panic.location().map(|at| (at.file().to_owned(), at.line()));
        }
    }));
    let mut c = TestConversation::start(lines(true));
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| c.answer::<Confirm>(true)));
    std::panic::set_hook(old);
    assert!(outcome.is_err(), "a test conversation panics where author code does");
    let source = include_str!("flow.rs").lines().position(|line| line.contains("assert!(!fails")).expect("it is there");
    let (file, line) = place.lock().expect("nobody panics with it").clone().expect("it panicked");
    assert!(file.ends_with("flow.rs"), "{file}");
    assert_eq!(line, source as u32 + 1);
}
