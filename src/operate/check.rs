//! Checks of a record against a schema lock file, for a program that does not have the flows.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::evolution::lock::{Lock, SchemaAge};
use crate::record::Record;

/// The result of comparing a record with a lock file. Of several instances the worst counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LockVerdict {
    /// Every state has the schema that the release of the lock file writes.
    Current,
    /// Some state has the schema of an earlier release that the lock file lists.
    Earlier,
    /// The lock file does not list the schema of this state.
    UnknownSchema {
        /// The flow or component.
        component: String,
        /// The state of the flow; `None` if it is a component.
        state: Option<String>,
    },
    /// The body of the record cannot be read.
    UnreadableBody,
}

/// Compares the schemas of a record with those of a lock file. A conversation that has ended is always
/// [`Current`](LockVerdict::Current).
pub fn check_against_lock(lock: &Lock, record: &Record) -> LockVerdict {
    if record.has_ended() {
        return LockVerdict::Current;
    }
    match serde_json::from_str::<Body<'_>>(record.body()) {
        Ok(body) => worst(lock, &body.root),
        Err(_) => LockVerdict::UnreadableBody,
    }
}

/// As much of a body as the comparison needs.
#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    root: Slot<'a>,
}

#[derive(Deserialize)]
struct Slot<'a> {
    #[serde(borrow)]
    stack: Vec<Instance<'a>>,
}

#[derive(Deserialize)]
struct Instance<'a> {
    #[serde(rename = "type")]
    component: String,
    #[serde(default)]
    schema: String,
    #[serde(borrow)]
    state: &'a RawValue,
    #[serde(default, borrow)]
    slots: BTreeMap<String, Slot<'a>>,
}

fn worst(lock: &Lock, slot: &Slot<'_>) -> LockVerdict {
    let mut verdict = LockVerdict::Current;
    for instance in &slot.stack {
        let state = serde_json::from_str::<BTreeMap<String, &RawValue>>(instance.state.get()).unwrap_or_default();
        let state = state.into_keys().next().unwrap_or_default();
        match lock.schema_age(&instance.component, &state, &instance.schema) {
            SchemaAge::Current => {}
            SchemaAge::Previous => verdict = LockVerdict::Earlier,
            SchemaAge::Unknown => {
                let state = Some(state).filter(|_| lock.has_flow(&instance.component));
                return LockVerdict::UnknownSchema { component: instance.component.clone(), state };
            }
        }
        for slot in instance.slots.values() {
            match worst(lock, slot) {
                LockVerdict::Current => {}
                LockVerdict::Earlier => verdict = LockVerdict::Earlier,
                breaking @ (LockVerdict::UnknownSchema { .. } | LockVerdict::UnreadableBody) => return breaking,
            }
        }
    }
    verdict
}
