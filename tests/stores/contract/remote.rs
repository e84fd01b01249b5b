//! A store on a server that is reached by a line, all of it in memory; and the same with one thing wrong each, so that
//! there is no promise which no store breaks.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime};

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use stube::BoxError;
use stube::record::{Reason, Record, Revision, Unreadable};
use stube::store::contract::{Fault, Harness};
use stube::store::{BoxFuture, Count, LoadError, Page, Query, Store, Summary, Visitor, WriteOutcome};
use stube::{ConversationId, MemoryStore, Timestamp};
use tokio::task::yield_now;

/// What is wrong with a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    Nothing,
    /// Reads JSON and writes it again.
    RewritesJson,
    /// Has a column that is a little too small.
    HoldsAMillionBytes,
    /// Keeps half of an id.
    KeepsHalfOfAnId,
    /// Takes the last save, whatever it names.
    LastSaveWins,
    /// Keeps revisions in 32 bits.
    SmallRevisions,
    /// Deletes whatever is there.
    DeletesWhateverIsThere,
    /// Takes it for a conflict that there is nothing to delete.
    NothingToDeleteIsAConflict,
    /// Lists what was deleted.
    ListsTheDeleted,
    /// Takes it for an error that there is nothing.
    NothingIsAnError,
    /// Stops after so many records.
    LoadsTheFirst256,
    /// Takes names for equal that differ in case.
    IgnoresCase,
    /// Goes on with a page by the number of records that were listed.
    PagesByNumber,
    /// Counts all, whatever is asked for.
    CountsAll,
    /// Counts in another order.
    CountsUnsorted,
    /// Compares, and then waits, and then saves.
    ComparesBefore,
    /// Reads and writes all records together.
    OneDocument,
    /// Walks through the records by their places while these change.
    WalksByPlace,
    /// Takes the old record away before it puts the new one there.
    RemovesBefore,
    /// Gives up at the first record that it cannot read.
    StopsAtTheUnreadable,
    /// Takes what it cannot read for nothing.
    OverwritesTheUnreadable,
    /// Writes a change when the next one comes.
    WritesLate,
    /// Takes a record for none until it has been loaded.
    KnowsOnlyTheLoaded,
    /// Takes a lost answer for a refusal.
    TakesLostForRefused,
    /// Answers before it has asked.
    AnswersBefore,
    /// Never uses a line again that has failed.
    GivesUpTheLine,
    /// Believes after an unknown outcome that it has saved.
    BelievesItHasSaved,
    /// Takes the word of whoever saved for when that was.
    AgesByTouched,
    /// Discards whatever is there.
    DiscardsWhateverIsThere,
    /// Never comes to delete what was discarded.
    DiscardsNothing,
}

impl Flaw {
    pub(crate) const ALL: [Self; 29] = [
        Self::RewritesJson,
        Self::HoldsAMillionBytes,
        Self::KeepsHalfOfAnId,
        Self::LastSaveWins,
        Self::SmallRevisions,
        Self::DeletesWhateverIsThere,
        Self::NothingToDeleteIsAConflict,
        Self::ListsTheDeleted,
        Self::NothingIsAnError,
        Self::LoadsTheFirst256,
        Self::IgnoresCase,
        Self::PagesByNumber,
        Self::CountsAll,
        Self::CountsUnsorted,
        Self::ComparesBefore,
        Self::OneDocument,
        Self::WalksByPlace,
        Self::RemovesBefore,
        Self::StopsAtTheUnreadable,
        Self::OverwritesTheUnreadable,
        Self::WritesLate,
        Self::KnowsOnlyTheLoaded,
        Self::TakesLostForRefused,
        Self::AnswersBefore,
        Self::GivesUpTheLine,
        Self::BelievesItHasSaved,
        Self::AgesByTouched,
        Self::DiscardsWhateverIsThere,
        Self::DiscardsNothing,
    ];
}

// ---- The server ---------------------------------------------------------------------------------------------------

/// What the server has of one conversation.
#[derive(Debug, Clone)]
enum Entry {
    Whole(Record),
    Damaged(Unreadable),
}

impl Entry {
    fn revision(&self) -> Option<Revision> {
        match self {
            Self::Whole(record) => Some(record.revision()),
            Self::Damaged(_) => None,
        }
    }

    fn read(&self) -> Result<Record, Unreadable> {
        match self {
            Self::Whole(record) => Ok(record.clone()),
            Self::Damaged(unreadable) => Err(unreadable.clone()),
        }
    }
}

type OrderedMap = BTreeMap<ConversationId, Entry>;

#[derive(Debug, Default)]
struct Server {
    entries: Mutex<OrderedMap>,
    /// When each was changed.
    changed: Mutex<BTreeMap<ConversationId, Instant>>,
    /// What there was before the last change.
    before: Mutex<OrderedMap>,
}

impl Server {
    fn entries(&self) -> MutexGuard<'_, OrderedMap> {
        self.entries.lock().expect("no test panics in here")
    }

    fn before(&self) -> MutexGuard<'_, OrderedMap> {
        self.before.lock().expect("no test panics in here")
    }

    /// How long ago it was changed.
    fn age(&self, id: ConversationId) -> Duration {
        self.changed.lock().expect("no test panics in here").get(&id).map_or(Duration::ZERO, Instant::elapsed)
    }

    fn revision(&self, id: ConversationId) -> Option<Revision> {
        self.entries().get(&id).and_then(Entry::revision)
    }
}

/// The line to the server, and how it fails.
#[derive(Debug, Default)]
struct Line {
    fault: Option<Fault>,
    calls: usize,
    failed: usize,
}

/// How a call went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    Well,
    Refused,
    /// The server has it; no answer came.
    Lost,
    /// The server does not have it, and nobody knows.
    CutOff,
}

impl Line {
    fn send(&mut self) -> Sent {
        let number = self.calls;
        self.calls += 1;
        let sent = match self.fault {
            Some(Fault::Refused(nth)) if nth == number => Sent::Refused,
            Some(Fault::Lost(nth)) if nth == number => Sent::Lost,
            Some(Fault::CutOff(nth)) if nth <= number => Sent::CutOff,
            Some(Fault::Refused(_) | Fault::Lost(_) | Fault::CutOff(_)) | None => Sent::Well,
        };
        self.failed += usize::from(sent != Sent::Well);
        sent
    }
}

// ---- The store ----------------------------------------------------------------------------------------------------

/// One process, with a line to the server.
pub(crate) struct Remote {
    flaw: Flaw,
    server: Arc<Server>,
    line: Arc<Mutex<Line>>,
    mind: Mutex<Mind>,
}

/// What only a store with a flaw keeps beside the server.
#[derive(Debug, Default)]
struct Mind {
    deleted: Vec<Record>,
    /// How many records there were up to the last one of a page.
    listed: BTreeMap<ConversationId, usize>,
    loaded: BTreeSet<ConversationId>,
    believed: BTreeMap<ConversationId, Record>,
    line_has_failed: bool,
}

/// A save or a delete.
#[derive(Debug, Clone)]
struct Change {
    id: ConversationId,
    replaces: Option<Revision>,
    /// The record that is to be there afterwards.
    new: Option<Record>,
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").field("flaw", &self.flaw).finish_non_exhaustive()
    }
}

impl Remote {
    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == flaw
    }

    fn mind(&self) -> MutexGuard<'_, Mind> {
        self.mind.lock().expect("no test panics in here")
    }

    fn key(&self, id: ConversationId) -> ConversationId {
        let mut bits = id.bits();
        if self.has(Flaw::KeepsHalfOfAnId) {
            bits[8..].fill(0);
        }
        ConversationId::from_bits(bits)
    }

    fn send(&self) -> Sent {
        if self.has(Flaw::GivesUpTheLine) && self.mind().line_has_failed {
            return Sent::Refused;
        }
        let sent = self.line.lock().expect("no test panics in here").send();
        self.mind().line_has_failed |= sent != Sent::Well;
        sent
    }

    fn read<T>(&self, work: impl FnOnce(&OrderedMap) -> T) -> Result<T, BoxError> {
        match self.send() {
            Sent::Well => Ok(work(&self.server.entries())),
            Sent::Refused | Sent::Lost | Sent::CutOff => Err("the line is cut".into()),
        }
    }

    /// One call that changes something.
    fn change(&self, change: &Change) -> WriteOutcome {
        let sent = self.send();
        let done = match sent {
            Sent::Well | Sent::Lost => self.apply(change),
            Sent::Refused | Sent::CutOff => WriteOutcome::NotApplied("the line is busy".into()),
        };
        if sent == Sent::Well {
            self.mind().believed.remove(&change.id);
            return done;
        }
        if self.has(Flaw::AnswersBefore) {
            return WriteOutcome::Applied;
        }
        if sent == Sent::Refused || (sent == Sent::Lost && self.has(Flaw::TakesLostForRefused)) {
            return WriteOutcome::NotApplied("the line is busy".into());
        }
        if self.has(Flaw::BelievesItHasSaved) {
            self.mind().believed.extend(change.new.clone().map(|record| (record.id(), record)));
        }
        WriteOutcome::Unknown("the line is cut".into())
    }

    /// What the server makes of it.
    fn apply(&self, change: &Change) -> WriteOutcome {
        let id = self.key(change.id);
        let mut entries = self.server.entries();
        let found = entries.get(&id);
        if matches!(found, Some(Entry::Damaged(_))) && !self.has(Flaw::OverwritesTheUnreadable) {
            return WriteOutcome::Conflict { stored: None };
        }
        let is_known = !self.has(Flaw::KnowsOnlyTheLoaded) || self.mind().loaded.contains(&id);
        let stored = found.and_then(Entry::revision).filter(|_| is_known);
        let nothing_to_delete = change.new.is_none() && stored.is_none();
        let fits = match (self.flaw, change.new.is_some()) {
            (Flaw::LastSaveWins, true) | (Flaw::DeletesWhateverIsThere, false) => true,
            (Flaw::SmallRevisions, _) => nothing_to_delete || stored.map(small) == change.replaces.map(small),
            (Flaw::NothingToDeleteIsAConflict, _) => stored == change.replaces,
            (_, _) => nothing_to_delete || stored == change.replaces,
        };
        if !fits {
            return WriteOutcome::Conflict { stored };
        }
        if self.has(Flaw::HoldsAMillionBytes) && change.new.as_ref().is_some_and(|new| new.bytes().len() > 1_000_000) {
            return WriteOutcome::NotApplied("it does not fit".into());
        }
        *self.server.before() = entries.clone();
        self.mind().loaded.insert(id);
        self.server.changed.lock().expect("no test panics in here").insert(id, Instant::now());
        let old = match &change.new {
            Some(new) if self.has(Flaw::RewritesJson) => entries.insert(id, Entry::Whole(rewritten(new))),
            Some(new) => entries.insert(id, Entry::Whole(new.clone())),
            None => entries.remove(&id),
        };
        if let (Some(Entry::Whole(old)), None) = (old, &change.new) {
            self.mind().deleted.push(old);
        }
        WriteOutcome::Applied
    }

    /// What a store does around the one call, which for a good one is nothing.
    async fn carry_out(&self, mut change: Change) -> WriteOutcome {
        match self.flaw {
            Flaw::ComparesBefore => {
                let stored = self.server.revision(change.id);
                if stored != change.replaces && (change.new.is_some() || stored.is_some()) {
                    return WriteOutcome::Conflict { stored };
                }
                yield_now().await;
                change.replaces = self.server.revision(change.id);
                self.change(&change)
            }
            Flaw::OneDocument => {
                let mut document = self.server.entries().clone();
                let saved = self.change(&change);
                yield_now().await;
                if matches!(saved, WriteOutcome::Applied) {
                    document.remove(&change.id);
                    document.extend(change.new.map(|new| (change.id, Entry::Whole(new))));
                    *self.server.entries() = document;
                }
                saved
            }
            Flaw::RemovesBefore => {
                let old = self.server.entries().get(&change.id).cloned();
                if let Some(old) = old.filter(|old| old.revision() == change.replaces) {
                    self.server.entries().remove(&change.id);
                    yield_now().await;
                    self.server.entries().insert(change.id, old);
                }
                self.change(&change)
            }
            _ => self.change(&change),
        }
    }

    /// What it says that there is.
    fn summaries(&self, query: &Query) -> Result<Vec<Summary>, BoxError> {
        let mut records =
            self.read(|entries| entries.values().filter_map(|entry| entry.read().ok()).collect::<Vec<_>>())?;
        if self.has(Flaw::ListsTheDeleted) {
            records.extend(self.mind().deleted.clone());
            records.sort_by_key(Record::id);
        }
        let matches = |summary: &Summary| {
            if !self.has(Flaw::IgnoresCase) {
                return query.matches(summary);
            }
            let mut lower = summary.clone();
            lower.flow.make_ascii_lowercase();
            let mut query = query.clone();
            query.flow = query.flow.map(|flow| flow.to_ascii_lowercase());
            query.matches(&lower)
        };
        Ok(records.iter().map(Summary::of).filter(matches).collect())
    }
}

fn small(revision: Revision) -> u64 {
    revision.number() % (1 << 32)
}

/// The record as a database that understands JSON would keep it.
fn rewritten(record: &Record) -> Record {
    let read = serde_json::from_slice::<serde_json::Value>(record.bytes());
    let Ok(serde_json::Value::Object(mut fields)) = read else { return record.clone() };
    fields.remove("sum");
    let mut content = serde_json::to_string(&fields).expect("it is JSON");
    content.pop();
    let sum = HEXLOWER.encode(&Sha256::digest(&content));
    Record::parse(format!("{content},\"sum\":\"{sum}\"}}\n").into_bytes()).expect("it is a record of its own")
}

impl Store for Remote {
    fn load_all<'a>(&'a self, each: &'a mut Visitor<'a>) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(async move {
            if self.has(Flaw::WalksByPlace) {
                for place in 0.. {
                    let Some(entry) = self.read(|entries| entries.values().nth(place).cloned())? else { break };
                    each(entry.read());
                    yield_now().await;
                }
                return Ok(());
            }
            let most = if self.has(Flaw::LoadsTheFirst256) { 256 } else { usize::MAX };
            for entry in self.read(|entries| entries.values().take(most).cloned().collect::<Vec<_>>())? {
                match entry.read() {
                    Err(unreadable) if self.has(Flaw::StopsAtTheUnreadable) => return Err(unreadable.into()),
                    read => each(read),
                }
            }
            Ok(())
        })
    }

    fn load(&self, id: ConversationId) -> BoxFuture<'_, Result<Option<Record>, LoadError>> {
        Box::pin(async move {
            if let Some(believed) = self.mind().believed.get(&id) {
                return Ok(Some(believed.clone()));
            }
            let found = self.read(|entries| entries.get(&self.key(id)).cloned()).map_err(LoadError::Store)?;
            self.mind().loaded.insert(id);
            match found {
                Some(entry) => entry.read().map(Some).map_err(LoadError::Unreadable),
                None if self.has(Flaw::NothingIsAnError) => Err(LoadError::Store("no such row".into())),
                None => Ok(None),
            }
        })
    }

    fn list<'a>(
        &'a self,
        query: &'a Query,
        after: Option<ConversationId>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, BoxError>> {
        Box::pin(async move {
            let summaries = self.summaries(query)?;
            let by_id = summaries.iter().take_while(|summary| after.is_some_and(|after| summary.id <= after)).count();
            let skipped = match after {
                Some(after) if self.has(Flaw::PagesByNumber) => *self.mind().listed.get(&after).unwrap_or(&by_id),
                Some(_) | None => by_id,
            };
            let page: Page = summaries.into_iter().skip(skipped).take(limit).collect();
            self.mind().listed.extend(page.last().map(|last| (last.id, skipped + page.len())));
            Ok(page)
        })
    }

    fn older_than<'a>(
        &'a self,
        query: &'a Query,
        age: Duration,
        after: Option<ConversationId>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Option<Page>, BoxError>> {
        Box::pin(async move {
            let is_idle = |summary: &Summary| match self.has(Flaw::AgesByTouched) {
                true => Timestamp::from(SystemTime::now()).since(summary.touched) >= age,
                false => self.server.age(self.key(summary.id)) >= age,
            };
            let summaries = self.summaries(query)?.into_iter().filter(is_idle);
            Ok(Some(summaries.filter(|summary| after.is_none_or(|after| summary.id > after)).take(limit).collect()))
        })
    }

    fn count<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Vec<Count>, BoxError>> {
        Box::pin(async move {
            let all = MemoryStore::new();
            let query = if self.has(Flaw::CountsAll) { Query::all() } else { query.clone() };
            for record in
                self.read(|entries| entries.values().filter_map(|entry| entry.read().ok()).collect::<Vec<_>>())?
            {
                let _ = all.save(&record, None).await;
            }
            let mut counts = all.count(&query).await?;
            if self.has(Flaw::CountsUnsorted) {
                // As most databases put it: what is nothing comes last.
                counts.sort_by_key(|count| (count.flow.clone(), count.state.is_none(), count.state.clone()));
            }
            Ok(counts)
        })
    }

    fn save<'a>(&'a self, record: &'a Record, replaces: Option<Revision>) -> BoxFuture<'a, WriteOutcome> {
        Box::pin(self.carry_out(Change { id: record.id(), replaces, new: Some(record.clone()) }))
    }

    fn delete(&self, id: ConversationId, replaces: Revision) -> BoxFuture<'_, WriteOutcome> {
        Box::pin(self.carry_out(Change { id, replaces: Some(replaces), new: None }))
    }

    fn discard(&self, id: ConversationId, replaces: Revision) -> BoxFuture<'_, WriteOutcome> {
        Box::pin(async move {
            if self.has(Flaw::DiscardsNothing) {
                return WriteOutcome::Applied;
            }
            let stored = self.read(|entries| entries.get(&self.key(id)).and_then(Entry::revision));
            match stored {
                Ok(Some(stored)) if self.has(Flaw::DiscardsWhateverIsThere) => self.delete(id, stored).await,
                Ok(_) | Err(_) => self.delete(id, replaces).await,
            }
        })
    }
}

// ---- The harness --------------------------------------------------------------------------------------------------

/// The server, and the process that is running.
#[derive(Debug)]
pub(crate) struct Site {
    flaw: Flaw,
    server: Arc<Server>,
    line: Arc<Mutex<Line>>,
}

impl Site {
    pub(crate) fn new(flaw: Flaw) -> Self {
        Self { flaw, server: Arc::default(), line: Arc::default() }
    }

    fn open(&mut self) -> Remote {
        self.line = Arc::default();
        let (server, line) = (Arc::clone(&self.server), Arc::clone(&self.line));
        Remote { flaw: self.flaw, server, line, mind: Mutex::default() }
    }
}

impl Harness for Site {
    type Store = Remote;

    async fn fresh(&mut self) -> Result<Remote, BoxError> {
        self.server = Arc::default();
        Ok(self.open())
    }

    async fn reopen(&mut self) -> Result<Option<Remote>, BoxError> {
        if self.flaw == Flaw::WritesLate {
            // The last change was still on its way.
            *self.server.entries() = self.server.before().clone();
        }
        Ok(Some(self.open()))
    }

    async fn overwrite(&mut self, id: ConversationId, bytes: &[u8]) -> Result<bool, BoxError> {
        let entry = match Record::parse(bytes.to_vec()) {
            Ok(record) if record.id() == id => Entry::Whole(record),
            Ok(_) => damaged(id, Reason::Corrupt("it is another one".to_owned())),
            Err(reason) => damaged(id, reason),
        };
        self.server.entries().insert(id, entry);
        Ok(true)
    }

    fn fail(&mut self, fault: Option<Fault>) -> bool {
        *self.line.lock().expect("no test panics in here") = Line { fault, ..Line::default() };
        true
    }

    fn failed(&self) -> usize {
        self.line.lock().expect("no test panics in here").failed
    }
}

fn damaged(id: ConversationId, reason: Reason) -> Entry {
    Entry::Damaged(Unreadable { id: Some(id), entry: id.to_string(), reason })
}
