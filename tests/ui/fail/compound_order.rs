use stube::{Prompt, flow};

fn next(from: &mut usize) -> usize {
    *from += 1;
    *from
}

#[flow]
async fn order() -> usize {
    let mut counts = vec![0; 3];
    let mut at = 0;
    counts[Prompt::new("Where?").await.len()] += next(&mut at);
    counts[0]
}

fn main() {}
