//! The SQLite store on a real file: the contract of a store, which files it takes, what it makes of damaged rows,
//! several processes on one file, and the host's transaction.
//!
//! Some tests start this program again and kill it: see `common/processes.rs`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use stube::kernel::{self, Progress};
use stube::record::{Lineage, MAX_BYTES, Reason, Record, Revision, Unreadable};
use stube::runtime::{Prepared, Reply, Runtime};
use stube::store::contract::{self, Harness, Promise};
use stube::store::sqlite::rusqlite::{self, Connection, TransactionBehavior};
use stube::store::sqlite::{OpenError, SaveInError};
use stube::store::{Inline, LoadError, Query, WriteOutcome};
use stube::{BoxError, ErrorKind};
use stube::{Confirm, ConversationId, Event, SqliteStore, Store, Timestamp, Turn, flow};
use tempfile::TempDir;

use crate::processes::{Log, Process, answers, contestant, contestants, listen, role, say};

fn scratch() -> TempDir {
    tempfile::tempdir().expect("a temporary directory can be made")
}

fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path).unwrap_or_else(|error| panic!("the store can be opened: {error}"))
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

#[track_caller]
fn applied(saved: WriteOutcome) {
    assert!(matches!(saved, WriteOutcome::Applied), "{saved:?}");
}

#[track_caller]
fn conflict(saved: WriteOutcome, with: Option<Revision>) {
    assert!(matches!(saved, WriteOutcome::Conflict { stored } if stored == with), "{saved:?}");
}

async fn load_all(store: &SqliteStore) -> (Vec<Record>, Vec<Unreadable>) {
    let (mut records, mut bad) = (Vec::new(), Vec::new());
    let mut each = |entry| match entry {
        Ok(record) => records.push(record),
        Err(unreadable) => bad.push(unreadable),
    };
    store.load_all(&mut each).await.expect("the file can be read");
    (records, bad)
}

// ---- The contract -------------------------------------------------------------------------------------------------

struct Files(TempDir, Inline);

impl Files {
    fn path(&self) -> PathBuf {
        self.0.path().join("conversations.db")
    }

    fn open(&self) -> Result<SqliteStore, BoxError> {
        Ok(SqliteStore::options().inline(self.1).open(self.path())?)
    }
}

impl Harness for Files {
    type Store = SqliteStore;

    async fn fresh(&mut self) -> Result<SqliteStore, BoxError> {
        self.0 = TempDir::new()?;
        self.open()
    }

    async fn reopen(&mut self) -> Result<Option<SqliteStore>, BoxError> {
        self.open().map(Some)
    }

    async fn overwrite(&mut self, id: ConversationId, bytes: &[u8]) -> Result<bool, BoxError> {
        let changed = Connection::open(self.path())?
            .execute("UPDATE stube_conversation SET record = ?2 WHERE id = ?1", (id.to_string(), bytes))?;
        Ok(changed == 1)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_of_stores_is_kept() {
    use Promise::{
        CutAfterDelete, CutAfterDiscard, CutAfterFault, CutAfterKill, CutAfterSave, CutInside, Faults, Idle, Recovery,
        Unknown,
    };
    // Calls fail and the power is cut in tests/sqlite_contract/. All processes on one file are on one machine, with one
    // clock: the system's.
    let not_checked = [
        &[Faults, Recovery, Unknown, CutAfterSave, CutAfterDelete, CutInside, CutAfterFault, CutAfterKill][..],
        &[Idle, CutAfterDiscard],
    ];
    for inline in [Inline::WhenIdle, Inline::Always, Inline::Never] {
        let report = contract::run(Files(scratch(), inline)).await;
        report.assert();
        assert_eq!(report.not_checked(), not_checked.concat(), "{inline:?}:\n{report}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_together_is_committed_together_and_each_is_answered_for_itself() {
    let dir = scratch();
    let store = open(&dir.path().join("db"));
    for number in 0..50 {
        applied(store.save(&record(number, 1), None).await);
    }
    // While this is open nothing is written, so all of them are in the queue when it ends.
    let mut other = store.connect().expect("a connection");
    let lock = other.transaction_with_behavior(TransactionBehavior::Immediate).expect("the lock");
    let tasks: Vec<_> = (0..100)
        .map(|number| {
            let store = store.clone();
            // The first 50 are there already; of those, every third save names the wrong revision.
            let replaces = (number < 50).then(|| revision(if number % 3 == 0 { 7 } else { 1 }));
            tokio::spawn(async move { store.save(&record(number, 2), replaces).await })
        })
        .collect();
    lock.rollback().expect("the lock is given back");
    for (number, task) in tasks.into_iter().enumerate() {
        match task.await.expect("it does not panic") {
            saved if number < 50 && number % 3 == 0 => conflict(saved, Some(revision(1))),
            saved => applied(saved),
        }
    }
    let (records, bad) = load_all(&store).await;
    assert_eq!((records.len(), bad.len()), (100, 0));
    for (number, found) in records.iter().enumerate() {
        let is_old = number < 50 && number % 3 == 0;
        assert_eq!(*found, record(number as u8, if is_old { 1 } else { 2 }));
    }
}

#[tokio::test]
async fn a_change_whose_caller_has_given_up_is_made_all_the_same() {
    let dir = scratch();
    let path = dir.path().join("db");
    let store = open(&path);
    let saved = record(1, 1);
    let mut save = store.save(&saved, None);
    // It is brought to the thread, and nobody waits for it.
    let polled = std::future::poll_fn(|cx| std::task::Poll::Ready(save.as_mut().poll(cx).is_ready())).await;
    drop(save);
    if !polled {
        // One after the other: this is answered after it.
        applied(store.save(&record(2, 1), None).await);
    }
    assert_eq!(store.load(id(1)).await.expect("it can be read"), Some(record(1, 1)));
}

// ---- Files --------------------------------------------------------------------------------------------------------

#[test]
fn another_applications_file_is_refused_and_left_as_it_is() {
    let dir = scratch();
    let path = dir.path().join("invoices.db");
    let theirs = Connection::open(&path).expect("a database");
    theirs.execute_batch("PRAGMA user_version = 9; CREATE TABLE invoice (id)").expect("a table");
    drop(theirs);
    let before = std::fs::read(&path).expect("its bytes");
    let error = SqliteStore::open(&path).expect_err("it is not ours");
    assert!(matches!(&error, OpenError::Foreign(refused) if refused.ends_with("invoices.db")), "{error}");
    assert_eq!(std::fs::read(&path).expect("its bytes"), before);

    // Unless the host says that it is meant.
    let store = SqliteStore::options().share(true).open(&path).expect("both are in one file");
    drop(store);
    open(&path);
    let both = Connection::open(&path).expect("a database");
    assert_eq!(both.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0)), Ok(9));
    assert_eq!(both.query_row("SELECT count(*) FROM invoice", [], |row| row.get::<_, i64>(0)), Ok(0));
}

#[test]
fn what_is_no_database_and_what_is_newer_are_refused() {
    let dir = scratch();
    let path = dir.path().join("text.db");
    std::fs::write(&path, "This is a text, and it is long enough to have been a header of a database. ".repeat(20))
        .expect("a file");
    let error = SqliteStore::open(&path).expect_err("it is a text");
    assert!(matches!(error, OpenError::NotADatabase(_)), "{error}");
    let error = SqliteStore::open(dir.path()).expect_err("it is a directory");
    assert!(matches!(error, OpenError::NotADatabase(_)), "{error}");
    let error = SqliteStore::open(dir.path().join("missing/db")).expect_err("there is no such directory");
    assert!(matches!(error, OpenError::System { .. }), "{error}");

    let path = dir.path().join("newer.db");
    drop(open(&path));
    let later = Connection::open(&path).expect("a database");
    later.execute_batch("UPDATE stube_store SET version = 2").expect("a later version");
    let error = SqliteStore::open(&path).expect_err("it is of a later version");
    assert!(error.to_string().ends_with("are of version 2, and this program knows versions up to 1"), "{error}");
}

#[tokio::test]
async fn a_name_with_a_meaning_for_the_engine_is_a_file_like_others() {
    let dir = scratch();
    for name in [":memory:", "file:x?mode=memory", "a b%20c"] {
        let store = open(&dir.path().join(name));
        applied(store.save(&record(1, 1), None).await);
        drop(store);
        assert!(dir.path().join(name).metadata().expect("it is there").is_file());
        assert_eq!(load_all(&open(&dir.path().join(name))).await.0, [record(1, 1)]);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_may_read_the_file_or_its_log() {
    use std::os::unix::fs::PermissionsExt;
    let dir = scratch();
    let store = open(&dir.path().join("db"));
    applied(store.save(&record(1, 1), None).await);
    for name in ["db", "db-wal", "db-shm"] {
        let mode = dir.path().join(name).metadata().expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[tokio::test]
async fn the_columns_can_be_asked_for_in_sql() {
    let dir = scratch();
    let store = open(&dir.path().join("db"));
    applied(store.save(&record(1, 1), None).await);
    applied(store.save(&record(1, 2), Some(revision(1))).await);
    let sql = "SELECT id, revision, flow, component, touched, conversation.state IS NULL AND owner IS NULL
        AND conversation.due IS NULL AND open.due IS NULL AND NOT ended AND turn = 'i1.0' AND kind = 'question',
        json_extract(CAST(record AS TEXT), '$.revision')
        FROM stube_conversation AS conversation JOIN stube_open_await AS open USING (id)";
    let row = store.connect().expect("a connection").query_row(sql, [], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?))
    });
    let confirm = || record(1, 1).header().flow.clone();
    let expected: (String, i64, String, String, i64, bool, i64) =
        (id(1).to_string(), 2, confirm(), confirm(), 2, true, 2);
    assert_eq!(row, Ok(expected));
}

// ---- Damage -------------------------------------------------------------------------------------------------------

#[tokio::test]
async fn every_flipped_byte_of_a_row_is_found_and_concerns_one_conversation() {
    let dir = scratch();
    let path = dir.path().join("db");
    let store = open(&path);
    let (good, bad) = (record(1, 1), record(2, 1));
    applied(store.save(&good, None).await);
    applied(store.save(&bad, None).await);
    let by_hand = Connection::open(&path).expect("a database");
    let put = |bytes: &[u8]| {
        let update = "UPDATE stube_conversation SET record = ?2 WHERE id = ?1";
        assert_eq!(by_hand.execute(update, (id(2).to_string(), bytes)), Ok(1));
    };
    for at in 0..bad.bytes().len() {
        let mut bytes = bad.bytes().to_vec();
        bytes[at] ^= 1 << (at % 8);
        put(&bytes);
        match store.load(id(2)).await {
            Err(LoadError::Unreadable(unreadable)) => assert_eq!(unreadable.id, Some(id(2))),
            other => panic!("byte {at}: {other:?}"),
        }
        if at % 64 > 0 {
            continue;
        }
        assert_eq!(store.load(id(1)).await.expect("it is whole").as_ref(), Some(&good));
        let (whole, damaged) = load_all(&store).await;
        assert_eq!((whole, damaged.len()), (vec![good.clone()], 1));
        // It is neither written over nor deleted, and its id is not given to another.
        conflict(store.save(&record(2, 2), Some(revision(1))).await, None);
        conflict(store.save(&record(2, 1), None).await, None);
        conflict(store.delete(id(2), revision(1)).await, None);
        let select = "SELECT record FROM stube_conversation WHERE id = ?1";
        assert_eq!(by_hand.query_row(select, [id(2).to_string()], |row| row.get(0)), Ok(bytes));
    }
    put(bad.bytes());
    assert_eq!(store.load(id(2)).await.expect("it is whole again").as_ref(), Some(&bad));
}

#[tokio::test]
async fn a_column_that_says_something_else_than_the_record_is_damage() {
    let dir = scratch();
    let path = dir.path().join("db");
    let store = open(&path);
    let by_hand = Connection::open(&path).expect("a database");
    for (number, column, value) in [
        (1, "revision", "2"),
        (2, "flow", "'other'"),
        (3, "state", "'Room'"),
        (4, "ended", "1"),
        (5, "owner", "'eve'"),
        (6, "due", "1"),
        (7, "touched", "99"),
        (8, "record", "zeroblob(2000000)"),
    ] {
        applied(store.save(&record(number, 1), None).await);
        let set = format!("UPDATE stube_conversation SET {column} = {value} WHERE id = ?1");
        assert_eq!(by_hand.execute(&set, [id(number).to_string()]), Ok(1));
        match (column, store.load(id(number)).await) {
            ("record", Err(LoadError::Unreadable(Unreadable { reason, .. }))) => {
                assert_eq!(reason, Reason::TooLarge(2_000_000));
                const { assert!(MAX_BYTES < 2_000_000) };
            }
            (_, Err(LoadError::Unreadable(Unreadable { reason: Reason::Corrupt(why), .. }))) => {
                assert!(why.contains(&format!("`{column}`")), "{why}");
            }
            (_, other) => panic!("{column}: {other:?}"),
        }
    }
    by_hand.execute("UPDATE stube_conversation SET id = 'nobody' WHERE id = ?1", [id(1).to_string()]).expect("changed");
    let (whole, damaged) = load_all(&store).await;
    assert_eq!((whole.len(), damaged.len()), (0, 8));
    assert_eq!(damaged.iter().filter(|unreadable| unreadable.id.is_none()).count(), 1);
    // What the columns say is listed, as long as they do not contradict each other.
    assert_eq!(store.list(&Query::all(), None, 99).await.expect("a page").len(), 6);
}

#[tokio::test]
async fn a_damaged_page_keeps_no_other_row_from_being_read() {
    let dir = scratch();
    let path = dir.path().join("db");
    let store = open(&path);
    for number in 0..200 {
        applied(store.save(&record(number, 1), None).await);
    }
    let by_hand = store.connect().expect("a connection");
    by_hand.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).expect("all is in the file");
    drop((by_hand, store));
    let mut bytes = std::fs::read(&path).expect("the file");
    // A leaf of a table begins with this byte, and records are in most of them.
    let mut leaves = bytes.chunks(4096).enumerate().filter(|(_, page)| page[0] == 0x0d);
    let (page, _) = leaves.next_back().expect("there are leaves");
    bytes[page * 4096..][..4096].fill(0xa5);
    std::fs::write(&path, bytes).expect("it is damaged");
    let (whole, damaged) = load_all(&open(&path)).await;
    assert_eq!(whole.len() + damaged.len(), 200);
    assert!(!damaged.is_empty() && damaged.len() < 20, "{} of 200 rows are damaged", damaged.len());
    assert!(damaged.iter().all(|unreadable| unreadable.id.is_some()));
}

/// A file of so many records, all of them in the file itself; and where the index of their names begins in it.
async fn settled_file(path: &Path, records: u8) -> (Vec<u8>, usize) {
    let store = open(path);
    for number in 0..records {
        applied(store.save(&record(number, 1), None).await);
    }
    let by_hand = store.connect().expect("a connection");
    by_hand.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).expect("all is in the file");
    let index = "SELECT rootpage FROM sqlite_schema WHERE name = 'sqlite_autoindex_stube_conversation_1'";
    let page: u32 = by_hand.query_row(index, [], |row| row.get(0)).expect("the index has a page");
    (std::fs::read(path).expect("the file"), (page as usize - 1) * 4096)
}

#[tokio::test]
async fn a_name_that_the_index_has_lost_is_found_in_the_table_and_reported() {
    let dir = scratch();
    let (mut bytes, index) = settled_file(&dir.path().join("whole"), 60).await;
    // One page of entries, and the number of them: a page that has one less is whole for the engine.
    assert_eq!(bytes[index..][..5], [0x0a, 0, 0, 0, 60]);
    bytes[index + 4] = 59;
    let path = dir.path().join("db");
    std::fs::write(&path, bytes).expect("it is damaged");
    let store = open(&path);
    let (whole, damaged) = load_all(&store).await;
    assert_eq!(whole, (0..59).map(|number| record(number, 1)).collect::<Vec<_>>());
    let reported: Vec<_> = damaged.iter().map(|unreadable| (unreadable.id, unreadable.reason.to_string())).collect();
    let Reason::Corrupt(why) = &damaged[0].reason else { panic!("{reported:?}") };
    assert_eq!((damaged.len(), damaged[0].id), (1, Some(id(59))), "{reported:?}");
    assert_eq!(why, "the index of names does not lead to its row");
    conflict(store.save(&record(59, 2), Some(revision(1))).await, None);
    // Here nothing tells, and nothing is done to the row.
    assert_eq!(store.load(id(59)).await.expect("it is not found"), None);
    applied(store.delete(id(59), revision(1)).await);

    // What the engine has for it.
    store.connect().expect("a connection").execute_batch("REINDEX stube_conversation").expect("it is made anew");
    assert_eq!(load_all(&store).await.0.len(), 60);
    assert_eq!(store.load(id(59)).await.expect("it is found"), Some(record(59, 1)));
}

#[tokio::test]
async fn no_flipped_bit_of_the_index_makes_a_record_vanish_without_a_word() {
    let dir = scratch();
    // Pages of names below one that leads to them.
    let (bytes, index) = settled_file(&dir.path().join("whole"), 255).await;
    assert_eq!(bytes[index..][..5], [0x02, 0, 0, 0, 2]);
    let saved: Vec<_> = (0..255).map(|number| record(number, 1)).collect();
    let path = dir.path().join("db");
    // Its head, where its entries are, and the first of these.
    let bits = (0..8 * 24).chain(8 * 4000..8 * 4020);
    let flipped = bits.map(|bit| {
        let mut bytes = bytes.clone();
        bytes[index + bit / 8] ^= 1 << (bit % 8);
        (format!("bit {bit}"), bytes)
    });
    // Its first entries in another order, so that the names go up and down.
    let mut swapped = bytes.clone();
    swapped[index..][12..16].rotate_left(2);
    let mut incomplete = 0;
    for (what, bytes) in flipped.chain([("swapped".to_owned(), swapped)]) {
        for log in ["db-wal", "db-shm"] {
            let _ = std::fs::remove_file(dir.path().join(log));
        }
        std::fs::write(&path, bytes).expect("it is damaged");
        let Ok(store) = SqliteStore::open(&path) else { continue };
        let (mut whole, mut damaged) = (Vec::new(), 0);
        let mut each = |entry| match entry {
            Ok(record) => whole.push(record),
            Err(Unreadable { .. }) => damaged += 1,
        };
        let loaded = store.load_all(&mut each).await;
        whole.sort_by_key(|record: &Record| record.id());
        whole.dedup_by_key(|record| record.id());
        assert!(whole.iter().all(|found| saved.contains(found)), "{what}");
        assert!(whole.len() == 255 || damaged > 0 || loaded.is_err(), "{what}: {} of 255", whole.len());
        incomplete += usize::from(whole.len() < 255);

        // Page after page comes to an end, too.
        let mut after = None;
        for page in 0.. {
            assert!(page < 20, "{what}: the pages have no end");
            match store.list(&Query::all(), after, 20).await {
                Ok(page) if page.is_empty() => break,
                Ok(page) => after = page.last().map(|last| last.id),
                Err(_) => break,
            }
        }
    }
    assert!(incomplete > 50, "{incomplete}");
}

// ---- Several processes --------------------------------------------------------------------------------------------

/// Counts answers up to many.
#[flow]
async fn count() -> u64 {
    let mut answers: u64 = 0;
    while answers < 1_000_000 {
        if Confirm::new(format!("{answers}")).await {
            answers += 1;
        }
    }
    answers
}

async fn question(runtime: &Runtime, id: ConversationId) -> (Turn, u64) {
    let questions = runtime.render(id).await.expect("it is there").waiting().expect("it waits");
    let stube::View::Form(form) = &questions[0].view else { panic!("a form") };
    let text = format!("{form:?}");
    let digits: String = text.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    (questions[0].turn, digits.parse().expect("it shows how many"))
}

#[tokio::test]
async fn of_several_processes_on_one_file_each_answer_is_applied_exactly_once() {
    const ANSWERS: usize = 60;
    let test = "sqlite::of_several_processes_on_one_file_each_answer_is_applied_exactly_once";
    if let Some((name, many, path)) = contestant() {
        return answers(&Runtime::open(open(path.as_ref())).expect("a runtime"), &name, many).await;
    }
    let dir = scratch();
    let path = dir.path().join("db");
    let runtime = Runtime::open(open(&path)).expect("a runtime");
    crate::processes::begin(&runtime, 3).await;
    let mut log = Log::default();
    for process in contestants(test, 4, ANSWERS, &path.display().to_string()) {
        log.read(&process.rest());
    }
    assert_eq!(log.len(), 4 * ANSWERS);
    assert!(log.met > 0, "they never met, so nothing was tried");
    log.check(&runtime).await;
    assert_eq!(integrity(&path), "ok");
}

#[tokio::test]
async fn a_process_that_was_stopped_between_reading_and_saving_writes_nothing_stale() {
    let test = "sqlite::a_process_that_was_stopped_between_reading_and_saving_writes_nothing_stale";
    if let Some(path) = role("stop") {
        return crate::processes::stops(&Runtime::open(open(path.as_ref())).expect("a runtime")).await;
    }
    let dir = scratch();
    let path = dir.path().join("db");
    let runtime = Runtime::open(open(&path)).expect("a runtime");
    // There are no times at which anything of this store is taken away from a process.
    let past_all = Duration::from_millis(10);
    crate::processes::stopped_between_read_and_save(test, &runtime, &path.display().to_string(), past_all).await;
}

/// It may be stopped while it holds the lock of the file, so the others need not go on meanwhile.
#[tokio::test]
async fn a_process_that_was_stopped_anywhere_writes_nothing_stale() {
    let test = "sqlite::a_process_that_was_stopped_anywhere_writes_nothing_stale";
    if let Some((name, many, path)) = contestant() {
        return answers(&Runtime::open(open(path.as_ref())).expect("a runtime"), &name, many).await;
    }
    let dir = scratch();
    let path = dir.path().join("db");
    let runtime = Runtime::open(open(&path)).expect("a runtime");
    let past_all = Duration::from_millis(100);
    crate::processes::stopped_anywhere(test, &runtime, &path.display().to_string(), past_all, 0).await;
    assert_eq!(integrity(&path), "ok");
}

fn integrity(path: &Path) -> String {
    let connection = Connection::open(path).expect("a database");
    connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("it can be checked")
}

#[tokio::test]
async fn while_another_process_holds_the_lock_a_save_is_not_applied_and_reading_goes_on() {
    if let Some(path) = role("hold") {
        let mut connection = Connection::open(path).expect("a database");
        let _lock = connection.transaction_with_behavior(TransactionBehavior::Immediate).expect("the lock");
        say("held");
        // The other end is never closed before the kill.
        return listen();
    }
    let dir = scratch();
    let path = dir.path().join("db");
    let store = SqliteStore::options().timeout(Duration::from_millis(50)).open(&path).expect("a store");
    applied(store.save(&record(1, 1), None).await);
    let name = "sqlite::while_another_process_holds_the_lock_a_save_is_not_applied_and_reading_goes_on";
    let mut holder = Process::start(name, "hold", &path.display().to_string());
    holder.says("held");

    let saved = store.save(&record(1, 2), Some(revision(1))).await;
    let WriteOutcome::NotApplied(error) = saved else { panic!("{saved:?}") };
    assert!(error.to_string().starts_with("beginning a transaction: "), "{error}");
    assert_eq!(store.load(id(1)).await.expect("it can be read"), Some(record(1, 1)));

    holder.kill();
    applied(store.save(&record(1, 2), Some(revision(1))).await);
}

#[tokio::test]
async fn while_a_commit_is_in_doubt_nothing_is_read_or_written_until_the_log_is_written_over() {
    let dir = scratch();
    let store = SqliteStore::options().timeout(Duration::from_millis(50)).open(dir.path().join("db")).expect("a store");
    applied(store.save(&record(1, 1), None).await);
    let mut other = store.connect().expect("a connection");
    let lock = other.transaction_with_behavior(TransactionBehavior::Immediate).expect("the lock");
    // Nobody can write, so nothing can be settled.
    store.resolve().await.expect_err("another connection has the lock");
    let error = store.load(id(1)).await.expect_err("it is not certain what is stored");
    assert!(matches!(error, LoadError::Store(_)), "{error}");
    assert!(store.list(&Query::all(), None, 9).await.is_err());
    let saved = store.save(&record(1, 2), Some(revision(1))).await;
    assert!(matches!(saved, WriteOutcome::NotApplied(_)), "{saved:?}");

    lock.rollback().expect("the lock is given back");
    assert_eq!(store.load(id(1)).await.expect("it was settled first"), Some(record(1, 1)));
    applied(store.save(&record(1, 2), Some(revision(1))).await);
    let settled = other.query_row("SELECT settled FROM stube_store", [], |row| row.get::<_, i64>(0));
    assert_eq!(settled, Ok(1));
}

#[tokio::test]
async fn a_runtime_never_answers_from_what_another_one_has_changed() {
    let dir = scratch();
    let path = dir.path().join("db");
    let (one, two) = (Runtime::open(open(&path)).expect("one"), Runtime::open(open(&path)).expect("two"));
    let id = one.start(count()).await.expect("it starts").id;
    let (first, _) = question(&two, id).await;
    let yes = || Event::new("yes");
    assert_eq!(two.dispatch(id, first, yes()).await.expect("it is saved"), Reply::Applied);
    // The first one has seen the record before that.
    assert_eq!(one.dispatch(id, first, yes()).await.expect("it is known"), Reply::Repeated);
    let (second, counted) = question(&one, id).await;
    assert_eq!(counted, 1);
    assert_eq!(one.dispatch(id, second, yes()).await.expect("it is saved"), Reply::Applied);
    assert_eq!(two.dispatch(id, first, yes()).await.expect("it is known"), Reply::Repeated);
    assert_eq!(two.dispatch(id, first, Event::new("no")).await.expect("it is known"), Reply::Stale);
    assert_eq!(question(&two, id).await.1, 2);
    two.end(id).await.expect("it ends");
    let error = one.dispatch(id, second, yes()).await.expect_err("it is gone");
    assert!(matches!(error.kind, ErrorKind::NotFound), "{error}");
}

// ---- The host's transaction ---------------------------------------------------------------------------------------

fn shop(store: &SqliteStore) -> Connection {
    let connection = store.connect().expect("a connection");
    connection
        .execute_batch(
            "CREATE TABLE IF NOT EXISTS shop (conversation TEXT, answers INTEGER, UNIQUE (conversation, answers))",
        )
        .expect("a table");
    connection
}

/// Answers, with a row of the host's in the same transaction. Gives that transaction's fate.
async fn answer_with_row(
    store: &SqliteStore,
    runtime: &Runtime,
    shop: &mut Connection,
    id: ConversationId,
) -> Result<Reply, SaveInError> {
    let (turn, counted) = question(runtime, id).await;
    let prepared = runtime.prepare(id, turn, Event::new("yes")).await.expect("it is worked out");
    let Prepared::Commit(change) = prepared else { panic!("{prepared:?}") };
    {
        let transaction = shop.transaction_with_behavior(TransactionBehavior::Immediate).expect("it begins");
        let row = (id.to_string(), counted as i64 + 1);
        transaction.execute("INSERT INTO shop VALUES (?1, ?2)", row).expect("the host's row");
        store.save_in(&transaction, change.record(), change.replaces())?;
        transaction.commit().expect("it is committed");
    }
    Ok(change.committed().await)
}

fn rows(connection: &Connection) -> i64 {
    connection.query_row("SELECT count(*) FROM shop", [], |row| row.get(0)).expect("they can be counted")
}

#[tokio::test]
async fn a_row_of_the_hosts_and_an_answer_are_committed_together_or_not_at_all() {
    let dir = scratch();
    let path = dir.path().join("db");
    let store = open(&path);
    let runtime = Runtime::open(store.clone()).expect("a runtime");
    let mut shop = shop(&store);
    let id = runtime.start(count()).await.expect("it starts").id;
    for answers in 1..=3 {
        assert_eq!(answer_with_row(&store, &runtime, &mut shop, id).await.expect("both"), Reply::Applied);
        assert_eq!((question(&runtime, id).await.1, rows(&shop)), (answers, answers as i64));
    }

    // Somebody else is faster: neither.
    let (turn, _) = question(&runtime, id).await;
    let Ok(Prepared::Commit(change)) = runtime.prepare(id, turn, Event::new("yes")).await else { panic!("a change") };
    let other = Runtime::open(open(&path)).expect("another process");
    assert_eq!(other.dispatch(id, turn, Event::new("yes")).await.expect("it is saved"), Reply::Applied);
    let transaction = shop.transaction().expect("it begins");
    transaction.execute("INSERT INTO shop VALUES ('lost', 0)", []).expect("the host's row");
    let error = store.save_in(&transaction, change.record(), change.replaces()).expect_err("it was changed");
    assert!(matches!(error, SaveInError::Conflict { stored: Some(stored) } if stored.number() == 5), "{error}");
    drop(transaction);
    let error = change.resolve().await.expect_err("it was not committed");
    assert!(matches!(error.kind, ErrorKind::Conflict), "{error}");
    assert_eq!((question(&runtime, id).await.1, rows(&shop)), (4, 3));

    // The host changes its mind: neither.
    let (turn, _) = question(&runtime, id).await;
    let Ok(Prepared::Commit(change)) = runtime.prepare(id, turn, Event::new("yes")).await else { panic!("a change") };
    let transaction = shop.transaction().expect("it begins");
    transaction.execute("INSERT INTO shop VALUES ('lost', 0)", []).expect("the host's row");
    store.save_in(&transaction, change.record(), change.replaces()).expect("it is carried");
    transaction.rollback().expect("it is given up");
    store.resolve().await.expect("nothing is in doubt");
    let error = change.resolve().await.expect_err("it was not committed");
    assert!(matches!(error.kind, ErrorKind::NotSaved(_)) && error.is_retryable(), "{error}");
    assert_eq!((question(&runtime, id).await.1, rows(&shop)), (4, 3));

    // Nobody heard that it was committed: it was.
    let (turn, _) = question(&runtime, id).await;
    let Ok(Prepared::Commit(change)) = runtime.prepare(id, turn, Event::new("yes")).await else { panic!("a change") };
    let transaction = shop.transaction().expect("it begins");
    store.save_in(&transaction, change.record(), change.replaces()).expect("it is carried");
    transaction.commit().expect("it is committed");
    store.resolve().await.expect("nothing is in doubt");
    assert_eq!(change.resolve().await.expect("it is there"), Reply::Applied);
    let Ok(Prepared::Reply(Reply::Repeated)) = runtime.prepare(id, turn, Event::new("yes")).await else {
        panic!("it was applied before")
    };
}

#[flow]
async fn once() -> bool {
    Confirm::new("Once?").await
}

#[tokio::test]
async fn a_conversation_begins_and_ends_in_transactions_of_the_hosts() {
    let dir = scratch();
    let store = open(&dir.path().join("db"));
    let runtime = Runtime::open(store.clone()).expect("a runtime");
    let mut host = shop(&store);
    let change = runtime.prepare_start(None, once()).await.expect("it is worked out");
    let id = change.id();
    let transaction = host.transaction().expect("it begins");
    store.save_in(&transaction, change.record(), change.replaces()).expect("it is carried");
    transaction.commit().expect("it is committed");
    assert_eq!(change.committed().await, Reply::Applied);

    let turn = runtime.render(id).await.expect("it is there").waiting().expect("it waits")[0].turn;
    let Ok(Prepared::Commit(change)) = runtime.prepare(id, turn, Event::new("yes")).await else { panic!("a change") };
    let transaction = host.transaction().expect("it begins");
    store.save_in(&transaction, change.record(), change.replaces()).expect("it is carried");
    transaction.commit().expect("it is committed");
    assert_eq!(change.committed().await, Reply::Ended { result: "true".to_owned() });
    // It goes with the next commit, or by itself. The test does not end if it stays.
    while store.load(id).await.expect("it can be read").is_some() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_transaction_that_is_not_durable_or_of_another_file_carries_nothing() {
    let dir = scratch();
    let store = open(&dir.path().join("db"));
    let mut other = Connection::open(dir.path().join("other")).expect("a database");
    let transaction = other.transaction().expect("it begins");
    let error = store.save_in(&transaction, &record(1, 1), None).expect_err("another file");
    assert!(matches!(error, SaveInError::OtherFile), "{error}");
    drop(transaction);

    let mut careless = Connection::open(store.file()).expect("a connection");
    careless.execute_batch("PRAGMA synchronous = NORMAL").expect("it is set");
    let transaction = careless.transaction().expect("it begins");
    let error = store.save_in(&transaction, &record(1, 1), None).expect_err("it does not sync");
    assert!(matches!(error, SaveInError::NotDurable), "{error}");
}

#[tokio::test]
async fn after_a_kill_at_any_moment_there_are_exactly_as_many_rows_as_answers() {
    if let Some(path) = role("carry") {
        let store = open(path.as_ref());
        let runtime = Runtime::open(store.clone()).expect("a runtime");
        let mut shop = shop(&store);
        let id = runtime.list(&Query::all(), None, 1).await.expect("a page")[0].id;
        loop {
            answer_with_row(&store, &runtime, &mut shop, id).await.expect("nobody else answers");
            say("ack");
        }
    }
    let dir = scratch();
    let path = dir.path().join("db");
    let store = open(&path);
    let runtime = Runtime::open(store.clone()).expect("a runtime");
    let id = runtime.start(count()).await.expect("it starts").id;
    let shop = shop(&store);
    let mut acknowledged = 0;
    for kill in 0..30 {
        let name = "sqlite::after_a_kill_at_any_moment_there_are_exactly_as_many_rows_as_answers";
        let mut child = Process::start(name, "carry", &path.display().to_string());
        // After so many answers, in the midst of the next.
        for _ in 0..=kill % 5 {
            child.says("ack");
            acknowledged += 1;
        }
        for _ in 0..kill * 997 {
            std::hint::spin_loop();
        }
        acknowledged += child.kill().iter().filter(|line| *line == "ack").count() as i64;
        let counted = question(&runtime, id).await.1 as i64;
        assert_eq!(rows(&shop), counted);
        // The last one may have been committed and not acknowledged.
        assert!((acknowledged..=acknowledged + 1).contains(&counted), "{acknowledged} {counted}");
        acknowledged = counted;
    }
    assert_eq!(integrity(&path), "ok");
}

/// The crate that hosts are to use is the one that the store uses.
#[test]
fn the_engine_is_one_that_does_not_damage_its_log() {
    assert!(rusqlite::version_number() >= 3_051_003);
}
