//! The marked forms: the words that encode what JSON has no form for.

/// The prefix of every marker.
pub(super) const MARKER: &str = "$stube:";
/// The only key of an object that encodes `Some(x)` where `x` is written as `null` or as another such object.
pub(super) const SOME: &str = "$stube:some";
/// The only key of an object that encodes a float that is NaN or infinite.
pub(super) const FLOAT: &str = "$stube:float";
/// The prefix of a map key whose remainder is the JSON of the key.
pub(super) const KEY: &str = "$stube:key ";

/// The floats that JSON numbers cannot express.
pub(super) const FLOATS: [(&str, f64); 3] = [("NaN", f64::NAN), ("inf", f64::INFINITY), ("-inf", f64::NEG_INFINITY)];

/// The name of serde_json's `RawValue`, a struct whose only field is JSON text that is copied unchanged.
pub(super) const RAW_VALUE: &str = "$serde_json::private::RawValue";

/// The error for a name or raw JSON that contains the marker. It repeats no value, so it may be logged.
pub(super) const RESERVED: &str =
    "a field name, a variant name or raw JSON contains `$stube:`, which is reserved for encoded values";
