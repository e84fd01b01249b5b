//! Macros that a body declares.

#![allow(unused_macros, reason = "a macro may be there to be hidden")]

same! { [()] async fn a_macro_that_leaves() -> u32 {
    macro_rules! leave { ($v:expr) => { if $v > 2 { return $v } }; }
    let a = ask("a").await;
    leave!(a);
    ask_unit("q").await;
    let b = ask("b").await;
    leave!(b + 1);
    if ask_bool("more").await {
        leave!(a * b);
    }
    a
} }

same! { [()] async fn a_macro_that_leaves_with_a_result() -> Result<u32, String> {
    let a = ask("a").await;
    macro_rules! check {
        (ok $v:expr) => { match $v { 0 => return Ok(7), 1 => return Err("one".to_owned()), n => n } };
        (err $v:expr) => {{ let n = $v?; if n == 1 { return Ok(n + 1); } n }};
    }
    let n = check!(ok a);
    ask_unit("q").await;
    let r = ask_result("r").await;
    let m = check!(err r.map(|n| n + 1).map_err(|e| log(e)));
    Ok(n + m)
} }

same! { [()] async fn a_macro_that_leaves_with_nothing() {
    macro_rules! stop { ($v:expr) => { if $v { return; } }; () => { return } }
    stop!(log(1) > 1);
    let again = ask_bool("again").await;
    stop!(again);
    ask_unit("r").await;
    if log(3) == 3 { stop!() }
} }

same! { [()] async fn macros_before_and_after_an_await() -> u32 {
    macro_rules! twice { ($x:expr) => { 2 * $x }; }
    let n = twice!(log(1) + 1);
    let m = ask("m").await;
    let sum = {
        macro_rules! sum {
            ($($x:expr),*) => {{ let mut total = 0; $(total += $x;)* total }};
        }
        let total = sum!(n, m, twice!(m + 1));
        let k = ask("k").await;
        macro_rules! thrice { ($x:expr) => { 3 * twice!($x) }; }
        ask_unit("q").await;
        sum!(thrice!(k + 1), total)
    };
    sum + twice!(n)
} }

same! { [()] async fn one_name_in_blocks_beside_each_other() -> u32 {
    let n = ask("n").await;
    let a = {
        macro_rules! change { ($x:expr) => { $x + 1 }; }
        ask_unit("q").await;
        change!(n)
    };
    let b = {
        macro_rules! change { ($x:expr) => { $x + 10 }; }
        ask_unit("r").await;
        change!(n)
    };
    // All of it is one statement.
    let c = {
        macro_rules! change { ($x:expr) => { $x + 100 + n }; }
        let c = change!(n);
        macro_rules! change { ($x:expr) => { $x + 1000 }; }
        change!(c)
    };
    ask_unit("s").await;
    a + b + c
} }
