//! Calls whose future is dropped: by a `select!`, by a server whose client has left, by a timeout of the host.
//!
//! Every public call is dropped after each of its polls, over every store and over an artificially slow one, with
//! conversations that are stored and with some that go on in memory. Then anything else is called, and memory, disk and
//! every view of the conversation must agree: it is as before the call or as after it, whole, and the call sent again makes
//! it as after it, once.

#[path = "dropped_calls/case.rs"]
mod case;
mod common;
#[path = "dropped_calls/late.rs"]
mod late;
#[path = "dropped_calls/slow.rs"]
mod slow;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use stube::store::file::OpenError;
use stube::{Error, ErrorKind, FileStore, MemoryStore, Store};

use case::{At, Call, Case, Seen, Then, calls, open};
use slow::{Fate, Slow, dropped_after, polls};

/// Opens what is in a place again. `None` while somebody has it open.
type Reopen = Box<dyn Fn() -> Option<Arc<dyn Store>> + Send + Sync>;

/// A place for one conversation, each time a new one.
type Places = dyn Fn() -> (Arc<dyn Store>, Option<Reopen>) + Send + Sync;

/// What is tried.
#[derive(Clone, Copy)]
struct Campaign<'a> {
    places: &'a Places,
    is_exclusive: bool,
    polls_before: usize,
    polls_after: usize,
    fate: Fate,
    /// What is called after the dropped calls.
    then: &'a [Then],
    /// A control: the runtime is replaced after the call, as if it had lost all that is in memory.
    loses_memory: bool,
    /// A control: changes that a caller leaves are lost.
    loses_pending_changes: bool,
}

impl<'a> Campaign<'a> {
    fn of(places: &'a Places) -> Self {
        Self {
            places,
            is_exclusive: false,
            polls_before: 0,
            polls_after: 0,
            fate: Fate::Applied,
            then: &[Then::Look, Then::Again, Then::End, Then::Shutdown],
            loses_memory: false,
            loses_pending_changes: false,
        }
    }

    fn slow(polls_before: usize, polls_after: usize) -> Self {
        Self { polls_before, polls_after, ..Self::of(&in_memory) }
    }

    fn store(&self, inner: Arc<dyn Store>) -> Slow {
        let &Self { is_exclusive, polls_before, polls_after, fate, .. } = self;
        Slow {
            inner,
            is_exclusive,
            polls_before,
            polls_after,
            fate,
            has_fate: Arc::default(),
            load_fails: Arc::default(),
            loses_pending_changes: self.loses_pending_changes,
        }
    }

    /// Drops each call after each of its polls. Gives how many were dropped, or what went wrong first.
    async fn run(self) -> Result<usize, String> {
        let mut dropped = 0;
        for (place, call, before, after) in calls() {
            for &then in self.then {
                let mut used = None;
                for polls in 0.. {
                    let one = self.one(&mut used, (place, call), polls, then, (&before, &after)).await;
                    let is_dropped = one.map_err(|why| {
                        format!("{call:?} at {place:?}, dropped after {polls} polls, then {then:?}: {why}")
                    })?;
                    if !is_dropped {
                        break;
                    }
                    dropped += 1;
                }
            }
        }
        Ok(dropped)
    }

    /// One call, dropped after so many polls. Gives whether it was, and was not done before. A place is used again unless
    /// it has been closed.
    async fn one(
        &self,
        used: &mut Option<(Arc<dyn Store>, Option<Reopen>)>,
        (place, call): (At, Call),
        polls: usize,
        then: Then,
        (before, after): (&Seen, &Seen),
    ) -> Result<bool, String> {
        let (inner, reopen) = used.take().unwrap_or_else(|| (self.places)());
        let mut case = Case::begin(self.store(Arc::clone(&inner)), place).await;
        let others = case.all().await?;
        case.store.has_fate.store(1, Ordering::SeqCst);
        let done = dropped_after(polls, case.call(call)).await;
        case.store.has_fate.store(0, Ordering::SeqCst);
        if self.loses_memory {
            case.runtime = open(&case.store, &case.now);
        }
        let allowed: &[_] = match &done {
            Some(Ok(true)) => &[after],
            Some(Err(Error { kind: ErrorKind::NotSaved(_), .. })) => &[before],
            Some(Ok(false) | Err(_)) | None => &[before, after],
        };
        let is_dropped = done.is_none();
        if case.id().is_none() {
            // Nobody was told its id.
            case.runtime.shutdown().await;
            let begun = case.all().await?.into_iter().find(|id| !others.contains(id));
            *case.id.lock().expect("no panic") = begun;
            case.agree(&[before, after]).await?;
            *used = Some((inner, reopen));
            return Ok(is_dropped);
        }
        match then {
            _ if call == Call::Shutdown => drop(case.agree(allowed).await?),
            Then::Look => drop(case.agree(allowed).await?),
            Then::Again => {
                case.insist(call).await?;
                // The other one of two that have started is as it is.
                case.agree(&[after]).await?;
            }
            Then::End => {
                case.insist(Call::End).await?;
                case.agree(&[&Seen::Gone]).await?;
            }
            Then::Shutdown => {
                case.runtime.shutdown().await;
                let seen = case.agree(allowed).await?;
                if let Some(reopen) = reopen {
                    drop(inner);
                    reopened(case, self, &reopen, seen).await?;
                    return Ok(is_dropped);
                }
            }
        }
        // What a reaper has begun to delete may go at any time, and the more conversations there are, the more polls it
        // takes to read them all.
        if !matches!(call, Call::Reap | Call::Pages) {
            *used = Some((inner, reopen));
        }
        Ok(is_dropped)
    }
}

/// That another process finds the same.
async fn reopened(case: Case, campaign: &Campaign<'_>, reopen: &Reopen, seen: Seen) -> Result<(), String> {
    let Case { store, runtime, now, id, turn } = case;
    drop((store, runtime));
    // A task that has nothing to finish any more, or a read of a dropped call, may still have to hear of it.
    let begun = Instant::now();
    let store = loop {
        match reopen() {
            Some(store) => break campaign.store(store),
            None if begun.elapsed() < Duration::from_secs(10) => polls(1).await,
            None => return Err("the place is still in use".to_owned()),
        }
    };
    let case = Case { runtime: open(&store, &now), store, now, id, turn };
    let there = case.seen(&case.runtime).await?;
    match seen {
        Seen::Open(text) if text.starts_with("line") && matches!(there, Seen::Superseded | Seen::Gone) => Ok(()),
        seen if seen == there => Ok(()),
        seen => Err(format!("it was {seen:?}, and another process finds {there:?}")),
    }
}

fn in_memory() -> (Arc<dyn Store>, Option<Reopen>) {
    (Arc::new(MemoryStore::new()), None)
}

fn in_files() -> (Arc<dyn Store>, Option<Reopen>) {
    // What is dropped here is a call, not the power of a disk: where memory can hold the files, no sync is waited for.
    let shared = std::path::Path::new("/dev/shm");
    let dir = if shared.is_dir() { tempfile::TempDir::new_in(shared) } else { tempfile::TempDir::new() };
    let dir = Arc::new(dir.expect("a directory"));
    let reopen = move || match FileStore::open(dir.path().join("store")) {
        Ok(store) => Some(Arc::new(store) as Arc<dyn Store>),
        Err(OpenError::Locked(_)) => None,
        Err(error) => panic!("{error}"),
    };
    (reopen().expect("nobody has it open"), Some(Box::new(reopen)))
}

#[cfg(feature = "sqlite")]
fn in_sqlite() -> (Arc<dyn Store>, Option<Reopen>) {
    let dir = Arc::new(tempfile::TempDir::new().expect("a directory"));
    let reopen = move || {
        let store = stube::SqliteStore::open(dir.path().join("stube.db")).expect("a store");
        Some(Arc::new(store) as Arc<dyn Store>)
    };
    (reopen().expect("nobody has it open"), Some(Box::new(reopen)))
}

/// Runs a future where no executor of tokio's is.
fn without_tokio<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return value;
        }
        std::thread::park();
    }
}

/// On one thread of tokio's.
fn on_one_thread(campaign: Campaign<'_>) -> Result<usize, String> {
    let executor = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("an executor");
    executor.block_on(campaign.run())
}

/// On two threads of tokio's.
fn on_two_threads(campaign: Campaign<'_>) -> Result<usize, String> {
    let executor = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build();
    executor.expect("an executor").block_on(campaign.run())
}

/// On an executor that is not tokio's.
fn on_another_executor(campaign: Campaign<'_>) -> Result<usize, String> {
    without_tokio(campaign.run())
}

fn everywhere(campaign: Campaign<'_>) -> Result<usize, String> {
    Ok(on_one_thread(campaign)? + on_two_threads(campaign)? + on_another_executor(campaign)?)
}

/// At least so many calls were dropped, and nothing of it went wrong.
#[track_caller]
fn all_is_well(dropped: Result<usize, String>, at_least: usize) {
    let dropped = dropped.unwrap_or_else(|why| panic!("{why}"));
    println!("{dropped} calls were dropped");
    assert!(dropped >= at_least, "only {dropped} calls were dropped");
}

#[test]
fn in_a_store_that_answers_at_once() {
    for is_exclusive in [false, true] {
        all_is_well(everywhere(Campaign { is_exclusive, ..Campaign::slow(0, 0) }), 300);
    }
}

#[test]
fn in_a_store_that_does_its_work_at_any_poll() {
    for (before, after, is_exclusive) in [(1, 0, false), (0, 1, true), (2, 2, false)] {
        all_is_well(everywhere(Campaign { is_exclusive, ..Campaign::slow(before, after) }), 500);
    }
}

#[test]
fn in_a_store_that_fails_or_does_not_know() {
    for fate in [Fate::NotApplied, Fate::UnknownButApplied, Fate::UnknownAndNot, Fate::UnknownForNow] {
        let is_exclusive = fate == Fate::UnknownForNow;
        all_is_well(everywhere(Campaign { fate, is_exclusive, ..Campaign::slow(1, 1) }), 500);
    }
}

#[test]
fn in_files_on_a_disk() {
    let campaign = Campaign { is_exclusive: true, then: &[Then::Again, Then::Shutdown], ..Campaign::of(&in_files) };
    all_is_well(on_one_thread(campaign), 100);
    all_is_well(on_two_threads(campaign), 100);
}

#[cfg(feature = "sqlite")]
#[test]
fn in_a_file_of_sqlite() {
    let campaign = Campaign { then: &[Then::Again, Then::Shutdown], ..Campaign::of(&in_sqlite) };
    all_is_well(on_one_thread(campaign), 100);
    all_is_well(on_another_executor(campaign), 100);
}

// ---- Controls -----------------------------------------------------------------------------------------------------

#[test]
fn a_runtime_that_loses_what_is_in_memory_is_noticed() {
    let why = everywhere(Campaign { loses_memory: true, ..Campaign::slow(1, 1) }).expect_err("a conversation is lost");
    assert!(why.contains("Line"), "{why}");
}

#[test]
fn a_runtime_that_loses_pending_changes_is_noticed() {
    let campaign = Campaign { loses_pending_changes: true, ..Campaign::slow(1, 1) };
    for executor in [on_one_thread, on_two_threads, on_another_executor] {
        let why = executor(campaign).expect_err("a conversation is lost");
        assert!(why.contains("Superseded"), "{why}");
    }
}

#[test]
fn a_store_that_denies_what_it_has_done_is_noticed() {
    let campaign = Campaign { fate: Fate::AppliedAndDenied, is_exclusive: true, ..Campaign::slow(1, 1) };
    everywhere(campaign).expect_err("memory and disk differ");
}
