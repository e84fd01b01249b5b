//! The statements. No text of anybody's is ever a part of one; values are handed over apart from it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use deadpool_postgres::ClientWrapper;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, GenericClient, Row, Statement};

use crate::model::id::{ConversationId, Owner};
use crate::model::timestamp::Timestamp;
use crate::record::{Header, Reason, Record, Revision, RevisionNonce, Unreadable};
use crate::store::postgres::error::PostgresError;
use crate::store::postgres::open_awaits::{self, replace_open_awaits};
use crate::store::{Count, Page, Query, Summary, WriteOutcome};

/// A change of one conversation.
pub(super) struct WriteRequest {
    pub(super) id: ConversationId,
    pub(super) replaces: Option<Revision>,
    /// The new record; `None` for a delete.
    pub(super) record: Option<Arc<Record>>,
}

/// Whether a record is whole: its checksum, the last 75 bytes, is that of its other bytes.
macro_rules! whole {
    () => {
        r#"substr(row.record, greatest(length(row.record) - 74, 1)) = convert_to(
            ',"sum":"' || encode(sha256(substr(row.record, 1, greatest(length(row.record) - 75, 0))), 'hex')
            || E'"}\n', 'UTF8')"#
    };
}

const INSERT: &str = concat!(
    "WITH applied AS (
        INSERT INTO stube_conversation (id, revision, nonce, flow, state, ended, owner, due, touched, record)
        VALUES ($8, $9, $10, $11, $12, $13, $14, $15, $16, $17) ON CONFLICT (id) DO NOTHING RETURNING id
    ),",
    replace_open_awaits!("1", "2", "3", "4", "5", "6", "7"),
    "SELECT id FROM applied"
);

const UPDATE: &str = concat!(
    "WITH applied AS (
        UPDATE stube_conversation AS row SET revision = $9, nonce = $10, flow = $11, state = $12, ended = $13,
            owner = $14, due = $15, touched = $16, record = $17, changed = clock_timestamp()
        WHERE id = $8 AND revision = $18 AND nonce = $19 AND ",
    whole!(),
    " RETURNING id
    ),",
    replace_open_awaits!("1", "2", "3", "4", "5", "6", "7"),
    "SELECT id FROM applied"
);

const DELETE: &str = concat!(
    "WITH applied AS (
        DELETE FROM stube_conversation AS row WHERE id = $1 AND revision = $2 AND nonce = $3 AND ",
    whole!(),
    " RETURNING id
    ), closed AS (DELETE FROM stube_open_await AS old USING applied WHERE old.id = applied.id)
    SELECT id FROM applied"
);

/// The statement that makes a change by itself.
pub(super) fn statement(change: &WriteRequest) -> &'static str {
    match (&change.record, change.replaces) {
        (Some(_), None) => INSERT,
        (Some(_), Some(_)) => UPDATE,
        (None, _) => DELETE,
    }
}

/// Makes a change by its [`statement`]. Gives what became of it.
pub(super) async fn change_one<C: GenericClient>(
    client: &C,
    statement: &Statement,
    change: &WriteRequest,
) -> Result<WriteOutcome, Error> {
    let (id, replaces) = (change.id.to_string(), change.replaces.map(parts));
    let changed = match &change.record {
        None => {
            let (revision, nonce) = replaces.unzip();
            client.query(statement, &[&id, &revision, &nonce]).await?
        }
        Some(record) => {
            let header = record.header();
            let (revision, nonce) = parts(record.revision());
            let owner = header.owner.as_ref().map(|it| it.as_str().as_bytes());
            let (due, touched) = (header.due().map(SystemTime::from), SystemTime::from(header.touched));
            let (ended, bytes) = (header.has_ended(), record.bytes());
            let open = open_awaits::Columns::of([&**record].into_iter());
            let mut values = open.parameters().to_vec();
            values.extend([&id as &(dyn ToSql + Sync), &revision, &nonce, &header.flow, &header.state, &ended]);
            values.extend([&owner as &(dyn ToSql + Sync), &due, &touched, &bytes]);
            if let Some((revision, nonce)) = &replaces {
                values.extend([revision as &(dyn ToSql + Sync), nonce]);
            }
            client.query(statement, &values).await?
        }
    };
    if changed.len() == 1 {
        return Ok(WriteOutcome::Applied);
    }
    let rows = client.query(LOAD, &[&vec![id]]).await?;
    Ok(not_applied(change, rows.first().map(entry).as_ref()))
}

/// What became of a change that no row was changed for.
fn not_applied(change: &WriteRequest, stored: Option<&Result<Record, Unreadable>>) -> WriteOutcome {
    match (&change.record, stored) {
        // What is not there has been deleted.
        (None, None) => WriteOutcome::Applied,
        (_, stored) => {
            let stored = stored.and_then(|stored| stored.as_ref().ok());
            WriteOutcome::Conflict { stored: stored.map(Record::revision) }
        }
    }
}

/// All changes at once: one statement, which is one transaction and one round trip.
///
/// Each change compares the revision that it replaces with the one in the row at the moment at which the row is locked,
/// so it is applied once or not at all, whatever happens beside it. The rows are locked in the order of their ids, so
/// that two processes never wait for each other in a circle. A record that is damaged is not replaced.
pub(super) const CHANGE: &str = concat!(
    r#"
    WITH change AS (
        SELECT * FROM unnest(
            $8::text[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::text[], $14::text[],
            $15::boolean[], $16::bytea[], $17::timestamptz[], $18::timestamptz[], $19::bytea[]
        ) AS change (
            id, replaces, replaces_nonce, revision, nonce, flow, state, ended, owner, due, touched, record
        )
    ), locked AS (
        SELECT id FROM stube_conversation WHERE id = ANY ($8) ORDER BY id FOR UPDATE
    ), whole AS (
        SELECT id FROM locked JOIN stube_conversation AS row USING (id)
        WHERE "#,
    whole!(),
    r#"
    ), updated AS (
        UPDATE stube_conversation AS row
        SET revision = change.revision, nonce = change.nonce, flow = change.flow, state = change.state,
            ended = change.ended, owner = change.owner, due = change.due, touched = change.touched, record = change.record,
            changed = clock_timestamp()
        FROM change JOIN whole USING (id)
        WHERE row.id = change.id AND row.revision = change.replaces AND row.nonce = change.replaces_nonce
            AND change.record IS NOT NULL
        RETURNING row.id
    ), deleted AS (
        DELETE FROM stube_conversation AS row USING change JOIN whole USING (id)
        WHERE row.id = change.id AND row.revision = change.replaces AND row.nonce = change.replaces_nonce
            AND change.record IS NULL
        RETURNING row.id
    ), inserted AS (
        INSERT INTO stube_conversation (id, revision, nonce, flow, state, ended, owner, due, touched, record)
        SELECT id, revision, nonce, flow, state, ended, owner, due, touched, record FROM change
        WHERE replaces IS NULL ORDER BY id
        ON CONFLICT (id) DO NOTHING RETURNING id
    ), applied AS (
        SELECT id FROM updated UNION ALL SELECT id FROM deleted UNION ALL SELECT id FROM inserted
    ),"#,
    replace_open_awaits!("1", "2", "3", "4", "5", "6", "7"),
    "SELECT id FROM applied"
);

/// Makes changes of different conversations by [`CHANGE`]. Gives what became of each.
pub(super) async fn change<C: GenericClient>(
    client: &C,
    statement: &Statement,
    changes: &[&WriteRequest],
) -> Result<Vec<WriteOutcome>, Error> {
    let headers: Vec<_> = changes.iter().map(|change| change.record.as_deref().map(Record::header)).collect();
    let text = |part: fn(&Header) -> Option<&str>| -> Vec<Option<&str>> {
        headers.iter().map(|header| header.and_then(part)).collect()
    };
    let time = |part: fn(&Header) -> Option<Timestamp>| -> Vec<Option<SystemTime>> {
        headers.iter().map(|header| header.and_then(part).map(SystemTime::from)).collect()
    };
    let ids: Vec<_> = changes.iter().map(|change| change.id.to_string()).collect();
    let columns = |revision: fn(&WriteRequest) -> Option<Revision>| -> (Vec<Option<i64>>, Vec<Option<i64>>) {
        changes.iter().map(|change| revision(change).map(parts).unzip()).unzip()
    };
    let (replaces, replaces_nonces) = columns(|change| change.replaces);
    let (revisions, nonces) = columns(|change| change.record.as_deref().map(Record::revision));
    let flows = text(|header| Some(&header.flow));
    let states = text(|header| header.state.as_deref());
    let ended: Vec<_> = headers.iter().map(|header| header.map(Header::has_ended)).collect();
    let owners = text(|header| header.owner.as_ref().map(Owner::as_str));
    let owners: Vec<_> = owners.into_iter().map(|owner| owner.map(str::as_bytes)).collect();
    let (due, touched) = (time(Header::due), time(|header| Some(header.touched)));
    let records: Vec<_> = changes.iter().map(|change| change.record.as_ref().map(|record| record.bytes())).collect();
    let open = open_awaits::Columns::of(changes.iter().filter_map(|change| change.record.as_deref()));
    let mut values = open.parameters().to_vec();
    values.extend([&ids as &(dyn ToSql + Sync), &replaces, &replaces_nonces, &revisions, &nonces, &flows, &states]);
    values.extend([&ended as &(dyn ToSql + Sync), &owners, &due, &touched, &records]);
    let applied = client.query(statement, &values).await?;
    let applied: Vec<String> = applied.iter().map(|row| row.get(0)).collect();
    if applied.len() == changes.len() {
        return Ok(changes.iter().map(|_| WriteOutcome::Applied).collect());
    }
    let others: Vec<_> = ids.iter().filter(|id| !applied.contains(id)).cloned().collect();
    // The changes have been made: what fails from here on must not hide that.
    let rows = client.query(LOAD, &[&others]).await;
    let stored = rows.map(|rows| rows.iter().map(|row| (row.get(0), entry(row))).collect::<BTreeMap<String, _>>());
    let saved = changes.iter().zip(&ids).map(|(change, id)| match &stored {
        _ if applied.contains(id) => WriteOutcome::Applied,
        Ok(stored) => not_applied(change, stored.get(id)),
        Err(error) => WriteOutcome::NotApplied(PostgresError::new("looking at rows", error).into()),
    });
    Ok(saved.collect())
}

const LOAD: &str = "SELECT id, revision, nonce, record FROM stube_conversation WHERE id = ANY ($1)";

/// What there is of these conversations.
pub(super) async fn load(
    client: &ClientWrapper,
    ids: &[ConversationId],
) -> Result<BTreeMap<ConversationId, Result<Record, Unreadable>>, Error> {
    let names: Vec<_> = ids.iter().map(ConversationId::to_string).collect();
    let statement = client.prepare_cached(LOAD).await?;
    let rows = client.query(&statement, &[&names]).await?;
    let entries = rows.iter().map(entry).filter_map(|entry| {
        let id = entry.as_ref().map_or_else(|left| left.id, |record| Some(record.id()));
        id.map(|id| (id, entry))
    });
    Ok(entries.collect())
}

/// A page of all rows, with the id to go on from.
pub(super) async fn page_of_all(
    client: &ClientWrapper,
    after: &str,
    limit: i64,
) -> Result<Vec<(String, Result<Record, Unreadable>)>, Error> {
    let sql = "SELECT id, revision, nonce, record FROM stube_conversation WHERE id > $1 ORDER BY id LIMIT $2";
    let statement = client.prepare_cached(sql).await?;
    let rows = client.query(&statement, &[&after, &limit]).await?;
    Ok(rows.iter().map(|row| (row.get(0), entry(row))).collect())
}

fn entry(row: &Row) -> Result<Record, Unreadable> {
    let (name, revision, bytes): (String, (i64, i64), &[u8]) = (row.get(0), (row.get(1), row.get(2)), row.get(3));
    let id = name.parse().ok();
    let unreadable = |reason| Unreadable { id, entry: name.escape_debug().to_string(), reason };
    let Some(id) = id else { return Err(unreadable(Reason::NotARecord("its id is not one".to_owned()))) };
    let record = Record::parse(bytes.to_vec()).map_err(unreadable)?;
    if record.id() != id {
        return Err(unreadable(Reason::Corrupt(format!("it is the record of {}", record.id()))));
    }
    if parts(record.revision()) != revision {
        let reason = "its columns `revision` and `nonce` are not those of the record";
        return Err(unreadable(Reason::Corrupt(reason.to_owned())));
    }
    Ok(record)
}

/// A page; with an `age`, only of those that were changed that long ago by the server's clock.
pub(super) async fn list(
    client: &ClientWrapper,
    query: &Query,
    age: Option<Duration>,
    after: Option<ConversationId>,
    limit: usize,
) -> Result<Page, Error> {
    let mut conditions = Conditions::of(query);
    conditions.add("extract(epoch FROM clock_timestamp() - changed)::float8 >=", age.map(|age| age.as_secs_f64()));
    conditions.add("id >", after.map(|after| after.to_string()));
    conditions.values.push(Box::new(i64::try_from(limit).unwrap_or(i64::MAX)));
    let sql = format!(
        "SELECT id, revision, nonce, flow, state, ended, owner, touched, {} FROM stube_conversation {} ORDER BY id LIMIT ${}",
        open_awaits::AS_JSON,
        conditions.clause(),
        conditions.values.len()
    );
    let statement = client.prepare_cached(&sql).await?;
    let rows = client.query(&statement, &conditions.parameters()).await?;
    Ok(rows.iter().filter_map(summary).collect())
}

pub(super) async fn count(client: &ClientWrapper, query: &Query) -> Result<Vec<Count>, Error> {
    let conditions = Conditions::of(query);
    let sql = format!(
        "SELECT flow, state, count(*) FROM stube_conversation {} GROUP BY flow, state ORDER BY flow, state NULLS FIRST",
        conditions.clause()
    );
    let statement = client.prepare_cached(&sql).await?;
    let rows = client.query(&statement, &conditions.parameters()).await?;
    let count = |row: &Row| Count { flow: row.get(0), state: row.get(1), records: row.get::<_, i64>(2).unsigned_abs() };
    Ok(rows.iter().map(count).collect())
}

/// What the columns say; `None` if they say what no record can.
fn summary(row: &Row) -> Option<Summary> {
    let owner: Option<&[u8]> = row.get(6);
    let owner = match owner {
        Some(owner) => Some(Owner::new(std::str::from_utf8(owner).ok()?).ok()?),
        None => None,
    };
    let awaits = open_awaits::from_json(row.get(8))?;
    (awaits.is_empty() == row.get::<_, bool>(5)).then_some(())?;
    Some(Summary {
        id: row.get::<_, &str>(0).parse().ok()?,
        revision: revision(row.get(1), row.get(2))?,
        flow: row.get(3),
        state: row.get(4),
        awaits,
        owner,
        touched: row.get::<_, SystemTime>(7).into(),
    })
}

/// `WHERE` with its values.
struct Conditions {
    texts: Vec<String>,
    values: Vec<Box<dyn ToSql + Sync + Send>>,
}

impl Conditions {
    fn of(query: &Query) -> Self {
        let Query { flow, state, waits_for, owner, due_before, touched_before, ended } = query;
        let mut conditions = Self { texts: Vec::new(), values: Vec::new() };
        conditions.add("flow =", flow.clone());
        conditions.add("state =", state.clone());
        if let Some(component) = waits_for {
            conditions.values.push(Box::new(component.clone()));
            let parameter = conditions.values.len();
            conditions.texts.push(format!("id IN (SELECT id FROM stube_open_await WHERE component = ${parameter})"));
        }
        conditions.add("owner =", owner.as_ref().map(|owner| owner.as_str().as_bytes().to_vec()));
        conditions.add("due <", due_before.map(SystemTime::from));
        conditions.add("touched <", touched_before.map(SystemTime::from));
        let ended = ended.map(|ended| if ended { "ended" } else { "NOT ended" });
        conditions.texts.extend(ended.map(str::to_owned));
        conditions
    }

    fn add<T: ToSql + Sync + Send + 'static>(&mut self, condition: &str, value: Option<T>) {
        if let Some(value) = value {
            self.values.push(Box::new(value));
            self.texts.push(format!("{condition} ${}", self.values.len()));
        }
    }

    fn clause(&self) -> String {
        if self.texts.is_empty() { String::new() } else { format!("WHERE {}", self.texts.join(" AND ")) }
    }

    fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        self.values.iter().map(|value| &**value as &(dyn ToSql + Sync)).collect()
    }
}

/// The columns of a revision.
fn parts(revision: Revision) -> (i64, i64) {
    let number =
        |number: u64| i64::try_from(number).expect("BUG: a revision is at most 2^53, and its nonce below 2^40");
    (number(revision.number()), number(revision.nonce().number()))
}

fn revision(number: i64, nonce: i64) -> Option<Revision> {
    let nonce = RevisionNonce::from_number(u64::try_from(nonce).ok()?)?;
    Revision::from_parts(u64::try_from(number).ok()?, nonce)
}
