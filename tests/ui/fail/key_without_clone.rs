use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use stube::{Confirm, flow};

#[derive(Serialize, Deserialize, PartialEq, Eq, Hash)]
struct Number(u32);

#[flow]
async fn floor(rooms: HashMap<Number, u32>) -> u32 {
    let mut number = Number(1);
    let floor = rooms.get(&number).unwrap();
    number = Number(2);
    if Confirm::new("Go on?").await { *floor + number.0 } else { 0 }
}

fn main() {}
