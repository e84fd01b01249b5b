use stube::{Prompt, flow};

macro_rules! note {
    ($text:literal) => {
        println!($text)
    };
}

#[flow]
async fn order(item: String) -> String {
    {
        let item = Prompt::new("Something else?").await;
        note!("{item}");
        Prompt::new("And?").await;
        drop(item);
    }
    item
}

fn main() {}
