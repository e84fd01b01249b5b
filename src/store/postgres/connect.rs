//! Connections that keep what they say: the settings of the server, the limits in time, and what is known of the
//! backend behind each.

use std::time::{Duration, Instant, SystemTime};

use deadpool_postgres::{
    ClientWrapper, Hook, HookError, Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime,
};
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{Client, Config, SimpleQueryMessage, Socket};

use crate::store::postgres::{OpenError, Options, PostgresError};

/// A connection with the backend that serves it.
pub(super) struct Connection {
    pub(super) client: Object,
    pub(super) backend: Backend,
}

/// A process of the server. Its number may be given again, so the time at which it began tells it apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Backend {
    pid: i32,
    began: SystemTime,
}

/// The configuration with what the host has not said.
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

/// Sets what every connection needs, and refuses a server that does not keep what it acknowledges. Asked of each new
/// connection, because the server behind an address may change, and in one message, because each is a round trip that
/// may fail.
async fn prepare(client: &Client, millis: u128) -> Result<(), OpenError> {
    // What waits for replicas too is kept.
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
        said.map_err(|error| OpenError::Server(PostgresError::new("looking at the settings of the server", &error)))?;
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

/// A connection, with the backend behind it.
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

/// Makes sure that a backend is gone, so that nothing it was told can still happen.
pub(super) async fn end(client: &ClientWrapper, backend: Backend, timeout: Duration) -> Result<(), PostgresError> {
    let doing = |error| PostgresError::new("ending a lost backend", &error);
    // Whether it is gone is asked here: the server waits in steps of 100 ms, and may say after the last one that a
    // backend goes on which has gone meanwhile.
    let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND backend_start = $2";
    let statement = client.prepare_cached(sql).await.map_err(doing)?;
    let until = Instant::now() + timeout / 2;
    let mut pause = Duration::from_millis(1);
    while !client.query(&statement, &[&backend.pid, &backend.began]).await.map_err(doing)?.is_empty() {
        if Instant::now() > until {
            return Err(PostgresError::message("ending a lost backend", "it goes on"));
        }
        tokio::time::sleep(pause).await;
        pause = (2 * pause).min(Duration::from_millis(50));
    }
    Ok(())
}
