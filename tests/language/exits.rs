//! `return` and `?`, and code between awaits that stays as it is.

macro_rules! bail {
    ($($arg:tt)*) => { return Err(format!($($arg)*).into()) };
}

macro_rules! ensure {
    ($cond:expr, $($arg:tt)*) => { if !$cond { bail!($($arg)*) } };
}

same! { [()] async fn question_mark_on_a_result() -> Result<i64, String> {
    let a = signed_result("a").await?;
    let b = signed_result("b").await? + 1;
    Ok(a + b)
} }

same! { [()] async fn question_mark_converts_the_error() -> Result<i64, Broken> {
    let a = signed_result("a").await?;
    let b: Result<i64, String> = if a > 4 { Err("large".to_owned()) } else { Ok(a) };
    ask_unit("then").await;
    Ok(b? + signed_result("c").await?)
} }

same! { [()] async fn question_mark_on_an_option() -> Option<i64> {
    let a = signed_maybe("a").await?;
    let b = signed_maybe("b").await?.checked_sub(2)?;
    (a > b).then_some(a - b)
} }

same! { [()] async fn question_mark_inside_of_things() -> Result<String, String> {
    let list = vec![signed_result("a").await?, signed_result("b").await?];
    let text = format!("{} {}", signed_result("c").await?, list.len());
    for n in 0..2 { log(signed_result(format!("{n}")).await?); }
    Ok(text)
} }

same! { [()] async fn a_result_is_handled() -> String {
    let r = signed_result("a").await;
    match r {
        Ok(n) => format!("ok {n}"),
        Err(e) => { let t = ask_text("why").await; format!("{e} {t}") }
    }
} }

same! { [()] async fn early_returns_again() -> String {
    let n = signed("n").await;
    if n < 0 { return "negative".to_owned() }
    if n == 0 { return ask_text("zero").await }
    for i in 0..n {
        if i == 4 { return format!("four of {n}") }
        if ask_bool(format!("{i}")).await { return format!("at {i}") }
    }
    "end".to_owned()
} }

same! { [()] async fn return_in_the_middle_of_an_expression() -> i64 {
    let n = signed_maybe("n").await.unwrap_or(-5);
    let x = 3 + if n > 5 { return signed("early").await } else { n };
    x + match n { 0 => return 0, n => signed("m").await * n }
} }

same! { [()] async fn hidden_returns() -> Result<i64, String> {
    let n = signed("n").await;
    ensure!(n >= 0, "{n} is negative");
    if n > 7 { bail!("{n} is large") }
    let m = signed("m").await;
    ensure!(m != n, "{m} twice");
    Ok(n + m)
} }

same! { [()] async fn dead_code_after_return() -> i64 {
    let n = signed("n").await;
    if n > 100 { return n }
    return n + signed("m").await;
} }

same! { [()] async fn branches_that_never_come_back() -> i64 {
    let n = match signed_maybe("n").await {
        Some(n) => n,
        None => { ask_unit("none").await; return -1 }
    };
    let m: i64 = if n > 6 { ask_unit("large").await; return -2 } else { n };
    if m > 1000 { panic!("it is {m}") }
    let k = if m == 1 { signed("k").await } else if m > 1000 { unreachable!() } else { 2 };
    m + k
} }

same! { [()] async fn closures_between_awaits_again() -> i64 {
    let base = signed("base").await;
    let add = |n: i64| -> i64 { if n < 0 { return 0 } n + base };
    let sum: i64 = [1, -2, 3].into_iter().map(add).sum();
    let more = signed("more").await;
    let mut seen = Vec::new();
    (0..3).for_each(|n| seen.push(n * more));
    sum + seen.into_iter().sum::<i64>()
} }

same! { [()] async fn borrows_between_awaits() -> String {
    let text = ask_text("a").await;
    let first = { let slice = text.as_str(); slice.chars().next() };
    let items = ask_list("b").await;
    let most = items.iter().max().copied();
    ask_unit("c").await;
    format!("{text} {first:?} {most:?} {items:?}")
} }

same! { [()] async fn items_inside_the_body() -> i64 {
    const LIMIT: i64 = 4;
    fn double(n: i64) -> i64 { return n * 2 }
    use std::cmp::max;
    #[derive(Debug, Serialize, Deserialize)]
    struct Inner { n: i64 }
    let inner = Inner { n: signed("a").await };
    ask_unit("b").await;
    let typed: Inner = Inner { n: double(inner.n) };
    ask_unit("c").await;
    max(typed.n, LIMIT)
} }

same! { [()] async fn captures_in_format_strings() -> String {
    let (room, width) = (ask_text("room").await, 5);
    ask_unit("so").await;
    let text = format!("{room:>width$} {{room}} {0}", 1);
    println!("{room}");
    ask_unit(format!("{text}")).await;
    text
} }

same! { [()] async fn values_moved_into_closures() -> String {
    let text = ask_text("a").await;
    let n = signed("b").await;
    let make = move || format!("{text}{n}");
    let made = make();
    ask_unit("c").await;
    format!("{made} {n}")
} }

same! { [()] async fn a_mutable_borrow_between_awaits() -> Vec<i64> {
    let mut list = ask_list("a").await;
    for item in &mut list { *item += 1; }
    if let Some(last) = list.last_mut() { *last = 100; }
    ask_unit("b").await;
    list.retain(|n| *n > 1);
    list
} }

same! { [()] async fn a_loop_over_borrows_that_leaves_the_outer_loop() -> i64 {
    let list = vec![3, 5, 7];
    let mut rounds = 0;
    loop {
        rounds += 1;
        let n = signed("n").await;
        for item in &list {
            if *item == n { return rounds }
            if *item > n + 6 { break }
        }
        if rounds > 6 { break }
    }
    -rounds
} }
