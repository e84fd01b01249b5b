//! The coffee shop, edited: there is one size now, and one may order several cups.

use stube::{Confirm, FileStore, Prompt, flow, terminal};

stube::flows_lock!();

#[flow]
async fn order() -> String {
    let name = Prompt::new("Your name?").await;
    let cups = Prompt::new("How many cups?").await;
    let milk = Confirm::new("With milk?").await;
    let with = if milk { "with" } else { "without" };
    format!("{cups} coffees {with} milk for {name}")
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = FileStore::open(std::env::args().nth(1).unwrap_or("data".into()))?;
    terminal::run(store, order, |ordered| println!("Ordered: {ordered}."))?;
    Ok(())
}
