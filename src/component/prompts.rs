//! The stock prompts: confirm, prompt, choose, info.

use serde::{Deserialize, Serialize};

use crate::{Action, Component, Context, Event, Failure, Form, Handled, Input, Next, View, component};

/// A yes-or-no question. Answers `true` for yes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirm {
    question: String,
}

impl Confirm {
    /// Asks this question.
    pub fn new(question: impl Into<String>) -> Self {
        Self { question: question.into() }
    }

    /// The question.
    pub fn question(&self) -> &str {
        &self.question
    }
}

#[component]
impl Component for Confirm {
    type Answer = bool;

    fn render(&self, _cx: &Context) -> View {
        let form = Form::text(&self.question);
        form.action(Action::new("yes").label("Yes")).action(Action::new("no").label("No")).into()
    }

    fn handle(&mut self, event: Event, _cx: &Context) -> Handled<Self> {
        match event.action.as_str() {
            "yes" => Ok(Next::answer(true)),
            "no" => Ok(Next::answer(false)),
            _ => Err(Failure::refuse("please answer yes or no")),
        }
    }
}

/// Asks for a line of text. Answers the text, or the default if nothing was typed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prompt {
    label: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    default: Option<String>,
}

impl Prompt {
    /// Asks for the text that this label names.
    pub fn new(label: impl Into<String>) -> Self {
        Self { label: label.into(), default: None }
    }

    /// Sets the default: the answer if nothing is typed.
    #[must_use]
    pub fn default(mut self, text: impl Into<String>) -> Self {
        self.default = Some(text.into());
        self
    }

    /// Adds a way to cancel; the answer is then an `Option`.
    #[must_use]
    pub fn or_cancel(self) -> PromptOrCancel {
        PromptOrCancel(self)
    }

    /// The label.
    pub fn label(&self) -> &str {
        &self.label
    }

    fn form(&self) -> Form {
        let mut input = Input::text("text").label(&self.label);
        input.default.clone_from(&self.default);
        Form::default().input(input).action(Action::new("ok").label("OK"))
    }

    fn read(event: &Event) -> Result<String, Failure> {
        event.text("text").map(str::to_owned).ok_or_else(|| Failure::refuse("please type something"))
    }
}

#[component]
impl Component for Prompt {
    type Answer = String;

    fn render(&self, _cx: &Context) -> View {
        self.form().into()
    }

    fn handle(&mut self, event: Event, _cx: &Context) -> Handled<Self> {
        Ok(Next::answer(Self::read(&event)?))
    }
}

/// A [`Prompt`] that can be cancelled. Answers `None` if it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromptOrCancel(Prompt);

#[component]
impl Component for PromptOrCancel {
    type Answer = Option<String>;

    fn render(&self, _cx: &Context) -> View {
        self.0.form().action(cancel()).into()
    }

    fn handle(&mut self, event: Event, _cx: &Context) -> Handled<Self> {
        Ok(Next::answer(if is_cancel(&event) { None } else { Some(Prompt::read(&event)?) }))
    }
}

/// Asks for one of several options. Answers the option.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choose {
    caption: String,
    options: Vec<String>,
}

impl Choose {
    /// Asks for one of these options. Without options it cannot be answered.
    pub fn new(caption: impl Into<String>, options: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { caption: caption.into(), options: options.into_iter().map(Into::into).collect() }
    }

    /// Adds a way to cancel; the answer is then an `Option`.
    #[must_use]
    pub fn or_cancel(self) -> ChooseOrCancel {
        ChooseOrCancel(self)
    }

    /// The caption.
    pub fn caption(&self) -> &str {
        &self.caption
    }

    /// The options.
    pub fn options(&self) -> &[String] {
        &self.options
    }

    fn form(&self) -> Form {
        let input = Input::choice("option", &self.options).label(&self.caption);
        Form::default().input(input).action(Action::new("ok").label("OK"))
    }

    fn read(&self, event: &Event) -> Result<String, Failure> {
        let chosen = event.text("option").filter(|chosen| self.options.iter().any(|option| option == chosen));
        chosen.map(str::to_owned).ok_or_else(|| Failure::refuse("please choose one of the options"))
    }
}

#[component]
impl Component for Choose {
    type Answer = String;

    fn render(&self, _cx: &Context) -> View {
        self.form().into()
    }

    fn handle(&mut self, event: Event, _cx: &Context) -> Handled<Self> {
        Ok(Next::answer(self.read(&event)?))
    }
}

/// A [`Choose`] that can be cancelled. Answers `None` if it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChooseOrCancel(Choose);

#[component]
impl Component for ChooseOrCancel {
    type Answer = Option<String>;

    fn render(&self, _cx: &Context) -> View {
        self.0.form().action(cancel()).into()
    }

    fn handle(&mut self, event: Event, _cx: &Context) -> Handled<Self> {
        Ok(Next::answer(if is_cancel(&event) { None } else { Some(self.0.read(&event)?) }))
    }
}

/// Shows a text. Answers `()` when the person has confirmed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Info {
    text: String,
}

impl Info {
    /// Shows this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into() }
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }
}

#[component]
impl Component for Info {
    type Answer = ();

    fn render(&self, _cx: &Context) -> View {
        Form::text(&self.text).action(Action::new("ok").label("OK")).into()
    }

    fn handle(&mut self, _event: Event, _cx: &Context) -> Handled<Self> {
        Ok(Next::answer(()))
    }
}

fn cancel() -> Action {
    Action::new("cancel").label("Cancel").skipping_inputs()
}

fn is_cancel(event: &Event) -> bool {
    event.action == "cancel"
}
