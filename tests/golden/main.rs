//! Records of earlier releases, of every state of the examples, read by this build.

#![allow(dead_code, clippy::duplicate_mod, reason = "of an example, only its flows are used, and examples share files")]

use stube::testing::TestConversation;

#[path = "../../examples/booking.rs"]
mod booking;
#[path = "mod.rs"]
mod golden;
#[path = "../../examples/guess.rs"]
mod guess;
#[path = "../../examples/handwritten.rs"]
mod handwritten;
#[path = "../../examples/manifest.rs"]
mod manifest;

use golden::Answer::{Choice, Form, Seen, Sure, Text};
use golden::Filled::{Number, Text as Chosen};

#[test]
fn golden_booking() {
    let answers = [
        Text("Ada"),
        Form(&[("from", Number(3)), ("to", Number(7))]),
        Form(&[("room", Chosen("cellar"))]),
        Sure(false),
        Form(&[("room", Chosen("garden"))]),
        Sure(true),
        Sure(true),
    ];
    golden::walk(|| TestConversation::start(booking::booking()), &answers);
    golden::all_states_of(&["booking", "pay"]);
}

#[test]
fn golden_guess() {
    let number = |n| Form(if n == 50 { &[("number", Number(50))] } else { &[("number", Number(7))] });
    golden::walk(|| TestConversation::start(guess::guess(7)), &[number(50), number(7), Seen]);
    golden::all_states_of(&["guess"]);
}

#[test]
fn golden_handwritten() {
    let answers = [Choice("small"), Text("Ada"), Sure(true)];
    golden::walk(|| TestConversation::start(handwritten::order("tea".into())), &answers);
    golden::walk(|| TestConversation::start(handwritten::by_hand("tea".into())), &answers);
    golden::all_states_of(&["order"]);
}

#[test]
fn golden_manifest() {
    let answers = [Text("much"), Seen, Text("2000"), Sure(true), Text("Ada"), Sure(false), Choice("too much")];
    golden::walk(|| TestConversation::start(manifest::approval()), &answers);
    golden::all_states_of(&["approval", "signed"]);
}
