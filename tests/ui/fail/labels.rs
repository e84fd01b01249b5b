use stube::{Confirm, flow};

#[flow]
async fn order() -> bool {
    #[at("payment")]
    let first = Confirm::new("First?").await;
    #[at("Twice")]
    let second = Confirm::new("Second?").await;
    #[at("Twice")]
    let third = Confirm::new("Third?").await;
    #[at("Nothing")]
    let all = first && second && third;
    #[at("Both")]
    let both = (Confirm::new("One?").await, Confirm::new("Other?").await);
    all && both.0
}

#[flow]
async fn ask_twice() -> bool {
    // Whoever calls what has an error is told nothing on top.
    order().await && order().await
}

fn main() {}
