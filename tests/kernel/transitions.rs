//! The rules of the kernel: tables for each of them, and random walks that check every invariant after each step.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use stube::kernel::conversation::Conversation;
use stube::kernel::{self, AnswerKey, Cause, Ended, Input, OutboxEntry, Outcome, Progress, Rejected};
use stube::record::{Lineage, Record, Stored};
use stube::{
    Component, Confirm, Context, ConversationId, Event, Failure, Handled, InstanceId, Next, Slots, Timestamp, Turn,
    component,
};

/// A page with two widgets. Its events do whatever a test needs.
#[derive(Debug, Serialize, Deserialize)]
struct Page {
    depth: u32,
    log: Vec<String>,
    woken: u32,
}

impl Page {
    fn new(depth: u32) -> Self {
        Self { depth, log: Vec::new(), woken: 0 }
    }
}

#[component]
impl Component for Page {
    type Answer = String;

    fn slots(&mut self) -> Slots<Self> {
        let left = Counter { count: self.depth };
        Slots::none().asking("left", left, Self::on_left).with("right", Counter { count: 0 })
    }

    fn handle(&mut self, event: Event, _cx: &Context) -> Handled<Self> {
        self.log.push(event.action.clone());
        match event.action.as_str() {
            "ask" => Ok(Next::call(Confirm::new("Sure?"), Self::on_sure)),
            "call" => Ok(Next::call(Page::new(self.depth + 1), Self::on_page)),
            "replace" => Ok(Next::replace(Page::new(100))),
            "answer" => Ok(Next::answer(format!("answer of {}", self.depth))),
            "end" => Ok(Next::end()),
            "refuse" => Err(Failure::refuse("not today")),
            "fail" => Err(Failure::message("it broke")),
            "panic" => panic!("it panicked"),
            "loop" => Ok(Next::call(Loop, Self::on_loop)),
            _ => Ok(Next::stay()),
        }
    }

    #[resume]
    fn on_sure(&mut self, sure: bool, _cx: &Context) -> Handled<Self> {
        self.log.push(format!("sure: {sure}"));
        Ok(Next::stay())
    }

    #[resume]
    fn on_page(&mut self, answer: String, _cx: &Context) -> Handled<Self> {
        self.log.push(answer);
        Ok(Next::stay())
    }

    #[resume]
    fn on_left(&mut self, count: u32, _cx: &Context) -> Handled<Self> {
        self.log.push(format!("left: {count}"));
        Ok(Next::stay())
    }

    #[resume]
    fn on_loop(&mut self, (): (), _cx: &Context) -> Handled<Self> {
        Ok(Next::call(Loop, Self::on_loop))
    }

    fn wakeup(&mut self, _cx: &Context) -> Result<(), Failure> {
        self.woken += 1;
        Ok(())
    }
}

/// A widget: counts, and answers with its count.
#[derive(Debug, Serialize, Deserialize)]
struct Counter {
    count: u32,
}

#[component]
impl Component for Counter {
    type Answer = u32;

    fn handle(&mut self, event: Event, _cx: &Context) -> Handled<Self> {
        match event.action.as_str() {
            "up" => {
                self.count += 1;
                Ok(Next::stay())
            }
            "ask" => Ok(Next::call(Confirm::new("Reset?"), Self::on_reset)),
            "answer" => Ok(Next::answer(self.count)),
            "panic" => panic!("it panicked"),
            _ => Ok(Next::stay()),
        }
    }

    #[resume]
    fn on_reset(&mut self, reset: bool, _cx: &Context) -> Handled<Self> {
        if reset {
            self.count = 0;
        }
        Ok(Next::stay())
    }
}

/// Answers at once.
#[derive(Debug, Serialize, Deserialize)]
struct Loop;

#[component]
impl Component for Loop {
    fn start(&mut self, _cx: &Context) -> Handled<Self> {
        Ok(Next::answer(()))
    }
}

const NOW: Timestamp = Timestamp::from_millis(1_000_000);

fn start() -> Conversation {
    let id = ConversationId::from_bits([7; 16]);
    waits(kernel::start(id, Box::new(Page::new(0)), None, NOW))
}

#[track_caller]
fn waits(result: Result<Outcome, Rejected>) -> Conversation {
    match result.map(|outcome| outcome.progress) {
        Ok(Progress::Waits(conversation)) => conversation,
        Ok(Progress::Ended(_)) => panic!("it ended"),
        Err(rejected) => panic!("{:?}", rejected.cause),
    }
}

#[track_caller]
fn ended(result: Result<Outcome, Rejected>) -> Ended {
    match result.map(|outcome| outcome.progress) {
        Ok(Progress::Ended(ended)) => ended,
        Ok(Progress::Waits(conversation)) => panic!("it waits for {}", conversation.front().name()),
        Err(rejected) => panic!("{:?}", rejected.cause),
    }
}

#[track_caller]
fn rejected(result: Result<Outcome, Rejected>) -> Cause {
    result.expect_err("it is rejected").cause
}

/// Sends an event to the n-th instance in front.
fn send(conversation: Conversation, n: usize, action: &str) -> Result<Outcome, Rejected> {
    let turn = conversation.in_front()[n].turn();
    kernel::apply(conversation, Input::event(turn, Event::new(action)), NOW)
}

/// Every slot, as a person would write it: `page[left: counter | right: counter] > confirm`.
fn shape(conversation: &Conversation) -> String {
    let json: serde_json::Value = serde_json::from_str(encode(conversation).body()).expect("a body is JSON");
    shape_of(&json["root"])
}

fn shape_of(slot: &serde_json::Value) -> String {
    let instances = slot["stack"].as_array().expect("a slot has a stack").iter().map(|instance| {
        let name = instance["type"].as_str().expect("a name");
        let slots = instance["slots"].as_object().map(|slots| {
            let slots: Vec<_> = slots.iter().map(|(name, slot)| format!("{name}: {}", shape_of(slot))).collect();
            format!("[{}]", slots.join(" | "))
        });
        format!("{name}{}", slots.unwrap_or_default())
    });
    instances.collect::<Vec<_>>().join(" > ")
}

fn encode(conversation: &Conversation) -> Record {
    Record::encode(conversation, Lineage::for_test(1)).expect("it can be saved")
}

fn decode(record: &Record) -> Conversation {
    match record.decode().expect("it can be read") {
        Stored::Conversation(conversation) => conversation,
        Stored::Ended(_) => panic!("it ended"),
    }
}

#[test]
fn a_call_puts_the_callee_in_place_of_the_caller() {
    let conversation = waits(send(start(), 0, "ask"));
    assert_eq!(shape(&conversation), "page[left: counter | right: counter] > confirm");
    assert_eq!(conversation.in_front().len(), 1, "the page is hidden, its widgets too");
}

#[test]
fn a_call_of_a_widget_stays_in_its_slot() {
    let conversation = waits(send(start(), 2, "ask"));
    assert_eq!(shape(&conversation), "page[left: counter | right: counter > confirm]");
    assert_eq!(conversation.in_front().len(), 3, "the page, the left counter, the question");
}

#[test]
fn an_answer_resumes_the_one_below() {
    let conversation = waits(send(waits(send(start(), 0, "ask")), 0, "yes"));
    assert_eq!(shape(&conversation), "page[left: counter | right: counter]");
    let page = conversation.front().get::<Page>().expect("the page");
    assert_eq!(page.log, ["ask", "sure: true"]);
}

#[test]
fn the_answer_of_a_widget_goes_to_whoever_embeds_it() {
    let conversation = waits(send(waits(send(start(), 1, "up")), 1, "answer"));
    assert_eq!(shape(&conversation), "page[left:  | right: counter]");
    assert_eq!(conversation.front().get::<Page>().expect("the page").log, ["left: 1"]);
}

#[test]
fn the_answer_of_a_widget_that_nobody_asked_is_an_error_on_it() {
    match rejected(send(start(), 2, "answer")) {
        Cause::Failed { component: "counter", instance, .. } => assert_eq!(instance.to_string(), "i3"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_replacement_answers_to_the_same_caller() {
    let conversation = waits(send(start(), 0, "call"));
    let conversation = waits(send(conversation, 0, "replace"));
    assert_eq!(conversation.front().get::<Page>().expect("the page").depth, 100);
    let conversation = waits(send(conversation, 0, "answer"));
    assert_eq!(conversation.front().get::<Page>().expect("the page").log, ["call", "answer of 100"]);
}

#[test]
fn the_last_answer_ends_the_conversation_with_its_value() {
    assert_eq!(ended(send(start(), 0, "answer")).result::<String>().as_deref(), Some("answer of 0"));
}

#[test]
fn an_end_from_anywhere_ends_the_conversation_without_a_result() {
    let conversation = waits(send(start(), 0, "call"));
    assert_eq!(ended(send(conversation, 0, "end")).result::<String>(), None);
}

#[test]
fn instance_ids_are_never_given_twice() {
    let mut conversation = start();
    let mut seen = Vec::new();
    for _ in 0..5 {
        conversation = decode(&encode(&waits(send(conversation, 0, "ask"))));
        seen.push(conversation.front().id());
        conversation = waits(send(conversation, 0, "no"));
    }
    let mut unique = seen.clone();
    unique.dedup();
    assert_eq!(seen, unique);
}

#[test]
fn an_answer_to_an_earlier_turn_is_stale() {
    let conversation = start();
    let first = conversation.in_front()[1].turn();
    let conversation = waits(kernel::apply(conversation, Input::event(first, Event::new("up")), NOW));
    let conversation = waits(send(conversation, 1, "up"));
    assert!(matches!(
        rejected(kernel::apply(conversation, Input::event(first, Event::new("other")), NOW)),
        Cause::Stale
    ));
}

#[test]
fn an_answer_to_an_instance_that_is_hidden_or_gone_is_stale() {
    let page = start().front().turn();
    let hidden = waits(send(start(), 0, "ask"));
    let confirm = hidden.front().turn();
    let below = Turn { number: 1, ..page };
    assert!(matches!(rejected(kernel::apply(hidden, Input::event(below, Event::new("ask")), NOW)), Cause::Stale));
    let gone = waits(send(waits(send(start(), 0, "ask")), 0, "yes"));
    let gone = waits(send(gone, 0, "anything"));
    assert!(matches!(rejected(kernel::apply(gone, Input::event(confirm, Event::new("no")), NOW)), Cause::Stale));
}

#[test]
fn the_same_answer_sent_again_is_recognised_and_another_one_is_stale() {
    let conversation = start();
    let turn = conversation.in_front()[1].turn();
    let after = || waits(kernel::apply(start(), Input::event(turn, Event::new("up")), NOW));
    assert!(matches!(rejected(kernel::apply(after(), Input::event(turn, Event::new("up")), NOW)), Cause::Repeated));
    assert!(matches!(rejected(kernel::apply(after(), Input::event(turn, Event::new("answer")), NOW)), Cause::Stale));
}

#[test]
fn an_answer_is_recognised_although_another_question_was_answered_since() {
    let conversation = start();
    let turns: Vec<_> = conversation.in_front().iter().map(|instance| instance.turn()).collect();
    let mut conversation = conversation;
    for &turn in &turns[1..] {
        conversation = waits(kernel::apply(conversation, Input::event(turn, Event::new("up")), NOW));
    }
    for &turn in &turns[1..] {
        let saved = decode(&encode(&conversation));
        assert!(matches!(rejected(kernel::apply(saved, Input::event(turn, Event::new("up")), NOW)), Cause::Repeated));
        let saved = decode(&encode(&conversation));
        assert!(matches!(rejected(kernel::apply(saved, Input::event(turn, Event::new("other")), NOW)), Cause::Stale));
    }
}

#[test]
fn an_answer_is_recognised_when_its_question_is_gone() {
    let asked = waits(send(start(), 0, "ask"));
    let confirm = asked.front().turn();
    let after = waits(send(waits(kernel::apply(asked, Input::event(confirm, Event::new("yes")), NOW)), 0, "ask"));
    let saved = decode(&encode(&after));
    assert!(matches!(rejected(kernel::apply(saved, Input::event(confirm, Event::new("yes")), NOW)), Cause::Repeated));
}

/// What goes away brings more receipts along than a slot keeps.
#[test]
fn the_latest_answer_is_recognised_whatever_it_takes_away() {
    let mut conversation = start();
    let turn_of = |conversation: &Conversation, n: usize| {
        let front = conversation.in_front();
        front[n % front.len()].turn()
    };
    for action in ["call", "refuse", "refuse", "call", "call", "answer", "call", "ask"] {
        let turn = turn_of(&conversation, 1);
        let saved = encode(&conversation);
        conversation = match kernel::apply(conversation, Input::event(turn, Event::new(action)), NOW) {
            Ok(outcome) => match outcome.progress {
                Progress::Waits(next) => next,
                Progress::Ended(_) => panic!("it goes on"),
            },
            Err(_) => decode(&saved),
        };
    }
    let turn = turn_of(&conversation, 2);
    let replaced = waits(kernel::apply(conversation, Input::event(turn, Event::new("replace")), NOW));
    let again = kernel::apply(decode(&encode(&replaced)), Input::event(turn, Event::new("replace")), NOW);
    assert!(matches!(rejected(again), Cause::Repeated));
}

#[test]
fn a_key_of_the_host_decides_what_is_the_same_answer() {
    let turn = start().in_front()[1].turn();
    let input = |action: &str, key: &str| {
        Input::event(turn, Event::new(action)).with_key(AnswerKey::new(key).expect("it is short"))
    };
    let after = || waits(kernel::apply(start(), input("up", "one"), NOW));
    assert!(matches!(rejected(kernel::apply(after(), input("other", "one"), NOW)), Cause::Repeated));
    assert!(matches!(rejected(kernel::apply(after(), input("up", "two"), NOW)), Cause::Stale));
    assert!(matches!(rejected(kernel::apply(after(), Input::event(turn, Event::new("up")), NOW)), Cause::Stale));
}

#[test]
fn an_outbox_says_which_questions_closed_and_that_the_conversation_ended() {
    let asked = waits(send(start(), 0, "ask"));
    let confirm = asked.front().turn();
    let outcome = kernel::apply(asked, Input::event(confirm, Event::new("yes")), NOW).expect("it goes on");
    assert_eq!(outcome.outbox, [OutboxEntry::Closed { turn: confirm, component: "confirm" }]);
    let conversation = start();
    let open = conversation.in_front().len();
    let outcome = kernel::apply(conversation, Input::end(), NOW).expect("it ends");
    assert_eq!((outcome.outbox.len(), outcome.outbox.last()), (open + 1, Some(&OutboxEntry::Ended)));
}

#[test]
fn what_is_open_says_the_state_of_the_flow_that_takes_the_answer() {
    let open = start().open_awaits();
    let front = start();
    let front: Vec<_> = front.in_front().iter().map(|instance| (instance.turn(), instance.name().to_owned())).collect();
    assert_eq!(open.iter().map(|open| (open.turn, open.component.clone())).collect::<Vec<_>>(), front);
    assert!(open.iter().all(|open| open.state.is_none()), "a page is no flow");
}

#[test]
fn a_typed_answer_must_be_of_the_type_that_the_component_gives() {
    let conversation = waits(send(start(), 0, "ask"));
    let turn = conversation.front().turn();
    match rejected(kernel::apply(conversation, Input::answer(turn, "yes".to_owned()), NOW)) {
        Cause::WrongType { component } => assert_eq!(component, "confirm"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_refusal_a_failure_and_a_panic_are_told_apart_and_reported_on_the_instance() {
    assert!(
        matches!(rejected(send(start(), 0, "refuse")), Cause::Refused(reason) if reason.to_string() == "not today")
    );
    for (action, text) in [("fail", "it broke"), ("panic", "it panicked: it panicked")] {
        match rejected(send(start(), 0, action)) {
            Cause::Failed { component, instance, failure } => {
                assert_eq!((component, instance.to_string().as_str()), ("page", "i1"));
                assert_eq!(failure.to_string(), text);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn calls_without_end_are_an_error_and_not_a_hang() {
    let Cause::Failed { failure, .. } = rejected(send(start(), 0, "loop")) else { panic!("it fails") };
    assert_eq!(failure.to_string(), "it made 1000000 calls and answers without asking anybody");
}

#[test]
fn a_wakeup_reaches_what_is_in_front_and_is_kept() {
    let conversation = waits(send(start(), 0, "call"));
    let conversation = decode(&encode(&kernel::wakeup(conversation, NOW).expect("it wakes")));
    assert_eq!(conversation.front().get::<Page>().expect("the page").woken, 1);
    assert_eq!(conversation.bottom().get::<Page>().expect("the page").woken, 0, "it is not in front");
}

#[test]
fn a_clock_that_is_set_back_makes_nothing_older() {
    let conversation = start();
    let turn = conversation.front().turn();
    let conversation = waits(kernel::apply(conversation, Input::event(turn, Event::new("up")), Timestamp::EPOCH));
    assert_eq!(conversation.touched(), NOW);
}

/// One step of a random walk.
#[derive(Debug, Clone)]
enum Move {
    /// An event for one of those in front.
    Send(usize, &'static str),
    /// The same event once more.
    Repeat,
    /// An event for some instance in some turn.
    Guess(u64, u64, &'static str),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let action = prop::sample::select(vec![
        "ask", "call", "replace", "answer", "refuse", "fail", "panic", "up", "yes", "no", "end", "nothing",
    ]);
    let step = prop_oneof![
        6 => (0..4_usize, action.clone()).prop_map(|(n, action)| Move::Send(n, action)),
        1 => Just(Move::Repeat),
        1 => (1..20_u64, 0..3_u64, action).prop_map(|(id, turn, action)| Move::Guess(id, turn, action)),
    ];
    prop::collection::vec(step, 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn every_walk_keeps_the_invariants_and_survives_a_save_and_a_load_after_each_step(moves in moves()) {
        std::panic::set_hook(Box::new(|_| {}));
        let mut record = encode(&start());
        let mut last = None;
        let mut given = BTreeMap::new();
        let mut alive: BTreeSet<_> = start().instances().iter().map(|instance| instance.id()).collect();
        let mut newest = *alive.last().expect("there are instances");
        for step in moves {
            let conversation = decode(&record);
            let (turn, action) = match step {
                Move::Send(n, action) => {
                    let front = conversation.in_front();
                    (front[n % front.len()].turn(), action)
                }
                Move::Repeat => match last { Some(last) => last, None => continue },
                Move::Guess(id, turn, action) => (format!("i{id}.{turn}").parse().expect("a turn"), action),
            };
            let applied = kernel::apply(conversation, Input::event(turn, Event::new(action)), NOW);
            match applied.map(|outcome| outcome.progress) {
                Ok(Progress::Waits(next)) => {
                    prop_assert_eq!(next.check(), Ok(()));
                    // An instance is either one that was there before, or newer than all that ever were.
                    let ids: BTreeSet<_> = next.instances().iter().map(|instance| instance.id()).collect();
                    prop_assert!(ids.iter().all(|id| alive.contains(id) || *id > newest));
                    newest = ids.iter().copied().fold(newest, InstanceId::max);
                    alive = ids;
                    let saved = encode(&next);
                    prop_assert_eq!(&encode(&decode(&saved)), &saved);
                    prop_assert_eq!(&Record::parse(saved.bytes().to_vec()).expect("a record"), &saved);
                    record = saved;
                    last = Some((turn, action));
                    given.insert(turn, action);
                }
                Ok(Progress::Ended(ended)) => {
                    let ended = Record::encode(&ended, Lineage::for_test(1)).expect("a result can be saved");
                    prop_assert!(matches!(ended.decode(), Ok(Stored::Ended(_))));
                    break;
                }
                // What was sent again is told from what comes too late; either way nothing has changed.
                Err(rejected) => {
                    let is_repeated = matches!(rejected.cause, Cause::Repeated);
                    prop_assert!(is_repeated || last != Some((turn, action)));
                    // Beyond some number of answers the receipt is forgotten, and then the answer is stale.
                    prop_assert!(!is_repeated || given.get(&turn) == Some(&action));
                    prop_assert_eq!(&encode(&decode(&record)), &record);
                }
            }
        }
    }
}

// ---- Children that are moved into their slots ---------------------------------------------------------------------

/// Not `Clone`, so that a parent can only move it.
#[derive(Debug, Serialize, Deserialize)]
struct Ticket {
    seat: String,
}

#[component]
impl Component for Ticket {
    type Answer = Ticket;

    fn handle(&mut self, _event: Event, _cx: &Context) -> Handled<Self> {
        Ok(Next::answer(Ticket { seat: std::mem::take(&mut self.seat) }))
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Frame {
    ticket: Option<Ticket>,
    started_with_ticket: Option<bool>,
}

#[component]
impl Component for Frame {
    type Answer = String;

    fn slots(&mut self) -> Slots<Self> {
        match self.ticket.take() {
            Some(ticket) => Slots::none().asking("ticket", ticket, Self::on_ticket),
            None => Slots::none(),
        }
    }

    fn start(&mut self, _cx: &Context) -> Handled<Self> {
        self.started_with_ticket = Some(self.ticket.is_some());
        Ok(Next::stay())
    }

    #[resume]
    fn on_ticket(&mut self, ticket: Ticket, _cx: &Context) -> Handled<Self> {
        self.ticket = Some(ticket);
        Ok(Next::stay())
    }
}

#[test]
fn a_child_is_moved_out_of_its_parent_into_its_slot() {
    let frame = Frame { ticket: Some(Ticket { seat: "12A".to_owned() }), started_with_ticket: None };
    let conversation = waits(kernel::start(ConversationId::from_bits([8; 16]), Box::new(frame), None, NOW));
    let conversation = decode(&encode(&conversation));
    assert_eq!(shape(&conversation), "frame[ticket: ticket]");
    let parent = conversation.front().get::<Frame>().expect("the frame");
    assert!(parent.ticket.is_none(), "the ticket is in the slot, and there is only one");
    assert_eq!(parent.started_with_ticket, Some(false), "the slots are made before the parent is started");
    assert_eq!(conversation.in_front()[1].get::<Ticket>().expect("the ticket").seat, "12A");

    let conversation = decode(&encode(&waits(send(conversation, 1, "return"))));
    assert_eq!(shape(&conversation), "frame[ticket: ]");
    let parent = conversation.front().get::<Frame>().expect("the frame");
    assert_eq!(parent.ticket.as_ref().expect("it was given back").seat, "12A");
}
