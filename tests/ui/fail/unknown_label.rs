use stube::{Confirm, flow};

#[flow]
async fn order() {
    'cart: loop {
        if Confirm::new("Order it?").await {
            break 'card;
        }
        continue 'card;
    }
}

fn main() {}
