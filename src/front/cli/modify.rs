//! The verbs that change something: `edit`, `fork`, `export`, `import`, `end`, `rm`. Each names the revision that it
//! replaces, so a program that runs meanwhile loses nothing.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use serde_json::Value;

use crate::front::cli::inspect::{load, println_all};
use crate::front::cli::output::progress;
use crate::front::cli::{Done, Stopped, failed, has_flows, needs_flows, refused};
use crate::kernel::Progress;
use crate::model::id::ConversationId;
use crate::record::{Lineage, MAX_BYTES, Record, Stored, Unreadable};
use crate::runtime::{Runtime, new_id, new_nonce};
use crate::store::{LoadError, Query, Store, Summary, WriteOutcome};

/// What became of a change, in words.
fn applied(id: ConversationId, saved: WriteOutcome) -> Result<(), Stopped> {
    match saved {
        WriteOutcome::Applied => Ok(()),
        WriteOutcome::NotApplied(error) => Err(failed(error)),
        WriteOutcome::Conflict { .. } => {
            refused(format!("{id} was changed by somebody else meanwhile; nothing was done to it"))
        }
        WriteOutcome::Unknown(error) => {
            Err(Stopped::Store(format!("the store does not know whether {id} was changed; look at it again: {error}")))
        }
    }
}

// ---- edit ---------------------------------------------------------------------------------------------------------

pub(super) async fn edit(store: Arc<dyn Store>, id: ConversationId) -> Done {
    if !has_flows() {
        return Err(needs_flows("edit"));
    }
    let record = load(&store, id).await?;
    if record.has_ended() {
        return refused(format!("{id} has ended; there is nothing to edit"));
    }
    let mut body: Value = serde_json::from_str(record.body()).map_err(|error| Stopped::Refused(error.to_string()))?;
    // Shapes are of what was written; what is edited is read by its names.
    without_shapes(&mut body["root"]);
    let before = serde_json::to_string_pretty(&body).map_err(|error| Stopped::Refused(error.to_string()))? + "\n";
    let path = std::env::temp_dir().join(format!("{id}-{}.json", std::process::id()));
    new_file(&path)?.write_all(before.as_bytes())?;
    let after = edited(&path)?;
    if after == before {
        std::fs::remove_file(&path)?;
        println_all("nothing was changed")?;
        return Ok(true);
    }
    let kept = |what: String| format!("{what}. What you wrote is kept in {}", path.display());
    let new = match written(&record, &after) {
        Ok(new) => new,
        Err(what) => return refused(kept(what)),
    };
    let saved = store.save(&new, Some(record.revision())).await;
    applied(id, saved).map_err(|stopped| match stopped {
        Stopped::Refused(what) => Stopped::Refused(kept(what)),
        Stopped::Store(what) => Stopped::Store(kept(what)),
    })?;
    std::fs::remove_file(&path)?;
    println_all(&format!("{id} is saved as revision {}", new.revision()))?;
    Ok(true)
}

fn without_shapes(slot: &mut Value) {
    for instance in slot.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        instance.remove("shape");
        instance.remove("asks");
        for (_, slot) in instance.get_mut("slots").and_then(Value::as_object_mut).into_iter().flatten() {
            without_shapes(slot);
        }
    }
}

/// Runs the editor, and gives what it left.
fn edited(path: &Path) -> Result<String, Stopped> {
    let named = ["VISUAL", "EDITOR"].into_iter().find_map(|name| std::env::var(name).ok().filter(|it| !it.is_empty()));
    let Some(editor) = named else { return refused("set $EDITOR to the editor that you like") };
    // It may have arguments, `code --wait`, so a shell takes it apart, as everywhere.
    let status = Command::new("sh").arg("-c").arg(format!("{editor} \"$1\"")).arg("sh").arg(path).status()?;
    if !status.success() {
        return refused(format!("the editor failed; what it left is in {}", path.display()));
    }
    let mut text = String::new();
    // One more than may be saved: a larger one is refused later, and not read to its end.
    File::open(path)?.take(4 * MAX_BYTES as u64).read_to_string(&mut text)?;
    Ok(text)
}

/// The record with this body, if it is a legal state of this program.
fn written(record: &Record, body: &str) -> Result<Record, String> {
    let body: Box<serde_json::value::RawValue> =
        serde_json::from_str(body).map_err(|error| format!("this is no JSON: {error}"))?;
    let draft = Record::assemble(record.header().clone(), body.get()).map_err(|error| error.to_string())?;
    match draft.decode().map_err(|reason| reason.to_string())? {
        Stored::Conversation(conversation) if conversation.is_upgraded() => {
            let lineage = record.lineage().next(new_nonce().map_err(|error| error.to_string())?);
            Record::encode(&Progress::Waits(conversation), lineage).map_err(|error| error.to_string())
        }
        Stored::Conversation(_) | Stored::Ended(_) => Err("with this it would end; `stube end` does that".to_owned()),
    }
}

/// A file for this person alone: states are nobody else's business.
fn new_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

// ---- fork, end, rm ------------------------------------------------------------------------------------------------

pub(super) async fn fork(store: &Arc<dyn Store>, id: ConversationId) -> Done {
    let record = load(store, id).await?;
    let new = new_id()?;
    let mut header = record.header().clone();
    header.id = new;
    header.set_lineage(Lineage::first(new_nonce()?));
    let copy = Record::assemble(header, record.body()).map_err(|error| Stopped::Refused(error.to_string()))?;
    applied(new, store.save(&copy, None).await)?;
    println_all(&new.to_string())?;
    Ok(true)
}

pub(super) async fn end(store: Arc<dyn Store>, id: ConversationId) -> Done {
    if !has_flows() {
        return Err(needs_flows("end"));
    }
    load(&store, id).await?;
    Runtime::open(store)?.end(id).await?;
    println_all(&format!("{id} has ended"))?;
    Ok(true)
}

pub(super) async fn rm(store: &Arc<dyn Store>, ids: &[ConversationId], yes: bool) -> Done {
    for &id in ids {
        let record = load(store, id).await?;
        let summary = Summary::of(&record);
        if !yes {
            if !io::stdin().is_terminal() {
                return refused("nobody is there to be asked: write `--yes`");
            }
            let waits_for = summary.waits_for().unwrap_or("nothing");
            eprint!("Delete {id}, a `{}` that waits for {waits_for}, since {}? [y/N] ", summary.flow, summary.touched);
            let mut said = String::new();
            io::stdin().read_line(&mut said)?;
            if !["y", "yes"].contains(&said.trim()) {
                return refused(format!("{id} is still there"));
            }
        }
        applied(id, store.delete(id, record.revision()).await)?;
        println_all(&format!("{id} is deleted"))?;
    }
    Ok(true)
}

// ---- export, import -----------------------------------------------------------------------------------------------

pub(super) async fn export(store: &Arc<dyn Store>, query: &Query, out: Option<&Path>) -> Done {
    let mut out: Box<dyn Write + Send> = match out {
        Some(path) => {
            let file = new_file(path).map_err(|error| Stopped::Refused(format!("{}: {error}", path.display())))?;
            Box::new(io::BufWriter::new(file))
        }
        None => Box::new(io::BufWriter::new(io::stdout())),
    };
    let (mut left_out, mut failure, bar) = (0_u64, None, progress("exported"));
    let mut each = |entry: Result<Record, Unreadable>| match entry {
        Ok(record) if query.matches(&Summary::of(&record)) && failure.is_none() => {
            bar.inc(1);
            failure = out.write_all(record.bytes()).err();
        }
        Ok(_) => {}
        Err(unreadable) => {
            left_out += 1;
            eprintln!("stube: left out {unreadable}");
        }
    };
    store.load_all(&mut each).await.map_err(failed)?;
    bar.finish_and_clear();
    match failure.map_or_else(|| out.flush(), Err) {
        Ok(()) => Ok(left_out == 0),
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn import(store: &Arc<dyn Store>, from: &PathBuf) -> Done {
    let input: Box<dyn BufRead> = match from.as_os_str() == "-" {
        true => Box::new(io::stdin().lock()),
        false => {
            let file = File::open(from).map_err(|error| Stopped::Refused(format!("{}: {error}", from.display())))?;
            Box::new(BufReader::new(file))
        }
    };
    let (mut saved, mut same, mut refused, bar) = (0_u64, 0_u64, 0_u64, progress("imported"));
    for (number, line) in input.split(b'\n').enumerate() {
        let mut line = line?;
        if line.is_empty() {
            continue;
        }
        line.push(b'\n');
        bar.inc(1);
        let mut refuse = |what: String| {
            refused += 1;
            eprintln!("stube: line {}: {what}", number + 1);
        };
        let record = match Record::parse(line) {
            Ok(record) => record,
            Err(reason) => {
                refuse(reason.to_string());
                continue;
            }
        };
        match store.load(record.id()).await {
            Ok(Some(component_schema)) if component_schema == record => same += 1,
            Ok(Some(_)) => refuse(format!("{} is there already, as something else", record.id())),
            Err(LoadError::Unreadable(unreadable)) => refuse(unreadable.to_string()),
            Err(LoadError::Store(error)) => return Err(failed(error)),
            Ok(None) => match store.save(&record, None).await {
                WriteOutcome::Applied => saved += 1,
                other => applied(record.id(), other)?,
            },
        }
    }
    bar.finish_and_clear();
    println_all(&format!("{saved} saved, {same} were there already, {refused} refused"))?;
    Ok(refused == 0)
}
