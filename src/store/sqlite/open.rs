//! From a path to connections whose settings have been read back.
//!
//! Nothing here looks at a record; `rows` does.

use std::ffi::c_int;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use crate::store::sqlite::error::{SqliteError, is_busy};
use crate::store::sqlite::options::Settings;
use crate::store::sqlite::schema::{self, Holds, MIGRATIONS};

/// Why a file cannot be used. Nothing in it was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Its log can be damaged when two connections write and check-point at the same moment.
    #[error("SQLite {0} is linked, and versions before 3.51.3 can damage a file in WAL mode; link a later one")]
    Engine(String),
    /// The log cannot be shared there.
    #[error(
        "`{}` is on {kind}, where SQLite's log cannot be shared and saves cannot be relied on; use a local file, or take the risk by `SqliteStore::options().allow_network(true)`",
        .path.display()
    )]
    Network {
        /// The file.
        path: PathBuf,
        /// The kind of file system.
        kind: &'static str,
    },
    /// It holds something else.
    #[error(
        "`{}` holds no conversations but another application's data; to keep both in one file, say so by `SqliteStore::options().share(true)`",
        .0.display()
    )]
    Foreign(PathBuf),
    /// It is no SQLite database.
    #[error("`{}` is no SQLite database", .0.display())]
    NotADatabase(PathBuf),
    /// A later version of this crate made its tables.
    #[error("the tables in `{}` are of version {found}, and this program knows versions up to {}", .path.display(), MIGRATIONS.len())]
    Newer {
        /// The file.
        path: PathBuf,
        /// The version of its tables.
        found: i64,
    },
    /// It cannot be written to.
    #[error("`{}` can be read and not written to", .0.display())]
    ReadOnly(PathBuf),
    /// The engine does not do what a durable save needs.
    #[error("`{}`: the setting `{setting}` is `{value}` even after it was set", .path.display())]
    Setting {
        /// The file.
        path: PathBuf,
        /// The pragma.
        setting: &'static str,
        /// What it is.
        value: String,
    },
    /// The system said no.
    #[error("`{}` cannot be opened: {doing}: {source}", .path.display())]
    System {
        /// The file.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The engine said no.
    #[error("`{}` cannot be opened: {source}", .path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What was tried, and what the engine said.
        source: SqliteError,
    },
}

/// The first version of the engine whose log is not damaged by a check-point at the wrong moment.
const ENGINE: c_int = 3_051_003;

/// Makes sure of the file, its tables and that what is visible is durable. Gives its full path and a connection that
/// writes.
pub(super) fn open(path: &Path, settings: &Settings) -> Result<(PathBuf, Connection), OpenError> {
    check_engine(rusqlite::version_number(), rusqlite::version())?;
    let system = |doing| move |source| OpenError::System { path: path.to_owned(), doing, source };
    let parent = match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => Path::new("/"),
    };
    let parent = parent.canonicalize().map_err(system("looking for its directory"))?;
    if !settings.network
        && let Some(kind) = shared_file_system(&parent).map_err(system("asking for its file system"))?
    {
        return Err(OpenError::Network { path: path.to_owned(), kind });
    }
    let name = path.file_name().ok_or_else(|| system("looking for its name")(io::ErrorKind::InvalidInput.into()))?;
    let file = parent.join(name);
    match create(&file) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(system("making it")(error)),
    }
    let file = file.canonicalize().map_err(system("looking at it"))?;
    if !file.metadata().map_err(system("looking at it"))?.is_file() {
        return Err(OpenError::NotADatabase(file));
    }

    let sqlite = |doing| sqlite(&file, doing);
    let mut connection = plain(&file, settings.timeout)?;
    match retry_until_timeout(settings.timeout, || schema::look(&connection))
        .map_err(sqlite("looking at its tables"))?
    {
        Holds::Ours(found) if found > MIGRATIONS.len() as i64 => return Err(OpenError::Newer { path: file, found }),
        Holds::Others if !settings.share => return Err(OpenError::Foreign(file)),
        Holds::Nothing | Holds::Ours(_) | Holds::Others => {}
    }
    set(&connection, &file, settings)?;

    // What a commit of an earlier process has failed to sync may be in the log and visible. The system takes it for
    // written, so no sync of ours would write it, and a check-point would mix it with what is durable. If somebody else
    // has the lock, the log was in use already, and whoever was first has seen to this.
    let log = log(&file);
    if log.metadata().is_ok_and(|log| log.len() > 0) {
        match connection.transaction_with_behavior(TransactionBehavior::Immediate) {
            Ok(lock) => {
                write_again(&log).map_err(system("making its log durable"))?;
                lock.rollback().map_err(sqlite("giving back the lock"))?;
            }
            Err(error) if is_busy(&error) => {}
            Err(error) => return Err(sqlite("locking its log")(error)),
        }
    }
    retry_until_timeout(settings.timeout, || schema::migrate(&mut connection, MIGRATIONS))
        .map_err(sqlite("making its tables"))?;

    // A process that was killed between write and sync may have left changes in the log that are visible now, and that
    // a power cut would take away. What is copied into the file is synced; the rest of the log, if others use it, is
    // synced here. Nobody is waited for.
    connection.busy_timeout(Duration::ZERO).map_err(sqlite("setting its busy timeout"))?;
    let cut = cut_log(&connection).map_err(sqlite("settling its log"))?;
    connection.busy_timeout(settings.timeout).map_err(sqlite("setting its busy timeout"))?;
    if !cut {
        sync_log(&file, &log).map_err(system("syncing its log"))?;
    }
    Ok((file, connection))
}

/// Copies what is in the log into the file, and cuts the log to nothing unless somebody else reads from it or writes.
/// Gives whether it was cut.
pub(super) fn cut_log(connection: &Connection) -> rusqlite::Result<bool> {
    // The first column says whether somebody was in the way.
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| Ok(row.get_ref(0)? == ValueRef::Integer(0)))
}

/// Whether the disk takes as much as the log may bring into the file. After a failure that is asked of blocks of their
/// own first: ext4 may keep nothing of what is written a second time where a write to new blocks has failed, and in the
/// file itself that would be damage.
pub(super) fn has_room(file: &Path) -> io::Result<()> {
    let log = log(file).metadata().map_or(0, |log| log.len());
    match nameless(file) {
        Ok(mut probe) => {
            let page = [0xa5; 4096];
            for _ in 0..log.min(MOST_PROBED).div_ceil(4096) {
                probe.write_all(&page)?;
            }
            probe.sync_all()
        }
        // Not every file system has files without a name.
        Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(()),
        Err(error) => Err(error),
    }
}

/// Logs are shorter, unless somebody has kept them from being brought into the file.
const MOST_PROBED: u64 = 64 << 20;

/// A file beside this one that is gone when it is closed.
#[cfg(target_os = "linux")]
fn nameless(file: &Path) -> io::Result<File> {
    use rustix::fs::{CWD, Mode, OFlags, openat};
    let dir = file.parent().unwrap_or(Path::new("/"));
    match openat(CWD, dir, OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC, Mode::RUSR | Mode::WUSR) {
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::ISDIR) => Err(io::ErrorKind::Unsupported.into()),
        opened => Ok(opened?.into()),
    }
}

#[cfg(not(target_os = "linux"))]
fn nameless(_: &Path) -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

/// A further connection to a file that was opened before.
pub(super) fn connect(file: &Path, settings: &Settings) -> Result<Connection, OpenError> {
    let connection = plain(file, settings.timeout)?;
    set(&connection, file, settings)?;
    Ok(connection)
}

fn plain(file: &Path, timeout: Duration) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags).map_err(sqlite(file, "opening it"))?;
    connection.busy_timeout(timeout).map_err(sqlite(file, "setting its busy timeout"))?;
    match connection.is_readonly("main") {
        Ok(false) => Ok(connection),
        Ok(true) => Err(OpenError::ReadOnly(file.to_owned())),
        Err(error) => Err(sqlite(file, "asking whether it can be written to")(error)),
    }
}

/// Sets what a durable save needs, and reads it back.
fn set(connection: &Connection, file: &Path, settings: &Settings) -> Result<(), OpenError> {
    for (setting, value, read) in [
        ("journal_mode", "WAL", "wal"),
        // Anything less loses acknowledged changes in a power cut.
        ("synchronous", "FULL", "2"),
        // A file that is cut short under a mapping kills the process.
        ("mmap_size", "0", "0"),
        // Where a plain fsync does not reach the disk.
        ("fullfsync", "ON", "1"),
        ("checkpoint_fullfsync", "ON", "1"),
        // Damaged pages are found sooner.
        ("cell_size_check", "ON", "1"),
        // What is in the file may not call functions with effects.
        ("trusted_schema", "OFF", "0"),
    ] {
        let failed = sqlite(file, setting);
        let update = || connection.pragma_update_and_check(None, setting, value, |_| Ok(()));
        retry_until_timeout(settings.timeout, || match update() {
            Ok(()) | Err(rusqlite::Error::QueryReturnedNoRows) => Ok(()),
            Err(error) => Err(error),
        })
        .map_err(&failed)?;
        let found = connection.pragma_query_value(None, setting, |row| {
            let value: rusqlite::types::Value = row.get(0)?;
            Ok(match value {
                rusqlite::types::Value::Text(text) => text,
                rusqlite::types::Value::Integer(number) => number.to_string(),
                other => format!("{other:?}"),
            })
        });
        match found {
            Ok(found) if found == read => {}
            // A build without memory mapping has no such setting.
            Err(rusqlite::Error::QueryReturnedNoRows) if setting == "mmap_size" => {}
            Ok(value) => return Err(OpenError::Setting { path: file.to_owned(), setting, value }),
            Err(error) => return Err(failed(error)),
        }
    }
    connection
        .pragma_update(None, "wal_autocheckpoint", settings.checkpoint_pages)
        .map_err(sqlite(file, "wal_autocheckpoint"))?;
    connection.set_prepared_statement_cache_capacity(32);
    // What is bound to a statement must not change how it is carried out. Otherwise, since the tables have indexes on a
    // part of their rows, the engine prepares each one anew whenever it is used again.
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
        .map_err(sqlite(file, "SQLITE_DBCONFIG_ENABLE_QPSG"))?;
    Ok(())
}

fn check_engine(number: c_int, version: &str) -> Result<(), OpenError> {
    if number < ENGINE { Err(OpenError::Engine(version.to_owned())) } else { Ok(()) }
}

/// Makes an empty file that nobody else may read, unless there is one. Another descriptor of a file that is open would
/// take its locks away when it is closed, so an existing one is left alone.
fn create(file: &Path) -> io::Result<()> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file).map(drop)
}

/// The log has no locks on it, so it may be opened beside the engine.
fn log(file: &Path) -> PathBuf {
    let mut log = file.as_os_str().to_owned();
    log.push("-wal");
    log.into()
}

/// Puts the same bytes into a file and syncs them. Nobody else may write to it meanwhile.
fn write_again(log: &Path) -> io::Result<()> {
    let mut log = File::options().read(true).write(true).open(log)?;
    let mut buffer = vec![0; 1 << 20];
    let mut at = 0;
    loop {
        let read = log.read(&mut buffer)?;
        if read == 0 {
            return log.sync_all();
        }
        log.seek(SeekFrom::Start(at))?;
        log.write_all(&buffer[..read])?;
        at += read as u64;
    }
}

fn sync_log(file: &Path, log: &Path) -> io::Result<()> {
    match File::options().write(true).open(log) {
        Ok(log) => log.sync_all()?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    #[cfg(unix)]
    if let Some(parent) = file.parent() {
        File::open(parent)?.sync_all()?;
    }
    Ok(())
}

/// Tries again while the file is busy: for some statements the engine does not wait by itself.
fn retry_until_timeout<T>(timeout: Duration, mut work: impl FnMut() -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    let until = Instant::now() + timeout;
    loop {
        match work() {
            Err(error) if is_busy(&error) && Instant::now() < until => std::thread::sleep(Duration::from_millis(2)),
            done => return done,
        }
    }
}

fn sqlite(file: &Path, doing: &'static str) -> impl Fn(rusqlite::Error) -> OpenError {
    move |error| match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => OpenError::NotADatabase(file.to_owned()),
        Some(ErrorCode::ReadOnly) => OpenError::ReadOnly(file.to_owned()),
        _ => OpenError::Sqlite { path: file.to_owned(), source: SqliteError::new(doing, error) },
    }
}

#[cfg(target_os = "linux")]
#[allow(clippy::unnecessary_cast, reason = "the type of this field differs from machine to machine")]
fn shared_file_system(dir: &Path) -> io::Result<Option<&'static str>> {
    Ok(crate::store::file_system::shared(rustix::fs::statfs(dir)?.f_type as u32))
}

#[cfg(not(target_os = "linux"))]
fn shared_file_system(_: &Path) -> io::Result<Option<&'static str>> {
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engines_whose_log_can_be_damaged_are_refused() {
        for number in [3_007_000, 3_050_007, 3_051_002] {
            let error = check_engine(number, "3.x").expect_err("it is too old");
            assert!(matches!(error, OpenError::Engine(version) if version == "3.x"), "{number}");
        }
        for number in [3_051_003, 3_052_000, rusqlite::version_number()] {
            assert!(check_engine(number, "3.x").is_ok(), "{number}");
        }
    }
}
