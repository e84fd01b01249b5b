use stube::flow;

#[flow]
async fn order(item: &str, cart: Vec<&'static str>) -> &'static str {
    item
}

fn main() {}
