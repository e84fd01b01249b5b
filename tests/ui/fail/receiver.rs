use stube::flow;

struct Cart;

impl Cart {
    #[flow]
    async fn order(self) -> bool {
        true
    }
}

fn main() {}
