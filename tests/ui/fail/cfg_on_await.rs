use stube::{Confirm, flow};

#[flow]
async fn order() {
    #[cfg(unix)]
    let sure = Confirm::new("Order it?").await;
}

fn main() {}
