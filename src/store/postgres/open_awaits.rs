//! The rows of `stube_open_await`: one for each open await of a conversation, written with its record by one statement.

use std::time::SystemTime;

use tokio_postgres::types::ToSql;

use crate::kernel::{AwaitKind, OpenAwait};
use crate::model::timestamp::Timestamp;
use crate::record::Record;

/// The parts of a statement that replace the open awaits of the conversations in `applied (id)` by those in the arrays
/// that begin with the parameter of this number.
macro_rules! replace_open_awaits {
    ($ids:literal, $positions:literal, $turns:literal, $components:literal, $states:literal, $kinds:literal, $due:literal) => {
        concat!(
            " open AS (
                SELECT * FROM unnest($",
            $ids,
            "::text[], $",
            $positions,
            "::integer[], $",
            $turns,
            "::text[], $",
            $components,
            "::text[], $",
            $states,
            "::text[], $",
            $kinds,
            "::text[], $",
            $due,
            "::timestamptz[]
                ) AS open (id, position, turn, component, state, kind, due)
            ), closed AS (
                DELETE FROM stube_open_await AS old USING applied WHERE old.id = applied.id AND NOT EXISTS (
                    SELECT FROM open WHERE open.id = old.id AND open.position = old.position
                )
            ), opened AS (
                INSERT INTO stube_open_await (id, position, turn, component, state, kind, due)
                SELECT open.* FROM open JOIN applied USING (id)
                ON CONFLICT (id, position) DO UPDATE SET turn = excluded.turn, component = excluded.component,
                    state = excluded.state, kind = excluded.kind, due = excluded.due
            ) "
        )
    };
}
pub(super) use replace_open_awaits;

/// A column that holds all open awaits of a row of `stube_conversation`, as JSON that [`from_json`] reads.
pub(super) const AS_JSON: &str = "(
    SELECT coalesce(json_agg(json_build_array(
        turn, component, open.state, kind, floor(extract(epoch FROM open.due) * 1000)::bigint
    ) ORDER BY position), '[]')::text FROM stube_open_await AS open WHERE open.id = stube_conversation.id
)";

/// The open awaits of records, as columns.
#[derive(Default)]
pub(super) struct Columns {
    ids: Vec<String>,
    positions: Vec<i32>,
    turns: Vec<String>,
    components: Vec<String>,
    states: Vec<Option<String>>,
    kinds: Vec<&'static str>,
    due: Vec<Option<SystemTime>>,
}

impl Columns {
    pub(super) fn of<'a>(records: impl Iterator<Item = &'a Record>) -> Self {
        let mut columns = Self::default();
        for record in records {
            for (position, open) in (0..).zip(&record.header().awaits) {
                columns.ids.push(record.id().to_string());
                columns.positions.push(position);
                columns.turns.push(open.turn.to_string());
                columns.components.push(open.component.clone());
                columns.states.push(open.state.clone());
                columns.kinds.push(open.kind.as_str());
                columns.due.push(open.due.map(SystemTime::from));
            }
        }
        columns
    }

    /// The parameters, in the order of [`replace_open_awaits`].
    pub(super) fn parameters(&self) -> [&(dyn ToSql + Sync); 7] {
        let Self { ids, positions, turns, components, states, kinds, due } = self;
        [ids, positions, turns, components, states, kinds, due]
    }
}

/// Reads what [`AS_JSON`] gives; `None` if it is nothing that is written here.
pub(super) fn from_json(json: &str) -> Option<Vec<OpenAwait>> {
    type Row = (String, String, Option<String>, String, Option<i64>);
    let rows: Vec<Row> = serde_json::from_str(json).ok()?;
    let open = |(turn, component, state, kind, due): Row| {
        let mut open = OpenAwait::question(turn.parse().ok()?, component);
        let due = due.map(|due| u64::try_from(due).map(Timestamp::from_millis)).transpose().ok()?;
        (open.state, open.kind, open.due) = (state, AwaitKind::from_word(&kind)?, due);
        Some(open)
    };
    rows.into_iter().map(open).collect()
}
