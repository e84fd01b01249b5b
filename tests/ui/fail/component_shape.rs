use stube::{Component, Confirm, Context, Handled, component};

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
struct Cart;

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
struct Legal;

#[component]
impl Component for Legal {
    fn start(&mut self, cx: &Context) -> Handled<Self> {
        drop((self, cx, Confirm::new("?")));
        unimplemented!()
    }
}

#[component]
impl PartialEq for Cart {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

#[component]
impl Component for (Cart, Cart) {
    fn start(&mut self, cx: &Context) -> Handled<Self> {
        cx.call(Confirm::new("?"), Self::on_answer)
    }
}

#[component]
impl Component for Cart {
    #[resume]
    fn on_answer(&mut self, answer: bool) -> Handled<Self> {
        drop(answer);
        unimplemented!()
    }
}

fn main() {}
