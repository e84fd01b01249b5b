use stube::{Prompt, flow};

#[flow]
async fn order() -> u32 {
    let name = Prompt::new("Who?").await;
    let length: u32 = name.len();
    length
}

fn main() {}
