//! Whether what processes saw can have happened. Takes what each of them said, and the names of all answers that were
//! applied at last, in their order. Gives what is wrong. Knows nothing of stores.
//!
//! - What was acknowledged is there: the answer, once, at the place at which it was given.
//! - What is there and was not acknowledged was tried, and nobody said that it is not there: its outcome was unknown, or
//!   its process was killed before it said anything.
//! - What was said not to be applied is not there.
//! - An answer that was acknowledged before another one was tried comes before that one.
//! - Nobody reads less than what it has read or acknowledged before.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

/// What a process says, in a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Word {
    /// It has read that so many answers were applied.
    Read { at: u64, id: String, applied: usize },
    /// It gives this answer, as the one that comes after `place` others.
    Try { at: u64, id: String, place: usize, name: String },
    /// It was told that the answer was applied.
    Ack { at: u64, name: String },
    /// It was told that the answer was not.
    Not { name: String },
    /// It was told that this is not known.
    Unknown { name: String },
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { at, id, applied } => write!(f, "read {at} {id} {applied}"),
            Self::Try { at, id, place, name } => write!(f, "try {at} {id} {place} {name}"),
            Self::Ack { at, name } => write!(f, "ack {at} {name}"),
            Self::Not { name } => write!(f, "not {name}"),
            Self::Unknown { name } => write!(f, "unknown {name}"),
        }
    }
}

impl FromStr for Word {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let words: Vec<_> = line.split(' ').collect();
        let number = |word: &str| word.parse::<u64>().map_err(|_| line.to_owned());
        let count = |word: &str| word.parse::<usize>().map_err(|_| line.to_owned());
        match words[..] {
            ["read", at, id, applied] => {
                Ok(Self::Read { at: number(at)?, id: id.to_owned(), applied: count(applied)? })
            }
            ["try", at, id, place, name] => {
                let (id, name) = (id.to_owned(), name.to_owned());
                Ok(Self::Try { at: number(at)?, id, place: count(place)?, name })
            }
            ["ack", at, name] => Ok(Self::Ack { at: number(at)?, name: name.to_owned() }),
            ["not", name] => Ok(Self::Not { name: name.to_owned() }),
            ["unknown", name] => Ok(Self::Unknown { name: name.to_owned() }),
            _ => Err(line.to_owned()),
        }
    }
}

/// What one process said.
pub(crate) struct Heard {
    pub(crate) words: Vec<Word>,
    pub(crate) was_killed: bool,
}

/// What became of an answer, as its process was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Acknowledged(u64),
    NotApplied,
    Unknown,
    /// The process was killed before it was told.
    Nothing,
}

struct Tried<'a> {
    at: u64,
    id: &'a str,
    place: usize,
    outcome: Outcome,
}

/// What a history comes to.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) acknowledged: usize,
    /// Places that answers of several processes were given for, of which one was acknowledged.
    pub(crate) contested: usize,
    /// Answers that are there although nobody was told.
    pub(crate) silent: usize,
    pub(crate) unknown: usize,
    pub(crate) violations: Vec<String>,
}

/// `stored` has the names by conversation.
pub(crate) fn judge(heard: &[Heard], stored: &BTreeMap<String, Vec<String>>) -> Verdict {
    let mut verdict = Verdict::default();
    let mut tried = BTreeMap::new();
    for Heard { words, was_killed } in heard {
        verdict.violations.extend(goes_back(words));
        for word in words {
            let told = match word {
                Word::Read { .. } => continue,
                Word::Try { at, id, place, name } => {
                    let new = Tried { at: *at, id, place: *place, outcome: Outcome::Nothing };
                    if tried.insert(name.as_str(), new).is_some() {
                        verdict.violations.push(format!("{name} was given twice, so nothing can be said of it"));
                    }
                    continue;
                }
                Word::Ack { at, name } => (name, Outcome::Acknowledged(*at)),
                Word::Not { name } => (name, Outcome::NotApplied),
                Word::Unknown { name } => (name, Outcome::Unknown),
            };
            match tried.get_mut(told.0.as_str()) {
                Some(tried) => tried.outcome = told.1,
                None => verdict.violations.push(format!("{} was never given, and there is an outcome", told.0)),
            }
        }
        let is_open =
            |word: &&Word| matches!(word, Word::Try { name, .. } if tried[name.as_str()].outcome == Outcome::Nothing);
        for word in words.iter().filter(is_open).filter(|_| !was_killed) {
            verdict.violations.push(format!("its process lives, and says nothing of `{word}`"));
        }
    }

    let mut places = BTreeMap::new();
    for (id, names) in stored {
        for (place, name) in names.iter().enumerate() {
            match tried.get(name.as_str()) {
                None => verdict.violations.push(format!("{name} is in {id}, and nobody gave it")),
                Some(tried) if tried.id != id || tried.place != place => {
                    let (given, given_place) = (tried.id, tried.place);
                    verdict.violations.push(format!(
                        "{name} is at place {place} of {id}, and was given for {given_place} of {given}"
                    ));
                }
                Some(_) => {}
            }
            if places.insert(name.as_str(), place).is_some() {
                verdict.violations.push(format!("{name} was applied twice"));
            }
        }
    }
    let mut given = BTreeMap::<_, BTreeSet<_>>::new();
    for (name, Tried { id, place, outcome, .. }) in &tried {
        let process = name.split('.').next();
        given.entry((*id, *place)).or_default().insert(process);
        let is_there = places.contains_key(name);
        match outcome {
            Outcome::Acknowledged(_) if !is_there => {
                verdict.violations.push(format!("{name} was acknowledged, and is not there"));
            }
            Outcome::NotApplied if is_there => {
                verdict.violations.push(format!("{name} was said not to be applied, and is there"));
            }
            Outcome::Acknowledged(_) => verdict.acknowledged += 1,
            Outcome::NotApplied => {}
            Outcome::Unknown => {
                verdict.unknown += 1;
                verdict.silent += usize::from(is_there);
            }
            Outcome::Nothing => verdict.silent += usize::from(is_there),
        }
    }
    let is_contested = |tried: &&Tried<'_>| {
        matches!(tried.outcome, Outcome::Acknowledged(_)) && given[&(tried.id, tried.place)].len() > 1
    };
    verdict.contested = tried.values().filter(is_contested).count();
    verdict.violations.extend(out_of_order(&tried, &places));
    verdict
}

/// What a process read that is less than what it knew.
fn goes_back(words: &[Word]) -> Vec<String> {
    let (mut known, mut tried, mut violations) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
    let mut knows = |id, applied: usize| {
        let known = known.entry(id).or_default();
        *known = applied.max(*known);
        *known
    };
    for word in words {
        match word {
            Word::Read { id, applied, .. } => {
                let known = knows(id, *applied);
                if known > *applied {
                    violations.push(format!("`{word}`, and the same process knew of {known}"));
                }
            }
            Word::Try { id, place, name, .. } => {
                tried.insert(name, (id, *place));
            }
            Word::Ack { name, .. } => {
                if let Some((id, place)) = tried.get(name) {
                    knows(id, place + 1);
                }
            }
            Word::Not { .. } | Word::Unknown { .. } => {}
        }
    }
    violations
}

/// What comes before an answer that was acknowledged before it was given.
fn out_of_order(tried: &BTreeMap<&str, Tried<'_>>, places: &BTreeMap<&str, usize>) -> Vec<String> {
    let mut conversations = BTreeMap::<_, Vec<_>>::new();
    for (name, tried) in tried {
        let Some(place) = places.get(name) else { continue };
        let moments = conversations.entry(tried.id).or_default();
        moments.push((tried.at, *place, *name, false));
        if let Outcome::Acknowledged(at) = tried.outcome {
            moments.push((at, *place, *name, true));
        }
    }
    let mut violations = Vec::new();
    for moments in conversations.values_mut() {
        moments.sort_unstable();
        let mut last: Option<(usize, &str)> = None;
        for (_, place, name, is_acknowledged) in moments {
            match last {
                _ if *is_acknowledged => last = last.max(Some((*place, *name))),
                Some((before, other)) if before >= *place => {
                    violations.push(format!("{name} was given after {other} was acknowledged, and comes before it"));
                }
                Some(_) | None => {}
            }
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is wrong with what these processes said, each a few lines; the last of `KILLED` is one that was killed.
    fn wrong(processes: &[&str], stored: &str) -> Vec<String> {
        let heard = |lines: &&str| Heard {
            words: lines
                .split("; ")
                .filter(|line| *line != "KILLED")
                .map(|line| line.parse().expect("a word"))
                .collect(),
            was_killed: lines.ends_with("KILLED"),
        };
        let heard: Vec<_> = processes.iter().map(heard).collect();
        let stored = [("c".to_owned(), stored.split_whitespace().map(str::to_owned).collect())];
        judge(&heard, &stored.into()).violations
    }

    const ONE: &str = "read 1 c 0; try 2 c 0 a.1; ack 5 a.1; read 6 c 1";

    #[test]
    fn a_history_that_can_have_happened_is_not_wrong() {
        let nothing: [&str; 0] = [];
        assert_eq!(wrong(&[ONE, "read 1 c 0; try 3 c 0 b.1; not b.1; try 7 c 1 b.2; unknown b.2"], "a.1"), nothing);
        assert_eq!(wrong(&[ONE, "try 7 c 1 b.2; unknown b.2"], "a.1 b.2"), nothing);
        assert_eq!(wrong(&[ONE, "try 7 c 1 b.2; KILLED"], "a.1 b.2"), nothing);
        assert_eq!(wrong(&[ONE, "try 7 c 1 b.2; KILLED"], "a.1"), nothing);
    }

    #[test]
    fn whatever_cannot_have_happened_is_told() {
        for (processes, stored, expected) in [
            (&[ONE][..], "", "a.1 was acknowledged, and is not there"),
            (&[ONE], "a.1 a.1", "a.1 was applied twice"),
            (&[ONE, "try 3 c 0 b.1; ack 7 b.1"], "a.1", "b.1 was acknowledged, and is not there"),
            (&[ONE, "try 3 c 1 b.1; not b.1"], "a.1 b.1", "b.1 was said not to be applied, and is there"),
            (&[ONE], "a.1 x.1", "x.1 is in c, and nobody gave it"),
            (&[ONE, "try 3 c 0 b.1; ack 7 b.1"], "a.1 b.1", "b.1 is at place 1 of c, and was given for 0 of c"),
            (&[ONE, "try 7 c 1 b.1"], "a.1", "its process lives, and says nothing of `try 7 c 1 b.1`"),
            (&["ack 3 a.1"], "", "a.1 was never given, and there is an outcome"),
            (&["read 1 c 2; read 2 c 1"], "", "`read 2 c 1`, and the same process knew of 2"),
            (&["try 1 c 0 a.1; ack 2 a.1; read 3 c 0"], "a.1", "`read 3 c 0`, and the same process knew of 1"),
            (
                &["try 1 c 1 a.1; ack 2 a.1", "try 3 c 0 b.1; ack 4 b.1"],
                "b.1 a.1",
                "b.1 was given after a.1 was acknowledged, and comes before it",
            ),
        ] {
            let found = wrong(processes, stored);
            assert!(found.iter().any(|found| found == expected), "{found:?} has no `{expected}`");
        }
    }
}
