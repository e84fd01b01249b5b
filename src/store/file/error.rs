//! Failed system calls.

use std::io;

use rustix::io::Errno;

/// A failed system call, and the operation that it belongs to.
#[derive(Debug, thiserror::Error)]
#[error("{doing}: {source}")]
pub struct FileError {
    doing: &'static str,
    source: io::Error,
}

impl FileError {
    pub(super) fn new(doing: &'static str, errno: Errno) -> Self {
        Self { doing, source: errno.into() }
    }

    pub(super) fn is(&self, errno: Errno) -> bool {
        self.source.raw_os_error() == Some(errno.raw_os_error())
    }
}
