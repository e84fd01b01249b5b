use serde::{Deserialize, Serialize};
use stube::{Confirm, flow};

#[derive(Serialize, Deserialize)]
struct Dates(Vec<u32>);

impl Dates {
    fn first(&self) -> u32 {
        self.0[0]
    }
}

#[flow]
async fn book(dates: Dates) -> u32 {
    let first = dates.first();
    Confirm::new("Sure?").await;
    first
}

#[flow]
async fn book_saved(dates: Dates) -> u32 {
    let first = Dates::first(&dates);
    Confirm::new("Sure?").await;
    first
}

fn main() {}
