//! The front for a terminal: shows the view, reads a line, goes on.
//!
//! [`run`] opens a store, goes on with the unfinished conversation in it, or starts one, and talks until the
//! conversation ends or the input does. It works by hand and piped: each line is one answer, and at the end of the
//! input the conversation stays parked.
//!
//! ```text
//! Going on with `booking`, which waits for `pick_room` since 2026-11-23T09:31:07.412Z.
//!
//! Which room?
//!   1. garden
//!   2. tower
//! Room: 2
//! ```
//!
//! What a person typed into an earlier question may be shown again, so control characters are cut out of all that is
//! written.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the front reads lines, writes them, and runs the runtime"
)]

use std::io::{self, BufRead, Write};

use crate::component::{Answer, Component};
use crate::model::id::ConversationId;
use crate::model::view::{Action, Event, Form, Input, InputKind, View};
use crate::record;
use crate::runtime::error::{Error, ErrorKind};
use crate::runtime::{Question, Reply, Retention, Runtime};
use crate::store::{Query, Store};

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The conversation ended.
    Ended,
    /// The input ended, and the conversation waits for the next run.
    Parked(ConversationId),
}

/// Why a run stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TerminalError {
    /// The runtime could not go on. What was acknowledged is stored.
    #[error(transparent)]
    Runtime(#[from] Error),
    /// The terminal could not be read or written. What was acknowledged is stored.
    #[error("the terminal failed: {0}")]
    Io(#[from] io::Error),
    /// The conversation ended with a result that this program cannot read.
    #[error("the result of the conversation does not fit this program")]
    Result,
}

/// Talks over standard input and output. `finish` is given the answer of the conversation when it has ended; then the
/// conversation is forgotten. A crash in between makes `finish` run again at the next start.
///
/// # Errors
///
/// The store cannot be used, author code fails, or the terminal does.
pub fn run<C: Component>(
    store: impl Store,
    root: impl FnOnce() -> C,
    finish: impl FnOnce(C::Answer),
) -> Result<Outcome, TerminalError> {
    run_on(store, root, finish, io::stdin().lock(), io::stdout().lock())
}

/// The same over any input and output.
///
/// # Errors
///
/// As [`run`].
///
/// # Panics
///
/// It is called from within an async task, whose executor it would block.
pub fn run_on<C: Component>(
    store: impl Store,
    root: impl FnOnce() -> C,
    finish: impl FnOnce(C::Answer),
    input: impl BufRead,
    output: impl Write,
) -> Result<Outcome, TerminalError> {
    let executor = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    executor.block_on(async {
        let runtime = Runtime::builder().retention(Retention::UntilForgotten).open(store)?;
        let mut talk = Talk { runtime, terminal: Terminal { input, output } };
        let outcome = talk.talk(root, finish).await;
        talk.runtime.shutdown().await;
        outcome
    })
}

/// One conversation with one person.
struct Talk<I, O> {
    runtime: Runtime,
    terminal: Terminal<I, O>,
}

impl<I: BufRead, O: Write> Talk<I, O> {
    async fn talk<C: Component>(
        &mut self,
        root: impl FnOnce() -> C,
        finish: impl FnOnce(C::Answer),
    ) -> Result<Outcome, TerminalError> {
        for unreadable in self.runtime.scan().await?.unreadable {
            self.terminal.line(&format!("Left alone: {unreadable}."))?;
        }
        let id = match self.unfinished::<C>().await? {
            Some(id) => id,
            None => self.runtime.start(root()).await?.id,
        };
        loop {
            let shown = match self.runtime.render(id).await {
                Err(error) if matches!(error.kind, ErrorKind::Unreadable(_)) => {
                    self.terminal.show(&error.view())?;
                    return Ok(Outcome::Parked(id));
                }
                other => other?,
            };
            let Some(questions) = shown.waiting() else {
                return self.finish::<C>(id, finish).await;
            };
            let Some((question, event)) = self.ask(&questions)? else {
                self.terminal.line("\nThe conversation waits. Run the program again to go on.")?;
                return Ok(Outcome::Parked(id));
            };
            match self.runtime.dispatch(id, question.turn, event).await? {
                Reply::Refused { reason } => self.terminal.line(&format!("That does not fit: {reason}."))?,
                Reply::Stale | Reply::Repeated => self.terminal.line("That question was answered already.")?,
                Reply::Applied | Reply::Ended { .. } => {}
            }
        }
    }

    /// The newest unfinished conversation of this kind, or one that ended and was not told to anybody.
    async fn unfinished<C: Component>(&mut self) -> Result<Option<ConversationId>, TerminalError> {
        let name = C::DESCRIPTOR.name;
        let mut all = Vec::new();
        for name in C::DESCRIPTOR.was.iter().chain([&name]) {
            // Of one person there are few.
            all.extend(self.runtime.list(&Query::all().flow(*name), None, usize::MAX).await?);
        }
        let Some(found) = all.into_iter().max_by_key(|known| known.touched) else {
            return Ok(None);
        };
        let waits_for = match found.waits_for() {
            Some(waits_for) => format!("waits for `{waits_for}` since {}", found.touched),
            None => format!("ended at {}", found.touched),
        };
        self.terminal.line(&format!("Going on with `{name}`, which {waits_for}."))?;
        Ok(Some(found.id))
    }

    async fn finish<C: Component>(
        &mut self,
        id: ConversationId,
        finish: impl FnOnce(C::Answer),
    ) -> Result<Outcome, TerminalError> {
        match self.runtime.result(id).await? {
            Some(json) if json != "null" || is_null::<C::Answer>() => {
                finish(record::result(&json).map_err(|_| TerminalError::Result)?);
            }
            Some(_) | None => self.terminal.line("The conversation ended without a result.")?,
        }
        // Told first: a crash here tells it again.
        self.runtime.forget(id).await?;
        Ok(Outcome::Ended)
    }

    /// Shows what waits, and reads until it makes an event. `None` at the end of the input.
    fn ask<'q>(&mut self, questions: &'q [Question]) -> io::Result<Option<(&'q Question, Event)>> {
        self.terminal.line("")?;
        for question in questions {
            self.terminal.show(&question.view)?;
        }
        let asking: Vec<_> = questions.iter().filter(|question| asks(&question.view)).collect();
        let question = match asking.as_slice() {
            [only] => *only,
            several => {
                let names = several.iter().map(|question| question.component.clone()).collect::<Vec<_>>();
                match self.terminal.pick("Which of them do you answer?", &names)? {
                    Some(index) => several[index],
                    None => return Ok(None),
                }
            }
        };
        let event = match &question.view {
            View::Form(form) => self.terminal.fill(form)?,
            View::Html(_) => self.terminal.read("Action")?.map(|action| Event::new(action.trim())),
        };
        Ok(event.map(|event| (question, event)))
    }
}

/// Whether nothing at all is a value of this type, for instance of `()` or `Option`.
fn is_null<T: Answer>() -> bool {
    serde_json::from_str::<T>("null").is_ok()
}

fn asks(view: &View) -> bool {
    match view {
        View::Form(form) => !form.actions.is_empty(),
        View::Html(_) => true,
    }
}

/// Lines in, lines out.
struct Terminal<I, O> {
    input: I,
    output: O,
}

impl<I: BufRead, O: Write> Terminal<I, O> {
    fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.output, "{}", printable(text))
    }

    /// Reads a line after a prompt. `None` at the end of the input.
    fn read(&mut self, prompt: &str) -> io::Result<Option<String>> {
        write!(self.output, "{}: ", printable(prompt))?;
        self.output.flush()?;
        let mut line = String::new();
        if self.input.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let line = line.strip_suffix('\n').unwrap_or(&line);
        Ok(Some(line.strip_suffix('\r').unwrap_or(line).to_owned()))
    }

    fn show(&mut self, view: &View) -> io::Result<()> {
        match view {
            View::Form(form) => form.text.iter().try_for_each(|paragraph| self.line(paragraph)),
            View::Html(html) => self.line(html),
        }
    }

    /// Reads a form until it fits. `None` at the end of the input.
    fn fill(&mut self, form: &Form) -> io::Result<Option<Event>> {
        loop {
            let filled = match self.fill_once(form)? {
                Some(filled) => filled,
                None => return Ok(None),
            };
            let values: Vec<_> = filled.values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            match form.read(&filled.action, &values) {
                Ok(event) => return Ok(Some(event)),
                Err(reason) => self.line(&format!("That does not fit: {reason}."))?,
            }
        }
    }

    fn fill_once(&mut self, form: &Form) -> io::Result<Option<Filled>> {
        let (ways_out, actions): (Vec<_>, Vec<_>) = form.actions.iter().partition(|action| action.skips_inputs);
        let mut values = Vec::new();
        if !form.inputs.is_empty() && !ways_out.is_empty() {
            let names: Vec<_> = ways_out.iter().map(|action| format!("/{}", action.name)).collect();
            self.line(&format!("({} to leave)", names.join(" or ")))?;
        }
        for input in &form.inputs {
            self.offer(input)?;
            let Some(value) = self.read(&prompt(input))? else { return Ok(None) };
            let left = ways_out.iter().find(|action| value.trim().strip_prefix('/') == Some(&action.name));
            if let Some(action) = left {
                return Ok(Some(Filled { action: action.name.clone(), values: Vec::new() }));
            }
            values.push((input.name.clone(), value));
        }
        let actions = if form.inputs.is_empty() { form.actions.iter().collect() } else { actions };
        let action = match actions.as_slice() {
            [] => ways_out.first().map(|action| action.name.clone()).unwrap_or_default(),
            // With something filled in, there is nothing left to decide.
            [only] if !form.inputs.is_empty() => only.name.clone(),
            [only] => {
                let Some(_) = self.read(&format!("{}, press Enter", only.label))? else { return Ok(None) };
                only.name.clone()
            }
            several => {
                let Some(action) = self.decide(several)? else { return Ok(None) };
                action
            }
        };
        Ok(Some(Filled { action, values }))
    }

    fn offer(&mut self, input: &Input) -> io::Result<()> {
        let InputKind::Choice(choices) = &input.kind else { return Ok(()) };
        choices.iter().enumerate().try_for_each(|(index, choice)| self.line(&format!("  {}. {choice}", index + 1)))
    }

    /// Reads one of several actions, by its label, its name, or the beginning of either.
    fn decide(&mut self, actions: &[&Action]) -> io::Result<Option<String>> {
        let labels: Vec<_> = actions.iter().map(|action| action.label.as_str()).collect();
        loop {
            let Some(line) = self.read(&labels.join(" / "))? else { return Ok(None) };
            let line = line.trim().to_lowercase();
            let exact = |action: &&&Action| action.label.to_lowercase() == line || action.name == line;
            let begins = |action: &&&Action| action.label.to_lowercase().starts_with(&line);
            let found = actions.iter().find(exact).or_else(|| {
                let mut found = actions.iter().filter(begins);
                found.next().filter(|_| !line.is_empty() && found.next().is_none())
            });
            match found {
                Some(action) => return Ok(Some(action.name.clone())),
                None => self.line("Please type one of these.")?,
            }
        }
    }

    /// Reads the number of one of several things.
    fn pick(&mut self, prompt: &str, names: &[String]) -> io::Result<Option<usize>> {
        for (index, name) in names.iter().enumerate() {
            self.line(&format!("  {}. {name}", index + 1))?;
        }
        loop {
            let Some(line) = self.read(prompt)? else { return Ok(None) };
            match line.trim().parse::<usize>().ok().and_then(|number| number.checked_sub(1)) {
                Some(index) if index < names.len() => return Ok(Some(index)),
                Some(_) | None => self.line("Please type one of the numbers.")?,
            }
        }
    }
}

/// What was typed into a form.
struct Filled {
    action: String,
    values: Vec<(String, String)>,
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

/// The text without what a terminal would obey.
fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || *c == '\n' || *c == '\t').collect()
}
