use stube::{Confirm, flow};

#[flow]
async fn order() -> u32 {
    let tries = 1;
    if Confirm::new("Order it?").await { tires } else { tries }
}

fn main() {}
