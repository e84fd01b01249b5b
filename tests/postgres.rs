//! The Postgres store on servers of its own, which are killed, stopped and cut off.
//!
//! `tests/postgres.sh` runs it, and installs a server where there is none. `tests/postgres_cuts.sh` runs the contract on a
//! server that also loses power.

mod common;
#[path = "postgres/contract.rs"]
mod contract;
#[path = "postgres/disk.rs"]
mod disk;
#[path = "postgres/hints.rs"]
mod hints;
#[allow(dead_code, reason = "the campaign uses all of it")]
#[path = "tools/postgres/history.rs"]
mod history;
#[path = "postgres/large.rs"]
mod large;
#[path = "postgres/line.rs"]
mod line;
#[path = "common/pressure.rs"]
mod pressure;
#[path = "common/processes.rs"]
mod processes;
#[path = "postgres/proxy.rs"]
mod proxy;
#[allow(dead_code, reason = "the benchmark uses more of it")]
#[path = "postgres/server.rs"]
mod server;
#[path = "postgres/tls.rs"]
mod tls;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use common::Counter;
use proxy::Proxy;
use server::Server;
use stube::ErrorKind;
use stube::runtime::{Prepared, Reply, Retention, Runtime};
use stube::store::Query;
use stube::store::postgres::tokio_postgres::{Client, Config};
use stube::store::postgres::{OpenError, SaveInError};
use stube::{ConversationId, Event, PostgresStore, Store};
use tokio::task::JoinSet;

const SHORT: Duration = Duration::from_secs(2);

async fn open(config: &Config) -> PostgresStore {
    PostgresStore::options().timeout(SHORT).connect(config.clone()).await.expect("it opens")
}

// ---- Opening ------------------------------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_keep_what_it_acknowledges_is_refused() {
    for (setting, name) in [("fsync=off", "fsync"), ("full_page_writes=off", "full_page_writes")] {
        let server = Server::start(&[setting]).await;
        let error = PostgresStore::connect(server.config("postgres")).await.expect_err("it is refused");
        assert!(error.to_string().contains(&format!("has `{name}` set to `off`")), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_is_waited_for_whatever_the_server_says() {
    let server = Server::start(&["synchronous_commit=off"]).await;
    let config = server.database().await;
    let store = open(&config).await;
    let runtime = Runtime::open(store).expect("it opens");
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(runtime.start(Counter::new()).await.expect("it starts").id);
    }
    server.kill();
    server.begin().await;
    let found = open(&config).await.list(&Query::all(), None, 100).await.expect("it can be read");
    assert_eq!(found.len(), ids.len(), "what was acknowledged is there");
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_a_newer_version_are_refused_and_many_may_make_them_at_once() {
    let server = Server::start(&[]).await;
    let config = server.database().await;
    let mut opening = JoinSet::new();
    for _ in 0..8 {
        let config = config.clone();
        opening.spawn(async move { PostgresStore::connect(config).await.map(drop) });
    }
    while let Some(opened) = opening.join_next().await {
        opened.expect("no panic").expect("it opens");
    }
    server.client(&config).await.batch_execute("UPDATE stube_store SET version = 2").await.expect("it can be changed");
    let error = PostgresStore::connect(config).await.expect_err("it is newer");
    assert!(matches!(error, OpenError::Newer { found: 2, known: 1 }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_are_there_are_kept_and_nothing_in_them_looks_idle() {
    let server = Server::start(&[]).await;
    let config = server.database().await;
    let runtime = Runtime::open(open(&config).await).expect("it opens");
    let id = runtime.start(Counter::new()).await.expect("it starts").id;
    let runtime = Runtime::open(open(&config).await).expect("it opens");
    assert_eq!(runtime.reap(HOUR).await.expect("it reaps"), []);
    assert_eq!(common::send(&runtime, id, Event::new("up")).await.expect("it is saved"), Reply::Applied);
    make_old(&server, &config, id).await;
    assert_eq!(runtime.reap(HOUR).await.expect("it reaps"), [id]);
}

// ---- Clocks -------------------------------------------------------------------------------------------------------

const HOUR: Duration = Duration::from_secs(3600);

/// Makes it so that a conversation was last changed two hours ago, as the server knows it.
async fn make_old(server: &Server, config: &Config, id: ConversationId) {
    let sql = "UPDATE stube_conversation SET changed = changed - interval '2 hours' WHERE id = $1";
    assert_eq!(server.client(config).await.execute(sql, &[&id.to_string()]).await.expect("it can be changed"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_whose_clocks_are_years_apart_reap_what_is_idle_by_the_server() {
    const YEARS: u64 = 10 * 365 * 86_400_000;
    let server = Server::start(&[]).await;
    let config = server.database().await;
    let now = stube::Timestamp::from(std::time::SystemTime::now()).as_millis();
    let mut runtimes = Vec::new();
    for millis in [now - YEARS, now, now + YEARS] {
        let clock = common::Clock::new();
        clock.set(millis);
        let retention = Retention::For(HOUR);
        runtimes.push(clock.builder().retention(retention).open(open(&config).await).expect("it opens"));
    }
    // One that goes on and one that has ended, by each clock.
    let mut ids = Vec::new();
    for runtime in &runtimes {
        for action in ["up", "answer"] {
            let id = runtime.start(Counter::new()).await.expect("it starts").id;
            let _ = common::send(runtime, id, Event::new(action)).await.expect("it is saved");
            ids.push(id);
        }
    }
    for runtime in &runtimes {
        assert_eq!(runtime.reap(HOUR).await.expect("it reaps"), [], "nothing is an hour old");
    }
    for (number, old) in ids.iter().enumerate() {
        make_old(&server, &config, *old).await;
        let runtime = &runtimes[(number + 1) % runtimes.len()];
        assert_eq!(runtime.reap(HOUR).await.expect("it reaps"), [*old], "the one that is old by the server");
    }
    assert!(common::all(&runtimes[1]).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_reapers_and_people_an_answer_is_never_reaped() {
    let server = Server::start(&[]).await;
    let config = server.database().await;
    let people = Runtime::open(open(&config).await).expect("it opens");
    let reapers = [open(&config).await, open(&config).await].map(|store| Runtime::open(store).expect("it opens"));
    let mut reaping = JoinSet::new();
    let (mut answered, mut reaped) = (Vec::new(), Vec::new());
    // The answer comes earlier or later each time, so that the two meet.
    let mut delay = Duration::from_millis(4);
    while answered.len() < 15 || reaped.len() < 15 {
        let id = people.start(Counter::new()).await.expect("it starts").id;
        let (turn, _) = common::open(&people, id).await;
        make_old(&server, &config, id).await;
        for reaper in reapers.clone() {
            reaping.spawn(async move { reaper.reap(HOUR).await });
        }
        tokio::time::sleep(delay).await;
        let reply = people.dispatch(id, turn, Event::new("up")).await;
        let mut gone = Vec::new();
        while let Some(done) = reaping.join_next().await {
            gone.extend(done.expect("no panic").expect("it reaps"));
        }
        match reply {
            Ok(Reply::Applied) => {
                assert!(!gone.contains(&id), "it was answered");
                assert_eq!(common::open(&people, id).await.1, "1 0 ");
                answered.push(id);
                delay = delay * 5 / 4;
            }
            Err(error) => {
                assert!(matches!(error.kind, ErrorKind::NotFound), "{error}");
                reaped.push(id);
                delay = delay * 3 / 4;
            }
            Ok(other) => panic!("{other:?}"),
        }
        for id in &answered {
            assert!(!gone.contains(id), "it was answered before");
        }
    }
}

// ---- What fails ---------------------------------------------------------------------------------------------------

/// Answers conversations one after the other, again and again, and remembers what was acknowledged.
struct Load {
    runtimes: Vec<Runtime>,
    ids: Vec<ConversationId>,
    acknowledged: Vec<AtomicU64>,
    refused: AtomicU64,
    stops: AtomicBool,
}

impl Load {
    async fn start(configs: &[Config], conversations: usize) -> Arc<Self> {
        let mut runtimes = Vec::new();
        for config in configs {
            runtimes.push(Runtime::open(open(config).await).expect("it opens"));
        }
        let mut ids = Vec::new();
        for _ in 0..conversations {
            ids.push(runtimes[0].start(Counter::new()).await.expect("it starts").id);
        }
        let acknowledged = ids.iter().map(|_| AtomicU64::new(0)).collect();
        Arc::new(Self { runtimes, ids, acknowledged, refused: AtomicU64::new(0), stops: AtomicBool::new(false) })
    }

    /// One person at one conversation, who sends an answer again until it is acknowledged.
    async fn person(self: Arc<Self>, runtime: usize, conversation: usize) {
        let (runtime, id) = (&self.runtimes[runtime], self.ids[conversation]);
        while !self.stops.load(Ordering::SeqCst) {
            let Ok(shown) = runtime.render(id).await else { continue };
            let turn = shown.waiting().expect("it goes on")[0].turn;
            loop {
                match runtime.dispatch(id, turn, Event::new("up")).await {
                    Ok(Reply::Applied) => {
                        self.acknowledged[conversation].fetch_add(1, Ordering::SeqCst);
                        break;
                    }
                    // By this person, whose answer was lost on the way.
                    Ok(Reply::Repeated) if self.runtimes.len() == 1 => {
                        self.acknowledged[conversation].fetch_add(1, Ordering::SeqCst);
                        break;
                    }
                    // By another one.
                    Ok(Reply::Repeated | Reply::Stale) => break,
                    Ok(other) => panic!("{other:?}"),
                    Err(error) => {
                        assert!(error.is_retryable(), "{error}");
                        self.refused.fetch_add(1, Ordering::SeqCst);
                    }
                }
            }
        }
    }

    fn acknowledged(&self) -> u64 {
        self.acknowledged.iter().map(|count| count.load(Ordering::SeqCst)).sum()
    }

    async fn until(&self, acknowledged: u64) {
        while self.acknowledged() < acknowledged {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// That each answer was applied once: what was acknowledged is what each has counted.
    async fn check(&self, config: &Config) {
        let runtime = Runtime::open(open(config).await).expect("it opens");
        for (id, acknowledged) in self.ids.iter().zip(&self.acknowledged) {
            let (_, text) = common::open(&runtime, *id).await;
            let counted: u64 = text.split(' ').next().and_then(|count| count.parse().ok()).expect("a count");
            assert_eq!(counted, acknowledged.load(Ordering::SeqCst), "of {id}");
        }
    }
}

async fn finish(load: &Load, mut people: JoinSet<()>) {
    load.stops.store(true, Ordering::SeqCst);
    while let Some(person) = people.join_next().await {
        person.expect("no panic");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_when_the_server_is_killed() {
    let server = Server::start(&[]).await;
    let config = server.database().await;
    let load = Load::start(std::slice::from_ref(&config), 16).await;
    let mut people = JoinSet::new();
    for conversation in 0..16 {
        people.spawn(Arc::clone(&load).person(0, conversation));
    }
    for kill in 1..=5 {
        load.until(kill * 300).await;
        server.kill();
        server.begin().await;
    }
    load.until(1_800).await;
    finish(&load, people).await;
    assert!(load.refused.load(Ordering::SeqCst) > 0, "the kills have been noticed");
    load.check(&config).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_that_is_ended_in_the_middle_of_a_save_loses_nothing() {
    let server = Server::start(&[]).await;
    let config = server.database().await;
    let load = Load::start(std::slice::from_ref(&config), 8).await;
    let mut people = JoinSet::new();
    for conversation in 0..8 {
        people.spawn(Arc::clone(&load).person(0, conversation));
    }
    let client = server.client(&config).await;
    for round in 1..=20 {
        load.until(round * 50).await;
        let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'stube'";
        client.execute(sql, &[]).await.expect("they are ended");
    }
    load.until(1_200).await;
    finish(&load, people).await;
    load.check(&config).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_whose_reply_is_lost_is_applied_once() {
    let server = Server::start(&[]).await;
    let config = server.database().await;
    let proxy = Proxy::start(server.port()).await;
    let load = Load::start(&[proxy.way_to(&config)], 4).await;
    let mut people = JoinSet::new();
    for conversation in 0..4 {
        people.spawn(Arc::clone(&load).person(0, conversation));
    }
    for round in 1..=60 {
        load.until(round * 20).await;
        proxy.lose_the_next_answer();
    }
    load.until(1_300).await;
    finish(&load, people).await;
    assert!(proxy.lost() >= 50, "{} answers were lost", proxy.lost());
    load.check(&config).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_whose_reply_is_lost_while_somebody_else_goes_on_is_not_said_to_be_stale() {
    let server = Server::start(&[]).await;
    let config = server.database().await;
    let proxy = Proxy::start(server.port()).await;
    let store = PostgresStore::options().timeout(SHORT).notifications(false).connect(proxy.way_to(&config)).await;
    let behind = Runtime::open(store.expect("it opens")).expect("a runtime");
    let beside = Runtime::open(open(&config).await).expect("a runtime");
    let id = behind.start(Counter::new()).await.expect("it starts").id;
    let (turn, _) = common::open(&behind, id).await;

    proxy.keep(true);
    let answering = tokio::spawn({
        let behind = behind.clone();
        async move { behind.dispatch(id, turn, Event::new("up")).await }
    });
    // The server has made it, and nobody was told.
    proxy.has_kept().await;
    assert_eq!(common::open(&beside, id).await.1, "1 1 ");
    assert_eq!(common::send(&beside, id, Event::new("up")).await.expect("it is saved"), Reply::Applied);
    proxy.lose_the_next_answer();
    proxy.keep(false);
    // What somebody else has written since names the lost save among its predecessors.
    assert_eq!(answering.await.expect("no panic").expect("it was saved"), Reply::Applied);
    assert!(common::open(&behind, id).await.1.starts_with("2 "), "each was applied once");
}

#[tokio::test(flavor = "multi_thread")]
async fn several_processes_that_answer_the_same_conversations_apply_each_answer_once() {
    const PROCESSES: usize = 4;
    let server = Server::start(&[]).await;
    let config = server.database().await;
    let configs: Vec<_> = (0..PROCESSES).map(|_| config.clone()).collect();
    let load = Load::start(&configs, 10).await;
    let mut people = JoinSet::new();
    for process in 0..PROCESSES {
        for conversation in 0..10 {
            people.spawn(Arc::clone(&load).person(process, conversation));
        }
    }
    load.until(3_000).await;
    finish(&load, people).await;
    load.check(&config).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_somebody_holds_is_not_waited_for_without_end() {
    let server = Server::start(&[]).await;
    let config = server.database().await;
    let store =
        PostgresStore::options().timeout(Duration::from_millis(300)).connect(config.clone()).await.expect("opens");
    let runtime = Runtime::open(store).expect("it opens");
    let [held, free] = [
        runtime.start(Counter::new()).await.expect("it starts").id,
        runtime.start(Counter::new()).await.expect("it starts").id,
    ];
    let mut client = server.client(&config).await;
    let lock = client.transaction().await.expect("it begins");
    let sql = "SELECT FROM stube_conversation WHERE id = $1 FOR UPDATE";
    lock.execute(sql, &[&held.to_string()]).await.expect("it is locked");
    let error = common::send(&runtime, held, Event::new("up")).await.expect_err("the row is locked");
    assert!(error.is_retryable(), "{error}");
    let _ = common::send(&runtime, free, Event::new("up")).await.expect("others are served");
    lock.rollback().await.expect("it ends");
    let _ = common::send(&runtime, held, Event::new("up")).await.expect("it works again");
    assert_eq!(common::open(&runtime, held).await.1, "1 0 ");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_is_not_waited_for_without_end_and_when_it_goes_on_so_does_the_store() {
    let server = Server::start(&[]).await;
    let config = server.database().await;
    let options = PostgresStore::options().timeout(Duration::from_millis(300)).queue(8);
    let store = options.connect(config.clone()).await.expect("it opens");
    let runtime = Runtime::builder().max_in_flight(24).timeout(SHORT).open(store).expect("it opens");
    let to = pressure::begin(&runtime, 20).await;
    for _ in 0..2 {
        server.hang(true);
        let began = Instant::now();
        let busy = pressure::may_try_again(&pressure::send_at_once(&runtime, &to, 3).await);
        assert!(busy > 0, "36 of 60 find no room");
        // An event waits for its turn, for a load, for a save and for the load that settles it.
        assert!(began.elapsed() < 5 * SHORT, "{:?}", began.elapsed());
        server.hang(false);
        // A backend that was stopped may still hold what it was told to change.
        until_it_answers(&runtime, to[0].0).await;
    }
    pressure::goes_on(&runtime, &to).await;
}

/// As whoever tries again does.
async fn until_it_answers(runtime: &Runtime, id: ConversationId) {
    let began = Instant::now();
    while let Err(error) = runtime.render(id).await {
        assert!(error.is_retryable() && began.elapsed() < Duration::from_secs(30), "{error}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_was_put_back_from_a_copy_is_reported_by_whoever_has_seen_more() {
    let server = Server::start(&[]).await;
    let config = server.database().await;
    let runtime = Runtime::open(open(&config).await).expect("it opens");
    let id = runtime.start(Counter::new()).await.expect("it starts").id;
    let client = server.client(&config).await;
    client
        .batch_execute(
            "CREATE TABLE copy AS TABLE stube_conversation; CREATE TABLE copied_awaits AS TABLE stube_open_await",
        )
        .await
        .expect("a copy");
    let (turn, _) = common::open(&runtime, id).await;
    for _ in 0..2 {
        assert_eq!(common::send(&runtime, id, Event::new("up")).await.expect("it is saved"), Reply::Applied);
    }
    let restore = "DELETE FROM stube_conversation; DELETE FROM stube_open_await;
        INSERT INTO stube_conversation TABLE copy; INSERT INTO stube_open_await TABLE copied_awaits";
    client.batch_execute(restore).await.expect("it is put back");
    for error in [runtime.dispatch(id, turn, Event::new("up")).await.map(drop), runtime.render(id).await.map(drop)] {
        let error = error.expect_err("it has gone back");
        assert!(matches!(error.kind, ErrorKind::WentBack { .. }) && !error.is_retryable(), "{error}");
    }
    let restarted = Runtime::open(open(&config).await).expect("it opens");
    assert_eq!(restarted.dispatch(id, turn, Event::new("up")).await.expect("it goes on"), Reply::Applied);
}

// ---- With the host's own rows -------------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread")]
async fn a_row_of_the_hosts_is_committed_with_the_conversation_or_not_at_all() {
    let server = Server::start(&[]).await;
    let config = server.database().await;
    let runtime = Runtime::open(open(&config).await).expect("it opens");
    let other = Runtime::open(open(&config).await).expect("it opens");
    let id = runtime.start(Counter::new()).await.expect("it starts").id;
    let mut client = server.client(&config).await;
    client.batch_execute("CREATE TABLE booked (room text)").await.expect("it is made");
    let both = async |client: &Client| -> (i64, String) {
        let rooms = client.query_one("SELECT count(*) FROM booked", &[]).await.expect("it can be read").get(0);
        // It is asleep to the other runtime, which wakes it for the eyes.
        let (_, text) = common::open(&other, id).await;
        (rooms, text.split(' ').next().expect("a count").to_owned())
    };
    let booked = "INSERT INTO booked VALUES ('12')";
    for (commits, expected) in [(false, (0, "0")), (true, (1, "1"))] {
        let (turn, _) = common::open(&runtime, id).await;
        let prepared = runtime.prepare(id, turn, Event::new("up")).await.expect("it is worked out");
        let Prepared::Commit(change) = prepared else { panic!("{prepared:?}") };
        let transaction = client.transaction().await.expect("it begins");
        transaction.execute(booked, &[]).await.expect("booked");
        PostgresStore::save_in(&transaction, change.record(), change.replaces()).await.expect("it is carried");
        match commits {
            true => {
                transaction.commit().await.expect("it is committed");
                assert_eq!(change.committed().await, Reply::Applied);
            }
            false => transaction.rollback().await.expect("it is rolled back"),
        }
        let (rooms, text) = both(&client).await;
        assert_eq!((rooms, text.as_str()), expected);
    }
    // Somebody else is faster.
    let (turn, _) = common::open(&runtime, id).await;
    let prepared = runtime.prepare(id, turn, Event::new("up")).await.expect("it is worked out");
    let Prepared::Commit(change) = prepared else { panic!("{prepared:?}") };
    assert_eq!(common::send(&other, id, Event::new("up")).await.expect("it is saved"), Reply::Applied);
    let transaction = client.transaction().await.expect("it begins");
    transaction.execute(booked, &[]).await.expect("booked");
    let conflict =
        PostgresStore::save_in(&transaction, change.record(), change.replaces()).await.expect_err("it is old");
    assert!(
        matches!(conflict, SaveInError::Conflict { stored: Some(stored) } if stored.number() == change.record().revision().number())
    );
    drop((transaction, change));
    let (rooms, text) = both(&client).await;
    assert_eq!((rooms, text.as_str()), (1, "2"));
}

// ---- The command --------------------------------------------------------------------------------------------------

/// Runs the command beside a program that has the database open, and gives what it said.
fn command(server: &Server, database: &str, args: &[&str]) -> String {
    let place = format!("postgres://stube@127.0.0.1:{}/{database}", server.port());
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_stube"));
    let output = command.args(["--store", &place]).args(args).output().expect("it runs");
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("it is text")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_works_on_a_database_that_is_in_use() {
    let server = Server::start(&[]).await;
    let config = server.database().await;
    let database = config.get_dbname().expect("it has a name").to_owned();
    let runtime = Runtime::open(open(&config).await).expect("it opens");
    let id = runtime.start(Counter::new()).await.expect("it starts").id.to_string();
    let listed = command(&server, &database, &["ls"]);
    assert!(listed.contains(&id) && listed.lines().count() == 1, "{listed}");
    let counted = command(&server, &database, &["ls", "--count"]);
    assert!(counted.contains("\"flow\":\"counter\"") && counted.contains("\"conversations\":1"), "{counted}");
    assert!(command(&server, &database, &["show", &id]).contains("\"revision\":1"));
    assert!(command(&server, &database, &["doctor"]).contains("\"sound\":1"));
    let copy = command(&server, &database, &["fork", &id]);
    assert_eq!(command(&server, &database, &["export"]).lines().count(), 2);
    command(&server, &database, &["rm", "--yes", copy.trim()]);
    assert_eq!(runtime.list(&Query::all(), None, 9).await.expect("it is listed").len(), 1);
}
