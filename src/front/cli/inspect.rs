//! The verbs that only look: `ls`, `show`, `doctor`.

use std::io::Write;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::front::cli::output::{Output, progress};
use crate::front::cli::{Done, Stopped, failed, has_flows, refused};
use crate::model::id::ConversationId;
use crate::record::{Record, RecordStatus, Unreadable};
use crate::store::{LoadError, Query, Store};

/// How many are asked for at once.
const PAGE: usize = 1_000;

pub(super) async fn ls(
    store: &Arc<dyn Store>,
    query: &Query,
    count: bool,
    limit: Option<usize>,
    output: &mut Output,
) -> Done {
    if count {
        for count in store.count(query).await.map_err(failed)? {
            output.row(&[
                ("flow", count.flow.into()),
                ("state", count.state.into()),
                ("conversations", count.records.into()),
            ])?;
        }
        output.end()?;
        return Ok(true);
    }
    let (mut after, mut left) = (None, limit.unwrap_or(usize::MAX));
    while left > 0 {
        let page = store.list(query, after, PAGE.min(left)).await.map_err(failed)?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        left -= page.len().min(left);
        for found in page {
            output.row(&[
                ("id", found.id.to_string().into()),
                ("flow", found.flow.clone().into()),
                ("state", found.state.clone().into()),
                ("waits_for", found.waits_for().map(str::to_owned).into()),
                ("touched", found.touched.to_string().into()),
                ("due", found.due().map(|due| due.to_string()).into()),
                ("owner", found.owner.map(|owner| owner.as_str().to_owned()).into()),
                ("revision", found.revision.number().into()),
            ])?;
        }
    }
    output.end()?;
    Ok(true)
}

/// The record of this id.
pub(super) async fn load(store: &Arc<dyn Store>, id: ConversationId) -> Result<Record, Stopped> {
    match store.load(id).await {
        Ok(Some(record)) => Ok(record),
        Ok(None) => refused(format!("there is no conversation {id}")),
        Err(LoadError::Unreadable(unreadable)) => refused(unreadable.to_string()),
        Err(LoadError::Store(error)) => Err(failed(error)),
    }
}

pub(super) async fn show(store: &Arc<dyn Store>, id: ConversationId, output: &mut Output) -> Done {
    let record = load(store, id).await?;
    let whole: Value = serde_json::from_slice(record.bytes()).map_err(|error| Stopped::Refused(error.to_string()))?;
    let mut out = std::io::stdout().lock();
    if !output.is_table() {
        writeln!(out, "{whole}")?;
        return Ok(true);
    }
    let header = record.header();
    writeln!(out, "{id}, revision {}", record.revision())?;
    writeln!(out, "  started as  {}, {}", header.flow, header.created)?;
    let touched = header.touched;
    match (&header.state, header.waits_for()) {
        (Some(state), Some(waits_for)) => writeln!(out, "  waits       in {state}, for {waits_for}, since {touched}")?,
        (None, Some(waits_for)) => writeln!(out, "  waits       for {waits_for}, since {touched}")?,
        (_, None) => writeln!(out, "  ended       {touched}")?,
    }
    for (name, value) in [
        ("owner", header.owner.as_ref().map(|owner| owner.as_str().to_owned())),
        ("due", header.due().map(|due| due.to_string())),
        ("older than", header.superseded_by.as_ref().map(|by| format!("what went on in memory with {by}"))),
    ] {
        if let Some(value) = value {
            writeln!(out, "  {name:<11} {value}")?;
        }
    }
    if has_flows() {
        let fits = match record.status() {
            Ok(RecordStatus::Current) => "goes on".to_owned(),
            Ok(RecordStatus::Upgradable) => "goes on, and is written anew with the next answer".to_owned(),
            Ok(RecordStatus::Ending) => "ends, or is handed on".to_owned(),
            Err(reason) => format!("is left alone: {reason}"),
        };
        writeln!(out, "  in this program it {fits}")?;
    }
    for instance in whole["body"]["root"]["stack"].as_array().into_iter().flatten() {
        let state = serde_json::to_string_pretty(&instance["state"]).unwrap_or_default();
        let state: String = state.chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect();
        writeln!(out, "\n{} {}", text(&instance["id"]), text(&instance["type"]))?;
        writeln!(out, "{state}")?;
        if let Some(slots) = instance.get("slots") {
            writeln!(out, "slots {}", serde_json::to_string_pretty(slots).unwrap_or_default())?;
        }
    }
    if let Some(result) = whole["body"].get("result") {
        writeln!(out, "\nresult {}", serde_json::to_string_pretty(result).unwrap_or_default())?;
    }
    Ok(true)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

pub(super) async fn doctor(store: &Arc<dyn Store>, output: &mut Output) -> Done {
    let (mut sound, mut bad, bar) = (0_u64, Vec::new(), progress("read"));
    let reads = has_flows();
    let mut each = |entry: Result<Record, Unreadable>| {
        bar.inc(1);
        let checked = entry.and_then(|record| match record.decode() {
            Err(reason) if reads => Err(Unreadable { id: Some(record.id()), entry: record.id().to_string(), reason }),
            _ => Ok(()),
        });
        match checked {
            Ok(()) => sound += 1,
            Err(unreadable) => bad.push(unreadable),
        }
    };
    store.load_all(&mut each).await.map_err(failed)?;
    bar.finish_and_clear();
    for unreadable in &bad {
        output.row(&[("entry", unreadable.entry.clone().into()), ("reason", unreadable.reason.to_string().into())])?;
    }
    output.end()?;
    match output.is_table() {
        true => println_all(&format!("{sound} sound, {} not", bad.len()))?,
        false => output.row(&[("sound", json!(sound)), ("not", json!(bad.len()))])?,
    }
    Ok(bad.is_empty())
}

pub(super) fn println_all(text: &str) -> Result<(), Stopped> {
    Ok(writeln!(std::io::stdout().lock(), "{text}")?)
}
