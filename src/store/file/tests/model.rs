//! A simulated directory that can lose power.
//!
//! A [`Disk`] separates the state that programs see from the durable state: it tracks file contents and name changes that
//! were not synced. [`Disk::crashes`] gives every state that a power cut could leave: any subset of the name changes is lost,
//! a rename may be half done, and unsynced content is old, torn, zeros or new. An fsync that fails drops what it should have
//! written, as on Linux, and the next one reports success.
//!
//! A [`Model`] is the file system interface over it. It counts calls, makes those fail that a test selects, and records the
//! disk before each call together with what the test considers possible at that moment.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::sync::{Arc, Mutex, MutexGuard};

use rustix::fs::FileType;
use rustix::io::{Errno, Result};

use crate::store::file::fs::{Fs, Identity, Stat};

/// A write takes at most this much, so that a record needs several.
const WRITE: usize = 200;

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Disk {
    files: BTreeMap<u64, Content>,
    /// The names that programs see.
    names: BTreeMap<String, u64>,
    /// The durable names. Those in `changes` may become durable too.
    durable: BTreeMap<String, u64>,
    /// The unsynced changes of names, oldest first.
    changes: Vec<Change>,
    /// The number of the next file, and the time.
    next: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Content {
    visible: Vec<u8>,
    durable: Vec<u8>,
    /// Whether the next fsync would write it.
    dirty: bool,
    written: u64,
}

/// One call's effect on names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Change {
    /// The file of each name afterwards. For a rename the new name comes first.
    effects: Vec<(String, Option<u64>)>,
    /// An fsync failed to write it. It may be on the disk by chance, but no later fsync writes it.
    forgotten: bool,
}

impl Disk {
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(String::as_str)
    }

    /// Whether an fsync of the directory failed to write a change of a record's name, and the change was not written since.
    /// Temporary files are ignored.
    pub(super) fn has_forgotten(&self) -> bool {
        let of_record = |change: &Change| change.effects.iter().any(|(name, _)| !name.starts_with('.'));
        self.changes.iter().any(|change| change.forgotten && of_record(change))
    }

    /// The state after a power cut if no unsynced change is written.
    pub(super) fn after_worst_cut(&self) -> Self {
        let mut files = BTreeMap::new();
        for number in self.durable.values() {
            let durable = self.files[number].durable.clone();
            files.insert(*number, Content { visible: durable.clone(), durable, dirty: false, written: *number });
        }
        Self { files, names: self.durable.clone(), durable: self.durable.clone(), changes: vec![], next: self.next }
    }

    /// Every state in which a power cut could leave the disk, without repetitions.
    pub(super) fn crashes(&self) -> Vec<Self> {
        let mut directories = BTreeSet::from([self.durable.clone()]);
        for change in &self.changes {
            let mut with = BTreeSet::new();
            for directory in &directories {
                // None of it, its first half, all of it.
                for many in 1..=change.effects.len() {
                    let mut directory = directory.clone();
                    for (name, stands_for) in &change.effects[..many] {
                        match stands_for {
                            Some(file) => directory.insert(name.clone(), *file),
                            None => directory.remove(name),
                        };
                    }
                    with.insert(directory);
                }
            }
            directories.extend(with);
        }
        directories.into_iter().flat_map(|directory| self.with_contents(directory)).collect()
    }

    fn with_contents(&self, names: BTreeMap<String, u64>) -> Vec<Self> {
        let empty = Self { durable: names.clone(), names, next: self.next, ..Self::default() };
        let mut disks = vec![empty.clone()];
        for (name, number) in &empty.names {
            // The content of a temporary file does not matter.
            let leftover = name.starts_with('.');
            let contents = if leftover { BTreeSet::from([vec![]]) } else { self.files[number].crashes() };
            let mut next = Vec::new();
            for disk in disks {
                for content in &contents {
                    let mut disk = disk.clone();
                    let content =
                        Content { visible: content.clone(), durable: content.clone(), dirty: false, written: *number };
                    disk.files.insert(*number, content);
                    next.push(disk);
                }
            }
            disks = next;
        }
        disks
    }

    /// The same disk with numbers in place of the random names of temporary files.
    pub(super) fn canonical(&self) -> Self {
        let mut disk = self.clone();
        disk.names = BTreeMap::new();
        for (place, (name, file)) in self.names.iter().enumerate() {
            let name = if name.starts_with('.') { format!(".{place}") } else { name.clone() };
            disk.names.insert(name, *file);
        }
        disk.durable.clone_from(&disk.names);
        disk
    }

    fn change(&mut self, effects: Vec<(String, Option<u64>)>) {
        for (name, stands_for) in &effects {
            match stands_for {
                Some(file) => self.names.insert(name.clone(), *file),
                None => self.names.remove(name),
            };
        }
        self.changes.push(Change { effects, forgotten: false });
    }

    fn sync(&mut self) {
        let mut written = BTreeSet::new();
        for change in self.changes.iter().filter(|change| !change.forgotten) {
            for (name, stands_for) in &change.effects {
                match stands_for {
                    Some(file) => self.durable.insert(name.clone(), *file),
                    None => self.durable.remove(name),
                };
                written.insert(name.clone());
            }
        }
        self.changes.retain_mut(|change| {
            change.effects.retain(|(name, _)| !written.contains(name));
            change.forgotten && !change.effects.is_empty()
        });
    }

    fn forget(&mut self) {
        for change in &mut self.changes {
            change.forgotten = true;
        }
    }

    fn tick(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn stat(&self, number: u64) -> Stat {
        let file = &self.files[&number];
        Stat {
            kind: FileType::RegularFile,
            links: self.names.values().filter(|named| **named == number).count() as u64,
            mode: 0o600,
            ours: true,
            identity: Identity {
                inode: number,
                bytes: file.visible.len() as u64,
                written: i64::try_from(file.written).expect("few calls are made"),
            },
        }
    }
}

impl Content {
    fn crashes(&self) -> BTreeSet<Vec<u8>> {
        if self.visible == self.durable {
            return BTreeSet::from([self.durable.clone()]);
        }
        let mut torn = self.visible[..self.visible.len() / 2].to_vec();
        let zeros = vec![0; self.visible.len()];
        let half = torn.clone();
        torn.extend(self.durable.iter().skip(half.len()));
        BTreeSet::from([self.durable.clone(), self.visible.clone(), half, torn, zeros])
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    List,
    Stat,
    Open,
    StatFile,
    Read,
    Create,
    Write,
    SyncFile,
    RenameNew,
    Rename,
    Unlink,
    SyncDir,
}

/// How a call fails.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fault {
    /// It does nothing.
    Refused(Errno),
    /// It does its work, and the answer is lost.
    Lost(Errno),
    /// It is not made at all, so nothing is forgotten either.
    CutOff(Errno),
}

type Plan = dyn FnMut(usize, Call) -> Option<Fault> + Send;

/// The disk before a call, and what the test considered possible then.
#[derive(Debug, Clone)]
pub(super) struct Moment<E> {
    pub(super) disk: Disk,
    pub(super) expected: E,
}

/// A running machine with a [`Disk`]. Its clones share it.
#[derive(Clone)]
pub(super) struct Model<E>(Arc<Mutex<Machine<E>>>);

struct Machine<E> {
    disk: Disk,
    calls: usize,
    faults: Vec<Call>,
    plan: Box<Plan>,
    /// Whether the last call that failed was not made at all.
    is_cut_off: bool,
    expected: E,
    /// `None` if the test does not examine them.
    moments: Option<Vec<Moment<E>>>,
}

impl<E> Model<E> {
    fn machine(&self) -> MutexGuard<'_, Machine<E>> {
        self.0.lock().expect("no test panics in here")
    }

    pub(super) fn disk(&self) -> Disk {
        self.machine().disk.clone()
    }

    /// How many calls were made.
    pub(super) fn calls(&self) -> usize {
        self.machine().calls
    }

    /// The calls that were made to fail.
    pub(super) fn faults(&self) -> Vec<Call> {
        self.machine().faults.clone()
    }

    /// From now on the `n`th call (from 0, since the start of the machine) fails as `plan` says.
    pub(super) fn fail(&self, plan: impl FnMut(usize, Call) -> Option<Fault> + Send + 'static) {
        let mut machine = self.machine();
        (machine.plan, machine.is_cut_off) = (Box::new(plan), false);
    }

    /// Puts a file there as another program would, durably.
    pub(super) fn put(&self, name: &str, bytes: &[u8]) {
        let mut machine = self.machine();
        let disk = &mut machine.disk;
        let number = disk.tick();
        let content = Content { visible: bytes.to_vec(), durable: bytes.to_vec(), dirty: false, written: number };
        disk.files.insert(number, content);
        for names in [&mut disk.names, &mut disk.durable] {
            names.insert(name.to_owned(), number);
        }
    }

    /// Sets what is possible after a crash from now on.
    pub(super) fn expect(&self, expected: E) {
        self.machine().expected = expected;
    }
}

impl<E: Clone + Send + 'static> Model<E> {
    pub(super) fn new(disk: Disk, expected: E) -> Self {
        Self::noting(disk, expected, Some(vec![]))
    }

    /// One that notes nothing, and so takes no more room than the disk.
    pub(super) fn forgetful(disk: Disk, expected: E) -> Self {
        Self::noting(disk, expected, None)
    }

    fn noting(disk: Disk, expected: E, moments: Option<Vec<Moment<E>>>) -> Self {
        let plan = Box::new(|_, _| None);
        let machine = Machine { disk, calls: 0, faults: vec![], plan, is_cut_off: false, expected, moments };
        Self(Arc::new(Mutex::new(machine)))
    }

    /// The disk before every call, and now.
    pub(super) fn moments(&self) -> Vec<Moment<E>> {
        let machine = self.machine();
        let now = Moment { disk: machine.disk.clone(), expected: machine.expected.clone() };
        machine.moments.iter().flatten().cloned().chain([now]).collect()
    }

    fn call<T>(&self, call: Call, work: impl FnOnce(&mut Disk) -> Result<T>) -> Result<T> {
        let mut machine = self.machine();
        match call {
            // These leave the disk as it is: a crash before them is a crash after them.
            Call::List | Call::Stat | Call::Open | Call::StatFile | Call::Read => {}
            Call::Create
            | Call::Write
            | Call::SyncFile
            | Call::RenameNew
            | Call::Rename
            | Call::Unlink
            | Call::SyncDir => {
                let Machine { disk, expected, moments, .. } = &mut *machine;
                if let Some(moments) = moments {
                    moments.push(Moment { disk: disk.clone(), expected: expected.clone() });
                }
            }
        }
        let number = machine.calls;
        machine.calls += 1;
        let fault = (machine.plan)(number, call);
        if fault.is_some() {
            machine.faults.push(call);
            machine.is_cut_off = matches!(fault, Some(Fault::CutOff(_)));
        }
        match fault {
            None => work(&mut machine.disk),
            Some(Fault::Refused(errno) | Fault::CutOff(errno)) => Err(errno),
            Some(Fault::Lost(errno)) => work(&mut machine.disk).and(Err(errno)),
        }
    }

    /// Writes into a file that is there already: what no good store does. From outside it looks like a rename.
    pub(super) fn write_in_place(&self, from: &str, to: &str) -> Result<()> {
        let new = self.call(Call::Write, |disk| {
            let new = *disk.names.get(from).ok_or(Errno::NOENT)?;
            let old = *disk.names.get(to).ok_or(Errno::NOENT)?;
            let durable = disk.files.remove(&old).expect("a name stands for a file").durable;
            let stand_for_old = disk.names.values_mut().chain(disk.durable.values_mut());
            let changed =
                disk.changes.iter_mut().flat_map(|change| &mut change.effects).filter_map(|(_, file)| file.as_mut());
            stand_for_old.chain(changed).filter(|file| **file == old).for_each(|file| *file = new);
            let file = disk.files.get_mut(&new).expect("a name stands for a file");
            let bytes = std::mem::take(&mut file.visible);
            (file.durable, file.dirty) = (durable, true);
            disk.change(vec![(from.to_owned(), None)]);
            Ok((new, bytes))
        });
        let (number, bytes) = new?;
        self.call(Call::Write, |disk| {
            disk.files.get_mut(&number).expect("a name stands for a file").visible = bytes;
            Ok(())
        })?;
        self.sync_file(&Handle { number, at: 0 })
    }
}

/// An open file.
pub(super) struct Handle {
    number: u64,
    at: usize,
}

impl<E: Clone + Send + 'static> Fs for Model<E> {
    type File = Handle;

    fn list(&self, each: &mut dyn FnMut(&OsStr)) -> Result<()> {
        self.call(Call::List, |disk| {
            disk.names().for_each(|name| each(OsStr::new(name)));
            Ok(())
        })
    }

    fn stat(&self, name: &str) -> Result<Stat> {
        self.call(Call::Stat, |disk| disk.names.get(name).map(|number| disk.stat(*number)).ok_or(Errno::NOENT))
    }

    fn open(&self, name: &str) -> Result<Handle> {
        self.call(Call::Open, |disk| {
            disk.names.get(name).map(|number| Handle { number: *number, at: 0 }).ok_or(Errno::NOENT)
        })
    }

    fn stat_file(&self, file: &Handle) -> Result<Stat> {
        self.call(Call::StatFile, |disk| Ok(disk.stat(file.number)))
    }

    fn read(&self, file: &mut Handle, buffer: &mut [u8]) -> Result<usize> {
        self.call(Call::Read, |disk| {
            let rest = &disk.files[&file.number].visible[file.at..];
            let read = rest.len().min(buffer.len());
            buffer[..read].copy_from_slice(&rest[..read]);
            file.at += read;
            Ok(read)
        })
    }

    fn create(&self, name: &str) -> Result<Handle> {
        self.call(Call::Create, |disk| {
            if disk.names.contains_key(name) {
                return Err(Errno::EXIST);
            }
            let number = disk.tick();
            disk.files.insert(number, Content { written: number, ..Content::default() });
            disk.change(vec![(name.to_owned(), Some(number))]);
            Ok(Handle { number, at: 0 })
        })
    }

    fn write(&self, file: &mut Handle, bytes: &[u8]) -> Result<usize> {
        self.call(Call::Write, |disk| {
            let written = disk.tick();
            let content = disk.files.get_mut(&file.number).expect("an open file is there");
            let taken = bytes.len().min(WRITE);
            content.visible.extend_from_slice(&bytes[..taken]);
            (content.dirty, content.written) = (true, written);
            Ok(taken)
        })
    }

    fn sync_file(&self, file: &Handle) -> Result<()> {
        let done = self.call(Call::SyncFile, |disk| {
            let content = disk.files.get_mut(&file.number).expect("an open file is there");
            if content.dirty {
                content.durable.clone_from(&content.visible);
                content.dirty = false;
            }
            Ok(())
        });
        let mut machine = self.machine();
        if done.is_err() && !machine.is_cut_off {
            machine.disk.files.get_mut(&file.number).expect("an open file is there").dirty = false;
        }
        done
    }

    fn rename_new(&self, from: &str, to: &str) -> Result<()> {
        self.call(Call::RenameNew, |disk| {
            let number = *disk.names.get(from).ok_or(Errno::NOENT)?;
            if disk.names.contains_key(to) {
                return Err(Errno::EXIST);
            }
            disk.change(vec![(to.to_owned(), Some(number)), (from.to_owned(), None)]);
            Ok(())
        })
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        self.call(Call::Rename, |disk| {
            let number = *disk.names.get(from).ok_or(Errno::NOENT)?;
            disk.change(vec![(to.to_owned(), Some(number)), (from.to_owned(), None)]);
            Ok(())
        })
    }

    fn unlink(&self, name: &str) -> Result<()> {
        self.call(Call::Unlink, |disk| {
            disk.names.get(name).ok_or(Errno::NOENT)?;
            disk.change(vec![(name.to_owned(), None)]);
            Ok(())
        })
    }

    fn sync_dir(&self) -> Result<()> {
        let done = self.call(Call::SyncDir, |disk| {
            disk.sync();
            Ok(())
        });
        let mut machine = self.machine();
        if done.is_err() && !machine.is_cut_off {
            machine.disk.forget();
        }
        done
    }
}
