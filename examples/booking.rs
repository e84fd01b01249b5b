//! A booking that survives: nested flows, a loop, a `?`.
//!
//!     cargo run --example booking -- DIR
//!
//! Answer two questions, kill the process with `kill -9`, and run the same command again: you are asked the third one.
//! Look into DIR meanwhile: one readable file holds all there is.

use stube::{Confirm, FileStore, Prompt, flow, terminal};

#[path = "shared/dir.rs"]
mod dir;
#[path = "shared/hotel.rs"]
mod hotel;

use hotel::{Declined, PickDates, PickRoom, Receipt};

/// The whole conversation. Each `.await` is a place where it may wait for days.
#[flow]
pub(crate) async fn booking() -> Result<Receipt, Declined> {
    let guest = Prompt::new("Who is the guest?").await;
    let dates = PickDates { guest: guest.clone() }.await; // asks a person
    let mut tries = 0;
    let room = loop {
        let room = PickRoom { nights: dates.nights() }.await;
        if Confirm::new(format!("The {} room for {guest}?", room.name)).await {
            break room;
        }
        tries += 1;
        if tries == 3 {
            return Err(Declined::Undecided);
        }
    };
    let receipt = pay(guest, room.price * dates.nights()).await?; // calls another flow and takes its answer
    Ok(receipt)
}

/// Asks for the money.
#[flow]
async fn pay(guest: String, price: i64) -> Result<Receipt, Declined> {
    if !Confirm::new(format!("{guest}, do you pay {price} now?")).await {
        return Err(Declined::NotPaid);
    }
    Ok(Receipt { guest, paid: price })
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = FileStore::open(dir::from_args("booking"))?;
    terminal::run(store, booking, |result| match result {
        Ok(Receipt { guest, paid }) => println!("Receipt: {guest} paid {paid}."),
        Err(Declined::Undecided) => println!("No room was good enough."),
        Err(Declined::NotPaid) => println!("No money, no room."),
    })?;
    Ok(())
}
