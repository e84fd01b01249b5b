//! The names of the files in the directory: of records, and of the temporary files of saves.

use std::ffi::OsStr;

use data_encoding::BASE32_DNSSEC;
use rustix::io::Errno;

use crate::model::id::ConversationId;
use crate::store::file::error::FileError;

/// A name in the directory.
pub(super) enum Name {
    Record(ConversationId),
    /// The new file of a save that is in progress or was interrupted.
    Temporary(String),
    Foreign,
}

impl Name {
    pub(super) fn of(name: &OsStr) -> Self {
        let Some(name) = name.to_str() else { return Self::Foreign };
        if let Some(Ok(id)) = name.strip_suffix(RECORD_END).map(str::parse) {
            return Self::Record(id);
        }
        let digits = name.strip_prefix(TEMPORARY_START).and_then(|name| name.strip_suffix(TEMPORARY_END));
        let ours = |digits: &str| digits.len() == 26 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'v'));
        if digits.is_some_and(ours) { Self::Temporary(name.to_owned()) } else { Self::Foreign }
    }
}

const RECORD_END: &str = ".json";
const TEMPORARY_START: &str = ".stube-";
const TEMPORARY_END: &str = ".tmp";

pub(super) fn file_name(id: ConversationId) -> String {
    format!("{id}{RECORD_END}")
}

/// Random, so that a leftover file never has the same name.
pub(super) fn temporary_name() -> Result<String, FileError> {
    let mut bits = [0; 16];
    getrandom::fill(&mut bits).map_err(|error| {
        let errno = error.raw_os_error().map_or(Errno::IO, Errno::from_raw_os_error);
        FileError::new("drawing a random name", errno)
    })?;
    Ok(format!("{TEMPORARY_START}{}{TEMPORARY_END}", BASE32_DNSSEC.encode(&bits)))
}

/// Escapes a foreign name for the log: it may contain line breaks and control sequences.
pub(super) fn printable(name: &OsStr) -> String {
    name.to_string_lossy().escape_debug().to_string()
}
