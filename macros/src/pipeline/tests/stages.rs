//! Each stage by itself, on small flows: what it returns, printed.

use expect_test::{Expect, expect};

use crate::analysis::{AnalyzedFlow, analyze};
use crate::check::{CheckedFlow, check};
use crate::control_flow::FlowGraph;
use crate::errors::Errors;
use crate::expand::{ExpandedFlow, expand};
use crate::held::build;
use crate::lower::lower;
use crate::parse::{ParsedFlow, parse};
use crate::resolve::{ResolvedFlow, resolve};

fn parsed(code: &str, errors: &mut Errors) -> ParsedFlow {
    parse(proc_macro2::TokenStream::new(), code.parse().expect("tokens"), errors).expect("a function")
}

fn expanded(code: &str, errors: &mut Errors) -> ExpandedFlow {
    expand(parsed(code, errors))
}

fn checked(code: &str, errors: &mut Errors) -> CheckedFlow {
    check(expanded(code, errors), errors)
}

fn resolved(code: &str, errors: &mut Errors) -> ResolvedFlow {
    resolve(checked(code, errors), errors)
}

fn built(code: &str, errors: &mut Errors) -> FlowGraph {
    build(resolved(code, errors), errors)
}

fn analyzed(code: &str, errors: &mut Errors) -> AnalyzedFlow {
    analyze(built(code, errors))
}

/// Runs some stages on a flow without errors, and compares what is printed of the last one.
fn test<T: std::fmt::Debug>(stages: impl FnOnce(&str, &mut Errors) -> T, code: &str, expected: &Expect) {
    let mut errors = Errors::new();
    let value = stages(code, &mut errors);
    errors.finish().expect("a flow without errors");
    expected.assert_eq(&format!("{value:?}"));
}

#[test]
fn macros_that_decide_whether_an_await_runs_are_expanded() {
    test(
        expanded,
        r#"async fn flow() { if matches!(Ask.await, Some(n) if n > 2) { debug_assert!(Sure.await); } assert!(Ok.await); }"#,
        &expect![[r#"
            flow() -> ()
                if match Ask.await { Some(n) if n > 2 => true, _ => false } { if ::core::cfg!(debug_assertions) { ::core::assert!(Sure.await, "assertion failed: {}", "Sure . await"); }; }
                assert!(Ok.await, "assertion failed: {}", "Ok . await");
        "#]],
    );
}

#[test]
fn a_shadowed_local_that_is_live_at_an_await_is_renamed() {
    test(
        resolved,
        r#"async fn flow(x: u32) { { let x = Ask.await; show(format!("{x}")); } { let x = 2; show(x); } show(x) }"#,
        &expect![[r#"
            flow(x: u32) -> ()
                { let x_2 = Ask.await; show(format!("{x}", x = x_2)); }
                { let x = 2; show(x); }
                show(x)
            renamed: x_2 was x
        "#]],
    );
}

#[test]
fn a_loop_with_an_await_becomes_blocks() {
    test(
        built,
        "async fn flow() -> Room { let room = loop { let room = PickRoom.await; if ok(&room) { break room; } }; room }",
        &expect![[r#"
            flow() -> Room
            b0 Start
                jump b2
            b2 Loop
                scope
                    await Room (__at_0): PickRoom -> b3
            b3 answer of Room (__at_0)
                scope
                    let room = __at_0.answer(__answer);
                    if ok(&room) { break '__block_1 room; };
                    jump b2
            b1 AfterLoop(room)
                return(room)
        "#]],
    );
}

#[test]
fn a_break_in_a_statement_names_the_block_it_leads_to() {
    test(
        built,
        "async fn flow() { 'all: loop { for item in list() { if item == 0 { break 'all; } if item == 1 { break; } } Ask.await; } }",
        &expect![[r#"
            flow() -> ()
            b0 Start
                jump b2
            b2 Loop
                scope
                    for item in list() { if item == 0 { break '__block_1; } if item == 1 { break; } }
                    await Ask (__at_0): Ask -> b3
            b3 answer of Ask (__at_0)
                scope
                    __at_0.answer(__answer);
                    jump b2
            b1 AfterLoop(value)
                return(value)
        "#]],
    );
}

#[test]
fn operands_before_an_await_are_evaluated_before_it() {
    test(
        built,
        "async fn flow() -> u32 { total(next(), Ask.await, next()) + 1 }",
        &expect![[r#"
        flow() -> u32
        b0 Start
            let operand = next();
            await Ask (__at_0): Ask -> b1
        b1 answer of Ask (__at_0)
            return(total(operand, __at_0.answer(__answer), next()) + 1)
    "#]],
    );
}

#[test]
fn a_for_loop_saves_the_items_that_are_left() {
    test(
        built,
        "async fn flow(list: Vec<u32>) { for n in list.iter().filter(|n| **n > 1).enumerate() { Ask(n).await; } }",
        &expect![[r#"
            flow(list: Vec<u32>) -> ()
            b0 Start
                scope
                    let mut rest_of_n = ::stube::__private::place(::core::iter::IntoIterator::into_iter(list.iter()));
                    let mut rest_of_n_2 = 0usize;
                    jump b2
            b2 Loop
                scope
                    scope
                        let ::core::option::Option::Some(n) = ::core::iter::Iterator::next(&mut ::stube::__private::enumerate(::stube::__private::lent(::core::iter::IntoIterator::into_iter(list.iter()), &mut rest_of_n).filter(| n | **n > 1), &mut rest_of_n_2)) else
                            jump b1
                        await Ask (__at_0): Ask(n) -> b3
            b3 answer of Ask (__at_0)
                scope
                    scope
                        __at_0.answer(__answer);
                        jump b2
            b1 AfterLoop
                scope
                return
        "#]],
    );
}

#[test]
fn conditions_and_matches_branch_to_blocks() {
    test(
        built,
        "async fn flow(n: Option<u32>) -> u32 { match n { Some(n) if n > 1 => if n > 2 && Sure.await { n } else { 1 }, _ => if let Some(m) = Ask.await { m } else { 0 } } }",
        &expect![[r#"
            flow(n: Option<u32>) -> u32
            b0 Start
                match n
                case Some(n_2) if n_2 > 1
                    if n_2 > 2
                        await Sure (__at_0): Sure -> b2
                    else
                        jump b1
                case _
                    await Ask (__at_1): Ask -> b3
            b2 answer of Sure (__at_0)
                scope
                    scope
                        if __at_0.answer(__answer)
                            return(n_2)
                        else
                            jump b1
            b1 Else
                scope
                    scope
                        return(1)
            b3 answer of Ask (__at_1)
                scope
                    return(if let Some(m) = __at_1.answer(__answer) { m } else { 0 })
        "#]],
    );
}

#[test]
fn branches_of_an_unreachable_condition_are_no_blocks() {
    test(
        built,
        "async fn flow() { if ask({ Ask.await; return; }).await { Ask.await; } else { Sure.await; } }",
        &expect![[r#"
            flow() -> ()
            b0 Start
                scope
                    await Ask (__at_0): Ask -> b2
            b2 answer of Ask (__at_0)
                scope
                    __at_0.answer(__answer);
                    return
        "#]],
    );
}

#[test]
fn a_borrow_keeps_what_it_borrows_from_live() {
    test(
        analyzed,
        "async fn flow(order: Order, spare: u32) -> bool { let name = &order.name; let sure = Ask(spare).await; sure && name == \"x\" }",
        &expect![[r#"
            b0 Start
                live: order, spare
                next: Sure
            b1 answer of Sure (__at_0)
                live: order
                borrows: name
                next: end
        "#]],
    );
}

#[test]
fn only_the_parts_that_are_not_moved_are_live() {
    test(
        analyzed,
        "async fn flow(order: Order) { Pay(order.card).await; loop { Thank(&order.name).await; if done() { return; } } }",
        &expect![[r#"
            b0 Start
                live: order
                next: Pay
            b1 answer of Pay (__at_0)
                live: order.name
                next: Thank
            b3 Loop
                live: order.name
            b4 answer of Thank (__at_1)
                live: order.name
                next: Thank, end
        "#]],
    );
}

#[test]
fn the_machine_names_states_and_says_what_each_saves() {
    test(
        |code, errors| lower(analyzed(code, errors)),
        "async fn flow(guest: String) -> bool {
            let mut tries = 0;
            let room = loop {
                let room = PickRoom { tries }.await;
                tries += 1;
                if Confirm::new(&room).await || tries > 3 { break room; }
            };
            #[at(\"Payment\")]
            let paid = Confirm::new(guest).await;
            paid && room > 1
        }",
        &expect![[r#"
            state Start { guest: String } -> Room
            state Room { guest: String (checked), tries: Tries (checked) } -> Confirm, asks "PickRoom { _ }"
            state Confirm { guest: String, tries: Tries, room: Room2 (checked) } -> Room, Payment, asks "Confirm::new(&_)"
            state Payment { room: Room (checked) } -> end, asks "Confirm::new(_)"
            join AfterLoop { guest: String, room: Room }
            join Loop { guest: String, tries: Tries }
            Start { guest }:
                let mut tries = 0;
                jump Loop
            Loop { guest, mut tries }:
                await Room: PickRoom { tries }
            Room { guest, mut tries }:
                let room = __at_0.answer(__answer);
                tries += 1;
                await Confirm: Confirm::new(&room)
            Confirm { guest, mut tries, room }:
                if __at_1.answer(__answer) || tries > 3 { break '__block_1 room; };
                jump Loop
            AfterLoop { guest, room }:
                await Payment: Confirm::new(guest)
            Payment { room }:
                let paid = __at_2.answer(__answer);
                return(paid && room > 1)
        "#]],
    );
}

#[test]
fn the_machine_has_a_type_for_a_partially_moved_local() {
    test(
        |code, errors| lower(analyzed(code, errors)),
        "async fn flow(order: Order) -> String { Pay(order.card).await; Send(order.to.city).await; order.to.name }",
        &expect![[r#"
            type FlowStateOrderTo { city: OrderToCity, name: OrderToName }
            type FlowStateOrder { to: FlowStateOrderTo }
            type FlowStateOrderTo2 { name: OrderToName }
            type FlowStateOrder2 { to: FlowStateOrderTo2 }
            state Start { order: Order } -> Pay
            state Pay { order: FlowStateOrder (checked) } -> Send, asks "Pay(_._)"
            state Send { order: FlowStateOrder2 } -> end, asks "Send(_._._)"
            Start { order }:
                await Pay: Pay(order.card)
            Pay { order }:
                __at_0.answer(__answer);
                await Send: Send(order.to.city)
            Send { order }:
                __at_1.answer(__answer);
                return(order.to.name)
        "#]],
    );
}

#[test]
fn a_borrow_is_repeated_after_an_await() {
    test(
        |code, errors| lower(analyzed(code, errors)),
        "async fn flow(order: Order) -> bool { let item = &order.items[pick()]; if let Some(name) = &item.name { Ask.await == *name } else { false } }",
        &expect![[r#"
            state Start { order: Order } -> Ask, end
            state Ask { order: Order (checked), index: Index (checked) } -> end, asks "Ask"
            Start { order }:
                let index = pick();
                let item = &order.items[::core::clone::Clone::clone(&index)];
                if let Some(name) = &item.name
                    use name
                    await Ask: Ask
                else
                    return(false)
            Ask { order, index }:
                reborrow item = &order.items[::core::clone::Clone::clone(&index)];
                reborrow Some(name) = &item.name;
                return(__at_0.answer(__answer) == *name)
        "#]],
    );
}

#[test]
fn errors_of_several_stages_are_reported_together() {
    let mut errors = Errors::new();
    let code = r#"async fn flow(x: &str) {
        let g = || { Ask.await };
        #[at("lower")]
        let sum = Ask.await;
        'a: loop { if Ask.await { break 'b; } }
    }"#;
    drop(analyzed(code, &mut errors));
    let messages: Vec<_> = errors.finish().unwrap_err().into_iter().map(|error| error.to_string()).collect();
    expect![[r#"
        a flow outlives its caller, so it must own its arguments and its result; write an owned type, for instance `String` for `&str`
        this `.await` is inside a closure, which cannot be saved while it waits; await before it, or write a loop
        a state has a name in camel case, as a type: write `#[at("Payment")]`
        no loop or block around this has that label"#]].assert_eq(&messages.join("\n"));
}

#[test]
fn the_stages_in_architecture_md_are_printed_so() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../ARCHITECTURE.md")).expect("the page");
    let (_, section) = page.split_once("## The macro").expect("the section");
    let fenced = |language: &str| {
        let fence = format!("```{language}\n");
        let blocks = section.split(&fence).skip(1);
        blocks.map(|block| block.split("```").next().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    let (code, texts) = (fenced("rust"), fenced("text"));
    let mut errors = Errors::new();
    let graph = built(&code[0], &mut errors);
    assert_eq!(texts[0], format!("{graph:?}"));
    assert_eq!(texts[1], format!("{:?}", lower(analyze(graph))));
    errors.finish().expect("a flow without errors");
}
