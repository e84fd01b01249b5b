//! The file, as a test sees it.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "the lock file is read and written here")]

use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::path::Path;

use super::{Code, Lock, Report, SavedState};

/// What is to be done with the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It is compared with the code, and left as it is.
    Check,
    /// It is written as the code is now, unless that would strand somebody.
    Update,
    /// It is written as the code is now, whatever was there: none of that was ever released.
    Overwrite,
}

/// The test behind [`flows_lock!`](crate::flows_lock): compares the file with what is linked into the program.
///
/// With `STUBE_LOCK=update` in the environment it writes the file, unless that would strand somebody; with
/// `STUBE_LOCK=overwrite` it writes it anew.
///
/// # Panics
///
/// The file is missing, cannot be read or written, is not that of the code, or a state of it is not answered for. The
/// message says what to do.
#[track_caller]
pub fn check_file(path: &str) {
    let mode = match std::env::var("STUBE_LOCK").as_deref() {
        Err(_) | Ok("") => Mode::Check,
        Ok("update") => Mode::Update,
        Ok("overwrite") => Mode::Overwrite,
        Ok(other) => panic!("STUBE_LOCK is `{other}`; it may be `update` or `overwrite`"),
    };
    match compare(Path::new(path), mode) {
        Err(problem) => panic!("\n\n{problem}\n"),
        Ok(report) if mode != Mode::Check => {
            // Past the test harness, which keeps what a passing test says to itself.
            let _ = write!(io::stderr(), "\n{report}wrote {path}\n");
        }
        Ok(_) => {}
    }
}

/// Compares a file with what is linked into the program, and writes it if it is to.
///
/// # Errors
///
/// The file cannot be read or written, is missing or out of date, or a state of it is not answered for; in words that
/// say what to do. Then it is as it was.
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
            "{report}\nSomebody may wait there. Nothing was written. When each of these is answered, run\n\n    \
             STUBE_LOCK=update cargo test flows_lock\n\n(If none of it was ever released: STUBE_LOCK=overwrite.)"
        ));
    }
    let new = with_earlier(current, &old);
    match mode {
        Mode::Check if new.to_text() == text => Ok(report),
        Mode::Check => Err(format!(
            "{report}\nNobody is stranded, but {shown} is not that of the code. Run\n\n    \
             STUBE_LOCK=update cargo test flows_lock\n\nand commit it with the code."
        )),
        Mode::Update | Mode::Overwrite => {
            write(path, &new)?;
            Ok(report)
        }
    }
}

/// What the code has not, and the versions before had, is kept.
fn with_earlier(mut current: Lock, old: &Lock) -> Lock {
    let component_schema: Vec<_> = current.all();
    let is_kept = |earlier: &SavedState| {
        !component_schema
            .iter()
            .any(|now| now.of == earlier.of && now.state == earlier.state && now.shape == earlier.shape)
    };
    let mut kept: Vec<_> = old.all().into_iter().filter(is_kept).collect();
    kept.sort_by(|one, other| (&one.of, &one.state, &one.shape).cmp(&(&other.of, &other.state, &other.shape)));
    kept.dedup_by(|one, other| one.of == other.of && one.state == other.state && one.shape == other.shape);
    current.earlier = kept;
    current
}

/// In one step, so that no other test sees half of it.
fn write(path: &Path, lock: &Lock) -> Result<(), String> {
    let temporary = path.with_extension("lock.tmp");
    let written = fs::File::create(&temporary)
        .and_then(|mut file| file.write_all(lock.to_text().as_bytes()))
        .and_then(|()| fs::rename(&temporary, path));
    written.map_err(|error| format!("{} cannot be written: {error}", path.display()))
}
