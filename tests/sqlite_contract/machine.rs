//! A running machine with a [`Disk`]: counts the calls that the engine makes, and fails those that a test wants to fail.
//!
//! Locks and the shared memory of the log are here too. They are those of one process with several connections, and end
//! with it: the next process is another machine with the same disk. A lock on the shared memory never fails, since the
//! engine takes that for one that somebody else holds, and waits. Nothing that is given back can fail.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use sqlite_plugin::flags::{LockLevel, ShmLockMode};
use sqlite_plugin::vars;
use stube::store::contract::Fault;

use crate::broken::Flaw;
use crate::disk::Disk;

/// What the engine's call gives: nothing wrong, or its number of an error.
pub(crate) type Done<T> = Result<T, i32>;

/// The number of an open file.
pub(crate) type Handle = u64;

pub(crate) struct Machine {
    pub(crate) flaw: Flaw,
    full: bool,
    state: Mutex<State>,
    closed: Condvar,
    /// Where the store finds its log by calls of its own.
    shown_log: PathBuf,
}

struct State {
    disk: Disk,
    /// The first of them that is meant for a call counts.
    faults: Vec<Fault>,
    /// Since the faults were set.
    calls: usize,
    failed: usize,
    /// The open files, each with its locks.
    open: BTreeMap<Handle, Locks>,
    opened: Handle,
    /// The memory that the connections share.
    regions: Vec<Region>,
}

#[derive(Default)]
struct Locks {
    level: Option<LockLevel>,
    /// Of the eight locks on the shared memory.
    shared: u32,
    exclusive: u32,
    is_mapped: bool,
}

/// Why a call that was to fail has failed.
enum Failure {
    /// The call was made.
    Made(i32),
    NotMade(i32),
    /// The process or the line was gone before.
    CutOff(i32),
}

impl Machine {
    /// If it is `full`, a write that is refused has taken place by half, since the disk has no more room.
    pub(crate) fn new(disk: Disk, flaw: Flaw, full: bool, shown_log: PathBuf) -> Arc<Self> {
        let state = State {
            disk,
            faults: Vec::new(),
            calls: 0,
            failed: 0,
            open: BTreeMap::new(),
            opened: 0,
            regions: Vec::new(),
        };
        Arc::new(Self { flaw, full, state: Mutex::new(state), closed: Condvar::new(), shown_log })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics in here")
    }

    pub(crate) fn disk(&self) -> Disk {
        self.state().disk.clone()
    }

    // ---- Faults ---------------------------------------------------------------------------------------------------

    pub(crate) fn fail(&self, faults: &[Fault]) {
        let mut state = self.state();
        state.faults = faults.to_vec();
        if !faults.is_empty() {
            (state.calls, state.failed) = (0, 0);
        }
    }

    pub(crate) fn failed(&self) -> usize {
        self.state().failed
    }

    /// Waits until the process has closed all files, which is when it has ended.
    pub(crate) fn wait_until_closed(&self) {
        let limit = Duration::from_secs(60);
        let waited = self.closed.wait_timeout_while(self.state(), limit, |state| !state.open.is_empty());
        let (state, _) = waited.expect("nothing panics in here");
        assert!(state.open.is_empty(), "the store leaves files open");
    }

    /// A call that may fail, with `error`.
    fn call<T>(&self, error: i32, work: impl FnOnce(&mut Disk) -> Done<T>) -> Done<T> {
        self.try_call(error, work).map_err(|failure| match failure {
            Failure::Made(error) | Failure::NotMade(error) | Failure::CutOff(error) => error,
        })
    }

    fn try_call<T>(&self, error: i32, work: impl FnOnce(&mut Disk) -> Done<T>) -> Result<T, Failure> {
        let state = &mut *self.state();
        let call = state.calls;
        state.calls += 1;
        let fault = state.faults.iter().copied().find(|fault| match *fault {
            Fault::Refused(nth) | Fault::Lost(nth) => call == nth,
            Fault::CutOff(nth) => call >= nth,
        });
        state.failed += usize::from(fault.is_some());
        match fault {
            None => work(&mut state.disk).map_err(Failure::Made),
            Some(Fault::Refused(_)) => Err(Failure::NotMade(error)),
            Some(Fault::CutOff(_)) => Err(Failure::CutOff(error)),
            Some(Fault::Lost(_)) => Err(Failure::Made(work(&mut state.disk).err().unwrap_or(error))),
        }
    }

    // ---- Names ----------------------------------------------------------------------------------------------------

    /// Opens a file, and gives with it whether it was made.
    pub(crate) fn open(&self, name: &str, create: bool) -> Done<(Handle, u64, bool)> {
        let (file, is_new) = self.call(vars::SQLITE_CANTOPEN, |disk| match disk.find(name) {
            Some(file) => Ok((file, false)),
            None if create => Ok((disk.create(name), true)),
            None => Err(vars::SQLITE_CANTOPEN),
        })?;
        Ok((self.add_handle(), file, is_new))
    }

    /// Opens a file that has no name and that nobody finds after a power cut.
    pub(crate) fn open_temporary(&self) -> Done<(Handle, u64)> {
        let file = self.call(vars::SQLITE_CANTOPEN, |disk| Ok(disk.create_temporary()))?;
        Ok((self.add_handle(), file))
    }

    fn add_handle(&self) -> Handle {
        let mut state = self.state();
        state.opened += 1;
        let handle = state.opened;
        state.open.insert(handle, Locks::default());
        handle
    }

    pub(crate) fn close(&self, handle: Handle) {
        let mut state = self.state();
        state.open.remove(&handle);
        state.forget_unmapped();
        if state.open.is_empty() {
            self.closed.notify_all();
        }
    }

    pub(crate) fn remove(&self, name: &str) -> Done<()> {
        self.call(vars::SQLITE_IOERR_DELETE, |disk| {
            if disk.remove(name) { Ok(()) } else { Err(vars::SQLITE_IOERR_DELETE_NOENT) }
        })
    }

    /// As in the engine's own calls for Unix, an empty file is none, and of what cannot be looked at there is none.
    pub(crate) fn exists(&self, name: &str) -> bool {
        let found =
            self.call(vars::SQLITE_IOERR_ACCESS, |disk| Ok(disk.find(name).is_some_and(|file| disk.size(file) > 0)));
        found.unwrap_or(false)
    }

    // ---- Contents -------------------------------------------------------------------------------------------------

    pub(crate) fn size(&self, file: u64) -> Done<usize> {
        self.call(vars::SQLITE_IOERR_FSTAT, |disk| Ok(disk.size(file)))
    }

    pub(crate) fn read(&self, file: u64, at: usize, bytes: &mut [u8]) -> Done<usize> {
        self.call(vars::SQLITE_IOERR_READ, |disk| Ok(disk.read(file, at, bytes)))
    }

    pub(crate) fn write(&self, file: u64, at: usize, bytes: &[u8]) -> Done<()> {
        let done = self.try_call(vars::SQLITE_IOERR_WRITE, |disk| {
            disk.write(file, at, bytes);
            Ok(())
        });
        done.map_err(|failure| match failure {
            Failure::NotMade(_) if self.full => {
                self.state().disk.write(file, at, &bytes[..bytes.len() / 2]);
                vars::SQLITE_FULL
            }
            Failure::Made(error) | Failure::NotMade(error) | Failure::CutOff(error) => error,
        })
    }

    pub(crate) fn resize(&self, file: u64, size: usize) -> Done<()> {
        self.call(vars::SQLITE_IOERR_TRUNCATE, |disk| {
            disk.resize(file, size);
            Ok(())
        })
    }

    /// With the directory, if the name is new.
    pub(crate) fn sync(&self, file: u64, is_new: bool) -> Done<()> {
        let done = self.try_call(vars::SQLITE_IOERR_FSYNC, |disk| {
            disk.sync_file(file);
            if is_new {
                disk.sync_directory();
            }
            Ok(())
        });
        done.map_err(|failure| match failure {
            Failure::CutOff(error) => error,
            Failure::Made(error) | Failure::NotMade(error) => {
                self.state().disk.forget(file);
                error
            }
        })
    }

    /// Puts the log where the store looks for it.
    pub(crate) fn show_log(&self, name: &str) -> io::Result<()> {
        let disk = self.disk();
        let Some(file) = disk.find(name) else { return Ok(()) };
        let mut bytes = vec![0; disk.size(file)];
        disk.read(file, 0, &mut bytes);
        fs::write(&self.shown_log, bytes)?;
        fs::File::options().write(true).open(&self.shown_log)?.set_modified(SystemTime::UNIX_EPOCH)
    }

    /// If the store has written to its log by calls of its own, all of it has been written again.
    pub(crate) fn take_over_log(&self, name: &str) {
        let written = |log: fs::Metadata| log.modified().is_ok_and(|modified| modified != SystemTime::UNIX_EPOCH);
        if !self.shown_log.metadata().is_ok_and(written) {
            return;
        }
        let _ = fs::remove_file(&self.shown_log);
        let disk = &mut self.state().disk;
        let file = disk.find(name).expect("it was shown");
        let mut bytes = vec![0; disk.size(file)];
        disk.read(file, 0, &mut bytes);
        disk.write(file, 0, &bytes);
    }

    /// By somebody else than the engine.
    pub(crate) fn sync_directory(&self) {
        self.state().disk.sync_directory();
    }

    // ---- Locks ----------------------------------------------------------------------------------------------------

    pub(crate) fn lock(&self, handle: Handle, wanted: LockLevel) -> Done<()> {
        self.call(vars::SQLITE_IOERR_LOCK, |_| Ok(()))?;
        let mut state = self.state();
        let others =
            state.open.iter().filter(|(other, _)| **other != handle).filter_map(|(_, locks)| locks.level).max();
        let locks = state.open.get_mut(&handle).expect("it is open");
        if locks.level >= Some(wanted) {
            return Ok(());
        }
        let is_free = match wanted {
            LockLevel::Unlocked => true,
            LockLevel::Shared => others < Some(LockLevel::Pending),
            LockLevel::Reserved => others < Some(LockLevel::Reserved),
            LockLevel::Pending | LockLevel::Exclusive => {
                if others >= Some(LockLevel::Reserved) {
                    return Err(vars::SQLITE_BUSY);
                }
                // Kept even if somebody still reads, so that nobody else begins to.
                locks.level = Some(LockLevel::Pending);
                wanted == LockLevel::Pending || others < Some(LockLevel::Shared)
            }
        };
        if !is_free {
            return Err(vars::SQLITE_BUSY);
        }
        locks.level = Some(wanted);
        Ok(())
    }

    pub(crate) fn unlock(&self, handle: Handle, left: LockLevel) {
        let mut state = self.state();
        let locks = state.open.get_mut(&handle).expect("it is open");
        locks.level = locks.level.min(Some(left));
    }

    pub(crate) fn is_reserved(&self) -> bool {
        self.state().open.values().any(|locks| locks.level >= Some(LockLevel::Reserved))
    }

    /// Whether somebody copies the log into the file.
    pub(crate) fn is_checkpointing(&self) -> bool {
        self.state().open.values().any(|locks| locks.exclusive & CHECKPOINT != 0)
    }

    pub(crate) fn lock_shared_memory(&self, handle: Handle, first: u32, many: u32, mode: ShmLockMode) -> Done<()> {
        let mut state = self.state();
        let mask = (1 << (first + many)) - (1 << first);
        let others = || state.open.iter().filter(|(other, _)| **other != handle).map(|(_, locks)| locks);
        let is_exclusive = others().any(|locks| locks.exclusive & mask != 0);
        let is_shared = others().any(|locks| locks.shared & mask != 0);
        let locks = state.open.get_mut(&handle).expect("it is open");
        match mode {
            ShmLockMode::LockShared if is_exclusive => return Err(vars::SQLITE_BUSY),
            ShmLockMode::LockShared => locks.shared |= mask,
            ShmLockMode::LockExclusive if is_exclusive || is_shared => return Err(vars::SQLITE_BUSY),
            ShmLockMode::LockExclusive => locks.exclusive |= mask,
            ShmLockMode::UnlockShared | ShmLockMode::UnlockExclusive => {
                locks.shared &= !mask;
                locks.exclusive &= !mask;
            }
        }
        Ok(())
    }

    // ---- Shared memory --------------------------------------------------------------------------------------------

    pub(crate) fn map(&self, handle: Handle, region: usize, size: usize, extend: bool) -> Done<Option<NonNull<u8>>> {
        self.call(vars::SQLITE_IOERR_SHMMAP, |_| Ok(()))?;
        assert_eq!(size, WORDS * size_of::<AtomicU64>(), "the engine uses regions of one size");
        let mut state = self.state();
        state.open.get_mut(&handle).expect("it is open").is_mapped = true;
        while extend && state.regions.len() <= region {
            state.regions.push(Region::take());
        }
        Ok(state.regions.get(region).map(|region| NonNull::from(region.words).cast()))
    }

    pub(crate) fn unmap(&self, handle: Handle) {
        let mut state = self.state();
        let locks = state.open.get_mut(&handle).expect("it is open");
        (locks.shared, locks.exclusive, locks.is_mapped) = (0, 0, false);
        state.forget_unmapped();
    }
}

impl State {
    /// Shared memory that nobody looks at begins anew.
    fn forget_unmapped(&mut self) {
        if !self.open.values().any(|locks| locks.is_mapped) {
            self.regions.clear();
        }
    }
}

/// The lock of whoever copies the log into the file.
const CHECKPOINT: u32 = 1 << 1;

/// A region has 32 KiB.
const WORDS: usize = 4096;

/// Some memory that the engine uses. It is never given back to the system, so that a pointer to it is always good, but to
/// whoever takes the next region.
struct Region {
    words: &'static [AtomicU64; WORDS],
}

static UNUSED: Mutex<Vec<&'static [AtomicU64; WORDS]>> = Mutex::new(Vec::new());

impl Region {
    fn take() -> Self {
        let unused = UNUSED.lock().expect("nothing panics in here").pop();
        let words = unused.unwrap_or_else(|| Box::leak(Box::new([const { AtomicU64::new(0) }; WORDS])));
        words.iter().for_each(|word| word.store(0, Ordering::Relaxed));
        Self { words }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        UNUSED.lock().expect("nothing panics in here").push(self.words);
    }
}
