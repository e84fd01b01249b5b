use stube::flow;

#[flow]
struct Order;

fn main() {}
