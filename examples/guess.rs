//! A loop that survives: guess a number.
//!
//!     cargo run --example guess -- DIR
//!
//! Kill it between two guesses and run it again: the secret number and the count of guesses are still there, because
//! they are locals of the flow that are needed after the `.await`. Nothing else is saved, and nothing is run again.

use serde::{Deserialize, Serialize};
use stube::{Action, Component, Context, Event, Form, Handled, Info, Input, Next, View, component, flow, terminal};

#[path = "shared/dir.rs"]
mod dir;

/// Asks for a number. A component says what it shows and what its answer is; that is all it takes.
#[derive(Serialize, Deserialize)]
struct PickNumber {
    hint: String,
}

#[component]
impl Component for PickNumber {
    type Answer = i64;

    fn render(&self, _cx: &Context) -> View {
        let input = Input::integer("number").between(1, 100).label("Your guess");
        Form::text(&self.hint).input(input).action(Action::new("ok")).into()
    }

    fn handle(&mut self, event: Event, _cx: &Context) -> Handled<Self> {
        Ok(Next::answer(event.integer("number").unwrap_or_default()))
    }
}

/// Asks until the guess is right, and gives the number of guesses.
#[flow]
pub(crate) async fn guess(secret: i64) -> u32 {
    let mut guesses = 0;
    let mut hint = "I am thinking of a number from 1 to 100.";
    loop {
        let number = PickNumber { hint: hint.to_owned() }.await;
        guesses += 1;
        hint = match number.cmp(&secret) {
            std::cmp::Ordering::Less => "It is greater.",
            std::cmp::Ordering::Greater => "It is less.",
            std::cmp::Ordering::Equal => break,
        };
    }
    Info::new(format!("{secret} it is!")).await;
    guesses
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = stube::FileStore::open(dir::from_args("guess"))?;
    // Drawn before the conversation starts, so that it is an argument like any other.
    let secret = 1 + i64::from(std::process::id() % 100);
    terminal::run(store, || guess(secret), |guesses| println!("You needed {guesses} guesses."))?;
    Ok(())
}
