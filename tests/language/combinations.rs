//! Combinations that have no better place.

same! { [()] async fn a_copy_that_shadows_its_source_in_a_loop() -> u32 {
    let x = 1;
    let mut sum = 0;
    for _ in 0..3 {
        let x = x + ask(x).await;
        let mut y = x;
        while y > 1 { let x = y; y -= 1 + ask(x).await; sum += x; }
        sum += x;
    }
    sum * 10 + x
} }

same! { [()] async fn the_same_name_in_each_arm() -> u32 {
    let n = ask("n").await;
    let out = match n {
        0 => { let v = ask("v0").await; let w = ask("w0").await; v + w }
        1 => { let v = ask_text("v1").await; let w = ask_text("w1").await; (v + &w).len() as u32 }
        _ => { let v = ask_maybe("v2").await; let w = ask_maybe("w2").await; v.or(w).unwrap_or(7) }
    };
    let v = ask("after").await;
    out * 10 + v
} }

same! { [()] async fn or_patterns_bind_in_all_arms() -> u32 {
    let pair = (ask_maybe("a").await, ask_result("b").await);
    match pair {
        (Some(n), Err(_)) | (None, Ok(n)) => { log(ask("one").await); n }
        (Some(a), Ok(b)) if a > b || a + b == 3 => a * 10 + b + ask("two").await,
        (Some(n @ (0 | 1)), _) => n + 50,
        (None, Err(error)) => { ask_unit(&error).await; error.len() as u32 }
        (Some(_), Ok(b)) => b,
    }
} }

same! { [()] async fn an_await_in_every_place_of_an_if() -> u32 {
    if let Some(n) = if ask_bool("first").await { ask_maybe("a").await } else { Some(ask("b").await) } && { let m = ask("m").await; m >= n } && (ask_bool("c").await || false) {
        ask("then").await
    } else if { ask_unit("unit").await; ask("d").await } > 1 {
        ask("else if").await * 2
    } else {
        3
    }
} }

same! { [()] async fn results_through_loops() -> Result<Vec<u32>, String> {
    let mut all = vec![];
    'pages: for page in 0..3 {
        loop {
            match ask_result(page).await {
                Ok(n) if n > 1 => { all.push(n); continue 'pages; }
                Ok(0) if all.is_empty() => break 'pages,
                Ok(n) => all.push(n + page),
                Err(error) if page == 0 => return Err(error + &ask_text("why").await),
                Err(_) => break,
            }
            if all.len() > 4 { Err("too many")?; }
        }
        all.push(100 + ask_result("end of page").await.unwrap_or_default());
    }
    Ok(all)
} }

same! { [()] async fn set_in_one_and_left_in_the_other() -> String {
    let mut name;
    let mut count = 0;
    loop {
        name = ask_text("name").await;
        if name == "t0" { count += 1; if count > 2 { break; } continue; }
        let copy = name.clone();
        if ask_bool(copy).await { break; }
        drop(name);
    }
    name + &ask_text("end").await
} }

same! { [()] async fn a_vector_is_moved_in_and_out() -> Vec<u32> {
    fn more(mut v: Vec<u32>, n: u32) -> Vec<u32> { v.push(n); v }
    let mut v = vec![];
    while v.len() < 3 { v = more(v, ask("n").await); if v[0] == 3 { let w = v; v = more(vec![9], ask("w").await); v.extend(w); } }
    v
} }

same! { [()] async fn effects_between_operands() -> u32 {
    let mut trace = vec![];
    let mut note = 0;
    let total = { trace.push(1); note += 1; note } * 100 + { trace.push(ask("a").await); note += 1; note } * 10 + { trace.push(3); note += 1; note } + ask(trace.len()).await;
    trace.iter().for_each(|n| { log(n); });
    total
} }

same! { [()] async fn array_copies_are_copies() -> u32 {
    let mut a = [1, 2, 3];
    let b = a;
    a[ask("i").await as usize % 3] = 9;
    let sum = a[0] + { a[0] = 50; ask("x").await } + a[0];
    let c = [a, b][ask("which").await as usize % 2];
    sum + c[0] + c[1] * 10 + c[2] * 100
} }

same! { [()] async fn a_field_is_copied_before_it_changes() -> u32 {
    #[derive(Clone, Copy, Serialize, Deserialize)]
    struct P { x: u32, y: u32 }
    impl P { fn bump(&mut self) -> u32 { self.x += 10; self.x } }
    let mut p = P { x: 1, y: 2 };
    let a = p.x + { p.bump(); ask("a").await };
    let b = p.y * { p = P { y: 5, ..p }; ask("b").await } + p.x;
    let q = (p, { p.bump(); ask("c").await }, p);
    a + b * 10 + q.0.x + q.1 + q.2.x
} }

same! { [()] async fn boxes_and_options_of_locals() -> u32 {
    let mut slot: Option<Box<u32>> = None;
    let mut n = 0;
    while n < 3 {
        match slot.take() {
            Some(boxed) if *boxed > 1 => { n += 1; slot = Some(Box::new(*boxed - 1)); }
            Some(boxed) => n += *boxed + ask("some").await,
            None => slot = Some(Box::new(ask("none").await + 1)),
        }
        n += 1;
    }
    n + slot.map_or(0, |boxed| *boxed)
} }

same! { [()] async fn a_string_is_lent_to_many() -> String {
    let name = ask_text("name").await;
    let greeting = format!("{name}, {}", ask_text(&name).await);
    let len = name.len() + greeting.matches(name.as_str()).count();
    let parts: Vec<&str> = greeting.split(", ").collect();
    log(parts[1]);
    format!("{name}{greeting}{len}{}", ask(len).await)
} }

same! { [()] async fn a_literal_text_is_kept() -> String {
    let title = "title";
    let greeting: &str = "hello";
    if ask_bool("a").await { log(greeting); let greeting = "bye"; log(ask(greeting).await); log(greeting); }
    log(greeting);
    let same = "first";
    ask_unit(same).await;
    let same = same.len();
    ask_unit(same).await;
    let name = ask_text(title).await;
    for i in 0..2 { let title = "inner"; log(format!("{title}{i}{}", ask_text(title).await)); }
    title.to_owned() + &name + &format!("{greeting}{same}")
} }

same! { [()] async fn unit_and_nested_calls() -> u32 {
    let f = |n: u32| n + 1;
    let a = f(f(f(1)));
    ask_unit({ ask_unit("first").await; "second" }).await;
    let ((), _) = (ask_unit("third").await, ask("fourth").await);
    a
} }

same! { [()] async fn macros_of_one_s_own() -> u32 {
    macro_rules! add { ($a:expr, $b:expr) => { $a + $b } }
    macro_rules! let_it { ($name:ident = $value:expr) => { let $name = $value; log($name); } }
    let a = ask("a").await;
    let b = ask("b").await;
    let c = add!(a, b * 2);
    { let_it!(inner = c + a); }
    ask_unit("wait").await;
    add!(add!(a, b), c)
} }

same! { [()] async fn type_ascription_and_turbofish() -> u64 {
    let parsed = ask_text("t").await.trim_start_matches('t').parse::<u64>().unwrap();
    let all = [parsed, ask("b").await.into()];
    let sum: u64 = all.iter().copied().sum::<u64>() + Vec::<u64>::with_capacity(ask("c").await as usize).len() as u64;
    let none = None::<u64>;
    ask_unit("wait").await;
    sum + none.unwrap_or_default() + <u64 as From<u32>>::from(ask("d").await)
} }

same! { [()] async fn loops_whose_conditions_shadow() -> u32 {
    let n = 4;
    let mut out = 0;
    while let (Some(n), true) = (ask_maybe("n").await, out < n * 10) {
        if let n @ 1.. = n { out += n * ask(n).await; } else { let n = 10; out += n; }
        out += n;
    }
    out + n
} }

same! { [()] async fn a_while_with_an_inner_while() -> u32 {
    let (mut i, mut j) = (0, 0);
    while i < 3 { i += 1; while { j += 1; j < i + ask(i).await } { if j == 2 { break; } if i == 2 { continue; } log(j); } }
    i * 100 + j
} }

same! { [()] async fn a_return_in_every_corner() -> u32 {
    let x = [ask("a").await, if ask_bool("b").await { return 1 } else { 2 }, match ask("c").await { 0 => return ask("d").await, n => n }];
    let y = 'b: { let z = loop { break if ask_bool("e").await { break 'b 9 } else { x[1] }; }; if z == 2 && ask_bool("f").await { return 77; } z };
    let Some(w) = x[2].checked_sub(y) else { return ask("g").await + 1000 };
    w + y
} }

same! { [(0), (2)] async fn a_mutable_argument_is_a_local(mut n: u32) -> Vec<u32> {
    let mut all = vec![n];
    n += ask("a").await;
    all.push(n);
    { let n = &mut n; *n *= 2; }
    all.push(n + ask("b").await);
    let mut n = n.to_string();
    n.push_str(&ask_text("c").await);
    all.push(n.len() as u32);
    all
} }

same! { [()] async fn a_range_from_locals_that_change() -> Vec<usize> {
    let mut end = 2;
    let mut all = vec![];
    for i in 0..end { end += ask(i).await as usize; all.push(i); all.push(end); }
    for i in (0..end).step_by(3).rev().collect::<Vec<_>>() { if ask_bool(i).await { break; } all.push(i); }
    for i in &all.clone()[..2] { all.push(*i); }
    for (i, c) in "ab".to_owned().chars().enumerate().collect::<Vec<_>>() { all.push(i + ask(c).await as usize); }
    all
} }

same! { [()] async fn compound_assignments_in_conditions() -> u32 {
    let mut n = 0;
    let mut flags = [false; 3];
    flags[0] |= ask_bool("a").await;
    flags[1] &= ask_bool("b").await;
    flags[log(2)] ^= ask_bool("c").await;
    if { n += ask("d").await; n } > 1 && { n *= ask("e").await; n } > 2 { n -= 1; }
    n + flags.iter().filter(|flag| **flag).count() as u32
} }

same! { [()] async fn nothing_is_dropped_twice() -> u32 {
    #[derive(Serialize, Deserialize)]
    struct Token(u32);
    fn spend(token: Token) -> u32 { log(format!("spent {}", token.0)); token.0 }
    let a = Token(1);
    let b = Token(ask("b").await);
    let sum = if ask_bool("which").await { spend(a) } else { ask_unit("wait").await; spend(b) };
    let c = Token(3);
    let d = Some(c);
    let e = match d { Some(token) if ask_now(&token) => spend(token), Some(token) => { ask_unit("wait").await; spend(token) + 1 } None => 0 };
    fn ask_now(token: &Token) -> bool { token.0 > 5 }
    sum + e
} }

same! { [()] async fn static_and_const_texts() -> String {
    const HELLO: &str = "hello";
    static NAMES: [&str; 4] = ["a", "b", "c", "d"];
    let n = ask(HELLO).await as usize;
    let name = NAMES[n];
    log(name);
    ask_unit(NAMES[1]).await;
    format!("{HELLO} {} {}", NAMES[n], ask_text(NAMES[n]).await)
} }

same! { [()] async fn an_index_that_is_evaluated_once() -> Vec<u32> {
    let mut v = vec![1, 2, 3, 4, 5];
    let mut i = 0;
    let mut next = || { i += 1; i };
    v[next()] = 40;
    v[next()] += 1;
    v[{ i += 1; log(i) }] += { ask("a").await };
    v[{ i -= 2; log(i) }] = ask("b").await;
    v
} }

same! { [()] async fn a_match_on_a_place_that_changes() -> u32 {
    let mut state = Some(2);
    let mut n = 0;
    while let Some(left) = state {
        state = match (left, ask("n").await) { (0, _) => None, (l, 0) => { n += 1; Some(l - 1) } (l, m) if m == l => { let m = ask("m").await; n += m; if n > 8 { break; } Some(m) } (_, m) => { n += m; if n > 9 { None } else { state } } };
    }
    n + state.unwrap_or(50)
} }

same! { [()] async fn lets_without_names() -> u32 {
    let _ = ask("a").await;
    let (_, b, ..) = (log(1), ask("b").await, log(2), log(3));
    let _unused = ask("c").await;
    let [.., d] = [ask("d").await, log(4)];
    let mut e = ask("e").await;
    e += 1;
    b + d + e
} }

same! { [()] async fn closures_that_only_set() -> u32 {
    let mut x = ask("x").await;
    let y = x;
    { let mut set = |n: u32| { x = n; }; if y > 1 { set(y + 10); } }
    ask_unit("wait").await;
    x + y
} }

same! { [()] async fn set_on_some_ways_only() -> u32 {
    let mut x = 1;
    let n = ask("n").await;
    for i in 0..n { x = i + 5; }
    ask_unit("a").await;
    while x > 5 { x = 0; }
    ask_unit("b").await;
    'b: { if n == 0 { break 'b; } x += 100; if n == 1 { break 'b; } x = 7; }
    ask_unit("c").await;
    let y = match n { 0 => { x = 2; 1 } 1 => 2, _ => { x = 3; 3 } };
    ask_unit("d").await;
    loop { if n == 2 { break; } x += 1000; if n < 5 { break; } }
    ask_unit("e").await;
    let f = n > 1 && { x += 1; x > 5 } || { x = 50; false };
    ask_unit("f").await;
    x + y + u32::from(f)
} }

same! { [()] async fn left_with_and_without_setting() -> u32 {
    let mut found = 99;
    loop {
        let n = ask("n").await;
        if n == 0 { break; }
        if n == 1 { found = 1; break; }
        for i in 0..n { if i == 1 { found = i + 40; if n == 2 { break; } } }
        if n == 3 { continue; }
        found += 1;
    }
    found
} }

same! { [()] async fn a_let_else_that_sets() -> u32 {
    let mut x = 5;
    let mut rounds = 0;
    loop {
        rounds += 1;
        let Some(n) = ask_maybe("n").await else { x = 6; if rounds > 2 { break; } continue; };
        let Ok(m) = ask_result("m").await else { x += n; ask_unit("else").await; break; };
        x += m;
        if x > 12 { return x; }
    }
    x * 100 + rounds
} }

same! { [()] async fn references_among_operands() -> u32 {
    fn sum(a: &[u32], b: &mut u32, c: u32, d: &str) -> u32 { *b += 1; a.iter().sum::<u32>() + *b * c + d.len() as u32 }
    let v = vec![1, 2, 3];
    let mut n = 4;
    let mut i = 0;
    let a = sum(&v[i..], &mut n, ask("c").await, &format!("{}", log("text")));
    let b = sum(&[v[i], 5], &mut n, { i += 1; ask("d").await }, &v[log(1)].to_string());
    let c = sum(&vec![log(8)], &mut log(9), ask("e").await, "literal");
    a + b * 10 + c * 100 + n + i as u32
} }

same! { [()] async fn places_with_effects() -> Vec<u32> {
    let mut v = vec![1, 2, 3];
    let mut calls = 0;
    v[{ calls += 1; log(calls) }] = { calls += 10; ask("a").await };
    v[{ calls = 0; log(2) }].clone_from(&ask("b").await);
    v.push(calls as u32);
    v
} }

same! { [()] async fn every_kind_of_loop_in_tail_position() -> () {
    if ask_bool("a").await { for i in 0..2 { ask(i).await; } }
    else if ask_bool("b").await { while ask_bool("c").await { log("round"); } }
    else { loop { if ask_bool("d").await { return; } if ask_bool("e").await { break } } }
    match ask("f").await { 0 => for i in 0..2 { log(i); }, 1 => while ask_bool("g").await {}, 2 => 'b: { if ask_bool("h").await { break 'b; } log("through"); } _ => loop { if ask_bool("i").await { break; } } }
    for i in 0..2 { ask(i).await; }
} }

same! { [()] async fn values_that_are_dropped_in_statements() -> u32 {
    let mut n = 0;
    'a: loop { let _: u32 = loop { n += 1; if ask_bool("out").await { break 'a; } break n; }; if n > 3 { break; } }
    let _x = 'b: { if ask_bool("b").await { break 'b 1; } ask("c").await };
    n
} }

same! { [()] async fn a_wizard_with_back() -> String {
    let mut step = 0;
    let mut name = String::new();
    let mut order = Order::default();
    loop {
        match step {
            0 => name = ask_text("name").await,
            1 => order.items = ask_list(format!("items of {name}")).await,
            2 => order.total = order.items.iter().sum::<i64>() + signed("extra").await,
            _ => break,
        }
        step = if signed("back?").await < 0 && step > 0 { step - 1 } else { step + 1 };
    }
    format!("{name} {order:?}")
} }

same! { [()] async fn everything_nested() -> Result<String, String> {
    let mut out = Vec::new();
    'all: for round in 0..3 {
        let shape = ask_shape(format!("{round}")).await;
        let size = match &shape {
            Shape::Point => 0,
            Shape::Circle { radius } => *radius,
            Shape::Box(a, b) => a * b,
            Shape::Named(name) => name.len() as i64,
        };
        let factor = 'factor: {
            if size == 0 { break 'factor 1 }
            while let Some(n) = signed_maybe("factor").await {
                if n == 0 { continue 'all }
                if n > 5 { break 'factor n }
                if out.len() > 4 { break 'all }
                out.push(n);
            }
            signed_result("last").await?
        };
        out.push(size * factor);
        if let Shape::Named(name) = shape { ask_unit(name.clone()).await; log(name); }
    }
    Ok(format!("{out:?}"))
} }
