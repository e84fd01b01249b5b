//! From a path to a directory that is ours: made if it is missing, safe to use, and locked.
//!
//! Nothing here looks at what is in the directory; `records` does.

use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode};
use rustix::io::Errno;

use crate::store::file::FileError;
use crate::store::file::fs::Directory;
#[cfg(target_os = "linux")]
use crate::store::file_system;

/// Why a directory cannot be used. Nothing in it was changed, but for leftovers of a crash.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// It is in use.
    #[error(
        "another process has it open (or this one has, a second time): `{}`; stop that one, or use another directory",
        .0.display()
    )]
    Locked(PathBuf),
    /// There is something else of this name.
    #[error("`{}` is a symbolic link or no directory; name the directory itself", .0.display())]
    NotADirectory(PathBuf),
    /// Others could exchange the files in it.
    #[error("others may write to `{}`: its mode is {mode:o}; take that right away, for example by `chmod 700`", .dir.display())]
    WritableByOthers {
        /// The directory.
        dir: PathBuf,
        /// Who may do what with it, for example `0o777`.
        mode: u32,
    },
    /// On such file systems a lock does not always lock, and a save is not always durable.
    #[error(
        "`{}` is on {kind}, where neither locks nor saves can be relied on; use a local directory, or take the risk by `FileStore::options().allow_network(true)`",
        .dir.display()
    )]
    Network {
        /// The directory.
        dir: PathBuf,
        /// The kind of file system.
        kind: &'static str,
    },
    /// The system said no.
    #[error("`{}` cannot be opened: {source}", .dir.display())]
    System {
        /// The directory.
        dir: PathBuf,
        /// What was tried, and what the system said.
        source: FileError,
    },
}

/// Opens and locks the directory.
pub(super) fn open(dir: &Path, network: bool) -> Result<Directory, OpenError> {
    let system =
        |doing| move |errno: Errno| OpenError::System { dir: dir.to_owned(), source: FileError::new(doing, errno) };
    make(dir).map_err(system("making it durably"))?;
    let directory = Directory::open(dir).map_err(|errno| match errno {
        Errno::LOOP | Errno::NOTDIR | Errno::MLINK => OpenError::NotADirectory(dir.to_owned()),
        errno => system("opening it")(errno),
    })?;
    let mode = directory.mode();
    if mode & 0o022 != 0 {
        return Err(OpenError::WritableByOthers { dir: dir.to_owned(), mode });
    }
    if !network && let Some(kind) = shared_file_system(&directory).map_err(system("asking for its file system"))? {
        return Err(OpenError::Network { dir: dir.to_owned(), kind });
    }
    directory.lock().map_err(|errno| match errno {
        Errno::WOULDBLOCK => OpenError::Locked(dir.to_owned()),
        errno => system("locking it")(errno),
    })?;
    Ok(directory)
}

/// Makes the directory and those above it, each durably before the next.
///
/// The name of a directory that is there already is made durable too: the process that made it may have been killed
/// before it could do so, and a record would be lost with its directory.
fn make(dir: &Path) -> rustix::io::Result<()> {
    let parent = match dir.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        // The root, or an empty path: there is nothing to make.
        None => return Ok(()),
    };
    match rustix::fs::mkdirat(CWD, dir, Mode::RWXU) {
        Ok(()) => Directory::sync_other(parent),
        Err(Errno::NOENT) => {
            make(parent)?;
            rustix::fs::mkdirat(CWD, dir, Mode::RWXU)?;
            Directory::sync_other(parent)
        }
        Err(Errno::EXIST) => match Directory::sync_other(parent) {
            // Whoever may not even read the directory above did not make this one.
            Err(Errno::ACCESS | Errno::PERM | Errno::ROFS | Errno::INVAL) => Ok(()),
            done => done,
        },
        Err(errno) => Err(errno),
    }
}

/// What this directory's file system is called, if other machines or programs may be behind it.
#[cfg(target_os = "linux")]
fn shared_file_system(directory: &Directory) -> rustix::io::Result<Option<&'static str>> {
    directory.file_system().map(file_system::shared)
}

#[cfg(not(target_os = "linux"))]
fn shared_file_system(_: &Directory) -> rustix::io::Result<Option<&'static str>> {
    Ok(None)
}
