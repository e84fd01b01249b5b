//! Patterns whose place is written before they match again, and operands that a later operand changes.

#![allow(unused_assignments, reason = "what is written need not be read again")]

// ---- Patterns that match again -------------------------------------------------------------------------------------

same! { [()] async fn a_range_that_is_left() -> Option<i64> {
    let mut maybe = Some(2);
    if let Some(n @ 1..=3) = &mut maybe {
        *n = 100;
        *n += signed("n").await;
    }
    maybe
} }

same! { [()] async fn a_range_that_ends_a_loop() -> Vec<i64> {
    let mut v = vec![3, 5];
    while let Some(x @ 0..=9) = v.last_mut() {
        *x += 5;
        *x += signed("n").await;
        *x += 1;
    }
    v
} }

same! { [()] async fn alternatives_that_are_left() -> Option<i64> {
    let mut maybe = signed_maybe("maybe").await;
    match &mut maybe {
        Some(n @ (0 | 9)) => { *n = 4; *n += signed("n").await; }
        Some(n @ ..=6) => { *n *= 1000; ask_unit("so").await; *n += 1; }
        Some(n) => { *n += signed("m").await; *n += 1; }
        None => maybe = Some(1),
    }
    maybe
} }

same! { [()] async fn literals_and_constants_beside_what_is_written() -> (i64, i64, bool) {
    const LIMIT: i64 = 7;
    let mut all = (LIMIT, 2, true);
    match all {
        (LIMIT, ref mut n, true) => {
            all.0 = 1;
            all.2 = false;
            *n += signed("n").await;
            *n += 1;
        }
        (_, ref mut n, _) => *n = 0,
    }
    all
} }

same! { [()] async fn a_form_beside_what_is_written() -> (i64, Option<i64>) {
    let mut pair = (1, Some(2));
    if let (ref mut n, Some(ref mut m)) = pair {
        *m += 1;
        pair.1 = None;
        *n += signed("n").await;
        *n *= 2;
    }
    pair
} }

same! { [()] async fn a_whole_with_a_form_that_is_left() -> (i64, Option<i64>) {
    let mut pair = (1, Some(2));
    if let (n, m @ Some(_)) = &mut pair {
        *m = None;
        *n += signed("n").await;
        *m = m.map_or(Some(*n), Some);
    }
    pair
} }

same! { [()] async fn elements_of_a_slice() -> Vec<i64> {
    let mut list = vec![1, 2, 3, 4];
    if let [first @ 1..=2, 2, .., last] = &mut list[..] {
        std::mem::swap(first, last);
        *first += signed("n").await;
        *last += 1;
    }
    if let [a, rest @ ..] = list.as_mut_slice() {
        *a += signed("m").await;
        rest[0] += *a;
    }
    list
} }

same! { [()] async fn forms_inside_forms() -> Vec<Shape> {
    let mut shapes = vec![Shape::Box(2, 3), Shape::Circle { radius: 5 }];
    for shape in &mut shapes {
        match shape {
            Shape::Box(a @ 2, b) | Shape::Box(b, a @ 3) => { *a = 8; *b += 10; *b += 1; log("box"); }
            Shape::Circle { radius: r @ 1..9 } => { *r = 50; ask_unit("tick").await; *r += 1; }
            _ => {}
        }
    }
    if let Some(Shape::Circle { radius: 51 }) | Some(Shape::Point) = shapes.last_mut() {
        ask_unit("tock").await;
    }
    shapes
} }

same! { [()] async fn alternatives_of_several_forms() -> Shape {
    let mut shape = ask_shape("shape").await;
    match &mut shape {
        Shape::Circle { radius: n @ 1.. } | Shape::Box(n, 3) => {
            *n = -1;
            *n += signed("n").await;
        }
        Shape::Named(text) => {
            text.clear();
            text.push_str(&ask_text("text").await);
        }
        _ => ask_unit("other").await,
    }
    shape
} }

same! { [()] async fn a_text_that_is_matched() -> (String, i64) {
    let mut pair = ("a", 1);
    let text = if let ("a", n) = &mut pair { *n += signed("n").await; *n += 1; "first" } else { "other" };
    (text.to_owned(), pair.1)
} }

same! { [()] async fn a_pattern_of_an_else() -> (i64, i64) {
    let mut pair = (1, 2);
    let (1, n) = &mut pair else { return (0, 0) };
    *n += signed("n").await;
    *n += 1;
    let (ref mut m, 1..) = pair else { return (1, 1) };
    *m += signed("m").await;
    pair
} }

// ---- Further patterns ----------------------------------------------------------------------------------------------

same! { [()] async fn a_character_and_a_text_in_a_pattern() -> (char, String, i64) {
    let mut all = ('a', "x".to_owned(), 1);
    if let (c @ 'a'..='f', text, n @ (1 | 2)) = &mut all {
        *c = 'z';
        *n = 9;
        text.push(*c);
        *n += signed("n").await;
        text.push(*c);
    }
    all
} }

same! { [()] async fn a_pattern_in_a_loop_over_what_it_writes() -> Vec<(i64, bool)> {
    let mut list = vec![(1, true), (2, false), (3, true)];
    for pair in &mut list {
        let (n @ 1..=2, is_first) = pair else { continue };
        *is_first = !*is_first;
        *n += 10;
        *n += signed("n").await;
        *is_first = *n > 10;
    }
    list
} }

same! { [()] async fn a_chain_of_patterns() -> Vec<Option<i64>> {
    let mut list = vec![Some(1), Some(2)];
    if let Some(last @ Some(_)) = list.last_mut() && let Some(n @ 0..5) = last {
        *n = 50;
        *n += signed("n").await;
        *n += 1;
    }
    while let Some(Some(n @ 51..)) = list.last_mut() {
        *n -= 40;
        ask_unit("down").await;
        *n -= 1;
    }
    list
} }

same! { [()] async fn nested_alternatives() -> (Option<i64>, Shape) {
    let mut all = (signed_maybe("maybe").await, ask_shape("shape").await);
    match &mut all {
        (Some(n @ (0 | 5)), Shape::Circle { radius: r @ 5 } | Shape::Box(r @ 2, _)) => {
            *r = 0;
            *n = 1;
            *r += signed("r").await;
            *n += *r;
        }
        (Some(n), shape @ (Shape::Point | Shape::Named(_))) => {
            *shape = Shape::Box(1, 1);
            *n += signed("n").await;
            *shape = Shape::Circle { radius: *n };
        }
        (one, Shape::Box(a, b)) => {
            *one = None;
            *a += signed("a").await;
            *b += *a;
        }
        _ => ask_unit("else").await,
    }
    all
} }

// ---- The order of operands -----------------------------------------------------------------------------------------

same! { [()] async fn an_operand_that_a_pattern_assigns() -> String {
    let mut x = 1;
    let text = pair_of(x, { (x, _) = (5, ()); signed("n").await });
    format!("{text} {x}")
} }

same! { [()] async fn an_operand_that_patterns_of_all_kinds_assign() -> String {
    let mut order = Order { name: "a".to_owned(), items: vec![], total: 1 };
    let (mut x, mut list) = (1, [1, 2]);
    let a = pair_of(x, { [x, _] = [5, 6]; signed("n").await });
    let b = pair_of(x, { Order { total: x, .. } = order.clone(); signed("n").await });
    let c = pair_of(x, { ((x), _) = (7, 1); signed("n").await });
    let d = pair_of(order.total, { (_, (order.total, ..)) = (1, (9, 2)); signed("n").await });
    let e = pair_of(list[0], { (list[0], _) = (9, 2); signed("n").await });
    format!("{a} {b} {c} {d} {e} {x} {list:?}")
} }

same! { [()] async fn an_operand_of_a_sum_that_is_assigned() -> i64 {
    let mut x = 1;
    let sum = x + { x = 2; signed("n").await };
    sum * 100 + x
} }

same! { [()] async fn an_operand_that_is_borrowed_by_name() -> String {
    let mut x = 1;
    let a = pair_of(x, { let ref mut y = x; *y += 1; signed("n").await });
    let b = pair_of(x, { match x { ref mut y => *y += 1 } signed("n").await });
    let c = pair_of(x, { if let ref mut y @ 1.. = x { *y += 1; } signed("n").await });
    let d = x - { let (ref mut y, _) = (x, ()); *y += 1; signed("n").await };
    format!("{a} {b} {c} {d} {x}")
} }

same! { [()] async fn an_element_that_is_borrowed_by_name() -> String {
    let mut pair = (1, 2);
    let a = pair_of(pair.0, { let (ref mut y, _) = pair; *y += 1; signed("n").await });
    let b = (pair.0, { match pair { (ref mut y, 2) => *y += 1, _ => {} } signed("n").await });
    let c = [pair.0, { for y in [&mut pair.0] { *y += 1; } signed("n").await }];
    format!("{a} {b:?} {c:?} {pair:?}")
} }

// ---- Further operands ----------------------------------------------------------------------------------------------

same! { [()] async fn operands_that_a_loop_or_a_closure_changes() -> String {
    let mut x = 1;
    let a = pair_of(x, { for _ in 0..2 { x += 1; } signed("n").await });
    let b = pair_of(x, { let mut more = |n| x += n; more(5); signed("n").await });
    let c = pair_of(x, { if ask_bool("b").await { (x, _) = (0, 1); } signed("n").await });
    let d = (x, { let _ = std::mem::replace(&mut x, 9); signed("n").await }, x);
    format!("{a} {b} {c} {d:?}")
} }

same! { [()] async fn parts_that_are_assigned_as_operands() -> String {
    let mut order = Order { name: "a".to_owned(), items: vec![], total: 1 };
    let a = pair_of(order.total, { order = Order { total: 5, ..order.clone() }; signed("n").await });
    let b = pair_of(order.total, { Order { total: order.total, .. } = Order::default(); signed("n").await });
    let c = order.total * 10 + { order.total += 3; signed("n").await };
    let d = [order.total, { let Order { ref mut total, .. } = order; *total += 3; signed("n").await }];
    format!("{a} {b} {c} {d:?}")
} }

same! { [()] async fn a_comparison_with_what_changes() -> String {
    let mut x = 1;
    let a = x == { (x, ()) = (3, ()); signed("n").await };
    let b = x < { match x { ref mut y => *y = -5 } signed("n").await };
    let c = x.max(2) + { x = 50; signed("n").await };
    format!("{a} {b} {c} {x}")
} }
