//! First light.
use serde::{Deserialize, Serialize};
use stube::testing::TestConversation;
use stube::{Choose, Confirm, Prompt, flow};

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

#[test]
fn a_booking() {
    let mut c = TestConversation::start(booking("ada".into()));
    c.answer::<Prompt>("3".into());
    c.reload();
    c.answer::<Choose>("blue".into());
    c.reload();
    println!("{}", c.record());
    c.answer::<Confirm>(false);
    c.reload();
    c.answer::<Choose>("red".into());
    c.reload();
    c.answer::<Confirm>(true);
    c.reload();
    println!("{}", c.record());
    c.answer::<Confirm>(true);
    assert_eq!(c.result::<Result<String, Declined>>(), Ok("r-40 red 1".to_owned()));
}
