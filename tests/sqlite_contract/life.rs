//! Faults where the contract has none: at every call of a store's life, from the first one as it opens an empty file to
//! the last one as it ends, and at every call while it reads.

use std::collections::{BTreeMap, BTreeSet};

use stube::kernel::{self, Progress};
use stube::record::{Lineage, Record, Revision};
use stube::store::contract::Fault;
use stube::store::{Inline, LoadError, Query, WriteOutcome};
use stube::{Confirm, ConversationId, SqliteStore, Store, Timestamp};

use crate::broken::{Flaw, Subject};
use crate::disk::Disk;
use crate::{Laboratory, WAYS, block_on, vfs};

const KINDS: [fn(usize) -> Fault; 3] = [Fault::Refused, Fault::Lost, Fault::CutOff];

fn in_each_way(check: impl AsyncFn(Inline)) {
    for inline in WAYS {
        eprintln!("{inline:?}");
        block_on(check(inline));
    }
}

fn id(number: u8) -> ConversationId {
    ConversationId::from_bits([number; 16])
}

fn revision(number: u64) -> Revision {
    Revision::for_test(number)
}

/// A conversation that asks something, as its change number `number`.
fn record(conversation: u8, number: u64) -> Record {
    let question = Confirm::new(format!("Is this change {number} of conversation {conversation}?"));
    match kernel::start(id(conversation), Box::new(question), None, Timestamp::from_millis(number))
        .map(|outcome| outcome.progress)
    {
        Ok(Progress::Waits(conversation)) => {
            Record::encode(&conversation, Lineage::for_test(number)).expect("it can be saved")
        }
        Ok(Progress::Ended(_)) | Err(_) => panic!("a question waits"),
    }
}

/// For each conversation, the revisions that may be stored; 0 is no record.
type Possible = BTreeMap<u8, BTreeSet<u64>>;

/// What a process does from an empty file on: a conversation, the revision that is stored, and the next one.
const FIRST_LIFE: [(u8, u64, u64); 5] = [(1, 0, 1), (2, 0, 1), (1, 1, 2), (2, 1, 0), (1, 2, 3)];

/// And the one after it.
const SECOND_LIFE: [(u8, u64, u64); 3] = [(2, 0, 1), (1, 3, 4), (2, 1, 2)];

/// Subscription conversations, each until its outcome is unknown.
async fn change(store: &Subject, steps: &[(u8, u64, u64)], possible: &mut Possible) {
    for &(conversation, old, new) in steps {
        if possible[&conversation] != BTreeSet::from([old]) {
            continue;
        }
        let saved = match new {
            0 => store.delete(id(conversation), revision(old)).await,
            _ => store.save(&record(conversation, new), (old > 0).then(|| Revision::for_test(old))).await,
        };
        match saved {
            WriteOutcome::Applied => possible.insert(conversation, [new].into()),
            WriteOutcome::NotApplied(_) => None,
            WriteOutcome::Unknown(_) => possible.insert(conversation, [old, new].into()),
            WriteOutcome::Conflict { stored } => panic!("{old} was stored, and now {stored:?} is"),
        };
    }
}

/// What a process has left that was killed after its last change, and what is in it.
async fn after_first_life(laboratory: &mut Laboratory) -> (Disk, Possible) {
    let store = laboratory.open(Disk::with_empty_file(vfs::NAME)).expect("it opens");
    let mut possible = Possible::from([(1, [0].into()), (2, [0].into())]);
    change(&store, &FIRST_LIFE, &mut possible).await;
    assert_eq!(possible, Possible::from([(1, [3].into()), (2, [0].into())]), "nothing has failed");
    (laboratory.machine.disk(), possible)
}

/// What is stored, if that may be.
async fn look(store: &Subject, possible: &Possible, case: (End, Fault)) -> Possible {
    let mut found = Possible::new();
    for (&conversation, revisions) in possible {
        let stored = store.load(id(conversation)).await.unwrap_or_else(|error| panic!("{error}, in {case:?}"));
        let number = stored.as_ref().map_or(0, |stored| stored.revision().number());
        assert!(revisions.contains(&number), "{number} is stored and {revisions:?} may be, in {case:?}");
        assert!(stored.is_none_or(|stored| stored == record(conversation, number)), "it is torn, in {case:?}");
        found.insert(conversation, [number].into());
    }
    found
}

/// How a process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// It closes its files. The last one to do so copies the log and removes it.
    Closes,
    /// It is killed when it has done all.
    IsKilled,
    /// It is killed after the call that fails.
    DiesOfIt,
}

const ENDS: [End; 3] = [End::Closes, End::IsKilled, End::DiesOfIt];

#[test]
fn whatever_call_of_its_life_fails_the_next_store_has_what_was_applied_and_so_it_is_after_a_power_cut() {
    in_each_way(async |inline| {
        let mut laboratory = Laboratory::new(Flaw::Nothing, false, inline);
        let nothing = Possible::from([(1, [0].into()), (2, [0].into())]);
        every_fault(&mut laboratory, &Disk::with_empty_file(vfs::NAME), &nothing, &FIRST_LIFE).await;
    });
}

#[test]
fn so_it_is_in_the_life_after_a_kill() {
    in_each_way(async |inline| {
        let mut laboratory = Laboratory::new(Flaw::Nothing, false, inline);
        let (disk, stored) = after_first_life(&mut laboratory).await;
        every_fault(&mut laboratory, &disk, &stored, &SECOND_LIFE).await;
    });
}

/// Lives a life again and again, until it is too short for the fault.
async fn every_fault(laboratory: &mut Laboratory, disk: &Disk, stored: &Possible, steps: &[(u8, u64, u64)]) {
    let (mut cases, mut unopened, mut states) = (0, 0, 0);
    for (end, kind) in ENDS.into_iter().flat_map(|end| KINDS.map(|kind| (end, kind))) {
        for nth in 0.. {
            let case = (end, kind(nth));
            let faults = match end {
                End::Closes | End::IsKilled => vec![kind(nth)],
                End::DiesOfIt => vec![kind(nth), Fault::CutOff(nth + 1)],
            };
            let mut possible = stored.clone();
            let opened = laboratory.open_with(disk.clone(), &faults);
            match &opened {
                Ok(store) => change(store, steps, &mut possible).await,
                Err(_) => unopened += 1,
            }
            let mut failed = laboratory.machine.failed();
            if end == End::IsKilled {
                laboratory.machine.fail(&[Fault::CutOff(0)]);
            }
            drop(opened);
            if end != End::IsKilled {
                failed = laboratory.machine.failed();
            }
            if failed == 0 {
                break;
            }
            cases += 1;
            let left = laboratory.machine.disk();
            for disk in left.after_cut() {
                states += 1;
                let store = laboratory.open(disk).unwrap_or_else(|error| panic!("{error}, in {case:?}"));
                look(&store, &possible, case).await;
            }
            let store = laboratory.open(left).unwrap_or_else(|error| panic!("{error}, in {case:?}"));
            let found = look(&store, &possible, case).await;
            // What was seen stays.
            for disk in laboratory.machine.disk().after_cut() {
                states += 1;
                let store = laboratory.open(disk).unwrap_or_else(|error| panic!("{error}, in {case:?}"));
                look(&store, &found, case).await;
            }
        }
    }
    eprintln!("{cases} faults, of which {unopened} kept it from being opened, and {states} states after a cut");
    assert!(unopened > 0 && unopened < cases, "faults came only before it was open, or only after");
}

#[test]
fn a_read_that_meets_a_fault_gives_an_error_or_what_there_is() {
    in_each_way(async |inline| {
        let mut laboratory = Laboratory::new(Flaw::Nothing, false, inline);
        let (mut cases, mut errors) = (0, 0);
        let (disk, _) = after_first_life(&mut laboratory).await;
        for kind in KINDS {
            for fault in (0..).map(kind) {
                // Nobody has read from this one yet, so nothing is in any memory.
                let store = laboratory.open(disk.clone()).expect("it opens");
                laboratory.machine.fail(&[fault]);
                match store.load(id(1)).await {
                    Ok(stored) => assert_eq!(stored, Some(record(1, 3)), "in {fault:?}"),
                    Err(LoadError::Store(_)) => errors += 1,
                    Err(LoadError::Unreadable(unreadable)) => panic!("{unreadable}, in {fault:?}"),
                }
                match store.load(id(2)).await {
                    Ok(stored) => assert_eq!(stored, None, "in {fault:?}"),
                    Err(_) => errors += 1,
                }
                match store.list(&Query::all(), None, 9).await {
                    Ok(page) => assert!(page.iter().map(|summary| summary.id).eq([id(1)]), "in {fault:?}"),
                    Err(_) => errors += 1,
                }
                match store.count(&Query::all()).await {
                    Ok(counts) => assert!(counts.iter().map(|count| count.records).eq([1]), "in {fault:?}"),
                    Err(_) => errors += 1,
                }
                let mut entries = Vec::new();
                match store.load_all(&mut |entry| entries.push(entry)).await {
                    // A bad place on the disk is told as that of its record, so that the others can be read.
                    Ok(()) => assert!(
                        matches!(entries.as_slice(), [entry] if entry.as_ref().map_or_else(
                            |unreadable| unreadable.id == Some(id(1)),
                            |stored| *stored == record(1, 3),
                        )),
                        "{entries:?}, in {fault:?}"
                    ),
                    Err(_) => errors += 1,
                }
                let failed = laboratory.machine.failed();
                laboratory.machine.fail(&[]);
                assert_eq!(store.load(id(1)).await.expect("nothing fails any more"), Some(record(1, 3)));
                if failed == 0 {
                    break;
                }
                cases += 1;
            }
        }
        eprintln!("{cases} faults and {errors} errors");
        assert!(errors > 0, "no read has met a fault");
    });
}

/// The log has what was not synced, and no sync writes it: what is copied from there into the file is not to be mixed
/// with what is durable.
#[test]
fn no_power_cut_tears_a_file_that_opens_after_a_commit_that_failed() {
    in_each_way(async |inline| {
        let mut laboratory = Laboratory::new(Flaw::Nothing, false, inline);
        let (mut unsettled, mut cuts, mut states) = (0, 0, 0);
        for nth in 0..60 {
            let (disk, mut possible) = after_first_life(&mut laboratory).await;
            let store = laboratory.open(disk).expect("it opens");
            // A commit before, so that the log has older versions of some pages, and none of those of the index of names.
            change(&store, &[(1, 3, 4)], &mut possible).await;
            laboratory.machine.fail(&[Fault::Refused(nth), Fault::CutOff(nth + 1)]);
            let saved = store.save(&record(3, 1), None).await;
            drop(store);
            if !matches!(saved, WriteOutcome::Unknown(_)) {
                continue;
            }
            unsettled += 1;
            possible.insert(3, [0, 1].into());
            let left = laboratory.machine.disk();
            for fault in (0..).map(Fault::CutOff) {
                let opened = laboratory.open_with(left.clone(), &[fault]);
                if laboratory.machine.failed() == 0 {
                    break;
                }
                cuts += 1;
                for disk in laboratory.machine.disk().after_cut() {
                    states += 1;
                    let store = laboratory.open(disk).unwrap_or_else(|error| panic!("{error}, in {fault:?}"));
                    look(&store, &possible, (End::IsKilled, fault)).await;
                }
                drop(opened);
            }
        }
        eprintln!("{unsettled} commits that were not settled, {cuts} cuts and {states} states after them");
        assert!(unsettled > 0 && cuts > 0, "no commit has failed, or nobody opened the file again");
    });
}

/// The other one was open before, so it does not know that the log is in doubt.
#[test]
fn what_another_process_loads_after_a_commit_that_failed_no_power_cut_changes() {
    in_each_way(async |inline| {
        let mut laboratory = Laboratory::new(Flaw::Nothing, false, inline);
        let (mut unknown, mut states) = (0, 0);
        for fault in [Fault::Refused, Fault::Lost].into_iter().flat_map(|kind| (0..40).map(kind)) {
            let store = laboratory.open(Disk::with_empty_file(vfs::NAME)).expect("it opens");
            assert!(matches!(store.save(&record(1, 1), None).await, WriteOutcome::Applied));
            let other = SqliteStore::options().inline(inline).open(laboratory.path()).expect("it opens");
            laboratory.machine.fail(&[fault]);
            let saved = store.save(&record(1, 2), Some(revision(1))).await;
            laboratory.machine.fail(&[]);
            unknown += usize::from(matches!(saved, WriteOutcome::Unknown(_)));
            let loaded = other.load(id(1)).await.expect("nothing fails any more");
            let left = laboratory.machine.disk();
            drop((other, store));
            for disk in left.after_cut() {
                states += 1;
                let after = laboratory.open(disk).expect("it opens");
                let stored = after.load(id(1)).await.expect("it can be read");
                assert_eq!(stored, loaded, "{saved:?}, in {fault:?}");
            }
        }
        eprintln!("{unknown} unknown outcomes and {states} states after a cut");
        assert!(unknown > 0, "no commit has failed");
    });
}
