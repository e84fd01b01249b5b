use stube::{Prompt, flow};

#[flow]
#[earlier(Before)]
async fn without_a_lock() -> String {
    Prompt::new("?").await
}

#[flow]
#[earlier(7)]
async fn without_a_name() -> String {
    Prompt::new("?").await
}

fn main() {}
