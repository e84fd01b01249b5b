//! One release after another: what a conversation of an earlier one becomes, and what the lock file and the manifest say
//! of the flows of this one.

mod lock;
mod manifest;
mod versions;
