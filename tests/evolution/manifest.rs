//! What a program says of its own flows: `stube::manifest()` and `stube::diagram()`.

use serde::{Deserialize, Serialize};
use stube::evolution::manifest::{Awaits, Local};
use stube::{Boxed, Choose, Component, Confirm, Context, Handled, Info, Next, Prompt, component, flow};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Dates {
    nights: u32,
}

#[flow]
async fn pay(price: u32) -> Result<String, String> {
    if Confirm::new(format!("Pay {price}?")).await { Ok(format!("r-{price}")) } else { Err("declined".into()) }
}

#[flow]
async fn booking(guest: String) -> Result<String, String> {
    let nights = Prompt::new("How many nights?").await;
    let dates = Dates { nights: nights.parse().unwrap_or(1) };
    let mut tries = 0;
    let room = loop {
        let room = Choose::new("Which room?", ["blue", "red"]).await;
        if Confirm::new(format!("{room} for {guest}?")).await {
            break room;
        }
        tries += 1;
        if tries == 3 {
            return Err("undecided".into());
        }
    };
    #[at("Payment")]
    let receipt = pay(dates.nights * 10).await?;
    Ok(format!("{receipt} {room} {tries}"))
}

#[flow]
async fn silent() -> u32 {
    7
}

#[flow]
async fn either(r#type: bool) -> bool {
    let mut seen = Vec::new();
    for name in ["a", "b"].map(str::to_owned) {
        let question = if r#type { Boxed::new(Confirm::new(&name)) } else { Boxed::new(Confirm::new("?")) };
        seen.push(question.await);
    }
    Info::new("end").await;
    seen.len() == 2 && r#type
}

#[derive(Serialize, Deserialize)]
struct Desk;

#[component]
impl Component for Desk {
    type Answer = Vec<String>;

    fn start(&mut self, _: &Context) -> Handled<Self> {
        Ok(Next::call(pay(1), Self::on_paid))
    }

    #[resume]
    fn on_paid(&mut self, receipt: Result<String, String>, _: &Context) -> Handled<Self> {
        Ok(Next::answer(receipt.into_iter().collect()))
    }
}

/// A state on one line.
fn line(state: &stube::evolution::manifest::State) -> String {
    let locals: Vec<_> = state.locals.iter().map(|Local { name, type_name }| format!("{name}: {type_name}")).collect();
    let awaits = state.awaits.as_ref().map_or_else(String::new, |Awaits { component, type_name, answer }| {
        format!(" awaits {component}, a {type_name}, for a {answer}")
    });
    let next: Vec<_> = state.next.iter().map(String::as_str).chain(state.ends.then_some("end")).collect();
    format!("{} {{{}}}{awaits} -> {}", state.name, locals.join(", "), next.join(", "))
}

fn lines(flow: &str) -> String {
    let manifest = stube::manifest();
    manifest.flows[flow].states.iter().map(|state| line(state) + "\n").collect()
}

#[test]
fn a_manifest_says_what_each_state_holds_and_awaits_and_what_comes_next() {
    assert_eq!(
        lines("booking"),
        "\
Start {guest: String} -> Nights
Nights {guest: String} awaits prompt, a stube::component::prompts::Prompt, for a String -> Room
Room {guest: String, dates: evolution::manifest::Dates, tries: i32} awaits choose, a stube::component::prompts::Choose, for a String -> Confirm
Confirm {guest: String, dates: evolution::manifest::Dates, tries: i32, room: String} awaits confirm, a stube::component::prompts::Confirm, for a bool -> Room, Payment, end
Payment {tries: i32, room: String} awaits pay, a evolution::manifest::PayFlow, for a Result<String, String> -> end
"
    );
    assert_eq!(
        lines("either"),
        "\
Start {type: bool} -> Question, Info
Question {type: bool, seen: Vec<bool>, rest_of_name: stube::flow::iterate::Items<String>} awaits , a stube::flow::awaitables::Boxed<bool>, for a bool -> Question, Info
Info {type: bool, seen: Vec<bool>} awaits info, a stube::component::prompts::Info, for a () -> end
"
    );
    assert_eq!(lines("silent"), "Start {} -> end\n");
}

#[test]
fn a_manifest_says_where_things_stand() {
    let manifest = stube::manifest();
    let booking = &manifest.flows["booking"];
    assert_eq!(
        (booking.type_name.as_str(), booking.answer.as_str()),
        ("evolution::manifest::BookingFlow", "Result<String, String>")
    );
    assert_eq!((booking.krate.as_str(), booking.file.as_str()), ("stube", "tests/evolution/manifest.rs"));
    let source = include_str!("manifest.rs");
    let stands = |word: &str| source.lines().position(|text| text.contains(word)).map(|line| line as u32 + 1);
    let at = |name: &str| booking.states.iter().find(|state| state.name == name).map(|state| state.line);
    assert_eq!(at("Nights"), stands("let nights = "));
    assert_eq!(at("Confirm"), stands("{room} for {guest}?"));
    assert_eq!(at("Payment"), stands("let receipt = "));
    assert_eq!(at("Start"), stands("async fn booking"));
    let desk = &manifest.components["desk"];
    assert_eq!((desk.type_name.as_str(), desk.answer.as_str()), ("evolution::manifest::Desk", "Vec<String>"));
    assert_eq!(desk.resumes, ["on_paid"]);
    assert!(manifest.components.contains_key("confirm"), "what comes with the library is there");
}

#[test]
fn a_manifest_is_a_serde_value_and_the_same_each_time() {
    let (first, second) = (serde_json::to_string(&stube::manifest()), serde_json::to_string(&stube::manifest()));
    let (first, second) = (first.expect("it has a JSON form"), second.expect("it has a JSON form"));
    assert_eq!(first, second);
    let read: stube::evolution::manifest::Manifest = serde_json::from_str(&first).expect("it reads back");
    assert_eq!(read, stube::manifest());
}

#[test]
fn a_flow_is_drawn_for_mermaid_and_dot() {
    let diagram = stube::diagram("booking").expect("it is linked");
    assert_eq!(
        diagram.mermaid(),
        "\
stateDiagram-v2
    [*] --> Nights
    Nights: Nights (prompt)
    Nights --> Room
    Room: Room (choose)
    Room --> Confirm
    Confirm: Confirm (confirm)
    Confirm --> Room
    Confirm --> Payment
    Confirm --> [*]
    Payment: Payment (pay)
    Payment --> [*]
"
    );
    assert_eq!(
        diagram.dot(),
        r#"digraph "booking" {
    node [shape=box, style=rounded];
    start [shape=circle, label=""];
    end [shape=doublecircle, label=""];
    start -> "Nights";
    "Nights" [label="Nights (prompt)"];
    "Nights" -> "Room";
    "Room" [label="Room (choose)"];
    "Room" -> "Confirm";
    "Confirm" [label="Confirm (confirm)"];
    "Confirm" -> "Room";
    "Confirm" -> "Payment";
    "Confirm" -> end;
    "Payment" [label="Payment (pay)"];
    "Payment" -> end;
}
"#
    );
    assert_eq!(stube::diagram("desk"), None);
    assert_eq!(stube::diagram("nobody"), None);
}
