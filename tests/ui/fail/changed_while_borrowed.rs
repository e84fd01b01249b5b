//! A borrow that is taken again after an await, where the plain function has the first one.

use std::collections::BTreeMap;

use stube::{Confirm, flow};

/// A borrow of a text of the program outlives the local that it was taken from.
#[flow]
async fn another_text() -> u64 {
    let mut t = "  abc ";
    let p = t.trim();
    t = "zzz";
    Confirm::new("?").await;
    p.len() as u64 + t.len() as u64
}

/// The key is a borrow, which cannot be saved, and changes behind it.
#[flow]
async fn a_key_that_is_a_borrow() -> u64 {
    let map = BTreeMap::from([("a", 1_u64)]);
    let mut name = "a".to_owned();
    let key = name.as_str();
    let floor = map.get(&key).unwrap();
    name.push('b');
    Confirm::new("?").await;
    *floor
}

/// Which of the alternatives matches depends on what is written.
#[flow]
async fn alternatives() -> (u64, u64) {
    let mut pair = (7, 2);
    if let (1, n) | (n, 2) = &mut pair {
        *n = 1;
        Confirm::new("?").await;
        *n += 1;
    }
    pair
}

fn main() {}
