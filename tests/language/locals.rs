//! What a name means: shadowing, scopes, deferred values, moves, arguments.

same! { [()] async fn straight_line() -> u32 { let a = ask("a").await; let b = ask("b").await; a + b } }
same! { [(3)] async fn no_await_at_all(n: u32) -> u32 { let mut m = n; while m > 0 { log(m); m -= 1; } n * 2 } }
same! { [()] async fn nothing_at_all() -> () {} }
same! { [()] async fn only_an_await() -> u32 { ask("a").await } }
same! { [()] async fn only_a_statement() -> () { ask("a").await; } }

same! { [((1, 2), [3, 4], Some(5)), ((7, 8), [9, 0], None)]
    async fn arguments_by_pattern((a, mut b): (u32, u32), [c, _]: [u32; 2], rest: Option<u32>) -> u32 {
    b += ask(a).await;
    a + b + c + rest.unwrap_or(ask(b).await)
} }

same! { [(1, 2, "x".to_owned())] async fn arguments_of_all_kinds(mut a: u32, _: u32, _unused: String) -> u32 {
    a += 1;
    a += ask("a").await;
    a
} }

same! { [()] async fn shadows_in_one_scope() -> u32 {
    let x = ask("x").await;
    let x = ask(x).await + x;
    let x = x.to_string() + &ask_text("text").await;
    let x = x.len() as u32;
    x + ask("last").await
} }

same! { [()] async fn shadows_in_inner_scopes() -> u32 {
    let x = 1;
    let y = {
        let x = x + ask(x).await;
        let y = { let x = x * 10 + ask("inner").await; log(x); x };
        log(x);
        y + ask("after").await + x
    };
    log(x);
    x + y
} }

same! { [()] async fn shadows_in_all_branches() -> u32 {
    let x = ask("x").await;
    if x == 0 { let x = ask("then").await; log(x); } else if let Some(x) = x.checked_sub(2) { log(ask("if let").await + x); } else { let x = x + 5; ask_unit(x).await; log(x); }
    match x { 1 => { let x = x + ask("one").await; log(x); } x if x > 2 => { ask_unit("x").await; log(x); } _ => {} }
    x
} }

same! { [()] async fn shadows_in_loops() -> u32 {
    let x = 3;
    let mut sum = 0;
    for x in 0..x { sum += x * ask(x).await; log(x); }
    for i in 0..2 { let x = x + i; let x = x * ask(x).await; sum += x; }
    let mut left = Some(2u32);
    while let Some(x) = left { ask_unit(x).await; left = x.checked_sub(1); }
    x + sum
} }

same! { [()] async fn shadows_that_break_out() -> u32 {
    let x = 5;
    let y = 'a: loop {
        let x = ask(x).await;
        for x in 0..x { if x == 2 { break 'a x; } }
        if x == 0 { break x + 7; }
        { let x = x + 1; if x == 2 { continue; } }
    };
    x * 10 + y
} }

same! { [()] async fn shadows_in_closures_and_formats() -> String {
    let x = ask("x").await;
    let s = { let x = ask("inner").await; ask_unit("wait").await; let f = |x: u32| x + 1; format!("{x} {x:>3} {} {y}", f(x), y = x) };
    format!("{s} {x} {}", { let x = 4; x })
} }

same! { [()] async fn shadows_in_unknown_macros() -> u32 {
    macro_rules! twice { ($e:expr) => { $e + $e } }
    macro_rules! upto { ($($t:tt)*) => { ($($t)*).sum::<u32>() } }
    let x = 1;
    let y = { let x = ask("x").await; ask_unit("wait").await; twice!(x) + upto!(0..x) + twice!({ let x = x + 1; x }) };
    ask_unit("again").await;
    x + y * 100
} }

same! { [()] async fn shadows_with_named_format_arguments() -> String {
    let x = 1;
    let s = { let x = ask("x").await; ask_unit("wait").await; format!("{x} {y} {x}", x = x + 1, y = x) };
    ask_unit("again").await;
    format!("{s} {x}")
} }

same! { [()] async fn shadows_in_struct_shorthand() -> String {
    #[derive(Debug, Serialize, Deserialize)]
    struct P { x: u32, y: u32 }
    let (x, y) = (1, 2);
    let p = { let x = ask("x").await; let y = ask("y").await; ask_unit("wait").await; P { x, y } };
    let s = { let P { x, y } = p; ask_unit("wait").await; x * 10 + y };
    format!("{x} {y} {s}")
} }

same! { [()] async fn shadows_of_generated_names() -> u32 {
    let item = ask("item").await;
    let answer = ask("answer").await;
    let (next, state, enter, callee, arg0, value, operand) = (1, 2, 3, 4, 5, 6, 7);
    let operand_3 = 100;
    let value_5 = 200;
    let mut sum = 0;
    for i in 0..2 { sum += item + i + log(operand_3) * ask(i).await + if ask_bool("b").await { value_5 } else { ask("c").await }; }
    log(operand_3 + value_5);
    sum + item + answer + next + state + enter + callee + arg0 + value + operand + operand_3 + value_5
} }

same! { [()] async fn a_shadow_that_is_used_by_its_own_value() -> u32 {
    let x = 2;
    { let x = { let x = x + ask("x").await; x * 2 } + x; log(ask(x).await + x); }
    x
} }

same! { [()] async fn deferred_in_branches() -> u32 {
    let x;
    let y: u32;
    if ask_bool("a").await { x = 1; y = ask("y").await; } else { x = ask("x").await; y = 2; }
    log(ask("b").await) + x * 10 + y * 100
} }

same! { [()] async fn deferred_over_awaits() -> String {
    let name;
    let n = ask("n").await;
    match n { 0 => name = "zero".to_owned(), 1 => { name = ask_text("one").await; } _ => { log("many"); name = n.to_string() } }
    name + &ask_text("more").await
} }

same! { [()] async fn deferred_and_sometimes_never() -> u32 {
    let x;
    if ask_bool("a").await { x = ask("x").await; log(x); }
    let y;
    loop { if ask_bool("b").await { y = 3; } else { continue; } break; }
    ask("c").await + y
} }

same! { [()] async fn moved_in_one_branch() -> u32 {
    let s = "s".to_owned();
    let mut t = vec![1];
    if ask_bool("a").await { drop(s); } else { log(s.len()); }
    if ask_bool("b").await { drop(t); t = vec![]; }
    ask_unit("c").await;
    if ask_bool("d").await { let u = t; return u.len() as u32; }
    t.push(2);
    t.len() as u32 + 10
} }

same! { [()] async fn dropped_and_set_again() -> String {
    let mut s = ask_text("a").await;
    let old = s;
    s = ask_text("b").await;
    let both = old + &s;
    s = both.clone();
    ask_unit("c").await;
    s + &both
} }

same! { [()] async fn assigned_in_a_closure() -> u32 {
    let mut x = ask("a").await;
    let mut set = |n: u32| x = n;
    if log(3) == 3 { set(5); }
    ask_unit("b").await;
    let mut y = 1;
    let mut maybe = || { if x == 5 { y = 7; } };
    maybe();
    ask_unit("c").await;
    x + y
} }

same! { [()] async fn patterns_in_let() -> u32 {
    #[derive(Clone, Serialize, Deserialize)]
    struct P { a: u32, b: (u32, u32) }
    let P { a, b: (mut b, _) } = P { a: ask("a").await, b: (2, ask("b").await) };
    b += ask("c").await;
    let [first, .., last] = [a, b, ask("d").await];
    let whole @ (one, two) = (ask("e").await, first);
    let sum = one + two + whole.0;
    let (x, (y, z)) = (sum, (last, ask("f").await));
    log(ask("g").await);
    a + b + x + y * z + whole.1
} }

same! { [()] async fn types_that_are_written() -> u64 {
    let a: u64 = ask("a").await.into();
    let b: Vec<_> = (0..ask("b").await).collect();
    let c: u64 = if ask_bool("c").await { 1 } else { ask("d").await.into() };
    let d: Box<dyn Fn(u32) -> u32> = if ask_bool("e").await { Box::new(|n| n + 1) } else { Box::new(|n| n * 2) };
    let e = u64::from(d(3));
    let f: Option<u64> = None;
    a + b.len() as u64 + c + f.unwrap_or(ask("f").await.into()) + e
}}

same! { [()] async fn scopes_end_where_they_end() -> u32 {
    struct Noisy(&'static str);
    impl Drop for Noisy { fn drop(&mut self) { log(format!("drop {}", self.0)); } }
    let n = ask("a").await;
    {
        let _first = Noisy("first");
        let second = Noisy("second");
        log("inside");
        if n == 1 { return 1; }
        drop(second);
        for i in 0..n { let _each = Noisy("each"); if i == 1 { break; } }
        let _ = Noisy("at once");
    }
    log("after");
    let x = { let _third = Noisy("third"); n + 1 };
    match Noisy("scrutinee").0 { text => log(text), };
    x + ask("b").await
} }

same! { [()] async fn dropped_at_the_end_of_its_scope() -> u32 {
    struct Noisy(&'static str);
    impl Drop for Noisy { fn drop(&mut self) { log(format!("drop {}", self.0)); } }
    let mut n = 0;
    loop {
        n += ask("n").await;
        let _outer = Noisy("outer");
        if n > 3 { let _inner = Noisy("inner"); break; }
        let _late = Noisy("late");
        if n == 2 { continue; }
        log("end of the body");
    }
    n
} }

same! { [()] async fn saved_values_of_many_types() -> String {
    let (a, b, c) = ('x', -1i8, 1.5f32);
    let d = (Some("s".to_owned()), [1u8, 2], ());
    let e: Result<u32, String> = Err("e".into());
    let f = std::collections::BTreeMap::from([(1, vec![true])]);
    let g = u128::MAX;
    let h = std::time::Duration::from_millis(5);
    let i = 0.1f64 + 0.2;
    ask_unit("wait").await;
    format!("{a}{b}{c}{d:?}{e:?}{f:?}{g}{h:?}{i}")
} }

same! { [()] async fn raw_identifiers() -> u32 {
    let r#type = ask("type").await;
    let r#match = { let r#type = ask("inner").await; ask_unit("wait").await; r#type + 1 };
    let r#loop = |r#fn: u32| r#fn + r#type;
    log(r#loop(2));
    r#type * 10 + r#match + ask("x").await
} }

same! { [()] async fn names_that_are_hard_to_convert() -> u32 {
    let self_ = ask("self").await;
    let __ = ask("two").await;
    let _x = ask("x").await;
    let _1 = ask("one").await;
    let r#struct = ask("struct").await;
    let start = ask("start").await;
    let s = ask("s").await;
    let resume = if ask_bool("b").await { 1 } else { ask("c").await };
    ask_unit("wait").await;
    self_ + __ + _x + _1 + r#struct + start + s + resume
} }

same! { [()] async fn items_inside() -> u32 {
    use std::collections::BTreeSet as Set;
    const STEP: u32 = 2;
    static NAME: &str = "static";
    #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
    struct N(u32);
    impl N { fn twice(self) -> u32 { self.0 * 2 } }
    trait Three { fn three(&self) -> u32 { 3 } }
    impl Three for N {}
    let mut set = Set::new();
    set.insert(N(ask(NAME).await));
    set.insert(later(ask("b").await));
    fn later(n: u32) -> N { N(n + STEP) }
    ask_unit("wait").await;
    set.into_iter().map(|n| n.twice() + n.three()).sum()
} }

same! { [()] async fn items_in_inner_blocks() -> u32 {
    let a = { fn helper() -> u32 { 1 } ask("a").await + helper() };
    let b = if ask_bool("b").await { const N: u32 = 5; ask("c").await + N } else { const N: u32 = 6; log("no"); N };
    let c = { use std::cmp::max; max(ask("d").await, 2) };
    for _ in 0..2 { fn each() -> u32 { 3 } log(each() + ask("e").await); }
    a + b + c
} }

same! { [()] async fn an_item_that_hides_another() -> u32 {
    fn helper() -> u32 { 1 }
    let a = { fn helper() -> u32 { 20 } ask("a").await + helper() };
    let b = helper() + { let n = ask("b").await; { fn helper() -> u32 { 300 } n + helper() } } + helper();
    a + b + log_it() + { fn log_it() -> u32 { 1000 } ask("c").await + log_it() } + log_it()
} }

same! { [()] async fn code_after_the_end() -> u32 {
    let n = ask("n").await;
    if n == 0 { return ask("zero").await; }
    loop { if ask_bool("b").await { return n; } }
} }

same! { [()] async fn long_lived_locals() -> u32 {
    let (a, b, c) = (ask("a").await, ask("b").await, ask("c").await);
    let mut seen = vec![a];
    for i in 0..3 { if i == a { continue; } seen.push(ask(format!("{i}{b}")).await); if seen.len() == 3 && b == 1 { break; } }
    let x = match c { 0 => { let b = b + ask("x").await; b * 2 } _ => seen.len() as u32 };
    a + b * 10 + c * 100 + x * 1000 + seen.iter().sum::<u32>()
} }

same! { [()] async fn shadows_in_branches_that_do_not_await() -> u32 {
    let n = 4;
    let mut out = 0;
    if ask_bool("a").await { out += ask("b").await; } else { let n = 10; out += n; }
    out += n;
    match ask("c").await { 0 => { let n = 20; out += n; } 1 => { out += ask("d").await; } n => { let n = n + 30; out += n; } }
    out += n;
    while ask_bool("e").await { let n = 40; out += n; if out > 200 { return n; } }
    out += n;
    out += if ask_bool("f").await && { let n = 2; log(n) > 1 } && ask_bool("g").await { let n = 50; n } else if n > 1 { let n = 60; n } else { ask("h").await };
    'b: { let n = 70; if out > 300 { break 'b; } ask_unit("i").await; out += n; }
    out += loop { let n = 80; match ask("j").await { 0 => break n, 1 => { let n = 90; out += n; } _ => { let n = out; if n % 2 == 0 { break n; } } } out += n; };
    out + n
} }

same! { [()] async fn no_await() -> i64 {
    log("only once");
    41 + 1
} }

same! { [()] async fn returns_nothing() {
    ask_unit("a").await;
    log("after");
} }

same! { [()] async fn one_await_is_the_tail() -> i64 {
    signed("a").await
} }

same! { [(3, "ada".to_owned())] async fn locals_over_awaits(first: i64, name: String) -> String {
    let a = signed("a").await;
    let b = signed(format!("{name} b {a}")).await;
    let c = signed("c").await;
    format!("{first} {a} {b} {c} {name}")
} }

same! { [()] async fn compound_assignments_again() -> i64 {
    let mut total = 1;
    total += signed("plus").await;
    total -= signed("minus").await;
    total *= signed("times").await;
    total ^= 5;
    total
} }

same! { [()] async fn patterns_in_let_again() -> String {
    let (n, text) = ask_pair("pair").await;
    let Order { name, mut items, .. } = Order { name: text, items: vec![n], total: 0 };
    items.push(signed("more").await);
    let [a, .., z] = [n, 2, 3];
    ask_unit("so").await;
    format!("{name} {items:?} {a} {z}")
} }

same! { [((1, 2), 3, 9)] async fn arguments_by_pattern_again((a, b): (i64, i64), mut c: i64, _: i64) -> i64 {
    c += signed("c").await;
    a + b + c
} }

same! { [()] async fn a_declaration_before_its_value() -> i64 {
    let x;
    let mut y: i64;
    ask_unit("first").await;
    x = signed("x").await;
    y = x + 1;
    if ask_bool("more").await {
        y += x;
    }
    x + y
} }

same! { [()] async fn declared_and_set_in_branches() -> i64 {
    let x;
    ask_unit("first").await;
    if ask_bool("which").await { x = 1; } else { x = signed("x").await; }
    ask_unit("then").await;
    x
} }

same! { [()] async fn declared_and_set_by_a_match_without_await() -> i64 {
    let x;
    let n = signed("n").await;
    match n { 0 => x = 10, 1 => x = 20, _ => { x = 30 } }
    ask_unit("then").await;
    x + n
} }

same! { [()] async fn integers_fall_back_as_ever() -> String {
    let mut x = 2_000_000_000;
    ask_unit("a").await;
    x /= 2;
    let y = 7;
    ask_unit("b").await;
    format!("{} {x} {}", std::mem::size_of_val(&x), std::mem::size_of_val(&y))
} }

same! { [()] async fn integers_take_the_type_of_a_later_use() -> u8 {
    let x = 200;
    ask_unit("a").await;
    takes_u8(x)
} }

same! { [()] async fn raw_identifiers_again() -> i64 {
    let r#type = signed("type").await;
    let r#match = signed("match").await;
    r#type * 10 + r#match
} }

same! { [(crate::Order::default(),)] async fn unused_values_are_dropped(order: Order) -> i64 {
    let unused = order.items.len();
    let _ = unused;
    let _kept = signed("a").await;
    signed("b").await
} }

same! { [()] async fn shadowed_in_one_scope() -> String {
    let x = signed("a").await;
    let x = x + 1;
    let x = format!("{x} {}", signed("b").await);
    ask_unit("c").await;
    let x = x.len();
    ask_unit("d").await;
    format!("{x}")
} }

same! { [()] async fn shadowed_in_a_block_and_needed_after_it() -> String {
    let x = signed("outer").await;
    {
        let x = ask_text("inner").await;
        ask_unit("inside").await;
        log(&x);
    }
    format!("{x}")
} }

same! { [()] async fn shadowed_by_itself() -> String {
    let x = signed("a").await;
    let y = {
        let x = x * 2 + signed("b").await;
        ask_unit("inside").await;
        let x = x + 1;
        ask_unit("still inside").await;
        x
    };
    format!("{x} {y}")
} }

same! { [()] async fn shadowed_by_a_pattern() -> String {
    let x = signed_maybe("a").await;
    if let Some(x) = x {
        ask_unit("some").await;
        log(x);
        if let Some(x) = x.checked_sub(1) {
            ask_unit("deeper").await;
            log(format!("{x}"));
        }
        log(x);
    }
    format!("{x:?}")
} }

same! { [()] async fn shadowed_by_a_match() -> String {
    let x = ask_shape("shape").await;
    let r = match x.clone() {
        Shape::Circle { radius: x } => { ask_unit("circle").await; x }
        Shape::Box(x, y) => { ask_unit("box").await; x * y }
        Shape::Named(x) => { let x = x.len(); ask_unit("named").await; x as i64 }
        Shape::Point => signed("point").await,
    };
    format!("{x:?} {r}")
} }

same! { [()] async fn shadowed_in_a_loop_that_is_left() -> String {
    let x = "outer".to_owned();
    let y = loop {
        let x = signed("inner").await;
        if x > 2 { let x = x * 10; if x > 40 { break x } }
        if x < 0 { let x = format!("neg{x}"); log(&x); break 0 }
    };
    format!("{x} {y}")
} }

same! { [()] async fn shadowed_by_a_loop_variable() -> String {
    let n = signed("n").await;
    for n in 0..3 {
        let n = n + 10;
        ask_unit(format!("{n}")).await;
        log(n);
    }
    format!("{n}")
} }

same! { [()] async fn shadowed_in_macros() -> String {
    let name = ask_text("a").await;
    let made = {
        let name = ask_text("b").await;
        ask_unit(format!("{name} {}", name.len())).await;
        assert!(!name.is_empty(), "{name}");
        format!("{name:>6} {0}", name) + &format!("{}", vec![name.len(); 2].len())
    };
    format!("{name} {made}")
} }

same! { [()] async fn shadowed_in_a_struct() -> String {
    let total = 7;
    let order = {
        let total = signed("total").await;
        let name = ask_text("name").await;
        let items = ask_list("items").await;
        ask_unit("made").await;
        Order { name, items, total }
    };
    let Order { total: inner, .. } = order;
    format!("{total} {inner}")
} }

same! { [()] async fn shadowed_by_a_closure() -> i64 {
    let x = signed("a").await;
    let y = { let x = signed("b").await; let x = (|x: i64| x + 1)(x); ask_unit("c").await; f2(f2(x)) };
    x + y
} }
