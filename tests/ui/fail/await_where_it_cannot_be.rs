use stube::{Confirm, flow};

#[flow]
async fn order(cart: Vec<String>) -> usize {
    let asked = cart.iter().map(|item| Confirm::new(item).await);
    let later = async { Confirm::new("Later?").await };
    const SURE: bool = Confirm::new("Sure?").await;
    async fn inner() -> bool {
        Confirm::new("Inner?").await
    }
    match cart.len() {
        1 if Confirm::new("Only one?").await => {}
        _ => {}
    }
    unsafe {
        Confirm::new("Unsafe?").await;
    }
    tokio::select! {
        sure = Confirm::new("Sure?").await => {}
    }
    cart.len()
}

fn main() {}
