//! A mistake in the syntax of a body is told once, and not to those who call the flow.

use stube::{Confirm, flow};

#[flow]
async fn caller() -> bool {
    let sum = ;
    Confirm::new("?").await
}

#[flow]
async fn other() -> bool {
    caller().await
}

fn main() {
    drop(other());
}
