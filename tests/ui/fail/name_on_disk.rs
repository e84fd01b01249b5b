use serde::{Deserialize, Serialize};
use stube::{Component, component, flow};

#[flow(name = "an order")]
async fn order() {}

#[flow(nmae = "order")]
async fn other() {}

#[derive(Serialize, Deserialize)]
struct Empty;

#[component(name = "")]
impl Component for Empty {}

fn main() {}
