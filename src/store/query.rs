//! Which records: what an operator asks for, and what a runtime looks for without opening every conversation.

use std::collections::BTreeMap;

use crate::kernel::OpenAwait;
use crate::model::id::{ConversationId, Owner};
use crate::model::timestamp::Timestamp;
use crate::record::{Record, Revision};

/// Which records. [`Query::all`] is all of them; each further word leaves fewer.
///
/// ```
/// use stube::store::Query;
///
/// let rooms_to_pick = Query::all().flow("booking").state("Room");
/// # assert_ne!(rooms_to_pick, Query::all());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Query {
    /// Started with this component or flow.
    pub flow: Option<String>,
    /// At this await of that flow.
    pub state: Option<String>,
    /// Waiting for this component, in front or embedded.
    pub waits_for: Option<String>,
    /// Belonging to this owner.
    pub owner: Option<Owner>,
    /// Due before this time.
    pub due_before: Option<Timestamp>,
    /// Last changed before this time.
    pub touched_before: Option<Timestamp>,
    /// Ended, or going on.
    pub ended: Option<bool>,
}

impl Query {
    /// All records.
    pub fn all() -> Self {
        Self::default()
    }

    /// Those that were started with this component or flow.
    #[must_use]
    pub fn flow(mut self, name: impl Into<String>) -> Self {
        self.flow = Some(name.into());
        self
    }

    /// Those whose flow is at this await.
    #[must_use]
    pub fn state(mut self, name: impl Into<String>) -> Self {
        self.state = Some(name.into());
        self
    }

    /// Those that wait for this component: one of their open awaits is of it, also of a widget that is embedded.
    #[must_use]
    pub fn waits_for(mut self, name: impl Into<String>) -> Self {
        self.waits_for = Some(name.into());
        self
    }

    /// Those that belong to this owner.
    #[must_use]
    pub fn owner(mut self, owner: Owner) -> Self {
        self.owner = Some(owner);
        self
    }

    /// Those that are [due](crate::Component::due) before this time. One that is never due is not among them.
    #[must_use]
    pub fn due_before(mut self, time: Timestamp) -> Self {
        self.due_before = Some(time);
        self
    }

    /// Those that last changed before this time.
    #[must_use]
    pub fn touched_before(mut self, time: Timestamp) -> Self {
        self.touched_before = Some(time);
        self
    }

    /// Those that have ended and are kept for their result, or those that go on.
    #[must_use]
    pub fn ended(mut self, ended: bool) -> Self {
        self.ended = Some(ended);
        self
    }

    /// Whether a record is one of them.
    pub fn matches(&self, summary: &Summary) -> bool {
        fn is<T: PartialEq>(wanted: Option<&T>, found: Option<&T>) -> bool {
            wanted.is_none() || wanted == found
        }
        let before = |limit: Option<Timestamp>, time: Option<Timestamp>| {
            limit.is_none_or(|limit| time.is_some_and(|time| time < limit))
        };
        is(self.flow.as_ref(), Some(&summary.flow))
            && is(self.state.as_ref(), summary.state.as_ref())
            && self.waits_for.as_ref().is_none_or(|name| summary.awaits.iter().any(|open| open.component == *name))
            && is(self.owner.as_ref(), summary.owner.as_ref())
            && before(self.due_before, summary.due())
            && before(self.touched_before, Some(summary.touched))
            && self.ended.is_none_or(|ended| ended == summary.has_ended())
    }
}

/// What is known of a conversation without opening it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// The conversation.
    pub id: ConversationId,
    /// Which committed state it is.
    pub revision: Revision,
    /// The component or flow that it was started with.
    pub flow: String,
    /// The await at which that flow is.
    pub state: Option<String>,
    /// What it waits for, the outermost first. Empty once it has ended.
    pub awaits: Vec<OpenAwait>,
    /// Whom it belongs to.
    pub owner: Option<Owner>,
    /// When it last changed.
    pub touched: Timestamp,
}

impl Summary {
    /// Of this record.
    pub fn of(record: &Record) -> Self {
        let header = record.header();
        Self {
            id: header.id,
            revision: record.revision(),
            flow: header.flow.clone(),
            state: header.state.clone(),
            awaits: header.awaits.clone(),
            owner: header.owner.clone(),
            touched: header.touched,
        }
    }

    /// Whether the conversation has ended.
    pub fn has_ended(&self) -> bool {
        self.awaits.is_empty()
    }

    /// The component in front of the root slot; `None` once the conversation has ended.
    pub fn waits_for(&self) -> Option<&str> {
        self.awaits.first().map(|open| open.component.as_str())
    }

    /// The earliest time at which anything open is [due](crate::Component::due).
    pub fn due(&self) -> Option<Timestamp> {
        self.awaits.iter().filter_map(|open| open.due).min()
    }
}

/// A part of what matches a query: the records with the lowest ids after a given one. The next page goes on after the
/// last of these; a page with fewer records than were asked for is the last.
///
/// Records that are saved or deleted meanwhile may or may not be in a later page; no other record is left out or given
/// twice.
pub type Page = Vec<Summary>;

/// How many records of one flow are in one state.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Count {
    /// The component or flow that they were started with.
    pub flow: String,
    /// The await at which they are; `None` for what is no flow, or has ended.
    pub state: Option<String>,
    /// How many there are; never 0.
    pub records: u64,
}

/// Collects a page from records that come in any order, and never holds more than one page.
pub(super) struct Collected<'a> {
    query: &'a Query,
    after: Option<ConversationId>,
    limit: usize,
    page: BTreeMap<ConversationId, Summary>,
}

impl<'a> Collected<'a> {
    pub(super) fn new(query: &'a Query, after: Option<ConversationId>, limit: usize) -> Self {
        Self { query, after, limit, page: BTreeMap::new() }
    }

    pub(super) fn add(&mut self, summary: Summary) {
        let is_after = self.after.is_none_or(|after| summary.id > after);
        if !is_after || !self.query.matches(&summary) {
            return;
        }
        self.page.insert(summary.id, summary);
        if self.page.len() > self.limit {
            self.page.pop_last();
        }
    }

    pub(super) fn into_page(self) -> Page {
        self.page.into_values().collect()
    }
}

/// Counts records that come in any order.
#[derive(Default)]
pub(super) struct Counted(BTreeMap<(String, Option<String>), u64>);

impl Counted {
    pub(super) fn add(&mut self, summary: Summary) {
        *self.0.entry((summary.flow, summary.state)).or_default() += 1;
    }

    pub(super) fn into_counts(self) -> Vec<Count> {
        self.0.into_iter().map(|((flow, state), records)| Count { flow, state, records }).collect()
    }
}
