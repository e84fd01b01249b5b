//! Two types of one name on disk are found before anything is saved. A program of its own, because no other runtime can
//! be opened in it.

use stube::{Confirm, ErrorKind, Runtime, flow, testing::TestConversation};

#[flow(name = "order")]
async fn first() -> bool {
    Confirm::new("First?").await
}

/// In another module, as in another crate.
mod other {
    #[stube::flow]
    pub(super) async fn order() -> bool {
        stube::Confirm::new("Second?").await
    }
}

#[tokio::test]
async fn a_runtime_does_not_open_and_names_both_places() {
    let error = Runtime::in_memory().await.expect_err("two types are called `order`");
    assert!(matches!(error.kind, ErrorKind::Registry(_)));
    let text = error.to_string();
    assert!(text.starts_with("two types are called `order` on disk: two_types_of_one_name (tests/"), "{text}");
    assert!(text.contains(" and two_types_of_one_name::other (tests/"), "{text}");
}

#[test]
#[should_panic(expected = "two types are called `order` on disk")]
fn a_test_conversation_does_not_start() {
    drop(other::order());
    TestConversation::start(first());
}
