//! Tests of the table of conversations.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::sync::Weak;
use std::task::{Context, Poll, Waker};

use serde::{Deserialize, Serialize};

use super::*;
use crate::component::Component;
use crate::record::{Lineage, RevisionNonce, Stored};
use crate::{Info, Timestamp, component, kernel};

const KNOWN: usize = 1_000;

fn entries(in_flight: usize, record_bytes: usize) -> Entries {
    Entries::new(Limits { in_flight, known: KNOWN, record_bytes })
}

fn poll<T>(future: Pin<&mut impl Future<Output = T>>) -> Poll<T> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn id(number: u8) -> ConversationId {
    ConversationId::from_bits([number; 16])
}

fn record(n: u8, root: impl Component) -> Arc<Record> {
    let outcome = kernel::start(id(n), Box::new(root), None, Timestamp::EPOCH).expect("it waits");
    Arc::new(Record::encode(&outcome.progress, Lineage::for_test(1)).expect("it can be saved"))
}

async fn keep(entries: &Entries, record: &Arc<Record>) {
    entries.lock(record.id()).await.expect("there is room").known().record = Some(Arc::clone(record));
}

async fn look(entries: &Entries, record: &Record) -> bool {
    entries.lock(record.id()).await.expect("there is room").known().record.is_some()
}

#[tokio::test]
async fn a_lock_is_gone_when_nobody_holds_it_or_waits_for_it() {
    let entries = self::entries(2, 0);
    let first = entries.lock(id(1)).await.expect("there is room");
    let mut second = Box::pin(entries.lock(id(1)));
    assert!(poll(second.as_mut()).is_pending(), "one at a time");
    drop(first);
    let second = second.await.expect("there was room");
    assert_eq!(entries.table().entries.len(), 1);
    drop(second);
    assert!(entries.table().entries.is_empty());
    entries.all_left().await;
}

#[tokio::test]
async fn a_caller_that_gives_up_leaves_no_lock_behind() {
    let entries = self::entries(2, 0);
    let first = entries.lock(id(1)).await.expect("there is room");
    let mut second = Box::pin(entries.lock(id(1)));
    assert!(poll(second.as_mut()).is_pending());
    drop(first);
    drop(second);
    assert!(entries.table().entries.is_empty());
    assert_eq!(entries.table().inside, 0);
}

#[tokio::test]
async fn those_who_wait_are_counted_too_and_nobody_else_is_let_in() {
    let entries = self::entries(2, 0);
    let first = entries.lock(id(1)).await.expect("there is room");
    let mut second = Box::pin(entries.lock(id(1)));
    assert!(poll(second.as_mut()).is_pending());
    for other in [1, 2] {
        assert!(matches!(entries.lock(id(other)).await, Err(AtCapacity)));
    }
    drop(second);
    drop(entries.lock(id(2)).await.expect("there is room"));
    drop(first);
    assert_eq!(entries.table().inside, 0);
}

#[tokio::test]
async fn what_is_known_is_there_for_the_next_one() {
    let entries = self::entries(2, 0);
    let mut first = entries.lock(id(1)).await.expect("there is room");
    let mut second = Box::pin(entries.lock(id(1)));
    assert!(poll(second.as_mut()).is_pending());
    first.known().seen = Some(Revision::for_test(1));
    drop(first);
    assert_eq!(second.await.expect("there was room").known().seen, Some(Revision::for_test(1)));
    assert_eq!(entries.lock(id(1)).await.expect("there is room").known().seen, Some(Revision::for_test(1)));
    assert!(entries.table().entries.peek(&id(1)).expect("it is known").work.is_none());
}

#[tokio::test]
async fn remembers_what_is_in_use_and_no_more_than_so_many() {
    let entries = self::entries(2, 0);
    let numbered = |number: u32| ConversationId::from_bits(u128::from(number).to_be_bytes());
    let in_use = entries.lock(numbered(1)).await.expect("there is room");
    for number in 2..2 * KNOWN as u32 {
        for number in [0, number] {
            let mut guard = entries.lock(numbered(number)).await.expect("there is room");
            guard.known().is_awake = true;
        }
    }
    for (number, is_known) in [(0, true), (1, true), (2, false), (KNOWN as u32 + 9, true)] {
        assert_eq!(entries.table().entries.contains(&numbered(number)), is_known, "{number}");
    }
    assert_eq!(entries.table().entries.len(), KNOWN);
    drop(in_use);
}

#[tokio::test]
async fn the_record_that_was_not_used_for_the_longest_time_goes_first() {
    let all: Vec<_> = (0..3).map(|n| record(n, Info::new("text"))).collect();
    let entries = self::entries(2, 2 * all[0].bytes().len());
    keep(&entries, &all[0]).await;
    keep(&entries, &all[1]).await;
    assert!(look(&entries, &all[0]).await);
    keep(&entries, &all[2]).await;
    assert!(!look(&entries, &all[1]).await, "it was used before the first one");
    assert!(look(&entries, &all[0]).await && look(&entries, &all[2]).await);
}

#[tokio::test]
async fn no_more_than_the_budget_is_kept() {
    let small = record(1, Info::new("text"));
    let large = record(2, Info::new("text".repeat(100)));
    let entries = self::entries(2, small.bytes().len());
    keep(&entries, &small).await;
    keep(&entries, &large).await;
    assert!(!look(&entries, &large).await);
    for _ in 0..2 {
        keep(&entries, &small).await;
        assert_eq!(entries.table().records.bytes, small.bytes().len(), "one record is counted once");
    }
    entries.invalidate(small.id());
    assert!(!look(&entries, &small).await);
    assert_eq!(entries.table().records.bytes, 0);
}

#[tokio::test]
async fn a_record_that_is_invalidated_while_somebody_works_is_not_put_back() {
    let record = record(1, Info::new("text"));
    let entries = self::entries(2, 1 << 20);
    let mut guard = entries.lock(record.id()).await.expect("there is room");
    guard.known().record = Some(Arc::clone(&record));
    entries.invalidate(record.id());
    drop(guard);
    assert!(!look(&entries, &record).await);
    keep(&entries, &record).await;
    assert!(look(&entries, &record).await);
}

// ---- What a record decodes to ---------------------------------------------------------------------------------------

thread_local! {
    static TABLE: RefCell<Weak<Entries>> = const { RefCell::new(Weak::new()) };
    static DROPS: Cell<usize> = const { Cell::new(0) };
}

/// A component whose drop needs the table, and panics.
#[derive(Serialize, Deserialize)]
struct Guarded;

#[component(name = "entries.guarded")]
impl Component for Guarded {
    type Answer = ();
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let Some(entries) = TABLE.with(|table| table.borrow().upgrade()) else { return };
        assert!(entries.table.try_lock().is_ok(), "the table is locked while an author's value is dropped");
        DROPS.set(DROPS.get() + 1);
        panic!("the author's drop fails");
    }
}

fn decoded(record: &Record) -> Box<Conversation> {
    let Ok(Stored::Conversation(conversation)) = record.decode() else { panic!("it goes on") };
    Box::new(conversation)
}

async fn keep_decoded(entries: &Entries, record: &Arc<Record>) {
    let mut guard = entries.lock(record.id()).await.expect("there is room");
    guard.known().record = Some(Arc::clone(record));
    guard.keep_decoded(record.revision(), decoded(record));
}

async fn takes_decoded(entries: &Entries, record: &Record) -> bool {
    entries.lock(record.id()).await.expect("there is room").take_decoded(record.revision()).is_some()
}

#[tokio::test]
async fn what_a_record_decodes_to_is_taken_once_and_never_for_another_record() {
    let record = record(1, Info::new("text"));
    let entries = self::entries(2, 1 << 20);
    keep_decoded(&entries, &record).await;
    assert!(takes_decoded(&entries, &record).await);
    assert!(!takes_decoded(&entries, &record).await, "once");
    keep_decoded(&entries, &record).await;
    let other = record.revision().next(RevisionNonce::ZERO);
    assert!(entries.lock(record.id()).await.expect("there is room").take_decoded(other).is_none());
    assert!(!takes_decoded(&entries, &record).await, "somebody has saved another one meanwhile");
    keep_decoded(&entries, &record).await;
    entries.lock(record.id()).await.expect("there is room").known().record = None;
    assert!(!takes_decoded(&entries, &record).await, "it goes with the record");
    keep_decoded(&entries, &record).await;
    entries.invalidate(record.id());
    assert!(!takes_decoded(&entries, &record).await);
}

#[tokio::test]
async fn what_a_record_decodes_to_counts_as_much_as_the_record() {
    let record = record(1, Info::new("text"));
    let bytes = record.bytes().len();
    let entries = self::entries(2, 2 * bytes);
    keep_decoded(&entries, &record).await;
    assert_eq!(entries.table().records.bytes, 2 * bytes);
    assert!(takes_decoded(&entries, &record).await);
    assert_eq!(entries.table().records.bytes, bytes);
    let entries = self::entries(2, 2 * bytes - 1);
    keep_decoded(&entries, &record).await;
    assert!(!takes_decoded(&entries, &record).await, "there is no room for both");
}

#[tokio::test]
async fn an_authors_value_is_dropped_outside_of_the_table_and_may_fail_there() {
    let all: Vec<_> = (0..3).map(|n| record(n, Guarded)).collect();
    let entries = Arc::new(self::entries(2, 2 * all[0].bytes().len()));
    TABLE.set(Arc::downgrade(&entries));
    keep_decoded(&entries, &all[0]).await;
    keep_decoded(&entries, &all[1]).await;
    assert_eq!(DROPS.get(), 1, "the second one takes the room of the first");
    entries.invalidate(all[1].id());
    assert_eq!(DROPS.get(), 2);
    keep_decoded(&entries, &all[2]).await;
    entries.lock(all[2].id()).await.expect("there is room").known().record = None;
    assert_eq!(DROPS.get(), 3);
    TABLE.set(Weak::new());
}
