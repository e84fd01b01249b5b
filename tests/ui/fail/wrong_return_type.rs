use stube::{Confirm, flow};

#[flow]
async fn order() -> u32 {
    Confirm::new("Order it?").await
}

fn main() {}
