//! What one process hears of the changes of another.

use std::time::Duration;

use stube::runtime::{Reply, Runtime, Subscription};
use stube::store::Invalidation;
use stube::{Event, PostgresStore};

use crate::common::{self, Counter};
use crate::server::Server;
use crate::{Config, SHORT, open};

/// So long that only what is heard counts.
const NEVER: Duration = Duration::from_secs(1 << 30);

async fn listening(config: &Config) -> (Runtime, Subscription) {
    listening_on(open(config).await)
}

pub(crate) fn listening_on(store: PostgresStore) -> (Runtime, Subscription) {
    let runtime = Runtime::builder().poll(NEVER).open(store).expect("it opens");
    let changes = runtime.subscribe();
    (runtime, changes)
}

/// The next hint; a test does not wait without end.
async fn next(changes: &mut Subscription) -> Invalidation {
    let hint = tokio::time::timeout(Duration::from_secs(60), changes.next()).await;
    hint.expect("nothing is heard").expect("the runtime is there")
}

/// Waits until a runtime hears what the other one changes.
pub(crate) async fn until_heard(changes: &mut Subscription, other: &Runtime) {
    for _ in 0..600 {
        let id = other.start(Counter::new()).await.expect("it starts").id;
        let heard = async { while next(changes).await != Invalidation::Changed(id) {} };
        // It was not listening yet, and will not hear of this one.
        if tokio::time::timeout(Duration::from_millis(100), heard).await.is_ok() {
            return;
        }
    }
    panic!("nothing is heard of the other one");
}

/// Forgets what was heard so far.
async fn silence(changes: &mut Subscription) {
    while tokio::time::timeout(Duration::from_millis(100), changes.next()).await.is_ok() {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_hears_what_others_change_and_its_own_changes_once() {
    let server = Server::start(&[]).await;
    let config = server.database().await;
    let (one, mut heard_by_one) = listening(&config).await;
    let (two, mut heard_by_two) = listening(&config).await;
    until_heard(&mut heard_by_one, &two).await;
    until_heard(&mut heard_by_two, &one).await;
    silence(&mut heard_by_one).await;

    let first = one.start(Counter::new()).await.expect("it starts").id;
    while next(&mut heard_by_two).await != Invalidation::Changed(first) {}
    // Whatever the first one heard of itself came before this.
    assert_eq!(common::send(&two, first, Event::new("up")).await.expect("it is saved"), Reply::Applied);
    let second = two.start(Counter::new()).await.expect("it starts").id;
    let mut heard = Vec::new();
    while heard.last() != Some(&Invalidation::Changed(second)) {
        heard.push(next(&mut heard_by_one).await);
    }
    assert_eq!(heard, [Invalidation::Changed(first), Invalidation::Changed(first), Invalidation::Changed(second)]);
    // A delete can be heard too.
    silence(&mut heard_by_one).await;
    two.end(second).await.expect("it ends");
    assert_eq!(next(&mut heard_by_one).await, Invalidation::Changed(second));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_could_not_hear_for_a_while_is_told_that_anything_may_have_changed() {
    let server = Server::start(&[]).await;
    let config = server.database().await;
    let (_one, mut changes) = listening(&config).await;
    let (two, _) = listening(&config).await;
    until_heard(&mut changes, &two).await;
    for _ in 0..3 {
        silence(&mut changes).await;
        let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'stube hints'";
        assert_eq!(server.client(&config).await.execute(sql, &[]).await.expect("they are ended"), 2);
        assert_eq!(next(&mut changes).await, Invalidation::Anything);
        until_heard(&mut changes, &two).await;
    }
    silence(&mut changes).await;
    server.kill();
    server.begin().await;
    assert_eq!(next(&mut changes).await, Invalidation::Anything);
    until_heard(&mut changes, &two).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_wrong_if_no_hint_ever_comes() {
    let server = Server::start(&[]).await;
    let config = server.database().await;
    let deaf = async || {
        let store = PostgresStore::options().timeout(SHORT).notifications(false).connect(config.clone()).await;
        let runtime = Runtime::builder().poll(Duration::from_millis(20)).open(store.expect("it opens"));
        runtime.expect("it opens")
    };
    let (one, two) = (deaf().await, deaf().await);
    let id = one.start(Counter::new()).await.expect("it starts").id;
    let mut changes = one.subscribe();
    for round in 0..5 {
        let (first, second) = if round % 2 == 0 { (&one, &two) } else { (&two, &one) };
        // Both have seen the record before the last change.
        let (turn, _) = common::open(first, id).await;
        assert_eq!(common::send(second, id, common::note("second")).await.expect("it is saved"), Reply::Applied);
        assert_eq!(first.dispatch(id, turn, common::note("first")).await.expect("it is told"), Reply::Stale);
        assert_eq!(common::send(first, id, Event::new("up")).await.expect("it is saved"), Reply::Applied);
        while next(&mut changes).await != Invalidation::Anything {}
        assert!(common::open(&one, id).await.1.starts_with(&format!("{} ", 2 * round + 2)));
    }
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'stube hints'";
    let listening: i64 = server.client(&config).await.query_one(sql, &[]).await.expect("it can be asked").get(0);
    assert_eq!(listening, 0, "nobody listens");
}
