//! More bodies: values with a sign, shapes, lists, and everything at once.

macro_rules! bail {
    ($($arg:tt)*) => { return Err(format!($($arg)*).into()) };
}

macro_rules! ensure {
    ($cond:expr, $($arg:tt)*) => { if !$cond { bail!($($arg)*) } };
}

// ---- Straight lines

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

// ---- Shadowing

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

// ---- If

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

// ---- Match

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

// ---- Loops

same! { [()] async fn loop_with_a_value() -> i64 {
    let mut tries = 0;
    let n = loop {
        let n = signed(format!("try {tries}")).await;
        if n > 5 { break n }
        tries += 1;
        if tries == 4 { break -1 }
    };
    n * 10 + tries
} }

same! { [()] async fn loop_as_the_tail() -> i64 {
    loop {
        let n = signed("n").await;
        if n > 3 { break n * 2 }
    }
} }

same! { [()] async fn while_loop() -> i64 {
    let mut left = 3;
    let mut sum = 0;
    while left > 0 {
        sum += signed(format!("{left}")).await;
        left -= 1;
    }
    sum
} }

same! { [()] async fn while_with_an_await_in_the_condition() -> i64 {
    let mut count = 0;
    while ask_bool("more").await && count < 5 {
        count += 1;
        if count == 3 { continue }
        ask_unit("body").await;
    }
    count
} }

same! { [()] async fn while_let_over_an_await() -> i64 {
    let mut sum = 0;
    while let Some(n) = signed_maybe("next").await {
        sum += n;
        if sum > 20 { break }
    }
    sum
} }

same! { [(std::collections::VecDeque::from([1, 2, 3]),)] async fn while_let_over_a_queue(mut queue: VecDeque<i64>) -> Vec<i64> {
    let mut seen = Vec::new();
    while let Some(n) = queue.pop_front() {
        let m = signed(format!("{n}")).await;
        if m > 6 && seen.len() < 6 { queue.push_back(n * 10); }
        seen.push(n + m);
    }
    seen
} }

same! { [()] async fn for_over_a_range_again() -> i64 {
    let mut sum = 0;
    for n in 0..4 {
        sum += n * signed(format!("{n}")).await;
    }
    sum
} }

same! { [()] async fn for_over_an_inclusive_range_again() -> Vec<u8> {
    let mut seen = Vec::new();
    for n in 253..=255_u8 {
        if ask_bool(format!("{n}")).await { seen.push(n); }
    }
    seen
} }

same! { [()] async fn for_over_an_open_range_again() -> i64 {
    for n in 1.. {
        if signed(format!("{n}")).await > 5 { return n }
    }
    -1
} }

same! { [(vec!["a".to_owned(), "b".to_owned(), "c".to_owned()],)] async fn for_over_a_vector_again(names: Vec<String>) -> String {
    let mut all = String::new();
    for name in names {
        let n = signed(name.clone()).await;
        if n == 0 { continue }
        all += &format!("{name}{n} ");
        if n > 7 { break }
    }
    all
} }

same! { [(std::collections::BTreeMap::from([(1, "x".to_owned()), (2, "y".to_owned())]),)] async fn for_over_a_map_again(map: BTreeMap<i64, String>) -> String {
    let mut all = String::new();
    for (key, value) in map {
        let n = signed(format!("{key}")).await;
        all += &format!("{key}{value}{n}");
    }
    all
} }

same! { [()] async fn for_over_an_array_and_an_option() -> i64 {
    let mut sum = 0;
    for n in [3, 1, 2] { sum = sum * 10 + n * signed("array").await; }
    for n in signed_maybe("option").await.into_iter() { sum += n + signed("some").await; }
    sum
} }

same! { [()] async fn for_over_an_answer() -> i64 {
    let mut sum = 0;
    for n in ask_list("list").await {
        sum += n;
        ask_unit(format!("{n} {sum}")).await;
    }
    sum
} }

same! { [()] async fn for_with_a_pattern() -> String {
    let mut all = String::new();
    for (index, Order { name, .. }) in [(0, Order::default()), (1, Order { name: "x".into(), ..Order::default() })] {
        let n = signed(format!("{index} {name}")).await;
        all += &format!("{index}{name}{n}");
    }
    all
} }

same! { [()] async fn loops_in_loops() -> String {
    let mut all = String::new();
    for i in 0..3 {
        for j in 0..i {
            let n = signed(format!("{i} {j}")).await;
            if n < 0 { break }
            all += &format!("{i}{j}{n} ");
        }
        log(&all);
    }
    all
} }

same! { [()] async fn labels_out_of_several_loops() -> String {
    let mut count = 0;
    let found = 'outer: loop {
        for i in 0..3 {
            count += 1;
            match signed(format!("{i}")).await {
                8.. => break 'outer Some(i),
                0 => continue 'outer,
                -2..0 => break,
                _ => {}
            }
            if count > 12 { break 'outer None }
        }
        log("round");
        if count > 10 { break None }
    };
    format!("{found:?} {count}")
} }

same! { [()] async fn labels_out_of_loops_that_do_not_await() -> i64 {
    let mut sum = 0;
    'rounds: for round in 0..4 {
        let limit = signed(format!("{round}")).await;
        for n in 0.. {
            for m in 0..5 {
                if n + m > limit { continue 'rounds }
                if n * m == 6 { break 'rounds }
                sum += 1;
                if m > n { break }
            }
            if n > 3 { break }
        }
        log(sum);
    }
    sum
} }

same! { [()] async fn breaks_inside_of_values() -> i64 {
    let mut sum = 0;
    loop {
        let n = signed_maybe("n").await;
        let n = match n { Some(n) => n, None => break };
        sum += if n == 0 { continue } else { n };
        let Some(half) = n.checked_div(if n > 8 { break } else { 2 }) else { break };
        sum += half;
        if sum > 15 { return sum }
    }
    -sum
} }

same! { [()] async fn a_loop_that_moves_and_refills() -> String {
    let mut bag = vec![0];
    let mut all = String::new();
    for round in 0..3 {
        let full = bag;
        let n = signed(format!("{round} {}", full.len())).await;
        all += &format!("{full:?}{n}");
        bag = full.into_iter().chain([n]).collect();
    }
    all
} }

same! { [()] async fn a_loop_without_await_between_two() -> i64 {
    let n = signed("n").await;
    let mut sum = 0;
    for i in 0..n { if i == 3 { continue } sum += i; if sum > 9 { break } }
    let sum2 = loop { sum += 1; if sum % 5 == 0 { break sum } };
    sum2 + signed("m").await
} }

same! { [()] async fn an_endless_loop_in_the_middle() -> i64 {
    if ask_bool("end").await { return 1 }
    loop {
        if signed("n").await > 6 { return 2 }
    }
} }

same! { [()] async fn labelled_blocks() -> i64 {
    let x = 'done: {
        if ask_bool("a").await { break 'done 1 }
        let n = signed("b").await;
        if n > 4 { break 'done n }
        loop { if ask_bool("c").await { break 'done 7 } if n < 2 { break } }
        3
    };
    x * 10 + signed("d").await
} }

same! { [()] async fn loop_variable_is_changed() -> i64 {
    let mut sum = 0;
    for mut n in 0..3 {
        n *= signed("n").await;
        ask_unit("t").await;
        sum += n;
    }
    sum
} }

// ---- Return and `?`

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

// ---- Awaits inside of expressions

same! { [()] async fn arguments_in_order() -> String {
    three(log(1), signed("b").await, log(3))
} }

same! { [()] async fn arguments_all_await() -> String {
    three(signed("a").await, signed("b").await, signed("c").await)
} }

same! { [()] async fn arguments_with_effects_around() -> String {
    let mut n = 1;
    let text = three({ n += 1; n }, { n *= 10; signed(format!("{n}")).await }, { n += 1; log(n) });
    format!("{text} {n}")
} }

same! { [()] async fn operands_in_order_again() -> i64 {
    log(1) + signed("a").await * log(2) - signed("b").await
} }

same! { [()] async fn an_operand_that_is_changed_by_a_later_one() -> i64 {
    let mut x = signed("x").await;
    let y = x + { x += 1; signed("y").await * x };
    x * 100 + y
} }

same! { [()] async fn a_call_with_a_local_and_an_await() -> String {
    let a = ask_text("a").await;
    let b = signed("b").await;
    joined(a, b, signed("c").await)
} }

same! { [()] async fn methods_on_an_await() -> usize {
    ask_text("a").await.trim().to_uppercase().len() + ask_list("b").await.iter().filter(|n| **n > 1).count()
} }

same! { [()] async fn method_arguments_again() -> Vec<i64> {
    let mut list = vec![signed("first").await];
    list.push(signed("second").await);
    list.extend(ask_list("third").await);
    list.insert(log(0), signed("fourth").await);
    list
} }

same! { [()] async fn places_and_indexes() -> String {
    let mut order = Order { items: vec![1, 2, 3], ..Order::default() };
    order.total = signed("total").await;
    order.items[1] = signed("item").await;
    order.items[(signed("index").await.rem_euclid(3)) as usize] += 100;
    let last = order.items[ask_list("by length").await.len() % 3];
    format!("{order:?} {last}")
} }

same! { [()] async fn literals_of_all_kinds() -> String {
    let order = Order { name: ask_text("name").await, total: log(4), items: ask_list("items").await };
    let tuple = (signed("x").await, log('y'), signed("z").await);
    let array = [signed("0").await, log(1), signed("2").await];
    let rest = Order { total: signed("total").await, ..order.clone() };
    let one = (signed("one").await,);
    format!("{order:?} {tuple:?} {array:?} {rest:?} {one:?}")
} }

same! { [()] async fn ranges_casts_negations_references() -> String {
    let range = signed("from").await..signed("to").await;
    let cast = signed("cast").await as u8;
    let negated = -signed("minus").await;
    let not = !ask_bool("not").await;
    let length = (&ask_text("ref").await).len();
    let copied = *&signed("deref").await;
    format!("{range:?} {cast} {negated} {not} {length} {copied}")
} }

same! { [()] async fn compound_assignment_to_a_place() -> String {
    let mut list = vec![1, 2, 3];
    let i = 1;
    list[i] += signed("a").await;
    list[0] *= 2 + signed("b").await;
    let mut order = Order { items: vec![5], ..Order::default() };
    order.items[0] -= signed("c").await;
    order.total += order.items[0] + signed("d").await;
    format!("{list:?} {order:?}")
} }

same! { [()] async fn methods_on_a_place_inside_of_another() -> String {
    let mut lists = [vec![1], vec![2]];
    lists[1].push(signed("a").await);
    lists[{ log("index"); 0 }].extend(ask_list("b").await);
    let mut counts = [Order::default(), Order::default()];
    counts[1].items.insert(0, signed("c").await);
    if lists[0].len() as i64 == signed("d").await { log("equal"); }
    let text = format!("{:?} {}", lists[1], ask_text("e").await);
    format!("{lists:?} {counts:?} {text}")
} }

same! { [()] async fn copies_in_operands_are_taken_before_the_await() -> String {
    let mut list = [1, 2, 3];
    let sum = list[0] + { list[0] = 10; signed("a").await };
    let three = three(list[1], { list[1] = 20; signed("b").await }, list[1]);
    format!("{sum} {three} {list:?}")
} }

same! { [()] async fn a_closure_that_sets_a_local() -> i64 {
    let mut last = 0;
    ask_unit("a").await;
    let mut set = |n: i64| { if n > 3 { last = n; } };
    set(5);
    let n = signed("b").await;
    let mut again = |m: i64| { if m > 3 { last += m; } };
    again(n);
    last
} }

same! { [()] async fn nested_awaits() -> String {
    ask_text(ask_text(format!("{}", signed("inner").await)).await).await
} }

same! { [()] async fn a_block_in_an_expression() -> i64 {
    let x = log(2) * { let y = signed("y").await; let z = signed("z").await; y - z } + log(1);
    x
} }

same! { [()] async fn an_if_in_an_argument() -> String {
    three(log(1), if ask_bool("a").await { signed("b").await } else { log(9) }, signed("c").await)
} }

same! { [()] async fn a_match_in_an_operand() -> i64 {
    10 * match signed("a").await { 0 => signed("zero").await, n if n < 0 => -n, n => n + signed("more").await } + 1
} }

same! { [()] async fn macros_with_awaits() -> String {
    assert!(signed("small").await < 100, "never {}", log(1));
    let list = vec![signed("a").await, log(5), signed("b").await];
    let same = vec![ask_text("c").await; 2];
    format!("{} {:?} {same:?} {n}", ask_text("d").await, list, n = signed("n").await)
} }

same! { [()] async fn lazy_operators_are_lazy() -> String {
    let a = ask_bool("a").await && { log("right of and"); ask_bool("b").await };
    let b = ask_bool("c").await || { log("right of or"); ask_bool("d").await } && log(true);
    format!("{a} {b}")
} }

same! { [()] async fn let_else_around_awaits() -> String {
    let Some(n) = signed_maybe("n").await else { return ask_text("none").await };
    let Ok(m) = signed_result("m").await else {
        let t = ask_text("failed").await;
        return format!("{t} {n}");
    };
    format!("{n} {m}")
} }

same! { [()] async fn let_else_in_a_loop_again() -> i64 {
    let mut sum = 0;
    for _ in 0..5 {
        let Some(n) = signed_maybe("n").await else { ask_unit("skip").await; continue };
        let Some(half) = n.checked_sub(4) else { break };
        sum += half;
    }
    sum
} }

// ---- Between awaits

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

// ---- Calls of other flows

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

// ---- All at once

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
