use std::rc::Rc;

use stube::{Confirm, flow};

#[flow]
async fn order() -> usize {
    let cart = Rc::new(vec![1, 2, 3]);
    if Confirm::new("Order it?").await { cart.len() } else { 0 }
}

fn main() {}
