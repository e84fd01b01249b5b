//! The format of a record, and its limits.

/// The format that this version writes. It reads this one and all before it.
pub const FORMAT: u32 = 1;

/// The largest record, in bytes. A larger one is neither saved nor read.
pub const MAX_BYTES: usize = 1 << 20;

/// The deepest nesting of lists and maps in a record that is saved. Reading stops at 127, so there is room for a
/// store that wraps records in something of its own.
pub const MAX_DEPTH: usize = 64;
