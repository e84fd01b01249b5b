//! A disk that does not respond: how many calls wait for it on threads.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, mpsc};
use std::task::Poll;

use crate::record::Revision;
use crate::store::file::FileStore;
use crate::store::file::tests::{id, record};
use crate::store::{Store, WriteOutcome};

#[tokio::test]
async fn calls_beyond_the_limit_wait_without_a_thread_and_do_not_begin_if_dropped() {
    let dir = tempfile::TempDir::new().expect("a directory");
    let store = FileStore::options().calls(2).open(dir.path().join("store")).expect("a store");
    let (stuck, answers) = mpsc::channel::<()>();
    let answers = Arc::new(Mutex::new(answers));
    let mut waiting = Vec::new();
    for _ in 0..2 {
        let answers = Arc::clone(&answers);
        // Stands for a call to a disk that does not respond.
        let call = store.blocking(move |_| answers.lock().expect("no panic").recv());
        waiting.push(call.await);
    }
    for number in 0..100 {
        let record = record(id(number), Revision::for_test(1));
        let mut save = store.save(&record, None);
        let polled = poll_fn(|cx| Poll::Ready(save.as_mut().poll(cx).is_pending())).await;
        assert!(polled, "no permit is free");
    }
    let mut load = store.load(id(0));
    assert!(poll_fn(|cx| Poll::Ready(load.as_mut().poll(cx).is_pending())).await);
    drop(stuck);
    for call in waiting {
        call.await.expect("no panic").expect_err("nothing is sent");
    }
    assert_eq!(load.await.expect("it can be read"), None, "a dropped save was never begun");
    let last = record(id(7), Revision::for_test(1));
    assert!(matches!(store.save(&last, None).await, WriteOutcome::Applied));
    assert_eq!(store.load(id(7)).await.expect("it can be read"), Some(last));
}
