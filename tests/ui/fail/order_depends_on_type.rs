use stube::{Confirm, flow};

fn index() -> usize {
    0
}

#[flow]
async fn order(mut counts: Vec<u32>) -> Vec<u32> {
    counts[index()] += u32::from(Confirm::new("Order it?").await);
    counts
}

fn main() {}
