//! Every message that an author can see, on the word that must change.

use std::fs;

#[test]
fn what_cannot_be_a_flow_is_refused_with_what_to_write_instead() {
    trybuild::TestCases::new().compile_fail("tests/ui/fail/*.rs");
}

#[test]
fn every_message_of_the_macro_has_a_test() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/");
    let mut shown = String::new();
    for file in fs::read_dir(format!("{root}tests/ui/fail")).expect("the tests") {
        let path = file.expect("a file").path();
        if path.extension().is_some_and(|extension| extension == "stderr") {
            shown += &fs::read_to_string(path).expect("a text");
        }
    }
    // What depends on a file beside the crate is shown there.
    let old_states = fs::read_to_string(format!("{root}macros/src/old_states.rs")).expect("the stage");
    let (_, tests) = old_states.split_once("mod tests").expect("its tests");
    shown += &tests.split("\\\n").map(str::trim_start).collect::<String>();
    let mut source = String::new();
    for file in fs::read_dir(format!("{root}macros/src/errors")).expect("the messages") {
        source += &fs::read_to_string(file.expect("a file").path()).expect("a text");
    }
    // A text may go on in the next line; what it is told stands between braces.
    let source = source.replace("\\\n", "\u{0}");
    let source: String = source.split('\u{0}').map(str::trim_start).collect();
    let texts = source.split('"').skip(1).step_by(2).map(|text| text.replace("\\", ""));
    let starts: Vec<_> = texts.map(|text| text.split('{').next().unwrap_or_default().to_owned()).collect();
    let messages: Vec<_> = starts.iter().filter(|start| start.len() > 20).collect();
    assert!(messages.len() > 25, "only {} messages have been found", messages.len());
    let missing: Vec<_> = messages.into_iter().filter(|start| !shown.contains(start.trim())).collect();
    assert!(missing.is_empty(), "no test shows {missing:#?}");
}
