//! The arguments.

use std::path::PathBuf;
use std::time::SystemTime;

use clap::{Parser, Subcommand, ValueEnum};

use crate::front::cli::{Stopped, refused};
use crate::model::id::{ConversationId, Owner};
use crate::model::timestamp::Timestamp;
use crate::store::Query;

/// Looks at the conversations in a store, and changes them.
///
/// A store is a directory, `sqlite:FILE` (or a file that ends in .db, .sqlite or .sqlite3), or `postgres://..`.
/// A directory belongs to one program at a time, so it is read while the program is down; a SQLite file and a database
/// are read beside it.
///
/// Tables on a terminal; one JSON object a line where the output goes elsewhere, or with `--json`.
#[derive(Debug, Parser)]
#[command(name = "stube", version, max_term_width = 100, after_help = AFTER)]
pub(super) struct Args {
    /// The store.
    #[arg(long, global = true, env = "STUBE_STORE", hide_env_values = true, value_name = "PLACE")]
    pub(super) store: Option<String>,
    /// Writes JSON, also on a terminal.
    #[arg(long, global = true, conflicts_with = "table")]
    pub(super) json: bool,
    /// Writes tables, also elsewhere.
    #[arg(long, global = true)]
    pub(super) table: bool,
    #[command(subcommand)]
    pub(super) verb: Verb,
}

const AFTER: &str = "\
check, migrate, edit, end and graph need the flows of the application, because only those know what a state may hold \
(`check --lock` does without). An application has this command with its own flows in three lines:

    fn main() -> std::process::ExitCode {
        stube::cli::main()
    }

Exit status: 0 all is well; 1 something is wrong in what was asked or found; 2 this is no command; 3 the store failed.

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
        /// Counts them instead.
        #[arg(long)]
        count: bool,
        /// Lists at most so many.
        #[arg(long, value_name = "NUMBER")]
        limit: Option<usize>,
    },
    /// Shows a conversation with all that is saved of it.
    Show {
        /// Its id.
        id: ConversationId,
    },
    /// Says what this program, or a `flows.lock`, would make of every conversation.
    ///
    /// With the flows of an application, each record is read as the application would. With `--lock`, only the shapes are
    /// compared, which any build of this command can do. Exit status 1 if a conversation would be left alone.
    Check {
        /// Compares with this file.
        #[arg(long, value_name = "FILE")]
        lock: Option<PathBuf>,
    },
    /// Writes the conversations of versions before as this program has them.
    ///
    /// It happens by itself with the next answer of each. Doing it now allows to delete what was written for a version
    /// before from the code.
    Migrate {
        /// Says what would be done. This is so unless `--apply` is given.
        #[arg(long, conflicts_with = "apply")]
        dry_run: bool,
        /// Does it.
        #[arg(long)]
        apply: bool,
    },
    /// Opens what is saved of a conversation in `$VISUAL` or `$EDITOR`.
    ///
    /// What comes back is saved if it is a legal state, and if nobody changed the conversation meanwhile. What is refused
    /// is kept in a file.
    Edit {
        /// Its id.
        id: ConversationId,
    },
    /// Copies a conversation under a new id, and writes that.
    Fork {
        /// Its id.
        id: ConversationId,
    },
    /// Writes whole records, one a line, byte for byte.
    Export {
        #[command(flatten)]
        which: Which,
        /// Into this file, which must not exist.
        #[arg(long, short, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Reads what `export` wrote. Nothing that is there is overwritten.
    Import {
        /// The file; `-` for the standard input.
        from: PathBuf,
    },
    /// Ends a conversation without a result, as its own code ends it, and deletes it.
    End {
        /// Its id.
        id: ConversationId,
    },
    /// Deletes records.
    Rm {
        /// Their ids.
        #[arg(required = true)]
        ids: Vec<ConversationId>,
        /// Does not ask.
        #[arg(long, short)]
        yes: bool,
    },
    /// Draws a flow.
    Graph {
        /// Its name on disk.
        flow: String,
        /// As what.
        #[arg(long = "as", value_name = "FORM", default_value = "mermaid")]
        form: Form,
    },
    /// Reads everything, verifies every checksum, and lists what cannot be read.
    Doctor,
    /// Writes completions for a shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// Writes the manual page.
    Man,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Form {
    Mermaid,
    Dot,
    Svg,
}

/// Which conversations.
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
    /// Only those that nobody has touched for so long: `90s`, `12h`, `7d`.
    #[arg(long, value_name = "TIME")]
    older_than: Option<humantime::Duration>,
    /// Only those that have ended.
    #[arg(long, conflicts_with = "going_on")]
    ended: bool,
    /// Only those that have not.
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
                Err(error) => return refused(format!("{owner:?} is no owner: {error}")),
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
