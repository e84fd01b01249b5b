//! Change notifications between processes, by `LISTEN` and `NOTIFY` on a connection of its own.
//!
//! They are best-effort. Changed conversations are collected in an [`Outbox`], sent together in one notification, and may be
//! lost. A lost connection is opened again, and subscribers are then told that any conversation may have changed.
//!
//! Notifications are not sent by the transaction that makes a change: a transaction with a `NOTIFY` holds a server-wide lock
//! until it is durable, so that no two of them could share a sync.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use data_encoding::HEXLOWER;
use tokio::sync::Notify;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{AsyncMessage, Client, Config, Error, Socket};

use crate::model::id::ConversationId;
use crate::store::postgres::error::{OpenError, PostgresError};
use crate::store::{BoxFuture, Invalidation, Listener};

/// The maximal number of conversations in one notification, whose payload must have less than 8,000 bytes.
const AT_ONCE: usize = 250;

/// The maximal number of conversations in the outbox. Beyond it, one notification says that any may have changed.
const CAPACITY: usize = 20 * AT_ONCE;

/// The pause after a notification, in which further changes are collected. A notification costs the server as much as a small
/// change.
const PACE: Duration = Duration::from_millis(10);

/// The pause before a lost connection is opened again.
const RECONNECT: Duration = Duration::from_millis(200);

/// Sends and receives notifications. When it is dropped, the outbox is sent and the connection closed.
pub(super) struct Notifier(Arc<Shared>);

struct Shared {
    /// A random name, to recognize the store's own notifications.
    name: String,
    outbox: Mutex<Outbox>,
    filled: Notify,
    listeners: Mutex<Vec<Listener>>,
}

#[derive(Default)]
struct Outbox {
    changed: BTreeSet<ConversationId>,
    /// Whether any conversation may have changed.
    anything: bool,
    closed: bool,
}

/// Opens a connection, and runs it in a task that passes each notification on.
pub(super) type Dial = Box<dyn Fn(OnPayload) -> BoxFuture<'static, Result<Client, Error>> + Send + Sync>;

/// A callback for the payload of a notification.
type OnPayload = Box<dyn Fn(&str) + Send + Sync>;

/// A [`Dial`] for this configuration and TLS connector.
pub(super) fn dial<T>(config: Config, tls: T) -> Dial
where
    T: MakeTlsConnect<Socket> + Clone + Sync + Send + 'static,
    T::Stream: Sync + Send + 'static,
    T::TlsConnect: Sync + Send,
    <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
{
    Box::new(move |on_payload| {
        let (config, tls) = (config.clone(), tls.clone());
        Box::pin(async move {
            let (client, mut connection) = config.connect(tls).await?;
            // Ends when the client is dropped or the connection is lost.
            tokio::spawn(async move {
                while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
                    if let AsyncMessage::Notification(notification) = message {
                        on_payload(notification.payload());
                    }
                }
            });
            Ok(client)
        })
    })
}

impl Notifier {
    /// Starts to send and receive, in a task of its own.
    pub(super) fn start(dial: Dial, timeout: Duration) -> Result<Self, OpenError> {
        let mut name = [0; 8];
        getrandom::fill(&mut name)
            .map_err(|error| OpenError::Server(PostgresError::message("drawing a random name", error)))?;
        let shared = Arc::new(Shared {
            name: HEXLOWER.encode(&name),
            outbox: Mutex::default(),
            filled: Notify::new(),
            listeners: Mutex::default(),
        });
        tokio::spawn(run(Arc::clone(&shared), dial, timeout));
        Ok(Self(shared))
    }

    pub(super) fn subscribe(&self, listener: Listener) {
        self.0.listeners.lock().unwrap_or_else(PoisonError::into_inner).push(listener);
    }

    pub(super) fn notify(&self, id: ConversationId) {
        self.0.outbox().add(id);
        self.0.filled.notify_one();
    }
}

impl Drop for Notifier {
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
        if self.changed.len() > CAPACITY {
            self.changed.clear();
            self.anything = true;
        }
    }

    /// The next payload without the name of the store, see [`Shared::receive`]; `None` if there is nothing to send.
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

    fn publish(&self, invalidation: Invalidation) {
        // A listener that returns false is removed.
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).retain(|listener| listener(invalidation));
    }

    /// Handles a payload: the name of the sender, then ids of conversations. A word that is not an id stands for all
    /// conversations.
    fn receive(&self, payload: &str) {
        let mut words = payload.split(' ');
        if words.next() == Some(&self.name) {
            return;
        }
        for word in words {
            self.publish(word.parse().map_or(Invalidation::Anything, Invalidation::Changed));
        }
    }

    /// The connection failed during a notification, which may be lost.
    fn mark_lost(&self) {
        self.outbox().anything = true;
    }
}

async fn run(shared: Arc<Shared>, dial: Dial, timeout: Duration) {
    let mut is_disconnected = false;
    loop {
        let lost = match tokio::time::timeout(timeout, connect(&shared, &dial, timeout)).await {
            Ok(Ok(client)) => {
                is_disconnected = false;
                shared.publish(Invalidation::Anything);
                send(&shared, &client, timeout).await.err()
            }
            Ok(Err(error)) => Some(error.to_string()),
            Err(late) => Some(late.to_string()),
        };
        let Some(error) = lost.filter(|_| !shared.outbox().closed) else { return };
        if !std::mem::replace(&mut is_disconnected, true) {
            tracing::warn!(error, "change notifications from other processes are interrupted");
        }
        tokio::time::sleep(RECONNECT).await;
    }
}

async fn connect(shared: &Arc<Shared>, dial: &Dial, timeout: Duration) -> Result<Client, Error> {
    // Weak, because the connection's task may outlive the store.
    let weak = Arc::downgrade(shared);
    let on_payload = move |payload: &str| {
        if let Some(shared) = weak.upgrade() {
            shared.receive(payload);
        }
    };
    let client = dial(Box::new(on_payload)).await?;
    let millis = timeout.as_millis();
    // The server queues what a listener has not read, so it must detect a lost one soon. Notifications need not be durable.
    let settings = format!(
        "SELECT set_config('application_name', current_setting('application_name') || ' hints', false); \
         SET tcp_user_timeout = {millis}; SET statement_timeout = {millis}; SET synchronous_commit = off; LISTEN stube"
    );
    client.batch_execute(&settings).await?;
    Ok(client)
}

/// Sends the outbox until the store is dropped or the connection is lost.
async fn send(shared: &Shared, client: &Client, timeout: Duration) -> Result<(), String> {
    loop {
        let (words, is_closed) = {
            let mut outbox = shared.outbox();
            (outbox.take(), outbox.closed)
        };
        match words {
            Some(words) => {
                let payload = format!("{}{words}", shared.name);
                let sent = with_timeout(timeout, client.execute("SELECT pg_notify('stube', $1)", &[&payload])).await;
                sent.inspect_err(|_| shared.mark_lost())?;
                tokio::time::sleep(PACE).await;
            }
            None if is_closed => return Ok(()),
            None => {
                if tokio::time::timeout(timeout, shared.filled.notified()).await.is_err() {
                    // An empty query, to detect a connection that was lost silently.
                    with_timeout(timeout, client.batch_execute("")).await?;
                }
            }
        }
    }
}

async fn with_timeout<T>(timeout: Duration, done: impl Future<Output = Result<T, Error>>) -> Result<T, String> {
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
    fn each_conversation_is_sent_once_in_payloads_below_the_limit_of_the_server() {
        let mut outbox = Outbox::default();
        for number in (0..CAPACITY).chain(0..CAPACITY) {
            outbox.add(id(number));
        }
        let mut told = Vec::new();
        while let Some(words) = outbox.take() {
            assert!(16 + words.len() < 8_000, "{} bytes", words.len());
            told.extend(words.split_whitespace().map(|word| word.parse::<ConversationId>().expect("an id")));
        }
        assert_eq!(told, (0..CAPACITY).map(id).collect::<Vec<_>>());
    }

    #[test]
    fn beyond_the_capacity_any_conversation_may_have_changed() {
        let mut outbox = Outbox::default();
        (0..=CAPACITY).for_each(|number| outbox.add(id(number)));
        outbox.add(id(0));
        assert_eq!(outbox.take().as_deref(), Some(" *"));
        outbox.add(id(7));
        assert_eq!(outbox.take(), Some(format!(" {}", id(7))));
        assert_eq!(outbox.take(), None);
    }
}
