//! The entry to the serializer. What it does for each type of serde's data model is in `write`.

use serde::{Serialize, Serializer};

use crate::json::write::fingerprint::TypeFingerprint;

/// Writes a value, and adds its types to `fingerprint`.
pub(crate) fn write<T, S>(value: &T, serializer: S, fingerprint: &TypeFingerprint) -> Result<S::Ok, S::Error>
where
    T: ?Sized + Serialize,
    S: Serializer,
{
    value.serialize(Writer { inner: serializer, fingerprint, some_depth: 0 })
}

/// A serializer that writes marked objects and keys where `inner` has no form for a value.
pub(super) struct Writer<'s, S> {
    pub(super) inner: S,
    pub(super) fingerprint: &'s TypeFingerprint,
    /// The number of `Some` around the value; newtype structs between them do not count.
    pub(super) some_depth: usize,
}
