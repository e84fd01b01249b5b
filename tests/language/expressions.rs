//! Awaits inside expressions: what was evaluated before stays evaluated before, once.

same! { [()] async fn operands_in_order() -> u32 { log(1) + ask("a").await * log(2) - { log(3); ask("b").await.min(1) } + log(4) }  }

same! { [()] async fn an_operand_that_is_changed_later() -> u32 {
    let mut x = 1;
    let y = x + { x += 1; ask("a").await; x } * x;
    y * 10 + x
} }

same! { [()] async fn an_operand_that_is_replaced_later() -> u32 {
    let mut x = 4;
    let mut p = (1, 2);
    x + { x = ask("x").await; 1 } + p.0 * { p = (7, ask("p").await); p.1 } + { let x = 50; x } + x
} }

same! { [()] async fn an_operand_that_a_method_changes_later() -> u32 {
    use std::ops::AddAssign;
    let mut x = 1;
    let y = x + { x.add_assign(ask("a").await); x } + x;
    y * 10 + x
} }

same! { [()] async fn an_operand_that_a_macro_changes_later() -> u32 {
    macro_rules! bump { ($x:ident) => { $x += 5 } }
    let mut x = 1;
    x + { bump!(x); ask("a").await } * x
} }

same! { [()] async fn an_operand_that_a_closure_changes_later() -> u32 {
    let mut x = 1;
    x + { let mut bump = || { x += 2; }; bump(); bump(); ask("a").await } + x
} }

same! { [()] async fn a_comparison_with_effects() -> bool {
    let mut x = 1;
    x == { x = ask("x").await; x } || x < { x += ask("more").await; log(x) }
} }

same! { [()] async fn comparisons_of_what_is_owned() -> u32 {
    let words = ["t1".to_owned(), "t2".to_owned()];
    let pair = ("t0".to_owned(), 3);
    let mut n = 0;
    if words[0] == ask_text("a").await { n += 1; }
    if words[1] != ask_text("b").await { n += 10; }
    if pair.0 < ask_text("c").await { n += 100; }
    n + words.len() as u32 + pair.1
} }

same! { [()] async fn compound_assignments() -> u32 {
    let mut x = 1;
    x += ask("a").await;
    x *= ask("b").await + x;
    x -= x.min(ask("c").await);
    x <<= ask("d").await % 3;
    x |= if ask_bool("e").await { 8 } else { x };
    x
} }

same! { [()] async fn compound_assignment_whose_right_side_changes_the_left() -> u32 {
    let mut x = 10;
    log(x);
    x += { x = 1; ask("a").await };
    x -= { let n = ask("b").await; x += n; n };
    x
} }

same! { [()] async fn compound_assignments_of_places() -> Vec<u32> {
    let mut v = vec![1, 2, 3, 4];
    let i = 1;
    v[i] += ask("a").await;
    v[i + 1] *= ask("b").await;
    v[ask("c").await as usize] -= 1;
    let mut p = (1, [2, 3]);
    p.0 += ask("d").await;
    p.1[0] += ask("e").await;
    v.extend(p.1);
    v.push(p.0);
    v
} }

same! { [()] async fn compound_assignment_of_text() -> String {
    let mut s = String::from("s");
    s += &ask_text("a").await;
    s += ask_text("b").await.as_str();
    s
} }

same! { [()] async fn compound_assignment_through_an_entry() -> u32 {
    let mut map = std::collections::BTreeMap::new();
    for i in 0..3 { *map.entry(i % 2).or_insert(0) += ask(i).await; }
    map[&0] * 10 + map[&1]
} }

same! { [()] async fn assignments_of_places() -> String {
    #[derive(Debug, Clone, Serialize, Deserialize)]
    struct Order { name: String, items: Vec<u32> }
    let mut order = Order { name: String::new(), items: vec![0; 4] };
    order.name = ask_text("name").await;
    order.items[1] = ask("item").await;
    order.items[ask("index").await as usize] = log(9);
    let i = 2;
    order.items[i] = { order.items.push(7); ask("two").await };
    let mut boxed = Box::new(1);
    *boxed = ask("boxed").await;
    *boxed += 1;
    format!("{order:?} {boxed}")
} }

same! { [()] async fn destructuring_assignments() -> u32 {
    let (mut a, mut b) = (1, 2);
    (a, b) = (b + ask("a").await, a);
    [a, _] = [a + b, ask("b").await];
    (_, b) = (log(1), b + ask("c").await);
    let (c, d);
    (c, d) = (a, ask("d").await);
    log(ask("e").await);
    _ = ask("f").await;
    a * 1000 + b * 100 + c * 10 + d
} }

same! { [()] async fn method_receivers() -> String {
    ask_text("a").await.to_uppercase().repeat(ask("b").await as usize).replace('T', &ask_text("c").await)
} }

same! { [()] async fn method_arguments() -> Vec<u32> {
    let mut v = Vec::new();
    v.push(ask("a").await);
    v.push(ask(v.len()).await + log(5));
    v.insert(0, v[0] + ask("c").await);
    v.extend([ask("d").await, log(6), ask("e").await]);
    v
} }

same! { [()] async fn a_receiver_that_is_an_element() -> Vec<Vec<u32>> {
    let mut grid = vec![vec![], vec![1]];
    let mut i = 0;
    grid[i].push({ i += 1; ask("a").await });
    grid[i].push(ask("b").await);
    grid[log(i - 1)].push({ i = 7; ask("c").await });
    log(i);
    grid
} }

same! { [()] async fn a_receiver_that_is_an_element_and_copies() -> u32 {
    use std::ops::AddAssign;
    let mut counts = [1, 2, 3];
    let mut slots = vec![None, Some(4)];
    let mut nested = ([1, 2], 5);
    let i = 1;
    counts[i].add_assign(ask("a").await);
    counts[ask("b").await as usize % 3].add_assign(ask("c").await);
    slots[0].replace(ask("d").await);
    slots[1].replace(ask("e").await);
    nested.0[i].add_assign(ask("f").await);
    let mut boxed = Box::new(3);
    (*boxed).add_assign(ask("g").await);
    counts.iter().sum::<u32>() * 100 + slots.into_iter().flatten().sum::<u32>() + nested.0[1] + *boxed
} }

same! { [()] async fn an_element_that_is_not_there() -> u32 {
    let mut v = vec![vec![1]];
    v[log(3)].push(ask("never asked").await);
    9
} }

same! { [()] async fn function_arguments() -> u32 {
    fn f(a: u32, b: &str, c: u32, d: Vec<u32>) -> u32 { log(format!("{a} {b} {c} {d:?}")); a + b.len() as u32 + c }
    let owned = vec![1, 2];
    let text = "text".to_owned();
    f(ask("a").await, &ask_text("b").await, log(3), owned.clone()) + f(log(1), &text, ask("c").await, owned) + f(f(1, "", ask("d").await, vec![]), &text, 1, vec![ask("e").await])
} }

same! { [()] async fn a_moved_argument_before_an_await() -> String {
    fn join(a: String, b: u32, c: String) -> String { format!("{a}{b}{c}") }
    let a = "a".to_owned();
    let c = "c".to_owned();
    join(a, ask(&c).await, c)
} }

same! { [()] async fn literals() -> String {
    #[derive(Debug, Serialize, Deserialize)]
    struct P { a: u32, b: String, c: (u32, u32) }
    let a = 3;
    let base = P { a: 1, b: "base".into(), c: (log(0), ask("base").await) };
    let p = P { a, b: ask_text("b").await, c: (log(1), ask("c").await) };
    let q = P { c: (ask("q").await, log(2)), ..base };
    let t = (ask("t").await, p, [log(5), ask("u").await, log(6)], (ask("only").await,));
    format!("{q:?} {t:?} {:?}", [ask("r").await; 2])
} }

same! { [()] async fn casts_and_references() -> i64 {
    let x = ask("a").await as i64 * -(ask("b").await as i64);
    let y = &(ask("c").await + 1);
    let z = *y as i64 + i64::from(!ask_bool("d").await) + x;
    z - *&ask("e").await as i64
} }

same! { [()] async fn indexes_and_ranges() -> u32 {
    let v = [10, 20, 30, 40, 50, 60, 70];
    let from = ask("from").await as usize;
    let slice = &v[from..from + ask("len").await as usize];
    let sum: u32 = slice.iter().sum();
    let more: u32 = v[log(1)..=ask("to").await as usize + 1].iter().sum();
    sum + more + v[ask("i").await as usize] + [1, 2, 3, 4][ask("j").await as usize]
} }

same! { [()] async fn formats() -> String {
    let x = 5;
    let name = "n".to_owned();
    let a = format!("{x} {} {name:>w$} {}", ask("a").await, log(2), w = ask("w").await as usize);
    let b = format!("{} {}{}", name, log(2), ask_text("b").await);
    assert!(ask("c").await < 9, "{} {}", log("not evaluated"), x);
    assert_eq!(name, { ask_unit("d").await; "n" }, "{}", log("not evaluated"));
    assert_ne!(log(1), ask("e").await + 2);
    let v = vec![ask("f").await, log(1), ask("g").await];
    let w = vec![ask("h").await; log(2) as usize];
    format!("{a}{b}{v:?}{w:?}{x}{0}{y}{0}", ask("i").await, y = ask("j").await)
} }

same! { [()] async fn asserts_that_fail() -> u32 {
    let n = ask("n").await;
    assert!(n != 1, "one");
    assert_eq!(ask("m").await, log(n), "{n} {}", log("evaluated"));
    n
} }

same! { [()] async fn writes() -> String {
    use std::fmt::Write;
    let mut out = String::new();
    write!(out, "{}-{}", log(1), ask("a").await).unwrap();
    writeln!(&mut out, "{}", ask_text("b").await).unwrap();
    out
} }

same! { [()] async fn matches_of_an_answer() -> u32 {
    let (from, to) = (1, 3);
    let n = ask("n").await;
    ask_unit("between").await;
    u32::from(matches!(n, 1..=2)) + u32::from(matches!(Some(n), Some(m) if (from..to).contains(&m))) * 10
} }

same! { [()] async fn awaits_of_awaits() -> u32 {
    ask(ask_text(ask("a").await + 1).await + &ask_text("b").await).await
} }

same! { [()] async fn awaited_values_from_everywhere() -> u32 {
    let question = ask("kept");
    let questions = (ask("first"), ask("second"));
    let a = question.await;
    let b = questions.0.await;
    let make = |n: u32| ask(n * 2);
    let c = make(a).await;
    let d = (if c > 1 { ask("big") } else { ask("small") }).await;
    let e = match d { 0 => ask("zero"), _ => ask("other") }.await;
    let f = { log("block"); ask("block") }.await;
    let g = Ask("tuple struct".to_owned()).await;
    a + b + c + d + e + f + g
} }

same! { [()] async fn closures_between_awaits() -> u32 {
    let factor = ask("factor").await;
    let times = |n: u32| n * factor;
    let a: Vec<u32> = (0..3).map(times).filter(|n| n % 2 == 0).collect();
    let n = ask("n").await;
    let mut count = 0;
    let mut bump = || { count += n; count };
    let b = bump() + bump();
    let sum = a.iter().sum::<u32>();
    sum + b + count + { let inner = move || count + 1; inner() } + ask("end").await
} }

same! { [()] async fn closures_return_for_themselves() -> u32 {
    let n = ask("n").await;
    let f = |x: u32| { if x == n { return 100; } for i in 0..x { if i == 1 { break; } if i == 2 { continue; } log(i); } x };
    f(1) + f(2) + f(3) + ask("m").await
} }

same! { [()] async fn temporaries_are_held() -> String {
    let words = ["one".to_owned(), "two".to_owned()];
    let s = words.join("-") + &ask_text("a").await + &words[log(1)] + &format!("{}{}", words[0], ask("b").await);
    (s.clone() + "!").repeat(ask("c").await as usize)
} }

same! { [()] async fn deep_arithmetic() -> i64 {
    let a = i64::from(ask("a").await);
    (((a - 2) * (i64::from(ask("b").await) - 1)) << ask("c").await) - -a % (i64::from(ask("d").await) + 1) ^ !a
} }

same! { [()] async fn integers_fall_back() -> String {
    let mut n = -1;
    let mut f = 0.5;
    let mut all = Vec::new();
    let mut best = None;
    for _ in 0..2 {
        n *= 2;
        f += 0.1;
        if ask_bool("more").await { all.push(n); best = Some(f); }
    }
    format!("{n} {f} {all:?} {best:?} {}", std::mem::size_of_val(&n))
} }

same! { [()] async fn iterators_over_collections() -> u32 {
    let names: Vec<String> = vec![ask_text("a").await, ask_text("b").await];
    let lengths = names.iter().map(|name| name.len() as u32).collect::<Vec<_>>();
    let n = ask("n").await;
    lengths.iter().zip(&names).filter(|(_, name)| *name != "t1").map(|(length, _)| length + n).sum::<u32>() + names.len() as u32
} }

same! { [()] async fn a_swap_of_locals() -> String {
    let mut a = "a".to_owned();
    let mut b = ask_text("b").await;
    std::mem::swap(&mut a, &mut b);
    let c = std::mem::take(&mut a) + &ask_text("c").await;
    std::mem::swap(&mut a, &mut { ask_text("d").await });
    format!("{a}{b}{c}")
} }

same! { [()] async fn a_reference_to_an_answer() -> usize {
    let text = &ask_text("text").await;
    let first = &text[..1];
    let n = first.len() + text.len();
    n + ask("n").await as usize
} }

same! { [()] async fn mutable_borrows_between_awaits() -> Vec<u32> {
    let mut v = vec![3, 1, 2];
    { let n = ask("a").await; let first = &mut v[0]; *first += n; }
    let last = v.last_mut().unwrap();
    *last += 10;
    v.sort();
    v.retain(|n| *n != 1);
    let n = ask("b").await;
    v.iter_mut().for_each(|m| *m += n);
    v
} }

same! { [()] async fn deferred_blocks_in_arguments() -> u32 {
    fn add(a: u32, b: u32, c: u32) -> u32 { a * 100 + b * 10 + c }
    let mut n = 0;
    add({ n += 1; n }, { n += ask("b").await; n }, { n += 1; n })
} }

same! { [()] async fn values_of_loops_as_operands() -> u32 {
    1 + loop { let n = ask("n").await; if n > 0 { break n; } } * 10 + 'b: { if ask_bool("b").await { break 'b 5; } 6 } + log(2)
} }

same! { [()] async fn statements_that_are_expressions() -> u32 {
    let mut n = 0;
    drop((ask("a").await, log(1)).0.to_string());
    [ask("b").await; 1].iter().for_each(|m| n += m);
    if ask_bool("c").await { n += 1 } else if ask_bool("d").await { n += 2 };
    match ask("e").await { 0 => n += 5, _ => () };
    { n += 7; ask_unit("f").await }
    ask_unit("g").await;
    n
} }

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
