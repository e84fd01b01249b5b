//! What a [`Store`] promises, as a suite that runs on any of them.
//!
//! A [`Harness`] says how a store is opened, closed and made to fail. [`run`] checks every [`Promise`] and gives a
//! [`Report`]; a promise that the harness has no means to check is reported as such and never as held.
//!
//! ```
//! use stube::store::contract::{self, Harness};
//! use stube::store::{BoxFuture, MemoryStore};
//!
//! struct Memory;
//!
//! impl Harness for Memory {
//!     type Store = MemoryStore;
//!
//!     fn fresh(&self) -> BoxFuture<'_, MemoryStore> {
//!         Box::pin(async { MemoryStore::new() })
//!     }
//! }
//!
//! # #[tokio::main]
//! # async fn main() {
//! contract::run(&Memory).await.assert();
//! # }
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use tokio::task::JoinSet;

use crate::id::{ConversationId, Owner};
use crate::record::{FORMAT, Header, MAX_BYTES, Record, Revision, Unreadable};
use crate::store::{BoxFuture, LoadError, Query, Saved, Store, Summary};
use crate::timestamp::Timestamp;

/// How a store is opened, closed and made to fail. The first is needed; each of the others makes more promises
/// checkable.
pub trait Harness: Send + Sync {
    /// The store.
    type Store: Store;

    /// A store with nothing in it, apart from all others.
    fn fresh(&self) -> BoxFuture<'_, Self::Store>;

    /// Closes the store and opens what it has kept, as the next process does. `None` if it keeps nothing.
    fn reopen(&self, store: Self::Store) -> BoxFuture<'_, Option<Self::Store>> {
        drop(store);
        Box::pin(async { None })
    }

    /// Every state in which the loss of power at this moment could leave the store, opened by the next process; at
    /// least the worst one. `None` if that cannot be done.
    fn power_cuts<'a>(&'a self, store: &'a Self::Store) -> BoxFuture<'a, Option<Vec<Self::Store>>> {
        let _ = store;
        Box::pin(async { None })
    }

    /// Makes the `nth` call, from 0, that the store makes from now on to what it stands on fail. `false` if that cannot
    /// be done.
    fn fail(&self, store: &Self::Store, nth: usize) -> bool {
        let _ = (store, nth);
        false
    }

    /// Lets all calls succeed again. Whether one has failed since [`fail`](Self::fail).
    fn heal(&self, store: &Self::Store) -> bool {
        let _ = store;
        false
    }

    /// Changes a byte of what the store keeps of a conversation, behind its back. `false` if that cannot be done.
    fn damage<'a>(&'a self, store: &'a Self::Store, id: ConversationId) -> BoxFuture<'a, bool> {
        let _ = (store, id);
        Box::pin(async { false })
    }
}

macro_rules! promises {
    ($($promise:ident $check:ident $text:literal)*) => {
        /// What a store promises.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Promise {
            $(#[doc = $text] $promise,)*
        }

        impl Promise {
            /// All of them, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$promise),*];

            const fn text(self) -> &'static str {
                match self {
                    $(Self::$promise => $text,)*
                }
            }
        }

        /// Checks every promise, each on a store of its own. To be called in a tokio runtime, best one with several
        /// threads.
        pub async fn run<H: Harness>(harness: &H) -> Report {
            let mut report = Report { findings: BTreeMap::new() };
            $(report.findings.insert(Promise::$promise, $check(harness).await.unwrap_or_else(Finding::Broken));)*
            report
        }
    };
}

promises! {
    RoundTrip round_trip "A record that was saved is loaded byte for byte."
    FirstSave first_save "The first save of a conversation is applied if there is none, and else changes nothing."
    Revisions revisions "A save replaces the revision that it names, or changes nothing and says which one is there."
    OneWinner one_winner "Of several changes of one revision at the same time, one is applied."
    Delete delete "A delete removes the revision that it names, or changes nothing."
    DeleteAgain delete_again "Deleting what is not there is applied."
    StaysDeleted stays_deleted "What was deleted stays deleted when the store is opened again."
    LoadAll load_all "`load_all` hands on each record once, as `load` gives it."
    Sizes sizes "A record of the largest size is kept like any other."
    Ids ids "Conversations whose ids differ in one bit are kept apart."
    ManyTasks many_tasks "Changes of many conversations at the same time are all kept."
    Reopening reopening "What was applied is there when the store is opened again."
    Lists lists "`list` gives what matches in pages, in the order of the ids, and `count` counts the same."
    Faults faults "When a call of the store's fails, its answer is what became of the change, and it works again."
    PowerCuts power_cuts "What was applied survives the loss of power, also when a call failed before."
    Damage damage "What was damaged is told and left alone, and nothing else suffers."
}

impl Promise {
    /// Its number, from 1.
    pub const fn number(self) -> usize {
        self as usize + 1
    }
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "C{} {}", self.number(), self.text())
    }
}

/// What was found out about a promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// It was kept, as far as was tried.
    Held,
    /// It was not kept, and how.
    Broken(String),
    /// The harness cannot do what would be needed: this.
    NotChecked(&'static str),
}

/// What was found out about a store.
#[derive(Debug, Clone)]
pub struct Report {
    findings: BTreeMap<Promise, Finding>,
}

impl Report {
    /// What was found out about a promise.
    pub fn finding(&self, promise: Promise) -> &Finding {
        &self.findings[&promise]
    }

    /// The promises that were broken.
    pub fn broken(&self) -> Vec<Promise> {
        self.findings.iter().filter(|(_, finding)| matches!(finding, Finding::Broken(_))).map(|(p, _)| *p).collect()
    }

    /// The promises that could not be checked.
    pub fn not_checked(&self) -> Vec<Promise> {
        self.findings.iter().filter(|(_, finding)| matches!(finding, Finding::NotChecked(_))).map(|(p, _)| *p).collect()
    }

    /// Does nothing if no promise was broken.
    ///
    /// # Panics
    ///
    /// One was. The message names all of them.
    pub fn assert(&self) {
        assert!(self.broken().is_empty(), "the store breaks what it promises:\n{self}");
    }
}

/// One line for each promise.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (promise, finding) in &self.findings {
            match finding {
                Finding::Held => writeln!(f, "held         {promise}")?,
                Finding::Broken(how) => writeln!(f, "BROKEN       {promise} {how}")?,
                Finding::NotChecked(missing) => writeln!(f, "not checked  {promise} The harness has no `{missing}`.")?,
            }
        }
        Ok(())
    }
}

// ---- Records ------------------------------------------------------------------------------------------------------

fn id(number: u128) -> ConversationId {
    ConversationId::from_bits(number.to_be_bytes())
}

fn revision(number: u64) -> Revision {
    (1..number).fold(Revision::FIRST, |revision, _| revision.next())
}

/// What varies from record to record.
struct Sample<'a> {
    flow: &'a str,
    state: Option<&'a str>,
    waits_for: Option<&'a str>,
    owner: Option<&'a str>,
    due: Option<u64>,
    touched: u64,
    body: String,
}

impl Default for Sample<'_> {
    fn default() -> Self {
        let body = r#"{"next":2,"root":[{"id":"i1","type":"confirm","state":{"question":"Sure?"}}]}"#.to_owned();
        Self { flow: "confirm", state: None, waits_for: Some("confirm"), owner: None, due: None, touched: 1_000, body }
    }
}

impl Sample<'_> {
    fn record(&self, id: ConversationId, revision: Revision) -> Record {
        let header = Header {
            format: FORMAT,
            id,
            revision,
            flow: self.flow.to_owned(),
            state: self.state.map(str::to_owned),
            waits_for: self.waits_for.map(str::to_owned),
            created: Timestamp::from_millis(1_000),
            touched: Timestamp::from_millis(self.touched),
            owner: self.owner.map(|owner| Owner::new(owner).expect("BUG: an owner of a sample is short")),
            due: self.due.map(Timestamp::from_millis),
            answered: None,
            outlived_by: None,
        };
        Record::seal(header, &self.body).expect("BUG: a sample is within the limits")
    }
}

/// A record whose body says which one it is.
fn plain(id: ConversationId, number: u64) -> Record {
    let text =
        format!(r#"{{"next":2,"root":[{{"id":"i1","type":"confirm","state":{{"question":"Change {number}?"}}}}]}}"#);
    Sample { body: text, ..Sample::default() }.record(id, revision(number))
}

/// A body with this text in it.
fn body(text: &str) -> String {
    let text = serde_json::Value::from(text);
    format!(r#"{{"next":2,"root":[{{"id":"i1","type":"confirm","state":{{"question":{text}}}}}]}}"#)
}

/// Every kind of record.
fn samples() -> Vec<Record> {
    let kinds = [
        Sample::default(),
        Sample { flow: "a", state: Some("Room"), waits_for: Some("b"), ..Sample::default() },
        Sample { flow: "a", waits_for: None, body: r#"{"result":null}"#.to_owned(), ..Sample::default() },
        Sample { owner: Some("ada"), due: Some(5_000), ..Sample::default() },
        Sample { owner: Some("Zoë's \"account\" 'or' 1=1; --\n\0%_\\"), ..Sample::default() },
        Sample { flow: "größe", state: Some("Größe"), waits_for: Some("zahl_1"), ..Sample::default() },
        Sample { due: Some(0), touched: 0, ..Sample::default() },
        Sample { due: Some(u64::MAX), touched: u64::MAX, ..Sample::default() },
        Sample { body: body("\0\u{1}\u{7f}\u{feff}\u{2028}\u{fffd}\u{10ffff} \"'\\/\r\n\t"), ..Sample::default() },
        Sample { body: body(&"Ⓧ".repeat(100_000)), ..Sample::default() },
        Sample {
            body: r#"{"next":2,"root":[1e-7,-0.0,9007199254740993,2e3,{"b":1,"a":2}]}"#.to_owned(),
            ..Sample::default()
        },
    ];
    let records = kinds.iter().zip(1_u128..).map(|(kind, number)| kind.record(id(number << 64), Revision::FIRST));
    records.collect()
}

/// A record of exactly the largest size.
fn largest(id: ConversationId) -> Record {
    let of =
        |letters: usize| Sample { body: body(&"x".repeat(letters)), ..Sample::default() }.record(id, Revision::FIRST);
    let around = of(0).bytes().len();
    of(MAX_BYTES - around)
}

// ---- What is asked of a store -------------------------------------------------------------------------------------

type Checked = Result<Finding, String>;

macro_rules! ensure {
    ($holds:expr, $($how:tt)*) => {
        if !$holds {
            return Err(format!($($how)*));
        }
    };
}

fn applied(what: &str, saved: Saved) -> Result<(), String> {
    match saved {
        Saved::Applied => Ok(()),
        other => Err(format!("{what} gave {other:?}.")),
    }
}

async fn save<S: Store>(store: &S, record: &Record, replaces: Option<Revision>) -> Result<(), String> {
    let what = format!("Saving revision {} over {replaces:?}", record.revision());
    applied(&what, store.save(record, replaces).await)
}

/// Saves revisions 1 to `last`.
async fn save_up_to<S: Store>(store: &S, id: ConversationId, last: u64) -> Result<(), String> {
    for number in 1..=last {
        let replaces = (number > 1).then(|| revision(number - 1));
        save(store, &plain(id, number), replaces).await?;
    }
    Ok(())
}

async fn load<S: Store>(store: &S, id: ConversationId) -> Result<Option<Record>, String> {
    store.load(id).await.map_err(|error| format!("Loading failed: {error}."))
}

/// That there is just this.
async fn is_there<S: Store>(store: &S, id: ConversationId, expected: Option<&Record>) -> Result<(), String> {
    let found = load(store, id).await?;
    ensure!(found.as_ref() == expected, "There should be {expected:?}, and there is {found:?}.");
    Ok(())
}

/// That a change was refused because of the revision that is there.
fn conflict(what: &str, saved: Saved, expected: Option<Revision>) -> Result<(), String> {
    match saved {
        Saved::Conflict { stored } if stored == expected => Ok(()),
        other => Err(format!("{what} gave {other:?}, and should be a conflict with {expected:?}.")),
    }
}

async fn all<S: Store>(store: &S) -> Result<(BTreeMap<ConversationId, Record>, Vec<Unreadable>), String> {
    let (mut records, mut unreadable, mut twice) = (BTreeMap::new(), Vec::new(), None);
    let read = store
        .load_all(&mut |entry| match entry {
            Ok(record) => {
                if let Some(before) = records.insert(record.id(), record) {
                    twice = Some(before.id());
                }
            }
            Err(left) => unreadable.push(left),
        })
        .await;
    read.map_err(|error| format!("`load_all` failed: {error}."))?;
    match twice {
        Some(id) => Err(format!("`load_all` hands on {id} twice.")),
        None => Ok((records, unreadable)),
    }
}

// ---- The promises -------------------------------------------------------------------------------------------------

async fn round_trip<H: Harness>(harness: &H) -> Checked {
    let store = harness.fresh().await;
    let samples = samples();
    for record in &samples {
        save(&store, record, None).await?;
    }
    for record in &samples {
        is_there(&store, record.id(), Some(record)).await?;
    }
    is_there(&store, id(0), None).await?;
    Ok(Finding::Held)
}

async fn first_save<H: Harness>(harness: &H) -> Checked {
    let store = harness.fresh().await;
    save_up_to(&store, id(1), 2).await?;
    for number in [1, 2, 3] {
        let saved = store.save(&plain(id(1), number), None).await;
        conflict("A first save of what is there", saved, Some(revision(2)))?;
    }
    is_there(&store, id(1), Some(&plain(id(1), 2))).await?;
    Ok(Finding::Held)
}

async fn revisions<H: Harness>(harness: &H) -> Checked {
    let store = harness.fresh().await;
    save_up_to(&store, id(1), 5).await?;
    for wrong in [1, 2, 3, 4, 6, 1 << 40] {
        let saved = store.save(&plain(id(1), 6), Some(revision_at(wrong))).await;
        conflict(&format!("A save over revision {wrong}"), saved, Some(revision(5)))?;
        is_there(&store, id(1), Some(&plain(id(1), 5))).await?;
    }
    conflict("A save over what is not there", store.save(&plain(id(2), 2), Some(revision(1))).await, None)?;
    is_there(&store, id(2), None).await?;
    save(&store, &plain(id(1), 6), Some(revision(5))).await?;
    is_there(&store, id(1), Some(&plain(id(1), 6))).await?;
    Ok(Finding::Held)
}

/// A revision that no record of the suite has.
fn revision_at(number: u64) -> Revision {
    if number < 1_000 {
        return revision(number);
    }
    serde_json::from_value(number.into()).expect("BUG: a revision is a number")
}

async fn one_winner<H: Harness>(harness: &H) -> Checked {
    const RIVALS: u64 = 8;
    let store = Arc::new(harness.fresh().await);
    for round in 0..20 {
        let id = id(round + 1);
        save_up_to(&*store, id, 1).await?;
        let mut rivals = JoinSet::new();
        for rival in 0..RIVALS {
            let store = Arc::clone(&store);
            rivals.spawn(async move {
                if rival == 0 && round % 2 == 1 {
                    return (None, store.delete(id, Revision::FIRST).await);
                }
                let mine = Sample { touched: 2_000 + rival, ..Sample::default() }.record(id, revision(2));
                let saved = store.save(&mine, Some(Revision::FIRST)).await;
                (Some(mine), saved)
            });
        }
        let mut winners = Vec::new();
        while let Some(rival) = rivals.join_next().await {
            let (mine, saved) = rival.map_err(|error| format!("A task panicked: {error}."))?;
            match saved {
                Saved::Applied => winners.push(mine),
                Saved::Conflict { .. } => {}
                other => return Err(format!("Of {RIVALS} changes at once, one gave {other:?}.")),
            }
        }
        // A delete of what is not there any more is applied too, but not over what somebody else has saved.
        ensure!(winners.len() == 1, "Of {RIVALS} changes of one revision, {} were applied.", winners.len());
        is_there(&*store, id, winners[0].as_ref()).await?;
    }
    Ok(Finding::Held)
}

async fn delete<H: Harness>(harness: &H) -> Checked {
    let store = harness.fresh().await;
    save_up_to(&store, id(1), 3).await?;
    save_up_to(&store, id(2), 1).await?;
    for wrong in [1, 2, 4] {
        let deleted = store.delete(id(1), revision(wrong)).await;
        conflict(&format!("A delete of revision {wrong}"), deleted, Some(revision(3)))?;
    }
    is_there(&store, id(1), Some(&plain(id(1), 3))).await?;
    applied("A delete", store.delete(id(1), revision(3)).await)?;
    is_there(&store, id(1), None).await?;
    is_there(&store, id(2), Some(&plain(id(2), 1))).await?;
    conflict("A save over what was deleted", store.save(&plain(id(1), 4), Some(revision(3))).await, None)?;
    is_there(&store, id(1), None).await?;
    Ok(Finding::Held)
}

async fn delete_again<H: Harness>(harness: &H) -> Checked {
    let store = harness.fresh().await;
    applied("A delete of what was never there", store.delete(id(1), revision(1)).await)?;
    save_up_to(&store, id(1), 2).await?;
    for time in ["The first", "The second", "The third"] {
        applied(&format!("{time} delete"), store.delete(id(1), revision(2)).await)?;
        is_there(&store, id(1), None).await?;
    }
    Ok(Finding::Held)
}

async fn stays_deleted<H: Harness>(harness: &H) -> Checked {
    let store = harness.fresh().await;
    save_up_to(&store, id(1), 2).await?;
    save_up_to(&store, id(2), 2).await?;
    applied("A delete", store.delete(id(1), revision(2)).await)?;
    let Some(store) = harness.reopen(store).await else { return Ok(Finding::NotChecked("reopen")) };
    is_there(&store, id(1), None).await?;
    let (records, _) = all(&store).await?;
    ensure!(!records.contains_key(&id(1)), "`load_all` hands on what was deleted.");
    is_there(&store, id(2), Some(&plain(id(2), 2))).await?;
    Ok(Finding::Held)
}

async fn load_all<H: Harness>(harness: &H) -> Checked {
    let store = harness.fresh().await;
    let (records, _) = all(&store).await?;
    ensure!(records.is_empty(), "A fresh store hands on {} records.", records.len());
    let mut expected = BTreeMap::new();
    for number in 0..50_u64 {
        let last = 1 + number % 3;
        save_up_to(&store, id(number.into()), last).await?;
        expected.insert(id(number.into()), plain(id(number.into()), last));
    }
    for number in [3_u64, 30, 49] {
        applied("A delete", store.delete(id(number.into()), revision(1 + number % 3)).await)?;
        expected.remove(&id(number.into()));
    }
    let (records, unreadable) = all(&store).await?;
    ensure!(unreadable.is_empty(), "It cannot read {unreadable:?}.");
    ensure!(records == expected, "`load_all` hands on {} records of {}.", records.len(), expected.len());
    for record in expected.values() {
        is_there(&store, record.id(), Some(record)).await?;
    }
    Ok(Finding::Held)
}

async fn sizes<H: Harness>(harness: &H) -> Checked {
    let store = harness.fresh().await;
    let record = largest(id(1));
    debug_assert_eq!(record.bytes().len(), MAX_BYTES);
    save(&store, &record, None).await?;
    is_there(&store, id(1), Some(&record)).await?;
    let (records, _) = all(&store).await?;
    ensure!(records.get(&id(1)) == Some(&record), "`load_all` does not hand on the largest record.");
    save(&store, &plain(id(1), 2), Some(Revision::FIRST)).await?;
    is_there(&store, id(1), Some(&plain(id(1), 2))).await?;
    Ok(Finding::Held)
}

async fn ids<H: Harness>(harness: &H) -> Checked {
    let store = harness.fresh().await;
    let one_bit = (0..128).map(|bit| 1_u128 << bit);
    let ids: BTreeSet<_> = one_bit.chain([0, u128::MAX]).map(id).collect();
    for &id in &ids {
        save(&store, &plain(id, 1), None).await?;
    }
    for &id in &ids {
        is_there(&store, id, Some(&plain(id, 1))).await?;
    }
    let (records, _) = all(&store).await?;
    ensure!(
        records.keys().copied().collect::<BTreeSet<_>>() == ids,
        "{} of {} ids are there.",
        records.len(),
        ids.len()
    );
    Ok(Finding::Held)
}

async fn many_tasks<H: Harness>(harness: &H) -> Checked {
    const TASKS: u64 = 32;
    let store = Arc::new(harness.fresh().await);
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            save_up_to(&*store, id(task.into()), 10).await?;
            match task % 4 {
                0 => applied("A delete", store.delete(id(task.into()), revision(10)).await),
                _ => Ok(()),
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.map_err(|error| format!("A task panicked: {error}."))??;
    }
    for task in 0..TASKS {
        let expected = (task % 4 != 0).then(|| plain(id(task.into()), 10));
        is_there(&*store, id(task.into()), expected.as_ref()).await?;
    }
    Ok(Finding::Held)
}

async fn reopening<H: Harness>(harness: &H) -> Checked {
    let mut store = harness.fresh().await;
    let samples = samples();
    for record in &samples {
        save(&store, record, None).await?;
    }
    for last in 1..=4 {
        let replaces = (last > 1).then(|| revision(last - 1));
        save(&store, &plain(id(1), last), replaces).await?;
        let Some(next) = harness.reopen(store).await else { return Ok(Finding::NotChecked("reopen")) };
        store = next;
        is_there(&store, id(1), Some(&plain(id(1), last))).await?;
        for record in &samples {
            is_there(&store, record.id(), Some(record)).await?;
        }
        // Revisions are known after reopening too.
        let saved = store.save(&plain(id(1), last), replaces).await;
        conflict("The same save after reopening", saved, Some(revision(last)))?;
    }
    Ok(Finding::Held)
}

async fn lists<H: Harness>(harness: &H) -> Checked {
    let store = harness.fresh().await;
    let mut summaries = Vec::new();
    for number in 0..60_u64 {
        let (flows, states) = (["booking", "Booking", "order"], [Some("Room"), Some("room"), None]);
        let sample = Sample {
            flow: flows[number as usize % 3],
            state: states[number as usize / 3 % 3],
            waits_for: [Some("pick"), Some("confirm"), None][number as usize / 9 % 3],
            owner: [Some("ada"), None][number as usize % 2],
            due: (number % 4 == 0).then_some(1_000 * number),
            touched: 10_000 + number,
            ..Sample::default()
        };
        // So that the order of the ids is not the one in which they were saved.
        let record = sample.record(id(u128::from(number * 37 % 60) << 100), Revision::FIRST);
        save(&store, &record, None).await?;
        summaries.push(Summary::of(&record));
    }
    summaries.sort_by_key(|summary| summary.id);
    let time = Timestamp::from_millis;
    let ada = Owner::new("ada").expect("BUG: it is short");
    let queries = [
        Query::all(),
        Query::all().flow("booking"),
        Query::all().flow("book"),
        Query::all().flow("booking").state("Room"),
        Query::all().state("room"),
        Query::all().waits_for("confirm").owner(ada.clone()),
        Query::all().owner(ada),
        Query::all().ended(true),
        Query::all().ended(false).flow("order"),
        Query::all().due_before(time(0)),
        Query::all().due_before(time(8_001)),
        Query::all().due_before(time(u64::MAX)).flow("order"),
        Query::all().touched_before(time(10_030)),
        Query::all().touched_before(time(10_030)).state("Room").ended(false),
    ];
    for query in &queries {
        let expected: Vec<_> = summaries.iter().filter(|summary| query.matches(summary)).cloned().collect();
        for limit in [1, 7, 60, 1_000] {
            let (mut found, mut after) = (Vec::new(), None);
            loop {
                let page = store.list(query, after, limit).await.map_err(|error| format!("`list` failed: {error}."))?;
                ensure!(page.len() <= limit, "A page of {limit} has {} records.", page.len());
                after = page.last().map(|last| last.id);
                let is_last = page.len() < limit;
                found.extend(page);
                // A store that gives one twice may do so for ever.
                if is_last || found.len() > expected.len() {
                    break;
                }
            }
            ensure!(
                found == expected,
                "Pages of {limit} of {query:?} have {} records of {}.",
                found.len(),
                expected.len()
            );
        }
        let counts = store.count(query).await.map_err(|error| format!("`count` failed: {error}."))?;
        let mut of: BTreeMap<_, u64> = BTreeMap::new();
        expected.iter().for_each(|summary| *of.entry((summary.flow.clone(), summary.state.clone())).or_default() += 1);
        let counts: Vec<_> = counts.into_iter().map(|count| ((count.flow, count.state), count.records)).collect();
        ensure!(counts == of.into_iter().collect::<Vec<_>>(), "`count` of {query:?} gives {counts:?}.");
    }
    Ok(Finding::Held)
}

/// A change under a fault.
#[derive(Debug, Clone, Copy)]
enum Change {
    First,
    Second,
    Delete,
}

impl Change {
    const ALL: [Self; 3] = [Self::First, Self::Second, Self::Delete];

    async fn prepare<S: Store>(self, store: &S) -> Result<(), String> {
        save_up_to(store, id(2), 2).await?;
        match self {
            Self::First => Ok(()),
            Self::Second | Self::Delete => save_up_to(store, id(1), 1).await,
        }
    }

    async fn make<S: Store>(self, store: &S) -> Saved {
        match self {
            Self::First => store.save(&plain(id(1), 1), None).await,
            Self::Second => store.save(&plain(id(1), 2), Some(Revision::FIRST)).await,
            Self::Delete => store.delete(id(1), Revision::FIRST).await,
        }
    }

    fn before(self) -> Option<Record> {
        match self {
            Self::First => None,
            Self::Second | Self::Delete => Some(plain(id(1), 1)),
        }
    }

    fn after(self) -> Option<Record> {
        match self {
            Self::First => Some(plain(id(1), 1)),
            Self::Second => Some(plain(id(1), 2)),
            Self::Delete => None,
        }
    }
}

/// How many calls are made to fail, one after the other, until none does: far more than any store makes.
const MOST_CALLS: usize = 10_000;

/// Makes each change with each call failing once, and hands what there is then to `look`: the store, what may be
/// there, and where that was.
async fn with_faults<H: Harness, L>(harness: &H, mut look: L) -> Checked
where
    L: AsyncFnMut(H::Store, Vec<Option<Record>>, String) -> Result<(), String>,
{
    for change in Change::ALL {
        let mut nth = 0;
        loop {
            let store = harness.fresh().await;
            change.prepare(&store).await?;
            if !harness.fail(&store, nth) {
                return Ok(Finding::NotChecked("fail"));
            }
            let saved = change.make(&store).await;
            let struck = harness.heal(&store);
            let place = format!("{change:?} with call {nth} failing gave {saved:?}");
            let possible = match saved {
                Saved::Applied => vec![change.after()],
                Saved::NotApplied(_) | Saved::Conflict { .. } if struck => vec![change.before()],
                Saved::Unknown(_) if struck => {
                    // A load settles it.
                    let found = load(&store, id(1)).await.map_err(|error| format!("{place}: {error}"))?;
                    ensure!(
                        [change.before(), change.after()].contains(&found),
                        "{place}, and then there is {found:?}."
                    );
                    vec![found]
                }
                _ => return Err(format!("{place}, though nothing failed.")),
            };
            look(store, possible, place).await?;
            if !struck {
                break;
            }
            nth += 1;
            ensure!(nth < MOST_CALLS, "{change:?} makes more than {MOST_CALLS} calls.");
        }
    }
    Ok(Finding::Held)
}

async fn faults<H: Harness>(harness: &H) -> Checked {
    let kept = with_faults(harness, async |store, possible, place| {
        let Some(store) = harness.reopen(store).await else { return Ok(()) };
        let found = load(&store, id(1)).await.map_err(|error| format!("{place}, and after reopening: {error}"))?;
        ensure!(possible.contains(&found), "{place}, and after reopening there is {found:?}.");
        is_there(&store, id(2), Some(&plain(id(2), 2))).await.map_err(|error| format!("{place}: {error}"))
    });
    if let Finding::NotChecked(missing) = kept.await? {
        return Ok(Finding::NotChecked(missing));
    }
    with_faults(harness, async |store, possible, place| {
        let here = |error: String| format!("{place}: {error}");
        let found = load(&store, id(1)).await.map_err(here)?;
        ensure!(possible.contains(&found), "{place}, and there is {found:?}.");
        is_there(&store, id(2), Some(&plain(id(2), 2))).await.map_err(here)?;
        // It works again.
        match &found {
            Some(record) => {
                let next = plain(id(1), record.revision().number() + 1);
                save(&store, &next, Some(record.revision())).await.map_err(here)?;
                applied("A delete", store.delete(id(1), next.revision()).await).map_err(here)?;
            }
            None => save_up_to(&store, id(1), 2).await.map_err(here)?,
        }
        save(&store, &plain(id(2), 3), Some(revision(2))).await.map_err(here)
    })
    .await
}

async fn power_cuts<H: Harness>(harness: &H) -> Checked {
    let survives = async |store: &H::Store, possible: &[Option<Record>], place: &str| {
        let Some(cuts) = harness.power_cuts(store).await else { return Ok(false) };
        for cut in cuts {
            let found = load(&cut, id(1)).await.map_err(|error| format!("{place}, and after a power cut: {error}"))?;
            ensure!(possible.contains(&found), "{place}, and after a power cut there is {found:?}.");
            let other = load(&cut, id(2)).await.map_err(|error| format!("{place}, and after a power cut: {error}"))?;
            ensure!(
                other == Some(plain(id(2), 2)),
                "{place}, and a power cut changes another conversation to {other:?}."
            );
        }
        Ok(true)
    };
    for change in Change::ALL {
        let store = harness.fresh().await;
        change.prepare(&store).await?;
        applied(&format!("{change:?}"), change.make(&store).await)?;
        if !survives(&store, &[change.after()], &format!("{change:?} was applied")).await? {
            return Ok(Finding::NotChecked("power_cuts"));
        }
    }
    let with_faults =
        with_faults(harness, async |store, possible, place| survives(&store, &possible, &place).await.map(|_| ()));
    // Without faults the promise has been checked all the same.
    with_faults.await.map(|_| Finding::Held)
}

async fn damage<H: Harness>(harness: &H) -> Checked {
    let store = harness.fresh().await;
    for number in 1..=3 {
        save_up_to(&store, id(number), 2).await?;
    }
    if !harness.damage(&store, id(2)).await {
        return Ok(Finding::NotChecked("damage"));
    }
    match store.load(id(2)).await {
        Err(LoadError::Unreadable(_)) => {}
        other => return Err(format!("Loading what was damaged gave {other:?}.")),
    }
    let saves = [store.save(&plain(id(2), 1), None).await, store.save(&plain(id(2), 3), Some(revision(2))).await];
    for changed in saves.into_iter().chain([store.delete(id(2), revision(2)).await]) {
        ensure!(
            !matches!(changed, Saved::Applied | Saved::Unknown(_)),
            "A change of what was damaged gave {changed:?}."
        );
    }
    for number in [1, 3] {
        is_there(&store, id(number), Some(&plain(id(number), 2))).await?;
        save(&store, &plain(id(number), 3), Some(revision(2))).await?;
    }
    let (records, unreadable) = all(&store).await?;
    ensure!(records.len() == 2, "`load_all` hands on {} records of 2.", records.len());
    let told: Vec<_> = unreadable.iter().map(|left| left.id).collect();
    ensure!(told == [Some(id(2))], "`load_all` cannot read {told:?}.");
    Ok(Finding::Held)
}
