//! The verbs that write: `edit`, `fork`, `export`, `import`, `end`, `rm`. What each does is in [`operate`]; here are
//! the editor, the files, the questions and the words.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use indicatif::ProgressBar;

use crate::front::cli::inspect::println_all;
use crate::front::cli::outcome::{Done, Stopped, has_flows, needs_flows, refused};
use crate::front::cli::output::progress;
use crate::model::id::ConversationId;
use crate::operate::{self, ImportCounts};
use crate::record::MAX_BYTES;
use crate::runtime::Runtime;
use crate::store::{Query, Store, Summary};

// ---- edit ---------------------------------------------------------------------------------------------------------

pub(super) async fn edit(store: &Arc<dyn Store>, id: ConversationId) -> Done {
    if !has_flows() {
        return Err(needs_flows("edit"));
    }
    let draft = operate::edit(store, id).await?;
    let path = std::env::temp_dir().join(format!("{id}-{}.json", std::process::id()));
    new_file(&path)?.write_all(draft.text().as_bytes())?;
    let text = edited(&path)?;
    if text == draft.text() {
        std::fs::remove_file(&path)?;
        println_all("nothing was changed")?;
        return Ok(true);
    }
    let revision = draft.save(store, &text).await.map_err(|error| {
        let retryable = error.is_retryable();
        let what = format!("{error}. Your text is kept in {}", path.display());
        if retryable { Stopped::Store(what) } else { Stopped::Refused(what) }
    })?;
    std::fs::remove_file(&path)?;
    println_all(&format!("{id} is saved as revision {revision}"))?;
    Ok(true)
}

/// Runs the editor on the file, and reads the file again.
fn edited(path: &Path) -> Result<String, Stopped> {
    let named = ["VISUAL", "EDITOR"].into_iter().find_map(|name| std::env::var(name).ok().filter(|it| !it.is_empty()));
    let Some(editor) = named else { return refused("no editor is set: set $EDITOR") };
    // A shell splits the command, because it may have arguments: `code --wait`.
    let status = Command::new("sh").arg("-c").arg(format!("{editor} \"$1\"")).arg("sh").arg(path).status()?;
    if !status.success() {
        return refused(format!("the editor failed; the file is {}", path.display()));
    }
    let mut text = String::new();
    // More than can be saved: a larger text is refused, and not read to its end.
    File::open(path)?.take(4 * MAX_BYTES as u64).read_to_string(&mut text)?;
    Ok(text)
}

/// Creates a file that only this user can read, because states are confidential.
fn new_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

// ---- fork, end, rm ------------------------------------------------------------------------------------------------

pub(super) async fn fork(store: &Arc<dyn Store>, id: ConversationId) -> Done {
    println_all(&operate::fork(store, id).await?.to_string())?;
    Ok(true)
}

pub(super) async fn end(store: Arc<dyn Store>, id: ConversationId) -> Done {
    if !has_flows() {
        return Err(needs_flows("end"));
    }
    operate::load(&store, id).await?;
    Runtime::open(store)?.end(id).await?;
    println_all(&format!("{id} has ended"))?;
    Ok(true)
}

pub(super) async fn rm(store: &Arc<dyn Store>, ids: &[ConversationId], yes: bool) -> Done {
    for &id in ids {
        let record = operate::load(store, id).await?;
        let summary = Summary::of(&record);
        if !yes {
            if !io::stdin().is_terminal() {
                return refused("the input is no terminal, so there is no confirmation: write `--yes`");
            }
            let waits_for = summary.waits_for().unwrap_or("nothing");
            eprint!("Delete {id}, a `{}` that waits for {waits_for}, since {}? [y/N] ", summary.flow, summary.touched);
            let mut said = String::new();
            io::stdin().read_line(&mut said)?;
            if !["y", "yes"].contains(&said.trim()) {
                return refused(format!("{id} was not deleted"));
            }
        }
        operate::delete(store, id, record.revision()).await?;
        println_all(&format!("{id} is deleted"))?;
    }
    Ok(true)
}

// ---- export, import -----------------------------------------------------------------------------------------------

pub(super) async fn export(store: &Arc<dyn Store>, query: &Query, out: Option<&Path>) -> Done {
    let out: Box<dyn Write + Send> = match out {
        Some(path) => Box::new(new_file(path).map_err(|error| at(path, &error))?),
        None => Box::new(io::stdout()),
    };
    let bar = progress("exported");
    let out = Counted { out: io::BufWriter::new(out), bar: &bar };
    let left_out = |unreadable: &_| eprintln!("stube: left out {unreadable}");
    let exported = operate::export(store, query, out, left_out).await;
    bar.finish_and_clear();
    Ok(exported?.unreadable == 0)
}

/// Counts the records that are written, one line each, on a progress bar.
struct Counted<'a, W> {
    out: W,
    bar: &'a ProgressBar,
}

impl<W: Write> Write for Counted<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        if bytes[..written].ends_with(b"\n") {
            self.bar.inc(1);
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

pub(super) async fn import(store: &Arc<dyn Store>, from: &PathBuf) -> Done {
    let input: Box<dyn BufRead> = match from.as_os_str() == "-" {
        true => Box::new(BufReader::new(io::stdin())),
        false => Box::new(BufReader::new(File::open(from).map_err(|error| at(from, &error))?)),
    };
    let bar = progress("imported");
    let counts = operate::import(store, input, |line| {
        bar.inc(1);
        if let Err(error) = line.outcome {
            eprintln!("stube: line {}: {error}", line.number);
        }
    });
    let counts = counts.await;
    bar.finish_and_clear();
    let ImportCounts { saved, unchanged, refused, .. } = counts?;
    println_all(&format!("{saved} saved, {unchanged} in the store already, {refused} refused"))?;
    Ok(refused == 0)
}

fn at(path: &Path, error: &io::Error) -> Stopped {
    Stopped::Refused(format!("{}: {error}", path.display()))
}
