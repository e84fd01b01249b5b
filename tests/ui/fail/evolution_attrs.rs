use stube::{Prompt, flow};

#[flow(was = 7)]
async fn a_flow_was_a_number() -> String {
    Prompt::new("?").await
}

#[flow(version = 0)]
async fn no_version() -> String {
    Prompt::new("?").await
}

#[flow]
async fn a_local_was_two() -> String {
    #[was("a", "b")]
    let name = Prompt::new("?").await;
    Prompt::new(name).await
}

#[flow]
async fn several_locals() -> String {
    #[was = "pair"]
    let (a, b) = (Prompt::new("?").await, 1);
    Prompt::new(format!("{a}{b}")).await
}

#[flow]
async fn no_local() -> String {
    #[default = 0]
    Prompt::new("?").await;
    Prompt::new("!").await
}

#[flow]
#[migrate(|before| Prompt { before })]
async fn of_no_type() -> String {
    Prompt::new("?").await
}

#[flow]
async fn default_of_another_type() -> String {
    #[default = "none"]
    let mut tries = 0_u32;
    let name = Prompt::new("?").await;
    tries += 1;
    format!("{name} {tries}")
}

#[derive(serde::Deserialize)]
enum Before {
    Gone { guest: String },
    Desk {},
}

#[flow]
#[migrate(|before: Before| match before {
    Before::Gone { guest } => Room { guest },
})]
async fn not_all_states(guest: String) -> String {
    let room = Prompt::new("?").await;
    format!("{guest} {room}")
}

#[flow]
#[migrate(|before: Before| match before {
    Before::Gone { guest } => Room { guest },
    Before::Desk {} => retire(String::new()),
})]
async fn a_local_is_missing(guest: String, nights: u32) -> String {
    let room = Prompt::new("?").await;
    format!("{guest} {room} {nights}")
}

#[flow]
#[migrate(|before: Before| match before {
    Before::Gone { guest } => Room { guest: guest.len() },
    Before::Desk {} => retire(7),
})]
async fn other_types(guest: String) -> String {
    let room = Prompt::new("?").await;
    format!("{guest} {room}")
}

#[flow]
#[migrate(|_: Before| hand_to(Prompt::new("?")))]
async fn another_answer() -> u32 {
    Prompt::new("?").await.parse().unwrap_or(0)
}

fn main() {}
