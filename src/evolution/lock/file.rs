//! Reads, compares and writes the schema lock file, for the test of [`flows_lock!`](crate::flows_lock).

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "the lock file is read and written here")]

use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::path::Path;

use crate::evolution::lock::{Code, Lock, PreviousSchema, Report};

/// What [`compare`] does with the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Compares it with the code and never writes it.
    Check,
    /// Compares it with the code and writes it, unless an edit is breaking.
    Update,
    /// Writes it without a comparison, and drops the schemas of previous releases. For schemas that were never released.
    Overwrite,
}

/// The test of [`flows_lock!`](crate::flows_lock): calls [`compare`] with the [`Mode`] that the environment variable
/// `STUBE_LOCK` selects: `update`, `overwrite`, or [`Mode::Check`] if it is not set or empty.
///
/// # Panics
///
/// [`compare`] failed, with its message; or `STUBE_LOCK` has another value.
#[track_caller]
pub fn check_file(path: &str) {
    let mode = match std::env::var("STUBE_LOCK").as_deref() {
        Err(_) | Ok("") => Mode::Check,
        Ok("update") => Mode::Update,
        Ok("overwrite") => Mode::Overwrite,
        Ok(other) => panic!("STUBE_LOCK is `{other}`; it may be `update` or `overwrite`"),
    };
    match compare(Path::new(path), mode) {
        Err(message) => panic!("\n\n{message}\n"),
        Ok(report) if mode != Mode::Check => {
            // Directly to standard error, because the test harness captures what a passing test prints.
            let _ = write!(io::stderr(), "\n{report}wrote {path}\n");
        }
        Ok(_) => {}
    }
}

/// Compares a schema lock file with the flows and components that are linked into the program, and writes it if `mode` says
/// so. The file is replaced atomically.
///
/// # Errors
///
/// - The file cannot be read or written, or is not a schema lock file.
/// - An edit is breaking.
/// - With [`Mode::Check`], the file does not exist or is out of date.
///
/// The error says what to do. The file is not changed then.
pub fn compare(path: &Path, mode: Mode) -> Result<Report, String> {
    let shown = path.display();
    let code = Code::linked();
    let current = Lock::of(&code);
    let old = match fs::read_to_string(path) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(format!("{shown} cannot be read: {error}")),
    };
    let Some(text) = old.filter(|_| mode != Mode::Overwrite) else {
        return match mode {
            Mode::Check => Err(format!(
                "{shown} does not exist yet. `STUBE_LOCK=update cargo test flows_lock` writes it; commit it with the code."
            )),
            Mode::Update | Mode::Overwrite => write(path, &current).map(|()| Report::default()),
        };
    };
    let old = Lock::parse(&text).map_err(|error| format!("{shown}: {error}"))?;
    let report = Report::of(&old, &code);
    if report.is_breaking() {
        return Err(format!(
            "{report}\nConversations may wait in the breaking states. Nothing was written. When each of them is migrated, \
             run\n\n    STUBE_LOCK=update cargo test flows_lock\n\n(If none of them was ever released: \
             STUBE_LOCK=overwrite.)"
        ));
    }
    let new = with_previous(current, &old);
    match mode {
        Mode::Check if new.to_text() == text => Ok(report),
        Mode::Check => Err(format!(
            "{report}\nNo conversation is stranded, but {shown} is out of date. Run\n\n    \
             STUBE_LOCK=update cargo test flows_lock\n\nand commit it with the code."
        )),
        Mode::Update | Mode::Overwrite => {
            write(path, &new)?;
            Ok(report)
        }
    }
}

/// Adds the schemas of the old lock that the code does not have.
fn with_previous(mut current: Lock, old: &Lock) -> Lock {
    let now = current.as_previous();
    let is_removed = |previous: &PreviousSchema| !now.iter().any(|now| key(now) == key(previous));
    let mut kept: Vec<_> = old.as_previous().into_iter().filter(is_removed).collect();
    kept.sort_by(|one, other| key(one).cmp(&key(other)));
    kept.dedup_by(|one, other| key(one) == key(other));
    current.previous = kept;
    current
}

fn key(schema: &PreviousSchema) -> (&str, &str, &str) {
    (&schema.component, &schema.state, &schema.schema)
}

/// Replaces the file atomically, because another test may read it at the same time.
fn write(path: &Path, lock: &Lock) -> Result<(), String> {
    let temporary = path.with_extension("lock.tmp");
    let written = fs::File::create(&temporary)
        .and_then(|mut file| file.write_all(lock.to_text().as_bytes()))
        .and_then(|()| fs::rename(&temporary, path));
    written.map_err(|error| format!("{} cannot be written: {error}", path.display()))
}
