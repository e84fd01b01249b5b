use stube::{Confirm, flow};

#[flow]
async fn order(cart: Vec<String>) -> usize {
    let mut ordered = 0;
    for item in cart.iter().filter(|item| !item.is_empty()) {
        if Confirm::new(item).await {
            ordered += 1;
        }
    }
    ordered
}

fn main() {}
