//! What is known of a flow without running it.
//!
//!     cargo run --example manifest                 all flows, as JSON
//!     cargo run --example manifest -- approval     one flow, as a Mermaid diagram
//!
//! The manifest names each state with what it saves, what it waits for and what may come next. Two builds of one source
//! give the same bytes, so it can be committed and compared.

use stube::{Choose, Confirm, Prompt, flow};

/// An expense that two people have to agree to.
#[flow]
pub(crate) async fn approval() -> Result<String, String> {
    let amount = loop {
        let text = Prompt::new("How much, in whole euros?").await;
        match text.trim().parse::<u32>() {
            Ok(amount) => break amount,
            Err(_) => stube::Info::new(format!("{text} is no amount")).await,
        }
    };
    let by = signed("the manager".to_owned(), amount).await?;
    let board = if amount > 1_000 { Some(signed("the board".to_owned(), amount).await?) } else { None };
    Ok(format!("{amount} euros, by {by}{}", board.map(|board| format!(" and {board}")).unwrap_or_default()))
}

/// One signature.
#[flow]
async fn signed(whom: String, amount: u32) -> Result<String, String> {
    if !Confirm::new(format!("Does {whom} agree to {amount} euros?")).await {
        let why = Choose::new("Why not?", ["too much", "not needed"]).await;
        return Err(format!("{whom}: {why}"));
    }
    Ok(Prompt::new(format!("Who signs for {whom}?")).await)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    match std::env::args().nth(1) {
        None => println!("{}", serde_json::to_string_pretty(&stube::manifest())?),
        Some(name) => {
            let diagram = stube::diagram(&name).ok_or_else(|| format!("no flow is called `{name}`"))?;
            print!("{}", diagram.mermaid());
        }
    }
    Ok(())
}
