//! Statements, items, arms, fields and arguments under `cfg`. `any()` is never true, and `all()` always.

#![allow(clippy::non_minimal_cfg, reason = "conditions that are always or never true are what is tested")]
#![allow(dead_code, unused_variables, unused_mut, unused_assignments, reason = "some code is configured away")]

same! { [()] async fn a_let_that_is_off() -> String {
    let limit = "small";
    #[cfg(any())]
    let limit = "large";
    ask_unit("q").await;
    #[cfg(all())]
    let other = limit.len();
    #[cfg(not(all()))]
    let other = 9;
    ask_unit("r").await;
    format!("{limit} {other}")
} }

same! { [()] async fn jumps_that_are_off() -> u32 {
    let a = ask("a").await;
    #[cfg(any())]
    return a;
    let mut n = 0;
    loop {
        n += ask("n").await;
        #[cfg(any())]
        break n;
        #[cfg(all())]
        if n > 4 { break }
        #[cfg(any())]
        continue;
        n += 1;
        #[cfg(any())] { return 7; }
    }
    #[cfg(any())]
    panic!("never");
    n + a
} }

same! { [()] async fn jumps_that_are_on() -> u32 {
    let a = ask("a").await;
    #[cfg(all())]
    if a > 2 { return log(a) }
    loop {
        let n = ask("n").await;
        #[cfg(not(any()))]
        break n + a;
    }
} }

same! { [()] async fn closures_and_items_that_are_off() -> u32 {
    let base = ask("base").await;
    let change = |n: u32| n + base;
    #[cfg(any())]
    let change = |n: u32| log(n * 100 + base);
    #[cfg(any())]
    fn of(n: u32) -> u32 { n + 1 }
    #[cfg(all())]
    fn of(n: u32) -> u32 { n + 2 }
    #[cfg(any())]
    const MORE: u32 = 1;
    #[cfg(all())]
    const MORE: u32 = 2;
    #[cfg(any())]
    use std::cmp::min as choose;
    #[cfg(all())]
    use std::cmp::max as choose;
    #[cfg(any())]
    struct Kept { no: String }
    #[cfg(all())]
    #[derive(serde::Serialize, serde::Deserialize)]
    struct Kept { #[cfg(any())] no: String, yes: u32 }
    let kept = Kept { #[cfg(any())] no: String::new(), yes: change(1) };
    ask_unit("q").await;
    let Kept { #[cfg(any())] no, yes } = kept;
    choose(of(yes), MORE + change(2))
} }

same! { [()] async fn arms_that_are_off() -> String {
    let n = ask("n").await;
    let text = match n {
        #[cfg(any())]
        _ => "never".to_owned(),
        #[cfg(all())]
        0 => "zero".to_owned(),
        #[cfg(any())]
        1 => return "never".to_owned(),
        1 => ask_text("one").await,
        _ => "many".to_owned(),
    };
    ask_unit("q").await;
    let digit = match n { #[cfg(any())] 0..=9 => 1, _ => 2 };
    format!("{text} {digit}")
} }

same! { [()] async fn operands_that_are_off() -> Vec<u32> {
    let n = ask("n").await;
    let list = [#[cfg(any())] log(1), log(n), log(2), #[cfg(any())] log(2)];
    let sum = three(
        log(1), #[cfg(any())] log(8), 2, ask("m").await.into(),
    );
    log(&sum);
    let pair = (#[cfg(any())] log(5), n, log(6),);
    let one = (#[cfg(any())] log(5), log(7));
    let (other,) = one;
    let add = |#[cfg(any())] x: String, y: u32| y + n;
    ask_unit("q").await;
    vec![list.len() as u32, list[0], pair.0, add(sum.len() as u32), other, one.0]
} }

same! { [()] async fn predicates_of_many_kinds() -> u32 {
    let mut n = ask("n").await;
    #[cfg(debug_assertions)]
    { n += 1; }
    #[cfg(not(debug_assertions))]
    { n += 2; }
    #[cfg(all(unix, not(windows), any(target_pointer_width = "64", target_pointer_width = "32")))]
    { n += 4; }
    #[cfg_attr(all(), cfg(any()))]
    { n += 8; }
    #[cfg_attr(any(), cfg(any()))]
    { n += 16; }
    #[cfg_attr(all(), allow(unused_variables), cfg(all()))]
    let unused = 3;
    #[cfg(true)]
    { n += 32; }
    #[cfg(false)]
    { n += 64; }
    let m = ask("m").await;
    n + m
} }

same! { [()] async fn expressions_that_ask_the_configuration() -> u32 {
    let mut n = ask("n").await;
    if cfg!(any()) { return 9 }
    if cfg!(debug_assertions) { n += ask("debug").await }
    let limit = if cfg!(all()) { "small" } else { "large" };
    let wide = cfg!(target_pointer_width = "64");
    ask_unit("q").await;
    while cfg!(any()) { n += 1; ask_unit("never").await }
    n + limit.len() as u32 + u32::from(wide == cfg!(target_pointer_width = "64"))
} }

same! { [()] async fn selected_expressions() -> u32 {
    let n = ask("n").await;
    let limit = cfg_select! { any() => { 100 } _ => { 3 + n } };
    ask_unit("q").await;
    limit + cfg_select! { all() => { n } _ => { 7 } }
} }

same! { [()] async fn configured_blocks_inside_each_other() -> u32 {
    let x = ask("x").await;
    #[cfg(all())]
    let y = {
        let x = "inner";
        #[cfg(any())]
        let x = 5;
        #[cfg(all())] {
            #[cfg(any())]
            let x = "inner most";
            log(x);
        }
        x.len() as u32
    };
    #[cfg(any())]
    let x = { #[cfg(all())] let x = 1; x };
    ask_unit("q").await;
    x + y
} }

same! { [()] async fn borrows_under_a_condition() -> String {
    let one = ask_text("one").await;
    let other = "other".to_owned();
    #[cfg(any())]
    let name = &one;
    #[cfg(all())]
    let name = &other;
    ask_unit("q").await;
    #[cfg(any())]
    drop(one);
    format!("{name} {one}")
} }

mod arguments {
    use crate::{ask, log};

    pub(crate) async fn plain(#[cfg(any())] no: String, n: u32, #[cfg(all())] m: u32) -> u32 {
        n + ask("q").await + m
    }

    #[stube::flow]
    pub(crate) async fn configured_arguments(#[cfg(any())] no: String, n: u32, #[cfg(all())] m: u32) -> u32 {
        n + ask("q").await + m
    }

    #[test]
    fn same_as_async() {
        crate::check(|| plain(1, 2), || configured_arguments(1, 2));
    }
}

/// Methods, also those that are flows only under a condition.
mod methods {
    use serde::{Deserialize, Serialize};

    use crate::ask;

    #[derive(Clone, Serialize, Deserialize)]
    pub(crate) struct Counter {
        pub(crate) n: u32,
    }

    impl Counter {
        pub(crate) async fn plain(self) -> u32 {
            let step = 1;
            #[cfg(any())]
            let step = 100;
            let asked = ask("q").await;
            self.n + step + asked + Self::BASE
        }
    }

    #[stube::flow]
    impl Counter {
        #[cfg(any())]
        const BASE: u32 = 1;
        #[cfg(all())]
        const BASE: u32 = 2;

        #[cfg_attr(all(), flow)]
        pub(crate) async fn configured(self) -> u32 {
            let step = 1;
            #[cfg(any())]
            let step = 100;
            let asked = ask("q").await;
            self.n + step + asked + Self::BASE
        }

        #[cfg(any())]
        #[flow]
        async fn never(self, of: Nothing) -> u32 {
            ask("never").await
        }
    }

    #[test]
    fn same_as_async() {
        let counter = Counter { n: 5 };
        crate::check(|| counter.clone().plain(), || counter.clone().configured());
    }
}

/// Beside others of the same name, and with arguments of the attribute.
mod beside {
    use crate::{ask, log};

    #[cfg(any())]
    #[stube::flow]
    pub(crate) async fn twice() -> u32 {
        #[cfg(any())]
        log(1);
        ask("never").await
    }

    #[cfg(all())]
    #[stube::flow(name = "cfgs/twice")]
    pub(crate) async fn twice() -> u32 {
        #[cfg(any())]
        log(1);
        #[cfg(all())]
        log(2);
        ask("q").await
    }

    #[stube::flow]
    #[cfg(any())]
    pub(crate) async fn never() -> Nothing {
        #[cfg(any())]
        log(1);
        ask("never").await
    }

    #[test]
    fn a_flow_may_be_under_a_condition_itself() {
        #[stube::flow]
        async fn in_a_function() -> u32 {
            let n = 1;
            #[cfg(any())]
            let n = 2;
            ask("q").await + n
        }
        let plain = || async {
            log(2);
            ask("q").await
        };
        crate::check(plain, twice);
        crate::check(|| async { ask("q").await + 1 }, in_a_function);
        let conversation = stube::testing::TestConversation::start(twice());
        assert!(conversation.record().to_string().contains("cfgs/twice"));
    }
}

/// Through a macro, whose expressions come in groups of their own.
macro_rules! made {
    ($(#[$attr:meta])* $name:ident $step:expr, $local:ident, $less:literal, $ty:ty, $block:block) => {
        $(#[$attr])*
        pub(super) async fn $name() -> $ty {
            let $local: $ty = 1 + 2 * $step;
            #[cfg(any())]
            let $local = 100;
            let n = ask("n").await;
            let text = format!("{}", 2 * $step);
            let shown = assert_eq!(stringify!($step), "1 + 1", "it is shown");
            let signed = $less.abs() + 2;
            if n > $step * 2 { return $step * 2 * ask("m").await }
            if n == 1 $block
            $local * $step + n + text.len() as $ty + signed as $ty + made!(double $step)
        }
    };
    (double $n:expr) => { $n * 2 };
}

mod in_a_macro {
    use crate::ask;

    mod plain {
        use crate::ask;
        made!(#[allow(unused, reason = "not all that the macro writes is used")] #[cfg(all())] made 1 + 1, x, -1_i32, u32, { return 9 });
    }
    mod flow {
        use crate::ask;
        made!(#[stube::flow] #[cfg(all())] made 1 + 1, x, -1_i32, u32, { return 9 });
    }

    #[test]
    fn same_as_async() {
        crate::check(plain::made, flow::made);
    }
}

macro_rules! made_without_a_cfg {
    ($(#[$attr:meta])* $name:ident $step:expr, $local:ident, $read:expr) => {
        $(#[$attr])*
        pub(super) async fn $name() -> u32 {
            let $local = 1 + 2 * $step;
            let n = ask("n").await;
            let list = vec![2 * $step, $step];
            let all = &list;
            ask_unit("q").await;
            $local * $step + n + list[0] + all[1] * $step + $read
        }
    };
}

mod in_another_macro {
    mod plain {
        use crate::{ask, ask_unit};
        made_without_a_cfg!(#[allow(unused, reason = "not all that the macro writes is used")] made 1 + 1, x, if 1 + 1 == 2 { 3 } else { 4 });
    }
    mod flow {
        use crate::{ask, ask_unit};
        made_without_a_cfg!(#[stube::flow(name = "made_again")] made 1 + 1, x, if 1 + 1 == 2 { 3 } else { 4 });
    }

    #[test]
    fn same_as_async() {
        crate::check(plain::made, flow::made);
    }
}
