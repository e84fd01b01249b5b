//! What a person is shown, and what comes back.
//!
//! A component renders a [`View`]. Its portable form, [`Form`], says what any front needs: the text, the inputs with
//! their kinds and choices, the actions. A front shows it (as lines of a terminal, as a page, as JSON), collects raw
//! text, and [`Form::read`] turns that into an [`Event`], or refuses it with a reason that may be shown as it is.
//! An author who wants full control of a page renders [`View::Html`] instead.
//! Nothing here knows a front.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// What one instance shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum View {
    /// A portable form: every front can show it.
    Form(Form),
    /// Markup written by the author, for fronts that show pages. It is not escaped or checked.
    Html(String),
}

impl View {
    /// A form that shows this text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Form(Form::text(text))
    }

    /// The portable form, if this is one.
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
    /// What the person may fill in.
    pub inputs: Vec<Input>,
    /// What the person may do. A form without an action asks nothing.
    pub actions: Vec<Action>,
    /// The child slots of the instance that are shown below its text, by name.
    pub slots: Vec<String>,
}

impl Form {
    /// A form that shows this paragraph.
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

    /// Turns what a person sent into an [`Event`].
    ///
    /// White space around a value is cut off, except of [`InputKind::Secret`]. A value that is missing or empty
    /// becomes the default of its input.
    ///
    /// # Errors
    ///
    /// The action is not one of the form's; a name is not one of its inputs or comes twice; a required value is
    /// missing; a value is not of its input's kind, out of range or not among the choices. The text of the error is
    /// for the person who sent it and never repeats the value.
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

/// One value that a person may fill in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// The name under which the value arrives in the [`Event`].
    pub name: String,
    /// What to call it on the screen.
    pub label: String,
    /// What may be filled in.
    pub kind: InputKind,
    /// Whether it must be filled in. True unless [`optional`](Self::optional).
    pub required: bool,
    /// What an empty field means, as the person would type it.
    pub default: Option<String>,
}

/// What may be filled into an [`Input`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum InputKind {
    /// Text of at most this many characters.
    Text {
        /// The limit.
        max_chars: usize,
    },
    /// Text that is not shown while it is typed, and kept as it is, white space too.
    Secret,
    /// A whole number in this range, both ends included.
    Integer {
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
    },
    /// Any finite decimal number.
    Number,
    /// Yes or no.
    Boolean,
    /// One of these. A person may send the choice itself or its number, counted from 1.
    Choice(Vec<String>),
}

/// The most characters of a text input, unless the author sets another limit.
pub const DEFAULT_MAX_CHARS: usize = 4096;

impl Input {
    fn new(name: impl Into<String>, kind: InputKind) -> Self {
        let name = name.into();
        Self { label: name.clone(), name, kind, required: true, default: None }
    }

    /// A line of text, at most [`DEFAULT_MAX_CHARS`] long.
    pub fn text(name: impl Into<String>) -> Self {
        Self::new(name, InputKind::Text { max_chars: DEFAULT_MAX_CHARS })
    }

    /// Text that is not shown.
    pub fn secret(name: impl Into<String>) -> Self {
        Self::new(name, InputKind::Secret)
    }

    /// A whole number.
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

    /// One of these.
    pub fn choice(name: impl Into<String>, choices: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::new(name, InputKind::Choice(choices.into_iter().map(Into::into).collect()))
    }

    /// What to call it on the screen; its name unless set.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// May be left empty: then the event has no value of this name.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.required = false;
        self
    }

    /// What an empty field means, as the person would type it.
    #[must_use]
    pub fn default(mut self, value: impl Into<String>) -> Self {
        self.default = Some(value.into());
        self
    }

    /// Makes it a whole number from `min` to `max`, both included.
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

/// One thing that a person may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// The name that the [`Event`] carries.
    pub name: String,
    /// What to call it on the screen.
    pub label: String,
    /// Whether the inputs are left unread, as by a "cancel".
    pub skips_inputs: bool,
}

impl Action {
    /// An action that is called as it is named.
    pub fn new(name: impl Into<String>) -> Self {
        let name = name.into();
        Self { label: name.clone(), name, skips_inputs: false }
    }

    /// What to call it on the screen; its name unless set.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Leaves the inputs unread: they may be empty or wrong.
    #[must_use]
    pub fn skipping_inputs(mut self) -> Self {
        self.skips_inputs = true;
        self
    }
}

/// One value that a person sent, checked against its [`Input`].
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// Of [`InputKind::Boolean`].
    Boolean(bool),
    /// Of [`InputKind::Integer`].
    Integer(i64),
    /// Of [`InputKind::Number`].
    Number(f64),
    /// Of [`InputKind::Text`], [`InputKind::Secret`] and [`InputKind::Choice`].
    Text(String),
}

/// Names the kind and keeps the value to itself, so that no answer reaches a log.
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

/// What a person did: an action, and the values of the inputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The name of the action.
    pub action: String,
    /// The values, by the names of their inputs.
    pub values: BTreeMap<String, Value>,
}

impl Event {
    /// An event of this action, without values.
    pub fn new(action: impl Into<String>) -> Self {
        Self { action: action.into(), values: BTreeMap::new() }
    }

    /// Adds a value.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: Value) -> Self {
        self.values.insert(name.into(), value);
        self
    }

    /// The text of this name, if there is one.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.values.get(name)? {
            Value::Text(text) => Some(text),
            Value::Boolean(_) | Value::Integer(_) | Value::Number(_) => None,
        }
    }

    /// The whole number of this name, if there is one.
    pub fn integer(&self, name: &str) -> Option<i64> {
        match self.values.get(name)? {
            Value::Integer(number) => Some(*number),
            Value::Boolean(_) | Value::Number(_) | Value::Text(_) => None,
        }
    }

    /// The number of this name, if there is one.
    pub fn number(&self, name: &str) -> Option<f64> {
        match self.values.get(name)? {
            Value::Number(number) => Some(*number),
            Value::Boolean(_) | Value::Integer(_) | Value::Text(_) => None,
        }
    }

    /// The yes or no of this name, if there is one.
    pub fn boolean(&self, name: &str) -> Option<bool> {
        match self.values.get(name)? {
            Value::Boolean(yes) => Some(*yes),
            Value::Integer(_) | Value::Number(_) | Value::Text(_) => None,
        }
    }
}

/// Why an input was not taken, in words for the person who sent it. The question stays as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(String);

impl Refusal {
    /// Refuses with this reason, which is shown to the person as it is.
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
