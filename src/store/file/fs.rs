//! The file system calls of the store, each one system call.
//!
//! [`Fs`] lists them, so that tests can substitute a simulated file system that loses power at any moment. [`Directory`]
//! implements them relative to an open directory, never by path: if the directory is removed and created again while the
//! program runs, the calls must fail and not write into the new one. Nothing here retries or interprets an error; `records`
//! does.

use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags};
use rustix::io::{Errno, Result};

/// One directory of a file system.
pub(super) trait Fs: Send + Sync + 'static {
    /// An open file. Dropping it closes it.
    type File;

    /// Calls `each` with every name in the directory except `.` and `..`.
    fn list(&self, each: &mut dyn FnMut(&OsStr)) -> Result<()>;
    /// The metadata of this name. A symbolic link is not followed.
    fn stat(&self, name: &str) -> Result<Stat>;
    /// Opens a file for reading. Fails for a symbolic link, and does not block on a pipe.
    fn open(&self, name: &str) -> Result<Self::File>;
    /// The metadata of an open file.
    fn stat_file(&self, file: &Self::File) -> Result<Stat>;
    /// Reads the next bytes and returns their number; 0 at the end.
    fn read(&self, file: &mut Self::File, buffer: &mut [u8]) -> Result<usize>;
    /// Creates a file for writing, accessible only to this user. Fails if the name exists.
    fn create(&self, name: &str) -> Result<Self::File>;
    /// Writes the next bytes and returns how many were written, which may be fewer.
    fn write(&self, file: &mut Self::File, bytes: &[u8]) -> Result<usize>;
    /// Makes the content of a file durable. After a failure, a later success for the same file proves nothing.
    fn sync_file(&self, file: &Self::File) -> Result<()>;
    /// Renames. Fails with [`Errno::EXIST`] if the new name exists.
    fn rename_new(&self, from: &str, to: &str) -> Result<()>;
    /// Renames, and replaces the file of the new name.
    fn rename(&self, from: &str, to: &str) -> Result<()>;
    /// Removes a name.
    fn unlink(&self, name: &str) -> Result<()>;
    /// Makes the names in the directory durable.
    fn sync_dir(&self) -> Result<()>;
}

/// The metadata that the store checks before it reads a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stat {
    pub(super) kind: FileType,
    /// The number of hard links.
    pub(super) links: u64,
    /// The permission bits, for example `0o600`.
    pub(super) mode: u32,
    /// Whether its owner is this user or the owner of the directory.
    pub(super) ours: bool,
    pub(super) identity: Identity,
}

/// Identifies a version of a file: it changes when the file is edited, or when another file takes its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) inode: u64,
    pub(super) bytes: u64,
    /// The time of the last change of its content, in nanoseconds since the Unix epoch.
    pub(super) written: i64,
}

impl Stat {
    #[allow(clippy::unnecessary_cast, reason = "the types of these fields differ from system to system")]
    fn new(stat: &rustix::fs::Stat, owners: [u32; 2]) -> Self {
        let seconds = stat.st_mtime as i64;
        Self {
            kind: FileType::from_raw_mode(stat.st_mode),
            links: stat.st_nlink as u64,
            mode: stat.st_mode as u32 & 0o7777,
            ours: owners.contains(&stat.st_uid),
            identity: Identity {
                inode: stat.st_ino as u64,
                bytes: stat.st_size as u64,
                written: seconds.wrapping_mul(1_000_000_000).wrapping_add(stat.st_mtime_nsec as i64),
            },
        }
    }
}

/// A real directory.
pub(super) struct Directory {
    fd: OwnedFd,
    mode: u32,
    /// This user and the owner of the directory.
    owners: [u32; 2],
}

impl Directory {
    /// Opens the directory. Fails for a symbolic link.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(CWD, path, flags, Mode::empty())?;
        let stat = rustix::fs::fstat(&fd)?;
        let owners = [rustix::process::geteuid().as_raw(), stat.st_uid];
        let mode = Stat::new(&stat, owners).mode;
        Ok(Self { fd, mode, owners })
    }

    /// Makes the names in another directory durable. Follows symbolic links.
    pub(super) fn sync_other(path: &Path) -> Result<()> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        rustix::fs::fsync(rustix::fs::openat(CWD, path, flags, Mode::empty())?)
    }

    /// The permission bits, for example `0o700`.
    pub(super) fn mode(&self) -> u32 {
        self.mode
    }

    /// Locks the directory against other processes until this is dropped or the process ends. The lock is on the directory
    /// itself, because a lock file could be removed by mistake.
    pub(super) fn lock(&self) -> Result<()> {
        rustix::fs::flock(&self.fd, rustix::fs::FlockOperation::NonBlockingLockExclusive)
    }

    /// The magic number of the file system type in Linux.
    #[cfg(target_os = "linux")]
    #[allow(clippy::unnecessary_cast, reason = "the type of this field differs from machine to machine")]
    pub(super) fn file_system(&self) -> Result<u32> {
        // The magic numbers have 32 bits; on some machines the field is signed.
        rustix::fs::fstatfs(&self.fd).map(|stat| stat.f_type as u32)
    }

    /// Creates a hard link with the new name and removes the old one, for systems without a rename that never replaces. A
    /// crash in between leaves both names; the next start removes the old one.
    fn link_and_unlink(&self, from: &str, to: &str) -> Result<()> {
        rustix::fs::linkat(&self.fd, from, &self.fd, to, AtFlags::empty())?;
        self.unlink(from)
    }
}

impl Fs for Directory {
    type File = OwnedFd;

    fn list(&self, each: &mut dyn FnMut(&OsStr)) -> Result<()> {
        for entry in Dir::read_from(&self.fd)? {
            let entry = entry?;
            match entry.file_name().to_bytes() {
                b"." | b".." => {}
                name => each(OsStr::from_bytes(name)),
            }
        }
        Ok(())
    }

    fn stat(&self, name: &str) -> Result<Stat> {
        rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW).map(|stat| Stat::new(&stat, self.owners))
    }

    fn open(&self, name: &str) -> Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        rustix::fs::openat(&self.fd, name, flags, Mode::empty())
    }

    fn stat_file(&self, file: &OwnedFd) -> Result<Stat> {
        rustix::fs::fstat(file).map(|stat| Stat::new(&stat, self.owners))
    }

    fn read(&self, file: &mut OwnedFd, buffer: &mut [u8]) -> Result<usize> {
        rustix::io::read(file, buffer)
    }

    fn create(&self, name: &str) -> Result<OwnedFd> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        rustix::fs::openat(&self.fd, name, flags, Mode::RUSR | Mode::WUSR)
    }

    fn write(&self, file: &mut OwnedFd, bytes: &[u8]) -> Result<usize> {
        rustix::io::write(file, bytes)
    }

    fn sync_file(&self, file: &OwnedFd) -> Result<()> {
        rustix::fs::fsync(file)
    }

    #[cfg(any(target_os = "linux", target_os = "macos"))]
    fn rename_new(&self, from: &str, to: &str) -> Result<()> {
        match rustix::fs::renameat_with(&self.fd, from, &self.fd, to, rustix::fs::RenameFlags::NOREPLACE) {
            // The kernel or the file system does not support the flag.
            Err(Errno::NOSYS | Errno::INVAL | Errno::NOTSUP) => self.link_and_unlink(from, to),
            done => done,
        }
    }

    #[cfg(not(any(target_os = "linux", target_os = "macos")))]
    fn rename_new(&self, from: &str, to: &str) -> Result<()> {
        self.link_and_unlink(from, to)
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        rustix::fs::renameat(&self.fd, from, &self.fd, to)
    }

    fn unlink(&self, name: &str) -> Result<()> {
        rustix::fs::unlinkat(&self.fd, name, AtFlags::empty())
    }

    fn sync_dir(&self) -> Result<()> {
        rustix::fs::fsync(&self.fd)
    }
}
