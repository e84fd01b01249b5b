//! Creates, checks and locks the directory of a file store.
//!
//! Takes a path. Gives an open, locked [`Directory`] that only this user can write to. Nothing here reads the files in it;
//! `records` does.

use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode};
use rustix::io::Errno;

use crate::store::file::error::FileError;
use crate::store::file::fs::Directory;
#[cfg(target_os = "linux")]
use crate::store::file_system;

/// Why a directory cannot be opened. No record in it was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another store, in this process or another one, has the directory open.
    #[error(
        "another process has it open (or this one has, a second time): `{}`; stop that one, or use another directory",
        .0.display()
    )]
    Locked(PathBuf),
    /// The path is a symbolic link, or not a directory.
    #[error("`{}` is a symbolic link or not a directory; give the path of the directory itself", .0.display())]
    NotADirectory(PathBuf),
    /// Other users can replace files in the directory.
    #[error("other users may write to `{}`: its mode is {mode:o}; remove that permission, for example with `chmod 700`", .dir.display())]
    WritableByOthers {
        /// The directory.
        dir: PathBuf,
        /// The permission bits, for example `0o777`.
        mode: u32,
    },
    /// The directory is on a network file system, where locks may not exclude and saves may not be durable.
    #[error(
        "`{}` is on {kind}, where locks and saves are not reliable; use a local directory, or accept the risk with `FileStore::options().allow_network(true)`",
        .dir.display()
    )]
    Network {
        /// The directory.
        dir: PathBuf,
        /// The kind of file system.
        kind: &'static str,
    },
    /// A system call failed.
    #[error("`{}` cannot be opened: {source}", .dir.display())]
    System {
        /// The directory.
        dir: PathBuf,
        /// The failed system call.
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

/// Creates the directory and its missing parents, and makes the name of each durable before it creates the next.
///
/// The name of an existing directory is made durable too: the process that created it may have been killed before it could
/// do so, and a power cut would then remove the directory with its records.
fn make(dir: &Path) -> rustix::io::Result<()> {
    let parent = match dir.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        // The root or an empty path.
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
            // A user who may not read the parent cannot have created the directory.
            Err(Errno::ACCESS | Errno::PERM | Errno::ROFS | Errno::INVAL) => Ok(()),
            done => done,
        },
        Err(errno) => Err(errno),
    }
}

/// The name of the directory's file system, if it is a network or shared one.
#[cfg(target_os = "linux")]
fn shared_file_system(directory: &Directory) -> rustix::io::Result<Option<&'static str>> {
    directory.file_system().map(file_system::shared)
}

#[cfg(not(target_os = "linux"))]
fn shared_file_system(_: &Directory) -> rustix::io::Result<Option<&'static str>> {
    Ok(None)
}
