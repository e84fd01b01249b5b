//! What a waiting flow is called on disk: after the `let` it waits in, else after what it awaits; numbered if that is
//! taken. Its fields are the locals that are needed after the await, under the names that the author gave them.

use serde_json::{Value, json};
use stube::flow;
use stube::testing::TestConversation;

use crate::{Ask, AskBool, AskText, AskUnit, ask, ask_bool, ask_text, ask_unit};

/// The flow at the bottom, as it is saved.
fn saved(conversation: &TestConversation) -> Value {
    let bottom = conversation.conversation().expect("it waits").bottom();
    let record = conversation.record();
    find(&record, bottom.state().expect("it is a flow")).expect("its state is in the record").clone()
}

/// The first map with this key alone in it, or the key by itself.
fn find<'a>(value: &'a Value, state: &str) -> Option<&'a Value> {
    match value {
        Value::Object(map) if map.len() == 1 && map.contains_key(state) => Some(value),
        Value::Object(map) => map.values().find_map(|value| find(value, state)),
        Value::Array(all) => all.iter().find_map(|value| find(value, state)),
        _ => None,
    }
}

#[flow]
async fn names_of_states(guest: String) -> u32 {
    let from = ask("from").await;
    if ask_bool(&guest).await {
        ask_unit("unit").await;
    }
    let room = loop {
        let room = ask_text("room").await;
        if ask_bool(room.clone()).await {
            break room;
        }
    };
    let r#type = { Ask("type".to_owned()).await + log_len(&room) };
    let from = from + ask(r#type).await;
    from + log_len(&ask_text(room).await)
}

fn log_len(text: &str) -> u32 {
    text.len() as u32
}

#[test]
fn a_state_is_named_after_its_binding_or_after_what_is_awaited() {
    let mut c = TestConversation::start(names_of_states("ada".into()));
    assert_eq!(saved(&c), json!({"From": {"guest": "ada"}}));
    c.answer::<Ask>(1);
    assert_eq!(saved(&c), json!({"AskBool": {"from": 1}}));
    c.answer::<AskBool>(true);
    assert_eq!(saved(&c), json!({"AskUnit": {"from": 1}}));
    c.answer::<AskUnit>(());
    assert_eq!(saved(&c), json!({"Room": {"from": 1}}));
    c.answer::<AskText>("blue".into());
    assert_eq!(saved(&c), json!({"AskBool2": {"from": 1, "room": "blue"}}));
    c.answer::<AskBool>(true);
    assert_eq!(saved(&c), json!({"Ask": {"from": 1, "room": "blue"}}));
    c.answer::<Ask>(2);
    assert_eq!(saved(&c), json!({"Ask2": {"from": 1, "room": "blue"}}));
    c.answer::<Ask>(3);
    assert_eq!(saved(&c), json!({"AskText": {"from": 4}}));
    c.answer::<AskText>("x".into());
    assert_eq!(c.result::<u32>(), 5);
}

#[flow]
async fn names_of_hidden_locals() -> u32 {
    let x = ask("x").await;
    let y = {
        let x = ask("inner").await;
        ask_unit("wait").await;
        x
    };
    x + y
}

#[test]
fn a_local_that_hides_another_keeps_its_name_on_disk() {
    let mut c = TestConversation::start(names_of_hidden_locals());
    c.answer::<Ask>(1);
    assert_eq!(saved(&c), json!({"X2": {"x": 1}}));
    c.answer::<Ask>(2);
    assert_eq!(saved(&c), json!({"AskUnit": {"x": 1, "x2": 2}}));
}

#[flow]
async fn names_of_our_own() -> u32 {
    let mut sum = 0;
    for word in vec!["a".to_owned(), "b".to_owned()] {
        sum += ask(&word).await + ask("operand").await;
    }
    sum
}

#[test]
fn what_the_macro_adds_has_a_name_that_can_be_read() {
    let mut c = TestConversation::start(names_of_our_own());
    assert_eq!(saved(&c), json!({"Ask": {"sum": 0, "rest_of_word": ["b"]}}));
    c.answer::<Ask>(1);
    assert_eq!(saved(&c), json!({"Ask2": {"sum": 0, "rest_of_word": ["b"], "operand": 1}}));
}

#[flow]
#[allow(unused_variables, reason = "it is the body that is allowed this")]
async fn names_with_lints() -> u32 {
    let nobody_needs_this = ask("n").await;
    #[allow(clippy::let_and_return)]
    let m = ask("m").await;
    m
}

#[flow]
#[expect(unused_variables, reason = "so is it expected of the body")]
async fn names_with_expectations() -> u32 {
    let nobody_needs_this = names_with_lints().await;
    2
}

#[test]
fn a_lint_level_on_a_flow_is_for_its_body() {
    let mut c = TestConversation::start(names_with_expectations());
    c.answer::<Ask>(1);
    c.answer::<Ask>(2);
    assert_eq!(c.result::<u32>(), 2);
}

/// Flows stand where functions may stand.
pub(crate) mod inner {
    use stube::flow;

    use crate::ask;

    /// It has a doc comment, and is seen from outside.
    #[flow(name = "names/custom")]
    pub(crate) async fn names_public(n: u32) -> u32 {
        // And an ordinary one.
        n + ask("n").await
    }

    pub(super) mod deeper {
        #[stube::flow]
        pub(in crate::names) async fn names_deeper() -> u32 {
            super::names_public(1).await + crate::ask("more").await
        }
    }
}

#[test]
fn a_flow_stands_in_a_module() {
    let mut c = TestConversation::start(inner::deeper::names_deeper());
    assert_eq!(saved(&c), json!({"NamesPublic": {}}));
    assert_eq!(c.front().map(stube::kernel::conversation::Instance::name), Some("ask"));
    assert!(c.record().to_string().contains("names/custom"));
    c.reload();
    c.answer::<Ask>(2);
    c.reload();
    c.answer::<Ask>(3);
    assert_eq!(c.result::<u32>(), 6);
}
