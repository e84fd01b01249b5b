use serde::{Deserialize, Serialize};
use stube::Component;

#[derive(Serialize, Deserialize)]
struct Order;

impl Component for Order {
    type Answer = ();
}

fn main() {}
