//! What the public calls give back.

use std::collections::BTreeMap;
use std::fmt;

use crate::kernel::RenderedInstance;
use crate::model::id::{ConversationId, Turn};
use crate::model::view::View;
use crate::record::Unreadable;
use crate::store::Count;

/// A conversation that has been started.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Started {
    /// Its id.
    pub id: ConversationId,
    /// Its result as JSON, if it ended without asking anybody.
    pub result: Option<String>,
}

/// What became of an event that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// It was applied, and the new state is durable. [`Runtime::render`](crate::runtime::Runtime::render) gives what is
    /// asked now.
    Applied,
    /// It was applied, and the conversation has ended. The result is durable, or was until it was handed out here.
    Ended {
        /// The result as JSON; `null` if there is none. [`record::result`](crate::record::result) reads it as a value.
        result: String,
    },
    /// This very answer has been applied before; nothing changed.
    Repeated,
    /// The question is not open any more; nothing changed.
    Stale,
    /// The input does not fit; nothing changed.
    Refused {
        /// The reason, in words for the person who sent it.
        reason: String,
    },
}

/// What a conversation shows.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "it is taken apart where it is made")]
pub enum Rendered {
    /// The tree of what is in front.
    Open(RenderedInstance),
    /// It has ended with this result, as JSON.
    Ended(String),
}

impl Rendered {
    /// What waits for an answer, the outermost first; `None` if the conversation has ended.
    pub fn waiting(self) -> Option<Vec<Question>> {
        match self {
            Self::Open(instance) => {
                let mut questions = Vec::new();
                flatten(instance, &mut questions);
                Some(questions)
            }
            Self::Ended(_) => None,
        }
    }
}

fn flatten(instance: RenderedInstance, questions: &mut Vec<Question>) {
    let RenderedInstance { turn, component, view, slots, .. } = instance;
    questions.push(Question { turn, component, view });
    slots.into_iter().for_each(|(_, child)| flatten(child, questions));
}

/// One instance in front, and what it shows.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Question {
    /// What an answer to it names.
    pub turn: Turn,
    /// The name of its component.
    pub component: String,
    /// What it shows.
    pub view: View,
}

/// What a store holds, as this program sees it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Scan {
    /// The conversations that this program can go on with, and those that have ended, by flow and state.
    pub counts: Vec<Count>,
    /// The records that it leaves alone, each with the reason.
    pub unreadable: Vec<Unreadable>,
}

impl Scan {
    /// How many conversations are left alone for each reason, the most frequent first.
    pub fn reasons(&self) -> Vec<(String, u64)> {
        let mut counted = BTreeMap::<String, u64>::new();
        for left in &self.unreadable {
            *counted.entry(left.reason.to_string()).or_default() += 1;
        }
        let mut reasons: Vec<_> = counted.into_iter().collect();
        reasons.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        reasons
    }

    pub(super) fn log(&self) {
        for left in &self.unreadable {
            tracing::debug!(entry = %left.entry, reason = %left.reason, "left a record alone");
        }
        for (reason, records) in self.reasons() {
            tracing::warn!(records, reason, "left alone");
        }
        for Count { flow, state, records } in &self.counts {
            tracing::info!(records, flow, state, "parked");
        }
        let conversations: u64 = self.counts.iter().map(|count| count.records).sum();
        tracing::info!(conversations, unreadable = self.unreadable.len(), "read the store");
    }
}

/// A summary for the start of a program: a line for each flow and state, and one for each reason.
impl fmt::Display for Scan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total: u64 = self.counts.iter().map(|count| count.records).sum();
        writeln!(f, "{total} conversations, {} more left alone", self.unreadable.len())?;
        for Count { flow, state, records } in &self.counts {
            match state {
                Some(state) => writeln!(f, "  {records:>8}  {flow}, waiting in {state}")?,
                None => writeln!(f, "  {records:>8}  {flow}")?,
            }
        }
        for (reason, count) in self.reasons() {
            writeln!(f, "  {count:>8}  left alone: {reason}")?;
        }
        Ok(())
    }
}
