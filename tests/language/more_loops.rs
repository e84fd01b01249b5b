//! Loops in loops, their values, and what leaves them.

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
