//! The verbs that only read: `ls`, `show`, `doctor`.

use std::io::Write;
use std::sync::Arc;

use serde_json::json;
use serde_json::value::RawValue;

use crate::front::cli::outcome::{Done, Stopped, failed, has_flows};
use crate::front::cli::output::{Output, progress};
use crate::model::id::ConversationId;
use crate::operate::{self, InspectedInstance, Inspection};
use crate::record::{Record, RecordStatus, Unreadable};
use crate::store::{Query, Store};

/// The number of conversations in one page of a listing.
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

pub(super) async fn show(store: &Arc<dyn Store>, id: ConversationId, output: &mut Output) -> Done {
    let record = operate::load(store, id).await?;
    let mut out = std::io::stdout().lock();
    if !output.is_table() {
        out.write_all(record.bytes())?;
        return Ok(true);
    }
    let found = Inspection::of(&record);
    let header = &found.header;
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
        ("superseded", header.superseded_by.as_ref().map(|by| format!("by what went on in memory with {by}"))),
    ] {
        if let Some(value) = value {
            writeln!(out, "  {name:<11} {value}")?;
        }
    }
    if has_flows() {
        let status = match &found.status {
            Ok(RecordStatus::Current) => "goes on".to_owned(),
            Ok(RecordStatus::Upgradable) => "goes on, and is written anew with the next answer".to_owned(),
            Ok(RecordStatus::Ending) => "ends, or is handed on".to_owned(),
            Err(reason) => format!("is left alone: {reason}"),
        };
        writeln!(out, "  in this program it {status}")?;
    }
    write_slot(&mut out, &found.stack, "")?;
    if let Some(result) = &found.result {
        writeln!(out, "\nresult {}", indented(result, ""))?;
    }
    Ok(true)
}

/// Writes the instances of a slot, and below each those of its child slots.
fn write_slot(out: &mut impl Write, stack: &[InspectedInstance], indent: &str) -> std::io::Result<()> {
    for instance in stack {
        writeln!(out, "\n{indent}{} {}", instance.id, instance.component)?;
        writeln!(out, "{indent}{}", indented(&instance.state, indent))?;
        for (name, slot) in &instance.slots {
            writeln!(out, "\n{indent}slot {}", printable(name))?;
            write_slot(out, slot, &format!("{indent}  "))?;
        }
    }
    Ok(())
}

/// JSON on several lines, the first of them without indentation.
fn indented(json: &str, indent: &str) -> String {
    let text = RawValue::from_string(json.to_owned()).map_or_else(|_| json.to_owned(), |raw| operate::pretty(&raw));
    text.lines().map(printable).collect::<Vec<_>>().join(&format!("\n{indent}"))
}

/// A line without control characters: a person may have typed them, and a terminal would obey them.
fn printable(line: &str) -> String {
    line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
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
        true => println_all(&format!("{sound} sound, {} unreadable", bad.len()))?,
        false => output.row(&[("sound", json!(sound)), ("unreadable", json!(bad.len()))])?,
    }
    Ok(bad.is_empty())
}

pub(super) fn println_all(text: &str) -> Result<(), Stopped> {
    Ok(writeln!(std::io::stdout().lock(), "{text}")?)
}
