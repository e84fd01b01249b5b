use stube::flow;

#[flow]
async fn order() -> bool {
    let ready = std::future::ready(true).await;
    ready
}

fn main() {}
