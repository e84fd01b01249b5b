//! `if`, `match`, patterns, and early ways out.

same! { [(0), (5)] async fn if_without_else(n: u32) -> u32 {
    let mut x = n;
    if n > 2 { x += ask("x").await; }
    x
} }

same! { [()] async fn if_else_chain() -> u32 {
    let n = ask("n").await;
    if n == 0 { ask("zero").await } else if n == 1 { 10 } else if ask_bool("big").await { n * 100 } else { return 5; }
} }

same! { [()] async fn if_as_value() -> u32 {
    let x = if ask_bool("a").await { ask("b").await } else { 7 };
    let y = if x > 2 { log(x) } else { ask("c").await };
    x * 10 + y
} }

same! { [()] async fn if_let_else() -> u32 {
    if let Some(n) = ask_maybe("a").await { n + ask("b").await } else if let Ok(n) = ask_result("c").await { n } else { 99 }
} }

same! { [()] async fn if_let_of_a_local() -> String {
    let text = Some(ask_text("text").await);
    if let Some(text) = text {
        let more = ask_text("more").await;
        return text + &more;
    }
    "none".to_owned()
} }

same! { [()] async fn let_chain_with_awaits() -> u32 {
    let base = 2;
    if let Some(a) = ask_maybe("a").await && a != 1 && let Some(b) = ask_maybe("b").await && a + b > base && ask_bool("c").await {
        a * 10 + b
    } else {
        ask("else").await + base
    }
} }

same! { [()] async fn let_chain_first_link_only() -> u32 {
    if let Some(a) = ask_maybe("a").await && let Some(b) = a.checked_sub(1) && log(b) < 5 { b } else { 50 }
} }

same! { [()] async fn let_chain_shadows() -> u32 {
    let a = 100;
    if let Some(a) = ask_maybe("a").await && let Some(a) = ask_maybe(a).await { log(a); }
    else { log(a); }
    a
} }

same! { [()] async fn match_with_everything() -> u32 {
    let limit = 2;
    match ask("n").await {
        0 => ask("zero").await,
        n @ (1 | 2) if n == limit => n + ask("limit").await,
        1 | 2 => 20,
        n => { log(n); return ask("other").await; }
    }
} }

same! { [()] async fn match_of_an_enum() -> String {
    #[derive(Serialize, Deserialize)]
    enum Shape { Dot, Line(u32), Box { w: u32, h: u32 } }
    let shape = match ask("shape").await { 0 => Shape::Dot, 1 => Shape::Line(ask("length").await), n => Shape::Box { w: n, h: ask("h").await } };
    log("asked");
    let scale = ask("scale").await;
    match shape {
        Shape::Dot => "dot".to_owned(),
        Shape::Line(length) if length * scale > 3 => format!("long {}", ask("colour").await),
        Shape::Line(length) => format!("line {length}"),
        Shape::Box { w, h: 0 } => format!("flat {w}"),
        Shape::Box { w, h: height @ 1..=2 } => format!("{w} {height} {}", ask_text("colour").await),
        Shape::Box { w, h } => format!("{}", w * h * scale),
    }
} }

same! { [()] async fn match_as_operand() -> u32 {
    let x = 3;
    log(x) + match ask("n").await { 0 => return 1, 1 => ask("one").await, n => n * x } * ask("factor").await
} }

same! { [()] async fn match_moves_in_one_arm() -> String {
    let name = "ada".to_owned();
    let kept = match ask("n").await {
        0 => name,
        1 => { log(&name); ask_text("other").await }
        _ => { let n = name; n + &ask_text("suffix").await }
    };
    log(ask("after").await);
    kept
} }

same! { [()] async fn match_of_a_tuple() -> u32 {
    match (ask("a").await, ask("b").await) {
        (0, b) => b,
        (a, 0) => a * 10,
        (a, b) if a == b => ask("same").await,
        (a, _) => a + 100,
    }
} }

same! { [()] async fn match_with_effects_in_guards() -> u32 {
    let mut tried = 0;
    let n = ask("n").await;
    match n {
        x if { tried += 1; log(format!("first {x}")); x == 3 } => ask("three").await,
        x if { tried += 1; x == 2 } => x + tried,
        _ => ask("rest").await + tried,
    }
} }

same! { [()] async fn match_string_and_slices() -> u32 {
    let text = ask_text("t").await;
    let parts = vec![ask("a").await, ask("b").await];
    match (text.as_str(), parts.as_slice()) {
        ("t0", [0, ..]) => 1,
        ("t1", [.., last]) => *last,
        (_, [a, b]) => a * 10 + b,
        _ => 77,
    }
} }

same! { [()] async fn constants_in_patterns() -> u32 {
    const LIMIT: u32 = 2;
    match ask("n").await { LIMIT => ask("limit").await, u32::MAX => 1, n => n * 100 }
} }

same! { [()] async fn let_else_without_await() -> u32 {
    let maybe = ask_maybe("n").await;
    let Some(n) = maybe else { return 9; };
    n + ask("m").await
} }

same! { [()] async fn let_else_awaits_in_both() -> u32 {
    let Some(n) = ask_maybe("n").await else {
        let m = ask("else").await;
        log(m);
        return m;
    };
    n + ask("m").await
} }

same! { [()] async fn let_else_in_a_loop() -> u32 {
    let mut sum = 0;
    loop {
        let Some(n) = ask_maybe("n").await else { if sum > 4 { break; } sum += ask("sum").await; continue; };
        let (1 | 2) = n else { sum += 1; continue };
        sum += n;
        if sum > 9 { return sum; }
    }
    sum + 100
} }

same! { [()] async fn question_mark_on_results() -> Result<u32, String> {
    let a = ask_result("a").await?;
    let b = ask_result("b").await? + a;
    log(b);
    let c = ask_result("c").await.map_err(|error| format!("{error} {b}"))?;
    Ok(a + b + c)
} }

same! { [()] async fn question_mark_on_options() -> Option<u32> {
    let a = ask_maybe("a").await?;
    let b = (a + 1).checked_sub(ask("b").await)?;
    for i in 0..b { log(ask_maybe(i).await?); }
    Some(a * 10 + b)
} }

same! { [()] async fn question_mark_converts() -> Result<u32, Box<str>> {
    let a = ask_result("a").await?;
    let text = ask_text("t").await;
    if text == "t0" { Err("zero")?; }
    if text == "t1" { return Err("one".into()); }
    Ok(a)
} }

same! { [()] async fn question_mark_deep_inside() -> Result<u32, String> {
    let total = ask("base").await + Some(ask_result("a").await?).map_or(0, |n| n * 2) + [ask_result("b").await?, 5][0];
    let text = ask_text("t").await;
    let closure = |text: &str| -> Result<u32, String> { if text == "t2" { Err("two".to_owned())? } Ok(1) };
    Ok(total + closure(&text)?)
} }

same! { [()] async fn early_returns() -> u32 {
    if ask_bool("a").await { return 1; }
    let x = { if ask_bool("b").await { return ask("value").await; } 5 };
    loop { if ask("c").await < 2 { return x; } }
} }

same! { [()] async fn return_in_an_operand() -> u32 {
    let x = ask("x").await + if ask_bool("leave").await { return log(3) } else { 4 };
    log(x) * { if x > 6 { return ask("late").await; } 1 }
} }

#[allow(clippy::unused_unit, reason = "it is what is tested")]
mod units {
    same! { [()] async fn nothing_is_returned() -> () { if ask_bool("a").await { return; } log(ask("b").await); } }
    same! { [()] async fn no_return_type() { match ask("a").await { 0 => {} 1 => { ask_unit("b").await } _ => return } log("end"); } }
    same! { [()] async fn unit_values() { let () = ask_unit("a").await; let unit = ask_unit("b").await; let () = unit; if ask_bool("c").await { ask_unit("d").await; } } }
}

same! { [()] async fn diverging_branches() -> u32 {
    fn fail(n: u32) -> ! { log("fails"); panic!("{n}") }
    let n = match ask("n").await { 0 => fail(1), 1 => panic!("one"), n => n };
    let m = if ask_bool("m").await { unreachable!("not {n}") } else { ask("k").await };
    if m == 3 { fail(m); }
    n + m
} }

same! { [()] async fn ends_in_a_panic() -> u32 {
    if ask("n").await > 0 { return 3; }
    log("now");
    panic!("as it must")
} }

same! { [()] async fn blocks_have_values() -> u32 {
    let a = { let a = ask("a").await; { let b = ask("b").await; a * b } };
    { log(a); };
    let c = { log("c"); a + { ask("d").await } };
    { { c } }
} }

same! { [()] async fn nested_ifs_as_values() -> u32 {
    let x = if ask_bool("a").await { if ask_bool("b").await { 1 } else { ask("c").await } } else { match ask("d").await { 0 => if ask_bool("e").await { 4 } else { 5 }, n => n } };
    x + 100 * ask("x").await
} }

same! { [()] async fn if_in_a_condition() -> u32 {
    if if ask_bool("a").await { ask_bool("b").await } else { true } { ask("yes").await } else { 10 }
} }

same! { [()] async fn awaits_in_all_logic() -> u32 {
    let mut n = 0;
    if ask_bool("a").await || ask_bool("b").await && ask_bool("c").await { n += 1; }
    let both = ask_bool("d").await && { n += 10; ask_bool("e").await };
    let any = n > 5 || both || ask_bool("f").await;
    let not = !(any && ask_bool("g").await) && log(n) > 0;
    if not ^ (ask("h").await > 1 || both) { n += 100; }
    n + u32::from(any)
} }

same! { [()] async fn logic_with_effects() -> bool {
    let mut n = 1;
    let x = { n += 1; n > 1 } && ask_bool("a").await && { n += 1; log(n) > 2 } || { n += 5; ask("b").await > n };
    log(n);
    x || ask_bool("c").await
} }

same! { [()] async fn a_hidden_return() -> Result<u32, String> {
    macro_rules! bail { ($($text:tt)*) => { return Err(format!($($text)*)) } }
    macro_rules! ensure { ($cond:expr, $($text:tt)*) => { if !$cond { bail!($($text)*) } } }
    let a = ask("a").await;
    ensure!(a > 0, "a is {a}");
    let b = ask("b").await;
    if b == 0 { bail!("b is nothing, a is {}", a); }
    let c = match ask("c").await { 0 => bail!("c"), c => c };
    Ok(a + b + c)
} }

same! { [()] async fn a_hidden_none() -> Option<u32> {
    macro_rules! some { ($value:expr) => { match $value { Some(value) => value, None => return None } } }
    let a = ask_maybe("a").await;
    let a = some!(a);
    let b = ask_maybe("b").await;
    Some(a + some!(b))
} }

same! { [()] async fn if_without_else_again() -> i64 {
    let mut n = 0;
    if ask_bool("a").await { n += signed("b").await; }
    if n > 1 { ask_unit("big").await; }
    n
} }

same! { [()] async fn if_else_chain_again() -> String {
    let n = signed("n").await;
    if n < 0 {
        "negative".to_owned()
    } else if n == 0 {
        ask_text("zero").await
    } else if ask_bool("again").await {
        let text = ask_text("yes").await;
        text + "!"
    } else {
        format!("no {n}")
    }
} }

same! { [()] async fn if_as_a_value() -> i64 {
    let x = if ask_bool("a").await { signed("b").await } else { 5 };
    let y = 1 + if x > 3 { signed("c").await } else { x };
    x * 100 + y
} }

same! { [()] async fn if_with_one_branch_that_returns() -> i64 {
    let n = if ask_bool("a").await { signed("b").await } else { return -100 };
    n + signed("c").await
} }

same! { [()] async fn if_let_with_awaits_on_all_sides() -> String {
    if let Some(n) = signed_maybe("maybe").await {
        let m = signed("some").await;
        format!("{n} {m}")
    } else {
        ask_text("none").await
    }
} }

same! { [()] async fn if_let_chains() -> String {
    let limit = signed("limit").await;
    if let Some(n) = signed_maybe("first").await && n > limit && let Some(m) = signed_maybe("second").await && m > n {
        ask_unit("both").await;
        return format!("{n} {m}");
    }
    if limit > 2 && let Some(n) = signed_maybe("third").await { format!("third {n}") } else { format!("none {limit}") }
} }

same! { [()] async fn conditions_that_await() -> String {
    let mut log_of = String::new();
    if signed("a").await > 2 && signed("b").await > 2 || signed("c").await > 2 { log_of.push('1'); }
    if !(ask_bool("d").await || ask_bool("e").await) { log_of.push('2'); }
    let value = ask_bool("f").await && !ask_bool("g").await;
    format!("{log_of} {value}")
} }

same! { [()] async fn a_value_moved_in_one_branch() -> String {
    let text = ask_text("text").await;
    let made = if ask_bool("take").await {
        let taken = text;
        ask_unit("taken").await;
        taken + "!"
    } else {
        ask_unit("left").await;
        format!("{text}?")
    };
    made
} }

same! { [()] async fn a_value_moved_and_made_again() -> String {
    let mut text = ask_text("text").await;
    if ask_bool("drop it").await {
        drop(text);
        ask_unit("dropped").await;
        text = "new".to_owned();
    }
    ask_unit("then").await;
    text
} }

same! { [()] async fn match_on_an_await() -> String {
    match ask_shape("shape").await {
        Shape::Point => "point".to_owned(),
        Shape::Circle { radius } if radius > 4 => format!("large {radius}"),
        Shape::Circle { radius } => format!("small {radius}"),
        Shape::Box(a, b) => format!("{a}x{b}"),
        Shape::Named(name) => name,
    }
} }

same! { [()] async fn match_with_awaits_in_arms() -> String {
    let n = signed("n").await;
    match n {
        i64::MIN..0 => ask_text("negative").await,
        0 | 1 => { let t = ask_text("small").await; t + "s" }
        m @ 2..=4 if m % 2 == 0 => format!("{} {m}", signed("even").await),
        m => { ask_unit("other").await; format!("{}", m + n) }
    }
} }

same! { [()] async fn match_bindings_are_saved() -> String {
    let r = match ask_shape("shape").await {
        Shape::Circle { radius: r @ 5.. } => { ask_unit("large").await; r }
        Shape::Circle { radius: r } | Shape::Box(r, _) => { ask_unit("either").await; r + signed("plus").await }
        Shape::Named(name) if name.len() > 2 => { ask_unit("long").await; name.len() as i64 }
        other => { ask_unit("rest").await; log(format!("{other:?}")); -1 }
    };
    format!("{r}")
} }

same! { [()] async fn match_that_jumps() -> i64 {
    let mut sum = 0;
    loop {
        sum += match signed_maybe("more").await {
            Some(0) => continue,
            Some(n) if n > 6 => break,
            Some(n) => { ask_unit("got").await; n }
            None => return sum,
        };
        log(sum);
    }
    sum * 1000
} }

same! { [()] async fn match_on_a_tuple_of_awaits() -> String {
    match (signed("a").await, ask_bool("b").await) {
        (n, true) => format!("yes {n}"),
        (0, false) => ask_text("zero").await,
        (_, false) => "no".to_owned(),
    }
} }

same! { [()] async fn nested_matches() -> String {
    match signed_maybe("a").await {
        Some(n) => match signed_result("b").await {
            Ok(m) if m > n => { ask_unit("more").await; format!("{m}>{n}") }
            Ok(m) => format!("{m}<={n}"),
            Err(e) => { let t = ask_text(e.clone()).await; format!("{e}{t}{n}") }
        },
        None => "none".to_owned(),
    }
} }
