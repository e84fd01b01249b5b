//! The file store on a simulated disk that loses power, fills up and fails at every moment; and stores with one flaw each,
//! which the same checks must detect.
//!
//! A check runs short sequences of saves and deletes over a [`Model`](model::Model), records which revisions may exist after a
//! crash ([`Possible`]), and then examines every state that a crash could have left.

mod blocked;
mod broken;
#[cfg(feature = "store-contract")]
mod contract;
mod model;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use data_encoding::HEXLOWER;
use rustix::fs::FileType;
use rustix::io::Errno;
use sha2::{Digest, Sha256};

use crate::record::{MAX_BYTES, Reason, Record, Revision};
use crate::store::file::fs::{Fs, Identity, Stat};
use crate::store::file::records::{DirectorySync, refuse};
use crate::store::file::tests::broken::{Flaw, Subject};
use crate::store::file::tests::model::{Call, Disk, Fault, Model};
use crate::store::{LoadError, WriteOutcome};
use crate::{ConversationId, Timestamp};

/// For each conversation, the revisions of which one must exist; `None` stands for no record.
type Possible = BTreeMap<ConversationId, BTreeSet<Option<Revision>>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Save(u8),
    Delete(u8),
}

const STEPS: [Step; 4] = [Step::Save(0), Step::Save(1), Step::Delete(0), Step::Delete(1)];

fn id(number: u8) -> ConversationId {
    ConversationId::from_bits([number; 16])
}

fn ids() -> [ConversationId; 2] {
    [id(0), id(1)]
}

/// A record made by hand: a store needs no conversation to keep one.
fn record(id: ConversationId, revision: Revision) -> Record {
    let time = Timestamp::EPOCH;
    let (number, nonce) = (revision.number(), revision.nonce());
    let ancestors = match number.min(9) {
        1 => String::new(),
        many => format!(",\"ancestors\":\"{}\"", "0".repeat(8 * (many as usize - 1))),
    };
    let content = format!(
        r#"{{"format":1,"id":"{id}","revision":{number},"nonce":"{nonce}"{ancestors},"flow":"confirm","awaits":[{{"turn":"i1.0","component":"confirm"}}],"created":"{time}","touched":"{time}","body":{{"next":2,"root":{{"stack":[{{"id":"i1","type":"confirm","state":{{"question":"Is this change {revision}?"}}}}]}}}}"#
    );
    let sum = HEXLOWER.encode(&Sha256::digest(content.as_bytes()));
    Record::parse(format!("{content},\"sum\":\"{sum}\"}}\n").into_bytes()).expect("this is what a record looks like")
}

/// Every record that a check saves.
struct Records(BTreeMap<(ConversationId, Revision), Record>);

impl Records {
    fn new() -> Self {
        let mut records = BTreeMap::new();
        for id in ids() {
            let mut revision = Revision::for_test(1);
            for _ in 0..8 {
                records.insert((id, revision), record(id, revision));
                revision = Revision::for_test(revision.number() + 1);
            }
        }
        Self(records)
    }

    fn get(&self, id: ConversationId, revision: Revision) -> &Record {
        &self.0[&(id, revision)]
    }
}

/// All sequences of this many steps. Shorter ones need no run of their own: a crash may happen at each call.
fn sequences(length: usize) -> Vec<Vec<Step>> {
    (0..length).fold(vec![vec![]], |shorter, _| {
        shorter.iter().flat_map(|steps| STEPS.map(|step| [steps.as_slice(), &[step]].concat())).collect()
    })
}

// ---- The driver ---------------------------------------------------------------------------------------------------

/// A store, and what its caller knows of its records.
struct Driver<'a> {
    records: &'a Records,
    model: Model<Possible>,
    subject: Subject,
    possible: Possible,
    applied: usize,
}

impl<'a> Driver<'a> {
    fn new(records: &'a Records, flaw: Flaw) -> Self {
        let possible: Possible = ids().map(|id| (id, BTreeSet::from([None]))).into();
        let model = Model::new(Disk::default(), possible.clone());
        let subject = Subject::open(model.clone(), flaw).expect("an empty disk can be opened");
        Self { records, model, subject, possible, applied: 0 }
    }

    fn may_be(&mut self, id: ConversationId, revisions: impl IntoIterator<Item = Option<Revision>>) {
        self.possible.insert(id, revisions.into_iter().collect());
        self.model.expect(self.possible.clone());
    }

    /// The revision that certainly exists. Loads the record if that is not known; the store may not know it either.
    fn sure(&mut self, id: ConversationId) -> Result<Option<Option<Revision>>, String> {
        let possible = self.possible[&id].clone();
        if possible.len() == 1 {
            return Ok(possible.iter().next().copied());
        }
        match self.subject.load(id) {
            Ok(record) => {
                let found = record.map(|record| record.revision());
                if !possible.contains(&found) {
                    return Err(format!("{id} is at {found:?} and may be at {possible:?}"));
                }
                self.may_be(id, [found]);
                Ok(Some(found))
            }
            Err(LoadError::Store(_)) => Ok(None),
            Err(LoadError::Unreadable(_)) if self.was_kept_out() => Ok(None),
            Err(LoadError::Unreadable(unreadable)) => Err(format!("unreadable: {unreadable}")),
        }
    }

    /// Whether an `open` failed: some errors look as if the file belonged to another user.
    fn was_kept_out(&self) -> bool {
        self.model.faults().contains(&Call::Open)
    }

    fn step(&mut self, step: Step) -> Result<(), String> {
        let (Step::Save(number) | Step::Delete(number)) = step;
        let id = id(number);
        // While the store does not know the revision, its caller does nothing.
        let Some(old) = self.sure(id)? else { return Ok(()) };
        let new = match step {
            Step::Save(_) => Some(old.map_or(Revision::for_test(1), |last| Revision::for_test(last.number() + 1))),
            Step::Delete(_) => None,
        };
        self.may_be(id, [old, new]);
        let faults = self.model.faults().len();
        let saved = match new {
            Some(revision) => self.subject.save(self.records.get(id, revision), old),
            None => self.subject.delete(id, old.unwrap_or(Revision::for_test(1))),
        };
        let faults = &self.model.faults()[faults..];
        let undecidable = [Call::SyncDir, Call::Rename, Call::RenameNew, Call::Unlink];
        match saved {
            WriteOutcome::Applied => {
                self.applied += 1;
                self.may_be(id, [new]);
            }
            WriteOutcome::NotApplied(error) if faults.is_empty() => {
                return Err(format!("{step:?} failed by itself: {error}"));
            }
            WriteOutcome::NotApplied(_) => self.may_be(id, [old]),
            WriteOutcome::Conflict { stored: None } if faults.contains(&Call::Open) => self.may_be(id, [old]),
            WriteOutcome::Conflict { stored } => {
                return Err(format!("{step:?} conflicts with {stored:?}, which was never saved"));
            }
            // Both revisions stay possible until a load returns one.
            WriteOutcome::Unknown(_) if faults.iter().any(|call| undecidable.contains(call)) => {}
            WriteOutcome::Unknown(error) => return Err(format!("{step:?} is unknown without need: {error}")),
        }
        Ok(())
    }

    /// After calls no longer fail: everything must be as it was reported, and the store must work without being reopened.
    fn recover(&mut self) -> Result<(), String> {
        self.model.fail(|_, _| None);
        for (number, id) in ids().into_iter().enumerate() {
            let found = self.subject.load(id).map_err(|error| format!("after the fault: {error}"))?;
            let revision = found.as_ref().map(Record::revision);
            if !self.possible[&id].contains(&revision) {
                return Err(format!("{id} is at {revision:?} and may be at {:?}", self.possible[&id]));
            }
            if let Some(found) = found.filter(|found| found != self.records.get(id, found.revision())) {
                return Err(format!("{found:?} has other bytes"));
            }
            self.may_be(id, [revision]);
            let number = u8::try_from(number).expect("there are two");
            self.step(Step::Save(number))?;
            if self.possible[&id] == BTreeSet::from([revision]) {
                return Err(format!("{id} cannot be saved after the fault"));
            }
        }
        Ok(())
    }
}

// ---- The judge ----------------------------------------------------------------------------------------------------

/// Examines the states that crashes leave, each state once.
struct Judge<'a> {
    records: &'a Records,
    flaw: Flaw,
    seen: HashSet<(Disk, Possible)>,
    judged: usize,
}

impl<'a> Judge<'a> {
    fn new(records: &'a Records, flaw: Flaw) -> Self {
        Self { records, flaw, seen: HashSet::new(), judged: 0 }
    }

    /// Every crash at every moment of a run: power cuts, and kills of the process.
    fn judge(&mut self, model: &Model<Possible>) -> Result<(), String> {
        for moment in model.moments() {
            for disk in moment.disk.crashes() {
                if self.seen.insert((disk.canonical(), moment.expected.clone())) {
                    self.start(disk, &moment.expected)?;
                }
            }
            self.start(moment.disk, &moment.expected)?;
        }
        Ok(())
    }

    /// The next start of the program on the disk that a crash left, and a power cut right after it.
    fn start(&mut self, disk: Disk, expected: &Possible) -> Result<(), String> {
        self.judged += 1;
        // A start makes durable what it finds, except for changes whose sync has already failed.
        let forgotten = disk.has_forgotten();
        let (found, disk) = self.load_all(disk, expected)?;
        if forgotten {
            return Ok(());
        }
        let found = found.into_iter().map(|(id, revision)| (id, BTreeSet::from([revision]))).collect();
        match self.load_all(disk.after_worst_cut(), &found) {
            Ok(_) => Ok(()),
            Err(error) => Err(format!("what was loaded was not durable: {error}")),
        }
    }

    fn load_all(
        &self,
        disk: Disk,
        expected: &Possible,
    ) -> Result<(BTreeMap<ConversationId, Option<Revision>>, Disk), String> {
        let model = Model::new(disk, expected.clone());
        let subject = Subject::open(model.clone(), self.flaw).map_err(|error| format!("not opened: {error}"))?;
        let (records, bad) = subject.load_all().map_err(|error| format!("not loaded: {error}"))?;
        if let Some(bad) = bad.first() {
            return Err(format!("torn: {bad}"));
        }
        if let Some(leftover) = model.disk().names().find(|name| name.starts_with('.')) {
            return Err(format!("left over: {leftover}"));
        }
        if let Some(other) = records.iter().find(|record| *record != self.records.get(record.id(), record.revision())) {
            return Err(format!("other bytes: {other:?}"));
        }
        let mut found: BTreeMap<_, _> = ids().map(|id| (id, None)).into();
        found.extend(records.iter().map(|record| (record.id(), Some(record.revision()))));
        match found.iter().find(|(id, revision)| !expected[id].contains(revision)) {
            Some((id, revision)) => Err(format!("lost: {id} is at {revision:?} and may be at {:?}", expected[id])),
            None => Ok((found, model.disk())),
        }
    }
}

// ---- The checks ---------------------------------------------------------------------------------------------------

/// The number of crashed disks that were examined, or the violation.
type Checked = Result<usize, String>;

/// Every crash during every sequence of three steps.
fn crashes(records: &Records, flaw: Flaw) -> Checked {
    let mut judge = Judge::new(records, flaw);
    for steps in sequences(3) {
        let mut driver = Driver::new(records, flaw);
        let driven = steps.iter().try_for_each(|step| driver.step(*step));
        judge.judge(&driver.model).and(driven).map_err(|error| format!("{error}, in {steps:?}"))?;
    }
    Ok(judge.judged)
}

/// Every crash during every sequence of two steps in which one call fails, before its work or after it.
fn crashes_after_a_fault(records: &Records, flaw: Flaw) -> Checked {
    let mut judge = Judge::new(records, flaw);
    for steps in sequences(2) {
        for fault in [Fault::Refused(Errno::IO), Fault::Lost(Errno::IO)] {
            for nth in 0.. {
                let plan = move |call, _| (call == nth).then_some(fault);
                if with_faults(records, flaw, &steps, plan, Some(&mut judge))? == 0 {
                    break;
                }
            }
        }
    }
    Ok(judge.judged)
}

/// Every crash during every sequence of two steps in which the disk cannot sync for a while.
fn crashes_while_nothing_syncs(records: &Records, flaw: Flaw) -> Checked {
    let mut judge = Judge::new(records, flaw);
    for steps in sequences(2) {
        for what in [&[Call::SyncDir][..], &[Call::SyncFile], &[Call::SyncDir, Call::SyncFile]] {
            for long in 1..=8 {
                for from in 0..2 {
                    let mut seen = 0;
                    let plan = move |_, call| {
                        seen += usize::from(what.contains(&call));
                        let fails = what.contains(&call) && (from < seen) && (seen <= from + long);
                        fails.then_some(Fault::Refused(Errno::IO))
                    };
                    with_faults(records, flaw, &steps, plan, Some(&mut judge))?;
                }
            }
        }
    }
    Ok(judge.judged)
}

/// Each call of every sequence of two steps fails with each error. Returns the number of faults.
fn faults(records: &Records, flaw: Flaw) -> Checked {
    let errors = [
        Errno::NOSPC,
        Errno::DQUOT,
        Errno::IO,
        Errno::MFILE,
        Errno::NFILE,
        Errno::ROFS,
        Errno::ACCESS,
        Errno::NOMEM,
        Errno::INTR,
    ];
    let mut refused = 0;
    for steps in sequences(2) {
        for errno in errors {
            for nth in 0.. {
                let plan = move |call, _| (call == nth).then_some(Fault::Refused(errno));
                match with_faults(records, flaw, &steps, plan, None)? {
                    0 => break,
                    faults => refused += faults,
                }
            }
        }
    }
    Ok(refused)
}

/// Runs a sequence while calls fail as planned, then lets it recover. Returns the number of faults.
fn with_faults(
    records: &Records,
    flaw: Flaw,
    steps: &[Step],
    mut plan: impl FnMut(usize, Call) -> Option<Fault> + Send + 'static,
    judge: Option<&mut Judge<'_>>,
) -> Checked {
    let mut driver = Driver::new(records, flaw);
    let opening = driver.model.calls();
    driver.model.fail(move |call, what| plan(call - opening, what));
    let driven = steps.iter().try_for_each(|step| driver.step(*step)).and_then(|()| driver.recover());
    let faults = driver.model.faults();
    let judged = match judge {
        Some(judge) => judge.judge(&driver.model),
        // The next start removes leftover files, and all records exist.
        None => Judge::new(records, flaw).start(driver.model.disk(), &driver.possible),
    };
    judged.and(driven).map_err(|error| format!("{error}, in {steps:?} with {faults:?} failing"))?;
    Ok(faults.len())
}

/// Of two writers that both replace revision 1, one succeeds.
fn two_writers(records: &Records, flaw: Flaw) -> Checked {
    let driver = Driver::new(records, flaw);
    let subject = &driver.subject;
    let (one, two) = (Revision::for_test(1), Revision::for_test(2));
    let saves = [
        (subject.save(records.get(id(0), one), None), None),
        (subject.save(records.get(id(0), one), None), Some(one)),
        (subject.save(records.get(id(0), two), Some(one)), None),
        (subject.save(records.get(id(0), two), Some(one)), Some(two)),
        (subject.delete(id(0), one), Some(two)),
    ];
    let many = saves.len();
    for (saved, conflict) in saves {
        let stored = match saved {
            WriteOutcome::Applied => None,
            WriteOutcome::Conflict { stored } => stored,
            WriteOutcome::NotApplied(error) | WriteOutcome::Unknown(error) => {
                return Err(format!("failed by itself: {error}"));
            }
        };
        if stored != conflict {
            return Err(format!("a conflict with {stored:?} instead of {conflict:?}"));
        }
    }
    Ok(many)
}

/// A check with its name.
type Check = (&'static str, fn(&Records, Flaw) -> Checked);

const CRASHES: Check = ("crashes", crashes);
const CRASHES_AFTER_A_FAULT: Check = ("crashes after a fault", crashes_after_a_fault);
const CRASHES_WHILE_NOTHING_SYNCS: Check = ("crashes while nothing syncs", crashes_while_nothing_syncs);
const FAULTS: Check = ("faults", faults);
const TWO_WRITERS: Check = ("two writers", two_writers);

fn check((name, check): Check) {
    let checked = check(&Records::new(), Flaw::Nothing).unwrap_or_else(|violation| panic!("{name}: {violation}"));
    // Shown with `--nocapture`.
    eprintln!("{name}: {checked} checked");
    assert!(checked > 0, "{name}: nothing was checked");
}

#[test]
fn no_crash_loses_tears_or_revives_anything() {
    check(CRASHES);
}

#[test]
fn no_crash_loses_anything_when_a_call_failed_before() {
    check(CRASHES_AFTER_A_FAULT);
}

#[test]
fn no_crash_loses_anything_while_the_disk_cannot_sync() {
    check(CRASHES_WHILE_NOTHING_SYNCS);
}

#[test]
fn a_call_that_fails_leaves_the_old_record_and_a_store_that_works() {
    check(FAULTS);
}

#[test]
fn a_signal_makes_no_call_fail_but_fsync() {
    let records = Records::new();
    for steps in sequences(2) {
        for nth in 0.. {
            let mut driver = Driver::new(&records, Flaw::Nothing);
            let opening = driver.model.calls();
            driver.model.fail(move |call, _| (call - opening == nth).then_some(Fault::Refused(Errno::INTR)));
            steps.iter().try_for_each(|step| driver.step(*step)).unwrap_or_else(|violation| panic!("{violation}"));
            match driver.model.faults()[..] {
                [] => break,
                // The content of the file is not durable then, and a retry would prove nothing.
                [Call::SyncFile] => assert_eq!(driver.applied, 1, "{steps:?}, call {nth}"),
                // A save is repeated with a new file. A delete is not; the next call settles it.
                [Call::SyncDir] => assert!(driver.applied >= 1, "{steps:?}, call {nth}"),
                _ => assert_eq!(driver.applied, 2, "{steps:?}, call {nth}"),
            }
        }
    }
}

#[test]
fn a_save_is_unknown_only_after_two_whole_tries_and_is_settled_by_a_load() {
    let records = Records::new();
    let (saved, next) = (records.get(id(0), Revision::for_test(1)), records.get(id(0), Revision::for_test(2)));
    for failing in 0..6 {
        let driver = Driver::new(&records, Flaw::Nothing);
        let (store, mut syncs) = (&driver.subject, 0);
        driver.model.fail(move |_, call| {
            syncs += usize::from(call == Call::SyncDir);
            (call == Call::SyncDir && syncs <= failing).then_some(Fault::Refused(Errno::IO))
        });
        let answer = store.save(saved, None);
        if failing < 2 {
            assert!(matches!(answer, WriteOutcome::Applied), "{failing} failing: {answer:?}");
            continue;
        }
        assert!(matches!(answer, WriteOutcome::Unknown(_)), "{failing} failing: {answer:?}");
        // Each further call tries once to settle it, and does nothing else if that fails.
        for left in (2..failing).rev() {
            match left % 3 {
                0 => assert!(matches!(store.load(id(0)), Err(LoadError::Store(_))), "{failing} failing"),
                1 => assert!(
                    matches!(store.delete(id(0), Revision::for_test(1)), WriteOutcome::NotApplied(_)),
                    "{failing} failing"
                ),
                _ => {
                    let answer = store.save(next, Some(Revision::for_test(1)));
                    assert!(matches!(answer, WriteOutcome::NotApplied(_)), "{failing} failing: {answer:?}");
                }
            }
        }
        let found = store.load(id(0)).unwrap_or_else(|error| panic!("{failing} failing: {error}"));
        assert_eq!(found.as_ref(), Some(saved));
        assert!(!driver.model.disk().has_forgotten());
        assert!(matches!(store.save(next, Some(Revision::for_test(1))), WriteOutcome::Applied), "{failing} failing");
    }
}

#[test]
fn a_start_may_fail_or_be_killed_at_any_call_and_be_made_again() {
    let records = Records::new();
    let mut judge = Judge::new(&records, Flaw::Nothing);
    let mut driver = Driver::new(&records, Flaw::Nothing);
    driver.step(Step::Save(0)).unwrap_or_else(|violation| panic!("{violation}"));
    for digit in ["0", "1"] {
        let leftover = format!(".stube-{}.tmp", digit.repeat(26));
        driver.model.create(&leftover).expect("there is no such name yet");
    }
    let disk = driver.model.disk();
    for errno in [Errno::IO, Errno::MFILE, Errno::INTR] {
        for nth in 0.. {
            let model = Model::new(disk.clone(), driver.possible.clone());
            model.fail(move |call, _| (call == nth).then_some(Fault::Refused(errno)));
            let opened = Subject::open(model.clone(), Flaw::Nothing);
            let faults = model.faults();
            judge.judge(&model).unwrap_or_else(|violation| panic!("{violation}, with {faults:?} failing"));
            if faults.is_empty() {
                opened.expect("nothing failed");
                break;
            }
            let harmless = errno == Errno::INTR && !matches!(faults[..], [Call::List | Call::SyncDir]);
            assert_eq!(opened.is_ok(), harmless, "{faults:?} {errno}");
        }
    }
}

#[test]
fn a_failed_fsync_of_the_directory_is_told_to_all_whose_change_was_there() {
    let model = Model::new(Disk::default(), Possible::new());
    let names = DirectorySync::default();
    let (one, two) = (names.begin(), names.begin());
    model.fail(|call, _| (call == 0).then_some(Fault::Refused(Errno::IO)));
    assert!(names.sync(&model, one).is_err(), "this one failed");
    assert!(names.sync(&model, two).is_err(), "the system says that all is well, and it is not");
    assert!(names.sync(&model, names.begin()).is_ok(), "this change was made after the failure");
    assert_eq!(model.calls(), 3);
}

#[test]
fn only_a_plain_file_of_ours_that_nobody_else_can_write_to_is_read() {
    let identity = Identity { inode: 1, bytes: MAX_BYTES as u64, written: 1 };
    let good = Stat { kind: FileType::RegularFile, links: 1, mode: 0o600, ours: true, identity };
    assert_eq!(refuse(&good), None);
    assert_eq!(refuse(&Stat { mode: 0o644, ..good }), None);
    for (bad, what) in [
        (Stat { kind: FileType::BlockDevice, ..good }, "it is a device"),
        (Stat { kind: FileType::CharacterDevice, ..good }, "it is a device"),
        (Stat { kind: FileType::Socket, ..good }, "it is a socket"),
        (Stat { kind: FileType::Symlink, ..good }, "it is a symbolic link"),
        (Stat { kind: FileType::Unknown, ..good }, "its type is unknown"),
        (Stat { links: 2, ..good }, "it has a second name (a hard link)"),
        (Stat { mode: 0o620, ..good }, "other users may write to it"),
        (Stat { mode: 0o602, ..good }, "other users may write to it"),
        (Stat { ours: false, ..good }, "it belongs to another user"),
    ] {
        assert_eq!(refuse(&bad), Some(Reason::NotARecord(what.to_owned())));
    }
    let large = Identity { bytes: MAX_BYTES as u64 + 1, ..identity };
    assert_eq!(refuse(&Stat { identity: large, ..good }), Some(Reason::TooLarge(MAX_BYTES as u64 + 1)));
}

#[test]
fn of_two_writers_one_wins() {
    check(TWO_WRITERS);
}

#[test]
fn each_broken_store_is_caught() {
    let records = Records::new();
    for (flaw, (name, check), violation) in [
        (Flaw::NoFileSync, CRASHES, "torn"),
        (Flaw::NoDirectorySync, CRASHES, "lost"),
        (Flaw::NoDirectorySyncAtDelete, CRASHES, "lost"),
        (Flaw::NoDirectorySyncAtOpen, CRASHES, "what was loaded was not durable"),
        (Flaw::WritesInPlace, CRASHES, "torn"),
        (Flaw::RetriesFileSync, CRASHES_AFTER_A_FAULT, "torn"),
        (Flaw::RetriesDirectorySync, CRASHES_AFTER_A_FAULT, "lost"),
        (Flaw::MemoryFirst, FAULTS, "lost"),
        (Flaw::NoVersionCheck, TWO_WRITERS, "a conflict with"),
    ] {
        match check(&records, flaw) {
            Ok(checked) => panic!("{flaw:?} passes `{name}`, {checked} checked"),
            Err(found) => assert!(found.starts_with(violation), "{flaw:?} is caught by `{name}`, but for: {found}"),
        }
    }
}
