//! What a flow saves of a local is the whole, or the parts that it needs: not the whole without a part.

use serde::{Deserialize, Serialize};
use stube::{Confirm, flow};

#[derive(Serialize, Deserialize)]
struct Cart {
    items: Vec<String>,
    name: String,
}

fn total(cart: &Cart) -> usize {
    cart.items.len() + cart.name.len()
}

#[flow]
async fn pay(mut cart: Cart) -> usize {
    let items = cart.items;
    Confirm::new(format!("Pay for {items:?}?")).await;
    cart.items = items;
    total(&cart)
}

fn main() {}
