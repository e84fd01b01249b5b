//! The bodies, small and nasty. Each is compiled as a plain async function and as a flow.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::{Ask, AskBool, AskList, AskMaybe, AskPair, AskResult, AskShape, AskText, Tell, log, note, same};

/// A value with several forms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Shape {
    Point,
    Circle { radius: i64 },
    Box(i64, i64),
    Named(String),
}

impl Shape {
    pub(crate) fn from_number(n: i64) -> Self {
        match n.rem_euclid(4) {
            0 => Self::Point,
            1 => Self::Circle { radius: n },
            2 => Self::Box(n, n + 1),
            _ => Self::Named(format!("n{n}")),
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Order {
    name: String,
    items: Vec<i64>,
    total: i64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Broken(String);

impl From<String> for Broken {
    fn from(text: String) -> Self {
        Self(text)
    }
}

macro_rules! bail {
    ($($arg:tt)*) => { return Err(format!($($arg)*).into()) };
}

macro_rules! ensure {
    ($cond:expr, $($arg:tt)*) => { if !$cond { bail!($($arg)*) } };
}

same! {
    // ---- Straight lines -------------------------------------------------------------------------------------------

    async fn no_await() -> i64 {
        log("only once");
        41 + 1
    }

    async fn returns_nothing() {
        Tell::new("a").await;
        log("after");
    }

    async fn one_await_is_the_tail() -> i64 {
        Ask::new("a").await
    }

    async fn locals_over_awaits(first in 3 => i64, name in "ada".to_owned() => String) -> String {
        let a = Ask::new("a").await;
        let b = Ask::new(format!("{name} b {a}")).await;
        let c = Ask::new("c").await;
        format!("{first} {a} {b} {c} {name}")
    }

    async fn compound_assignments() -> i64 {
        let mut total = 1;
        total += Ask::new("plus").await;
        total -= Ask::new("minus").await;
        total *= Ask::new("times").await;
        total ^= 5;
        total
    }

    async fn patterns_in_let() -> String {
        let (n, text) = AskPair::new("pair").await;
        let Order { name, mut items, .. } = Order { name: text, items: vec![n], total: 0 };
        items.push(Ask::new("more").await);
        let [a, .., z] = [n, 2, 3];
        Tell::new("so").await;
        format!("{name} {items:?} {a} {z}")
    }

    async fn arguments_by_pattern((a, b) in (1, 2) => (i64, i64), mut c in 3 => i64, _ in 9 => i64) -> i64 {
        c += Ask::new("c").await;
        a + b + c
    }

    async fn a_declaration_before_its_value() -> i64 {
        let x;
        let mut y: i64;
        Tell::new("first").await;
        x = Ask::new("x").await;
        y = x + 1;
        if AskBool::new("more").await {
            y += x;
        }
        x + y
    }

    async fn declared_and_set_in_branches() -> i64 {
        let x;
        Tell::new("first").await;
        if AskBool::new("which").await { x = 1; } else { x = Ask::new("x").await; }
        Tell::new("then").await;
        x
    }

    async fn declared_and_set_by_a_match_without_await() -> i64 {
        let x;
        let n = Ask::new("n").await;
        match n { 0 => x = 10, 1 => x = 20, _ => { x = 30 } }
        Tell::new("then").await;
        x + n
    }

    async fn integers_fall_back_as_ever() -> String {
        let mut x = 2_000_000_000;
        Tell::new("a").await;
        x /= 2;
        let y = 7;
        Tell::new("b").await;
        format!("{} {x} {}", std::mem::size_of_val(&x), std::mem::size_of_val(&y))
    }

    async fn integers_take_the_type_of_a_later_use() -> u8 {
        let x = 200;
        Tell::new("a").await;
        takes_u8(x)
    }

    async fn raw_identifiers() -> i64 {
        let r#type = Ask::new("type").await;
        let r#match = Ask::new("match").await;
        r#type * 10 + r#match
    }

    async fn unused_values_are_dropped(order in Order::default() => Order) -> i64 {
        let unused = order.items.len();
        let _ = unused;
        let _kept = Ask::new("a").await;
        Ask::new("b").await
    }

    // ---- Shadowing ------------------------------------------------------------------------------------------------

    async fn shadowed_in_one_scope() -> String {
        let x = Ask::new("a").await;
        let x = x + 1;
        let x = format!("{x} {}", Ask::new("b").await);
        Tell::new("c").await;
        let x = x.len();
        Tell::new("d").await;
        format!("{x}")
    }

    async fn shadowed_in_a_block_and_needed_after_it() -> String {
        let x = Ask::new("outer").await;
        {
            let x = AskText::new("inner").await;
            Tell::new("inside").await;
            log(&x);
        }
        format!("{x}")
    }

    async fn shadowed_by_itself() -> String {
        let x = Ask::new("a").await;
        let y = {
            let x = x * 2 + Ask::new("b").await;
            Tell::new("inside").await;
            let x = x + 1;
            Tell::new("still inside").await;
            x
        };
        format!("{x} {y}")
    }

    async fn shadowed_by_a_pattern() -> String {
        let x = AskMaybe::new("a").await;
        if let Some(x) = x {
            Tell::new("some").await;
            log(x);
            if let Some(x) = x.checked_sub(1) {
                Tell::new("deeper").await;
                log(format!("{x}"));
            }
            log(x);
        }
        format!("{x:?}")
    }

    async fn shadowed_by_a_match() -> String {
        let x = AskShape::new("shape").await;
        let r = match x.clone() {
            Shape::Circle { radius: x } => { Tell::new("circle").await; x }
            Shape::Box(x, y) => { Tell::new("box").await; x * y }
            Shape::Named(x) => { let x = x.len(); Tell::new("named").await; x as i64 }
            Shape::Point => Ask::new("point").await,
        };
        format!("{x:?} {r}")
    }

    async fn shadowed_in_a_loop_that_is_left() -> String {
        let x = "outer".to_owned();
        let y = loop {
            let x = Ask::new("inner").await;
            if x > 2 { let x = x * 10; if x > 40 { break x } }
            if x < 0 { let x = format!("neg{x}"); log(&x); break 0 }
        };
        format!("{x} {y}")
    }

    async fn shadowed_by_a_loop_variable() -> String {
        let n = Ask::new("n").await;
        for n in 0..3 {
            let n = n + 10;
            Tell::new(format!("{n}")).await;
            log(n);
        }
        format!("{n}")
    }

    async fn shadowed_in_macros() -> String {
        let name = AskText::new("a").await;
        let made = {
            let name = AskText::new("b").await;
            Tell::new(format!("{name} {}", name.len())).await;
            assert!(!name.is_empty(), "{name}");
            format!("{name:>6} {0}", name) + &format!("{}", vec![name.len(); 2].len())
        };
        format!("{name} {made}")
    }

    async fn shadowed_in_a_struct() -> String {
        let total = 7;
        let order = {
            let total = Ask::new("total").await;
            let name = AskText::new("name").await;
            let items = AskList::new("items").await;
            Tell::new("made").await;
            Order { name, items, total }
        };
        let Order { total: inner, .. } = order;
        format!("{total} {inner}")
    }

    async fn shadowed_by_a_closure() -> i64 {
        let x = Ask::new("a").await;
        let y = { let x = Ask::new("b").await; let x = (|x: i64| x + 1)(x); Tell::new("c").await; f2(f2(x)) };
        x + y
    }

    // ---- If -------------------------------------------------------------------------------------------------------

    async fn if_without_else() -> i64 {
        let mut n = 0;
        if AskBool::new("a").await { n += Ask::new("b").await; }
        if n > 1 { Tell::new("big").await; }
        n
    }

    async fn if_else_chain() -> String {
        let n = Ask::new("n").await;
        if n < 0 {
            "negative".to_owned()
        } else if n == 0 {
            AskText::new("zero").await
        } else if AskBool::new("again").await {
            let text = AskText::new("yes").await;
            text + "!"
        } else {
            format!("no {n}")
        }
    }

    async fn if_as_a_value() -> i64 {
        let x = if AskBool::new("a").await { Ask::new("b").await } else { 5 };
        let y = 1 + if x > 3 { Ask::new("c").await } else { x };
        x * 100 + y
    }

    async fn if_with_one_branch_that_returns() -> i64 {
        let n = if AskBool::new("a").await { Ask::new("b").await } else { return -100 };
        n + Ask::new("c").await
    }

    async fn if_let_with_awaits_on_all_sides() -> String {
        if let Some(n) = AskMaybe::new("maybe").await {
            let m = Ask::new("some").await;
            format!("{n} {m}")
        } else {
            AskText::new("none").await
        }
    }

    async fn if_let_chains() -> String {
        let limit = Ask::new("limit").await;
        if let Some(n) = AskMaybe::new("first").await && n > limit && let Some(m) = AskMaybe::new("second").await && m > n {
            Tell::new("both").await;
            return format!("{n} {m}");
        }
        if limit > 2 && let Some(n) = AskMaybe::new("third").await { format!("third {n}") } else { format!("none {limit}") }
    }

    async fn conditions_that_await() -> String {
        let mut log_of = String::new();
        if Ask::new("a").await > 2 && Ask::new("b").await > 2 || Ask::new("c").await > 2 { log_of.push('1'); }
        if !(AskBool::new("d").await || AskBool::new("e").await) { log_of.push('2'); }
        let value = AskBool::new("f").await && !AskBool::new("g").await;
        format!("{log_of} {value}")
    }

    async fn a_value_moved_in_one_branch() -> String {
        let text = AskText::new("text").await;
        let made = if AskBool::new("take").await {
            let taken = text;
            Tell::new("taken").await;
            taken + "!"
        } else {
            Tell::new("left").await;
            format!("{text}?")
        };
        made
    }

    async fn a_value_moved_and_made_again() -> String {
        let mut text = AskText::new("text").await;
        if AskBool::new("drop it").await {
            drop(text);
            Tell::new("dropped").await;
            text = "new".to_owned();
        }
        Tell::new("then").await;
        text
    }

    // ---- Match ----------------------------------------------------------------------------------------------------

    async fn match_on_an_await() -> String {
        match AskShape::new("shape").await {
            Shape::Point => "point".to_owned(),
            Shape::Circle { radius } if radius > 4 => format!("large {radius}"),
            Shape::Circle { radius } => format!("small {radius}"),
            Shape::Box(a, b) => format!("{a}x{b}"),
            Shape::Named(name) => name,
        }
    }

    async fn match_with_awaits_in_arms() -> String {
        let n = Ask::new("n").await;
        match n {
            i64::MIN..0 => AskText::new("negative").await,
            0 | 1 => { let t = AskText::new("small").await; t + "s" }
            m @ 2..=4 if m % 2 == 0 => format!("{} {m}", Ask::new("even").await),
            m => { Tell::new("other").await; format!("{}", m + n) }
        }
    }

    async fn match_bindings_are_saved() -> String {
        let r = match AskShape::new("shape").await {
            Shape::Circle { radius: r @ 5.. } => { Tell::new("large").await; r }
            Shape::Circle { radius: r } | Shape::Box(r, _) => { Tell::new("either").await; r + Ask::new("plus").await }
            Shape::Named(name) if name.len() > 2 => { Tell::new("long").await; name.len() as i64 }
            other => { Tell::new("rest").await; log(format!("{other:?}")); -1 }
        };
        format!("{r}")
    }

    async fn match_that_jumps() -> i64 {
        let mut sum = 0;
        loop {
            sum += match AskMaybe::new("more").await {
                Some(0) => continue,
                Some(n) if n > 6 => break,
                Some(n) => { Tell::new("got").await; n }
                None => return sum,
            };
            log(sum);
        }
        sum * 1000
    }

    async fn match_on_a_tuple_of_awaits() -> String {
        match (Ask::new("a").await, AskBool::new("b").await) {
            (n, true) => format!("yes {n}"),
            (0, false) => AskText::new("zero").await,
            (_, false) => "no".to_owned(),
        }
    }

    async fn nested_matches() -> String {
        match AskMaybe::new("a").await {
            Some(n) => match AskResult::new("b").await {
                Ok(m) if m > n => { Tell::new("more").await; format!("{m}>{n}") }
                Ok(m) => format!("{m}<={n}"),
                Err(e) => { let t = AskText::new(e.clone()).await; format!("{e}{t}{n}") }
            },
            None => "none".to_owned(),
        }
    }

    // ---- Loops ----------------------------------------------------------------------------------------------------

    async fn loop_with_a_value() -> i64 {
        let mut tries = 0;
        let n = loop {
            let n = Ask::new(format!("try {tries}")).await;
            if n > 5 { break n }
            tries += 1;
            if tries == 4 { break -1 }
        };
        n * 10 + tries
    }

    async fn loop_as_the_tail() -> i64 {
        loop {
            let n = Ask::new("n").await;
            if n > 3 { break n * 2 }
        }
    }

    async fn while_loop() -> i64 {
        let mut left = 3;
        let mut sum = 0;
        while left > 0 {
            sum += Ask::new(format!("{left}")).await;
            left -= 1;
        }
        sum
    }

    async fn while_with_an_await_in_the_condition() -> i64 {
        let mut count = 0;
        while AskBool::new("more").await && count < 5 {
            count += 1;
            if count == 3 { continue }
            Tell::new("body").await;
        }
        count
    }

    async fn while_let_over_an_await() -> i64 {
        let mut sum = 0;
        while let Some(n) = AskMaybe::new("next").await {
            sum += n;
            if sum > 20 { break }
        }
        sum
    }

    async fn while_let_over_a_queue(mut queue in VecDeque::from([1, 2, 3]) => VecDeque<i64>) -> Vec<i64> {
        let mut seen = Vec::new();
        while let Some(n) = queue.pop_front() {
            let m = Ask::new(format!("{n}")).await;
            if m > 6 && seen.len() < 6 { queue.push_back(n * 10); }
            seen.push(n + m);
        }
        seen
    }

    async fn for_over_a_range() -> i64 {
        let mut sum = 0;
        for n in 0..4 {
            sum += n * Ask::new(format!("{n}")).await;
        }
        sum
    }

    async fn for_over_an_inclusive_range() -> Vec<u8> {
        let mut seen = Vec::new();
        for n in 253..=255_u8 {
            if AskBool::new(format!("{n}")).await { seen.push(n); }
        }
        seen
    }

    async fn for_over_an_open_range() -> i64 {
        for n in 1.. {
            if Ask::new(format!("{n}")).await > 5 { return n }
        }
        -1
    }

    async fn for_over_a_vector(names in vec!["a".to_owned(), "b".to_owned(), "c".to_owned()] => Vec<String>) -> String {
        let mut all = String::new();
        for name in names {
            let n = Ask::new(name.clone()).await;
            if n == 0 { continue }
            all += &format!("{name}{n} ");
            if n > 7 { break }
        }
        all
    }

    async fn for_over_a_map(map in BTreeMap::from([(1, "x".to_owned()), (2, "y".to_owned())]) => BTreeMap<i64, String>) -> String {
        let mut all = String::new();
        for (key, value) in map {
            let n = Ask::new(format!("{key}")).await;
            all += &format!("{key}{value}{n}");
        }
        all
    }

    async fn for_over_an_array_and_an_option() -> i64 {
        let mut sum = 0;
        for n in [3, 1, 2] { sum = sum * 10 + n * Ask::new("array").await; }
        for n in AskMaybe::new("option").await.into_iter() { sum += n + Ask::new("some").await; }
        sum
    }

    async fn for_over_an_answer() -> i64 {
        let mut sum = 0;
        for n in AskList::new("list").await {
            sum += n;
            Tell::new(format!("{n} {sum}")).await;
        }
        sum
    }

    async fn for_with_a_pattern() -> String {
        let mut all = String::new();
        for (index, Order { name, .. }) in [(0, Order::default()), (1, Order { name: "x".into(), ..Order::default() })] {
            let n = Ask::new(format!("{index} {name}")).await;
            all += &format!("{index}{name}{n}");
        }
        all
    }

    async fn loops_in_loops() -> String {
        let mut all = String::new();
        for i in 0..3 {
            for j in 0..i {
                let n = Ask::new(format!("{i} {j}")).await;
                if n < 0 { break }
                all += &format!("{i}{j}{n} ");
            }
            log(&all);
        }
        all
    }

    async fn labels_out_of_several_loops() -> String {
        let mut count = 0;
        let found = 'outer: loop {
            for i in 0..3 {
                count += 1;
                match Ask::new(format!("{i}")).await {
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
    }

    async fn labels_out_of_loops_that_do_not_await() -> i64 {
        let mut sum = 0;
        'rounds: for round in 0..4 {
            let limit = Ask::new(format!("{round}")).await;
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
    }

    async fn breaks_inside_of_values() -> i64 {
        let mut sum = 0;
        loop {
            let n = AskMaybe::new("n").await;
            let n = match n { Some(n) => n, None => break };
            sum += if n == 0 { continue } else { n };
            let Some(half) = n.checked_div(if n > 8 { break } else { 2 }) else { break };
            sum += half;
            if sum > 15 { return sum }
        }
        -sum
    }

    async fn a_loop_that_moves_and_refills() -> String {
        let mut bag = vec![0];
        let mut all = String::new();
        for round in 0..3 {
            let full = bag;
            let n = Ask::new(format!("{round} {}", full.len())).await;
            all += &format!("{full:?}{n}");
            bag = full.into_iter().chain([n]).collect();
        }
        all
    }

    async fn a_loop_without_await_between_two() -> i64 {
        let n = Ask::new("n").await;
        let mut sum = 0;
        for i in 0..n { if i == 3 { continue } sum += i; if sum > 9 { break } }
        let sum2 = loop { sum += 1; if sum % 5 == 0 { break sum } };
        sum2 + Ask::new("m").await
    }

    async fn an_endless_loop_in_the_middle() -> i64 {
        if AskBool::new("end").await { return 1 }
        loop {
            if Ask::new("n").await > 6 { return 2 }
        }
    }

    async fn labelled_blocks() -> i64 {
        let x = 'done: {
            if AskBool::new("a").await { break 'done 1 }
            let n = Ask::new("b").await;
            if n > 4 { break 'done n }
            loop { if AskBool::new("c").await { break 'done 7 } if n < 2 { break } }
            3
        };
        x * 10 + Ask::new("d").await
    }

    async fn loop_variable_is_changed() -> i64 {
        let mut sum = 0;
        for mut n in 0..3 {
            n *= Ask::new("n").await;
            Tell::new("t").await;
            sum += n;
        }
        sum
    }

    // ---- Return and `?` -------------------------------------------------------------------------------------------

    async fn question_mark_on_a_result() -> Result<i64, String> {
        let a = AskResult::new("a").await?;
        let b = AskResult::new("b").await? + 1;
        Ok(a + b)
    }

    async fn question_mark_converts_the_error() -> Result<i64, Broken> {
        let a = AskResult::new("a").await?;
        let b: Result<i64, String> = if a > 4 { Err("large".to_owned()) } else { Ok(a) };
        Tell::new("then").await;
        Ok(b? + AskResult::new("c").await?)
    }

    async fn question_mark_on_an_option() -> Option<i64> {
        let a = AskMaybe::new("a").await?;
        let b = AskMaybe::new("b").await?.checked_sub(2)?;
        (a > b).then_some(a - b)
    }

    async fn question_mark_inside_of_things() -> Result<String, String> {
        let list = vec![AskResult::new("a").await?, AskResult::new("b").await?];
        let text = format!("{} {}", AskResult::new("c").await?, list.len());
        for n in 0..2 { log(AskResult::new(format!("{n}")).await?); }
        Ok(text)
    }

    async fn a_result_is_handled() -> String {
        let r = AskResult::new("a").await;
        match r {
            Ok(n) => format!("ok {n}"),
            Err(e) => { let t = AskText::new("why").await; format!("{e} {t}") }
        }
    }

    async fn early_returns() -> String {
        let n = Ask::new("n").await;
        if n < 0 { return "negative".to_owned() }
        if n == 0 { return AskText::new("zero").await }
        for i in 0..n {
            if i == 4 { return format!("four of {n}") }
            if AskBool::new(format!("{i}")).await { return format!("at {i}") }
        }
        "end".to_owned()
    }

    async fn return_in_the_middle_of_an_expression() -> i64 {
        let n = AskMaybe::new("n").await.unwrap_or(-5);
        let x = 3 + if n > 5 { return Ask::new("early").await } else { n };
        x + match n { 0 => return 0, n => Ask::new("m").await * n }
    }

    async fn hidden_returns() -> Result<i64, String> {
        let n = Ask::new("n").await;
        ensure!(n >= 0, "{n} is negative");
        if n > 7 { bail!("{n} is large") }
        let m = Ask::new("m").await;
        ensure!(m != n, "{m} twice");
        Ok(n + m)
    }

    async fn dead_code_after_return() -> i64 {
        let n = Ask::new("n").await;
        if n > 100 { return n }
        return n + Ask::new("m").await;
    }

    async fn branches_that_never_come_back() -> i64 {
        let n = match AskMaybe::new("n").await {
            Some(n) => n,
            None => { Tell::new("none").await; return -1 }
        };
        let m: i64 = if n > 6 { Tell::new("large").await; return -2 } else { n };
        if m > 1000 { panic!("it is {m}") }
        let k = if m == 1 { Ask::new("k").await } else if m > 1000 { unreachable!() } else { 2 };
        m + k
    }

    // ---- Awaits inside of expressions -----------------------------------------------------------------------------

    async fn arguments_in_order() -> String {
        three(note(1), Ask::new("b").await, note(3))
    }

    async fn arguments_all_await() -> String {
        three(Ask::new("a").await, Ask::new("b").await, Ask::new("c").await)
    }

    async fn arguments_with_effects_around() -> String {
        let mut n = 1;
        let text = three({ n += 1; n }, { n *= 10; Ask::new(format!("{n}")).await }, { n += 1; note(n) });
        format!("{text} {n}")
    }

    async fn operands_in_order() -> i64 {
        note(1) + Ask::new("a").await * note(2) - Ask::new("b").await
    }

    async fn an_operand_that_is_changed_by_a_later_one() -> i64 {
        let mut x = Ask::new("x").await;
        let y = x + { x += 1; Ask::new("y").await * x };
        x * 100 + y
    }

    async fn a_call_with_a_local_and_an_await() -> String {
        let a = AskText::new("a").await;
        let b = Ask::new("b").await;
        joined(a, b, Ask::new("c").await)
    }

    async fn methods_on_an_await() -> usize {
        AskText::new("a").await.trim().to_uppercase().len() + AskList::new("b").await.iter().filter(|n| **n > 1).count()
    }

    async fn method_arguments() -> Vec<i64> {
        let mut list = vec![Ask::new("first").await];
        list.push(Ask::new("second").await);
        list.extend(AskList::new("third").await);
        list.insert(note(0), Ask::new("fourth").await);
        list
    }

    async fn places_and_indexes() -> String {
        let mut order = Order { items: vec![1, 2, 3], ..Order::default() };
        order.total = Ask::new("total").await;
        order.items[1] = Ask::new("item").await;
        order.items[(Ask::new("index").await.rem_euclid(3)) as usize] += 100;
        let last = order.items[AskList::new("by length").await.len() % 3];
        format!("{order:?} {last}")
    }

    async fn literals_of_all_kinds() -> String {
        let order = Order { name: AskText::new("name").await, total: note(4), items: AskList::new("items").await };
        let tuple = (Ask::new("x").await, note('y'), Ask::new("z").await);
        let array = [Ask::new("0").await, note(1), Ask::new("2").await];
        let rest = Order { total: Ask::new("total").await, ..order.clone() };
        let one = (Ask::new("one").await,);
        format!("{order:?} {tuple:?} {array:?} {rest:?} {one:?}")
    }

    async fn ranges_casts_negations_references() -> String {
        let range = Ask::new("from").await..Ask::new("to").await;
        let cast = Ask::new("cast").await as u8;
        let negated = -Ask::new("minus").await;
        let not = !AskBool::new("not").await;
        let length = (&AskText::new("ref").await).len();
        let copied = *&Ask::new("deref").await;
        format!("{range:?} {cast} {negated} {not} {length} {copied}")
    }

    async fn compound_assignment_to_a_place() -> String {
        let mut list = vec![1, 2, 3];
        let i = 1;
        list[i] += Ask::new("a").await;
        list[0] *= 2 + Ask::new("b").await;
        let mut order = Order { items: vec![5], ..Order::default() };
        order.items[0] -= Ask::new("c").await;
        order.total += order.items[0] + Ask::new("d").await;
        format!("{list:?} {order:?}")
    }

    async fn methods_on_a_place_inside_of_another() -> String {
        let mut lists = [vec![1], vec![2]];
        lists[1].push(Ask::new("a").await);
        lists[{ log("index"); 0 }].extend(AskList::new("b").await);
        let mut counts = [Order::default(), Order::default()];
        counts[1].items.insert(0, Ask::new("c").await);
        if lists[0].len() as i64 == Ask::new("d").await { log("equal"); }
        let text = format!("{:?} {}", lists[1], AskText::new("e").await);
        format!("{lists:?} {counts:?} {text}")
    }

    async fn copies_in_operands_are_taken_before_the_await() -> String {
        let mut list = [1, 2, 3];
        let sum = list[0] + { list[0] = 10; Ask::new("a").await };
        let three = three(list[1], { list[1] = 20; Ask::new("b").await }, list[1]);
        format!("{sum} {three} {list:?}")
    }

    async fn a_closure_that_sets_a_local() -> i64 {
        let mut last = 0;
        Tell::new("a").await;
        let mut set = |n: i64| { if n > 3 { last = n; } };
        set(5);
        let n = Ask::new("b").await;
        let mut again = |m: i64| { if m > 3 { last += m; } };
        again(n);
        last
    }

    async fn nested_awaits() -> String {
        AskText::new(AskText::new(format!("{}", Ask::new("inner").await)).await).await
    }

    async fn a_block_in_an_expression() -> i64 {
        let x = note(2) * { let y = Ask::new("y").await; let z = Ask::new("z").await; y - z } + note(1);
        x
    }

    async fn an_if_in_an_argument() -> String {
        three(note(1), if AskBool::new("a").await { Ask::new("b").await } else { note(9) }, Ask::new("c").await)
    }

    async fn a_match_in_an_operand() -> i64 {
        10 * match Ask::new("a").await { 0 => Ask::new("zero").await, n if n < 0 => -n, n => n + Ask::new("more").await } + 1
    }

    async fn macros_with_awaits() -> String {
        assert!(Ask::new("small").await < 100, "never {}", note(1));
        let list = vec![Ask::new("a").await, note(5), Ask::new("b").await];
        let same = vec![AskText::new("c").await; 2];
        format!("{} {:?} {same:?} {n}", AskText::new("d").await, list, n = Ask::new("n").await)
    }

    async fn lazy_operators_are_lazy() -> String {
        let a = AskBool::new("a").await && { log("right of and"); AskBool::new("b").await };
        let b = AskBool::new("c").await || { log("right of or"); AskBool::new("d").await } && note(true);
        format!("{a} {b}")
    }

    async fn let_else_around_awaits() -> String {
        let Some(n) = AskMaybe::new("n").await else { return AskText::new("none").await };
        let Ok(m) = AskResult::new("m").await else {
            let t = AskText::new("failed").await;
            return format!("{t} {n}");
        };
        format!("{n} {m}")
    }

    async fn let_else_in_a_loop() -> i64 {
        let mut sum = 0;
        for _ in 0..5 {
            let Some(n) = AskMaybe::new("n").await else { Tell::new("skip").await; continue };
            let Some(half) = n.checked_sub(4) else { break };
            sum += half;
        }
        sum
    }

    // ---- Between awaits -------------------------------------------------------------------------------------------

    async fn closures_between_awaits() -> i64 {
        let base = Ask::new("base").await;
        let add = |n: i64| -> i64 { if n < 0 { return 0 } n + base };
        let sum: i64 = [1, -2, 3].into_iter().map(add).sum();
        let more = Ask::new("more").await;
        let mut seen = Vec::new();
        (0..3).for_each(|n| seen.push(n * more));
        sum + seen.into_iter().sum::<i64>()
    }

    async fn borrows_between_awaits() -> String {
        let text = AskText::new("a").await;
        let first = { let slice = text.as_str(); slice.chars().next() };
        let items = AskList::new("b").await;
        let most = items.iter().max().copied();
        Tell::new("c").await;
        format!("{text} {first:?} {most:?} {items:?}")
    }

    async fn items_inside_the_body() -> i64 {
        const LIMIT: i64 = 4;
        fn double(n: i64) -> i64 { return n * 2 }
        use std::cmp::max;
        #[derive(Debug, Serialize, Deserialize)]
        struct Inner { n: i64 }
        let inner = Inner { n: Ask::new("a").await };
        Tell::new("b").await;
        let typed: Inner = Inner { n: double(inner.n) };
        Tell::new("c").await;
        max(typed.n, LIMIT)
    }

    async fn captures_in_format_strings() -> String {
        let (room, width) = (AskText::new("room").await, 5);
        Tell::new("so").await;
        let text = format!("{room:>width$} {{room}} {0}", 1);
        println!("{room}");
        Tell::new(format!("{text}")).await;
        text
    }

    async fn values_moved_into_closures() -> String {
        let text = AskText::new("a").await;
        let n = Ask::new("b").await;
        let make = move || format!("{text}{n}");
        let made = make();
        Tell::new("c").await;
        format!("{made} {n}")
    }

    async fn a_mutable_borrow_between_awaits() -> Vec<i64> {
        let mut list = AskList::new("a").await;
        for item in &mut list { *item += 1; }
        if let Some(last) = list.last_mut() { *last = 100; }
        Tell::new("b").await;
        list.retain(|n| *n > 1);
        list
    }

    async fn a_loop_over_borrows_that_leaves_the_outer_loop() -> i64 {
        let list = vec![3, 5, 7];
        let mut rounds = 0;
        loop {
            rounds += 1;
            let n = Ask::new("n").await;
            for item in &list {
                if *item == n { return rounds }
                if *item > n + 6 { break }
            }
            if rounds > 6 { break }
        }
        -rounds
    }

    // ---- Calls of other flows -------------------------------------------------------------------------------------

    async fn callee(n in 5 => i64) -> Result<i64, String> {
        let m = Ask::new(format!("callee {n}")).await;
        if m > n { Err(format!("{m} is more than {n}")) } else { Ok(n - m) }
    }

    async fn silent_callee(n in 5 => i64) -> i64 {
        log("no question");
        n + 1
    }

    async fn calls_another_flow() -> Result<String, String> {
        let a = callee(Ask::new("a").await).await?;
        let b = callee(4).await.unwrap_or_default();
        let c = silent_callee(silent_callee(a).await).await;
        Ok(format!("{a} {b} {c}"))
    }

    async fn calls_in_a_loop() -> i64 {
        let mut sum = 0;
        for n in 0..3 {
            match callee(n * 3).await {
                Ok(left) => sum += left,
                Err(_) => break,
            }
            sum += silent_callee(n).await;
        }
        sum
    }

    // ---- All at once ----------------------------------------------------------------------------------------------

    async fn a_wizard_with_back() -> String {
        let mut step = 0;
        let mut name = String::new();
        let mut order = Order::default();
        loop {
            match step {
                0 => name = AskText::new("name").await,
                1 => order.items = AskList::new(format!("items of {name}")).await,
                2 => order.total = order.items.iter().sum::<i64>() + Ask::new("extra").await,
                _ => break,
            }
            step = if Ask::new("back?").await < 0 && step > 0 { step - 1 } else { step + 1 };
        }
        format!("{name} {order:?}")
    }

    async fn everything_nested() -> Result<String, String> {
        let mut out = Vec::new();
        'all: for round in 0..3 {
            let shape = AskShape::new(format!("{round}")).await;
            let size = match &shape {
                Shape::Point => 0,
                Shape::Circle { radius } => *radius,
                Shape::Box(a, b) => a * b,
                Shape::Named(name) => name.len() as i64,
            };
            let factor = 'factor: {
                if size == 0 { break 'factor 1 }
                while let Some(n) = AskMaybe::new("factor").await {
                    if n == 0 { continue 'all }
                    if n > 5 { break 'factor n }
                    if out.len() > 4 { break 'all }
                    out.push(n);
                }
                AskResult::new("last").await?
            };
            out.push(size * factor);
            if let Shape::Named(name) = shape { Tell::new(name.clone()).await; log(name); }
        }
        Ok(format!("{out:?}"))
    }
}

fn takes_u8(n: u8) -> u8 {
    n
}

fn f2(n: i64) -> i64 {
    n + 1
}

fn three(a: i64, b: i64, c: i64) -> String {
    format!("{a} {b} {c}")
}

fn joined(a: String, b: i64, c: i64) -> String {
    format!("{a}{b}{c}")
}
