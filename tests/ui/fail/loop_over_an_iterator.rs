use stube::{Confirm, flow};

#[flow]
async fn halve(from: u32) -> usize {
    let mut steps = 0;
    for half in std::iter::successors(Some(from), |n| (*n > 1).then_some(n / 2)) {
        if Confirm::new(format!("{half}?")).await {
            steps += 1;
        }
    }
    steps
}

fn main() {}
