//! How long something is waited for.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "limits how long a call of the store takes")]

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::Handle;

/// What comes of this, or `None` if it takes longer than `timeout`; then it is dropped. An executor that is not tokio's
/// has no timer for us: there it is waited for without an end.
///
/// # Panics
///
/// If the executor is tokio's, its time is not enabled, and this is not ready at once.
pub(super) async fn with_timeout<T>(timeout: Duration, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut late = pin!(None);
    poll_fn(|cx| {
        if let Poll::Ready(done) = future.as_mut().poll(cx) {
            return Poll::Ready(Some(done));
        }
        // Most are ready at once, and then no timer is needed.
        if late.is_none() && Handle::try_current().is_ok() {
            late.set(Some(tokio::time::sleep(timeout)));
        }
        match late.as_mut().as_pin_mut() {
            Some(late) => late.poll(cx).map(|()| None),
            None => Poll::Pending,
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::task::{Context, Waker};

    use super::*;

    #[tokio::test]
    async fn what_never_comes_is_not_waited_for_without_end() {
        assert_eq!(with_timeout(Duration::from_millis(1), pending::<()>()).await, None);
        assert_eq!(with_timeout(Duration::ZERO, ready(7)).await, Some(7));
        let soon = async {
            tokio::task::yield_now().await;
            7
        };
        assert_eq!(with_timeout(Duration::from_secs(3600), soon).await, Some(7));
    }

    #[test]
    fn without_an_executor_of_tokios_no_timer_is_needed() {
        let mut waiting = pin!(with_timeout(Duration::ZERO, pending::<()>()));
        assert!(waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
}
