//! A coffee shop, as it was first released.

use stube::{Choose, Confirm, FileStore, Prompt, flow, terminal};

stube::flows_lock!();

#[flow]
async fn order() -> String {
    let name = Prompt::new("Your name?").await;
    let size = Choose::new("Which size?", ["small", "large"]).await;
    let milk = Confirm::new("With milk?").await;
    let with = if milk { "with" } else { "without" };
    format!("a {size} coffee {with} milk for {name}")
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = FileStore::open(std::env::args().nth(1).unwrap_or("data".into()))?;
    terminal::run(store, order, |ordered| println!("Ordered: {ordered}."))?;
    Ok(())
}
