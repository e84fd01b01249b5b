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

fn a_runtime_does_not_open_and_names_both_places() {
    let error = Runtime::in_memory().expect_err("two types are called `order`");
    assert!(matches!(error.kind, ErrorKind::Registry(_)));
    let text = error.to_string();
    assert!(text.starts_with("two types have the name `order` on disk: two_types_of_one_name (tests/"), "{text}");
    assert!(text.contains(" and two_types_of_one_name::other (tests/"), "{text}");
}

fn panics(code: fn()) -> bool {
    match std::panic::catch_unwind(code) {
        Ok(()) => false,
        Err(panic) => {
            let text = panic.downcast_ref::<String>().expect("a text");
            text.contains("two types have the name `order` on disk")
        }
    }
}

/// Without a harness: the test that `#[flow]` writes beside each of the two would fail here, and rightly so.
fn main() {
    a_runtime_does_not_open_and_names_both_places();
    assert!(panics(|| {
        drop(other::order());
        TestConversation::start(first());
    }));
    // What the test that `#[flow]` writes calls.
    assert!(panics(|| stube::__private::assert_alone("order")));
    stube::__private::assert_alone("confirm");
    println!("two types of one name: found by a runtime, by a test conversation, and by the test beside each flow");
}
