//! What a store does for many callers at once, and for one who does not stay.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use tokio::task::{JoinSet, yield_now};

use crate::record::{Record, Revision, Unreadable};
use crate::store::contract::records::{id, record, revision};
use crate::store::contract::report::{Checked, Stop, must};
use crate::store::contract::yardstick::{delete, holds, load, loads, name, page, save, text};
use crate::store::{BoxFuture, Query, Saved, Store};

/// How many callers there are at once.
const CALLERS: u64 = 8;

pub(super) async fn one_winner(store: impl Store) -> Checked {
    let store = Arc::new(store);
    let mut before = None;
    for round in 1..=20 {
        let now = record(id(0), revision(round));
        let mut racers = JoinSet::new();
        for _ in 0..CALLERS {
            let (store, now) = (Arc::clone(&store), now.clone());
            racers.spawn(async move {
                yield_now().await;
                store.save(&now, before).await
            });
        }
        let mut winners = 0;
        while let Some(saved) = racers.join_next().await {
            match saved.map_err(|error| Stop::broken(format!("a save ended with {error}")))? {
                Saved::Applied => winners += 1,
                // Whoever did not begin may begin again.
                Saved::NotApplied(_) => {}
                Saved::Conflict { stored } if stored == Some(now.revision()) => {}
                other @ (Saved::Conflict { .. } | Saved::Unknown(_)) => {
                    return Err(Stop::broken(format!("of many saves at once, one was answered with {other:?}")));
                }
            }
        }
        must(winners == 1, || format!("of {CALLERS} saves over {} at once {winners} were applied", text(before)))?;
        loads(&*store, id(0), Some(&now)).await?;
        before = Some(now.revision());
    }
    Ok(20)
}

pub(super) async fn many(store: impl Store) -> Checked {
    let store = Arc::new(store);
    let mut callers = JoinSet::new();
    for caller in 0..64 {
        let store = Arc::clone(&store);
        callers.spawn(async move { live(&*store, caller).await });
    }
    let mut kept = Vec::new();
    while let Some(lived) = callers.join_next().await {
        kept.extend(lived.map_err(|error| Stop::broken(format!("a caller ended with {error}")))??);
    }
    holds(&*store, &kept).await?;
    Ok(64)
}

/// One conversation among many: it grows, ends and begins again. Gives what is there at last.
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

pub(super) async fn load_all_meanwhile(store: impl Store) -> Checked {
    let store = Arc::new(store);
    let quiet: Vec<_> = (0..100).map(|number| record(id(number), Revision::FIRST)).collect();
    for record in &quiet {
        save(&*store, record, None).await?;
    }
    let done = Arc::new(AtomicBool::new(false));
    let mut changes = JoinSet::new();
    for caller in 0..4 {
        let (store, done) = (Arc::clone(&store), Arc::clone(&done));
        changes.spawn(async move {
            let mut round = 0;
            // At least one round each, so that a load of all has something to meet.
            while round == 0 || !done.load(Ordering::SeqCst) {
                live(&*store, 1_000 + 4 * round + caller).await?;
                round += 1;
                yield_now().await;
            }
            Ok::<_, Stop>(())
        });
    }
    let mut read = Ok(());
    for _ in 0..10 {
        read = read_quiet(&*store, &quiet).await;
        if read.is_err() {
            break;
        }
        yield_now().await;
    }
    done.store(true, Ordering::SeqCst);
    while let Some(changed) = changes.join_next().await {
        changed.map_err(|error| Stop::broken(format!("a caller ended with {error}")))??;
    }
    read.map(|()| 10 * quiet.len())
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
        must(times == 1, || format!("{}, which nobody changed, was handed on {times} times", name(record)))?;
    }
    Ok(())
}

// ---- Callers who do not stay --------------------------------------------------------------------------------------

pub(super) async fn given_up(store: &impl Store) -> Checked {
    let mut last: Option<Revision> = None;
    for patience in 0..12 {
        let next = record(id(0), last.map_or(Revision::FIRST, Revision::next));
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

/// Asks for an answer so many times, and then no more.
async fn give_up(mut change: BoxFuture<'_, Saved>, patience: usize) -> Result<(), Stop> {
    for _ in 0..patience {
        if let Poll::Ready(saved) = poll_fn(|cx| Poll::Ready(change.as_mut().poll(cx))).await {
            let fits = matches!(saved, Saved::Applied);
            return must(fits, || format!("a change that nothing stood against was answered with {saved:?}"));
        }
        yield_now().await;
    }
    Ok(())
}

/// Goes on with a conversation whose last change, from `old` to `new`, nobody has waited for. It may come about between
/// a load and a save, once. Gives the revision that is there then.
async fn go_on(store: &impl Store, old: Option<Revision>, new: Option<Revision>) -> Result<Revision, Stop> {
    let mut possible = vec![old, new];
    loop {
        let found = load(store, id(0)).await?;
        let stored = found.as_ref().map(Record::revision);
        must(possible.contains(&stored), || format!("{} is there and may be {possible:?}", text(stored)))?;
        if let Some(found) = &found {
            must(*found == record(id(0), found.revision()), || format!("{} has other bytes", name(found)))?;
        }
        let next = record(id(0), old.max(new).map_or(Revision::FIRST, Revision::next));
        match store.save(&next, stored).await {
            Saved::Applied => {
                loads(store, id(0), Some(&next)).await?;
                return Ok(next.revision());
            }
            // The change came about just now, and it is the only one that was on its way.
            Saved::Conflict { .. } if possible.len() > 1 && stored == old => possible = vec![new],
            other => return Err(Stop::broken(format!("after it was given up, a save was answered with {other:?}"))),
        }
    }
}
