//! Views and events: what a person sees, and what they send.
//!
//! A component renders a [`View`]. A [`Form`] is a portable view, which every front can show: text, inputs with their kinds
//! and choices, actions. The front shows it as terminal lines, as a page or as JSON, and collects raw text. [`Form::read`]
//! validates that text and returns an [`Event`], or a [`Refusal`] whose text may be shown to the person. An author who wants
//! full control of a page renders [`View::Html`] instead. Nothing here depends on a front.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// What one instance of a component shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum View {
    /// A portable form, which every front can show.
    Form(Form),
    /// HTML written by the author, for fronts that show pages. It is neither escaped nor checked.
    Html(String),
}

impl View {
    /// A form that shows this text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Form(Form::text(text))
    }

    /// The form, if the view is one.
    pub fn form(&self) -> Option<&Form> {
        match self {
            Self::Form(form) => Some(form),
            Self::Html(_) => None,
        }
    }
}

/// An empty form.
impl Default for View {
    fn default() -> Self {
        Self::Form(Form::default())
    }
}

impl From<Form> for View {
    fn from(form: Form) -> Self {
        Self::Form(form)
    }
}

/// Text, inputs and actions: a question that any front can show.
///
/// ```
/// use stube::{Action, Form, Input};
///
/// let form = Form::text("How many nights?").input(Input::integer("nights").between(1, 30)).action(Action::new("ok"));
/// let event = form.read("ok", &[("nights", " 4 ")]).unwrap();
/// assert_eq!(event.integer("nights"), Some(4));
/// assert_eq!(form.read("ok", &[("nights", "40")]).unwrap_err().to_string(), "nights must be at most 30");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Form {
    /// Paragraphs, from top to bottom.
    pub text: Vec<String>,
    /// The fields that the person may fill in.
    pub inputs: Vec<Input>,
    /// The actions that the person may choose. A form without actions asks nothing.
    pub actions: Vec<Action>,
    /// The names of the child slots of the instance that are shown below its text.
    pub slots: Vec<String>,
}

impl Form {
    /// A form with this paragraph.
    pub fn text(text: impl Into<String>) -> Self {
        Self::default().paragraph(text)
    }

    /// Adds a paragraph.
    #[must_use]
    pub fn paragraph(mut self, text: impl Into<String>) -> Self {
        self.text.push(text.into());
        self
    }

    /// Adds an input.
    #[must_use]
    pub fn input(mut self, input: Input) -> Self {
        self.inputs.push(input);
        self
    }

    /// Adds an action.
    #[must_use]
    pub fn action(mut self, action: Action) -> Self {
        self.actions.push(action);
        self
    }

    /// Shows the child slot of this name below the text.
    #[must_use]
    pub fn slot(mut self, name: impl Into<String>) -> Self {
        self.slots.push(name.into());
        self
    }

    /// Validates what a person sent, and returns it as an [`Event`].
    ///
    /// Surrounding white space is removed from each value, except for [`InputKind::Secret`]. A missing or empty value
    /// becomes the default of its input.
    ///
    /// # Errors
    ///
    /// - The form has no such action.
    /// - A name is not one of the form's inputs, or occurs twice.
    /// - A required value is missing.
    /// - A value is not of its input's kind, out of range, or not one of the choices.
    ///
    /// The text of the error is meant for the person, and never repeats the value.
    pub fn read(&self, action: &str, raw: &[(&str, &str)]) -> Result<Event, Refusal> {
        let action =
            self.actions.iter().find(|a| a.name == action).ok_or(Refusal::new("this is not one of the actions"))?;
        let mut given = BTreeMap::new();
        for &(name, value) in raw {
            if !self.inputs.iter().any(|input| input.name == name) {
                return Err(Refusal::new("a value was sent that the question does not ask for"));
            }
            if given.insert(name, value).is_some() {
                return Err(Refusal::new(format!("{name} was sent twice")));
            }
        }
        let mut event = Event::new(&action.name);
        if action.skips_inputs {
            return Ok(event);
        }
        for input in &self.inputs {
            if let Some(value) = input.read(given.get(input.name.as_str()).copied())? {
                event.values.insert(input.name.clone(), value);
            }
        }
        Ok(event)
    }
}

/// A field that a person may fill in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// The name of the value in the [`Event`].
    pub name: String,
    /// The name on the screen.
    pub label: String,
    /// Which values are valid.
    pub kind: InputKind,
    /// Whether a value is required. True unless [`optional`](Self::optional).
    pub required: bool,
    /// The value of an empty field, as the person would type it.
    pub default: Option<String>,
}

/// Which values of an [`Input`] are valid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum InputKind {
    /// Text of at most this many characters.
    Text {
        /// The maximal number of characters.
        max_chars: usize,
    },
    /// Text that is not shown while it is typed. Its white space is kept.
    Secret,
    /// An integer in this range, both ends included.
    Integer {
        /// The minimum.
        min: i64,
        /// The maximum.
        max: i64,
    },
    /// A finite decimal number.
    Number,
    /// Yes or no.
    Boolean,
    /// One of these choices. A person may send the choice itself or its number, counted from 1.
    Choice(Vec<String>),
}

/// The maximal number of characters of a text input, unless the author sets another limit.
pub const DEFAULT_MAX_CHARS: usize = 4096;

impl Input {
    fn new(name: impl Into<String>, kind: InputKind) -> Self {
        let name = name.into();
        Self { label: name.clone(), name, kind, required: true, default: None }
    }

    /// A line of text of at most [`DEFAULT_MAX_CHARS`] characters.
    pub fn text(name: impl Into<String>) -> Self {
        Self::new(name, InputKind::Text { max_chars: DEFAULT_MAX_CHARS })
    }

    /// Text that is not shown while it is typed.
    pub fn secret(name: impl Into<String>) -> Self {
        Self::new(name, InputKind::Secret)
    }

    /// An integer; see [`between`](Self::between) for a range.
    pub fn integer(name: impl Into<String>) -> Self {
        Self::new(name, InputKind::Integer { min: i64::MIN, max: i64::MAX })
    }

    /// A finite decimal number.
    pub fn number(name: impl Into<String>) -> Self {
        Self::new(name, InputKind::Number)
    }

    /// Yes or no.
    pub fn boolean(name: impl Into<String>) -> Self {
        Self::new(name, InputKind::Boolean)
    }

    /// One of these choices.
    pub fn choice(name: impl Into<String>, choices: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::new(name, InputKind::Choice(choices.into_iter().map(Into::into).collect()))
    }

    /// Sets the name on the screen, which is otherwise the name of the input.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Allows an empty field: then the event has no value of this name.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.required = false;
        self
    }

    /// Sets the value of an empty field, as the person would type it.
    #[must_use]
    pub fn default(mut self, value: impl Into<String>) -> Self {
        self.default = Some(value.into());
        self
    }

    /// Makes it an integer from `min` to `max`, both included.
    #[must_use]
    pub fn between(mut self, min: i64, max: i64) -> Self {
        self.kind = InputKind::Integer { min, max };
        self
    }

    fn read(&self, raw: Option<&str>) -> Result<Option<Value>, Refusal> {
        let trims = !matches!(self.kind, InputKind::Secret);
        let raw = raw.map(|raw| if trims { raw.trim() } else { raw }).filter(|raw| !raw.is_empty());
        let Some(raw) = raw.or(self.default.as_deref()) else {
            return if self.required { Err(Refusal::new(format!("{} is missing", self.label))) } else { Ok(None) };
        };
        let must = |what: String| Refusal::new(format!("{} must be {what}", self.label));
        let value = match &self.kind {
            InputKind::Text { max_chars } => {
                if raw.chars().count() > *max_chars {
                    return Err(must(format!("at most {max_chars} characters long")));
                }
                Value::Text(raw.to_owned())
            }
            InputKind::Secret => Value::Text(raw.to_owned()),
            InputKind::Integer { min, max } => {
                let number: i64 = raw.parse().map_err(|_| must("a whole number".to_owned()))?;
                if number < *min {
                    return Err(must(format!("at least {min}")));
                }
                if number > *max {
                    return Err(must(format!("at most {max}")));
                }
                Value::Integer(number)
            }
            InputKind::Number => {
                let number = raw.parse().ok().filter(|number: &f64| number.is_finite());
                Value::Number(number.ok_or_else(|| must("a number".to_owned()))?)
            }
            InputKind::Boolean => match raw.to_ascii_lowercase().as_str() {
                "yes" | "y" | "true" | "on" | "1" => Value::Boolean(true),
                "no" | "n" | "false" | "off" | "0" => Value::Boolean(false),
                _ => return Err(must("yes or no".to_owned())),
            },
            InputKind::Choice(choices) => {
                let by_name = choices.iter().find(|choice| *choice == raw);
                let by_number = || choices.get(raw.parse::<usize>().ok()?.checked_sub(1)?);
                let choice = by_name.or_else(by_number);
                Value::Text(choice.ok_or_else(|| must("one of the choices".to_owned()))?.clone())
            }
        };
        Ok(Some(value))
    }
}

/// An action that a person may choose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// The name of the action in the [`Event`].
    pub name: String,
    /// The name on the screen.
    pub label: String,
    /// Whether the inputs are ignored, as for "cancel".
    pub skips_inputs: bool,
}

impl Action {
    /// An action whose label is its name.
    pub fn new(name: impl Into<String>) -> Self {
        let name = name.into();
        Self { label: name.clone(), name, skips_inputs: false }
    }

    /// Sets the name on the screen, which is otherwise the name of the action.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Ignores the inputs: they may be empty or invalid.
    #[must_use]
    pub fn skipping_inputs(mut self) -> Self {
        self.skips_inputs = true;
        self
    }
}

/// A value that a person sent, validated against its [`Input`].
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// A value of [`InputKind::Boolean`].
    Boolean(bool),
    /// A value of [`InputKind::Integer`].
    Integer(i64),
    /// A value of [`InputKind::Number`].
    Number(f64),
    /// A value of [`InputKind::Text`], [`InputKind::Secret`] or [`InputKind::Choice`].
    Text(String),
}

/// Only the kind, so that no answer reaches a log.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Boolean(_) => "Boolean(..)",
            Self::Integer(_) => "Integer(..)",
            Self::Number(_) => "Number(..)",
            Self::Text(_) => "Text(..)",
        })
    }
}

/// What a person sent: an action, and the values of the inputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The name of the action.
    pub action: String,
    /// The values by the names of their inputs.
    pub values: BTreeMap<String, Value>,
}

impl Event {
    /// An event with this action and no values.
    pub fn new(action: impl Into<String>) -> Self {
        Self { action: action.into(), values: BTreeMap::new() }
    }

    /// Adds a value.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: Value) -> Self {
        self.values.insert(name.into(), value);
        self
    }

    /// The value of this name, if there is one and it is a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.values.get(name)? {
            Value::Text(text) => Some(text),
            Value::Boolean(_) | Value::Integer(_) | Value::Number(_) => None,
        }
    }

    /// The value of this name, if there is one and it is an integer.
    pub fn integer(&self, name: &str) -> Option<i64> {
        match self.values.get(name)? {
            Value::Integer(number) => Some(*number),
            Value::Boolean(_) | Value::Number(_) | Value::Text(_) => None,
        }
    }

    /// The value of this name, if there is one and it is a decimal number (not an integer).
    pub fn number(&self, name: &str) -> Option<f64> {
        match self.values.get(name)? {
            Value::Number(number) => Some(*number),
            Value::Boolean(_) | Value::Integer(_) | Value::Text(_) => None,
        }
    }

    /// The value of this name, if there is one and it is a boolean.
    pub fn boolean(&self, name: &str) -> Option<bool> {
        match self.values.get(name)? {
            Value::Boolean(yes) => Some(*yes),
            Value::Integer(_) | Value::Number(_) | Value::Text(_) => None,
        }
    }
}

/// The reason why an input is not accepted, as text for the person who sent it. The question stays open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(String);

impl Refusal {
    /// A refusal with this reason, which is shown to the person unchanged.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form() -> Form {
        Form::text("All kinds")
            .input(Input::text("name").default("Ada"))
            .input(Input::integer("nights").between(1, 30).label("Nights"))
            .input(Input::boolean("breakfast").optional())
            .input(Input::choice("room", ["blue", "red"]).optional())
            .input(Input::number("price").optional())
            .action(Action::new("ok"))
            .action(Action::new("cancel").skipping_inputs())
    }

    #[track_caller]
    fn refused(action: &str, raw: &[(&str, &str)], reason: &str) {
        assert_eq!(form().read(action, raw).expect_err("refused").to_string(), reason);
    }

    #[test]
    fn input_that_fits_becomes_an_event() {
        let raw = [("nights", "4"), ("breakfast", "Yes"), ("room", "2"), ("price", "1.5")];
        let event = form().read("ok", &raw).expect("it fits");
        assert_eq!(event.text("name"), Some("Ada"), "the default");
        assert_eq!(event.integer("nights"), Some(4));
        assert_eq!(event.boolean("breakfast"), Some(true));
        assert_eq!(event.text("room"), Some("red"), "by its number");
        assert_eq!(event.number("price"), Some(1.5));
    }

    #[test]
    fn a_cancel_reads_no_inputs() {
        assert_eq!(form().read("cancel", &[]), Ok(Event::new("cancel")));
    }

    #[test]
    fn input_that_does_not_fit_is_refused_with_the_reason() {
        refused("sell", &[], "this is not one of the actions");
        refused("ok", &[], "Nights is missing");
        refused("ok", &[("nights", "   ")], "Nights is missing");
        refused("ok", &[("nights", "four")], "Nights must be a whole number");
        refused("ok", &[("nights", "0")], "Nights must be at least 1");
        refused("ok", &[("nights", "31")], "Nights must be at most 30");
        refused("ok", &[("nights", "1"), ("nights", "2")], "nights was sent twice");
        refused("ok", &[("nights", "1"), ("admin", "1")], "a value was sent that the question does not ask for");
        refused("ok", &[("nights", "1"), ("breakfast", "perhaps")], "breakfast must be yes or no");
        refused("ok", &[("nights", "1"), ("room", "3")], "room must be one of the choices");
        refused("ok", &[("nights", "1"), ("price", "NaN")], "price must be a number");
        refused("ok", &[("nights", "1"), ("name", &"x".repeat(4097))], "name must be at most 4096 characters long");
    }

    #[test]
    fn an_event_reads_back_as_it_was_and_hides_its_values() {
        let event = form().read("ok", &[("nights", "4"), ("name", "hunter2")]).expect("it fits");
        let text = serde_json::to_string(&event).expect("an event is JSON");
        assert_eq!(serde_json::from_str::<Event>(&text).expect("what was written"), event);
        assert!(!format!("{event:?}").contains("hunter2"));
    }
}
