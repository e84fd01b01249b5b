//! What became of each promise.

use std::fmt;

use crate::model::error::BoxError;
use crate::store::contract::Promise;

/// What became of a promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was kept in this many cases.
    Held(usize),
    /// It was not kept, for instance in this way.
    Broken(String),
    /// Nobody knows, because the harness cannot do this or no case of it came about.
    NotChecked(String),
}

/// What became of every promise. Shown with one line for each.
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
            Ok(0) => Outcome::NotChecked("no case of it came about".to_owned()),
            Ok(cases) => Outcome::Held(cases),
            Err(Stop::Broken(how)) => Outcome::Broken(how),
            Err(Stop::NotChecked(why)) => Outcome::NotChecked(why.to_owned()),
        };
        self.outcomes.push((promise, outcome));
    }

    /// Every promise, in the order of the numbers.
    pub fn outcomes(&self) -> &[(Promise, Outcome)] {
        &self.outcomes
    }

    /// Those that were kept.
    pub fn held(&self) -> Vec<Promise> {
        self.that(|outcome| matches!(outcome, Outcome::Held(_)))
    }

    /// Those that were not kept.
    pub fn broken(&self) -> Vec<Promise> {
        self.that(|outcome| matches!(outcome, Outcome::Broken(_)))
    }

    /// Those of which nobody knows.
    pub fn not_checked(&self) -> Vec<Promise> {
        self.that(|outcome| matches!(outcome, Outcome::NotChecked(_)))
    }

    fn that(&self, which: impl Fn(&Outcome) -> bool) -> Vec<Promise> {
        self.outcomes.iter().filter(|(_, outcome)| which(outcome)).map(|(promise, _)| *promise).collect()
    }

    /// That no promise was broken. Says nothing of those that were [not checked](Self::not_checked).
    ///
    /// # Panics
    ///
    /// One was. The message has all of them, each with how.
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

/// How many cases were looked at, or why that came to an end.
pub(super) type Checked = Result<usize, Stop>;

/// Why a check came to an end.
#[derive(Debug)]
pub(super) enum Stop {
    /// The promise is broken, in this way.
    Broken(String),
    /// The harness cannot do what the check needs.
    NotChecked(&'static str),
}

impl Stop {
    pub(super) fn broken(how: impl Into<String>) -> Self {
        Self::Broken(how.into())
    }

    /// Something could not be done that must work.
    pub(super) fn failed(what: &'static str) -> impl FnOnce(BoxError) -> Self {
        move |error| Self::Broken(format!("{what} failed: {error}"))
    }

    /// The same promise, broken in this case.
    pub(super) fn during(self, case: &dyn fmt::Debug) -> Self {
        match self {
            Self::Broken(how) => Self::Broken(format!("{how}, in {case:?}")),
            not_checked @ Self::NotChecked(_) => not_checked,
        }
    }
}

/// Fails the check unless this is so.
pub(super) fn must(holds: bool, how: impl FnOnce() -> String) -> Result<(), Stop> {
    if holds { Ok(()) } else { Err(Stop::Broken(how())) }
}
