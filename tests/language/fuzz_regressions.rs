//! What the random programs of `tests/programs` found, made small.

#![allow(unreachable_code, reason = "random programs have dead code")]
#![allow(unused_variables, unused_assignments, reason = "values are there to be dropped")]

same! { [()] async fn a_local_has_the_name_that_an_answer_has_in_generated_code() -> String {
    let answer = ask_text("a").await;
    drop(answer);
    format!("{} {}", ask("b").await, ask("c").await)
} }

same! { [(true), (false)] async fn a_block_in_a_macro_hides_a_local(ok: bool) -> bool {
    assert!({ let ok = ok; ask_unit("a").await; !ok || ok });
    ok
} }

same! { [(3)] async fn a_loop_in_a_macro_hides_a_local(n: i64) -> Vec<i64> {
    let all = vec![loop { let n = ask_pair("a").await; if n.0 > 1 { break n.0; } }, n];
    all
} }

same! { [()] async fn a_label_in_dead_code() -> u32 {
    ask_unit("a").await;
    'b: {
        log("b");
        return 2;
        if log_it() > 3 { break 'b; }
    }
    3
} }

same! { [(1), (2)] async fn a_block_that_dead_code_leaves(n: u32) -> u32 {
    if ask_bool("a").await {
        'b: {
            return n;
            if n > 3 { break 'b; }
            log("dead");
        }
        log("dead too");
    }
    n + ask("c").await
} }

same! { [()] async fn a_condition_that_returns() -> Option<u32> {
    let n = ask("n").await;
    if { return Some(n); n > 3 } { log("then"); } else { log("else"); }
    log("after");
    None
} }

same! { [()] async fn what_is_set_again_is_dropped_in_its_turn() -> u32 {
    let mut a = noisy("a");
    let b = noisy("b");
    let mut c = noisy("c");
    ask_unit("wait").await;
    log(format!("{b}"));
    c = noisy("c2");
    a = noisy("a2");
    1
} }

same! { [()] async fn what_is_set_again_outside_of_a_block_is_dropped_in_its_turn() -> u32 {
    let mut a = noisy("a");
    while ask_bool("more").await {
        let b = noisy("b");
        let mut c = noisy("c");
        let n = ask("wait").await;
        log(format!("{b}"));
        a = noisy("a2");
        c = noisy("c2");
        if n > 1 { return n; }
    }
    2
} }

same! { [("ada".to_owned(), 3)] async fn what_is_lent_is_hidden(name: String, n: u32) -> String {
    let lent = &name;
    let ref also = n;
    let name = (ask("a").await, lent.clone());
    let n = name.1.len();
    ask_unit("b").await;
    format!("{lent} {name:?} {also} {n}")
} }

same! { [(1), (5)] async fn a_later_condition_lends_a_value(n: u32) -> u32 {
    let mut sum = 0;
    if let Ok(3..) = Ok::<u32, ()>(n) && let Some(total) = &Some(log(n)) && let (a @ 1.., [b, ..]) = (&(n + 1), &[log(sum), 2]) {
        sum += ask("then").await;
        log(*total + a + b);
    } else if n > 1 && let [first, rest @ ..] = vec![n, log(4)].as_slice() {
        log(ask("other").await + first);
        log(rest.len());
    } else { log("else"); }
    while sum < 9 && let Some(x) = &log(sum).checked_add(2) { sum += ask("more").await; sum += x; }
    sum
} }

same! { [("ada".to_owned(), 3), ("x".to_owned(), 0)] async fn what_all_links_of_a_condition_set_is_set(mut items: String, n: u32) -> String {
    let name = if ask("first").await > n { items } else { items.clone() };
    ask_unit("a").await;
    let mut rounds = 0;
    while rounds < 2 && { items = format!("{n}{rounds}"); true } && let Some(_) = Some(&name) {
        rounds += 1;
        items.push('x');
        log(items.clone());
    }
    if n > 2 && { items = "set".to_owned(); n < 9 } { log(items); }
    name
} }
