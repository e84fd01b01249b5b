//! A graph or a machine that breaks a promise is found, for each promise.

use proc_macro2::Span;
use syn::{Ident, parse_quote};

use crate::analysis::analyze;
use crate::check::check;
use crate::def_use::DefUse;
use crate::errors::Errors;
use crate::expand::expand;
use crate::graph::{Code, Entry, Graph, Node};
use crate::held::build;
use crate::ids::{AwaitId, BlockId, LocalId, ReborrowId, SeqId};
use crate::lower::lower;
use crate::machine::{FieldType, JoinId, Machine, Op, PartialTypeId, PlaceType, StateId};
use crate::parse::parse;
use crate::resolve::resolve;
use crate::validate::{graph, machine};

/// Blocks: 0 the start, 1 after the loop (with a value), 2 the loop, 3 the answer of `Room`.
const LOOP: &str = "async fn flow(guest: String, order: Order) -> u32 {
    Pay(order.card).await;
    let room = loop {
        let room = PickRoom(&guest).await;
        if room > 1 { break room; }
    };
    show(guest, order.name);
    room
}";

fn flow() -> crate::control_flow::FlowGraph {
    let mut errors = Errors::new();
    let parsed = parse(proc_macro2::TokenStream::new(), LOOP.parse().unwrap(), &mut errors).unwrap();
    let checked = check(expand(parsed), &mut errors);
    let resolved = resolve(checked, &mut errors);
    let built = build(resolved, &mut errors);
    errors.finish().unwrap();
    built
}

/// The first of the broken promises of a graph, after a change.
fn of_graph(change: impl FnOnce(&mut Graph)) -> String {
    let mut flow = flow();
    change(&mut flow.graph);
    graph::broken(&flow.graph).into_iter().next().unwrap_or_default()
}

/// The first of the broken promises of a machine, after a change.
fn of_machine(change: impl FnOnce(&mut Machine)) -> String {
    let mut built = lower(analyze(flow()));
    change(&mut built);
    machine::broken(&built).into_iter().next().unwrap_or_default()
}

fn code() -> Code {
    Code { expr: parse_quote!(1), def_use: DefUse::default() }
}

/// The sequence of the code of a block, without the scopes around it.
fn inner_seq(graph: &Graph, block: BlockId) -> SeqId {
    let mut seq = graph.block(block).code;
    while let Some(Node::Scope(_, inner)) = graph.seq(seq).last() {
        seq = *inner;
    }
    seq
}

fn block_of(graph: &Graph, wanted: &str) -> BlockId {
    let is_it = |id: &&BlockId| matches!(graph.block(**id).entry, Entry::Join { name, .. } if name == wanted);
    *graph.order.iter().find(is_it).expect("the block")
}

#[test]
fn a_graph_and_a_machine_keep_their_promises() {
    assert_eq!(of_graph(|_| {}), "");
    assert_eq!(of_machine(|_| {}), "");
}

#[test]
fn promise_1_of_the_graph_ids_exist() {
    assert_eq!(of_graph(|graph| graph.order.push(BlockId(99))), "the order names a block b99 that does not exist");
    let broken = of_graph(|graph| graph.locals[0].reborrow = Some(ReborrowId(7)));
    assert_eq!(broken, "`guest` is a borrow that does not exist");
    let broken = of_graph(|graph| {
        let seq = graph.block(BlockId(0)).code;
        let Some(Node::Await { operand, .. }) = graph.seqs[seq.0].last_mut() else { panic!("an await") };
        operand.def_use.mentions.insert(LocalId(99));
    });
    assert_eq!(broken, "the local 99 does not exist");
    let broken = of_graph(|graph| {
        let seq = graph.block(BlockId(0)).code;
        graph.seqs[seq.0].pop();
        graph.seqs[seq.0].push(Node::Await { id: AwaitId(9), operand: code() });
    });
    assert_eq!(broken, "the await 9 does not exist");
    let broken = of_graph(|graph| {
        let seq = graph.block(BlockId(0)).code;
        graph.seqs[seq.0].insert(0, Node::Scope(graph.blocks[0].scopes[0], SeqId(99)));
    });
    assert_eq!(broken, "the sequence 99 does not exist");
}

#[test]
fn promise_2_of_the_graph_a_sequence_has_one_place() {
    let broken = of_graph(|graph| {
        let (block, code) = (block_of(graph, "Loop"), graph.block(BlockId(0)).code);
        graph.blocks[block.0].code = code;
    });
    assert!(broken.ends_with("belongs to two places"), "{broken}");
}

#[test]
fn promise_3_of_the_graph_nothing_follows_the_end_of_a_path() {
    let broken = of_graph(|graph| {
        let seq = graph.block(BlockId(0)).code;
        graph.seqs[seq.0].push(Node::Return(None));
    });
    assert!(broken.starts_with("something follows the end of the path"), "{broken}");
}

#[test]
fn promise_4_of_the_graph_the_order_begins_with_the_start_and_names_blocks_once() {
    assert_eq!(of_graph(|graph| graph.order.reverse()), "the order does not begin with the start");
    let broken = of_graph(|graph| graph.order.push(BlockId(0)));
    assert_eq!(broken, "the order names the block b0 twice");
}

#[test]
fn promise_5_of_the_graph_blocks_are_reachable_and_count_their_predecessors() {
    let broken = of_graph(|graph| {
        let block = block_of(graph, "Loop");
        graph.blocks[block.0].predecessors += 1;
    });
    assert!(broken.ends_with("has 2 predecessors and counts 3"), "{broken}");
    let broken = of_graph(|graph| {
        graph.order.retain(|&id| !matches!(graph.blocks[id.0].entry, Entry::Join { name: "AfterLoop", .. }))
    });
    assert!(broken.ends_with("which is not in the order"), "{broken}");
    let broken = of_graph(|graph| {
        graph.blocks.push(crate::graph::Block {
            entry: Entry::Join { name: "Lost", value: None },
            scopes: graph.blocks[0].scopes.clone(),
            code: SeqId(graph.seqs.len()),
            predecessors: 0,
        });
        graph.seqs.push(vec![Node::Return(None)]);
        graph.order.push(BlockId(graph.blocks.len() - 1));
    });
    assert!(broken.starts_with("no path leads to the block"), "{broken}");
    let broken = of_graph(|graph| {
        let seq = graph.block(BlockId(0)).code;
        graph.seqs[seq.0].pop();
        graph.seqs[seq.0].push(Node::Jump { to: BlockId(99), value: None });
    });
    assert_eq!(broken, "a path leads to a block b99 that does not exist");
}

#[test]
fn promise_6_of_the_graph_an_await_occurs_once_and_resumes_its_block() {
    let broken = of_graph(|graph| {
        let resume = graph.point(AwaitId(0)).resume;
        graph.awaits[1].resume = resume;
    });
    assert!(broken.contains("does not take its answer"), "{broken}");
    let broken = of_graph(|graph| {
        let resume = graph.point(AwaitId(1)).resume;
        graph.blocks[resume.0].predecessors += 1;
        let seq = inner_seq(graph, graph.point(AwaitId(0)).resume);
        graph.seqs[seq.0].pop();
        graph.seqs[seq.0].push(Node::Await { id: AwaitId(1), operand: code() });
        let block = block_of(graph, "Loop");
        graph.blocks[block.0].predecessors -= 1;
    });
    assert_eq!(broken, "the await 1 occurs 2 times");
}

#[test]
fn promise_7_of_the_graph_a_jump_passes_a_value_if_its_block_takes_one() {
    let broken = of_graph(|graph| {
        let seq = inner_seq(graph, graph.point(AwaitId(0)).resume);
        let Some(Node::Jump { value, .. }) = graph.seqs[seq.0].last_mut() else { panic!("a jump") };
        *value = Some(code());
    });
    assert!(broken.ends_with("passes a wrong number of values"), "{broken}");
}

#[test]
fn promise_8_of_the_graph_a_local_is_declared_once() {
    let broken = of_graph(|graph| graph.args.push(LocalId(0)));
    assert_eq!(broken, "the local `guest` is declared 2 times");
}

#[test]
fn promise_1_of_the_machine_names_are_unique() {
    let broken = of_machine(|machine| machine.states[2].name = machine.states[1].name.clone());
    assert_eq!(broken, "two are called `Pay`: state");
    let broken = of_machine(|machine| machine.joins[1].name = machine.joins[0].name.clone());
    assert_eq!(broken, "two are called `AfterLoop`: join");
    let broken = of_machine(|machine| machine.states[0].fields[1].name = machine.states[0].fields[0].name.clone());
    assert_eq!(broken, "two are called `guest`: field");
    let broken = of_machine(|machine| machine.state_params.push(machine.state_params[0].clone()));
    assert!(broken.ends_with(": parameter"), "{broken}");
}

#[test]
fn promise_2_of_the_machine_each_state_is_saved_and_entered_once() {
    let broken = of_machine(|machine| drop(machine.blocks.pop()));
    assert!(broken.starts_with("0 blocks are entered with"), "{broken}");
    let broken = of_machine(|machine| machine.blocks[0].code = vec![Op::Return(None)]);
    assert_eq!(broken, "0 awaits save the state `Pay`");
}

#[test]
fn promise_3_of_the_machine_jumps_go_to_joins() {
    let broken = of_machine(|machine| machine.blocks[1].code = vec![Op::Jump { to: JoinId(9), value: None }]);
    assert_eq!(broken, "a jump goes to a join 9 that does not exist");
    let broken = of_machine(|machine| machine.blocks[1].code = vec![Op::Jump { to: JoinId(0), value: None }]);
    assert_eq!(broken, "a jump to `AfterLoop` passes a wrong number of values");
    let broken = of_machine(|machine| machine.label_targets.fill(None));
    assert!(broken.ends_with("which is no join"), "{broken}");
}

#[test]
fn promise_4_of_the_machine_what_is_saved_or_passed_is_declared() {
    let broken = of_machine(|machine| machine.blocks[0].bindings.clear());
    assert_eq!(broken, "`guest` is saved in `Pay` where it is not declared");
    let broken = of_machine(|machine| drop(machine.blocks[1].bindings.remove(0)));
    assert_eq!(broken, "`guest` is passed to `Loop` where it is not declared");
    let broken =
        of_machine(|machine| machine.blocks[0].code.insert(0, Op::Use(vec![Ident::new("x", Span::call_site())])));
    assert_eq!(broken, "`x` is used where it is not declared");
}

#[test]
fn promise_5_of_the_machine_parameters_are_declared() {
    let unknown = || PlaceType::Param(Ident::new("Unknown", Span::call_site()));
    let broken = of_machine(|machine| machine.states[1].fields[0].places[0].ty = unknown());
    assert_eq!(broken, "the type of `guest` is a parameter that its enum does not have");
}

#[test]
fn promise_6_of_the_machine_every_saved_place_is_checked() {
    let broken = of_machine(|machine| machine.states[1].fields[0].is_checked = false);
    assert_eq!(broken, "a saved place is not checked");
}

#[test]
fn promise_7_of_the_machine_successors_are_states_of_awaits() {
    let broken = of_machine(|machine| machine.states[1].next.push(StateId(0)));
    assert_eq!(broken, "a successor of `Pay` is no state of an await");
}

#[test]
fn promise_8_of_the_machine_partial_types_come_after_those_of_their_fields() {
    let broken = of_machine(|machine| machine.states[1].fields[1].ty = FieldType::Partial(PartialTypeId(9)));
    assert_eq!(broken, "the type of the field `order` does not exist");
    let broken = of_machine(|machine| {
        let crate::machine::PartialFields::Named(fields) = &mut machine.partial_types[0].fields else {
            panic!("named")
        };
        fields[0].1 = crate::machine::PartialField::Partial(PartialTypeId(0));
    });
    assert_eq!(broken, "the type `FlowStateOrder` has a field whose type comes after it");
}

#[test]
#[should_panic(expected = "BUG: the machine of the flow `flow` breaks its promises: a saved place is not checked")]
fn a_broken_promise_panics() {
    let mut built = lower(analyze(flow()));
    built.states[1].fields[0].is_checked = false;
    crate::validate::validate_machine(&built);
}
