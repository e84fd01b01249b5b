//! The rows of `stube_open_await`: one for each open await of a conversation, written with its record in one
//! transaction. Nothing here begins or ends a transaction.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, named_params};

use crate::kernel::{AwaitKind, OpenAwait};
use crate::model::timestamp::Timestamp;

const UPSERT: &str = "INSERT INTO stube_open_await (id, position, turn, component, state, kind, due)
    VALUES (:id, :position, :turn, :component, :state, :kind, :due)
    ON CONFLICT (id, position) DO UPDATE SET turn = excluded.turn, component = excluded.component,
        state = excluded.state, kind = excluded.kind, due = excluded.due";

/// A column that holds all open awaits of a row of `stube_conversation`, as JSON that [`from_json`] reads.
pub(super) const AS_JSON: &str =
    "(SELECT json_group_array(json_array(turn, component, state, kind, due) ORDER BY position)
    FROM stube_open_await AS open WHERE open.id = stube_conversation.id)";

/// Replaces the rows of the open awaits `old` by those of `new`.
pub(super) fn save(
    connection: &Connection,
    id: &str,
    old: &[OpenAwait],
    new: &[OpenAwait],
) -> Result<(), rusqlite::Error> {
    for (position, open) in new.iter().enumerate() {
        if old.get(position) == Some(open) {
            continue;
        }
        connection.prepare_cached(UPSERT)?.execute(named_params! {
            ":id": id, ":position": position as i64, ":turn": open.turn.to_string(), ":component": open.component,
            ":state": open.state, ":kind": open.kind.as_str(), ":due": open.due.map(|due| number(due.as_millis())),
        })?;
    }
    if old.len() > new.len() {
        let delete = "DELETE FROM stube_open_await WHERE id = ?1 AND position >= ?2";
        connection.prepare_cached(delete)?.execute((id, new.len() as i64))?;
    }
    Ok(())
}

/// Whether the rows say the same as the record.
pub(super) fn are(connection: &Connection, id: &str, expected: &[OpenAwait]) -> Result<bool, rusqlite::Error> {
    let select = "SELECT position, turn, component, state, kind, due FROM stube_open_await WHERE id = ?1
        ORDER BY position";
    let mut statement = connection.prepare_cached(select)?;
    let mut rows = statement.query([id])?;
    for (position, open) in expected.iter().enumerate() {
        let Some(row) = rows.next()? else { return Ok(false) };
        let turn = open.turn.to_string();
        let text = |text: Option<&'_ str>| -> Option<Vec<u8>> { text.map(|text| text.as_bytes().to_vec()) };
        let is_text = |column: usize, expected: Option<&str>| {
            row.get_ref(column).map(|found| match found {
                ValueRef::Null => expected.is_none(),
                ValueRef::Text(found) => text(expected).is_some_and(|expected| expected == found),
                ValueRef::Integer(_) | ValueRef::Real(_) | ValueRef::Blob(_) => false,
            })
        };
        let due = open.due.map_or(ValueRef::Null, |due| ValueRef::Integer(number(due.as_millis())));
        let is_same = row.get_ref(0)? == ValueRef::Integer(position as i64)
            && is_text(1, Some(&turn))?
            && is_text(2, Some(&open.component))?
            && is_text(3, open.state.as_deref())?
            && is_text(4, Some(open.kind.as_str()))?
            && row.get_ref(5)? == due;
        if !is_same {
            return Ok(false);
        }
    }
    Ok(rows.next()?.is_none())
}

/// Reads what [`AS_JSON`] gives; `None` if it is nothing that [`save`] writes.
pub(super) fn from_json(json: &str) -> Option<Vec<OpenAwait>> {
    type Row = (String, String, Option<String>, String, Option<u64>);
    let rows: Vec<Row> = serde_json::from_str(json).ok()?;
    let open = |(turn, component, state, kind, due): Row| {
        let mut open = OpenAwait::question(turn.parse().ok()?, component);
        (open.state, open.kind, open.due) = (state, AwaitKind::from_word(&kind)?, due.map(Timestamp::from_millis));
        Some(open)
    };
    rows.into_iter().map(open).collect()
}

/// Revisions and times are far below the limit.
pub(super) fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
