use serde::{Deserialize, Serialize};
use stube::{Component, Confirm, Context, Handled, Next, component};

#[derive(Serialize, Deserialize)]
struct Order;

#[component]
impl Component for Order {
    type Answer = String;

    fn start(&mut self, _cx: &Context) -> Handled<Self> {
        Ok(Next::call(Confirm::new("Sure?"), Self::on_name))
    }

    #[resume]
    fn on_name(&mut self, name: String, _cx: &Context) -> Handled<Self> {
        Ok(Next::answer(name))
    }
}

fn main() {}
