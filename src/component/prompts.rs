//! The stock questions: confirm, prompt, choose, info.

use serde::{Deserialize, Serialize};

use crate::{Action, Component, Context, Event, Failure, Form, Handled, Input, Next, View, component};

/// Yes or no. Answers `true` for yes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirm {
    question: String,
}

impl Confirm {
    /// Asks this.
    pub fn new(question: impl Into<String>) -> Self {
        Self { question: question.into() }
    }

    /// What it asks.
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

/// A line of text. Answers what was typed, or the default if that was left as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prompt {
    label: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    default: Option<String>,
}

impl Prompt {
    /// Asks for this.
    pub fn new(label: impl Into<String>) -> Self {
        Self { label: label.into(), default: None }
    }

    /// What is answered if nothing is typed.
    #[must_use]
    pub fn default(mut self, text: impl Into<String>) -> Self {
        self.default = Some(text.into());
        self
    }

    /// Lets the person cancel; then the answer is `None`.
    #[must_use]
    pub fn or_cancel(self) -> PromptOrCancel {
        PromptOrCancel(self)
    }

    /// What it asks for.
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

/// A [`Prompt`] that may be cancelled: answers `None` then.
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

/// One of several options. Answers the option.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choose {
    caption: String,
    options: Vec<String>,
}

impl Choose {
    /// Asks which of the options. Without any, nobody can answer.
    pub fn new(caption: impl Into<String>, options: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { caption: caption.into(), options: options.into_iter().map(Into::into).collect() }
    }

    /// Lets the person cancel; then the answer is `None`.
    #[must_use]
    pub fn or_cancel(self) -> ChooseOrCancel {
        ChooseOrCancel(self)
    }

    /// What it asks.
    pub fn caption(&self) -> &str {
        &self.caption
    }

    /// What may be chosen.
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

/// A [`Choose`] that may be cancelled: answers `None` then.
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

/// Something to read. Answers once the person has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Info {
    text: String,
}

impl Info {
    /// Shows this.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into() }
    }

    /// What it shows.
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
