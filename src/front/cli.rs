//! The command `stube`, the operations tool: lists, inspects, checks, migrates and edits the conversations in a store.
//!
//! The command by itself has no flows, and some verbs need them. An application links its own in three lines:
//!
//! ```no_run
//! // src/bin/operate.rs, in the crate that has the flows
//! use my_flows as _;
//! # mod my_flows {}
//!
//! fn main() -> std::process::ExitCode {
//!     stube::cli::main()
//! }
//! ```
//!
//! A store that cannot be opened by name, for instance an encrypted one, is passed with [`Command::store`].

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the command reads its arguments and files, and writes to the terminal"
)]

mod args;
mod check;
mod graph;
mod inspect;
mod modify;
mod open;
mod outcome;
mod output;

use std::ffi::OsString;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{CommandFactory, Parser};

use crate::model::error::BoxError;
use crate::store::Store;

use args::{Args, Verb};
use outcome::{Done, Stopped, refused};
use output::Output;

type Opening = Pin<Box<dyn Future<Output = Result<Arc<dyn Store>, BoxError>>>>;

/// Runs the command with the flows and components that are linked into this program, on the store that the arguments
/// name.
pub fn main() -> ExitCode {
    Command::new().main()
}

/// The command, to be set up by an application.
#[derive(Default)]
pub struct Command {
    store: Option<Opening>,
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Command").field("has_store", &self.store.is_some()).finish()
    }
}

impl Command {
    /// The command on the store that its arguments name.
    pub fn new() -> Self {
        Self::default()
    }

    /// Uses this store, unless the arguments name another one.
    #[must_use]
    pub fn store<S: Store>(mut self, open: impl Future<Output = Result<S, BoxError>> + 'static) -> Self {
        self.store = Some(Box::pin(async { open.await.map(|store| Arc::new(store) as Arc<dyn Store>) }));
        self
    }

    /// Parses the arguments of the process and runs the verb. Exit status: 0 success; 1 the request or the data is
    /// wrong; 2 the arguments cannot be parsed; 3 the store failed.
    pub fn main(self) -> ExitCode {
        self.main_from(std::env::args_os())
    }

    /// The same with these arguments; the first is the name of the program.
    pub fn main_from(self, args: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> ExitCode {
        let args = match Args::try_parse_from(args) {
            Ok(args) => args,
            Err(error) => {
                // A requested help text is printed, and the exit status is 0.
                let _ = error.print();
                return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
            }
        };
        let output = Output::new(args.json, args.table);
        let executor = match tokio::runtime::Builder::new_multi_thread().enable_all().worker_threads(2).build() {
            Ok(executor) => executor,
            Err(error) => {
                eprintln!("stube: {error}");
                return ExitCode::from(3);
            }
        };
        match executor.block_on(self.run(args, output)) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::from(1),
            Err(stopped) => {
                eprintln!("stube: {stopped}");
                ExitCode::from(if matches!(stopped, Stopped::Refused(_)) { 1 } else { 3 })
            }
        }
    }

    async fn run(self, args: Args, mut output: Output) -> Done {
        let verb = match args.verb {
            Verb::Completions { shell } => {
                let mut command = Args::command();
                clap_complete::generate(shell, &mut command, "stube", &mut std::io::stdout());
                return Ok(true);
            }
            Verb::Man => {
                clap_mangen::Man::new(Args::command()).render(&mut std::io::stdout())?;
                return Ok(true);
            }
            Verb::Graph { flow, form } => return graph::graph(&flow, form),
            verb => verb,
        };
        let opening = match (args.store, self.store) {
            (Some(name), _) => Box::pin(async move { open::open(&name).await }) as Opening,
            (None, Some(opening)) => opening,
            (None, None) => {
                return refused("no store is given: write `--store PLACE` or set STUBE_STORE; see `stube --help`");
            }
        };
        let store = opening.await.map_err(|error| Stopped::Store(error.to_string()))?;
        match verb {
            Verb::Ls { which, count, limit } => inspect::ls(&store, &which.query()?, count, limit, &mut output).await,
            Verb::Show { id } => inspect::show(&store, id, &mut output).await,
            Verb::Doctor => inspect::doctor(&store, &mut output).await,
            Verb::Check { lock } => check::check(&store, lock.as_deref(), &mut output).await,
            Verb::Migrate { apply, dry_run: _ } => check::migrate(store, apply, &mut output).await,
            Verb::Edit { id } => modify::edit(&store, id).await,
            Verb::Fork { id } => modify::fork(&store, id).await,
            Verb::Export { which, out } => modify::export(&store, &which.query()?, out.as_deref()).await,
            Verb::Import { from } => modify::import(&store, &from).await,
            Verb::End { id } => modify::end(store, id).await,
            Verb::Rm { ids, yes } => modify::rm(&store, &ids, yes).await,
            Verb::Completions { .. } | Verb::Man | Verb::Graph { .. } => unreachable!("BUG: done above"),
        }
    }
}
