//! How a run of the probe ends: with an error, always.

use std::fmt;

use serde::de;

/// Why a run ended. A run that recorded a request ends with an error too, because the request is not answered.
#[derive(Debug)]
pub(super) enum ProbeError {
    /// The end of the path was reached, or the type refused a value.
    Stopped,
    /// This field is missing.
    MissingField(&'static str),
    /// This field was supplied twice.
    DuplicateField(&'static str),
}

impl fmt::Display for ProbeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the schema probe stopped")
    }
}

impl std::error::Error for ProbeError {}

impl de::Error for ProbeError {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::Stopped
    }

    fn missing_field(field: &'static str) -> Self {
        Self::MissingField(field)
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::DuplicateField(field)
    }
}
