use stube::flow;

#[flow]
fn order() -> bool {
    true
}

fn main() {}
