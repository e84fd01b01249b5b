//! Durable answers over SQLite: the store against the bare engine, in one run and on one disk.
//!
//!     cargo bench --bench sqlite [-- ROUNDS]
//!
//! The bare engine is SQLite through `rusqlite`, on a file of its own with the same settings, and puts changed rows of
//! a record's size in place of others: one row a transaction is the floor of a single conversation, 64 rows a
//! transaction that of 64 conversations at once. Nothing is encoded, checked or handed between threads there.
//!
//! All take turns in each round, so that they meet the same disk, and each ratio is of one round. `store` saves records
//! that were made before; `memory` is the runtime over `MemoryStore`: what an answer costs without a disk.

#[path = "shared/answers.rs"]
mod answers;

use std::path::{Path, PathBuf};
use std::time::Instant;

use answers::{Conversations, Measured, joined, sum};
use stube::kernel::{self, Progress};
use stube::record::{Lineage, Record, Revision};
use stube::store::WriteOutcome;
use stube::store::sqlite::rusqlite::{Connection, params};
use stube::{ConversationId, MemoryStore, Runtime, SqliteStore, Store, Timestamp};

/// How many conversations are answered at once.
const AT_ONCE: [usize; 5] = [1, 2, 16, 64, 256];
/// How many answers each turn of a round takes.
const fn answers(at_once: usize) -> usize {
    if at_once < 16 { 200 } else { at_once * 60 }
}

#[tokio::main]
async fn main() {
    let rounds = std::env::args().filter_map(|word| word.parse().ok()).next().unwrap_or(15);
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sqlite");
    // What a killed run has left behind.
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).expect("a directory");

    let store = SqliteStore::open(dir.join("store.db")).expect("a store");
    let runtime = Runtime::open(store.clone()).expect("a runtime");
    let memory = Runtime::open(MemoryStore::new()).expect("a runtime");
    let mut bare = Bare::open(dir.join("bare.db"));
    warm_up(&runtime, &mut bare).await;
    println!("{rounds} rounds, medians of rounds; `of it` is of the bare engine in the same round");
    for at_once in AT_ONCE {
        let (mut floor, mut saves, mut ours, mut light) = <(Measured, Measured, Measured, Measured)>::default();
        let conversations = Conversations::start(&runtime, at_once).await;
        let in_memory = Conversations::start(&memory, at_once).await;
        let records = Records::start(&store, at_once).await;
        let bytes = records.bytes();
        for _ in 0..rounds {
            bare.measure(&mut floor, at_once.min(64), answers(at_once), bytes);
            records.measure(&mut saves, &store, answers(at_once)).await;
            conversations.measure(&mut ours, &runtime, answers(at_once)).await;
            in_memory.measure(&mut light, &memory, answers(at_once)).await;
        }
        println!("{at_once} at once, records of {bytes} bytes:");
        let floor_rates = floor.rates.clone();
        floor.print(&format!("bare, {} rows each", at_once.min(64)), None);
        saves.print("store", Some(&floor_rates));
        ours.print("answers", Some(&floor_rates));
        light.print("answers in memory", None);
    }
    drop((runtime, store, bare));
    std::fs::remove_dir_all(&dir).expect("it was made here");
}

/// The log grows to its full length, and is written over from then on, which the disk does faster.
async fn warm_up(runtime: &Runtime, bare: &mut Bare) {
    let mut nothing = Measured::default();
    bare.measure(&mut nothing, 1, 1500, 400);
    Conversations::start(runtime, 1).await.measure(&mut nothing, runtime, 1500).await;
}

/// The engine and nothing else.
struct Bare {
    connection: Connection,
    changes: u64,
}

impl Bare {
    fn open(path: PathBuf) -> Self {
        let connection = Connection::open(path).expect("a database");
        for (setting, value) in [("journal_mode", "WAL"), ("synchronous", "FULL")] {
            connection.pragma_update(None, setting, value).expect("it is set");
        }
        connection
            .execute_batch("CREATE TABLE t (id TEXT PRIMARY KEY, revision INTEGER, record BLOB)")
            .expect("a table");
        Self { connection, changes: 0 }
    }

    fn measure(&mut self, measured: &mut Measured, rows: usize, answers: usize, bytes: usize) {
        let began = Instant::now();
        let mut latencies = Vec::with_capacity(answers);
        while latencies.len() < answers {
            let began = Instant::now();
            self.transact(rows, bytes);
            latencies.resize(latencies.len() + rows, began.elapsed());
        }
        measured.add(began, latencies);
    }

    fn transact(&mut self, rows: usize, bytes: usize) {
        let transaction = self.connection.unchecked_transaction().expect("it begins");
        for row in 0..rows {
            self.changes += 1;
            let mut record = vec![b'x'; bytes];
            record[..8].copy_from_slice(&self.changes.to_le_bytes());
            let upsert = "INSERT INTO t VALUES (?1, ?2, ?3)
                ON CONFLICT (id) DO UPDATE SET revision = excluded.revision, record = excluded.record";
            let id = ConversationId::from_bits((row as u128).to_be_bytes()).to_string();
            let mut upsert = transaction.prepare_cached(upsert).expect("it can be prepared");
            assert_eq!(upsert.execute(params![id, self.changes as i64, record]), Ok(1));
        }
        transaction.commit().expect("it is committed");
    }
}

/// The store without the runtime.
struct Records {
    ids: Vec<ConversationId>,
    first: Vec<Record>,
}

impl Records {
    async fn start(store: &SqliteStore, many: usize) -> Self {
        let ids: Vec<_> =
            (0..many as u128).map(|n| ConversationId::from_bits((n << 64 | many as u128).to_be_bytes())).collect();
        let mut first = Vec::new();
        for id in &ids {
            let record = record(*id, Revision::for_test(1));
            assert!(matches!(store.save(&record, None).await, WriteOutcome::Applied));
            first.push(record);
        }
        Self { ids, first }
    }

    fn bytes(&self) -> usize {
        self.first[0].bytes().len()
    }

    async fn measure(&self, measured: &mut Measured, store: &SqliteStore, answers: usize) {
        let each = answers / self.ids.len();
        // Made before the clock runs.
        let mut tasks = Vec::new();
        for id in &self.ids {
            let mut old = store.load(*id).await.expect("it can be read").expect("it is there").revision();
            let mut records = Vec::new();
            for _ in 0..each {
                let next = Revision::for_test(old.number() + 1);
                records.push((old, record(*id, next)));
                old = next;
            }
            tasks.push(records);
        }
        let began = Instant::now();
        let tasks: Vec<_> = tasks
            .into_iter()
            .map(|records| {
                let store = store.clone();
                tokio::spawn(async move {
                    let mut latencies = Vec::with_capacity(records.len());
                    for (old, record) in records {
                        let began = Instant::now();
                        assert!(matches!(store.save(&record, Some(old)).await, WriteOutcome::Applied));
                        latencies.push(began.elapsed());
                    }
                    latencies
                })
            })
            .collect();
        measured.add(began, joined(tasks).await);
    }
}

fn record(id: ConversationId, revision: Revision) -> Record {
    match kernel::start(id, Box::new(sum("ada".into())), None, Timestamp::from_millis(revision.number()))
        .map(|outcome| outcome.progress)
    {
        Ok(Progress::Waits(conversation)) => {
            Record::encode(&conversation, Lineage::for_test(revision.number())).expect("it can be saved")
        }
        Ok(Progress::Ended(_)) | Err(_) => panic!("it waits"),
    }
}
