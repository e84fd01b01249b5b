//! Loops over what is borrowed, and over chains of adapters.

same! { [()] async fn over_a_borrowed_list() -> i64 {
    let list = ask_list("list").await;
    let mut sum = 0;
    for item in &list {
        sum += signed("n").await * item;
        if sum > 20 { break; }
    }
    for item in list.iter() {
        if ask_bool("skip").await { continue; }
        sum += *item;
    }
    sum + list.len() as i64
} }

same! { [()] async fn over_a_borrowed_list_with_its_index() -> String {
    let names = vec!["a".to_owned(), "b".to_owned(), "c".to_owned()];
    let mut text = String::new();
    for (i, name) in names.iter().enumerate() {
        text += &ask_text(name).await;
        text += &format!("{i}{name}");
    }
    text
} }

same! { [()] async fn changing_what_is_iterated() -> Vec<i64> {
    let mut list = ask_list("list").await;
    for item in &mut list {
        *item += signed("n").await;
        *item *= 2;
    }
    for item in list.iter_mut().rev() {
        if ask_bool("change").await { *item = 0; }
    }
    list
} }

same! { [()] async fn over_a_field() -> String {
    let mut order = Order { name: ask_text("name").await, items: vec![1, 2, 3], total: 0 };
    for item in &order.items {
        order.total += signed("n").await + item;
    }
    for item in order.items.iter_mut() {
        *item += signed("m").await;
    }
    format!("{order:?}")
} }

same! { [()] async fn over_borrowed_maps() -> String {
    let mut prices = BTreeMap::from([("a".to_owned(), 1), ("b".to_owned(), 2)]);
    let mut text = String::new();
    for (name, price) in &mut prices {
        *price += ask(name).await;
    }
    for (name, price) in &prices {
        text += &format!("{name}{price}{}", ask("more").await);
    }
    for name in prices.keys() { ask_unit(name).await; text += name; }
    for price in prices.values() { text += &format!("{price}{}", ask("x").await); }
    for price in prices.values_mut() { *price *= ask("y").await; }
    format!("{text} {prices:?}")
} }

same! { [()] async fn over_hash_maps() -> String {
    let mut prices = std::collections::HashMap::from([("a".to_owned(), 1), ("b".to_owned(), 2), ("c".to_owned(), 3)]);
    let mut sum = 0;
    for (name, price) in &mut prices {
        *price += ask("more").await;
        *price += name.len() as u32;
    }
    for (name, price) in &prices {
        let n = ask("n").await;
        sum += price + n + name.len() as u32;
    }
    let set = std::collections::HashSet::from([1, 2, 3]);
    for n in &set { sum += ask("set").await; sum += n; }
    let mut sorted: Vec<_> = prices.into_iter().collect();
    sorted.sort();
    let known = sorted.len() as u32 + sum;
    log(known);
    format!("{known}")
} }

same! { [()] async fn chains_over_what_is_owned() -> String {
    let list = ask_list("list").await;
    let mut text = String::new();
    let least = 1;
    for n in list.clone().into_iter().filter(|n| *n >= least).map(|n| n * 2) {
        text += &format!("{n}{}", ask("a").await);
    }
    for (i, n) in list.clone().into_iter().map(|n| log(n) + 1).enumerate().skip(1) {
        text += &format!("{i}{n}{}", ask("b").await);
    }
    for (n, c) in (1..).zip(vec!['x', 'y', 'z']).take(2) {
        text += &format!("{n}{c}{}", ask("c").await);
    }
    for n in (0..10).step_by(4).chain(20..=21).rev() {
        text += &format!("{n}{}", ask("d").await);
    }
    text
} }

same! { [()] async fn chains_over_what_is_borrowed() -> String {
    let list = vec![5, 3, 8, 1];
    let mut text = String::new();
    for n in list.iter().filter(|n| **n > 2) {
        text += &format!("{}{n}", ask("a").await);
    }
    for (i, n) in list.iter().filter(|n| **n != 3).enumerate() {
        text += &format!("{}{i}{n}", ask("b").await);
    }
    for (n, m) in list.iter().zip(&list[1..]) {
        text += &format!("{}{n}{m}", ask("c").await);
    }
    for n in list.iter().skip(1).take(2).map(|n| n + 1) {
        text += &format!("{}{n}", ask("d").await);
    }
    for n in list.iter().rev().copied().take_while(|n| *n != 3) {
        text += &format!("{}{n}", ask("e").await);
    }
    for n in list.iter().filter(|n| **n > 2).rev() {
        text += &format!("{}{n}", ask("f").await);
    }
    text
} }

same! { [()] async fn flat_chains() -> String {
    let lists = vec![vec![1, 2], vec![], vec![3]];
    let mut text = String::new();
    for n in lists.clone().into_iter().flatten() { text += &format!("{}{n}", ask("a").await); }
    for n in lists.into_iter().flat_map(|list| list.into_iter().map(|n| n + 1).collect::<Vec<_>>()) {
        text += &format!("{}{n}", ask("b").await);
    }
    for n in (1..5).scan(0, |sum, n| { *sum += n; (*sum < 7).then_some(*sum) }) {
        text += &format!("{}{n}", ask("c").await);
    }
    for n in (1..6).skip_while(|n| *n < 3).inspect(|n| { log(*n); }) {
        text += &format!("{}{n}", ask("d").await);
    }
    for n in ["1", "x", "3"].map(str::to_owned).into_iter().filter_map(|s| s.parse::<u32>().ok()) {
        text += &format!("{}{n}", ask("e").await);
    }
    for n in vec![4, 5].drain(..) { text += &format!("{}{n}", ask("f").await); }
    text
} }

same! { [()] async fn over_parts_of_texts() -> String {
    let text = "a,b c,d".to_owned();
    let mut out = String::new();
    for part in text.split(',') { out += &ask_text(part).await; out += part; }
    for word in text.split_whitespace() { out += &ask_text(word).await; out += word; }
    for c in text.chars().rev() { if c == 'b' { break; } out += &ask_text(c).await; out.push(c); }
    for line in ask_text("lines").await.lines() { out += &ask_text("line").await; out += line; }
    for pair in [1, 2, 3].windows(2) { out += &format!("{}{}", ask("w").await, pair[1]); }
    out
} }

same! { [()] async fn closures_that_move() -> u32 {
    let base = ask("base").await;
    let mut sum = 0;
    for n in (0..3).map(move |n| n + base) { sum += ask("n").await * n; }
    sum + base
} }

same! { [()] async fn borrowed_matrix() -> i64 {
    let mut rows = vec![vec![1, 2], vec![3]];
    let mut sum = 0;
    for row in &mut rows {
        for cell in row.iter_mut() {
            *cell += signed("n").await;
            sum += *cell;
        }
        row.push(ask("more").await.into());
    }
    'rows: for row in &rows {
        for (i, cell) in row.iter().enumerate() {
            match ask("what").await {
                0 => continue 'rows,
                1 => break 'rows,
                _ => sum += cell * i as i64,
            }
        }
    }
    sum
} }

same! { [()] async fn patterns_of_items() -> String {
    let pairs = vec![(1, "a".to_owned()), (2, "b".to_owned())];
    let mut text = String::new();
    for (n, name) in &pairs { text += &format!("{}{n}{name}", ask("a").await); }
    for &(n, ref name) in &pairs { text += &format!("{}{n}{name}", ask("b").await); }
    for (i, (mut n, name)) in pairs.iter().cloned().enumerate() {
        n += 1;
        text += &format!("{}{i}{n}{name}", ask("c").await);
    }
    for pair in &pairs {
        let (n, name) = pair;
        if let 1 = ask("d").await { text += name; }
        text += &n.to_string();
    }
    text
} }

same! { [()] async fn over_an_option_that_is_borrowed() -> i64 {
    let mut maybe = signed_maybe("maybe").await;
    let mut sum = 0;
    #[allow(for_loops_over_fallibles)]
    for n in &maybe { sum += signed("a").await + n; }
    for n in maybe.iter_mut() { *n += signed("b").await; }
    sum + maybe.unwrap_or(0)
} }
