//! The file store on a real directory: the contract of a store, who gets in, and what it makes of files that are not
//! its own.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use stube::kernel::{self, Progress};
use stube::record::{Lineage, MAX_BYTES, Reason, Record, Revision, Unreadable};
use stube::store::file::OpenError;
use stube::store::{LoadError, WriteOutcome};
use stube::{Confirm, ConversationId, FileStore, Store, Timestamp};

/// A conversation that asks something, as its change number `revision`.
fn record(number: u8, revision: u64) -> Record {
    let id = ConversationId::from_bits([number; 16]);
    let question = Confirm::new(format!("Is this change {revision} of conversation {number}?"));
    match kernel::start(id, Box::new(question), None, Timestamp::from_millis(revision)).map(|outcome| outcome.progress)
    {
        Ok(Progress::Waits(conversation)) => {
            Record::encode(&conversation, Lineage::for_test(revision)).expect("a question can be saved")
        }
        Ok(Progress::Ended(_)) => panic!("a question does not end by itself"),
        Err(rejected) => panic!("a question can be asked: {:?}", rejected.cause),
    }
}

fn number_of(revision: u64) -> Revision {
    Revision::for_test(revision)
}

fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary directory can be made")
}

fn open(dir: &Path) -> FileStore {
    FileStore::open(dir).unwrap_or_else(|error| panic!("the store can be opened: {error}"))
}

fn file(dir: &Path, record: &Record) -> PathBuf {
    dir.join(format!("{}.json", record.id()))
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).expect("the directory can be read");
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("an entry can be read").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

async fn load_all(store: &FileStore) -> (Vec<Record>, Vec<Unreadable>) {
    let (mut records, mut bad) = (Vec::new(), Vec::new());
    let mut each = |entry| match entry {
        Ok(record) => records.push(record),
        Err(unreadable) => bad.push(unreadable),
    };
    store.load_all(&mut each).await.expect("the directory can be read");
    records.sort_by_key(Record::id);
    bad.sort_by(|a: &Unreadable, b| a.entry.cmp(&b.entry));
    (records, bad)
}

#[track_caller]
fn applied(saved: WriteOutcome) {
    match saved {
        WriteOutcome::Applied => {}
        WriteOutcome::NotApplied(_) | WriteOutcome::Conflict { .. } | WriteOutcome::Unknown(_) => panic!("{saved:?}"),
    }
}

#[track_caller]
fn conflict(saved: WriteOutcome, with: Option<Revision>) {
    match saved {
        WriteOutcome::Conflict { stored } => assert_eq!(stored, with),
        WriteOutcome::NotApplied(_) | WriteOutcome::Applied | WriteOutcome::Unknown(_) => panic!("{saved:?}"),
    }
}

// ---- The contract -------------------------------------------------------------------------------------------------

#[tokio::test]
async fn what_was_saved_is_loaded_by_the_next_process_byte_for_byte() {
    let dir = scratch();
    let store = open(dir.path());
    let (one, two) = (record(1, 1), record(2, 1));
    applied(store.save(&one, None).await);
    applied(store.save(&two, None).await);
    let next = record(1, 2);
    applied(store.save(&next, Some(Revision::for_test(1))).await);
    assert_eq!(store.load(one.id()).await.expect("it can be read"), Some(next.clone()));
    drop(store);

    let store = open(dir.path());
    assert_eq!(load_all(&store).await, (vec![next.clone(), two.clone()], vec![]));
    assert_eq!(store.load(two.id()).await.expect("it can be read"), Some(two));
    assert_eq!(fs::read(file(dir.path(), &next)).expect("it is there"), next.bytes());
}

#[tokio::test]
async fn a_save_that_names_another_revision_changes_nothing() {
    let dir = scratch();
    let store = open(dir.path());
    let id = record(1, 1).id();
    conflict(store.save(&record(1, 2), Some(Revision::for_test(1))).await, None);
    applied(store.save(&record(1, 1), None).await);
    conflict(store.save(&record(1, 1), None).await, Some(Revision::for_test(1)));
    applied(store.save(&record(1, 2), Some(Revision::for_test(1))).await);
    conflict(store.save(&record(1, 2), Some(Revision::for_test(1))).await, Some(number_of(2)));
    conflict(store.save(&record(1, 4), Some(number_of(3))).await, Some(number_of(2)));
    conflict(store.delete(id, Revision::for_test(1)).await, Some(number_of(2)));
    assert_eq!(store.load(id).await.expect("it can be read"), Some(record(1, 2)));
}

#[tokio::test]
async fn the_revision_is_checked_without_a_load_before() {
    let dir = scratch();
    applied(open(dir.path()).save(&record(1, 1), None).await);

    let store = open(dir.path());
    conflict(store.save(&record(1, 1), None).await, Some(Revision::for_test(1)));
    conflict(store.save(&record(1, 3), Some(number_of(2))).await, Some(Revision::for_test(1)));
    applied(store.save(&record(1, 2), Some(Revision::for_test(1))).await);
    drop(store);
    conflict(open(dir.path()).delete(record(1, 1).id(), Revision::for_test(1)).await, Some(number_of(2)));
}

#[tokio::test]
async fn deleting_twice_is_deleting_once() {
    let dir = scratch();
    let store = open(dir.path());
    let id = record(1, 1).id();
    applied(store.delete(id, Revision::for_test(1)).await);
    applied(store.save(&record(1, 1), None).await);
    applied(store.delete(id, Revision::for_test(1)).await);
    applied(store.delete(id, Revision::for_test(1)).await);
    assert_eq!(store.load(id).await.expect("nothing is no error"), None);
    assert_eq!(names(dir.path()), Vec::<String>::new());
    applied(store.save(&record(1, 1), None).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_saves_at_once_one_wins_each_revision() {
    let dir = scratch();
    let store = Arc::new(open(dir.path()));
    applied(store.save(&record(1, 1), None).await);
    for revision in 2..12 {
        let racers: Vec<_> = (0..8)
            .map(|_| {
                let store = Arc::clone(&store);
                tokio::spawn(async move { store.save(&record(1, revision), Some(number_of(revision - 1))).await })
            })
            .collect();
        let mut winners = 0;
        for racer in racers {
            match racer.await.expect("a save does not panic") {
                WriteOutcome::Applied => winners += 1,
                WriteOutcome::Conflict { stored } => assert_eq!(stored, Some(number_of(revision))),
                other @ (WriteOutcome::NotApplied(_) | WriteOutcome::Unknown(_)) => panic!("{other:?}"),
            }
        }
        assert_eq!(winners, 1);
    }
    assert_eq!(names(dir.path()).len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_conversations_are_saved_at_once() {
    let dir = scratch();
    let store = Arc::new(open(dir.path()));
    let savers: Vec<_> = (0..64)
        .map(|number| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                applied(store.save(&record(number, 1), None).await);
                applied(store.save(&record(number, 2), Some(Revision::for_test(1))).await);
            })
        })
        .collect();
    for saver in savers {
        saver.await.expect("a save does not panic");
    }
    assert_eq!(load_all(&store).await, ((0..64).map(|number| record(number, 2)).collect(), vec![]));
}

// ---- Who gets in --------------------------------------------------------------------------------------------------

#[test]
fn what_is_known_of_the_records_is_not_printed() {
    let dir = scratch();
    assert_eq!(format!("{:?}", open(dir.path())), format!("FileStore {{ dir: {:?}, .. }}", dir.path()));
}

#[tokio::test]
async fn what_is_made_is_for_this_user_only() {
    let dir = scratch();
    let deep = dir.path().join("a/b/c");
    let store = open(&deep);
    applied(store.save(&record(1, 1), None).await);
    for made in [dir.path().join("a"), dir.path().join("a/b"), deep.clone()] {
        assert_eq!(fs::metadata(&made).expect("it was made").mode() & 0o7777, 0o700, "{}", made.display());
    }
    let saved = fs::metadata(file(&deep, &record(1, 1))).expect("it was saved");
    assert_eq!(saved.mode() & 0o7777, 0o600);
}

#[test]
fn a_directory_that_others_may_write_to_is_refused() {
    let dir = scratch();
    for mode in [0o720, 0o702, 0o777, 0o1777] {
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(mode)).expect("it is ours");
        let error = FileStore::open(dir.path()).expect_err("others may write");
        assert!(matches!(&error, OpenError::WritableByOthers { mode: found, .. } if *found == mode), "{error}");
    }
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).expect("it is ours");
    open(dir.path());
}

#[test]
fn what_is_no_directory_is_refused() {
    let dir = scratch();
    let (plain, link) = (dir.path().join("plain"), dir.path().join("link"));
    fs::write(&plain, "").expect("the directory is writable");
    fs::create_dir(dir.path().join("real")).expect("the directory is writable");
    symlink("real", &link).expect("the directory is writable");
    for path in [plain, link] {
        let error = FileStore::open(&path).expect_err("no directory");
        assert!(matches!(error, OpenError::NotADirectory(_)), "{error}");
    }
}

#[test]
fn a_directory_is_opened_once_at_a_time_in_one_process() {
    let dir = scratch();
    let first = open(dir.path());
    let error = FileStore::open(dir.path()).expect_err("it is open");
    assert!(matches!(error, OpenError::Locked(_)), "{error}");
    drop(first);
    open(dir.path());
}

/// Set for a child process that is to hold this directory until it is killed.
const HOLD: &str = "STUBE_TEST_HOLD";

#[test]
fn a_second_process_is_refused_within_100_ms_and_let_in_once_the_first_is_killed() {
    if let Some(dir) = std::env::var_os(HOLD) {
        let _store = open(Path::new(&dir));
        writeln!(std::io::stdout(), "\nheld").expect("the first process listens");
        // The other end is never closed before the kill.
        let _ = std::io::stdin().read_line(&mut String::new());
        return;
    }
    let dir = scratch();
    let name = "file::a_second_process_is_refused_within_100_ms_and_let_in_once_the_first_is_killed";
    let mut first = Command::new(std::env::current_exe().expect("this test is a program"))
        .args([name, "--exact", "--nocapture"])
        .env(HOLD, dir.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this test can be started again");
    let lines = BufReader::new(first.stdout.take().expect("it is a pipe")).lines();
    assert!(lines.map(|line| line.expect("a line")).any(|line| line == "held"), "the first process opens it");

    let asked = Instant::now();
    let error = FileStore::open(dir.path()).expect_err("another process has it open");
    assert!(asked.elapsed() < Duration::from_millis(100), "{:?}", asked.elapsed());
    assert!(error.to_string().starts_with("another process has it open"), "{error}");

    first.kill().expect("it can be killed");
    first.wait().expect("it ends");
    open(dir.path());
}

// ---- Files that are not ours --------------------------------------------------------------------------------------

#[tokio::test]
async fn a_foreign_edit_is_never_overwritten_or_removed() {
    let dir = scratch();
    let store = open(dir.path());
    // Of another length: within one tick of the system's clock two times of writing are the same.
    let (ours, theirs) = (record(1, 1), record(1, 50));
    applied(store.save(&ours, None).await);
    fs::write(file(dir.path(), &ours), theirs.bytes()).expect("the file is ours");

    for _ in 0..2 {
        conflict(store.save(&record(1, 2), Some(Revision::for_test(1))).await, Some(number_of(50)));
        conflict(store.delete(ours.id(), Revision::for_test(1)).await, Some(number_of(50)));
    }
    assert_eq!(fs::read(file(dir.path(), &ours)).expect("it is there"), theirs.bytes());
    assert_eq!(names(dir.path()).len(), 1, "nothing is left behind");

    // Once it has been loaded it is what there is.
    assert_eq!(store.load(ours.id()).await.expect("it can be read"), Some(theirs));
    applied(store.save(&record(1, 51), Some(number_of(50))).await);
}

#[tokio::test]
async fn a_foreign_edit_that_keeps_the_revision_is_noticed() {
    let dir = scratch();
    let store = open(dir.path());
    let ours = record(1, 1);
    applied(store.save(&ours, None).await);
    let copy = dir.path().join("copy");
    fs::write(&copy, ours.bytes()).expect("the directory is writable");
    fs::rename(&copy, file(dir.path(), &ours)).expect("the directory is writable");
    for _ in 0..2 {
        conflict(store.save(&record(1, 2), Some(Revision::for_test(1))).await, Some(Revision::for_test(1)));
    }
}

#[tokio::test]
async fn a_record_that_somebody_else_removed_is_not_made_again() {
    let dir = scratch();
    let store = open(dir.path());
    applied(store.save(&record(1, 1), None).await);
    fs::remove_file(file(dir.path(), &record(1, 1))).expect("the file is ours");
    conflict(store.save(&record(1, 2), Some(Revision::for_test(1))).await, None);
    applied(store.delete(record(1, 1).id(), Revision::for_test(1)).await);
    assert_eq!(names(dir.path()), Vec::<String>::new());
}

#[tokio::test]
async fn a_first_save_does_not_replace_what_cannot_be_read() {
    let dir = scratch();
    let store = open(dir.path());
    let path = file(dir.path(), &record(1, 1));
    fs::write(&path, "not a record").expect("the directory is writable");
    conflict(store.save(&record(1, 1), None).await, None);
    conflict(store.save(&record(1, 2), Some(Revision::for_test(1))).await, None);
    conflict(store.delete(record(1, 1).id(), Revision::for_test(1)).await, None);
    assert_eq!(fs::read(&path).expect("it is there"), b"not a record");
    assert_eq!(names(dir.path()).len(), 1);
}

#[tokio::test]
async fn only_leftovers_of_exactly_our_pattern_are_removed() {
    let dir = scratch();
    let digits = "0123456789abcdefghijklmnop";
    let ours = format!(".stube-{digits}.tmp");
    let mut others = vec![
        format!(".stube-{digits}.tmp~"),
        format!(".stube-{digits}0.tmp"),
        format!(".stube-{}.tmp", &digits[1..]),
        format!(".stube-{}.tmp", digits.to_uppercase()),
        format!(".stube-{}w.tmp", &digits[1..]),
        format!("stube-{digits}.tmp"),
        format!(".stube-{digits}.json"),
        format!("x.stube-{digits}.tmp"),
        ".stube-.tmp".to_owned(),
        ".tmp".to_owned(),
    ];
    for name in others.iter().chain([&ours]) {
        fs::write(dir.path().join(name), name).expect("the directory is writable");
    }
    // A directory of that very name was not made by a save.
    let directory = format!(".stube-{}.tmp", digits.replace('0', "1"));
    fs::create_dir(dir.path().join(&directory)).expect("the directory is writable");
    others.push(directory);
    others.sort();

    let store = open(dir.path());
    assert_eq!(names(dir.path()), others);
    let (records, bad) = load_all(&store).await;
    assert_eq!(records, vec![]);
    assert_eq!(bad.into_iter().map(|bad| bad.entry).collect::<Vec<_>>(), others);
}

#[tokio::test]
async fn every_entry_that_is_no_record_is_reported_and_left_alone() {
    let dir = scratch();
    let at = |number: u8| file(dir.path(), &record(number, 1));
    let is_a = |what: &str| Reason::NotARecord(what.to_owned());
    let good = record(1, 1);
    applied(open(dir.path()).save(&good, None).await);

    fs::create_dir(dir.path().join("elsewhere")).expect("the directory is writable");
    fs::write(dir.path().join("elsewhere/record"), record(2, 1).bytes()).expect("the directory is writable");
    symlink("elsewhere/record", at(2)).expect("the directory is writable");
    symlink(at(3).file_name().expect("it has a name"), at(3)).expect("the directory is writable");
    let fifo = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, at(4), fifo, rustix::fs::Mode::RUSR, 0).expect("the directory is writable");
    let _socket = std::os::unix::net::UnixListener::bind(at(5)).expect("the directory is writable");
    fs::create_dir(at(6)).expect("the directory is writable");
    fs::write(at(7), record(7, 1).bytes()).expect("the directory is writable");
    fs::hard_link(at(7), dir.path().join("elsewhere/second")).expect("the directory is writable");
    fs::File::create(at(8)).and_then(|file| file.set_len(10 << 30)).expect("a hole takes no room");
    fs::File::create(at(9)).and_then(|file| file.set_len(MAX_BYTES as u64 + 1)).expect("a hole takes no room");
    fs::write(at(10), record(10, 1).bytes()).expect("the directory is writable");
    fs::set_permissions(at(10), fs::Permissions::from_mode(0o666)).expect("it is ours");
    fs::write(at(11), record(12, 1).bytes()).expect("the directory is writable");
    fs::write(at(13), "").expect("the directory is writable");

    let foreign = ["A.json", "README", "cv-.json", "line\nbreak"];
    for name in foreign {
        fs::write(dir.path().join(name), name).expect("the directory is writable");
    }
    let upper = format!("{}.json", record(14, 1).id().to_string().to_uppercase());
    fs::write(dir.path().join(&upper), record(14, 1).bytes()).expect("the directory is writable");
    let before = listing(dir.path());

    let store = open(dir.path());
    let (records, bad) = load_all(&store).await;
    assert_eq!(records, vec![good]);
    let by_number = |number: u8, reason| Unreadable {
        id: Some(record(number, 1).id()),
        entry: format!("{}.json", record(number, 1).id()),
        reason,
    };
    let by_name = |name: &str| Unreadable {
        id: None,
        entry: name.escape_debug().to_string(),
        reason: is_a("its name is not that of a record"),
    };
    let mut expected = vec![
        by_number(2, is_a("it is a symbolic link")),
        by_number(3, is_a("it is a symbolic link")),
        by_number(4, is_a("it is a pipe")),
        by_number(5, is_a("it is a socket or a device")),
        by_number(6, is_a("it is a directory")),
        by_number(7, is_a("it has a second name (a hard link)")),
        by_number(8, Reason::TooLarge(10 << 30)),
        by_number(9, Reason::TooLarge(MAX_BYTES as u64 + 1)),
        by_number(10, is_a("other users may write to it")),
        by_number(11, Reason::Corrupt(format!("it is the record of {}", record(12, 1).id()))),
        by_number(13, Reason::Corrupt("it is cut off".to_owned())),
        by_name("elsewhere"),
        by_name(&upper),
    ];
    expected.extend(foreign.map(by_name));
    expected.sort_by(|a, b| a.entry.cmp(&b.entry));
    assert_eq!(bad, expected);

    for unreadable in &bad {
        let Some(id) = unreadable.id else { continue };
        match store.load(id).await {
            Err(LoadError::Unreadable(same)) => assert_eq!(&same, unreadable),
            Err(LoadError::Store(error)) => panic!("{error}"),
            Ok(record) => panic!("{record:?}"),
        }
        conflict(store.delete(id, Revision::for_test(1)).await, None);
    }
    for number in 2..12 {
        conflict(store.save(&record(number, 1), None).await, None);
        conflict(store.save(&record(number, 2), Some(Revision::for_test(1))).await, None);
    }
    assert_eq!(listing(dir.path()), before);
}

#[tokio::test]
async fn a_name_that_is_no_text_is_reported_in_one_printable_line() {
    let dir = scratch();
    let store = open(dir.path());
    let name = std::ffi::OsStr::from_bytes(b"\xff\x1b[2J\n.json");
    fs::write(dir.path().join(name), "").expect("the directory is writable");
    let (_, bad) = load_all(&store).await;
    let entries: Vec<_> = bad.iter().map(|bad| bad.entry.as_str()).collect();
    assert_eq!(entries, ["\u{fffd}\\u{1b}[2J\\n.json"]);
}

/// Everything about every entry that a read or write by us would change.
fn listing(dir: &Path) -> Vec<(String, u64, u64, u32, i64)> {
    let stat = |name: String| {
        let stat = fs::symlink_metadata(dir.join(&name)).expect("it is there");
        (name, stat.ino(), stat.size(), stat.mode(), stat.mtime_nsec())
    };
    names(dir).into_iter().map(stat).collect()
}

#[tokio::test]
async fn every_damaged_byte_and_every_missing_end_is_found_and_harms_nothing_else() {
    let dir = scratch();
    let (healthy, damaged) = (record(1, 1), record(2, 1));
    let store = open(dir.path());
    applied(store.save(&healthy, None).await);
    applied(store.save(&damaged, None).await);
    let path = file(dir.path(), &damaged);
    let whole = damaged.bytes();

    let flipped = (0..whole.len()).flat_map(|at| {
        // One bit, the bit between upper and lower case, and all bits.
        [0x01, 0x20, 0xff].map(|mask| {
            let mut bytes = whole.to_vec();
            bytes[at] ^= mask;
            bytes
        })
    });
    let cut = (0..whole.len()).map(|length| whole[..length].to_vec());
    let mut extra = whole.to_vec();
    extra.push(b'\n');
    let mut found = 0;
    for bytes in flipped.chain(cut).chain([extra, [whole, whole].concat()]) {
        fs::write(&path, &bytes).expect("the file is ours");
        match store.load(damaged.id()).await {
            Err(LoadError::Unreadable(unreadable)) => assert_eq!(unreadable.id, Some(damaged.id())),
            Err(LoadError::Store(error)) => panic!("{error}"),
            Ok(record) => panic!("{record:?} was made of {}", String::from_utf8_lossy(&bytes)),
        }
        let (records, bad) = load_all(&store).await;
        assert_eq!(records, std::slice::from_ref(&healthy));
        assert_eq!(bad.len(), 1);
        assert_eq!(fs::read(&path).expect("it is there"), bytes);
        found += 1;
    }
    assert_eq!(found, 4 * whole.len() + 2);
}

// ---- A directory that goes away -----------------------------------------------------------------------------------

#[tokio::test]
async fn nothing_is_written_to_a_directory_that_took_the_place_of_ours() {
    let dir = scratch();
    let path = dir.path().join("records");
    let store = open(&path);
    applied(store.save(&record(1, 1), None).await);
    fs::remove_dir_all(&path).expect("it is ours");
    fs::create_dir(&path).expect("it is ours");
    match store.save(&record(2, 1), None).await {
        WriteOutcome::NotApplied(_) => {}
        other @ (WriteOutcome::Applied | WriteOutcome::Conflict { .. } | WriteOutcome::Unknown(_)) => {
            panic!("{other:?}")
        }
    }
    assert_eq!(names(&path), Vec::<String>::new());
}
