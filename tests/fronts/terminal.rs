//! The terminal front, talked to over pipes: each line is one answer.

use std::io::Cursor;

use serde::{Deserialize, Serialize};
use stube::terminal::{Outcome, run_on};
use stube::{
    Action, Choose, Component, Confirm, Context, Event, FileStore, Form, Handled, Info, Input, Next, Prompt, Slots,
    View, component, flow,
};
use tempfile::TempDir;

/// Every kind of question.
#[flow]
async fn tour() -> Option<String> {
    Info::new("Welcome.").await;
    let name = Prompt::new("Name").default("Ada").await;
    let size = Choose::new("Size", ["small", "large"]).or_cancel().await?;
    let sure = Confirm::new(format!("A {size} one for {name}?")).await;
    sure.then(|| format!("{size} for {name}"))
}

/// Runs over these lines. Gives how it ended, what was written, and the answer.
fn run<C: Component>(dir: &TempDir, root: fn() -> C, lines: &str) -> (Outcome, String, Option<C::Answer>) {
    let store = FileStore::open(dir.path().join("store")).expect("a store");
    let (mut output, mut answer) = (Vec::new(), None);
    let outcome = run_on(store, root, |given| answer = Some(given), Cursor::new(lines.to_owned()), &mut output);
    (outcome.expect("it runs"), String::from_utf8(output).expect("text"), answer)
}

#[test]
fn a_conversation_is_held_over_lines() {
    let dir = TempDir::new().expect("a directory");
    let (outcome, output, answer) = run(&dir, tour, "\n\n2\ny\n");
    assert_eq!(outcome, Outcome::Ended);
    assert_eq!(answer, Some(Some("large for Ada".to_owned())));
    assert_eq!(
        output,
        "\nWelcome.\nOK, press Enter: \nName [Ada]: \n(/cancel to leave)\n  1. small\n  2. large\nSize: \n\
         A large one for Ada?\nYes / No: "
    );
}

#[test]
fn at_the_end_of_the_input_it_stays_parked_and_the_next_run_goes_on() {
    let dir = TempDir::new().expect("a directory");
    let (outcome, output, answer) = run(&dir, tour, "\nGrace\n");
    assert!(matches!(outcome, Outcome::Parked(_)));
    assert!(answer.is_none());
    assert!(output.ends_with("The conversation waits. Run the program again to go on.\n"), "{output}");
    let (_, output, _) = run(&dir, tour, "");
    assert!(output.starts_with("Going on with `tour`, which waits for `choose_or_cancel` since 20"), "{output}");
    let (outcome, _, answer) = run(&dir, tour, "large\nYes\n");
    assert_eq!((outcome, answer), (Outcome::Ended, Some(Some("large for Grace".to_owned()))));
    let (_, output, _) = run(&dir, tour, "");
    assert!(!output.contains("Going on"), "the conversation is forgotten: {output}");
}

#[test]
fn what_does_not_fit_is_asked_again_with_the_reason() {
    let dir = TempDir::new().expect("a directory");
    let (_, output, answer) = run(&dir, tour, "\nGrace\n3\nhuge\n1\nperhaps\n\nn\n");
    assert_eq!(output.matches("That does not fit: Size must be one of the choices.").count(), 2, "{output}");
    assert_eq!(output.matches("Please type one of these.").count(), 2, "{output}");
    assert_eq!(answer, Some(None), "an answer that is nothing is an answer");
}

#[test]
fn a_way_out_leaves_a_form() {
    let dir = TempDir::new().expect("a directory");
    let (outcome, _, answer) = run(&dir, tour, "\nGrace\n/cancel\n");
    assert_eq!((outcome, answer), (Outcome::Ended, Some(None)));
}

#[test]
fn what_a_person_typed_cannot_give_orders_to_the_terminal() {
    let dir = TempDir::new().expect("a directory");
    let (_, output, _) = run(&dir, tour, "\n\u{1b}[2Jred\u{7}\n1\n");
    assert!(output.contains("A small one for [2Jred?"), "{output:?}");
    assert!(!output.contains('\u{1b}') && !output.contains('\u{7}'));
}

/// Two widgets, each of which asks.
#[derive(Serialize, Deserialize)]
struct Pair {
    sum: i64,
    open: u32,
}

#[component]
impl Component for Pair {
    type Answer = i64;

    fn slots(&mut self) -> Slots<Self> {
        Slots::none().asking("left", Number, Self::on_number).asking("right", Number, Self::on_number)
    }

    fn render(&self, _cx: &Context) -> View {
        Form::text(format!("{} to go", self.open)).slot("left").slot("right").into()
    }

    #[resume]
    fn on_number(&mut self, number: i64, _cx: &Context) -> Handled<Self> {
        self.sum += number;
        self.open -= 1;
        Ok(if self.open == 0 { Next::answer(self.sum) } else { Next::stay() })
    }
}

#[derive(Serialize, Deserialize)]
struct Number;

#[component]
impl Component for Number {
    type Answer = i64;

    fn render(&self, _cx: &Context) -> View {
        Form::default().input(Input::integer("number")).action(Action::new("ok")).into()
    }

    fn handle(&mut self, event: Event, _cx: &Context) -> Handled<Self> {
        Ok(Next::answer(event.integer("number").unwrap_or_default()))
    }
}

#[test]
fn of_several_questions_the_person_picks_one() {
    let dir = TempDir::new().expect("a directory");
    let (outcome, output, answer) = run(&dir, || Pair { sum: 0, open: 2 }, "9\n2\n30\n4\n");
    assert_eq!((outcome, answer), (Outcome::Ended, Some(34)), "{output}");
    assert!(output.contains("Please type one of the numbers."), "{output}");
}

#[test]
fn a_result_that_was_not_told_before_a_crash_is_told_by_the_next_run() {
    let dir = TempDir::new().expect("a directory");
    let store = FileStore::open(dir.path().join("store")).expect("a store");
    let crash = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        run_on(store, tour, |_| panic!("a crash"), Cursor::new("\n\n2\ny\n"), std::io::sink())
    }));
    assert!(crash.is_err());
    let (outcome, output, answer) = run(&dir, tour, "");
    assert!(output.starts_with("Going on with `tour`, which ended at 20"), "{output}");
    assert_eq!((outcome, answer), (Outcome::Ended, Some(Some("large for Ada".to_owned()))));
}
