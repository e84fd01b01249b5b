//! Connections that keep what they say: the settings of the server, the limits in time, and what is known of the
//! backend behind each.

use std::time::{Duration, SystemTime};

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime};
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{Client, Config, Socket};

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
/// connection, because the server behind an address may change.
async fn prepare(client: &Client, millis: u128) -> Result<(), OpenError> {
    let doing = |error| OpenError::Server(PostgresError::new("looking at the settings of the server", &error));
    let limits = format!(
        "SET statement_timeout = {millis}; SET lock_timeout = {millis}; \
         SET idle_in_transaction_session_timeout = {millis}; \
         SET default_transaction_isolation = 'read committed'; SET default_transaction_read_only = off"
    );
    client.batch_execute(&limits).await.map_err(doing)?;
    let row = client
        .query_one(
            "SELECT current_setting('fsync'), current_setting('full_page_writes'), \
             current_setting('synchronous_commit'), pg_is_in_recovery()",
            &[],
        )
        .await
        .map_err(doing)?;
    for (index, setting) in ["fsync", "full_page_writes"].into_iter().enumerate() {
        let value: String = row.get(index);
        if value != "on" {
            return Err(OpenError::Unsafe { setting, value });
        }
    }
    if row.get(3) {
        return Err(OpenError::Replica);
    }
    // What waits for replicas too is kept.
    if ["off", "local"].contains(&row.get::<_, &str>(2)) {
        client.batch_execute("SET synchronous_commit = on").await.map_err(doing)?;
    }
    Ok(())
}

/// A connection, with the backend behind it.
pub(super) async fn connect(pool: &Pool) -> Result<Connection, PostgresError> {
    let client = pool.get().await.map_err(|error| PostgresError::of_pool(&error))?;
    let row = client
        .query_one("SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()", &[])
        .await
        .map_err(|error| PostgresError::new("asking for the backend", &error))?;
    let backend = Backend { pid: row.get(0), began: row.get(1) };
    Ok(Connection { client, backend })
}

/// Makes sure that a backend is gone, so that nothing it was told can still happen.
pub(super) async fn end(client: &Client, backend: Backend, timeout: Duration) -> Result<(), PostgresError> {
    let millis = i64::try_from(timeout.as_millis()).unwrap_or(i64::MAX) / 2;
    let ended = client
        .query(
            "SELECT pg_terminate_backend(pid, $3) FROM pg_stat_activity WHERE pid = $1 AND backend_start = $2",
            &[&backend.pid, &backend.began, &millis],
        )
        .await
        .map_err(|error| PostgresError::new("ending a lost backend", &error))?;
    match ended.first().map(|row| row.get(0)) {
        None | Some(true) => Ok(()),
        Some(false) => Err(PostgresError::message("ending a lost backend", "it goes on")),
    }
}
