//! The body of a record as it is parsed: slots, instances and results, with the states still JSON.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::component::registry;
use crate::json::describe;
use crate::json::ordered_map::OrderedMap;
use crate::kernel::receipt::Receipts;
use crate::model::id::InstanceId;
use crate::record::Reason;

/// The body of a conversation that goes on.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ParsedBody<'a> {
    /// The number that the next instance gets.
    pub(super) next: u64,
    #[serde(borrow)]
    pub(super) root: ParsedSlot<'a>,
}

/// A slot.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ParsedSlot<'a> {
    #[serde(borrow)]
    pub(super) stack: Vec<ParsedInstance<'a>>,
    #[serde(default)]
    pub(super) receipts: Receipts,
}

/// An instance.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ParsedInstance<'a> {
    pub(super) id: InstanceId,
    #[serde(default)]
    pub(super) turn: u64,
    #[serde(default)]
    pub(super) resume: Option<String>,
    /// The name of the component when it was saved.
    #[serde(rename = "type", borrow)]
    pub(super) name: Cow<'a, str>,
    /// The fingerprint of the schema of its state when it was saved.
    #[serde(default, borrow)]
    pub(super) schema: Cow<'a, str>,
    /// The fingerprints of the texts of all questions that shared its state's name.
    #[serde(default, borrow)]
    pub(super) questions: Cow<'a, str>,
    /// The crate that defined the component.
    #[serde(rename = "crate", default = "own_crate", borrow)]
    pub(super) krate: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) state: &'a RawValue,
    /// The child slots in the order in which they are written.
    #[serde(default, borrow)]
    pub(super) slots: OrderedMap<String, ParsedSlot<'a>>,
}

/// The body of a conversation that has ended.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ParsedEnd<'a> {
    #[serde(borrow)]
    pub(super) result: &'a RawValue,
    #[serde(default)]
    pub(super) receipts: Receipts,
}

fn own_crate() -> Cow<'static, str> {
    Cow::Borrowed(registry::OWN_CRATE)
}

/// Parses the body of a record, which is of one of these types.
pub(super) fn parse<'a, T: Deserialize<'a>>(body: &'a str) -> Result<T, Reason> {
    serde_json::from_str(body).map_err(|error| Reason::Corrupt(describe(&error)))
}
