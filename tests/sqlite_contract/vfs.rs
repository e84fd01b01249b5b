//! The engine's calls, carried to the [`Machine`] on which the file is. Decides nothing, but for the flaws.
//!
//! This stands where the engine's own calls for Unix are (`os_unix.c`), and does what those do: the directory is synced
//! with the first sync of a new log, no sync follows a removal, and a write may leave its sectors torn but harms no byte
//! beside it. What is between the engine and the system there is tried in `tests/faults/`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ptr::NonNull;
use std::sync::atomic::{Ordering, fence};
use std::sync::{Arc, Mutex, Once};

use sqlite_plugin::flags::{AccessFlags, CreateMode, LockLevel, OpenKind, OpenMode, OpenOpts, ShmLockMode};
use sqlite_plugin::vars;
use sqlite_plugin::vfs::{Pragma, PragmaErr, RegisterOpts, Vfs, VfsHandle, VfsResult, register_static};
use stube::store::sqlite::rusqlite;

use crate::broken::Flaw;
use crate::machine::{Handle, Machine};

/// Each with the path of its database.
static MACHINES: Mutex<BTreeMap<String, Arc<Machine>>> = Mutex::new(BTreeMap::new());

/// From now on the engine finds this database on this machine.
pub(crate) fn plug(database: &str, machine: &Arc<Machine>) {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| {
        let options = RegisterOpts { make_default: true };
        register_static(c"machines".to_owned(), Machines, options).expect("the engine takes it");
    });
    MACHINES.lock().expect("nothing panics in here").insert(database.to_owned(), Arc::clone(machine));
}

pub(crate) fn unplug(database: &str) {
    MACHINES.lock().expect("nothing panics in here").remove(database);
}

/// What the database is called on every machine.
pub(crate) const NAME: &str = "conversations.db";

/// And its log.
pub(crate) const LOG: &str = "conversations.db-wal";

/// The machine of a path, and the name that the file has there.
fn find(path: &str) -> VfsResult<(Arc<Machine>, String)> {
    let database = ["-wal", "-journal"].iter().find_map(|end| path.strip_suffix(end)).unwrap_or(path);
    let machines = MACHINES.lock().expect("nothing panics in here");
    let machine = machines.get(database).ok_or(vars::SQLITE_CANTOPEN)?;
    Ok((Arc::clone(machine), format!("{NAME}{}", &path[database.len()..])))
}

struct Machines;

struct Open {
    machine: Arc<Machine>,
    handle: Handle,
    file: u64,
    kind: OpenKind,
    /// The name was made by this handle, and not synced since.
    is_new: bool,
}

impl VfsHandle for Open {
    fn readonly(&self) -> bool {
        false
    }

    fn in_memory(&self) -> bool {
        false
    }
}

impl Vfs for Machines {
    type Handle = Open;

    fn canonical_path<'a>(&self, path: Cow<'a, str>) -> VfsResult<Cow<'a, str>> {
        Ok(path)
    }

    fn open(&self, path: Option<&str>, options: OpenOpts) -> VfsResult<Open> {
        // A temporary file. Nothing here is so large that the engine needs one.
        let Some(path) = path else { return Err(vars::SQLITE_CANTOPEN) };
        let (machine, name) = find(path)?;
        let create = match options.mode() {
            OpenMode::ReadWrite { create: CreateMode::Create | CreateMode::MustCreate } => true,
            OpenMode::ReadWrite { create: CreateMode::None } | OpenMode::ReadOnly => false,
        };
        let kind = options.kind();
        if kind == OpenKind::MainJournal && machine.flaw == Flaw::JournalInMemory && create {
            let (handle, file) = machine.open_temporary()?;
            return Ok(Open { machine, handle, file, kind, is_new: false });
        }
        let (handle, file, is_new) = machine.open(&name, create)?;
        Ok(Open { machine, handle, file, kind, is_new })
    }

    fn delete(&self, path: &str) -> VfsResult<()> {
        let (machine, name) = find(path)?;
        if machine.flaw == Flaw::JournalInMemory && path.ends_with("-journal") {
            return Ok(());
        }
        machine.remove(&name)
    }

    fn access(&self, path: &str, _: AccessFlags) -> VfsResult<bool> {
        let (machine, name) = find(path)?;
        Ok(machine.exists(&name))
    }

    fn file_size(&self, open: &mut Open) -> VfsResult<usize> {
        open.machine.size(open.file)
    }

    fn truncate(&self, open: &mut Open, size: usize) -> VfsResult<()> {
        open.machine.resize(open.file, size)
    }

    fn write(&self, open: &mut Open, at: usize, bytes: &[u8]) -> VfsResult<usize> {
        open.machine.write(open.file, at, bytes)?;
        Ok(bytes.len())
    }

    fn read(&self, open: &mut Open, at: usize, bytes: &mut [u8]) -> VfsResult<usize> {
        open.machine.read(open.file, at, bytes)
    }

    fn sync(&self, open: &mut Open) -> VfsResult<()> {
        let Open { machine, file, kind, is_new, .. } = open;
        let is_left_out = machine.flaw == Flaw::NoFileSync
            || (machine.flaw == Flaw::NoLogSync && *kind == OpenKind::Wal && !machine.is_checkpointing())
            || (machine.flaw == Flaw::NoDatabaseSync && *kind == OpenKind::MainDb);
        if is_left_out {
            return Ok(());
        }
        machine.take_over_log(LOG);
        let with_directory = *is_new && machine.flaw != Flaw::NoDirectorySync;
        let mut done = machine.sync(*file, with_directory);
        if machine.flaw == Flaw::RetriesSync && done.is_err() {
            done = machine.sync(*file, with_directory);
        }
        done?;
        *is_new = false;
        Ok(())
    }

    fn close(&self, open: Open) -> VfsResult<()> {
        open.machine.close(open.handle);
        Ok(())
    }

    fn pragma(&self, open: &mut Open, pragma: Pragma<'_>) -> Result<Option<String>, PragmaErr> {
        let flaw = open.machine.flaw;
        let answer = match pragma.name {
            // The store takes this for what it has set, and the engine has not set it.
            "journal_mode" if matches!(flaw, Flaw::RollbackJournal | Flaw::JournalInMemory) => "wal",
            "wal_checkpoint" if flaw == Flaw::SettlesNoLog => "0",
            _ => return Err(PragmaErr::NotFound),
        };
        Ok(Some(answer.to_owned()))
    }

    fn lock(&self, open: &mut Open, level: LockLevel) -> VfsResult<()> {
        open.machine.lock(open.handle, level)
    }

    fn unlock(&self, open: &mut Open, level: LockLevel) -> VfsResult<()> {
        open.machine.unlock(open.handle, level);
        Ok(())
    }

    fn check_reserved_lock(&self, open: &mut Open) -> VfsResult<bool> {
        Ok(open.machine.is_reserved())
    }

    fn device_characteristics(&self, _: &mut Open) -> VfsResult<i32> {
        Ok(vars::SQLITE_IOCAP_POWERSAFE_OVERWRITE | rusqlite::ffi::SQLITE_IOCAP_SUBPAGE_READ)
    }

    fn shm_map(&self, open: &mut Open, region: usize, size: usize, extend: bool) -> VfsResult<Option<NonNull<u8>>> {
        open.machine.map(open.handle, region, size, extend)
    }

    fn shm_lock(&self, open: &mut Open, first: u32, many: u32, mode: ShmLockMode) -> VfsResult<()> {
        open.machine.lock_shared_memory(open.handle, first, many, mode)
    }

    fn shm_barrier(&self, _: &mut Open) {
        fence(Ordering::SeqCst);
    }

    fn shm_unmap(&self, open: &mut Open, _: bool) -> VfsResult<()> {
        open.machine.unmap(open.handle);
        Ok(())
    }
}
