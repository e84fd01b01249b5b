//! The verbs for a release: `check`, `migrate`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;

use crate::evolution::lock::{Lock, SchemaAge};
use crate::front::cli::inspect::println_all;
use crate::front::cli::output::{Output, progress};
use crate::front::cli::{Done, Stopped, failed, has_flows, needs_flows};
use crate::model::id::ConversationId;
use crate::record::{Record, RecordStatus, Unreadable};
use crate::runtime::Runtime;
use crate::runtime::error::ErrorKind;
use crate::store::Store;

/// How many conversations are in one flow, one state, and one case.
#[derive(Default)]
struct Counts(BTreeMap<(String, String, String), u64>);

impl Counts {
    fn add(&mut self, record: &Record, case: &str) {
        let header = record.header();
        self.add_to(&header.flow, header.state.as_deref().unwrap_or_default(), case);
    }

    fn add_to(&mut self, flow: &str, state: &str, case: &str) {
        *self.0.entry((flow.to_owned(), state.to_owned(), case.to_owned())).or_default() += 1;
    }

    fn write(&self, output: &mut Output) -> Result<(), Stopped> {
        for ((flow, state, case), count) in &self.0 {
            let state = (!state.is_empty()).then(|| state.clone());
            output.row(&[
                ("flow", flow.clone().into()),
                ("state", state.into()),
                ("conversations", (*count).into()),
                ("verdict", case.clone().into()),
            ])?;
        }
        Ok(output.end()?)
    }
}

const SAME: &str = "unchanged";
const CHANGED: &str = "goes on, changed";
const ENDS: &str = "ends, or is handed on";

pub(super) async fn check(store: &Arc<dyn Store>, lock: Option<&Path>, output: &mut Output) -> Done {
    let lock = match lock {
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .map_err(|error| Stopped::Refused(format!("{}: {error}", path.display())))?;
            let lock = Lock::parse(&text);
            Some(lock.map_err(|error| Stopped::Refused(format!("{}: {error}", path.display())))?)
        }
        None if has_flows() => None,
        None => return Err(needs_flows("check` without `--lock FILE")),
    };
    let (mut counts, mut is_well, bar) = (Counts::default(), true, progress("checked"));
    let mut each = |entry: Result<Record, Unreadable>| {
        bar.inc(1);
        let record = match entry {
            Ok(record) => record,
            Err(unreadable) => {
                is_well = false;
                return counts.add_to("", "", &format!("breaking: {}", unreadable.reason));
            }
        };
        let case = lock.as_ref().map_or_else(|| of_program(&record), |lock| of_lock(lock, &record));
        is_well &= !case.starts_with("breaking");
        counts.add(&record, &case);
    };
    store.load_all(&mut each).await.map_err(failed)?;
    bar.finish_and_clear();
    counts.write(output)?;
    Ok(is_well)
}

fn of_program(record: &Record) -> String {
    match record.status() {
        Ok(RecordStatus::Current) => SAME.to_owned(),
        Ok(RecordStatus::Upgradable) => CHANGED.to_owned(),
        Ok(RecordStatus::Ending) => ENDS.to_owned(),
        Err(reason) => format!("breaking: {reason}"),
    }
}

/// What is needed of a body to compare shapes.
#[derive(Deserialize)]
struct Body {
    root: Slot,
}

#[derive(Deserialize)]
struct Slot {
    stack: Vec<Instance>,
}

#[derive(Deserialize)]
struct Instance {
    #[serde(rename = "type")]
    name: String,
    #[serde(default)]
    schema: String,
    state: serde_json::Value,
    #[serde(default)]
    slots: BTreeMap<String, Slot>,
}

fn of_lock(lock: &Lock, record: &Record) -> String {
    if record.has_ended() {
        return SAME.to_owned();
    }
    let Ok(body) = serde_json::from_str::<Body>(record.body()) else {
        return "breaking: its body cannot be read by this command".to_owned();
    };
    worst(lock, &body.root)
}

/// The worst verdict on the instances of a slot.
fn worst(lock: &Lock, slot: &Slot) -> String {
    let mut verdict = SAME.to_owned();
    for instance in &slot.stack {
        let state = instance.state.as_object().and_then(|state| state.keys().next()).map_or("", String::as_str);
        match lock.schema_age(&instance.name, state, &instance.schema) {
            SchemaAge::Current => {}
            SchemaAge::Previous => verdict = "of a previous release that the file has".to_owned(),
            SchemaAge::Unknown if state.is_empty() => {
                return format!("breaking: no such schema of {} in the file", instance.name);
            }
            SchemaAge::Unknown => {
                return format!("breaking: no such schema of {} in {} in the file", instance.name, state);
            }
        }
        for slot in instance.slots.values() {
            let below = worst(lock, slot);
            if below.starts_with("breaking") {
                return below;
            }
            if below != SAME {
                verdict = below;
            }
        }
    }
    verdict
}

pub(super) async fn migrate(store: Arc<dyn Store>, apply: bool, output: &mut Output) -> Done {
    if !has_flows() {
        return Err(needs_flows("migrate"));
    }
    let (mut todo, mut counts, bar) = (Vec::<ConversationId>::new(), Counts::default(), progress("read"));
    let mut is_well = true;
    let mut each = |entry: Result<Record, Unreadable>| {
        bar.inc(1);
        let Ok(record) = entry else { return };
        match record.status() {
            Ok(RecordStatus::Current) => {}
            Ok(_) if apply => todo.push(record.id()),
            Ok(_) => counts.add(&record, &format!("would be written: {}", of_program(&record))),
            Err(_) => {
                is_well = false;
                counts.add(&record, &format!("left alone, {}", of_program(&record)));
            }
        }
    };
    store.load_all(&mut each).await.map_err(failed)?;
    bar.finish_and_clear();
    let runtime = Runtime::open(Arc::clone(&store))?;
    let bar = progress("written");
    for id in todo {
        bar.inc(1);
        let Some(record) = store.load(id).await.map_err(failed)? else { continue };
        match runtime.migrate(id).await {
            Ok(RecordStatus::Current) => counts.add(&record, "written by somebody else meanwhile"),
            Ok(_) => counts.add(&record, "written"),
            Err(error) if matches!(error.kind, ErrorKind::NotFound) => {}
            Err(error) if error.is_retryable() => return Err(error.into()),
            Err(error) => {
                is_well = false;
                counts.add(&record, &format!("not written: {}", error.kind));
            }
        }
    }
    bar.finish_and_clear();
    let is_empty = counts.0.is_empty();
    counts.write(output)?;
    if is_empty && output.is_table() {
        println_all("every conversation is as this program has it")?;
    }
    Ok(is_well)
}
