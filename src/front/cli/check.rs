//! The verbs to run at a release: `check`, `migrate`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::evolution::lock::Lock;
use crate::front::cli::inspect::println_all;
use crate::front::cli::outcome::{Done, Stopped, failed, has_flows, needs_flows};
use crate::front::cli::output::{Output, progress};
use crate::model::id::ConversationId;
use crate::operate::{self, LockVerdict};
use crate::record::{Record, RecordStatus, Unreadable};
use crate::runtime::Runtime;
use crate::runtime::error::ErrorKind;
use crate::store::Store;

/// The number of conversations by flow, state and verdict.
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

fn of_lock(lock: &Lock, record: &Record) -> String {
    match operate::check_against_lock(lock, record) {
        LockVerdict::Current => SAME.to_owned(),
        LockVerdict::Earlier => "of an earlier release that the file lists".to_owned(),
        LockVerdict::UnknownSchema { component, state: Some(state) } => {
            format!("breaking: the file has no such schema of {component} in {state}")
        }
        LockVerdict::UnknownSchema { component, state: None } => {
            format!("breaking: the file has no such schema of {component}")
        }
        LockVerdict::UnreadableBody => "breaking: this command cannot read its body".to_owned(),
    }
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
            Ok(RecordStatus::Current) => counts.add(&record, "another process wrote it in the meantime"),
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
        println_all("every conversation that can be read has the schema of this program")?;
    }
    Ok(is_well)
}
