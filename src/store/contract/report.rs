//! The results of the suite.

use std::fmt;

use crate::model::error::BoxError;
use crate::store::contract::Promise;

/// The outcome of checking a promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It held in this number of cases, which is not 0.
    Held(usize),
    /// It was broken. The text describes the first case.
    Broken(String),
    /// It was not checked, because the harness does not support it or no case of it occurred. The text says which.
    NotChecked(String),
}

/// The outcome of every promise. Displays one line for each.
#[derive(Debug, Clone)]
pub struct Report {
    outcomes: Vec<(Promise, Outcome)>,
}

impl Report {
    pub(super) const fn new() -> Self {
        Self { outcomes: Vec::new() }
    }

    pub(super) fn add(&mut self, promise: Promise, checked: Checked) {
        let outcome = match checked {
            Ok(0) => Outcome::NotChecked("no case of it occurred".to_owned()),
            Ok(cases) => Outcome::Held(cases),
            Err(Stop::Broken(how)) => Outcome::Broken(how),
            Err(Stop::NotChecked(why)) => Outcome::NotChecked(why.to_owned()),
        };
        self.outcomes.push((promise, outcome));
    }

    /// Every promise with its outcome, in the order of the numbers.
    pub fn outcomes(&self) -> &[(Promise, Outcome)] {
        &self.outcomes
    }

    /// The promises that held.
    pub fn held(&self) -> Vec<Promise> {
        self.that(|outcome| matches!(outcome, Outcome::Held(_)))
    }

    /// The promises that were broken.
    pub fn broken(&self) -> Vec<Promise> {
        self.that(|outcome| matches!(outcome, Outcome::Broken(_)))
    }

    /// The promises that were not checked.
    pub fn not_checked(&self) -> Vec<Promise> {
        self.that(|outcome| matches!(outcome, Outcome::NotChecked(_)))
    }

    fn that(&self, which: impl Fn(&Outcome) -> bool) -> Vec<Promise> {
        self.outcomes.iter().filter(|(_, outcome)| which(outcome)).map(|(promise, _)| *promise).collect()
    }

    /// Asserts that no promise was broken. Promises that were [not checked](Self::not_checked) pass.
    ///
    /// # Panics
    ///
    /// A promise was broken. The message is the whole report.
    #[track_caller]
    pub fn assert(&self) {
        assert!(self.broken().is_empty(), "the store breaks its contract:\n{self}");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (promise, outcome) in &self.outcomes {
            match outcome {
                Outcome::Held(cases) => writeln!(f, "held         {promise} ({cases} cases)")?,
                Outcome::Broken(how) => writeln!(f, "BROKEN       {promise} {how}")?,
                Outcome::NotChecked(why) => writeln!(f, "not checked  {promise} {why}")?,
            }
        }
        Ok(())
    }
}

/// The number of cases that were checked, or why the check ended early.
pub(super) type Checked = Result<usize, Stop>;

/// Why a check ended early.
#[derive(Debug)]
pub(super) enum Stop {
    /// The promise is broken, as this text describes.
    Broken(String),
    /// The harness cannot do what the check needs.
    NotChecked(&'static str),
}

impl Stop {
    pub(super) fn broken(how: impl Into<String>) -> Self {
        Self::Broken(how.into())
    }

    /// The promise is broken because an operation failed that must succeed.
    pub(super) fn failed(what: &'static str) -> impl FnOnce(BoxError) -> Self {
        move |error| Self::Broken(format!("{what} failed: {error}"))
    }

    /// Adds the case in which the promise is broken.
    pub(super) fn during(self, case: &dyn fmt::Debug) -> Self {
        match self {
            Self::Broken(how) => Self::Broken(format!("{how}, in {case:?}")),
            not_checked @ Self::NotChecked(_) => not_checked,
        }
    }
}

/// Ends the check with a broken promise unless `holds`.
pub(super) fn must(holds: bool, how: impl FnOnce() -> String) -> Result<(), Stop> {
    if holds { Ok(()) } else { Err(Stop::Broken(how())) }
}
