use serde::{Deserialize, Serialize};
use stube::flow;

#[derive(Serialize, Deserialize)]
struct Cart;

impl Cart {
    #[flow]
    async fn order(self) -> bool {
        true
    }
}

#[flow]
impl Cart {
    #[flow]
    async fn look(&self) -> bool {
        true
    }
}

#[flow]
impl Cart {
    #[flow]
    async fn keep(self: Box<Self>) -> bool {
        true
    }
}

#[flow]
impl Cart {
    async fn forget(self) -> bool {
        true
    }
}

#[flow]
impl Clone for Cart {
    fn clone(&self) -> Self {
        Self
    }
}

fn main() {}
