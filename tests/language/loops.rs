//! Loops, labels, and the ways out of them.

same! { [()] async fn loop_with_value() -> u32 {
    let mut sum = 0;
    let last = loop {
        let n = ask("n").await;
        sum += n;
        if n == 0 { break sum * 10; }
    };
    log(last) + sum
} }

same! { [()] async fn loop_as_statement() -> u32 {
    let mut tries = 0;
    loop {
        tries += 1;
        if ask("stop").await == 0 { break; }
    }
    tries
} }

same! { [()] async fn loop_as_tail() -> u32 {
    loop {
        let n = ask("n").await;
        if n == 2 { break n; }
        if n == 3 { return 100; }
        log(n);
    }
} }

same! { [()] async fn loop_that_awaits_last() -> u32 {
    let mut n = 0;
    loop {
        if n > 3 { return n; }
        n += 1 + ask(n).await;
    }
} }

same! { [(0), (3)] async fn while_counts(limit: u32) -> u32 {
    let mut i = 0;
    while i < limit {
        log(format!("{i}: {}", ask(i).await));
        i += 1;
    }
    i
} }

same! { [()] async fn while_awaits_in_its_condition() -> u32 {
    let mut rounds = 0;
    while ask("go").await != 0 { rounds += 1; log(rounds); }
    rounds
} }

same! { [()] async fn while_let_awaits_in_its_condition() -> Vec<u32> {
    let mut all = Vec::new();
    while let Some(n) = ask_maybe("next").await {
        if n == 1 { continue; }
        all.push(n);
        if all.len() == 3 { break; }
    }
    all
} }

same! { [()] async fn while_let_pops() -> u32 {
    let mut stack = vec![1, 2, 3];
    let mut sum = 0;
    while let Some(top) = stack.pop() {
        let n = ask(top).await;
        if n == 3 && stack.len() < 5 { stack.push(n); stack.push(n + 1); }
        sum += top * n;
    }
    sum
} }

same! { [()] async fn while_with_a_chain() -> u32 {
    let mut sum = 0;
    let limit = 9;
    while let Some(n) = ask_maybe("n").await && n < 2 && let Ok(m) = ask_result("m").await && sum + m < limit {
        sum += n + m;
        log(sum);
    }
    sum
} }

same! { [()] async fn for_over_a_range() -> u32 {
    let mut sum = 0;
    for i in 0..4 { sum += i * ask(i).await; }
    sum
} }

same! { [()] async fn for_over_an_inclusive_range() -> u32 {
    let mut sum = 0;
    for i in (1..=3u8).into_iter() { sum += u32::from(i) * ask(i).await; }
    for i in 254..=255u8 { sum += u32::from(i) * ask(i).await; }
    sum
} }

same! { [()] async fn for_over_an_open_range() -> usize {
    for i in 1.. {
        if ask("stop").await == 0 { return i; }
    }
    unreachable!()
} }

same! { [()] async fn for_over_a_vector() -> String {
    let mut out = String::new();
    for word in vec!["a".to_owned(), "b".to_owned()] {
        out += &word;
        out.push_str(&ask_text(&word).await);
        out += &word;
    }
    out
} }

same! { [()] async fn for_over_an_array_of_pairs() -> u32 {
    let mut sum = 0;
    for (i, mut factor) in [(1, 2), (3, 4)] {
        factor += ask(i).await;
        sum += i * factor;
        log(factor);
    }
    sum
} }

same! { [()] async fn for_over_a_map() -> String {
    let map = std::collections::BTreeMap::from([("x".to_owned(), 1), ("y".to_owned(), 2)]);
    let mut out = String::new();
    for (key, value) in map { out = format!("{out}{key}{}", value + ask(&key).await); }
    out
} }

same! { [()] async fn for_over_what_was_asked() -> u32 {
    let mut sum = 0;
    for i in 0..ask("how many").await { sum += i; }
    for i in ask("from").await..3 { sum += i * ask(i).await; }
    sum
} }

same! { [()] async fn for_over_a_borrow_of_what_was_asked() -> usize {
    let words = ["ab".to_owned(), "c".to_owned()];
    let mut sum = 0;
    for word in words[ask("from").await.min(2) as usize..].iter().filter(|word| word.len() > 1) { sum += word.len(); }
    sum
} }

same! { [()] async fn continue_in_for() -> u32 {
    let mut sum = 0;
    for i in 0..6 {
        if i % 2 == 0 { continue; }
        let n = ask(i).await;
        if n == 0 { continue; }
        if n == 3 { break; }
        sum += i;
    }
    sum
} }

same! { [()] async fn labels_out_of_nested_loops() -> u32 {
    let mut count = 0;
    'outer: for i in 0..3 {
        for j in 0..3 {
            match ask(format!("{i}{j}")).await {
                0 => continue 'outer,
                1 => break,
                2 => count += 1,
                _ => break 'outer,
            }
            count += 10;
        }
        count += 100;
    }
    count
} }

same! { [()] async fn labels_out_of_inner_loops_that_do_not_await() -> u32 {
    let mut count = 0;
    'outer: loop {
        let n = ask("n").await;
        for i in 0..5 {
            count += 1;
            if i == n { continue 'outer; }
            loop {
                if i + n > 4 { break 'outer; }
                if n == 1 { break; }
                continue 'outer;
            }
            while i > 1 { break; }
        }
        count += 100;
        if count > 300 { return count; }
    }
    count + 1000
} }

same! { [()] async fn inner_break_is_not_the_outer() -> u32 {
    let mut rounds = 0;
    while rounds < 4 {
        rounds += ask("step").await;
        let first = loop { if rounds > 2 { break rounds; } rounds += 1; };
        for i in 0..first { if i == 1 { continue; } if i == 2 { break; } log(i); }
    }
    rounds
} }

same! { [()] async fn break_with_a_value_from_inner_loops() -> u32 {
    let mut seen = vec![];
    let found = 'search: loop {
        seen.push(ask("n").await);
        for (i, n) in seen.iter().enumerate() {
            for m in &seen[i + 1..] {
                if n == m { break 'search n * 10 + m; }
            }
        }
    };
    found + seen.len() as u32
} }

same! { [()] async fn break_with_a_value_that_awaits() -> u32 {
    let x = 'a: loop {
        let y = loop {
            if ask_bool("out").await { break 'a ask("out value").await; }
            break ask("in value").await + 10;
        };
        log(y);
        if y > 11 { break y; }
    };
    x
} }

same! { [()] async fn labelled_block() -> u32 {
    let x = 'block: {
        let n = ask("n").await;
        if n == 0 { break 'block 7; }
        let m = ask("m").await;
        if m == n { break 'block 8 + m; }
        n * m
    };
    x + 1
} }

same! { [()] async fn labelled_block_as_statement() -> u32 {
    let mut x = 1;
    'block: {
        if ask_bool("leave").await { break 'block; }
        x += ask("x").await;
        for i in 0..3 { if i == x { break 'block; } log(i); }
        x += 100;
    }
    x
} }

same! { [()] async fn labelled_block_in_a_loop() -> u32 {
    let mut x = 0;
    'each: loop {
        'skip: {
            x += 1;
            if x == 2 { continue 'each; }
            if ask_bool("skip").await { break 'skip; }
            if x > 4 { break 'each; }
            x += 1;
        }
        log(x);
        if x > 8 { break; }
    }
    x
} }

same! { [()] async fn one_label_twice() -> u32 {
    let mut x = 0;
    'b: loop { x += ask("first").await; if x > 0 { break 'b; } }
    'a: loop {
        x += ask("x").await;
        let y = 'b: { if x == 1 { break 'b 5; } if x > 3 { break 'b 6; } 0 };
        log(y);
        if y == 6 { break 'a; }
    }
    x
} }

same! { [()] async fn moves_and_refills() -> Vec<String> {
    let mut all = Vec::new();
    let mut line = String::from("start");
    loop {
        let n = ask(&line).await;
        if n == 0 {
            all.push(line);
            line = String::new();
            if all.len() == 2 { break; }
        } else if n == 1 {
            let old = line;
            line = format!("{old}!");
        }
        line += "-";
    }
    all
} }

same! { [()] async fn moves_out_and_leaves() -> String {
    let name = "n".to_owned();
    loop {
        match ask("n").await {
            0 => return name,
            1 => break,
            _ => { log(&name); }
        }
    }
    let moved = name;
    moved + &ask_text("more").await
} }

same! { [()] async fn set_just_before_the_loop_is_left() -> u32 {
    let found;
    loop {
        let a = ask("a").await;
        if a > 1 { found = a; break; }
    }
    log(found) + ask("b").await + found
} }

same! { [()] async fn set_before_each_way_out() -> u32 {
    let (found, how);
    'outer: loop {
        for i in 0..3 {
            if i + ask(i).await > 3 { found = i; how = "for"; break 'outer; }
        }
        let a = ask("a").await;
        if a == 0 { found = 10; how = "zero"; break; }
        if a == 1 { found = 11; how = "one"; break 'outer; }
    }
    log(how);
    log(ask("b").await);
    found
} }

same! { [()] async fn set_in_a_loop_that_does_not_await() -> u32 {
    let first;
    let mut n = ask("n").await;
    loop { n += 1; if n % 3 == 0 { first = n; break; } }
    ask("again").await + first
} }

same! { [()] async fn set_in_a_labelled_block_that_does_not_await() -> u32 {
    let x;
    let n = ask("n").await;
    'b: { if n == 0 { x = 5; break 'b; } x = n; }
    ask("again").await + x
} }

same! { [()] async fn break_in_a_guard() -> u32 {
    let mut x = 0;
    loop {
        let n = ask("n").await;
        match n {
            0 if { if x > 2 { break; } true } => x += ask("more").await,
            1 => x += 1,
            _ if x == 1 => { x += ask("even more").await; continue; }
            _ => {}
        }
        if x > 20 { break; }
        x += n;
    }
    x
} }

same! { [()] async fn a_loop_in_a_loop_in_a_loop() -> u32 {
    let mut total = 0;
    for i in 0..2 {
        let mut j = i;
        while j < 3 {
            let k = loop {
                let k = ask(format!("{i}{j}")).await;
                if k != 1 { break k; }
                total += 1;
            };
            j += 1 + k;
            total = total * 2 + k;
        }
        log(total);
    }
    total
} }

same! { [()] async fn loop_that_is_left_at_once() -> u32 {
    let x = loop { break ask("x").await; };
    for i in 0..3 { return i + x + ask("y").await; }
    9
} }

same! { [()] async fn a_loop_over_nothing() -> u32 {
    let nothing: Vec<u32> = vec![];
    for n in nothing { ask(n).await; }
    for _ in 0..0 { ask("never").await; }
    while false { ask("never").await; }
    4
} }

same! { [()] async fn break_out_of_a_match_in_a_condition() -> u32 {
    let mut n = 0;
    while match ask("n").await { 0 => false, 1 => { n += 10; true } m => n + m < 20 } { n += 1; }
    n
} }

same! { [()] async fn break_in_an_operand() -> u32 {
    let mut n = 0;
    loop {
        n += ask("n").await + if n > 5 { break } else { 1 };
        let m = log(n) + match ask("m").await { 0 => break, 1 => continue, m => m };
        n += m;
    }
    n
} }
