//! Promises about faults: the program ends, calls fail, the power is cut, stored bytes are damaged.
//!
//! Faults are injected at every call of every short sequence of changes. A [`Caller`] makes the changes and records in a
//! [`Book`] which revisions may be stored afterwards: one after a known outcome, the old or the new one otherwise.

use std::collections::{BTreeMap, HashSet};

use crate::model::id::ConversationId;
use crate::record::{MAX_BYTES, Record, Revision};
use crate::store::contract::assertions::{
    delete, delete_conflicts, discard, holds, load, load_all, loads, save, save_conflicts, text,
};
use crate::store::contract::records::{Draft, id, next_revision, record, revision};
use crate::store::contract::report::{Checked, Stop, must};
use crate::store::contract::{Fault, Harness, Suite};
use crate::store::{LoadError, Store, WriteOutcome};

impl<H: Harness> Suite<H> {
    // ---- The program ends -----------------------------------------------------------------------------------------

    pub(super) async fn reopened(&mut self) -> Checked {
        let store = self.fresh().await?;
        let large = Draft::new(id(0), revision(1)).largest().seal();
        let (first, second) = (record(id(1), revision(1)), record(id(1), revision(2)));
        save(&store, &large, None).await?;
        save(&store, &first, None).await?;
        save(&store, &second, Some(revision(1))).await?;
        save(&store, &record(id(2), revision(1)), None).await?;
        delete(&store, id(2), revision(1)).await?;
        drop(store);
        for _ in 0..2 {
            let store = self.reopen().await?;
            holds(&store, [&large, &second]).await?;
        }
        let store = self.reopen().await?;
        let third = record(id(1), revision(3));
        save(&store, &third, Some(revision(2))).await?;
        delete(&store, id(0), revision(1)).await?;
        drop(store);
        holds(&self.reopen().await?, [&third]).await?;
        Ok(4)
    }

    pub(super) async fn revisions_reopened(&mut self) -> Checked {
        let store = self.fresh().await?;
        save(&store, &record(id(0), revision(1)), None).await?;
        save(&store, &record(id(0), revision(2)), Some(revision(1))).await?;
        drop(store);
        let stored = Some(revision(2));
        // A reopened store for each call, so that it knows nothing from the previous one.
        save_conflicts(&self.reopen().await?, &record(id(0), revision(1)), None, stored).await?;
        save_conflicts(&self.reopen().await?, &record(id(0), revision(2)), Some(revision(1)), stored).await?;
        delete_conflicts(&self.reopen().await?, id(0), revision(1), stored).await?;
        save_conflicts(&self.reopen().await?, &record(id(1), revision(2)), Some(revision(1)), None).await?;
        save(&self.reopen().await?, &record(id(0), revision(3)), stored).await?;
        delete(&self.reopen().await?, id(0), revision(3)).await?;
        holds(&self.reopen().await?, []).await?;
        Ok(6)
    }

    // ---- Bytes are damaged ----------------------------------------------------------------------------------------

    /// Does not check lists, which a store may make from columns beside the bytes.
    pub(super) async fn unreadable(&mut self) -> Checked {
        let store = self.fresh().await?;
        let (whole, other) = (record(id(0), revision(1)), record(id(1), revision(1)));
        save(&store, &whole, None).await?;
        save(&store, &other, None).await?;
        let damages = damages(&whole, &other);
        for (damage, bytes) in &damages {
            let done = self.harness.overwrite(id(0), bytes).await.map_err(Stop::failed("overwriting a record"))?;
            if !done {
                return Err(Stop::NotChecked("the harness overwrites no record"));
            }
            left_alone(&store, &other).await.map_err(|stop| stop.during(damage))?;
        }
        self.harness.overwrite(id(0), whole.bytes()).await.map_err(Stop::failed("overwriting a record"))?;
        holds(&store, [&whole, &other]).await?;
        Ok(damages.len())
    }

    // ---- Calls fail -----------------------------------------------------------------------------------------------

    pub(super) async fn faults(&mut self) -> Checked {
        self.each_fault(Self::one_fault).await
    }

    /// Calls `one` with every fault in every sequence of two steps, until a sequence has fewer calls than the fault needs.
    async fn each_fault(&mut self, one: impl AsyncFn(&mut Self, &[Step], Fault) -> Result<bool, Stop>) -> Checked {
        let mut cases = 0;
        for steps in sequences(2) {
            for kind in [Fault::Refused, Fault::Lost, Fault::CutOff] {
                for nth in 0.. {
                    let fault = kind(nth);
                    if !one(self, &steps, fault).await.map_err(|stop| stop.during(&(&steps, fault)))? {
                        break;
                    }
                    cases += 1;
                }
            }
        }
        Ok(cases)
    }

    /// Returns whether the fault occurred in the sequence.
    async fn one_fault(&mut self, steps: &[Step], fault: Fault) -> Result<bool, Stop> {
        let store = self.fresh().await?;
        let mut caller = Caller::new(&store);
        self.fail(fault)?;
        caller.carry_out(steps, || self.harness.failed()).await?;
        let failed = self.harness.failed() > 0;
        self.fail_no_more();
        let possible = caller.look().await?;
        drop(store);
        // Also after reopening, if the harness can do it, so that the store's memory does not count.
        match self.reopen().await {
            Ok(store) => possible.verify(&store).await?,
            Err(Stop::NotChecked(_)) => {}
            Err(broken) => return Err(broken),
        }
        Ok(failed)
    }

    pub(super) async fn recovery(&mut self) -> Checked {
        self.each_fault(Self::one_recovery).await
    }

    async fn one_recovery(&mut self, steps: &[Step], fault: Fault) -> Result<bool, Stop> {
        let store = self.fresh().await?;
        let mut caller = Caller::new(&store);
        self.fail(fault)?;
        caller.carry_out(steps, || self.harness.failed()).await?;
        let failed = self.harness.failed() > 0;
        self.fail_no_more();
        for number in 0..CONVERSATIONS {
            caller.must_work(number).await?;
        }
        Ok(failed)
    }

    /// Also with a power cut after the load, if the harness can do it.
    pub(super) async fn unknown(&mut self) -> Checked {
        let mut cases = 0;
        for steps in sequences(2) {
            for kind in [Fault::Refused, Fault::Lost, Fault::CutOff] {
                for nth in 0.. {
                    let fault = kind(nth);
                    let settled =
                        self.one_unknown(&steps, fault).await.map_err(|stop| stop.during(&(&steps, fault)))?;
                    match settled {
                        None => break,
                        Some(unknown) => cases += unknown,
                    }
                }
            }
        }
        Ok(cases)
    }

    /// Returns the number of unknown outcomes; `None` if the fault did not occur in the sequence.
    async fn one_unknown(&mut self, steps: &[Step], fault: Fault) -> Result<Option<usize>, Stop> {
        let store = self.fresh().await?;
        let mut caller = Caller::new(&store);
        self.fail(fault)?;
        caller.carry_out(steps, || self.harness.failed()).await?;
        let (failed, unknown) = (self.harness.failed() > 0, caller.unknown);
        self.fail_no_more();
        if unknown == 0 {
            return Ok(failed.then_some(0));
        }
        let first = caller.look().await?;
        first.verify(&store).await?;
        match self.cut_power(store).await {
            Ok(states) => first.verify_all(&states).await?,
            Err(Stop::NotChecked(_)) => {}
            Err(broken) => return Err(broken),
        }
        Ok(Some(unknown))
    }

    // ---- The power is cut -----------------------------------------------------------------------------------------

    pub(super) async fn cut_after_save(&mut self) -> Checked {
        self.cut_after(|step| matches!(step, Step::Save(_))).await
    }

    pub(super) async fn cut_after_delete(&mut self) -> Checked {
        self.cut_after(|step| matches!(step, Step::Delete(_))).await
    }

    /// Cuts the power after every sequence whose last change is of this kind.
    async fn cut_after(&mut self, kind: impl Fn(Step) -> bool) -> Checked {
        self.must_cut_power().await?;
        let mut cases = 0;
        for steps in (1..=3).flat_map(sequences) {
            let Some(&last) = steps.last() else { continue };
            if !kind(last) {
                continue;
            }
            let store = self.fresh().await?;
            let mut caller = Caller::new(&store);
            caller.carry_out(&steps, || 0).await?;
            // The other conversation in the sequence belongs to other promises.
            let expected = caller.book.of(last.conversation());
            let states = self.cut_power(store).await?;
            expected.verify_all(&states).await.map_err(|stop| stop.during(&steps))?;
            cases += states.len();
        }
        Ok(cases)
    }

    /// After a discard, with and without a change that follows it.
    pub(super) async fn cut_after_discard(&mut self) -> Checked {
        self.must_cut_power().await?;
        let mut cases = 0;
        for after in [&[][..], &[Step::Save(1)], &[Step::Delete(1)], &[Step::Delete(0)]] {
            let store = self.fresh().await?;
            let mut caller = Caller::new(&store);
            caller.carry_out(&[Step::Save(0), Step::Save(0), Step::Save(1)], || 0).await?;
            discard(&store, id(0), revision(2)).await?;
            caller.carry_out(after, || 0).await?;
            let mut book = caller.book;
            if !after.contains(&Step::Delete(0)) {
                book.set(id(0), [None, Some(revision(2))]);
            }
            let states = self.cut_power(store).await?;
            book.verify_all(&states).await.map_err(|stop| stop.during(&("a discard", after)))?;
            cases += states.len();
        }
        Ok(cases)
    }

    pub(super) async fn cut_inside(&mut self) -> Checked {
        self.must_cut_power().await?;
        let mut cases = 0;
        for steps in sequences(3) {
            for nth in 0.. {
                let store = self.fresh().await?;
                let mut caller = Caller::new(&store);
                self.fail(Fault::CutOff(nth))?;
                caller.carry_out(&steps, || self.harness.failed()).await?;
                if self.harness.failed() == 0 {
                    break;
                }
                let book = caller.book;
                let states = self.cut_power(store).await?;
                let verified = book.verify_all(&states).await;
                verified.map_err(|stop| stop.during(&(&steps, Fault::CutOff(nth))))?;
                cases += states.len();
            }
        }
        Ok(cases)
    }

    pub(super) async fn cut_after_fault(&mut self) -> Checked {
        self.must_cut_power().await?;
        let mut cases = 0;
        for steps in sequences(2) {
            for kind in [Fault::Refused, Fault::Lost] {
                for nth in 0.. {
                    let fault = kind(nth);
                    let store = self.fresh().await?;
                    let mut caller = Caller::new(&store);
                    self.fail(fault)?;
                    caller.carry_out(&steps, || self.harness.failed()).await?;
                    if self.harness.failed() == 0 {
                        break;
                    }
                    let book = caller.book;
                    let states = self.cut_power(store).await?;
                    book.verify_all(&states).await.map_err(|stop| stop.during(&(&steps, fault)))?;
                    cases += states.len();
                }
            }
        }
        Ok(cases)
    }

    pub(super) async fn cut_after_kill(&mut self) -> Checked {
        self.must_cut_power().await?;
        let mut cases = 0;
        for steps in sequences(2) {
            for nth in 0.. {
                let store = self.fresh().await?;
                let mut caller = Caller::new(&store);
                self.fail(Fault::CutOff(nth))?;
                caller.carry_out(&steps, || self.harness.failed()).await?;
                if self.harness.failed() == 0 {
                    break;
                }
                let book = caller.book;
                // The calls of its destructor fail too, as in a process that was killed.
                drop(store);
                self.fail_no_more();
                let store = self.reopen().await?;
                let during = |stop: Stop| stop.during(&(&steps, Fault::CutOff(nth)));
                let loaded = book.found(&store).await.map_err(during)?;
                let states = self.cut_power(store).await?;
                loaded.verify_all(&states).await.map_err(during)?;
                cases += states.len();
            }
        }
        Ok(cases)
    }
}

// ---- Damaged bytes ------------------------------------------------------------------------------------------------

/// Damaged bytes for the record of a conversation, each with its name.
fn damages(whole: &Record, other: &Record) -> Vec<(&'static str, Vec<u8>)> {
    let bytes = whole.bytes();
    let middle = bytes.len() / 2;
    let mut flipped = bytes.to_vec();
    flipped[middle] ^= 1;
    let mut newer = Draft::new(whole.id(), whole.revision());
    newer.header.format += 1;
    vec![
        ("nothing", vec![]),
        ("one byte", b"{".to_vec()),
        ("no text", vec![0xff; 100]),
        ("a bit that is flipped", flipped),
        ("an end that is missing", bytes[..middle].to_vec()),
        ("a byte too many", [bytes, b"\n"].concat()),
        ("the record of another conversation", other.bytes().to_vec()),
        ("a record of a newer format", newer.bytes().expect("BUG: it is small")),
        ("more than a record may have", vec![b' '; MAX_BYTES + 1]),
    ]
}

/// Asserts that the first conversation is unreadable and not changed, and that all others can be read and changed.
async fn left_alone(store: &impl Store, other: &Record) -> Result<(), Stop> {
    for round in 0..2 {
        let loaded = store.load(id(0)).await;
        let told = matches!(&loaded, Err(LoadError::Unreadable(unreadable)) if unreadable.id == Some(id(0)));
        let loaded = loaded.map(|found| text(found.map(|found| found.revision())));
        must(told, || format!("loading it gave {loaded:?}"))?;
        let held = load_all(store).await?;
        must(held.records.into_values().eq([other.clone()]), || "all others are not loaded with it".to_owned())?;
        let ids: Vec<_> = held.unreadable.iter().map(|unreadable| unreadable.id).collect();
        must(ids == [Some(id(0))], || format!("loading all told of {ids:?}"))?;
        loads(store, other.id(), Some(other)).await?;
        save(store, &record(id(2), revision(1)), None).await?;
        delete(store, id(2), revision(1)).await?;
        if round == 0 {
            let saved = store.save(&record(id(0), revision(1)), None).await;
            must(matches!(saved, WriteOutcome::Conflict { .. }), || format!("a first save over it gave {saved:?}"))?;
            let deleted = store.delete(id(0), revision(2)).await;
            must(matches!(deleted, WriteOutcome::Conflict { .. }), || {
                format!("a delete that it does not fit gave {deleted:?}")
            })?;
        }
    }
    Ok(())
}

// ---- Sequences of changes -----------------------------------------------------------------------------------------

/// The number of conversations in a sequence.
const CONVERSATIONS: u64 = 2;

/// One change of one conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Save(u64),
    Delete(u64),
}

impl Step {
    fn conversation(self) -> ConversationId {
        let (Self::Save(number) | Self::Delete(number)) = self;
        id(number)
    }
}

/// All sequences of this many changes that begin with the first conversation. The others are equivalent to these, with the
/// conversations exchanged.
fn sequences(length: usize) -> Vec<Vec<Step>> {
    let steps = [Step::Save(0), Step::Delete(0), Step::Save(1), Step::Delete(1)];
    let longer = |shorter: &Vec<Step>| steps.map(|step| [shorter.as_slice(), &[step]].concat());
    let first = vec![vec![Step::Save(0)], vec![Step::Delete(0)]];
    (1..length).fold(first, |shorter, _| shorter.iter().flat_map(longer).collect())
}

/// For each conversation, the revisions that may be stored; `None` is no record.
#[derive(Debug, Clone)]
struct Book(BTreeMap<ConversationId, HashSet<Option<Revision>>>);

impl Book {
    fn certain(&self, id: ConversationId) -> Option<Option<Revision>> {
        let possible = &self.0[&id];
        possible.iter().next().copied().filter(|_| possible.len() == 1)
    }

    fn set<const N: usize>(&mut self, id: ConversationId, possible: [Option<Revision>; N]) {
        self.0.insert(id, possible.into());
    }

    /// The part that is about one conversation.
    fn of(&self, id: ConversationId) -> Self {
        Self(self.0.iter().filter(|(known, _)| **known == id).map(|(id, possible)| (*id, possible.clone())).collect())
    }

    fn allows(&self, id: ConversationId, found: Option<&Record>) -> Result<(), Stop> {
        let stored = found.map(Record::revision);
        let possible = &self.0[&id];
        must(possible.contains(&stored), || {
            let possible: Vec<_> = possible.iter().map(|possible| text(*possible)).collect();
            format!("lost or revived: of {id} there is {} and may be {}", text(stored), possible.join(" or "))
        })?;
        let is_whole = found.is_none_or(|found| *found == record(id, found.revision()));
        must(is_whole, || format!("torn: {id} has other bytes"))
    }

    async fn verify_all<S: Store>(&self, stores: &[S]) -> Result<(), Stop> {
        for store in stores {
            self.verify(store).await?;
        }
        Ok(())
    }

    async fn verify(&self, store: &impl Store) -> Result<(), Stop> {
        self.found(store).await.map(|_| ())
    }

    /// The stored revisions, if the book allows them.
    async fn found(&self, store: &impl Store) -> Result<Self, Stop> {
        let held = load_all(store).await?;
        must(held.unreadable.is_empty(), || format!("torn: {:?}", held.unreadable))?;
        let mut found = self.clone();
        for &id in self.0.keys() {
            let record = held.records.get(&id);
            self.allows(id, record)?;
            loads(store, id, record).await?;
            found.set(id, [record.map(Record::revision)]);
        }
        Ok(found)
    }
}

/// Changes conversations, and keeps the book.
struct Caller<'a, S> {
    store: &'a S,
    book: Book,
    /// The number of unknown outcomes.
    unknown: usize,
}

impl<'a, S: Store> Caller<'a, S> {
    fn new(store: &'a S) -> Self {
        let book = (0..CONVERSATIONS).map(|number| (id(number), HashSet::from([None]))).collect();
        Self { store, book: Book(book), unknown: 0 }
    }

    /// Makes the changes while calls may fail. `failed` returns how many did.
    async fn carry_out(&mut self, steps: &[Step], failed: impl Fn() -> usize) -> Result<(), Stop> {
        for &step in steps {
            let id = step.conversation();
            let old = match self.book.certain(id) {
                Some(old) => old,
                None => match self.store.load(id).await {
                    Ok(found) => {
                        self.book.allows(id, found.as_ref())?;
                        let old = found.map(|found| found.revision());
                        self.book.set(id, [old]);
                        old
                    }
                    // While the stored revision is unknown, the step is skipped.
                    Err(LoadError::Store(_)) if failed() > 0 => continue,
                    Err(error) => return Err(Stop::broken(format!("loading {id} failed: {error}"))),
                },
            };
            let new = match step {
                Step::Save(_) => Some(next_revision(old)),
                Step::Delete(_) => None,
            };
            self.book.set(id, [old, new]);
            let saved = match new {
                Some(new) => self.store.save(&record(id, new), old).await,
                None => self.store.delete(id, old.unwrap_or(revision(1))).await,
            };
            match saved {
                WriteOutcome::Applied => self.book.set(id, [new]),
                // Also a change after the one with the fault: its connection may still be broken.
                WriteOutcome::NotApplied(_) if failed() > 0 => self.book.set(id, [old]),
                WriteOutcome::Unknown(_) if failed() > 0 => self.unknown += 1,
                other => return Err(Stop::broken(format!("{step:?} was answered with {other:?}"))),
            }
        }
        Ok(())
    }

    /// Loads all conversations, now that no call fails, and asserts that the book allows them.
    async fn look(&mut self) -> Result<Book, Stop> {
        for number in 0..CONVERSATIONS {
            let found = load(self.store, id(number)).await?;
            self.book.allows(id(number), found.as_ref())?;
            self.book.set(id(number), [found.map(|found| found.revision())]);
        }
        Ok(self.book.clone())
    }

    /// Asserts that a conversation can be changed again.
    async fn must_work(&mut self, number: u64) -> Result<(), Stop> {
        let id = id(number);
        let old = load(self.store, id).await?.map(|found| found.revision());
        let new = next_revision(old);
        save(self.store, &record(id, new), old).await?;
        loads(self.store, id, Some(&record(id, new))).await?;
        delete(self.store, id, new).await?;
        loads(self.store, id, None).await
    }
}
