//! All problems of a flow are reported together, whichever stage finds them, and cause no warnings about imports,
//! variables and items that the flow uses.

use std::collections::BTreeMap;

use stube::{Confirm, Prompt, flow};

const LIMIT: usize = 3;

fn price(room: &str) -> usize {
    room.len()
}

#[flow]
async fn two_stages() -> bool {
    let mut seen = BTreeMap::new();
    let g = || { Confirm::new("a").await };
    'a: loop {
        seen.insert(price("x"), g());
        if Confirm::new("x").await {
            break 'b;
        }
        if seen.len() > LIMIT {
            break 'a;
        }
    }
    seen.is_empty()
}

struct Guest;

#[flow(version = 0)]
async fn signature_and_body(guest: &Guest, names: &[&str]) -> String {
    let name = Prompt::new("Name?").await;
    if names.is_empty() {
        return name;
    }
    let later = async { Prompt::new("Later?").await };
    drop((guest, later));
    #[at("x")]
    let again = Prompt::new("Again?").await;
    again
}

fn main() {
    drop(two_stages());
}
