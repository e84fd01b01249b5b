//! What macros that turn functions into state machines publish as their limits, each written as an author would.
//!
//! The names are those of the limits: one body for each.

same! { [()] async fn after_effects_of_the_same_statement() -> u32 {
    fn add(a: u32, b: u32, c: u32) -> u32 { a + 10 * b + 100 * c }
    add(log(1), ask("b").await, log(3)) + log(4) * ask("c").await
} }

same! { [()] async fn in_conditional_positions() -> u32 {
    let c = ask_bool("c").await;
    let both = c && ask_bool("and").await || ask_bool("or").await;
    let n = 1 + if c { ask("then").await } else { match ask("m").await { 0 => ask("zero").await, n => n } };
    n + u32::from(both)
} }

same! { [()] async fn in_conditions_of_loops() -> u32 {
    let mut sum = 0;
    while ask("while").await + sum < 6 { sum += 1; }
    while let Some(n) = ask_maybe("let").await { sum += n; if sum > 20 { break; } }
    sum
} }

same! { [()] async fn in_arguments_of_methods() -> Vec<u32> {
    let mut list = vec![0];
    list.push(ask("push").await);
    list.insert(log(0), ask("insert").await.max(ask("max").await));
    list
} }

same! { [()] async fn let_chains_around_awaits() -> u32 {
    if let Some(n) = ask_maybe("first").await && n > 0 && let Some(m) = ask_maybe("second").await {
        return n + m + ask("third").await;
    }
    let mut sum = 0;
    while let Some(n) = ask_maybe("loop").await && sum < 9 { sum += n + ask("body").await; }
    sum
} }

same! { [()] async fn any_expression_is_awaited() -> u32 {
    mod questions { pub(super) fn of(n: u32) -> crate::Ask { crate::ask(n) } }
    #[derive(serde::Serialize, serde::Deserialize)]
    struct Asker { n: u32 }
    impl Asker { fn next(&mut self) -> crate::Ask { self.n += 1; crate::ask(self.n) } }
    let mut asker = Asker { n: 0 };
    let first = asker.next().await;
    let choose = if asker.n == 1 { questions::of } else { questions::of };
    first + choose(3).await + questions::of(2).await + (|| crate::ask("closure"))().await + { ask(5) }.await
} }

same! { [()] async fn no_annotation_at_joins() -> String {
    let x = if ask_bool("which").await { ask_unit("a").await; vec![1, 2] } else { vec![] };
    let y = match x.len() { 0 => None, n => Some(n + ask("y").await as usize) };
    ask_unit("so").await;
    format!("{x:?} {y:?}")
} }

same! { [()] async fn no_annotation_of_patterns() -> String {
    let (a, b) = ask_pair("pair").await;
    let Shape::Circle { radius } = ask_shape("shape").await else {
        let n = ask("else").await;
        return format!("{a} {b} {n}");
    };
    for (i, [x, y]) in vec![[1, 2], [3, 4]].into_iter().enumerate() {
        if ask("loop").await == 0 { return format!("{i} {x} {y}"); }
    }
    match ask_result("result").await {
        Ok(n) => { ask_unit("ok").await; format!("{n} {radius}") }
        Err(text) => { ask_unit("err").await; text }
    }
} }

same! { [((1, 2), [3, 4])] async fn patterns_as_arguments((a, b): (u32, u32), [c, d]: [u32; 2]) -> u32 {
    let n = ask("n").await;
    a + b * n + c + d
} }

same! { [()] async fn loops_over_borrowed_locals() -> i64 {
    let list = ask_list("list").await;
    let mut sum = 0;
    for item in &list { sum += item * signed("n").await; }
    sum + list.len() as i64
} }

same! { [()] async fn break_with_a_value_anywhere() -> u32 {
    let add = 1 + loop { let n = ask("n").await; if n > 1 { break n; } };
    add.max('found: {
        for n in 0..3 { if ask(n).await == n { break 'found n + 10; } }
        ask("none").await
    })
} }

same! { [()] async fn jumps_from_statements_that_shadow() -> u32 {
    let mut kept = ask("kept").await;
    loop {
        let n = ask("n").await;
        if n > 0 { let kept = n * 2; log(kept); if kept > 2 { break; } }
        kept += 1;
        if kept > 5 { let n = kept; log(n); break; }
    }
    kept
} }

same! { [()] async fn a_question_mark_in_an_expression() -> Result<u32, String> {
    let sum = ask_result("a").await? + log(1) + ask_result("b").await?;
    Ok(sum + [ask_result("c").await?, 2].len() as u32)
} }

same! { [()] async fn a_variable_moved_out_and_filled_again() -> Vec<String> {
    let mut text = ask_text("first").await;
    let mut all = Vec::new();
    while all.len() < 3 {
        let old = text;
        text = ask_text(&old).await;
        all.push(old);
    }
    all.push(text);
    all
} }

same! { [()] async fn nested_values_of_blocks() -> u32 {
    let x = { let y = { ask("inner").await + 1 }; let z = unsafe_free(ask("z").await); y * z };
    fn unsafe_free(n: u32) -> u32 { n + 1 }
    x + { let mut n = 0; while n < 2 { n += 1 + ask("step").await; } n }
} }
