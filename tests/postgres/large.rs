//! Real processes on one database: many that answer the same conversations, and one that is stopped and goes on.

use std::time::Duration;

use stube::PostgresStore;
use stube::runtime::Runtime;

use crate::processes::{self, Log, Process, answers, contestant, contestants, role};
use crate::server::Server;
use crate::{Config, SHORT, open};

/// The shortest that a store waits: a process that is stopped for longer is past all of it.
const SHORTEST: Duration = Duration::from_millis(100);

/// How another process opens the same database.
fn argument(config: &Config) -> String {
    let (port, name) = (config.get_ports()[0], config.get_dbname().expect("it has a name"));
    format!("host=127.0.0.1 port={port} user=stube dbname={name}")
}

async fn runtime(argument: &str, timeout: Duration) -> Runtime {
    let config = argument.parse().expect("it is what a test has written");
    let store = PostgresStore::options().timeout(timeout).connect(config).await.expect("it opens");
    Runtime::open(store).expect("a runtime")
}

async fn contest(test: &str, many: usize, each: usize, meanwhile: impl AsyncFnOnce(&Server)) {
    let server = Server::start(&[]).await;
    let config = server.database().await;
    let judge = Runtime::open(open(&config).await).expect("a runtime");
    processes::begin(&judge, 3).await;
    let processes = contestants(test, many, each, &argument(&config));
    // Read beside what is done to the server.
    let reading = tokio::task::spawn_blocking(|| processes.into_iter().map(Process::rest).collect::<Vec<_>>());
    meanwhile(&server).await;
    let mut log = Log::default();
    for lines in reading.await.expect("no process fails") {
        log.read(&lines);
    }
    assert_eq!(log.len(), many * each);
    assert!(log.met > 0, "they never met, so nothing was tried");
    log.check(&judge).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_to_eight_processes_each_answer_is_applied_exactly_once() {
    let test = "large::of_two_to_eight_processes_each_answer_is_applied_exactly_once";
    if let Some((name, many, argument)) = contestant() {
        return answers(&runtime(&argument, SHORT).await, &name, many).await;
    }
    for many in [2, 8] {
        contest(test, many, 60, async |_| {}).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_four_processes_whose_server_is_killed_each_answer_is_applied_exactly_once() {
    let test = "large::of_four_processes_whose_server_is_killed_each_answer_is_applied_exactly_once";
    if let Some((name, many, argument)) = contestant() {
        return answers(&runtime(&argument, SHORT).await, &name, many).await;
    }
    let kill_it = async |server: &Server| {
        let changes = "SELECT coalesce(sum(revision), 0)::bigint FROM stube_conversation";
        for kill in 1..=3 {
            // So that they are in the midst of it, however fast they are.
            let client = server.client(&server.config("test_0")).await;
            let mut made = 0_i64;
            for _ in 0..10_000 {
                made = client.query_one(changes, &[]).await.expect("it can be asked").get(0);
                if made > 100 * kill {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            assert!(made > 100 * kill, "they do not get on");
            server.kill();
            server.begin().await;
        }
    };
    contest(test, 4, 150, kill_it).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_was_stopped_between_reading_and_saving_writes_nothing_stale() {
    let test = "large::a_process_that_was_stopped_between_reading_and_saving_writes_nothing_stale";
    if let Some(argument) = role("stop") {
        return processes::stops(&runtime(&argument, SHORTEST).await).await;
    }
    let server = Server::start(&[]).await;
    let config = server.database().await;
    let here = Runtime::open(open(&config).await).expect("a runtime");
    processes::stopped_between_read_and_save(test, &here, &argument(&config), 10 * SHORTEST).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_was_stopped_anywhere_writes_nothing_stale_and_the_others_go_on() {
    let test = "large::a_process_that_was_stopped_anywhere_writes_nothing_stale_and_the_others_go_on";
    if let Some((name, many, argument)) = contestant() {
        return answers(&runtime(&argument, SHORTEST).await, &name, many).await;
    }
    let server = Server::start(&[]).await;
    let config = server.database().await;
    let here = Runtime::open(open(&config).await).expect("a runtime");
    processes::stopped_anywhere(test, &here, &argument(&config), 10 * SHORTEST, 5).await;
}
