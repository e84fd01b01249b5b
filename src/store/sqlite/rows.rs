//! One row for each record: the statements, and what is believed of what they give.
//!
//! The columns beside the record repeat its header, so that they can be asked for. A row whose columns say something
//! else than its record is damaged, like one whose record is. Such a row is never written over and never deleted.
//! Nothing here begins or ends a transaction.

use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, ffi, named_params};

use crate::model::id::{ConversationId, Owner};
use crate::model::timestamp::Timestamp;
use crate::record::{MAX_BYTES, Reason, Record, Revision, RevisionNonce, Unreadable};
use crate::store::sqlite::error::SqliteError;
use crate::store::sqlite::open_awaits::{self, number};
use crate::store::sqlite::parsed::Parsed;
use crate::store::{Count, LoadError, Page, Query, Summary, WriteOutcome};

/// A record that is too large to be one is not even read.
const SELECT: &str = "SELECT rowid, revision, nonce, flow, state, ended, owner, due, touched, length(record),
    CASE WHEN length(record) <= 1048576 THEN record END FROM stube_conversation WHERE id = ?1";
const _: () = assert!(MAX_BYTES == 1_048_576);

const INSERT: &str = "INSERT INTO stube_conversation
    (id, revision, nonce, flow, state, ended, owner, due, touched, record)
    VALUES (:id, :revision, :nonce, :flow, :state, :ended, :owner, :due, :touched, :record)";

const UPDATE: &str = "UPDATE stube_conversation SET revision = :revision, nonce = :nonce, flow = :flow,
    state = :state, ended = :ended, owner = :owner, due = :due, touched = :touched, record = :record WHERE rowid = :row";

/// What there is of a conversation.
#[allow(clippy::large_enum_variant, reason = "it is taken apart where it is made")]
enum Found {
    Nothing,
    Record(i64, Record),
    Unreadable(Reason),
}

/// Puts a record in place of the one of revision `replaces`, in the transaction that is open.
pub(super) fn save(
    connection: &Connection,
    parsed: &Parsed,
    record: &Record,
    replaces: Option<Revision>,
) -> Result<WriteOutcome, rusqlite::Error> {
    let old = match (find(connection, parsed, record.id())?, replaces) {
        (Found::Nothing, None) => None,
        (Found::Record(row, stored), Some(revision)) if stored.revision() == revision => Some((row, stored)),
        (Found::Record(_, stored), _) => return Ok(WriteOutcome::Conflict { stored: Some(stored.revision()) }),
        (Found::Nothing | Found::Unreadable(_), _) => return Ok(WriteOutcome::Conflict { stored: None }),
    };
    let (header, id) = (record.header(), record.id().to_string());
    let (revision, touched) = (record.revision(), number(header.touched.as_millis()));
    let (revision, nonce) = (number(revision.number()), number(revision.nonce().number()));
    let owner = header.owner.as_ref().map(Owner::as_str);
    let due = header.due().map(|due| number(due.as_millis()));
    let old_awaits = match &old {
        Some((row, stored)) => {
            connection.prepare_cached(UPDATE)?.execute(named_params! {
                ":row": row, ":revision": revision, ":nonce": nonce, ":flow": header.flow, ":state": header.state,
                ":ended": header.has_ended(), ":owner": owner, ":due": due, ":touched": touched,
                ":record": record.bytes(),
            })?;
            stored.header().awaits.as_slice()
        }
        None => {
            connection.prepare_cached(INSERT)?.execute(named_params! {
                ":id": id, ":revision": revision, ":nonce": nonce, ":flow": header.flow, ":state": header.state,
                ":ended": header.has_ended(), ":owner": owner, ":due": due, ":touched": touched,
                ":record": record.bytes(),
            })?;
            &[]
        }
    };
    open_awaits::save(connection, &id, old_awaits, &header.awaits)?;
    parsed.keep(record);
    Ok(WriteOutcome::Applied)
}

/// Deletes the record of this id if it is of revision `replaces`, in the transaction that is open.
pub(super) fn delete(
    connection: &Connection,
    parsed: &Parsed,
    id: ConversationId,
    replaces: Revision,
) -> Result<WriteOutcome, rusqlite::Error> {
    match find(connection, parsed, id)? {
        Found::Nothing => Ok(WriteOutcome::Applied),
        Found::Record(row, stored) if stored.revision() == replaces => {
            connection.prepare_cached("DELETE FROM stube_conversation WHERE rowid = ?1")?.execute([row])?;
            open_awaits::save(connection, &id.to_string(), &stored.header().awaits, &[])?;
            Ok(WriteOutcome::Applied)
        }
        Found::Record(_, stored) => Ok(WriteOutcome::Conflict { stored: Some(stored.revision()) }),
        Found::Unreadable(_) => Ok(WriteOutcome::Conflict { stored: None }),
    }
}

/// The record of this id.
pub(super) fn load(connection: &Connection, parsed: &Parsed, id: ConversationId) -> Result<Option<Record>, LoadError> {
    let unreadable = |reason| LoadError::Unreadable(Unreadable { id: Some(id), entry: id.to_string(), reason });
    match find(connection, parsed, id) {
        Ok(Found::Nothing) => Ok(None),
        Ok(Found::Record(_, record)) => {
            parsed.keep(&record);
            Ok(Some(record))
        }
        Ok(Found::Unreadable(reason)) => Err(unreadable(reason)),
        // The pages of this row are damaged; others may be whole.
        Err(error) if is_damage(&error) => Err(unreadable(Reason::Corrupt(error.to_string()))),
        Err(error) => Err(LoadError::Store(SqliteError::new("reading a row", error).into())),
    }
}

/// At most `limit` entries after the row called `after`, and the name of the last of them; `None` at the end. To be
/// called in a transaction, so that no row goes away in between.
#[allow(clippy::type_complexity, reason = "the entries and where they end are one answer")]
pub(super) fn load_some(
    connection: &Connection,
    after: Option<&[u8]>,
    limit: usize,
) -> Result<(Vec<Result<Record, Unreadable>>, Option<Vec<u8>>), rusqlite::Error> {
    // The names come from the index, so that a damaged row keeps no other one from being read. The first ones may not
    // even be texts.
    let sql = match after {
        None => "SELECT CAST(id AS BLOB) FROM stube_conversation WHERE ?1 IS NULL ORDER BY id LIMIT ?2",
        Some(_) => "SELECT CAST(id AS BLOB) FROM stube_conversation WHERE id > CAST(?1 AS TEXT) ORDER BY id LIMIT ?2",
    };
    let mut names = connection.prepare_cached(sql)?;
    let names = names.query_map((after, limit as i64), |row| row.get::<_, Option<Vec<u8>>>(0))?;
    let names: Vec<_> = names.map(|name| name.map(Option::unwrap_or_default)).collect::<Result<_, _>>()?;
    let is_behind = |first: &Vec<u8>| after.is_some_and(|after| first.as_slice() <= after);
    if names.first().is_some_and(is_behind) || !names.is_sorted_by(|one, next| one < next) {
        return Err(not_in_order());
    }
    let entries = names.iter().map(|name| entry(connection, name)).collect::<Result<_, _>>()?;
    let last = names.into_iter().last();
    Ok((entries, last))
}

/// The record of this name, or what keeps it from being read; an error only if that is not a matter of this record.
fn entry(connection: &Connection, name: &[u8]) -> Result<Result<Record, Unreadable>, rusqlite::Error> {
    let Some(id) = id(name) else {
        return Ok(Err(unreadable(name, Reason::NotARecord("its id is not that of a conversation".to_owned()))));
    };
    let reason = match find(connection, &Parsed::default(), id) {
        Ok(Found::Record(_, record)) => return Ok(Ok(record)),
        Ok(Found::Unreadable(reason)) => reason,
        Ok(Found::Nothing) => Reason::Corrupt("its row is missing".to_owned()),
        // A bad place on the disk is one record's misfortune and must not keep the others from loading.
        Err(error) if is_damage(&error) || error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure) => {
            Reason::Corrupt(error.to_string())
        }
        Err(error) => return Err(error),
    };
    Ok(Err(unreadable(name, reason)))
}

fn id(name: &[u8]) -> Option<ConversationId> {
    std::str::from_utf8(name).ok()?.parse().ok()
}

fn unreadable(name: &[u8], reason: Reason) -> Unreadable {
    Unreadable { id: id(name), entry: name.escape_ascii().to_string(), reason }
}

/// What is damaged so may give the same rows again and again, and whoever goes on after the last one would never come to
/// an end.
fn not_in_order() -> rusqlite::Error {
    let damage = ffi::Error::new(ffi::SQLITE_CORRUPT_INDEX);
    rusqlite::Error::SqliteFailure(damage, Some("its entries are not in order".to_owned()))
}

/// How many entries the index of names has. The engine keeps no checksums: where a byte of the index has changed, the
/// names that it leads to may be gone without a word, and then there are fewer than rows.
pub(super) fn count_names(connection: &Connection) -> Result<i64, rusqlite::Error> {
    let count = "SELECT count(*) FROM stube_conversation INDEXED BY sqlite_autoindex_stube_conversation_1";
    connection.prepare_cached(count)?.query_row([], |row| row.get(0))
}

/// How many rows the table has.
pub(super) fn count_rows(connection: &Connection) -> Result<i64, rusqlite::Error> {
    let count = "SELECT count(*) FROM stube_conversation NOT INDEXED";
    connection.prepare_cached(count)?.query_row([], |row| row.get(0))
}

/// Of at most `limit` rows after the row `after` in the table, those that `load_some` cannot have come to: what the
/// index does not lead to is unreadable, since no change could find it; and if the names were read up to `named` only,
/// what comes after it. With that the last of the rows, `None` at the end. To be called in a transaction.
#[allow(clippy::type_complexity, reason = "the entries and where they end are one answer")]
pub(super) fn load_unnamed(
    connection: &Connection,
    named: Option<&[u8]>,
    after: i64,
    limit: usize,
) -> Result<(Vec<Result<Record, Unreadable>>, Option<i64>), rusqlite::Error> {
    let mut rows = connection.prepare_cached(
        "SELECT rowid, CAST(id AS BLOB) FROM stube_conversation NOT INDEXED WHERE rowid > ?1 ORDER BY rowid LIMIT ?2",
    )?;
    let rows: Vec<(i64, Vec<u8>)> = rows
        .query_map((after, limit as i64), |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, rusqlite::Error>>()?;
    if rows.first().is_some_and(|&(first, _)| first <= after) || !rows.is_sorted_by(|one, next| one.0 < next.0) {
        return Err(not_in_order());
    }
    let mut leads_to = connection.prepare_cached(
        "SELECT rowid FROM stube_conversation INDEXED BY sqlite_autoindex_stube_conversation_1
         WHERE id = CAST(?1 AS TEXT)",
    )?;
    let mut entries = Vec::new();
    for (row, name) in &rows {
        let reason = match leads_to.query_row([name], |found| found.get::<_, i64>(0)).optional() {
            Ok(Some(found)) if found == *row => {
                if named.is_some_and(|named| name.as_slice() > named) {
                    entries.push(entry(connection, name)?);
                }
                continue;
            }
            Ok(_) => "the index of names does not lead to its row".to_owned(),
            Err(error) if is_damage(&error) => format!("the index of names does not lead to its row: {error}"),
            Err(error) => return Err(error),
        };
        entries.push(Err(unreadable(name, Reason::Corrupt(reason))));
    }
    let last = rows.last().map(|&(row, _)| row);
    Ok((entries, last))
}

/// A page of what matches, from the columns alone.
pub(super) fn list(
    connection: &Connection,
    query: &Query,
    after: Option<ConversationId>,
    limit: usize,
) -> Result<Page, rusqlite::Error> {
    let (mut conditions, mut values) = conditions(query);
    if let Some(after) = after {
        conditions.push("id > ?");
        values.push(Value::Text(after.to_string()));
    }
    values.push(Value::Integer(i64::try_from(limit).unwrap_or(i64::MAX)));
    let sql = format!(
        "SELECT id, revision, nonce, flow, state, ended, owner, touched, {} FROM stube_conversation {} ORDER BY id LIMIT ?",
        open_awaits::AS_JSON,
        clause(&conditions)
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(rusqlite::params_from_iter(values))?;
    let mut page = Page::new();
    while let Some(row) = rows.next()? {
        let Some(summary) = summary(row) else { continue };
        if page.last().map(|last| last.id).or(after).is_some_and(|last| last >= summary.id) {
            return Err(not_in_order());
        }
        page.push(summary);
    }
    Ok(page)
}

/// How many rows match, by flow and state.
pub(super) fn count(connection: &Connection, query: &Query) -> Result<Vec<Count>, rusqlite::Error> {
    let (conditions, values) = conditions(query);
    let sql = format!(
        "SELECT flow, state, count(*) FROM stube_conversation {} GROUP BY flow, state ORDER BY flow, state",
        clause(&conditions)
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let counts = statement.query_map(rusqlite::params_from_iter(values), |row| {
        let records: i64 = row.get(2)?;
        Ok(Count { flow: row.get(0)?, state: row.get(1)?, records: records.unsigned_abs() })
    })?;
    counts.collect()
}

fn conditions(query: &Query) -> (Vec<&'static str>, Vec<Value>) {
    let Query { flow, state, waits_for, owner, due_before, touched_before, ended } = query;
    let text = |text: &Option<String>| text.clone().map(Value::Text);
    let time = |time: &Option<Timestamp>| time.map(|time| Value::Integer(number(time.as_millis())));
    let mut conditions = Vec::new();
    let mut values = Vec::new();
    for (condition, value) in [
        ("flow = ?", text(flow)),
        ("state = ?", text(state)),
        ("id IN (SELECT id FROM stube_open_await WHERE component = ?)", text(waits_for)),
        ("owner = ?", owner.as_ref().map(|owner| Value::Text(owner.as_str().to_owned()))),
        ("due < ?", time(due_before)),
        ("touched < ?", time(touched_before)),
    ] {
        if let Some(value) = value {
            conditions.push(condition);
            values.push(value);
        }
    }
    conditions.extend(ended.map(|ended| if ended { "ended" } else { "NOT ended" }));
    (conditions, values)
}

fn clause(conditions: &[&str]) -> String {
    if conditions.is_empty() { String::new() } else { format!("WHERE {}", conditions.join(" AND ")) }
}

/// What the columns say; `None` if they say what no record can.
fn summary(row: &Row<'_>) -> Option<Summary> {
    let time = |millis: i64| u64::try_from(millis).ok().map(Timestamp::from_millis);
    let unsigned = |column: usize| u64::try_from(row.get::<_, i64>(column).ok()?).ok();
    let owner: Option<String> = row.get(6).ok()?;
    let awaits = open_awaits::from_json(row.get_ref(8).ok()?.as_str().ok()?)?;
    (awaits.is_empty() == row.get::<_, bool>(5).ok()?).then_some(())?;
    Some(Summary {
        id: row.get_ref(0).ok()?.as_str().ok()?.parse().ok()?,
        revision: Revision::from_parts(unsigned(1)?, RevisionNonce::from_number(unsigned(2)?)?)?,
        flow: row.get(3).ok()?,
        state: row.get(4).ok()?,
        awaits,
        owner: owner.map(Owner::new).transpose().ok()?,
        touched: time(row.get(7).ok()?)?,
    })
}

/// What there is of a conversation, by the index of names.
///
/// Where that index is damaged, a row may not be found: [`load_unnamed`] finds it. Nothing here does, since whatever
/// could costs more than it saves:
///
/// - to look through the table for each name that is not there: anybody who asks for many would bring all to a halt;
/// - rows whose place follows from their name, as a second way to them: they would be all over the file, and each new
///   conversation would write two to three times as many pages to the log;
/// - rows in the index itself (`WITHOUT ROWID`): a damaged page would lose the name and the row, and nothing would be
///   left to compare;
/// - to count rows and names whenever a file is opened: all of it would be read.
fn find(connection: &Connection, parsed: &Parsed, id: ConversationId) -> Result<Found, rusqlite::Error> {
    let found = connection.prepare_cached(SELECT)?.query_row([id.to_string()], |row| {
        Ok(match read(parsed, id, row)? {
            Ok(record) => Found::Record(row.get(0)?, record),
            Err(reason) => Found::Unreadable(reason),
        })
    });
    match found.optional()? {
        Some(Found::Record(_, record)) if !open_awaits::are(connection, &id.to_string(), &record.header().awaits)? => {
            let reason = "its rows in `stube_open_await` say something else than the record";
            Ok(Found::Unreadable(Reason::Corrupt(reason.to_owned())))
        }
        found => Ok(found.unwrap_or(Found::Nothing)),
    }
}

/// The record of a row, if it is whole and the columns say what it says.
fn read(parsed: &Parsed, id: ConversationId, row: &Row<'_>) -> Result<Result<Record, Reason>, rusqlite::Error> {
    let bytes = match row.get_ref(10)? {
        ValueRef::Blob(bytes) => bytes,
        ValueRef::Null => return Ok(Err(Reason::TooLarge(row.get::<_, i64>(9)?.unsigned_abs()))),
        ValueRef::Integer(_) | ValueRef::Real(_) | ValueRef::Text(_) => {
            return Ok(Err(Reason::NotARecord("its record is no bytes".to_owned())));
        }
    };
    let record = match parsed.find(id, bytes).map_or_else(|| Record::parse(bytes.to_vec()), Ok) {
        Ok(record) => record,
        Err(reason) => return Ok(Err(reason)),
    };
    let header = record.header();
    let is_text = |column: usize, text: Option<&str>| {
        row.get_ref(column).map(|found| found == text.map_or(ValueRef::Null, |text| ValueRef::Text(text.as_bytes())))
    };
    let is_number = |column: usize, value: Option<u64>| {
        row.get_ref(column).map(|found| found == value.map_or(ValueRef::Null, |value| ValueRef::Integer(number(value))))
    };
    for (column, fits) in [
        ("id", header.id == id),
        ("revision", is_number(1, Some(record.revision().number()))?),
        ("nonce", is_number(2, Some(record.revision().nonce().number()))?),
        ("flow", is_text(3, Some(&header.flow))?),
        ("state", is_text(4, header.state.as_deref())?),
        ("ended", is_number(5, Some(header.has_ended().into()))?),
        ("owner", is_text(6, header.owner.as_ref().map(Owner::as_str))?),
        ("due", is_number(7, header.due().map(Timestamp::as_millis))?),
        ("touched", is_number(8, Some(header.touched.as_millis()))?),
    ] {
        if !fits {
            return Ok(Err(Reason::Corrupt(format!("its column `{column}` says something else than the record"))));
        }
    }
    Ok(Ok(record))
}

/// Whether the engine found bytes that cannot be.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}
