use stube::{Confirm, flow};

#[flow]
async fn order(mut count: u32) -> u32 {
    count.pow({
        count += 1;
        u32::from(Confirm::new("Order it?").await)
    })
}

fn main() {}
