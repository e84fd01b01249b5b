//! The front for a terminal: shows the view, reads a line, sends the answer, and so on.
//!
//! [`run`] opens a store, continues the unfinished conversation in it or starts one, and talks until the conversation
//! or the input ends. Each line is one answer, so the input can be a pipe; when the input ends, the conversation stays
//! parked.
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
//! It is a [`Dialog`] over a [`Session`]; a server for many users is built from the same two.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the front reads lines, writes them, and runs the runtime"
)]

use std::io::{self, BufRead, Write};

use crate::component::Component;
use crate::front::lines::{self, Dialog};
use crate::front::session::{Answered, Screen, Session, SessionError};
use crate::model::id::{ConversationId, Turn};
use crate::model::view::Event;
use crate::runtime::error::{Error, ErrorKind};
use crate::runtime::{Question, Retention, Runtime};
use crate::store::Store;

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
    /// The runtime failed. What was acknowledged is stored.
    #[error(transparent)]
    Runtime(#[from] Error),
    /// The terminal failed. What was acknowledged is stored.
    #[error("the terminal failed: {0}")]
    Io(#[from] io::Error),
    /// The conversation ended with a result of another type: an earlier version of this program saved it.
    #[error("the result of the conversation does not fit this program")]
    Result,
}

impl From<SessionError> for TerminalError {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Runtime(error) => Self::Runtime(error),
            SessionError::Result(_) => Self::Result,
        }
    }
}

/// Talks over standard input and output. When the conversation has ended, calls `finish` with its result, and then
/// deletes the conversation. After a crash in between, the next run calls `finish` again.
///
/// # Errors
///
/// The store, author code or the terminal fails.
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
/// It is called from within an async task: it would block the executor.
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
        let (session, mut screen) = match Session::<C>::find(&self.runtime, None).await? {
            Some((session, summary)) => {
                let waits_for = match summary.waits_for() {
                    Some(waits_for) => format!("waits for `{waits_for}` since {}", summary.touched),
                    None => format!("ended at {}", summary.touched),
                };
                self.terminal.line(&format!("Going on with `{}`, which {waits_for}.", C::DESCRIPTOR.name))?;
                let screen = session.screen().await;
                (session, screen)
            }
            None => {
                let (session, screen) = Session::start(&self.runtime, None, root()).await?;
                (session, Ok(screen))
            }
        };
        loop {
            let questions = match screen {
                Err(SessionError::Runtime(error)) if matches!(error.kind, ErrorKind::Unreadable(_)) => {
                    self.terminal.write(&lines::text(&error.view()))?;
                    return Ok(Outcome::Parked(session.id()));
                }
                Err(error) => return Err(error.into()),
                Ok(Screen::Asks(questions)) => questions,
                Ok(Screen::Ended(result)) => {
                    match result {
                        Some(result) => finish(result),
                        None => self.terminal.line("The conversation ended without a result.")?,
                    }
                    // Deleted last: after a crash in between, the result is shown again.
                    session.forget().await?;
                    return Ok(Outcome::Ended);
                }
            };
            let Some((turn, event)) = self.terminal.ask(questions)? else {
                self.terminal.line("\nThe conversation waits. Run the program again to go on.")?;
                return Ok(Outcome::Parked(session.id()));
            };
            screen = match session.answer(turn, event).await? {
                Answered::Applied => session.screen().await,
                Answered::Unchanged(notice) => {
                    self.terminal.line(&notice)?;
                    session.screen().await
                }
                Answered::Ended(result) => Ok(Screen::Ended(result)),
            };
        }
    }
}

/// Lines in, lines out.
struct Terminal<I, O> {
    input: I,
    output: O,
}

impl<I: BufRead, O: Write> Terminal<I, O> {
    /// Writes text as it is.
    fn write(&mut self, text: &str) -> io::Result<()> {
        self.output.write_all(text.as_bytes())?;
        self.output.flush()
    }

    fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.output, "{}", lines::printable(text))
    }

    /// Reads a line; `None` at the end of the input.
    fn read(&mut self) -> io::Result<Option<String>> {
        let mut line = String::new();
        if self.input.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let line = line.strip_suffix('\n').unwrap_or(&line);
        Ok(Some(line.strip_suffix('\r').unwrap_or(line).to_owned()))
    }

    /// Shows the questions, and reads lines until they make an event; `None` if the input ends, or if no question asks
    /// anything.
    fn ask(&mut self, questions: Vec<Question>) -> io::Result<Option<(Turn, Event)>> {
        let mut dialog = Dialog::new(questions);
        loop {
            self.write(&dialog.take_output())?;
            if !dialog.asks() {
                return Ok(None);
            }
            let Some(line) = self.read()? else { return Ok(None) };
            if let Some(answer) = dialog.enter(&line) {
                return Ok(Some(answer));
            }
        }
    }
}
