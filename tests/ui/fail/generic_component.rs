use serde::{Deserialize, Serialize};
use stube::{Component, component};

#[derive(Serialize, Deserialize)]
struct Pick<T>(T);

#[component]
impl<T> Component for Pick<T> {}

fn main() {}
