//! A part that is put back after an await has to have a default to stand for it while the flow waits.

use serde::{Deserialize, Serialize};
use stube::{Confirm, flow};

#[derive(Serialize, Deserialize)]
struct Card(String);

#[derive(Serialize, Deserialize)]
struct Guest {
    name: String,
    card: Card,
}

#[flow]
async fn check(card: Card) -> Card {
    Confirm::new(format!("Is it {}?", card.0)).await;
    card
}

#[flow]
async fn arrive(mut guest: Guest) -> String {
    guest.card = check(guest.card).await;
    format!("{}, {}", guest.name, guest.card.0)
}

fn main() {}
