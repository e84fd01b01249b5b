//! Durable answers over Postgres: the store against `pgbench`, in one run, on one server and one disk.
//!
//!     cargo bench --features postgres --bench postgres [-- ROUNDS]
//!
//! `pgbench` makes the same change, of rows of the same size in the same table, by prepared statements, one transaction
//! each, with as many connections as conversations are answered at once (at most 64). Nothing is encoded, checked or
//! read there. Both take turns in each round, and each ratio is of one round. The server is one of the benchmark's own.

#[path = "shared/answers.rs"]
mod answers;
#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../tests/postgres/server.rs"]
mod server;

use std::process::Command;

use answers::{Conversations, Measured, quantile};
use server::Server;
use stube::{PostgresStore, Runtime};

/// How many conversations are answered at once.
const AT_ONCE: [usize; 5] = [1, 2, 16, 64, 256];
/// How long `pgbench` runs in each round, in seconds.
const SECONDS: u32 = 2;

/// How many answers each turn of a round takes.
const fn answers(at_once: usize) -> usize {
    if at_once < 16 { 600 } else { at_once * 60 }
}

#[tokio::main]
async fn main() {
    let rounds = std::env::args().filter_map(|word| word.parse().ok()).next().unwrap_or(7);
    let server = Server::start(&[]).await;
    let config = server.database().await;
    let runtime = Runtime::open(PostgresStore::connect(config.clone()).await.expect("a store")).expect("a runtime");
    let script = server.dir().join("change.sql");
    std::fs::write(&script, CHANGE).expect("the script");

    println!("{rounds} rounds, medians of rounds; `of it` is of pgbench in the same round");
    for at_once in AT_ONCE {
        let conversations = Conversations::start(&runtime, at_once).await;
        let client = server.client(&config).await;
        // The rows that pgbench changes: copies of those of the conversations, found by number.
        client.batch_execute(BARE).await.expect("the rows of pgbench");
        let (mut floor, mut ours) = (Vec::new(), Measured::default());
        conversations.measure(&mut Measured::default(), &runtime, answers(at_once)).await;
        for _ in 0..rounds {
            floor.push(pgbench(&server, &script, at_once.min(64), at_once));
            conversations.measure(&mut ours, &runtime, answers(at_once)).await;
        }
        println!("{at_once} at once:");
        println!("  {:<22} {:>8.0} /s", format!("pgbench -c {}", at_once.min(64)), quantile(&mut floor.clone(), 0.5));
        ours.print("answers", Some(&floor));
    }
}

const BARE: &str = "
    DROP TABLE IF EXISTS bare;
    CREATE TABLE bare (LIKE stube_conversation INCLUDING ALL);
    DROP TABLE IF EXISTS number;
    CREATE TABLE number (n integer PRIMARY KEY, id text);
    INSERT INTO bare SELECT * FROM stube_conversation;
    INSERT INTO number SELECT row_number() OVER (ORDER BY touched DESC), id FROM stube_conversation;
    ANALYZE bare; ANALYZE number; ANALYZE stube_conversation;
";

/// A changed row, by the revision that it replaces.
const CHANGE: &str = r"\set n random(1, :conversations)
UPDATE bare SET revision = revision + 1, touched = now(),
    record = set_byte(record, 100, (revision % 256)::integer)
WHERE id = (SELECT id FROM number WHERE n = :n) AND revision > 0;
";

/// Transactions a second.
fn pgbench(server: &Server, script: &std::path::Path, clients: usize, conversations: usize) -> f64 {
    let mut command = Command::new(server.program("pgbench"));
    command.args(["-n", "-M", "prepared", "-h", "127.0.0.1", "-U", "stube", "-p", &server.port().to_string()]);
    command.args(["-c", &clients.to_string(), "-j", "2", "-T", &SECONDS.to_string()]);
    command.args(["-D", &format!("conversations={conversations}"), "-f"]).arg(script).arg("test_0");
    let output = command.output().expect("pgbench runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find(|line| line.starts_with("tps = "));
    let tps = line.and_then(|line| line.split_whitespace().nth(2)?.parse().ok());
    tps.unwrap_or_else(|| panic!("{text}{}", String::from_utf8_lossy(&output.stderr)))
}
