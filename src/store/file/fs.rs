//! The few calls to the file system that the store makes, each one system call.
//!
//! [`Fs`] is the list of them, so that a test may put a file system in their place that loses power at any moment.
//! [`Directory`] makes them, relative to an open directory, never by path: a directory that is removed and made again
//! under a running program must lead to errors and not to writes in the wrong place.
//! Nothing here tries again, and nothing here decides what an error means; `records` does.

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

    /// Hands every name in the directory to `each`, but for `.` and `..`.
    fn list(&self, each: &mut dyn FnMut(&OsStr)) -> Result<()>;
    /// What this name stands for; a link is not followed.
    fn stat(&self, name: &str) -> Result<Stat>;
    /// Opens for reading. Fails for a link, and does not wait for a pipe.
    fn open(&self, name: &str) -> Result<Self::File>;
    /// What an open file is.
    fn stat_file(&self, file: &Self::File) -> Result<Stat>;
    /// Reads on; 0 at the end.
    fn read(&self, file: &mut Self::File, buffer: &mut [u8]) -> Result<usize>;
    /// Creates a file that nobody else may read, for writing. Fails if there is anything of this name.
    fn create(&self, name: &str) -> Result<Self::File>;
    /// Writes on, perhaps not all.
    fn write(&self, file: &mut Self::File, bytes: &[u8]) -> Result<usize>;
    /// Makes the content of a file durable. Once it has failed it means nothing any more for this file.
    fn sync_file(&self, file: &Self::File) -> Result<()>;
    /// Renames, unless there is anything of the new name: then [`Errno::EXIST`].
    fn rename_new(&self, from: &str, to: &str) -> Result<()>;
    /// Renames, in place of what is there.
    fn rename(&self, from: &str, to: &str) -> Result<()>;
    /// Removes a name.
    fn unlink(&self, name: &str) -> Result<()>;
    /// Makes the names in the directory durable.
    fn sync_dir(&self) -> Result<()>;
}

/// What the store looks at before it believes a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stat {
    pub(super) kind: FileType,
    /// How many names it has.
    pub(super) links: u64,
    /// Who may do what with it, for example `0o600`.
    pub(super) mode: u32,
    /// Whether it belongs to this user, or to whom the directory belongs to.
    pub(super) ours: bool,
    pub(super) identity: Identity,
}

/// What changes when a file is edited, or when another takes its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) inode: u64,
    pub(super) bytes: u64,
    /// When its content last changed, in nanoseconds.
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
    /// This user, and whom the directory belongs to.
    owners: [u32; 2],
}

impl Directory {
    /// Opens it. Fails for a link: the name must be that of the directory itself.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(CWD, path, flags, Mode::empty())?;
        let stat = rustix::fs::fstat(&fd)?;
        let owners = [rustix::process::geteuid().as_raw(), stat.st_uid];
        let mode = Stat::new(&stat, owners).mode;
        Ok(Self { fd, mode, owners })
    }

    /// Makes the names in a directory durable that is not the store's own. It may be reached by a link.
    pub(super) fn sync_other(path: &Path) -> Result<()> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        rustix::fs::fsync(rustix::fs::openat(CWD, path, flags, Mode::empty())?)
    }

    /// Who may do what with it, for example `0o700`.
    pub(super) fn mode(&self) -> u32 {
        self.mode
    }

    /// Keeps every other process out until this is dropped or the process ends. On the directory itself, because a
    /// lock file could be removed by somebody who takes it for a leftover.
    pub(super) fn lock(&self) -> Result<()> {
        rustix::fs::flock(&self.fd, rustix::fs::FlockOperation::NonBlockingLockExclusive)
    }

    /// The number by which Linux knows the kind of file system.
    #[cfg(target_os = "linux")]
    #[allow(clippy::unnecessary_cast, reason = "the type of this field differs from machine to machine")]
    pub(super) fn file_system(&self) -> Result<u32> {
        // All known numbers have 32 bits; some machines hand them out with a sign.
        rustix::fs::fstatfs(&self.fd).map(|stat| stat.f_type as u32)
    }

    /// Gives a file a second name, which must be free, and takes the first one away: what is left where the system
    /// has no rename that never replaces. A crash in between leaves both, and the next start removes the first.
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
            // This kernel, or this file system, does not know the flag.
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
