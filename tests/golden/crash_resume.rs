//! The same of the example `crash_resume`, whose questions are those of another example too.

#![allow(dead_code, unused_imports, reason = "of an example, only its flows are used")]

use stube::testing::TestConversation;

#[path = "../../examples/crash_resume.rs"]
mod crash_resume;
#[path = "mod.rs"]
mod golden;

use golden::Answer::{Form, Sure, Text};
use golden::Filled::{Number, Text as Chosen};

#[test]
fn golden_crash_resume() {
    let answers = [
        Text("Ada"),
        Text("Grace"),
        Form(&[("from", Number(3)), ("to", Number(7))]),
        Form(&[("room", Chosen("tower"))]),
        Sure(true),
        Sure(true),
        Sure(false),
        Sure(true),
    ];
    golden::walk(|| TestConversation::start(crash_resume::stay()), &answers);
    golden::all_states_of(&["stay", "price"]);
}
