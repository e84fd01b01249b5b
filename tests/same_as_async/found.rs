//! What the random programs of `tests/programs` found, made small.

same! { [()] async fn a_local_has_the_name_that_an_answer_has_in_generated_code() -> String {
    let answer = ask_text("a").await;
    drop(answer);
    format!("{} {}", ask("b").await, ask("c").await)
} }

same! { [(true), (false)] async fn a_block_in_a_macro_hides_a_local(ok: bool) -> bool {
    assert!({ let ok = ok; ask_unit("a").await; !ok || ok });
    ok
} }

same! { [(3)] async fn a_loop_in_a_macro_hides_a_local(n: i64) -> Vec<i64> {
    let all = vec![loop { let n = ask_pair("a").await; if n.0 > 1 { break n.0; } }, n];
    all
} }
