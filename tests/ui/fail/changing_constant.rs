use std::cell::Cell;

use stube::{Info, flow};

const ZERO: Cell<u32> = Cell::new(0);

#[flow]
async fn counted() -> u32 {
    let t = ZERO;
    t.set(1);
    Info::new("wait").await;
    t.get()
}

#[flow]
async fn borrowed() -> u32 {
    let t = &ZERO;
    t.set(1);
    Info::new("wait").await;
    t.get()
}

fn main() {}
