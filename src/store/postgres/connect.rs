//! Connections: the pool, the settings of each connection, the check of the server's durability, and termination of lost
//! backends.

use std::time::{Duration, Instant, SystemTime};

use deadpool_postgres::{
    ClientWrapper, Hook, HookError, Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime,
};
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{Client, Config, SimpleQueryMessage, Socket};

use crate::store::postgres::error::{OpenError, PostgresError};
use crate::store::postgres::options::Options;

/// A connection with the backend that serves it.
pub(super) struct Connection {
    pub(super) client: Object,
    pub(super) backend: Backend,
}

/// A server process. Its pid may be reused, so its start time identifies it too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Backend {
    pid: i32,
    began: SystemTime,
}

/// The configuration, with defaults for what the host did not set.
pub(super) fn complete(mut config: Config, options: &Options) -> Config {
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(options.timeout);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(options.timeout);
    }
    if config.get_application_name().is_none() {
        config.application_name("stube");
    }
    config
}

pub(super) fn pool<T>(config: Config, tls: T, options: &Options) -> Result<Pool, OpenError>
where
    T: MakeTlsConnect<Socket> + Clone + Sync + Send + 'static,
    T::Stream: Sync + Send,
    T::TlsConnect: Sync + Send,
    <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
{
    let manager = Manager::from_config(config, tls, ManagerConfig { recycling_method: RecyclingMethod::Fast });
    let millis = options.timeout.as_millis();
    let hook = Hook::async_fn(move |client, _| {
        Box::pin(async move { prepare(client, millis).await.map_err(|error| HookError::message(error.to_string())) })
    });
    let pool = Pool::builder(manager)
        .max_size(options.connections)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(options.timeout))
        .create_timeout(Some(options.timeout))
        .post_create(hook)
        .build();
    pool.map_err(|error| OpenError::Server(PostgresError::message("making the pool", error)))
}

/// Configures a new connection, and refuses a server whose commits are not durable. Done for each connection, because the
/// server behind an address may change, and in one message, because each message is a round trip that may fail.
async fn prepare(client: &Client, millis: u128) -> Result<(), OpenError> {
    // `synchronous_commit` is only raised: values that also wait for replicas are kept.
    let settings = format!(
        "SET statement_timeout = {millis}; SET lock_timeout = {millis}; \
         SET idle_in_transaction_session_timeout = {millis}; \
         SET default_transaction_isolation = 'read committed'; SET default_transaction_read_only = off; \
         SELECT set_config('synchronous_commit', 'on', false) \
         WHERE current_setting('synchronous_commit') IN ('off', 'local'); \
         SELECT current_setting('fsync') AS fsync, current_setting('full_page_writes') AS full_page_writes, \
         pg_is_in_recovery() AS is_replica"
    );
    let said = client.simple_query(&settings).await;
    let said =
        said.map_err(|error| OpenError::Server(PostgresError::new("reading the settings of the server", &error)))?;
    let rows = said.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let row = rows.last();
    let found = |name| row.and_then(|row| row.get(name)).unwrap_or_default();
    for setting in ["fsync", "full_page_writes"] {
        let value = found(setting);
        if value != "on" {
            return Err(OpenError::Unsafe { setting, value: value.to_owned() });
        }
    }
    if found("is_replica") != "f" {
        return Err(OpenError::Replica);
    }
    Ok(())
}

/// Takes a connection from the pool, and identifies its backend.
pub(super) async fn connect(pool: &Pool) -> Result<Connection, PostgresError> {
    let client = pool.get().await.map_err(|error| PostgresError::of_pool(&error))?;
    let rows = client
        .query_typed("SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()", &[])
        .await
        .map_err(|error| PostgresError::new("asking for the backend", &error))?;
    let Some(row) = rows.first() else {
        return Err(PostgresError::message("asking for the backend", "the server does not know it"));
    };
    let backend = Backend { pid: row.get(0), began: row.get(1) };
    Ok(Connection { client, backend })
}

/// Terminates a backend and waits until it is gone, so that no statement that it received can still take effect.
pub(super) async fn end(client: &ClientWrapper, backend: Backend, timeout: Duration) -> Result<(), PostgresError> {
    let doing = |error| PostgresError::new("ending a lost backend", &error);
    // Polled here and not by the timeout of `pg_terminate_backend`, which waits in steps of 100 ms and may report a backend
    // as running that ended during the last one.
    let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND backend_start = $2";
    let statement = client.prepare_cached(sql).await.map_err(doing)?;
    let until = Instant::now() + timeout / 2;
    let mut pause = Duration::from_millis(1);
    while !client.query(&statement, &[&backend.pid, &backend.began]).await.map_err(doing)?.is_empty() {
        if Instant::now() > until {
            return Err(PostgresError::message("ending a lost backend", "it is still running"));
        }
        tokio::time::sleep(pause).await;
        pause = (2 * pause).min(Duration::from_millis(50));
    }
    Ok(())
}
