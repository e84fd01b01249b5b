//! The outcome of a verb: done, or stopped with an exit status.

use std::fmt;

use crate::component::registry;
use crate::operate::OperateError;
use crate::runtime::error::Error;

/// Why a verb failed.
#[derive(Debug)]
pub(super) enum Stopped {
    /// The request or the data is wrong: exit status 1.
    Refused(String),
    /// The store failed: exit status 3.
    Store(String),
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(what) | Self::Store(what) => f.write_str(what),
        }
    }
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        if error.is_retryable() { Self::Store(error.to_string()) } else { Self::Refused(error.to_string()) }
    }
}

impl From<OperateError> for Stopped {
    fn from(error: OperateError) -> Self {
        if error.is_retryable() { Self::Store(error.to_string()) } else { Self::Refused(error.to_string()) }
    }
}

impl From<std::io::Error> for Stopped {
    fn from(error: std::io::Error) -> Self {
        Self::Refused(error.to_string())
    }
}

pub(super) fn refused<T>(what: impl Into<String>) -> Result<T, Stopped> {
    Err(Stopped::Refused(what.into()))
}

pub(super) fn failed(error: impl fmt::Display) -> Stopped {
    Stopped::Store(format!("the store failed: {error}"))
}

/// The outcome of a verb: whether everything it looked at is in order.
pub(super) type Done = Result<bool, Stopped>;

/// Whether flows or components of an application are linked into this program.
pub(super) fn has_flows() -> bool {
    registry::all().any(|descriptor| !descriptor.defined.starts_with(concat!(env!("CARGO_PKG_NAME"), "::")))
}

pub(super) fn needs_flows(verb: &str) -> Stopped {
    Stopped::Refused(format!(
        "`{verb}` needs the flows of your application, and this program has none: call `stube::cli::main()` from a binary \
         of your application, see `stube --help`"
    ))
}
