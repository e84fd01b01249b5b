//! The command line arguments.

use std::path::PathBuf;
use std::time::SystemTime;

use clap::{Parser, Subcommand, ValueEnum};

use crate::front::cli::outcome::{Stopped, refused};
use crate::model::id::{ConversationId, Owner};
use crate::model::timestamp::Timestamp;
use crate::store::Query;

/// Inspects and changes the conversations in a store.
///
/// A store is a directory, `sqlite:FILE` (or a file that ends in .db, .sqlite or .sqlite3), or `postgres://..`.
/// A directory can be open in one program at a time, so stop the application first; a SQLite file and a database can be
/// open in several.
///
/// Writes tables on a terminal, and one JSON object a line otherwise or with `--json`.
#[derive(Debug, Parser)]
#[command(name = "stube", version, max_term_width = 100, after_help = AFTER)]
pub(super) struct Args {
    /// The store.
    #[arg(long, global = true, env = "STUBE_STORE", hide_env_values = true, value_name = "PLACE")]
    pub(super) store: Option<String>,
    /// Writes JSON, even on a terminal.
    #[arg(long, global = true, conflicts_with = "table")]
    pub(super) json: bool,
    /// Writes tables, even if the output is not a terminal.
    #[arg(long, global = true)]
    pub(super) table: bool,
    #[command(subcommand)]
    pub(super) verb: Verb,
}

const AFTER: &str = "\
check, migrate, edit, end and graph need the flows of the application, because they read saved states \
(`check --lock` does not). An application links this command with its own flows in three lines:

    fn main() -> std::process::ExitCode {
        stube::cli::main()
    }

Exit status: 0 success; 1 the request or the data is wrong; 2 the arguments cannot be parsed; 3 the store failed.

Examples:
    stube --store data ls --flow booking --older-than 7d
    stube --store sqlite:data.db ls --count
    stube --store postgres://localhost/app doctor
    stube --store data check --lock flows.lock && deploy
    stube --store data export > backup.jsonl";

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Lists conversations, or counts them by flow and state.
    Ls {
        #[command(flatten)]
        which: Which,
        /// Counts instead of listing.
        #[arg(long)]
        count: bool,
        /// Lists at most this many.
        #[arg(long, value_name = "NUMBER")]
        limit: Option<usize>,
    },
    /// Shows the whole record of a conversation.
    Show {
        /// Its id.
        id: ConversationId,
    },
    /// Checks whether this program, or the release of a `flows.lock`, can continue every conversation.
    ///
    /// Reads each record as the application would. With `--lock`, only compares schemas, which any build of this
    /// command can do. Exit status 1 if a conversation cannot be continued.
    Check {
        /// Compares with this file.
        #[arg(long, value_name = "FILE")]
        lock: Option<PathBuf>,
    },
    /// Rewrites conversations of earlier releases in the schema of this program.
    ///
    /// Each would be rewritten with its next answer anyway. After this, the migrations for those releases can be
    /// deleted from the code.
    Migrate {
        /// Prints what would be done. This is the default.
        #[arg(long, conflicts_with = "apply")]
        dry_run: bool,
        /// Writes.
        #[arg(long)]
        apply: bool,
    },
    /// Opens the saved state of a conversation in `$VISUAL` or `$EDITOR`.
    ///
    /// The edited text is saved if it is a valid state, and if no other process changed the conversation in the
    /// meantime. A text that is refused is kept in a file.
    Edit {
        /// Its id.
        id: ConversationId,
    },
    /// Copies a conversation under a new id, and prints the id.
    Fork {
        /// Its id.
        id: ConversationId,
    },
    /// Writes records, one a line, byte for byte.
    Export {
        #[command(flatten)]
        which: Which,
        /// Into this file, which must not exist.
        #[arg(long, short, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Saves the records that `export` wrote. Never overwrites a record.
    Import {
        /// The file; `-` for standard input.
        from: PathBuf,
    },
    /// Ends a conversation without a result, running the `stop` methods of its components, and deletes it.
    End {
        /// Its id.
        id: ConversationId,
    },
    /// Deletes records.
    Rm {
        /// Their ids.
        #[arg(required = true)]
        ids: Vec<ConversationId>,
        /// Does not ask for confirmation.
        #[arg(long, short)]
        yes: bool,
    },
    /// Draws a flow.
    Graph {
        /// Its name on disk.
        flow: String,
        /// The format.
        #[arg(long = "as", value_name = "FORM", default_value = "mermaid")]
        form: Form,
    },
    /// Reads every record, verifies its checksum, and lists those that cannot be read.
    Doctor,
    /// Prints completions for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Prints the manual page.
    Man,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Form {
    Mermaid,
    Dot,
    Svg,
}

/// The selection of conversations.
#[derive(Debug, clap::Args)]
pub(super) struct Which {
    /// Only those that were started with this flow or component.
    #[arg(long, value_name = "NAME")]
    flow: Option<String>,
    /// Only those whose flow waits in this state.
    #[arg(long, value_name = "NAME")]
    state: Option<String>,
    /// Only those that wait for this component.
    #[arg(long, value_name = "NAME")]
    waits_for: Option<String>,
    /// Only those of this owner.
    #[arg(long, value_name = "NAME")]
    owner: Option<String>,
    /// Only those that last changed this long ago: `90s`, `12h`, `7d`.
    #[arg(long, value_name = "TIME")]
    older_than: Option<humantime::Duration>,
    /// Only those that have ended.
    #[arg(long, conflicts_with = "going_on")]
    ended: bool,
    /// Only those that are running.
    #[arg(long)]
    going_on: bool,
}

impl Which {
    pub(super) fn query(&self) -> Result<Query, Stopped> {
        let mut query = Query::all();
        query.flow.clone_from(&self.flow);
        query.state.clone_from(&self.state);
        query.waits_for.clone_from(&self.waits_for);
        if let Some(owner) = &self.owner {
            match Owner::new(owner) {
                Ok(owner) => query.owner = Some(owner),
                Err(error) => return refused(format!("{owner:?} is not an owner: {error}")),
            }
        }
        if let Some(age) = self.older_than {
            let now = SystemTime::now();
            query.touched_before = Some(Timestamp::from(now.checked_sub(*age).unwrap_or(SystemTime::UNIX_EPOCH)));
        }
        query.ended = if self.ended { Some(true) } else { self.going_on.then_some(false) };
        Ok(query)
    }
}
