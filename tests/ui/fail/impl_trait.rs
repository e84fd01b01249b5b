use stube::flow;

#[flow]
async fn order(item: impl Into<String>) -> impl Clone {
    item.into()
}

fn main() {}
