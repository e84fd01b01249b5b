use stube::{Confirm, flow};

#[flow]
async fn order(cart: Vec<String>) -> usize {
    let mut rest = cart.iter();
    rest.next();
    if Confirm::new("Order it?").await { rest.count() } else { 0 }
}

fn main() {}
