//! The tables, and how an older file gets those of today.
//!
//! [`MIGRATIONS`] is the whole history: the entry at position `n` makes version `n + 1` of a file of version `n`. An
//! entry is never changed once it was released. All that a file lacks is done in one transaction.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

/// What makes each version of the one before. The first makes the tables in a file that has none.
pub(super) const MIGRATIONS: &[&str] = &["
    CREATE TABLE stube_store (
        one     INTEGER PRIMARY KEY CHECK (one = 1),
        version INTEGER NOT NULL,
        settled INTEGER NOT NULL
    ) STRICT;
    INSERT INTO stube_store VALUES (1, 0, 0);
    CREATE TABLE stube_conversation (
        id        TEXT PRIMARY KEY NOT NULL,
        revision  INTEGER NOT NULL CHECK (revision > 0),
        nonce     INTEGER NOT NULL,
        flow      TEXT NOT NULL,
        state     TEXT,
        ended     INTEGER NOT NULL,
        owner     TEXT,
        due       INTEGER,
        touched   INTEGER NOT NULL,
        record    BLOB NOT NULL
    ) STRICT;
    CREATE TABLE stube_open_await (
        id        TEXT NOT NULL,
        position  INTEGER NOT NULL,
        turn      TEXT NOT NULL,
        component TEXT NOT NULL,
        state     TEXT,
        kind      TEXT NOT NULL,
        due       INTEGER,
        PRIMARY KEY (id, position)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX stube_open_await_component ON stube_open_await (component, id);
    CREATE INDEX stube_conversation_owner ON stube_conversation (owner, id) WHERE owner IS NOT NULL;
    CREATE INDEX stube_conversation_due ON stube_conversation (due, id) WHERE due IS NOT NULL;
"];

/// Marks a file that this store has made: the letters `stub`.
pub(super) const APPLICATION_ID: i32 = 0x7374_7562;

/// What a file holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Holds {
    /// Nothing at all.
    Nothing,
    /// The tables of this version, and perhaps others.
    Ours(i64),
    /// Another application's data.
    Others,
}

/// Looks, and changes nothing.
pub(super) fn look(connection: &Connection) -> rusqlite::Result<Holds> {
    let named = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'stube_store'";
    if connection.query_row(named, [], |_| Ok(())).optional()?.is_some() {
        let version = connection.query_row("SELECT version FROM stube_store", [], |row| row.get(0))?;
        return Ok(Holds::Ours(version));
    }
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let application: i32 = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    Ok(if tables == 0 && (application == 0 || application == APPLICATION_ID) { Holds::Nothing } else { Holds::Others })
}

/// Brings a file to the last of these versions. Does nothing if it has a later one.
pub(super) fn migrate(connection: &mut Connection, migrations: &[&str]) -> rusqlite::Result<()> {
    let last = migrations.len() as i64;
    if matches!(look(connection)?, Holds::Ours(version) if version >= last) {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Looked at again under the lock: another process may have been faster.
    let version = match look(&transaction)? {
        Holds::Ours(version) if version >= last => return Ok(()),
        Holds::Ours(version) => version,
        Holds::Others => 0,
        Holds::Nothing => {
            transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
            0
        }
    };
    for migration in migrations.iter().skip(usize::try_from(version).unwrap_or_default()) {
        transaction.execute_batch(migration)?;
    }
    transaction.execute("UPDATE stube_store SET version = ?1", [last])?;
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATER: &[&str] = &[MIGRATIONS[0], "ALTER TABLE stube_conversation ADD COLUMN colour TEXT", "NONSENSE"];

    fn holds(connection: &Connection) -> Holds {
        look(connection).expect("it can be looked at")
    }

    #[test]
    fn an_empty_file_gets_all_versions_and_an_older_one_what_it_lacks() {
        let mut connection = Connection::open_in_memory().expect("a database");
        assert_eq!(holds(&connection), Holds::Nothing);
        migrate(&mut connection, MIGRATIONS).expect("version 1");
        assert_eq!(holds(&connection), Holds::Ours(1));
        let row = "INSERT INTO stube_conversation (id, revision, nonce, flow, ended, touched, record) VALUES ('a', 1, 0, 'f', 0, 0, x'00')";
        connection.execute(row, []).expect("a row");
        migrate(&mut connection, &LATER[..2]).expect("version 2");
        assert_eq!(holds(&connection), Holds::Ours(2));
        let kept =
            connection.query_row("SELECT count(colour) + count(*) FROM stube_conversation", [], |row| row.get(0));
        assert_eq!(kept, Ok(1));
        migrate(&mut connection, MIGRATIONS).expect("a later version is left alone");
        assert_eq!(holds(&connection), Holds::Ours(2));
    }

    #[test]
    fn a_migration_that_fails_leaves_the_file_as_it_was() {
        let mut connection = Connection::open_in_memory().expect("a database");
        migrate(&mut connection, MIGRATIONS).expect("version 1");
        assert!(migrate(&mut connection, LATER).is_err());
        assert_eq!(holds(&connection), Holds::Ours(1));
        migrate(&mut connection, &LATER[..2]).expect("the column was not added before");
    }

    #[test]
    fn a_file_with_other_tables_or_another_mark_is_another_applications() {
        let connection = Connection::open_in_memory().expect("a database");
        connection.execute_batch("PRAGMA application_id = 7").expect("it is marked");
        assert_eq!(holds(&connection), Holds::Others);
        let connection = Connection::open_in_memory().expect("a database");
        connection.execute_batch("CREATE TABLE invoice (id)").expect("a table");
        assert_eq!(holds(&connection), Holds::Others);
    }
}
