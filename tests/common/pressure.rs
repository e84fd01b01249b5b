//! Many events at once, to a store that does not answer, and what must have become of them when it answers again.

use stube::runtime::{Reply, Runtime};
use stube::{ConversationId, Error, ErrorKind, Event, Turn};
use tokio::task::JoinSet;

use crate::common::{Counter, open, send};

/// Sends an event to each of these, so many times at once. Gives what became of them.
pub(crate) async fn send_at_once(
    runtime: &Runtime,
    to: &[(ConversationId, Turn)],
    times: usize,
) -> Vec<Result<Reply, Error>> {
    let mut sending = JoinSet::new();
    for (id, turn) in to.iter().copied().cycle().take(times * to.len()) {
        let runtime = runtime.clone();
        sending.spawn(async move { runtime.dispatch(id, turn, Event::new("up")).await });
    }
    sending.join_all().await
}

/// Conversations that each wait for an event.
pub(crate) async fn begin(runtime: &Runtime, many: usize) -> Vec<(ConversationId, Turn)> {
    let mut begun = Vec::new();
    for _ in 0..many {
        let id = runtime.start(Counter::new()).await.expect("it starts").id;
        begun.push((id, open(runtime, id).await.0));
    }
    begun
}

/// That all of them may try again; gives how many were not even begun.
pub(crate) fn may_try_again(replies: &[Result<Reply, Error>]) -> usize {
    for reply in replies {
        let error = reply.as_ref().expect_err("the store does not answer");
        assert!(error.is_retryable(), "{error}");
    }
    replies.iter().filter(|reply| matches!(reply, Err(Error { kind: ErrorKind::Busy, .. }))).count()
}

/// That each event, sent again, has been applied once.
pub(crate) async fn goes_on(runtime: &Runtime, to: &[(ConversationId, Turn)]) {
    for (id, turn) in to {
        let reply = runtime.dispatch(*id, *turn, Event::new("up")).await.expect("it works again");
        assert!(matches!(reply, Reply::Applied | Reply::Repeated), "{reply:?}");
        assert!(open(runtime, *id).await.1.starts_with("1 "), "it was applied once");
        assert_eq!(send(runtime, *id, Event::new("up")).await.expect("it goes on"), Reply::Applied);
    }
}
