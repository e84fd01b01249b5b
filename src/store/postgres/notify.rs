//! Hints between processes: which conversations have changed, over `LISTEN` and `NOTIFY` on a connection of its own.
//!
//! Nothing rests on them. What a process has to tell waits in an [`Outbox`] until its connection is there, is sent in
//! one notification for all that waits, and may be lost. A connection that is lost is made again, and then anything may
//! have changed.
//!
//! They are not sent by the transaction that makes a change: a transaction that notifies holds a lock of the whole
//! server until it is on the disk, so that no two of them share a sync.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use data_encoding::HEXLOWER;
use tokio::sync::Notify;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{AsyncMessage, Client, Config, Error, Socket};

use crate::model::id::ConversationId;
use crate::store::postgres::{OpenError, PostgresError};
use crate::store::{BoxFuture, Invalidation, Listener};

/// How many conversations are told of in one notification, which has less than 8,000 bytes.
const AT_ONCE: usize = 250;

/// How many conversations wait to be told of. Beyond that it is said that anything may have changed.
const MOST: usize = 20 * AT_ONCE;

/// How long more is collected after a notification. Each costs the server as much as a small change, and nobody sees
/// whether a page is up to date a hundredth of a second earlier.
const PACE: Duration = Duration::from_millis(10);

/// How long it is before a lost connection is made again.
const PAUSE: Duration = Duration::from_millis(200);

/// Tells others, and hears what they tell. When it is dropped, what waits is told and the connection closed.
pub(super) struct Hints(Arc<Shared>);

struct Shared {
    /// What tells this store from others.
    name: String,
    outbox: Mutex<Outbox>,
    filled: Notify,
    ears: Mutex<Vec<Listener>>,
}

#[derive(Default)]
struct Outbox {
    changed: BTreeSet<ConversationId>,
    /// There were too many.
    anything: bool,
    closed: bool,
}

/// Makes a connection, and runs it in a task that hands what comes to the store.
pub(super) type Dial = Box<dyn Fn(Heard) -> BoxFuture<'static, Result<Client, Error>> + Send + Sync>;

/// What to do with a notification.
type Heard = Box<dyn Fn(&str) + Send + Sync>;

/// How connections are made over this kind of TLS.
pub(super) fn dial<T>(config: Config, tls: T) -> Dial
where
    T: MakeTlsConnect<Socket> + Clone + Sync + Send + 'static,
    T::Stream: Sync + Send + 'static,
    T::TlsConnect: Sync + Send,
    <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
{
    Box::new(move |heard| {
        let (config, tls) = (config.clone(), tls.clone());
        Box::pin(async move {
            let (client, mut connection) = config.connect(tls).await?;
            // It ends when the client is dropped, or the line is.
            tokio::spawn(async move {
                while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
                    if let AsyncMessage::Notification(notification) = message {
                        heard(notification.payload());
                    }
                }
            });
            Ok(client)
        })
    })
}

impl Hints {
    /// Begins to listen and to tell, on a task of its own.
    pub(super) fn begin(dial: Dial, timeout: Duration) -> Result<Self, OpenError> {
        let mut name = [0; 8];
        getrandom::fill(&mut name)
            .map_err(|error| OpenError::Server(PostgresError::message("drawing a random name", error)))?;
        let shared = Arc::new(Shared {
            name: HEXLOWER.encode(&name),
            outbox: Mutex::default(),
            filled: Notify::new(),
            ears: Mutex::default(),
        });
        tokio::spawn(run(Arc::clone(&shared), dial, timeout));
        Ok(Self(shared))
    }

    pub(super) fn subscribe(&self, listener: Listener) {
        self.0.ears.lock().unwrap_or_else(PoisonError::into_inner).push(listener);
    }

    pub(super) fn notify(&self, id: ConversationId) {
        self.0.outbox().add(id);
        self.0.filled.notify_one();
    }
}

impl Drop for Hints {
    fn drop(&mut self) {
        self.0.outbox().closed = true;
        self.0.filled.notify_one();
    }
}

impl Outbox {
    fn add(&mut self, id: ConversationId) {
        if !self.anything {
            self.changed.insert(id);
        }
        if self.changed.len() > MOST {
            self.changed.clear();
            self.anything = true;
        }
    }

    /// What to tell next, in the words of [`Shared::heard`]; `None` if there is nothing.
    fn take(&mut self) -> Option<String> {
        if std::mem::take(&mut self.anything) {
            return Some(" *".to_owned());
        }
        let taken = std::iter::from_fn(|| self.changed.pop_first()).take(AT_ONCE);
        let words: String = taken.map(|id| format!(" {id}")).collect();
        Some(words).filter(|words| !words.is_empty())
    }
}

impl Shared {
    fn outbox(&self) -> MutexGuard<'_, Outbox> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hear(&self, hint: Invalidation) {
        // An listener that has gone is not kept.
        self.ears.lock().unwrap_or_else(PoisonError::into_inner).retain(|listener| listener(hint));
    }

    /// The name of whoever tells, and conversations, or a word that none is: anything.
    fn heard(&self, payload: &str) {
        let mut words = payload.split(' ');
        if words.next() == Some(&self.name) {
            return;
        }
        for word in words {
            self.hear(word.parse().map_or(Invalidation::Anything, Invalidation::Changed));
        }
    }

    /// The connection failed while something was told, and nobody knows what.
    fn lose(&self) {
        self.outbox().anything = true;
    }
}

async fn run(shared: Arc<Shared>, dial: Dial, timeout: Duration) {
    let mut is_deaf = false;
    loop {
        let lost = match tokio::time::timeout(timeout, connect(&shared, &dial, timeout)).await {
            Ok(Ok(client)) => {
                is_deaf = false;
                shared.hear(Invalidation::Anything);
                notify(&shared, &client, timeout).await.err()
            }
            Ok(Err(error)) => Some(error.to_string()),
            Err(late) => Some(late.to_string()),
        };
        let Some(error) = lost.filter(|_| !shared.outbox().closed) else { return };
        if !std::mem::replace(&mut is_deaf, true) {
            tracing::warn!(error, "nothing is heard of other processes for now");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn connect(shared: &Arc<Shared>, dial: &Dial, timeout: Duration) -> Result<Client, Error> {
    // The connection goes on for a while after the store has gone.
    let hears = Arc::downgrade(shared);
    let heard = move |payload: &str| {
        if let Some(shared) = hears.upgrade() {
            shared.heard(payload);
        }
    };
    let client = dial(Box::new(heard)).await?;
    let millis = timeout.as_millis();
    // A server keeps what a listener has not read, so it must not wait for one that is gone. Nobody waits until a
    // notification is on the disk.
    let settings = format!(
        "SELECT set_config('application_name', current_setting('application_name') || ' hints', false); \
         SET tcp_user_timeout = {millis}; SET statement_timeout = {millis}; SET synchronous_commit = off; LISTEN stube"
    );
    client.batch_execute(&settings).await?;
    Ok(client)
}

/// Tells what there is to tell, until the store is gone or the connection is.
async fn notify(shared: &Shared, client: &Client, timeout: Duration) -> Result<(), String> {
    loop {
        let (words, is_closed) = {
            let mut outbox = shared.outbox();
            (outbox.take(), outbox.closed)
        };
        match words {
            Some(words) => {
                let payload = format!("{}{words}", shared.name);
                let sent = within(timeout, client.execute("SELECT pg_notify('stube', $1)", &[&payload])).await;
                sent.inspect_err(|_| shared.lose())?;
                tokio::time::sleep(PACE).await;
            }
            None if is_closed => return Ok(()),
            None => {
                if tokio::time::timeout(timeout, shared.filled.notified()).await.is_err() {
                    // Nothing to tell for so long: a line that was cut without a word is found out.
                    within(timeout, client.batch_execute("")).await?;
                }
            }
        }
    }
}

async fn within<T>(timeout: Duration, done: impl Future<Output = Result<T, Error>>) -> Result<T, String> {
    let done = tokio::time::timeout(timeout, done).await.map_err(|late| late.to_string())?;
    done.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: usize) -> ConversationId {
        ConversationId::from_bits((number as u128).to_be_bytes())
    }

    #[test]
    fn what_waits_is_told_once_in_notifications_that_the_server_takes() {
        let mut outbox = Outbox::default();
        for number in (0..MOST).chain(0..MOST) {
            outbox.add(id(number));
        }
        let mut told = Vec::new();
        while let Some(words) = outbox.take() {
            assert!(16 + words.len() < 8_000, "{} bytes", words.len());
            told.extend(words.split_whitespace().map(|word| word.parse::<ConversationId>().expect("an id")));
        }
        assert_eq!(told, (0..MOST).map(id).collect::<Vec<_>>());
    }

    #[test]
    fn of_too_many_it_is_told_that_anything_may_have_changed() {
        let mut outbox = Outbox::default();
        (0..=MOST).for_each(|number| outbox.add(id(number)));
        outbox.add(id(0));
        assert_eq!(outbox.take().as_deref(), Some(" *"));
        outbox.add(id(7));
        assert_eq!(outbox.take(), Some(format!(" {}", id(7))));
        assert_eq!(outbox.take(), None);
    }
}
