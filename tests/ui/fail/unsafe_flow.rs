use stube::flow;

#[flow]
async unsafe fn order() -> bool {
    true
}

fn main() {}
