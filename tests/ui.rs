//! Every message that an author can see, on the word that must change.

#[test]
fn what_cannot_be_a_flow_is_refused_with_what_to_write_instead() {
    trybuild::TestCases::new().compile_fail("tests/ui/fail/*.rs");
}
