//! Damage to what is stored: bits flipped, bytes lost or added, sectors zeroed or put in each other's place. One damage at
//! a time, at a random place of the files; then all of it is read.
//!
//! Nothing may come back as something else than was saved, nothing may be missing without being reported, and what was
//! damaged must not be written over.
//!
//! Of SQLite's log, which ends for the engine where a checksum is wrong, this is required: what is there is what was
//! there after one of the changes. That later ones are lost nobody can tell, so these are counted and no violation.
//!
//! First a store that keeps quiet about what it cannot read, which must be caught.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use stube::BoxError;
use stube::kernel::{self, Progress};
use stube::record::{Lineage, Record, Revision, Unreadable};
use stube::store::{BoxFuture, LoadError, Visitor, WriteOutcome};
use stube::{Confirm, ConversationId, FileStore, SqliteStore, Store, Timestamp};
use tokio::runtime::Runtime;

use crate::changes::{self, Kind};
use crate::random::Random;

const RECORDS: u8 = 60;

type Records = BTreeMap<ConversationId, Record>;

/// Most are small; some take several pages of SQLite's.
fn record(number: u8, revision: Revision) -> Record {
    let id = ConversationId::from_bits([number.wrapping_mul(37); 16]);
    let long = if number.is_multiple_of(10) { 9000 } else { usize::from(number) * 7 };
    let question = Confirm::new(format!("Is this change {revision} of {number}? {}", "?".repeat(long)));
    match kernel::start(id, Box::new(question), None, Timestamp::from_millis(1_700_000_000_000))
        .map(|outcome| outcome.progress)
    {
        Ok(Progress::Waits(conversation)) => {
            Record::encode(&conversation, Lineage::for_test(revision.number())).expect("a question can be saved")
        }
        Ok(Progress::Ended(_)) | Err(_) => panic!("a question waits"),
    }
}

fn all(revision: Revision) -> Records {
    (0..RECORDS).map(|number| record(number, revision)).map(|record| (record.id(), record)).collect()
}

/// Damages bytes; gives what was done.
fn damage(bytes: &mut Vec<u8>, random: &mut Random) -> String {
    const SECTOR: usize = 512;
    let length = bytes.len() as u64;
    let at = random.below(length) as usize;
    let sectors = length / SECTOR as u64;
    match random.below(12) {
        0 => {
            // Not to nothing: an empty file is a new one for SQLite.
            let at = at.max(1);
            bytes.truncate(at);
            format!("cut at {at}")
        }
        1 => {
            bytes.remove(at);
            format!("byte {at} is lost")
        }
        2 => {
            let byte = random.next() as u8;
            bytes.insert(at, byte);
            format!("byte {byte:#x} is added at {at}")
        }
        3 if sectors > 0 => {
            let sector = random.below(sectors) as usize * SECTOR;
            bytes[sector..][..SECTOR].fill(0);
            format!("the sector at {sector} is zero")
        }
        4 if sectors > 1 => {
            let (from, to) = (random.below(sectors) as usize * SECTOR, random.below(sectors) as usize * SECTOR);
            bytes.copy_within(from..from + SECTOR, to);
            format!("the sector at {from} is at {to}, too")
        }
        5 => {
            let byte = random.next() as u8;
            bytes[at] = byte;
            format!("byte {at} is {byte:#x}")
        }
        // Pages of SQLite begin with what holds them together.
        6..9 if length > 4096 => {
            let at = at - at % 4096 + at % 64;
            bytes[at] ^= 1 << random.below(8);
            format!("a bit of byte {at}")
        }
        _ => {
            bytes[at] ^= 1 << random.below(8);
            format!("a bit of byte {at}")
        }
    }
}

#[derive(Default)]
struct Counted {
    damages: u64,
    /// That were no damage: the bytes were free, or became what they were.
    harmless: u64,
    /// Of these, the store was not even opened.
    unopened: u64,
    /// Conversations that were reported.
    reported: u64,
    /// Of SQLite's log: it ended earlier.
    shortened: u64,
    violations: u64,
}

/// The control.
#[derive(Debug)]
struct Quiet(Box<dyn Store>);

impl Store for Quiet {
    fn load_all<'a>(&'a self, each: &'a mut Visitor<'a>) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(async move {
            let _ = self.0.load_all(&mut |entry| entry.into_iter().for_each(|record| each(Ok(record)))).await;
            Ok(())
        })
    }

    fn save<'a>(&'a self, record: &'a Record, replaces: Option<Revision>) -> BoxFuture<'a, WriteOutcome> {
        self.0.save(record, replaces)
    }

    fn delete(&self, id: ConversationId, replaces: Revision) -> BoxFuture<'_, WriteOutcome> {
        self.0.delete(id, replaces)
    }
}

fn opened(store: impl Store + 'static, quiet: bool) -> Box<dyn Store> {
    if quiet { Box::new(Quiet(Box::new(store))) } else { Box::new(store) }
}

/// Makes one damage to a store, quiet or not, and reads it. Gives what was done, and what is to be thought of it.
type Damages<'a> = Box<dyn FnMut(&mut Random, bool) -> (String, Verdict) + 'a>;

/// What is to be thought of one damage.
#[derive(Default)]
struct Verdict {
    unopened: bool,
    reported: u64,
    shortened: bool,
    violations: Vec<String>,
}

/// Prints what it counted. Whether all damage was found.
pub(crate) fn flip(kind: Kind, runtime: &Runtime, dir: &str, flips: u64, seed: u64) -> bool {
    let mut random = Random::new(seed);
    fs::create_dir_all(dir).expect("the directory can be made");
    let mut one: Damages<'_> = match kind {
        Kind::Files => Box::new(files(runtime, dir)),
        Kind::Sqlite => Box::new(sqlite(runtime, dir)),
    };
    let caught = (0..100).filter(|_| !one(&mut random, true).1.violations.is_empty()).count();
    println!("control: a store that keeps quiet was caught after {caught} of 100 damages");
    if caught == 0 {
        return false;
    }
    let begun = Instant::now();
    let mut counted = Counted::default();
    while counted.damages < flips {
        let (what, verdict) = one(&mut random, false);
        counted.damages += 1;
        counted.unopened += u64::from(verdict.unopened);
        counted.shortened += u64::from(verdict.shortened);
        counted.reported += verdict.reported;
        if !verdict.unopened && !verdict.shortened && verdict.reported == 0 && verdict.violations.is_empty() {
            counted.harmless += 1;
        }
        if !verdict.violations.is_empty() {
            counted.violations += 1;
            eprintln!("VIOLATION (seed {seed}, {what}): {}", verdict.violations.join(", "));
        }
    }
    println!(
        "{} damages, {} of them harmless, {} kept the store closed, {} reports, {} shortened the log, {} violations, \
        {:.1} ms each",
        counted.damages,
        counted.harmless,
        counted.unopened,
        counted.reported,
        counted.shortened,
        counted.violations,
        begun.elapsed().as_secs_f64() * 1000.0 / counted.damages as f64
    );
    counted.violations == 0 && counted.reported > 0
}

/// What can be read, and what is reported.
struct Read {
    whole: Records,
    reported: Vec<Unreadable>,
    failed: bool,
    violations: Vec<String>,
}

async fn read_all(store: &dyn Store) -> Read {
    let mut read = Read { whole: Records::new(), reported: Vec::new(), failed: false, violations: Vec::new() };
    let mut each = |entry: Result<Record, Unreadable>| match entry {
        Ok(record) => {
            if let Some(twice) = read.whole.insert(record.id(), record) {
                read.violations.push(format!("{} was given twice", twice.id()));
            }
        }
        Err(unreadable) => read.reported.push(unreadable),
    };
    let begun = Instant::now();
    read.failed = match store.load_all(&mut each).await {
        Ok(()) => false,
        Err(error) => {
            if error.to_string().contains("panic") {
                read.violations.push(error.to_string());
            }
            true
        }
    };
    if begun.elapsed() > Duration::from_secs(10) {
        read.violations.push("it took more than ten seconds".to_owned());
    }
    read
}

/// Reads all in both ways. What is whole must be what was saved, and what is not whole must have been reported.
async fn examine(store: &dyn Store, saved: &Records) -> (Read, Verdict) {
    let mut read = read_all(store).await;
    let mut verdict = Verdict { violations: std::mem::take(&mut read.violations), ..Verdict::default() };
    let told = read.failed || !read.reported.is_empty();
    for (id, record) in &read.whole {
        if saved.get(id) != Some(record) {
            verdict.violations.push(format!("{id} is something else"));
        }
    }
    for (id, record) in saved {
        if !read.whole.contains_key(id) && !told {
            verdict.violations.push(format!("{id} is missing without a word"));
        }
        match store.load(*id).await {
            Ok(Some(found)) if found == *record => {}
            Ok(Some(_)) => verdict.violations.push(format!("{id} is loaded as something else")),
            Ok(None) | Err(LoadError::Unreadable(_) | LoadError::Store(_)) if told => {}
            Ok(None) => verdict.violations.push(format!("{id} is not found, and all were read without a word")),
            Err(error) => verdict.violations.push(format!("{id} alone is not loaded: {error}")),
        }
    }
    verdict.reported = read.reported.len() as u64 + u64::from(read.failed);
    (read, verdict)
}

/// Damages one file of the file store. Only that conversation may be concerned, by its id, and it is left as it is.
fn files<'a>(runtime: &'a Runtime, dir: &'a str) -> impl FnMut(&mut Random, bool) -> (String, Verdict) + 'a {
    let saved = all(Revision::for_test(1));
    runtime.block_on(async {
        let store = FileStore::open(dir).expect("an empty directory");
        for record in saved.values() {
            assert!(matches!(store.save(record, None).await, WriteOutcome::Applied));
        }
    });
    move |random, quiet| {
        let number = random.below(u64::from(RECORDS)) as u8;
        let id = record(number, Revision::for_test(1)).id();
        let path = format!("{dir}/{id}.json");
        let good = fs::read(&path).expect("the record is there");
        let mut bad = good.clone();
        let mut what = damage(&mut bad, random);
        if random.below(16) == 0 {
            let other = record((number + 1) % RECORDS, Revision::for_test(1)).id();
            bad = fs::read(format!("{dir}/{other}.json")).expect("the record is there");
            what = format!("that of {other} is in its place");
        }
        fs::write(&path, &bad).expect("it can be damaged");
        let mut verdict = runtime.block_on(async {
            let store = match FileStore::open(dir) {
                Ok(store) => opened(store, quiet),
                Err(error) => {
                    return Verdict { violations: vec![format!("not opened: {error}")], ..Verdict::default() };
                }
            };
            let (read, mut verdict) = examine(&*store, &saved).await;
            let reported: Vec<_> = read.reported.iter().map(|unreadable| unreadable.id).collect();
            let expected = if bad == good { vec![] } else { vec![Some(id)] };
            if reported != expected || read.failed || read.whole.len() + reported.len() != saved.len() {
                verdict.violations.push(format!("{reported:?} are reported"));
            }
            if bad != good {
                let next = record(number, Revision::for_test(2));
                for replaces in [None, Some(Revision::for_test(1))] {
                    let again = if replaces.is_none() { &saved[&id] } else { &next };
                    let change = store.save(again, replaces).await;
                    if !matches!(change, WriteOutcome::Conflict { stored: None }) {
                        verdict.violations.push(format!("a save is answered by {change:?}"));
                    }
                }
                if !matches!(store.delete(id, Revision::for_test(1)).await, WriteOutcome::Conflict { stored: None }) {
                    verdict.violations.push("it could be deleted".to_owned());
                }
            }
            verdict
        });
        if fs::read(&path).ok().as_ref() != Some(&bad) {
            verdict.violations.push("it was written over".to_owned());
        }
        fs::write(&path, good).expect("it can be made whole");
        (format!("{id}, {what}"), verdict)
    }
}

/// Damages the file of the SQLite store, or its log.
fn sqlite<'a>(runtime: &'a Runtime, dir: &'a str) -> impl FnMut(&mut Random, bool) -> (String, Verdict) + 'a {
    let file = changes::file(dir);
    let log = format!("{file}-wal");
    let saved = all(Revision::for_test(1));
    let file_alone = runtime.block_on(async {
        let store = SqliteStore::open(&file).expect("an empty directory");
        for record in saved.values() {
            assert!(matches!(store.save(record, None).await, WriteOutcome::Applied));
        }
        let by_hand = store.connect().expect("a connection");
        by_hand.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).expect("all is in the file");
        fs::read(&file).expect("the file is there")
    });
    // What was there after each further change, and the log of these.
    let mut states = vec![saved.clone()];
    let with_log = runtime.block_on(async {
        let store = SqliteStore::open(&file).expect("it was just there");
        for number in 0..RECORDS {
            let next = record(number, Revision::for_test(2));
            assert!(matches!(store.save(&next, Some(Revision::for_test(1))).await, WriteOutcome::Applied));
            let mut state = states.last().expect("there is one").clone();
            state.insert(next.id(), next);
            states.push(state);
        }
        (fs::read(&file).expect("the file is there"), fs::read(&log).expect("its log is there"))
    });
    move |random, quiet| {
        let is_log = random.below(4) == 0;
        let (mut bytes, mut log_bytes) = if is_log { with_log.clone() } else { (file_alone.clone(), Vec::new()) };
        let what = damage(if is_log { &mut log_bytes } else { &mut bytes }, random);
        // The store of the last time may not have closed it yet, so each has a directory of its own.
        let place = tempfile::tempdir_in(dir).expect("a directory can be made");
        let path = place.path().join("conversations.db");
        fs::write(&path, bytes).expect("it can be damaged");
        if is_log {
            fs::write(place.path().join("conversations.db-wal"), log_bytes).expect("it can be damaged");
        }
        let verdict = runtime.block_on(async {
            let store = match SqliteStore::open(&path) {
                Ok(store) => opened(store, quiet),
                Err(_) => return Verdict { unopened: true, ..Verdict::default() },
            };
            if !is_log {
                return examine(&*store, &saved).await.1;
            }
            let read = read_all(&*store).await;
            let mut verdict = Verdict { reported: read.reported.len() as u64, ..Verdict::default() };
            verdict.violations = read.violations;
            match states.iter().position(|state| *state == read.whole) {
                Some(state) => verdict.shortened = state + 1 < states.len(),
                None => verdict.violations.push("it is as it never was".to_owned()),
            }
            verdict
        });
        (format!("{} {what}", if is_log { "log:" } else { "file:" }), verdict)
    }
}
