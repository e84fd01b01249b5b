use std::collections::HashMap;

use stube::{Confirm, flow};

#[flow]
async fn order(cart: HashMap<String, u32>) -> u32 {
    let mut ordered = 0;
    for count in cart.values() {
        if Confirm::new(format!("{count}?")).await {
            ordered += count;
        }
    }
    ordered
}

fn main() {}
