use stube::{Prompt, flow};

#[flow]
async fn order() -> u32 {
    let amount: u32 = Prompt::new("How many?").await.parse()?;
    amount
}

fn main() {}
