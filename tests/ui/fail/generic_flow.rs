use stube::flow;

#[flow]
async fn order<T: Clone>(item: T) -> T {
    item
}

fn main() {}
