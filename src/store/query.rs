//! Queries: finding records by their headers, without decoding conversations.

use std::collections::BTreeMap;

use crate::kernel::OpenAwait;
use crate::model::id::{ConversationId, Owner};
use crate::model::timestamp::Timestamp;
use crate::record::{Record, Revision};

/// A filter of records. [`Query::all`] matches all of them; each further condition must hold too.
///
/// ```
/// use stube::store::Query;
///
/// # async fn run(runtime: stube::Runtime) -> Result<(), stube::Error> {
/// // All conversations that wait for a room, in pages of 100.
/// let query = Query::all().flow("booking").state("Room");
/// let mut after = None;
/// loop {
///     let page = runtime.list(&query, after, 100).await?;
///     for summary in &page {
///         println!("{} {}", summary.id, summary.touched);
///     }
///     after = page.last().map(|last| last.id);
///     if page.len() < 100 {
///         return Ok(());
///     }
/// }
/// # }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Query {
    /// The component or flow that the conversation was started with.
    pub flow: Option<String>,
    /// The state of that flow.
    pub state: Option<String>,
    /// A component that the conversation waits for, in front or embedded.
    pub waits_for: Option<String>,
    /// The owner.
    pub owner: Option<Owner>,
    /// Due before this time.
    pub due_before: Option<Timestamp>,
    /// Last changed before this time.
    pub touched_before: Option<Timestamp>,
    /// Whether the conversation has ended.
    pub ended: Option<bool>,
}

impl Query {
    /// Matches all records.
    pub fn all() -> Self {
        Self::default()
    }

    /// Matches conversations that were started with this component or flow.
    #[must_use]
    pub fn flow(mut self, name: impl Into<String>) -> Self {
        self.flow = Some(name.into());
        self
    }

    /// Matches conversations whose flow is in this state.
    #[must_use]
    pub fn state(mut self, name: impl Into<String>) -> Self {
        self.state = Some(name.into());
        self
    }

    /// Matches conversations that wait for this component: it has one of their open awaits, in front or embedded.
    #[must_use]
    pub fn waits_for(mut self, name: impl Into<String>) -> Self {
        self.waits_for = Some(name.into());
        self
    }

    /// Matches conversations of this owner.
    #[must_use]
    pub fn owner(mut self, owner: Owner) -> Self {
        self.owner = Some(owner);
        self
    }

    /// Matches conversations that are [due](crate::Component::due) before this time, and none that has no due time.
    #[must_use]
    pub fn due_before(mut self, time: Timestamp) -> Self {
        self.due_before = Some(time);
        self
    }

    /// Matches conversations that last changed before this time.
    #[must_use]
    pub fn touched_before(mut self, time: Timestamp) -> Self {
        self.touched_before = Some(time);
        self
    }

    /// Matches conversations that have ended and are kept for their result, or those that have not ended.
    #[must_use]
    pub fn ended(mut self, ended: bool) -> Self {
        self.ended = Some(ended);
        self
    }

    /// Whether the query matches a record.
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

/// What the header of a record says about its conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// The conversation.
    pub id: ConversationId,
    /// The revision of the record.
    pub revision: Revision,
    /// The component or flow that it was started with.
    pub flow: String,
    /// The state of that flow; `None` if it is a component, or the conversation has ended.
    pub state: Option<String>,
    /// The open awaits, the outermost first. Empty if the conversation has ended.
    pub awaits: Vec<OpenAwait>,
    /// The owner, if it has one.
    pub owner: Option<Owner>,
    /// The time of the last change, by the clock of the process that made it.
    pub touched: Timestamp,
}

impl Summary {
    /// The summary of this record.
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

    /// The component in front of the root slot; `None` if the conversation has ended.
    pub fn waits_for(&self) -> Option<&str> {
        self.awaits.first().map(|open| open.component.as_str())
    }

    /// The earliest due time of the open awaits; see [`Component::due`](crate::Component::due).
    pub fn due(&self) -> Option<Timestamp> {
        self.awaits.iter().filter_map(|open| open.due).min()
    }
}

/// A page of the records that match a query: those with the lowest ids after a given one. Read the next page after the last
/// id of this one. A page with fewer records than the limit is the last.
///
/// A record that is saved or deleted meanwhile may or may not be in a later page. Every other record is in exactly one page.
pub type Page = Vec<Summary>;

/// The number of records of one flow in one state.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Count {
    /// The component or flow that the conversations were started with.
    pub flow: String,
    /// The state of the flow; `None` if it is a component, or the conversations have ended.
    pub state: Option<String>,
    /// The number of records; never 0.
    pub records: u64,
}

/// Collects a page from records in any order. Holds at most one page.
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

/// Counts records in any order.
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
