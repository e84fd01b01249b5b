//! Flows that call flows.

same! { calls { async fn call_inner(n: u32) -> [u32] { log(n); ask("inner").await + n } }
[()] async fn calls_another() -> u32 {
    let a = call_inner(ask("a").await).await;
    call_inner(a).await + call_inner(1).await * a
} }

same! { calls { async fn call_fallible(n: u32) -> [Result<u32, String>] { if n == 0 { return Err("nothing".into()); } Ok(ask_result("inner").await? + n) } }
[()] async fn calls_and_passes_errors_on() -> Result<u32, String> {
    let a = call_fallible(ask("a").await).await?;
    let mut sum = a;
    for i in 0..3 { sum += match call_fallible(i).await { Ok(n) => n, Err(error) => { log(&error); continue; } }; }
    Ok(sum)
} }

same! { calls {
    async fn count_down(n: u32) -> [u32] { if n == 0 { return 0; } let m = ask(n).await; let rest = count_down(n - 1).await; rest + m * n }
}
[()] async fn calls_itself_in_the_end() -> u32 { count_down(ask("from").await).await } }

same! { calls {
    async fn is_even(n: u32) -> [bool] { log(format!("even {n}")); if n == 0 { ask_bool("even").await } else { is_odd(n - 1).await } }
    async fn is_odd(n: u32) -> [bool] { log(format!("odd {n}")); if n == 0 { !ask_bool("odd").await } else { !ask_bool("turn").await || is_even(n - 1).await } }
}
[()] async fn calls_each_other() -> bool { is_even(ask("n").await + 1).await } }

same! { calls { async fn call_pair(a: u32, b: String) -> [(u32, String)] { (a + ask(&b).await, b + "!") } }
[()] async fn calls_in_expressions() -> String {
    let (n, s) = call_pair(1, ask_text("s").await).await;
    format!("{n} {s} {:?} {}", call_pair(n, s.clone()).await, { call_pair(ask("m").await, String::new()).await.1.len() })
} }

same! { calls { async fn call_at_once(n: u32) -> [u32] { log("no await"); n + 1 } }
[()] async fn calls_what_does_not_wait() -> u32 {
    let mut n = 0;
    while n < 3 { n = call_at_once(n).await; }
    n + call_at_once(ask("m").await).await
} }

same! { calls { async fn call_maybe(n: u32) -> [Option<Vec<u32>>] { let first = ask_maybe("first").await?; Some(vec![first, n]) } }
[()] async fn calls_in_conditions() -> usize {
    let mut all = vec![];
    while let Some(mut more) = call_maybe(all.len() as u32).await && all.len() < 6 { all.append(&mut more); }
    if call_maybe(1).await.is_some_and(|v| v[0] == 1) { all.clear(); }
    all.len()
} }

same! { calls {
    async fn callee_of_calls_another_flow(n: i64) -> [Result<i64, String>] {
    let m = signed(format!("callee {n}")).await;
    if m > n { Err(format!("{m} is more than {n}")) } else { Ok(n - m) }
}
    async fn silent_callee_of_calls_another_flow(n: i64) -> [i64] {
    log("no question");
    n + 1
} }
[()] async fn calls_another_flow() -> Result<String, String> {
    let a = callee_of_calls_another_flow(signed("a").await).await?;
    let b = callee_of_calls_another_flow(4).await.unwrap_or_default();
    let c = silent_callee_of_calls_another_flow(silent_callee_of_calls_another_flow(a).await).await;
    Ok(format!("{a} {b} {c}"))
} }

same! { calls {
    async fn callee_of_calls_in_a_loop(n: i64) -> [Result<i64, String>] {
    let m = signed(format!("callee {n}")).await;
    if m > n { Err(format!("{m} is more than {n}")) } else { Ok(n - m) }
}
    async fn silent_callee_of_calls_in_a_loop(n: i64) -> [i64] {
    log("no question");
    n + 1
} }
[()] async fn calls_in_a_loop() -> i64 {
    let mut sum = 0;
    for n in 0..3 {
        match callee_of_calls_in_a_loop(n * 3).await {
            Ok(left) => sum += left,
            Err(_) => break,
        }
        sum += silent_callee_of_calls_in_a_loop(n).await;
    }
    sum
} }
