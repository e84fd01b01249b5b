//! Promises about concurrent callers, and about a caller that drops its future.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "runs callers beside each other")]

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use tokio::task::{JoinSet, yield_now};

use crate::record::{Record, Revision, Unreadable};
use crate::store::contract::assertions::{delete, holds, load, loads, name, page, save, text};
use crate::store::contract::records::{id, next_revision, record, revision};
use crate::store::contract::report::{Checked, Stop, must};
use crate::store::{BoxFuture, Query, Store, WriteOutcome};

/// The number of concurrent changes of one revision.
const RACERS: u64 = 8;

/// Runs the futures concurrently in one task, polling each in turn, so that they interleave at every await whatever the
/// scheduler of the runtime does.
async fn in_turn<T>(mut futures: Vec<BoxFuture<'_, T>>) -> Vec<T> {
    let mut done: Vec<Option<T>> = futures.iter().map(|_| None).collect();
    poll_fn(|cx| {
        for (future, done) in futures.iter_mut().zip(&mut done).filter(|(_, done)| done.is_none()) {
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                *done = Some(output);
            }
        }
        if done.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
}

/// Runs each future in a task of its own, on all threads of the runtime.
async fn in_tasks<T: Send + 'static>(futures: Vec<BoxFuture<'static, T>>) -> Result<Vec<T>, Stop> {
    let mut tasks = JoinSet::new();
    for future in futures {
        tasks.spawn(future);
    }
    let mut done = Vec::new();
    while let Some(output) = tasks.join_next().await {
        done.push(output.map_err(|error| Stop::broken(format!("a task ended with {error}")))?);
    }
    Ok(done)
}

pub(super) async fn one_winner(store: impl Store) -> Checked {
    let store = Arc::new(store);
    let mut before = None;
    for round in 1..=20 {
        let now = record(id(0), revision(round));
        // In every other pair of rounds one caller deletes.
        let deleting = before.filter(|_| round % 4 > 1);
        let racers =
            (0..RACERS).map(|racer| race(Arc::clone(&store), now.clone(), before, deleting.filter(|_| racer == 3)));
        let racers = racers.collect();
        let raced = if round % 2 == 0 { in_turn(racers).await } else { in_tasks(racers).await? };
        let (mut winners, mut losers) = (Vec::new(), Vec::new());
        for (new, saved) in raced {
            match saved {
                WriteOutcome::Applied => winners.push(new),
                // Nothing changed for this caller.
                WriteOutcome::NotApplied(_) => {}
                WriteOutcome::Conflict { stored } => losers.push(stored),
                other @ WriteOutcome::Unknown(_) => {
                    return Err(Stop::broken(format!("of many changes at once, one was answered with {other:?}")));
                }
            }
        }
        let [winner] = winners[..] else {
            let (many, from) = (winners.len(), text(before));
            return Err(Stop::broken(format!("of {RACERS} changes over {from} at once {many} were applied")));
        };
        must(losers.iter().all(|stored| *stored == winner), || {
            format!("{} has won, and those who lost were told of {losers:?}", text(winner))
        })?;
        loads(&*store, id(0), winner.map(|_| &now)).await?;
        before = winner;
    }
    Ok(20)
}

/// One of many changes of the same revision. Returns the revision that it would leave, and the outcome.
fn race(
    store: Arc<impl Store>,
    now: Record,
    before: Option<Revision>,
    deleting: Option<Revision>,
) -> BoxFuture<'static, (Option<Revision>, WriteOutcome)> {
    Box::pin(async move {
        yield_now().await;
        match deleting {
            Some(stored) => (None, store.delete(id(0), stored).await),
            None => (Some(now.revision()), store.save(&now, before).await),
        }
    })
}

pub(super) async fn many(store: impl Store) -> Checked {
    let store = Arc::new(store);
    let lives = |numbers: std::ops::Range<u64>| {
        let life = |number| -> BoxFuture<'static, Result<Option<Record>, Stop>> {
            let store = Arc::clone(&store);
            Box::pin(async move { live(&*store, number).await })
        };
        numbers.map(life).collect::<Vec<_>>()
    };
    let mut lived = in_turn(lives(0..32)).await;
    lived.extend(in_tasks(lives(32..64)).await?);
    let kept: Vec<_> = lived.into_iter().collect::<Result<_, _>>()?;
    holds(&*store, kept.iter().flatten()).await?;
    Ok(64)
}

/// One conversation among many: it is saved several times, deleted and saved again. Returns the record at the end.
async fn live(store: &impl Store, caller: u64) -> Result<Option<Record>, Stop> {
    let id = id(caller);
    let mut last = None;
    for _ in 0..2 {
        for number in 1..=4 {
            let now = record(id, revision(number));
            save(store, &now, last).await?;
            loads(store, id, Some(&now)).await?;
            last = Some(now.revision());
            yield_now().await;
        }
        page(store, &Query::all(), Some(id), 3).await?;
        if let Some(stored) = last.take_if(|_| caller.is_multiple_of(2)) {
            delete(store, id, stored).await?;
            loads(store, id, None).await?;
        } else {
            break;
        }
    }
    Ok(last.map(|revision| record(id, revision)))
}

pub(super) async fn load_all_meanwhile(store: &impl Store) -> Checked {
    let quiet: Vec<_> = (0..100).map(|number| record(id(number), revision(1))).collect();
    for record in &quiet {
        save(store, record, None).await?;
    }
    let done = AtomicBool::new(false);
    let change = |caller: u64| -> BoxFuture<'_, Result<(), Stop>> {
        let done = &done;
        Box::pin(async move {
            let mut round = 0_u64;
            // At least one round each, so that `load_all` runs concurrently with changes.
            while round == 0 || !done.load(Ordering::SeqCst) {
                live(store, 1_000 + 4 * round + caller).await?;
                round += 1;
                yield_now().await;
            }
            Ok(())
        })
    };
    let read = async {
        let mut read = Ok(());
        for _ in 0..10 {
            if read.is_ok() {
                read = read_quiet(store, &quiet).await;
            }
            yield_now().await;
        }
        done.store(true, Ordering::SeqCst);
        read
    };
    let mut callers: Vec<BoxFuture<'_, Result<(), Stop>>> = (0..4).map(change).collect();
    callers.push(Box::pin(read));
    in_turn(callers).await.into_iter().collect::<Result<(), _>>()?;
    Ok(10 * quiet.len())
}

async fn read_quiet(store: &impl Store, quiet: &[Record]) -> Result<(), Stop> {
    let mut seen = BTreeMap::<_, usize>::new();
    let mut other = None;
    let mut each = |entry: Result<Record, Unreadable>| match entry {
        Ok(record) => {
            let known = quiet.iter().find(|quiet| quiet.id() == record.id());
            other = other.take().or_else(|| known.filter(|known| **known != record).map(name));
            *seen.entry(record.id()).or_default() += 1;
        }
        Err(unreadable) => other = Some(unreadable.to_string()),
    };
    store.load_all(&mut each).await.map_err(Stop::failed("loading all"))?;
    must(other.is_none(), || format!("meanwhile it read {other:?}"))?;
    for record in quiet {
        let times = seen.get(&record.id()).copied().unwrap_or_default();
        must(times == 1, || format!("{}, which was not changed, was passed {times} times", name(record)))?;
    }
    Ok(())
}

// ---- Dropped futures ----------------------------------------------------------------------------------------------

pub(super) async fn given_up(store: &impl Store) -> Checked {
    let mut last: Option<Revision> = None;
    for patience in 0..12 {
        let next = record(id(0), next_revision(last));
        give_up(store.save(&next, last), patience).await?;
        last = Some(go_on(store, last, Some(next.revision())).await?);
        if let Some(stored) = last.filter(|_| patience % 2 == 1) {
            give_up(store.delete(id(0), stored), patience).await?;
            last = Some(go_on(store, last, None).await?);
        }
    }
    holds(store, &last.map(|last| record(id(0), last))).await?;
    Ok(12)
}

/// Polls a change at most `patience` times, then drops it.
async fn give_up(mut change: BoxFuture<'_, WriteOutcome>, patience: usize) -> Result<(), Stop> {
    for _ in 0..patience {
        if let Poll::Ready(saved) = poll_fn(|cx| Poll::Ready(change.as_mut().poll(cx))).await {
            let fits = matches!(saved, WriteOutcome::Applied);
            return must(fits, || format!("a change without a conflict was answered with {saved:?}"));
        }
        yield_now().await;
    }
    Ok(())
}

/// Continues a conversation whose last change, from `old` to `new`, was dropped. That change may still take effect, once,
/// between a load and a save. Returns the revision that is stored then.
async fn go_on(store: &impl Store, old: Option<Revision>, new: Option<Revision>) -> Result<Revision, Stop> {
    let mut possible = vec![old, new];
    loop {
        let found = load(store, id(0)).await?;
        let stored = found.as_ref().map(Record::revision);
        must(possible.contains(&stored), || format!("{} is there and may be {possible:?}", text(stored)))?;
        if let Some(found) = &found {
            must(*found == record(id(0), found.revision()), || format!("{} has other bytes", name(found)))?;
        }
        let next = record(id(0), next_revision(old.into_iter().chain(new).max_by_key(|revision| revision.number())));
        match store.save(&next, stored).await {
            WriteOutcome::Applied => {
                loads(store, id(0), Some(&next)).await?;
                return Ok(next.revision());
            }
            // The dropped change has just taken effect; there is no other one.
            WriteOutcome::Conflict { .. } if possible.len() > 1 && stored == old => possible = vec![new],
            other => return Err(Stop::broken(format!("after a dropped change, a save was answered with {other:?}"))),
        }
    }
}
