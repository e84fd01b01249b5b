use std::sync::atomic::{AtomicU32, Ordering};

use stube::{Info, flow};

const COUNT: AtomicU32 = AtomicU32::new(0);

#[flow]
async fn counted() -> u32 {
    let count = COUNT;
    count.fetch_add(1, Ordering::Relaxed);
    Info::new("wait").await;
    count.load(Ordering::Relaxed)
}

fn main() {}
