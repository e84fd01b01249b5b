//! The command `stube` with the flows of an application: of the example `booking`.
//!
//!     cargo run --example booking -- DIR                                   and leave it at a question
//!     cargo run --example operate -- --store DIR ls
//!     cargo run --example operate -- --store DIR check
//!     cargo run --example operate -- graph booking --as svg > booking.svg
//!
//! An application has this in a binary of its own: it names the crate with the flows, and calls `stube::cli::main`.

#[allow(dead_code, reason = "its flows are all that is used of it")]
#[path = "booking.rs"]
mod booking;

fn main() -> std::process::ExitCode {
    stube::cli::main()
}
