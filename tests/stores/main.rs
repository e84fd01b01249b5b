//! The stores: each keeps the contract, and each has promises of its own about its files, its processes and its keys.
//!
//! Postgres has a test program of its own, `postgres`, because it needs a server.

#[path = "../common/mod.rs"]
mod common;
mod contract;
mod encrypted;
#[cfg(unix)]
mod file;
#[path = "../common/processes.rs"]
mod processes;
mod sqlite;
