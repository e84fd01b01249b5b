//! Calls of a store, each with the assertion of its result.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "measures how long a caller waits")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tokio::task::yield_now;

use crate::model::id::ConversationId;
use crate::record::{Record, Revision, Unreadable};
use crate::store::contract::report::{Stop, must};
use crate::store::{Page, Query, Store, WriteOutcome};

/// Everything that `load_all` passes.
pub(super) struct Held {
    pub(super) records: BTreeMap<ConversationId, Record>,
    pub(super) unreadable: Vec<Unreadable>,
}

pub(super) async fn load_all(store: &impl Store) -> Result<Held, Stop> {
    let mut held = Held { records: BTreeMap::new(), unreadable: Vec::new() };
    let mut twice = None;
    let mut each = |entry| match entry {
        Ok(record) => {
            let record: Record = record;
            twice = held.records.insert(record.id(), record).or(twice.take());
        }
        Err(unreadable) => held.unreadable.push(unreadable),
    };
    store.load_all(&mut each).await.map_err(Stop::failed("loading all"))?;
    must(twice.is_none(), || format!("all were loaded, and {} twice", twice.as_ref().map(name).unwrap_or_default()))?;
    Ok(held)
}

/// Asserts that the store has exactly these records, by `load_all` and by `load`.
pub(super) async fn holds<'a>(store: &impl Store, records: impl IntoIterator<Item = &'a Record>) -> Result<(), Stop> {
    let held = load_all(store).await?;
    must(held.unreadable.is_empty(), || format!("it cannot read {:?}", held.unreadable))?;
    let mut many = 0;
    for record in records {
        many += 1;
        let found = held.records.get(&record.id());
        must(found == Some(record), || format!("all were loaded, and {}", differs(record.id(), found, Some(record))))?;
        loads(store, record.id(), Some(record)).await?;
    }
    must(held.records.len() == many, || format!("{many} were saved, and {} loaded", held.records.len()))
}

pub(super) async fn load(store: &impl Store, id: ConversationId) -> Result<Option<Record>, Stop> {
    store.load(id).await.map_err(|error| Stop::broken(format!("loading {id} failed: {error}")))
}

pub(super) async fn loads(store: &impl Store, id: ConversationId, expected: Option<&Record>) -> Result<(), Stop> {
    let found = load(store, id).await?;
    must(found.as_ref() == expected, || format!("it was loaded, and {}", differs(id, found.as_ref(), expected)))
}

/// Describes how a record differs from the expected one, by revisions only.
fn differs(id: ConversationId, found: Option<&Record>, expected: Option<&Record>) -> String {
    let (stored, wanted) = (found.map(Record::revision), expected.map(Record::revision));
    if stored == wanted {
        return format!("{id} at {} has other bytes", text(stored));
    }
    format!("of {id} there is {} instead of {}", text(stored), text(wanted))
}

/// Saves, and asserts that the outcome is `Applied`.
pub(super) async fn save(store: &impl Store, record: &Record, replaces: Option<Revision>) -> Result<(), Stop> {
    let saved = store.save(record, replaces).await;
    applied(saved, || format!("a save of {} over {}", name(record), text(replaces)))
}

/// Deletes, and asserts that the outcome is `Applied`.
pub(super) async fn delete(store: &impl Store, id: ConversationId, replaces: Revision) -> Result<(), Stop> {
    let deleted = store.delete(id, replaces).await;
    applied(deleted, || format!("a delete of {id} at {replaces}"))
}

/// Discards the stored revision, and asserts that the outcome is `Applied`.
pub(super) async fn discard(store: &impl Store, id: ConversationId, replaces: Revision) -> Result<(), Stop> {
    let discarded = store.discard(id, replaces).await;
    applied(discarded, || format!("a discard of {id} at {replaces}"))
}

/// Asserts that a discarded record is deleted without another call.
pub(super) async fn goes_away(store: &impl Store, id: ConversationId) -> Result<(), Stop> {
    let began = Instant::now();
    while load(store, id).await?.is_some() {
        must(began.elapsed() < Duration::from_secs(10), || format!("{id} was discarded, and is there 10 s later"))?;
        yield_now().await;
    }
    Ok(())
}

/// Saves, and asserts that the outcome is `Conflict` with this stored revision.
pub(super) async fn save_conflicts(
    store: &impl Store,
    record: &Record,
    replaces: Option<Revision>,
    with: Option<Revision>,
) -> Result<(), Stop> {
    let saved = store.save(record, replaces).await;
    conflict(saved, with, || format!("a save of {} over {}", name(record), text(replaces)))
}

/// Deletes, and asserts that the outcome is `Conflict` with this stored revision.
pub(super) async fn delete_conflicts(
    store: &impl Store,
    id: ConversationId,
    replaces: Revision,
    with: Option<Revision>,
) -> Result<(), Stop> {
    let deleted = store.delete(id, replaces).await;
    conflict(deleted, with, || format!("a delete of {id} at {replaces}"))
}

fn applied(saved: WriteOutcome, what: impl FnOnce() -> String) -> Result<(), Stop> {
    must(matches!(saved, WriteOutcome::Applied), || format!("{} was answered with {saved:?}", what()))
}

fn conflict(saved: WriteOutcome, with: Option<Revision>, what: impl FnOnce() -> String) -> Result<(), Stop> {
    let fits = matches!(saved, WriteOutcome::Conflict { stored } if stored == with);
    must(fits, || format!("{}, where {} is stored, was answered with {saved:?}", what(), text(with)))
}

/// All matching records, read in pages of `limit`.
pub(super) async fn list(store: &impl Store, query: &Query, limit: usize) -> Result<Page, Stop> {
    let mut listed = Page::new();
    loop {
        let after = listed.last().map(|last| last.id);
        let page = page(store, query, after, limit).await?;
        let is_last = page.len() < limit;
        // Otherwise this loop might never end.
        must(page.iter().all(|found| after.is_none_or(|after| found.id > after)), || {
            format!("the page after {after:?} has one before it, with {query:?}")
        })?;
        listed.extend(page);
        if is_last {
            return Ok(listed);
        }
    }
}

pub(super) async fn page(
    store: &impl Store,
    query: &Query,
    after: Option<ConversationId>,
    limit: usize,
) -> Result<Page, Stop> {
    let page = store.list(query, after, limit).await.map_err(Stop::failed("listing"))?;
    must(page.len() <= limit, || format!("a page of {limit} has {}", page.len()))?;
    Ok(page)
}

pub(super) fn name(record: &Record) -> String {
    format!("{} at {}", record.id(), record.revision())
}

pub(super) fn text(revision: Option<Revision>) -> String {
    revision.map_or_else(|| "nothing".to_owned(), |revision| format!("revision {revision}"))
}
