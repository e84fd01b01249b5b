//! Names that code shows: a local that hides another has the name that its author gave it.

#![allow(clippy::dbg_macro, reason = "what it shows is tested")]
#![allow(unused_variables, reason = "a local is there to be hidden")]

/// Shows the tokens of an expression, and its value.
macro_rules! show {
    ($($value:expr),*) => { log(format!(concat!($(stringify!($value), " = {}; "),*), $($value),*)) };
}

same! { [()] async fn the_name_of_a_hidden_local() -> u32 {
    let x = ask("x").await;
    let y = {
        let x = ask("inner").await + 10;
        show!(x, x + 1);
        log(stringify!(x));
        log(format!("{} {x}", stringify!(x + 1)));
        ask_unit("q").await;
        dbg!(x);
        show!(x);
        assert!(x < 13);
        x
    };
    show!(x);
    assert!(x > 1 || y > 11);
    x + y
} }

same! { [()] async fn the_name_in_a_panic() -> u32 {
    let x = ask("x").await;
    if ask_bool("more").await {
        let x = ask("inner").await;
        ask_unit("q").await;
        assert!(x > 3);
    }
    for x in 0..ask("n").await {
        ask_unit("r").await;
        assert!(x < 2, "it is {x}");
        debug_assert!(x < 1 && ask_bool("b").await);
    }
    x
} }

same! { [()] async fn a_literal_before_the_format_string() -> String {
    let x = "outer".to_owned();
    let name = ask_text("name").await;
    {
        let x = ask_text("inner").await;
        ask_unit("q").await;
        assert_ne!("t1", name, "x is {x}");
        assert_eq!("t1", "t1", "x is {x}");
        assert_eq!("{x}", "{x}", "x is {x}");
        assert!("{x}".len() == 3, "x is {x}");
        assert!(x != "t2", "{}, x is {x}", "{x}");
        let text = format!("{} {x} {0}", "{x}");
        log(text);
        assert_eq!(name, "t0", "x is {x:>9} {}", "{x}");
    }
    x
} }

same! { [()] async fn one_name_on_both_sides_and_three_deep() -> u32 {
    let x = ask("x").await;
    {
        let x = x + ask("one").await;
        show!(x);
        ask_unit("q").await;
        show!(x);
    }
    {
        let x = x + 100;
        ask_unit("r").await;
        show!(x);
        let step = |x: u32| { show!(x); x + 1 };
        show!(step(x));
        {
            let x = format!("deep {x}");
            ask_unit("deep").await;
            log(&x);
        }
        show!(x);
    }
    match ask_maybe("maybe").await {
        Some(x) if x > 0 => { ask_unit("some").await; show!(x); }
        Some(x) => { show!(x); }
        None => { show!(x); }
    }
    show!(x);
    x
} }

same! { [()] async fn fields_and_raw_names() -> u32 {
    struct Pair { x: u32, x_2: u32 }
    let x = ask("x").await;
    let r#type = ask("type").await;
    let state = ask("state").await;
    let sum = {
        let (x, r#type) = (ask("inner").await, ask("other").await);
        let state = ask("inner state").await;
        let next = ask("next").await;
        let pair = Pair { x, x_2: r#type };
        ask_unit("q").await;
        let Pair { x, x_2 } = Pair { x: x + 1, x_2: r#type };
        ask_unit("r").await;
        show!(x, x_2, r#type, state, next);
        let made = Pair { x, x_2 };
        made.x + made.x_2 + state
    };
    show!(x, r#type, state);
    x + r#type + sum + state
} }

same! { [()] async fn conditions_that_await_are_shown() -> u32 {
    let n = ask("n").await;
    let list = vec![1, 2, n];
    assert!(ask_bool("a").await || n == 2 && !list.is_empty());
    assert!(!matches!(ask_maybe("b").await, Some(2..=9)));
    assert!(list[ask("c").await as usize % 3] < 3);
    assert!(ask_text("d").await != "t0", "{n}");
    std::assert!(list.iter().any(|&x| x > 1 + n - n) & (ask("e").await as usize > list.len() * 0 || -1 < n as i64));
    n
} }
