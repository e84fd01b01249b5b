//! The tables, and how an older version of them becomes this one.

use tokio_postgres::Client;

use crate::store::postgres::error::{OpenError, PostgresError};

/// The version of the tables that this program reads and writes.
const VERSION: i32 = 1;

/// What all processes that bring the tables up to date wait for: the letters `stube`.
const MIGRATION: i64 = 0x73_7475_6265;

/// What leads from each version to the next, from none to 1 first. A released step is never changed.
const STEPS: [&str; VERSION as usize] = [r#"
    CREATE TABLE stube_store (version integer NOT NULL);
    INSERT INTO stube_store VALUES (1);
    CREATE TABLE stube_conversation (
        id text COLLATE "C" PRIMARY KEY,
        revision bigint NOT NULL CHECK (revision > 0),
        nonce bigint NOT NULL,
        flow text COLLATE "C" NOT NULL,
        state text COLLATE "C",
        ended boolean NOT NULL,
        owner bytea,
        due timestamptz,
        touched timestamptz NOT NULL,
        changed timestamptz NOT NULL DEFAULT clock_timestamp(),
        record bytea NOT NULL
    );
    CREATE INDEX stube_conversation_flow ON stube_conversation (flow, state, id);
    CREATE INDEX stube_conversation_owner ON stube_conversation (owner, id) WHERE owner IS NOT NULL;
    CREATE INDEX stube_conversation_due ON stube_conversation (due, id) WHERE due IS NOT NULL;
    CREATE TABLE stube_open_await (
        id text COLLATE "C" NOT NULL,
        position integer NOT NULL,
        turn text COLLATE "C" NOT NULL,
        component text COLLATE "C" NOT NULL,
        state text COLLATE "C",
        kind text COLLATE "C" NOT NULL,
        due timestamptz,
        PRIMARY KEY (id, position)
    );
    CREATE INDEX stube_open_await_component ON stube_open_await (component, id);
"#];

/// Makes the tables, or brings them to this version, in one transaction and in one process at a time.
pub(super) async fn migrate(client: &mut Client) -> Result<(), OpenError> {
    let doing = |error| OpenError::Server(PostgresError::new("making the tables", &error));
    let transaction = client.transaction().await.map_err(doing)?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&MIGRATION]).await.map_err(doing)?;
    let exists = transaction.query_one("SELECT to_regclass('stube_store') IS NOT NULL", &[]).await.map_err(doing)?;
    let found: i32 = match exists.get(0) {
        true => transaction.query_one("SELECT version FROM stube_store", &[]).await.map_err(doing)?.get(0),
        false => 0,
    };
    let steps = usize::try_from(found).ok().and_then(|found| STEPS.get(found..));
    let Some(steps) = steps else { return Err(OpenError::Newer { found, known: VERSION }) };
    for step in steps {
        transaction.batch_execute(step).await.map_err(doing)?;
    }
    transaction.commit().await.map_err(doing)
}
