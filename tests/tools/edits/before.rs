//! The flow that is edited.

use serde::{Deserialize, Serialize};
use stube::{Component, Confirm, Prompt, component, flow};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Dates {
    pub first: String,
    pub nights: u32,
    pub kind: Kind,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Kind {
    Alone,
    Group { size: u32 },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Room {
    pub name: String,
    pub price: u32,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct PickDates {
    guest: String,
}

#[component]
impl Component for PickDates {
    type Answer = Dates;
}

#[derive(Debug, Serialize, Deserialize)]
pub struct PickRoom {
    nights: u32,
}

#[component]
impl Component for PickRoom {
    type Answer = Room;
}

#[flow]
pub async fn booking(guest: String) -> Result<String, String> {
    let dates = PickDates { guest: guest.clone() }.await;
    let mut tries = 0_u32;
    let room = loop {
        let room = PickRoom { nights: dates.nights }.await;
        if Confirm::new(format!("{} for {guest}?", room.name)).await {
            break room;
        }
        tries += 1;
        if tries == 3 {
            return Err("undecided".to_owned());
        }
    };
    if !Confirm::new("Do you accept the terms?").await {
        return Err("terms".to_owned());
    }
    let receipt = pay(guest, room.price * dates.nights).await?;
    Ok(receipt)
}

#[flow]
pub async fn pay(guest: String, price: u32) -> Result<String, String> {
    let card = Prompt::new(format!("Your card, {guest}?")).await;
    #[at("Sure")]
    let sure = Confirm::new(format!("Pay {price} with {card}?")).await;
    if sure { Ok(format!("{guest} paid {price}")) } else { Err("unpaid".to_owned()) }
}
