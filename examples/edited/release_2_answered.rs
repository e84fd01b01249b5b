//! The coffee shop, edited, with an answer for everybody who waits.

use stube::{Confirm, FileStore, Prompt, flow, terminal};

stube::flows_lock!();

#[flow]
#[earlier(Before)]
#[migrate(|before: Before| match before {
    Before::Size { name } => retire(format!("nothing, {name}: we have one size now, please order again")),
})]
async fn order() -> String {
    let name = Prompt::new("Your name?").await;
    #[default = "1".to_owned()]
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
