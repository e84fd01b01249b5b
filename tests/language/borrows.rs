//! Borrows that are taken again after an await.

same! { [()] async fn a_borrowed_field() -> String {
    let order = Order { name: ask_text("name").await, items: vec![1, 2], total: 3 };
    let name = &order.name;
    let n = ask("n").await;
    let items = &order.items;
    ask_unit("again").await;
    format!("{name} {n} {items:?} {}", order.total)
} }

same! { [()] async fn a_text_that_hides_what_it_borrows() -> String {
    let name = ask_text("name").await;
    let name = name.trim();
    let more = ask_text("more").await;
    let more = more.as_str();
    ask_unit("again").await;
    format!("{name} {more}")
} }

same! { [()] async fn a_mutable_borrow() -> Vec<i64> {
    let mut items = ask_list("items").await;
    items.push(1);
    let last = items.last_mut().unwrap();
    *last += signed("more").await;
    *last *= signed("times").await;
    items
} }

same! { [()] async fn an_element_by_an_index_that_moves_on() -> Vec<i64> {
    let mut items = vec![1, 2, 3, 4];
    let mut i = ask("i").await as usize % 4;
    let item = &mut items[i];
    i += 1;
    *item += signed("more").await;
    ask_unit("so").await;
    *item += 100 * i as i64;
    items
} }

same! { [()] async fn an_index_with_effects() -> i64 {
    let items = vec![1, 2, 3, 4];
    let item = &items[log(ask("i").await as usize % 4)];
    ask_unit("so").await;
    *item
} }

same! { [()] async fn slices_of_lists() -> i64 {
    let items = vec![1, 2, 3, 4];
    let n = ask("n").await as usize % 3;
    let (some, rest) = (&items[n..], &items[..2]);
    let more = signed("more").await;
    some.iter().sum::<i64>() * rest[1] + more
} }

same! { [()] async fn if_let_on_a_borrow() -> i64 {
    let maybe = signed_maybe("maybe").await;
    if let Some(n) = &maybe {
        let more = signed("more").await;
        if *n > more { log("less"); }
        more + n
    } else {
        signed("none").await
    }
} }

same! { [()] async fn if_let_on_a_mutable_borrow() -> Option<i64> {
    let mut maybe = signed_maybe("maybe").await;
    if let Some(n) = &mut maybe {
        *n += signed("more").await;
    }
    if let Some(n) = maybe.as_mut() {
        *n += signed("and more").await;
    }
    maybe
} }

same! { [()] async fn a_match_on_a_borrow() -> String {
    let shape = ask_shape("shape").await;
    let text = match &shape {
        Shape::Point => "a point".to_owned(),
        Shape::Circle { radius } => {
            let more = signed("more").await;
            format!("{radius} {more}")
        }
        Shape::Box(a, b) if a > b => format!("high {}", ask("n").await),
        Shape::Box(wide, high) => {
            ask_unit("box").await;
            format!("{wide} x {high}")
        }
        Shape::Named(name) => {
            let name = name.as_str();
            ask_unit("named").await;
            name.to_owned()
        }
    };
    format!("{text} {shape:?}")
} }

same! { [()] async fn ref_patterns() -> String {
    let pair = ask_pair("pair").await;
    match pair {
        (1, ref name) => { ask_unit("one").await; format!("one {name}") }
        (n, ref name) => { let m = signed("m").await; format!("{n} {name} {m}") }
    }
} }

same! { [()] async fn while_let_on_a_borrow() -> i64 {
    let mut list = ask_list("list").await;
    let mut sum = 0;
    while let Some(last) = list.last() {
        sum += signed("n").await + last;
        list.pop();
    }
    sum
} }

same! { [()] async fn a_let_else_on_a_borrow() -> i64 {
    let maybe = signed_maybe("maybe").await;
    let Some(n) = &maybe else {
        return signed("none").await;
    };
    let more = signed("more").await;
    more + n
} }

same! { [()] async fn a_tuple_of_borrows() -> String {
    let (a, b) = (signed_maybe("a").await, signed_maybe("b").await);
    match (&a, &b) {
        (Some(a), Some(b)) => { let c = signed("c").await; format!("{a} {b} {c}") }
        (Some(x), None) | (None, Some(x)) => { ask_unit("one").await; format!("{x}") }
        (None, None) => ask_text("none").await,
    }
} }

same! { [()] async fn a_borrow_of_an_answer() -> String {
    let name = &ask_text("name").await;
    let list = &mut ask_list("list").await;
    list.push(signed("more").await);
    ask_unit("so").await;
    format!("{name} {list:?}")
} }

same! { [()] async fn borrows_of_borrows() -> String {
    let order = Order { name: ask_text("name").await, items: vec![1, 2], total: 3 };
    let whole = &order;
    let name = &whole.name;
    let text = name.as_str();
    let first = whole.items.first();
    ask_unit("so").await;
    if let Some(first) = first {
        ask_unit("and so").await;
        return format!("{text} {first} {}", whole.total);
    }
    text.to_owned()
} }

same! { [()] async fn an_element_by_a_key() -> String {
    let mut prices = BTreeMap::from([("t0".to_owned(), 1), ("t1".to_owned(), 2)]);
    let name = ask_text("name").await;
    if let Some(price) = prices.get_mut(&name) {
        *price += signed("more").await;
    }
    let Some(price) = prices.get(&name) else { return "none".to_owned() };
    ask_unit("so").await;
    format!("{price} {name}")
} }

same! { [()] async fn patterns_that_copy() -> String {
    let pairs = vec![(1, 'a'), (2, 'b')];
    let &(n, c) = &pairs[ask("i").await as usize % 2];
    let (m, d) = &pairs[0];
    ask_unit("so").await;
    format!("{n} {c} {m} {d}")
} }

same! { [()] async fn nested_patterns_and_slices() -> String {
    let list = ask_list("list").await;
    match list.as_slice() {
        [] => ask_text("empty").await,
        [one] => { ask_unit("one").await; format!("{one}") }
        [first, .., last] => { ask_unit("more").await; format!("{first} {last}") }
    }
} }

same! { [()] async fn constants_and_texts() -> String {
    const LIMIT: u32 = 3;
    const TITLE: &str = "title";
    let (limit, title, names) = (LIMIT, TITLE, ["a", "b"]);
    let text = "text";
    let n = ask("n").await;
    format!("{limit} {title} {names:?} {text} {n}")
} }

same! { [()] async fn a_mutable_borrow_in_a_loop() -> Vec<i64> {
    let mut items = vec![0, 0, 0];
    let mut i = 0;
    while ask_bool("more").await && i < 10 {
        let item = &mut items[i % 3];
        *item += signed("n").await;
        *item += 1;
        i += 1;
    }
    items
} }

same! { [()] async fn a_borrow_over_a_join() -> String {
    let order = Order { name: ask_text("name").await, items: vec![1], total: 0 };
    let name = &order.name;
    let n = if ask_bool("which").await { ask("a").await } else { 0 };
    let list = &order.items;
    let m = loop {
        let m = ask("m").await;
        if m > n || list.len() > 1 { break m; }
        if ask_bool("enough").await { break 9; }
    };
    format!("{name} {n} {m} {list:?}")
} }

same! { [()] async fn closures_over_awaits() -> u32 {
    let base = ask("base").await;
    let add = |n: u32| log(n) + base;
    let mut count = 0;
    let mut inc = |by| count += by;
    inc(1);
    let n = add(ask("n").await);
    inc(n);
    ask_unit("so").await;
    inc(add(1));
    count + base
} }
