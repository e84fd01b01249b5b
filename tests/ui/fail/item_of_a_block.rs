use stube::{Confirm, flow};

struct Price(u32);

#[flow]
async fn order(price: u32) -> u32 {
    let Price(outer) = Price(price);
    {
        struct Price(u32, u32);
        let Price(a, b) = Price(1, 2);
        Confirm::new(format!("{a} {b}")).await;
    }
    outer
}

fn main() {}
