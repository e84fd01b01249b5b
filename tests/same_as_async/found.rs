//! What the random programs of `tests/programs` found, made small.

same! { [()] async fn a_local_has_the_name_that_an_answer_has_in_generated_code() -> String {
    let answer = ask_text("a").await;
    drop(answer);
    format!("{} {}", ask("b").await, ask("c").await)
} }
