//! Why a record cannot be read, and why a conversation cannot be saved.

use crate::evolution::compat::Incompatible;
use crate::model::id::ConversationId;
use crate::record::limits::{FORMAT, MAX_BYTES, MAX_DEPTH};

/// Why a conversation cannot be saved. It is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// A value has no JSON form, for instance a field called `$stube:some`.
    #[error("a value of `{component}` has no JSON form: {class}")]
    NoJson {
        /// The component, where it is known.
        component: String,
        /// What serde_json calls it, without the value.
        class: String,
    },
    /// What was written does not read back, or not as the same value; for instance `Text("a")` of an untagged enum that
    /// has `Letter('a')` too.
    #[error("what was written does not read back: {0}")]
    NoRoundTrip(String),
    /// The record would be larger than [`MAX_BYTES`].
    #[error("the record would have {0} bytes, and the limit is {MAX_BYTES}")]
    TooLarge(usize),
    /// The record would be nested deeper than [`MAX_DEPTH`].
    #[error("the record would be nested {0} deep, and the limit is {MAX_DEPTH}")]
    TooDeep(usize),
}

/// Something in a store that is not a record this program can use. It is left as it is, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{entry}: {reason}")]
pub struct Unreadable {
    /// The conversation, where that much is known.
    pub id: Option<ConversationId>,
    /// What the store calls the entry: a file name, or the id.
    pub entry: String,
    /// Why.
    pub reason: Reason,
}

/// Why an entry of a store cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The bytes are not those that were written.
    #[error("it is damaged: {0}")]
    Corrupt(String),
    /// It is not something that a record can be, for instance a symbolic link.
    #[error("it is not a record: {0}")]
    NotARecord(String),
    /// It is larger than [`MAX_BYTES`].
    #[error("it has {0} bytes, and the limit is {MAX_BYTES}")]
    TooLarge(u64),
    /// A later version of this crate wrote it.
    #[error("it has format {0}, and this program reads formats up to {FORMAT}")]
    NewerFormat(u32),
    /// A component is not linked into this program.
    #[error(
        "the component `{name}` is not in this program; it comes from the crate `{krate}`, which must be linked: name it once, for instance `use {krate} as _;`"
    )]
    UnknownType {
        /// Its name on disk.
        name: String,
        /// The crate that defined it when it was saved.
        krate: String,
    },
    /// A saved state cannot be read by the code.
    #[error("the saved state of `{name}` does not fit its code: {class}")]
    ChangedSchema {
        /// The component.
        name: String,
        /// What does not fit, without the value.
        class: String,
    },
    /// It waits in a state of an earlier version of the program, and what becomes of it is not said.
    #[error("the flow or component `{name}`: {incompatible}")]
    Incompatible {
        /// The flow or component.
        name: String,
        /// What does not fit.
        incompatible: Box<Incompatible>,
    },
    /// The conversation went on in memory, and this is an older state of it.
    #[error("it went on in memory with `{0}`, which cannot be saved, and this is an older state of it")]
    SupersededInMemory(String),
    /// Its body is sealed, and cannot be opened; or it is not, and should be.
    #[error("{0}")]
    Encrypted(String),
}
