//! Promises about a single caller without faults.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::kernel::OpenAwait;
use crate::model::id::ConversationId;
use crate::model::timestamp::Timestamp;
use crate::record::{Record, Revision};
use crate::store::contract::assertions::{
    delete, delete_conflicts, discard, goes_away, holds, list, load_all as held, loads, page, save, save_conflicts,
};
use crate::store::contract::records::{Draft, NAMES, id, other_revision, owners, record, revision, values};
use crate::store::contract::report::{Checked, Stop, must};
use crate::store::{Count, Query, Store, Summary, WriteOutcome};

pub(super) async fn bytes(store: &impl Store) -> Checked {
    let mut kept = Vec::new();
    for (number, draft) in (0..).zip(drafts()) {
        let first = record(id(number), revision(1));
        let second = draft(id(number), revision(2)).seal();
        save(store, &first, None).await?;
        save(store, &second, Some(revision(1))).await?;
        loads(store, second.id(), Some(&second)).await?;
        kept.push(second);
    }
    holds(store, &kept).await?;
    Ok(kept.len())
}

type Make = Box<dyn Fn(ConversationId, Revision) -> Draft + Send>;

/// Every kind of state, and headers with all fields.
fn drafts() -> Vec<Make> {
    let state = |(_, state): (_, String)| -> Make {
        Box::new(move |id, revision| Draft { state: state.clone(), ..Draft::new(id, revision) })
    };
    let mut drafts: Vec<Make> = values().into_iter().map(state).collect();
    for name in NAMES {
        drafts.push(Box::new(move |id, revision| {
            let mut draft = Draft::new(id, revision);
            draft.header.flow = name.to_owned();
            draft.header.state = Some(name.to_owned());
            draft.header.awaits = vec![open(1, name, None)];
            draft
        }));
    }
    for owner in owners() {
        drafts.push(Box::new(move |id, revision| {
            let mut draft = Draft::new(id, revision);
            draft.header.owner = Some(owner.clone());
            draft
        }));
    }
    for millis in [0, 1, u64::from(u32::MAX), u64::MAX] {
        drafts.push(Box::new(move |id, revision| {
            let mut draft = Draft::new(id, revision);
            let time = Timestamp::from_millis(millis);
            (draft.header.created, draft.header.touched) = (time, time);
            draft.header.awaits = vec![open(1, "pick_room", Some(time))];
            draft
        }));
    }
    drafts.push(Box::new(|id, revision| {
        let mut draft = Draft::new(id, revision);
        // The conversation has ended.
        (draft.header.state, draft.header.awaits) = (None, Vec::new());
        draft
    }));
    drafts.push(Box::new(|id, revision| {
        let mut draft = Draft::new(id, revision);
        draft.header.superseded_by = Some("camera".to_owned());
        draft
    }));
    drafts
}

pub(super) async fn largest(store: &impl Store) -> Checked {
    let first = Draft::new(id(0), revision(1)).largest();
    let mut larger = first.clone();
    larger.state.insert(1, 'x');
    must(larger.bytes().is_none(), || "a record can be made that is larger than the largest".to_owned())?;
    let (first, second) = (first.seal(), Draft::new(id(0), revision(2)).largest().seal());
    save(store, &first, None).await?;
    holds(store, [&first]).await?;
    save(store, &second, Some(revision(1))).await?;
    holds(store, [&second]).await?;
    let small = record(id(0), revision(3));
    save(store, &small, Some(revision(2))).await?;
    holds(store, [&small]).await?;
    Ok(2)
}

pub(super) async fn ids(store: &impl Store) -> Checked {
    let near = |from: u128| (0..128).map(move |bit| from ^ (1 << bit)).chain([from]);
    let bits: BTreeSet<u128> = near(0).chain(near(u128::MAX)).chain(near(u128::MAX / 3)).collect();
    let ids = bits.into_iter().map(|bits| ConversationId::from_bits(bits.to_be_bytes()));
    let records: Vec<_> = ids.map(|id| record(id, revision(1))).collect();
    for record in &records {
        save(store, record, None).await?;
    }
    holds(store, &records).await?;
    let (gone, kept) = records.split_at(records.len() / 2);
    for record in gone {
        delete(store, record.id(), revision(1)).await?;
    }
    holds(store, kept).await?;
    Ok(records.len())
}

pub(super) async fn revisions(store: &impl Store) -> Checked {
    let at = |number| record(id(0), revision(number));
    save_conflicts(store, &at(2), Some(revision(1)), None).await?;
    holds(store, []).await?;
    save(store, &at(1), None).await?;
    save_conflicts(store, &at(1), None, Some(revision(1))).await?;
    save_conflicts(store, &at(3), Some(revision(2)), Some(revision(1))).await?;
    save(store, &at(2), Some(revision(1))).await?;
    save_conflicts(store, &at(2), Some(revision(1)), Some(revision(2))).await?;
    save_conflicts(store, &at(1), None, Some(revision(2))).await?;
    save_conflicts(store, &at(4), Some(revision(3)), Some(revision(2))).await?;
    holds(store, [&at(2)]).await?;
    save(store, &at(3), Some(revision(2))).await?;
    holds(store, [&at(3)]).await?;
    Ok(6)
}

pub(super) async fn large_revisions(store: &impl Store) -> Checked {
    // The limits of other number types, and their neighbours.
    let steps = [1, 1 << 8, 1 << 16, 1 << 24, (1 << 31) - 1, 1 << 31, 1 << 32, (1 << 53) - 1, 1 << 53].map(revision);
    let mut before = None;
    for (at, &now) in steps.iter().enumerate() {
        let record = record(id(0), now);
        save(store, &record, before).await?;
        holds(store, [&record]).await?;
        let others = steps.iter().copied().filter(|&other| other != now);
        for other in others.chain([other_revision(now.number())]) {
            save_conflicts(store, &record, Some(other), Some(now)).await?;
        }
        let listed = page(store, &Query::all(), None, 1).await?;
        must(listed.first().map(|found| found.revision) == Some(now), || format!("step {at}: it lists {listed:?}"))?;
        before = Some(now);
    }
    Ok(steps.len())
}

pub(super) async fn delete_names_revision(store: &impl Store) -> Checked {
    let second = record(id(0), revision(2));
    save(store, &record(id(0), revision(1)), None).await?;
    save(store, &second, Some(revision(1))).await?;
    for other in [revision(1), revision(3), other_revision(2), revision(1 << 32), revision((1 << 32) + 2)] {
        delete_conflicts(store, id(0), other, Some(revision(2))).await?;
        holds(store, [&second]).await?;
    }
    delete(store, id(0), revision(2)).await?;
    holds(store, []).await?;
    Ok(5)
}

pub(super) async fn delete_twice(store: &impl Store) -> Checked {
    let other = record(id(1), revision(1));
    save(store, &other, None).await?;
    delete(store, id(0), revision(1)).await?;
    save(store, &record(id(0), revision(1)), None).await?;
    delete(store, id(0), revision(1)).await?;
    delete(store, id(0), revision(1)).await?;
    delete(store, id(0), revision(7)).await?;
    holds(store, [&other]).await?;
    Ok(3)
}

pub(super) async fn deleted_is_gone(store: &impl Store) -> Checked {
    let (first, second) = (record(id(0), revision(1)), record(id(0), revision(2)));
    for _ in 0..2 {
        save(store, &first, None).await?;
        save(store, &second, Some(revision(1))).await?;
        delete(store, id(0), revision(2)).await?;
        holds(store, []).await?;
        save_conflicts(store, &second, Some(revision(1)), None).await?;
        save_conflicts(store, &record(id(0), revision(3)), Some(revision(2)), None).await?;
        holds(store, []).await?;
        let listed = list(store, &Query::all(), 1).await?;
        must(listed.is_empty(), || format!("it lists {listed:?}"))?;
        let counted = count(store, &Query::all()).await?;
        must(counted.is_empty(), || format!("it counts {counted:?}"))?;
    }
    Ok(2)
}

pub(super) async fn nothing(store: &impl Store) -> Checked {
    holds(store, []).await?;
    loads(store, id(0), None).await?;
    let listed = page(store, &Query::all(), Some(id(0)), 10).await?;
    must(listed.is_empty(), || format!("an empty store lists {listed:?}"))?;
    let counted = count(store, &Query::all()).await?;
    must(counted.is_empty(), || format!("an empty store counts {counted:?}"))?;
    save(store, &record(id(1), revision(1)), None).await?;
    loads(store, id(0), None).await?;
    Ok(5)
}

pub(super) async fn load_all(store: &impl Store) -> Checked {
    // More than a store is likely to read in one page.
    let records: Vec<_> = (0..300).map(|number| record(id(number), revision(1))).collect();
    for record in &records {
        save(store, record, None).await?;
    }
    for _ in 0..2 {
        holds(store, &records).await?;
    }
    Ok(records.len())
}

// ---- Lists and counts ---------------------------------------------------------------------------------------------

/// Records that differ in all header fields that queries ask for.
fn crowd() -> Vec<Record> {
    let owners = owners();
    let mut crowd = Vec::new();
    for (number, index) in (0_u64..44).zip(0_usize..) {
        let mut draft = Draft::new(id(number), revision(1 + number % 3));
        let header = &mut draft.header;
        header.flow = NAMES[index % NAMES.len()].to_owned();
        header.state = (index % 5 > 0).then(|| NAMES[index / 3 % NAMES.len()].to_owned());
        // Some have ended, some wait for one thing, and some for several.
        let due = (index % 3 > 0).then(|| Timestamp::from_millis(1_000 * (number % 10)));
        let awaits = (0..index % 7 % 4).map(|at| {
            let (name, due) = (NAMES[(index / 5 + 3 * at) % NAMES.len()], due.filter(|_| at != 1));
            open(1 + at as u64, name, due.map(|due| due.after(Duration::from_secs(at as u64))))
        });
        header.awaits = awaits.collect();
        header.owner = (index % 4 > 0).then(|| owners[index % owners.len()].clone());
        header.touched = Timestamp::from_millis(500 * (number % 11));
        crowd.push(draft.seal());
    }
    crowd
}

async fn save_all(store: &impl Store, crowd: &[Record]) -> Result<Vec<Summary>, Stop> {
    for record in crowd {
        save(store, record, None).await?;
    }
    let mut summaries: Vec<_> = crowd.iter().map(Summary::of).collect();
    summaries.sort_by_key(|summary| summary.id);
    Ok(summaries)
}

fn queries() -> Vec<Query> {
    let mut queries = vec![Query::all(), Query::all().ended(true), Query::all().ended(false)];
    for name in NAMES.into_iter().chain(["", "nobody", "BOOKING", "%"]) {
        queries.push(Query::all().flow(name));
        queries.push(Query::all().state(name));
        queries.push(Query::all().waits_for(name));
        queries.push(Query::all().flow(name).state(NAMES[0]));
        queries.push(Query::all().waits_for(name).flow(NAMES[1]).ended(false));
        queries.push(Query::all().state(name).ended(true));
    }
    for owner in owners() {
        queries.push(Query::all().owner(owner.clone()));
        queries.push(Query::all().owner(owner.clone()).ended(false).flow(NAMES[2]));
        queries.push(Query::all().owner(owner).due_before(Timestamp::from_millis(4_000)));
    }
    for millis in [0, 1, 3_000, 3_001, 9_000, 9_001, u64::MAX] {
        let time = Timestamp::from_millis(millis);
        queries.push(Query::all().due_before(time));
        queries.push(Query::all().touched_before(time));
        queries.push(Query::all().due_before(time).touched_before(Timestamp::from_millis(2_500)));
        queries.push(Query::all().due_before(time).waits_for(NAMES[3]));
    }
    queries
}

fn matching(query: &Query, summaries: &[Summary]) -> Vec<Summary> {
    summaries.iter().filter(|summary| query.matches(summary)).cloned().collect()
}

pub(super) async fn pages(store: &impl Store) -> Checked {
    let summaries = save_all(store, &crowd()).await?;
    let queries = queries();
    let asked = |query: &Query, limit| format!("{query:?} in pages of {limit}");
    for (number, query) in queries.iter().enumerate() {
        let expected = matching(query, &summaries);
        // Small pages for a part of the queries only, because a store may read all records for each page.
        let small = (number % 8 == 0).then_some(3);
        for limit in small.into_iter().chain([usize::MAX]) {
            let listed = list(store, query, limit).await?;
            must(listed == expected, || {
                let differs = listed.iter().zip(&expected).find(|(listed, expected)| listed != expected);
                let many = (listed.len(), expected.len());
                format!("{}: {} instead of {}, at first {differs:?}", asked(query, limit), many.0, many.1)
            })?;
        }
    }
    for limit in [1, summaries.len() - 1, summaries.len(), summaries.len() + 1] {
        let listed = list(store, &Query::all(), limit).await?;
        must(listed == summaries, || format!("{}: {} of all", asked(&Query::all(), limit), listed.len()))?;
    }
    let none = page(store, &Query::all(), None, 0).await?;
    must(none.is_empty(), || format!("a page of none has {none:?}"))?;
    // After an id that is stored, after one that is not, and after the last possible one.
    let between = summaries[20].id.bits().map(|byte| byte ^ u8::from(byte % 2 == 0));
    for after in [summaries[20].id, ConversationId::from_bits(between), ConversationId::from_bits([0xff; 16])] {
        let found = page(store, &Query::all(), Some(after), 5).await?;
        let expected: Vec<_> = summaries.iter().filter(|summary| summary.id > after).take(5).cloned().collect();
        must(found == expected, || format!("after {after} there are {found:?} instead of {expected:?}"))?;
    }
    Ok(queries.len())
}

pub(super) async fn pages_go_on(store: &impl Store) -> Checked {
    let summaries = save_all(store, &crowd()).await?;
    let mut seen = BTreeMap::<_, usize>::new();
    let mut changed = BTreeSet::new();
    let mut after = None;
    for round in 0.. {
        let page = page(store, &Query::all(), after, 5).await?;
        for summary in &page {
            *seen.entry(summary.id).or_default() += 1;
        }
        let Some(last) = page.last() else { break };
        must(after < Some(last.id), || format!("the page after {after:?} does not go on"))?;
        after = Some(last.id);
        // Deletes one record that was listed and one that was not, and saves a new one.
        let later = summaries.iter().find(|summary| summary.id > last.id);
        for gone in page.first().into_iter().chain(later) {
            changed.insert(gone.id);
            delete(store, gone.id, gone.revision).await?;
        }
        let new = record(id(1_000 + round), revision(1));
        changed.insert(new.id());
        save(store, &new, None).await?;
    }
    let unchanged: Vec<_> = summaries.iter().map(|summary| summary.id).filter(|id| !changed.contains(id)).collect();
    for id in &unchanged {
        let times = seen.get(id).copied().unwrap_or_default();
        must(times == 1, || format!("{id}, which was not changed, was listed {times} times"))?;
    }
    Ok(unchanged.len())
}

pub(super) async fn counts(store: &impl Store) -> Checked {
    let summaries = save_all(store, &crowd()).await?;
    let queries = queries();
    for query in &queries {
        let mut expected = BTreeMap::<_, u64>::new();
        for summary in matching(query, &summaries) {
            *expected.entry((summary.flow, summary.state)).or_default() += 1;
        }
        let expected: Vec<_> =
            expected.into_iter().map(|((flow, state), records)| Count { flow, state, records }).collect();
        let counted = count(store, query).await?;
        must(counted == expected, || format!("{query:?} counts {counted:?} instead of {expected:?}"))?;
    }
    let records = held(store).await?.records.len();
    must(records == summaries.len(), || format!("{records} records are there after counting"))?;
    Ok(queries.len())
}

async fn count(store: &impl Store, query: &Query) -> Result<Vec<Count>, Stop> {
    store.count(query).await.map_err(Stop::failed("counting"))
}

/// An open await of the instance of this number.
fn open(instance: u64, component: &str, due: Option<Timestamp>) -> OpenAwait {
    let turn = format!("i{instance}.0").parse().expect("BUG: it is a turn");
    let mut open = OpenAwait::question(turn, component);
    (open.state, open.due) = ((instance > 1).then(|| format!("State {component}")), due);
    open
}

// ---- Discard ------------------------------------------------------------------------------------------------------

pub(super) async fn discarded(store: &impl Store) -> Checked {
    let at = |number, last| record(id(number), revision(last));
    for number in 0..4 {
        save(store, &at(number, 1), None).await?;
        save(store, &at(number, 2), Some(revision(1))).await?;
    }
    // Another revision than the stored one, and a record that does not exist. A store may check at once or later, so
    // both outcomes are right.
    for (number, replaces) in [(0, 1), (0, 3), (9, 1)] {
        let answer = store.discard(id(number), revision(replaces)).await;
        let fits = matches!(answer, WriteOutcome::Applied | WriteOutcome::Conflict { .. });
        must(fits, || format!("a discard that does not fit was answered with {answer:?}"))?;
    }
    discard(store, id(1), revision(2)).await?;
    goes_away(store, id(1)).await?;
    holds(store, [&at(0, 2), &at(2, 2), &at(3, 2)]).await?;

    // The id can be used again, and a change of another conversation does not wait for a discard.
    save(store, &at(1, 1), None).await?;
    discard(store, id(2), revision(2)).await?;
    save(store, &at(0, 3), Some(revision(2))).await?;
    goes_away(store, id(2)).await?;
    holds(store, [&at(0, 3), &at(1, 1), &at(3, 2)]).await?;

    // A delete after a discard has the same outcome as without the discard.
    discard(store, id(1), revision(1)).await?;
    delete(store, id(1), revision(1)).await?;
    loads(store, id(1), None).await?;

    // Of a discard and a save that replaces the same revision, exactly one takes effect.
    discard(store, id(3), revision(2)).await?;
    let kept = match store.save(&at(3, 3), Some(revision(2))).await {
        WriteOutcome::Applied => true,
        WriteOutcome::Conflict { stored: None } => false,
        other => return Err(Stop::broken(format!("a save after a discard was answered with {other:?}"))),
    };
    // Discards are made in order, so once this one is made, those before it are made too.
    save(store, &at(4, 1), None).await?;
    discard(store, id(4), revision(1)).await?;
    goes_away(store, id(4)).await?;
    let kept = kept.then(|| at(3, 3));
    holds(store, [Some(&at(0, 3)), kept.as_ref()].into_iter().flatten()).await?;
    Ok(8)
}

// ---- Age ----------------------------------------------------------------------------------------------------------

pub(super) async fn idle(store: &impl Store) -> Checked {
    const DAY: Duration = Duration::from_secs(86_400);
    // The clocks of the callers are as wrong as possible.
    let touched = |number: u64| Timestamp::from_millis(if number.is_multiple_of(2) { 0 } else { u64::MAX });
    let at = |number, revision| {
        let mut draft = Draft::new(id(number), revision);
        draft.header.touched = touched(number);
        // Every third conversation has ended.
        draft.header.awaits.retain(|_| !number.is_multiple_of(3));
        draft.seal()
    };
    let mut crowd = Vec::new();
    for number in 0..12 {
        save(store, &at(number, revision(1)), None).await?;
        let last = at(number, revision(2));
        save(store, &last, Some(revision(1))).await?;
        crowd.push(last);
    }
    let mut summaries: Vec<_> = crowd.iter().map(Summary::of).collect();
    summaries.sort_by_key(|summary| summary.id);
    for query in [Query::all(), Query::all().ended(true), Query::all().ended(false)] {
        let page = async |age, after, limit| {
            let page =
                store.older_than(&query, age, after, limit).await.map_err(Stop::failed("reading old records"))?;
            page.ok_or(Stop::NotChecked("the store has no clock of its own"))
        };
        for age in [DAY, Duration::MAX] {
            let found = page(age, None, 100).await?;
            must(found.is_empty(), || {
                format!("records that were changed just now are reported as older than {age:?}: {found:?}")
            })?;
        }
        let expected = matching(&query, &summaries);
        let mut found = Vec::new();
        let mut after = None;
        loop {
            let page = page(Duration::ZERO, after, 5).await?;
            must(page.len() <= 5, || format!("a page of 5 has {}", page.len()))?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            found.extend(page);
        }
        must(found == expected, || format!("older than zero are {found:?} instead of {expected:?}"))?;
    }
    Ok(crowd.len())
}
