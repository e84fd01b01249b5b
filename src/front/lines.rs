//! Questions as text, and lines as answers: a dialog over lines, without any input or output of its own.
//!
//! A [`Dialog`] takes the questions that a conversation shows. The caller writes [`take_output`](Dialog::take_output),
//! reads a line, passes it to [`enter`](Dialog::enter), and so on until that returns the event to send. So a terminal,
//! a socket and a chat use the same dialog, and a server holds one for each of its users without a thread for each.
//!
//! ```text
//! Which room?
//!   1. garden
//!   2. tower
//! Room: 2
//! ```
//!
//! The output contains no control characters except line breaks and tabs: text that a person typed into an earlier
//! question can appear in it, and a terminal would obey them.

use std::fmt::Write as _;

use crate::front::session::refused;
use crate::model::id::Turn;
use crate::model::view::{Action, Event, Form, Input, InputKind, View};
use crate::runtime::Question;

/// A dialog over lines that leads to one event.
#[derive(Debug)]
pub struct Dialog {
    /// The questions that can be answered.
    open: Vec<Question>,
    state: State,
    output: String,
}

/// The meaning of the next line.
#[derive(Debug)]
enum State {
    /// Nothing: no question asks anything, or the dialog is over.
    Nothing,
    /// The number of a question.
    Pick,
    /// The name of an action of a view that is not a form.
    Action { question: usize },
    /// An input of a form. Its predecessors have these values.
    Input { question: usize, values: Vec<(String, String)> },
    /// One of several actions, after the inputs.
    Decide { question: usize, values: Vec<(String, String)> },
    /// Any line: the form has one action and no inputs.
    Confirm { question: usize, action: String },
}

impl Dialog {
    /// Begins a dialog. The output then has the views and the first prompt.
    pub fn new(questions: Vec<Question>) -> Self {
        let mut dialog = Self { open: Vec::new(), state: State::Nothing, output: String::new() };
        dialog.line("");
        for question in &questions {
            write_view(&mut dialog.output, &question.view);
        }
        dialog.open = questions.into_iter().filter(|question| asks(&question.view)).collect();
        match dialog.open.len() {
            0 => {}
            1 => dialog.begin(0),
            _ => dialog.pick(),
        }
        dialog
    }

    /// Whether a line can lead to an event: some question has an action.
    pub fn asks(&self) -> bool {
        !self.open.is_empty()
    }

    /// The text to write since the last call. If the dialog [asks](Self::asks), it ends with a prompt, without a line
    /// break.
    pub fn take_output(&mut self) -> String {
        std::mem::take(&mut self.output)
    }

    /// Takes a line without its line break. Returns the event to send once the line completes one, with the turn of its
    /// question; then the dialog is over. Returns `None` while more lines are needed.
    pub fn enter(&mut self, line: &str) -> Option<(Turn, Event)> {
        match std::mem::replace(&mut self.state, State::Nothing) {
            State::Nothing => None,
            State::Pick => {
                match line.trim().parse::<usize>().ok().and_then(|number| number.checked_sub(1)) {
                    Some(question) if question < self.open.len() => self.begin(question),
                    Some(_) | None => {
                        self.line("Please type one of the numbers.");
                        self.prompt_for(State::Pick, PICK);
                    }
                }
                None
            }
            State::Action { question } => Some((self.open[question].turn, Event::new(line.trim()))),
            State::Input { question, values } => self.enter_input(question, values, line),
            State::Decide { question, values } => match decide(self.form(question), line) {
                Some(action) => self.read(question, &action, &values),
                None => {
                    self.line("Please type one of these.");
                    self.ask_for_action(question, values);
                    None
                }
            },
            State::Confirm { question, action } => self.read(question, &action, &[]),
        }
    }

    fn pick(&mut self) {
        let names: Vec<_> = self.open.iter().map(|question| question.component.clone()).collect();
        for (index, name) in names.iter().enumerate() {
            self.line(&format!("  {}. {name}", index + 1));
        }
        self.prompt_for(State::Pick, PICK);
    }

    /// Begins to ask one of the questions.
    fn begin(&mut self, question: usize) {
        let View::Form(form) = &self.open[question].view else {
            return self.prompt_for(State::Action { question }, "Action");
        };
        let ways_out: Vec<_> = form
            .actions
            .iter()
            .filter(|action| action.skips_inputs)
            .map(|action| format!("/{}", action.name))
            .collect();
        match form.inputs.is_empty() {
            true => self.ask_for_action(question, Vec::new()),
            false => {
                if !ways_out.is_empty() {
                    self.line(&format!("({} to leave)", ways_out.join(" or ")));
                }
                self.ask_for_input(question, Vec::new());
            }
        }
    }

    /// Asks for the input after those that have values.
    fn ask_for_input(&mut self, question: usize, values: Vec<(String, String)>) {
        let input = &self.form(question).inputs[values.len()];
        let (prompt, kind) = (prompt(input), input.kind.clone());
        if let InputKind::Choice(choices) = kind {
            for (index, choice) in choices.iter().enumerate() {
                self.line(&format!("  {}. {choice}", index + 1));
            }
        }
        self.prompt_for(State::Input { question, values }, &prompt);
    }

    fn enter_input(&mut self, question: usize, mut values: Vec<(String, String)>, line: &str) -> Option<(Turn, Event)> {
        let form = self.form(question);
        let left = form
            .actions
            .iter()
            .find(|action| action.skips_inputs && line.trim().strip_prefix('/') == Some(&action.name));
        if let Some(action) = left {
            let action = action.name.clone();
            return self.read(question, &action, &[]);
        }
        values.push((form.inputs[values.len()].name.clone(), line.to_owned()));
        if values.len() < form.inputs.len() {
            self.ask_for_input(question, values);
            return None;
        }
        let mut actions = form.actions.iter().filter(|action| !action.skips_inputs);
        match (actions.next(), actions.next()) {
            (Some(_), Some(_)) => {
                self.ask_for_action(question, values);
                None
            }
            // With something filled in, one action is what is meant.
            (Some(only), None) => {
                let action = only.name.clone();
                self.read(question, &action, &values)
            }
            (None, _) => {
                let action = form.actions.first().map(|action| action.name.clone()).unwrap_or_default();
                self.read(question, &action, &values)
            }
        }
    }

    /// Asks for one of the actions.
    fn ask_for_action(&mut self, question: usize, values: Vec<(String, String)>) {
        let form = self.form(question);
        let labels: Vec<_> = offered(form).map(|action| action.label.clone()).collect();
        match form.actions.as_slice() {
            [only] if form.inputs.is_empty() => {
                let action = only.name.clone();
                self.prompt_for(State::Confirm { question, action }, &format!("{}, press Enter", labels[0]));
            }
            _ => self.prompt_for(State::Decide { question, values }, &labels.join(" / ")),
        }
    }

    /// Reads a filled form. Begins again with the reason if it does not fit.
    fn read(&mut self, question: usize, action: &str, values: &[(String, String)]) -> Option<(Turn, Event)> {
        let values: Vec<_> = values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        match self.form(question).read(action, &values) {
            Ok(event) => Some((self.open[question].turn, event)),
            Err(reason) => {
                self.line(&refused(&reason.to_string()));
                self.begin(question);
                None
            }
        }
    }

    fn form(&self, question: usize) -> &Form {
        match &self.open[question].view {
            View::Form(form) => form,
            View::Html(_) => unreachable!("BUG: only a form is filled in"),
        }
    }

    fn line(&mut self, text: &str) {
        write_line(&mut self.output, text);
    }

    fn prompt_for(&mut self, state: State, prompt: &str) {
        let _ = write!(self.output, "{}: ", printable(prompt));
        self.state = state;
    }
}

const PICK: &str = "Which of them do you answer?";

/// A view as lines of text, without its inputs and actions.
pub fn text(view: &View) -> String {
    let mut text = String::new();
    write_view(&mut text, view);
    text
}

fn write_view(output: &mut String, view: &View) {
    match view {
        View::Form(form) => form.text.iter().for_each(|paragraph| write_line(output, paragraph)),
        View::Html(html) => write_line(output, html),
    }
}

fn write_line(output: &mut String, text: &str) {
    output.extend([printable(text).as_str(), "\n"]);
}

fn asks(view: &View) -> bool {
    match view {
        View::Form(form) => !form.actions.is_empty(),
        View::Html(_) => true,
    }
}

/// The actions that are offered once the inputs are filled in; all of them if there are no inputs.
fn offered(form: &Form) -> impl Iterator<Item = &Action> {
    form.actions.iter().filter(|action| form.inputs.is_empty() || !action.skips_inputs)
}

/// The action that a line names: by its label, its name, or a beginning of the label that no other label has.
fn decide(form: &Form, line: &str) -> Option<String> {
    let line = line.trim().to_lowercase();
    let mut named = offered(form).filter(|action| action.label.to_lowercase() == line || action.name == line);
    if let Some(action) = named.next() {
        return Some(action.name.clone());
    }
    let mut begun = offered(form).filter(|action| !line.is_empty() && action.label.to_lowercase().starts_with(&line));
    match (begun.next(), begun.next()) {
        (Some(action), None) => Some(action.name.clone()),
        (Some(_), Some(_)) | (None, _) => None,
    }
}

fn prompt(input: &Input) -> String {
    let kind = match &input.kind {
        InputKind::Boolean => " (yes or no)".to_owned(),
        InputKind::Integer { min, max } if (*min, *max) != (i64::MIN, i64::MAX) => format!(" ({min} to {max})"),
        InputKind::Integer { .. }
        | InputKind::Text { .. }
        | InputKind::Secret
        | InputKind::Number
        | InputKind::Choice(_) => String::new(),
    };
    let default = input.default.as_ref().map(|default| format!(" [{default}]"));
    format!("{}{kind}{}", input.label, default.unwrap_or_default())
}

/// The text without the control characters that a terminal would obey.
pub(crate) fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || *c == '\n' || *c == '\t').collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::id::InstanceId;
    use crate::model::view::Value;

    fn question(number: u64, view: impl Into<View>) -> Question {
        Question {
            turn: Turn { instance: InstanceId::new(number), number: 0 },
            component: format!("question_{number}"),
            view: view.into(),
        }
    }

    fn meal() -> Form {
        Form::text("What do you eat?")
            .input(Input::choice("dish", ["soup", "cake"]).label("Dish"))
            .input(Input::integer("plates").between(1, 9).label("Plates"))
            .action(Action::new("order").label("Order"))
            .action(Action::new("later").label("Order later"))
            .action(Action::new("leave").label("Leave").skipping_inputs())
    }

    /// Enters lines that complete nothing, and gives what is written after each.
    fn written(dialog: &mut Dialog, lines: &[&str]) -> Vec<String> {
        let enter = |line: &&str| {
            assert_eq!(dialog.enter(line), None, "{line:?}");
            dialog.take_output()
        };
        lines.iter().map(enter).collect()
    }

    #[test]
    fn a_form_is_asked_input_by_input_and_again_if_it_does_not_fit() {
        let mut dialog = Dialog::new(vec![question(1, meal())]);
        assert!(dialog.asks());
        assert_eq!(dialog.take_output(), "\nWhat do you eat?\n(/leave to leave)\n  1. soup\n  2. cake\nDish: ");
        let actions = "Order / Order later: ";
        assert_eq!(
            written(&mut dialog, &["2", "3", "o", ""]),
            [
                "Plates (1 to 9): ",
                actions,
                &format!("Please type one of these.\n{actions}"),
                &format!("Please type one of these.\n{actions}")
            ]
        );
        let (turn, event) = dialog.enter("order").expect("a whole form");
        assert_eq!((turn.to_string().as_str(), event.action.as_str()), ("i1.0", "order"));
        assert_eq!((event.text("dish"), event.integer("plates")), (Some("cake"), Some(3)));
        assert_eq!((dialog.enter("order"), dialog.take_output().as_str()), (None, ""), "it is over");

        let mut dialog = Dialog::new(vec![question(1, meal())]);
        let begun = dialog.take_output().replace("\nWhat do you eat?\n", "");
        let [_, _, again] = &*written(&mut dialog, &["pie", "3", "order later"]) else { panic!("three lines") };
        assert_eq!(*again, format!("That does not fit: Dish must be one of the choices.\n{begun}"));
        assert_eq!(dialog.enter(" /leave ").expect("a way out").1, Event::new("leave"));
    }

    #[test]
    fn one_of_several_questions_is_picked_and_those_that_ask_nothing_are_only_shown() {
        let silent = Form::text("Welcome.");
        let number = Form::default().input(Input::number("n").label("How much")).action(Action::new("ok"));
        let mut dialog = Dialog::new(vec![
            question(1, silent.clone()),
            question(2, number),
            question(3, View::Html("<b>hello</b>".into())),
        ]);
        let prompt = "Which of them do you answer?: ";
        let list = "  1. question_2\n  2. question_3\n";
        assert_eq!(dialog.take_output(), format!("\nWelcome.\n<b>hello</b>\n{list}{prompt}"));
        let again = format!("Please type one of the numbers.\n{prompt}");
        assert_eq!(written(&mut dialog, &["0", "3", "two", "2"]), [&again, &again, &again, "Action: "]);
        let (turn, event) = dialog.enter(" wave ").expect("an action");
        assert_eq!((turn.instance, event), (InstanceId::new(3), Event::new("wave")));

        let mut nothing = Dialog::new(vec![question(1, silent)]);
        assert!(!nothing.asks());
        assert_eq!((nothing.take_output().as_str(), nothing.enter("hello")), ("\nWelcome.\n", None));
    }

    #[test]
    fn dialogs_of_several_persons_do_not_know_each_other() {
        let form = Form::default().input(Input::text("text").label("Name")).action(Action::new("ok"));
        let mut dialogs: Vec<_> = (1..=100).map(|number| Dialog::new(vec![question(number, form.clone())])).collect();
        assert!(dialogs.iter_mut().all(|dialog| dialog.take_output() == "\nName: "));
        for (index, dialog) in dialogs.iter_mut().enumerate().rev() {
            let (turn, event) = dialog.enter(&index.to_string()).expect("a whole form");
            assert_eq!(turn.instance, InstanceId::new(index as u64 + 1));
            assert_eq!(event.values["text"], Value::Text(index.to_string()));
        }
    }
}
