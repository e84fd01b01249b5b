//! The loops without the library: the same bytes in the same order, by the calls that cannot be left out.
//!
//! `Statements` makes the statements of the SQLite store on its own tables and indexes, in the calling thread, by a
//! connection with its settings. `Rows` changes one row of one table. Where several conversations are answered at once,
//! as many rows are changed in each transaction. `Files` does what any store of files must: a new file, `fsync`, the
//! rename, `fsync` of the directory; as many threads do so as conversations are answered at once.
//! Nothing is encoded, compared or handed on here.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use stube::record::Record;
use stube::store::sqlite::rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use stube::{ConversationId, SqliteStore};

use crate::rounds::{Contender, Measured};

/// Where a conversation is in its life.
struct Life {
    id: ConversationId,
    saved: usize,
}

fn new_id() -> ConversationId {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    // Spread like random ones, since the places in an index matter.
    let number = u128::from(NEXT.fetch_add(1, Ordering::Relaxed));
    ConversationId::from_bits(number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes())
}

impl Life {
    fn new() -> Self {
        Self { id: new_id(), saved: 0 }
    }
}

/// Repeats `work`, which makes so many durable saves, for so long.
fn repeat(long: Duration, saves: usize, mut work: impl FnMut()) -> Measured {
    let began = Instant::now();
    let mut measured = Measured::default();
    while began.elapsed() < long {
        let began = Instant::now();
        work();
        measured.latencies.resize(measured.latencies.len() + saves, began.elapsed());
    }
    measured.saves = measured.latencies.len() as u64;
    measured.took = began.elapsed();
    measured
}

// ---- SQLite -------------------------------------------------------------------------------------------------------

/// The statements of the store.
pub(crate) struct Statements {
    connection: Connection,
    records: Vec<Record>,
    lives: Vec<Life>,
    /// Ended, and to be removed by the next transaction.
    ended: Vec<i64>,
}

const SELECT: &str = "SELECT rowid, revision, nonce, flow, state, ended, owner, due, touched, length(record),
    CASE WHEN length(record) <= 1048576 THEN record END FROM stube_conversation WHERE id = ?1";

const INSERT: &str = "INSERT INTO stube_conversation
    (id, revision, nonce, flow, state, ended, owner, due, touched, record)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";

const UPDATE: &str = "UPDATE stube_conversation SET revision = ?2, nonce = ?3, flow = ?4,
    state = ?5, ended = ?6, owner = ?7, due = ?8, touched = ?9, record = ?10 WHERE rowid = ?1";

const SELECT_AWAITS: &str = "SELECT position, turn, component, state, kind, due FROM stube_open_await WHERE id = ?1
    ORDER BY position";

const UPSERT_AWAIT: &str = "INSERT INTO stube_open_await (id, position, turn, component, state, kind, due)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
    ON CONFLICT (id, position) DO UPDATE SET turn = excluded.turn, component = excluded.component,
        state = excluded.state, kind = excluded.kind, due = excluded.due";

const DELETE_AWAITS: &str = "DELETE FROM stube_open_await WHERE id = ?1 AND position >= ?2";

impl Statements {
    pub(crate) fn open(dir: &Path, records: &[Record], rows: usize) -> Self {
        let store = SqliteStore::open(dir.join("statements.db")).expect("a store");
        let connection = store.connect().expect("a connection with its settings");
        Self {
            connection,
            records: records.to_vec(),
            lives: (0..rows).map(|_| Life::new()).collect(),
            ended: Vec::new(),
        }
    }
}

impl Contender for Statements {
    fn turn(&mut self, long: Duration) -> Measured {
        let Self { connection, records, lives, ended } = self;
        repeat(long, lives.len(), || {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).expect("it begins");
            for row in ended.drain(..) {
                let mut delete =
                    transaction.prepare_cached("DELETE FROM stube_conversation WHERE rowid = ?1").expect("prepared");
                assert_eq!(delete.execute([row]), Ok(1));
            }
            for life in &mut *lives {
                let row = save(&transaction, life, &records[life.saved]);
                life.saved += 1;
                if life.saved == records.len() {
                    ended.extend(row);
                    *life = Life::new();
                }
            }
            transaction.commit().expect("it is committed");
        })
    }
}

/// Gives the row that it has replaced.
fn save(transaction: &Transaction<'_>, life: &Life, record: &Record) -> Option<i64> {
    let id = life.id.to_string();
    let prepared = |sql| transaction.prepare_cached(sql).expect("prepared");
    let found = prepared(SELECT).query_row([&id], |row| {
        let _ = row.get_ref(10)?.as_blob()?.len();
        row.get::<_, i64>(0)
    });
    let row = found.optional().expect("it can be read");
    if row.is_some() {
        let mut awaits = prepared(SELECT_AWAITS);
        let mut rows = awaits.query([&id]).expect("it can be read");
        while rows.next().expect("it can be read").is_some() {}
    }
    let header = record.header();
    let (revision, nonce) = (record.revision().number() as i64, record.revision().nonce().number() as i64);
    let (flow, state, ended) = (&header.flow, &header.state, header.has_ended());
    let owner = header.owner.as_ref().map(|owner| owner.as_str());
    let due = header.due().map(|due| due.as_millis() as i64);
    let (touched, bytes) = (header.touched.as_millis() as i64, record.bytes());
    let changed = match row {
        Some(row) => {
            let values = params![row, revision, nonce, flow, state, ended, owner, due, touched, bytes];
            prepared(UPDATE).execute(values)
        }
        None => {
            let values = params![id, revision, nonce, flow, state, ended, owner, due, touched, bytes];
            prepared(INSERT).execute(values)
        }
    };
    assert_eq!(changed, Ok(1));
    for (position, open) in header.awaits.iter().enumerate() {
        let due = open.due.map(|due| due.as_millis() as i64);
        let turn = open.turn.to_string();
        let values = params![id, position as i64, turn, open.component, open.state, open.kind.as_str(), due];
        assert_eq!(prepared(UPSERT_AWAIT).execute(values), Ok(1));
    }
    if ended {
        assert_eq!(prepared(DELETE_AWAITS).execute(params![id, 0]), Ok(1));
    }
    row
}

/// One row for each record, and nothing else.
pub(crate) struct Rows {
    connection: Connection,
    records: Vec<Record>,
    lives: Vec<Life>,
}

impl Rows {
    pub(crate) fn open(dir: &Path, records: &[Record], rows: usize) -> Self {
        let connection = Connection::open(dir.join("rows.db")).expect("a database");
        for (setting, value) in [("journal_mode", "WAL"), ("synchronous", "FULL")] {
            connection.pragma_update(None, setting, value).expect("it is set");
        }
        let table = "CREATE TABLE t (id INTEGER PRIMARY KEY, record BLOB)";
        connection.execute_batch(table).expect("a table");
        Self { connection, records: records.to_vec(), lives: (0..rows).map(|_| Life::new()).collect() }
    }
}

impl Contender for Rows {
    fn turn(&mut self, long: Duration) -> Measured {
        let Self { connection, records, lives } = self;
        repeat(long, lives.len(), || {
            let transaction = connection.unchecked_transaction().expect("it begins");
            for (row, life) in lives.iter_mut().enumerate() {
                let replace = "INSERT INTO t VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET record = excluded.record";
                let mut replace = transaction.prepare_cached(replace).expect("prepared");
                assert_eq!(replace.execute(params![row as i64, records[life.saved].bytes()]), Ok(1));
                life.saved = (life.saved + 1) % records.len();
            }
            transaction.commit().expect("it is committed");
        })
    }
}

// ---- Files --------------------------------------------------------------------------------------------------------

/// A file for each record.
pub(crate) struct Files {
    dir: PathBuf,
    records: Vec<Record>,
    lives: Vec<Life>,
}

impl Files {
    pub(crate) fn open(dir: &Path, records: &[Record], at_once: usize) -> Self {
        let dir = dir.join("bare");
        fs::create_dir_all(&dir).expect("a directory");
        Self { dir, records: records.to_vec(), lives: (0..at_once).map(|_| Life::new()).collect() }
    }
}

impl Contender for Files {
    fn turn(&mut self, long: Duration) -> Measured {
        let Self { dir, records, lives } = self;
        let (dir, records) = (&*dir, &*records);
        let began = Instant::now();
        let mut measured = Measured::default();
        std::thread::scope(|scope| {
            let threads: Vec<_> = lives
                .iter_mut()
                .map(|life| scope.spawn(move || repeat(long, 1, || replace(dir, life, records))))
                .collect();
            for thread in threads {
                measured.latencies.extend(thread.join().expect("it does not panic").latencies);
            }
        });
        measured.saves = measured.latencies.len() as u64;
        measured.took = began.elapsed();
        measured
    }
}

fn replace(dir: &Path, life: &mut Life, records: &[Record]) {
    let (name, new) = (dir.join(format!("{}.json", life.id)), dir.join(format!("{}.new", life.id)));
    let mut file = File::create_new(&new).expect("a new file");
    file.write_all(records[life.saved].bytes()).expect("it is written");
    file.sync_all().expect("it is synced");
    drop(file);
    fs::rename(new, &name).expect("it is renamed");
    File::open(dir).and_then(|dir| dir.sync_all()).expect("the directory is synced");
    life.saved += 1;
    if life.saved == records.len() {
        // Not synced, as its removal is not counted.
        fs::remove_file(name).expect("it is removed");
        *life = Life::new();
    }
}
