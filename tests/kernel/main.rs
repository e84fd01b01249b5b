//! The kernel, and the records and values that it steps from and to: nothing here opens a store.

mod json;
mod records;
mod transitions;
