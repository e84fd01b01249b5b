//! The directory of an example: the first argument, or one of its own in the folder for temporary files.

use std::path::PathBuf;

pub(crate) fn from_args(example: &str) -> PathBuf {
    let given = std::env::args_os().nth(1).map(PathBuf::from);
    given.unwrap_or_else(|| std::env::temp_dir().join(format!("stube-{example}")))
}
