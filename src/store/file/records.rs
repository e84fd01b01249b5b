//! The operations of the file store: their steps, the order of these, and the outcome when a step fails.
//!
//! The order of the steps of a save matters:
//!
//! 1. Create a new file with a random name, write all bytes, and `fsync` it. A record's name must never refer to bytes that
//!    are not on the disk.
//! 2. Check the identity of the existing file. If it is not the one that was last read or written here, another program has
//!    edited it: a conflict.
//! 3. Rename the new file into place. For a first save, the rename must not replace a file.
//! 4. `fsync` the directory. Without it, a power cut restores the old record.
//! 5. Report the outcome.
//!
//! A failure before the rename is [`WriteOutcome::NotApplied`], and the new file is removed. After a failure of the last
//! `fsync`, all steps are repeated once with another new file, because a second `fsync` of something that failed may report
//! success although the data was dropped. If that fails too, the record is *unsettled*: it is visible but may not be durable.
//! It is returned or replaced only after its visible state has gone through all steps again.
//!
//! An unsettled delete is settled by writing the removed record again and removing it again, because that changes the same
//! entry of the directory once more. A power cut in between leaves the record whole or not at all.
//!
//! The index holds the revision and the identity of each file, so that a save reads no file. Nothing here looks into the body
//! of a record, or changes a file that the store did not create.

mod directory_sync;
mod in_use;
mod name;

use std::collections::HashMap;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};

use rustix::fs::FileType;
use rustix::io::Errno;

use crate::model::id::ConversationId;
use crate::record::{MAX_BYTES, Reason, Record, Revision, Unreadable};
use crate::store::file::error::FileError;
use crate::store::file::fs::{Fs, Identity, Stat};
use crate::store::{LoadError, WriteOutcome};

pub(super) use directory_sync::DirectorySync;
use in_use::{InUse, unpoisoned};
use name::{Name, file_name, printable, temporary_name};

/// The records of one directory.
pub(super) struct Records<F> {
    fs: F,
    index: Mutex<HashMap<ConversationId, Entry>>,
    in_use: InUse,
    directory: DirectorySync,
}

/// What the index knows of a record. No entry means that the file was not read yet.
enum Entry {
    /// The record is durable, as far as this process wrote it.
    Settled(Known),
    /// The visible state may not be durable. After a delete, with the bytes that were removed.
    Unsettled(Option<Box<[u8]>>),
}

#[derive(Clone, Copy)]
struct Known {
    revision: Revision,
    identity: Identity,
}

/// The content of the file of a conversation.
#[allow(clippy::large_enum_variant, reason = "it lives as long as one call, and a box would be one more allocation")]
enum Found {
    Nothing,
    Record(Record, Identity),
    Unreadable(Reason),
}

/// Why a record was not written.
enum Unwritten {
    /// Nothing changed.
    Failed(FileError),
    /// Nothing changed, because the file in place is not the one that was to be replaced.
    Changed,
    /// The name refers to the new record, but this may not be durable.
    NotDurable(Identity, FileError),
    /// It is unknown which record the name refers to.
    Unsure(FileError),
}

impl<F: Fs> Records<F> {
    /// Opens the records of a locked directory: removes the temporary files of interrupted saves, and syncs the directory.
    pub(super) fn open(fs: F) -> Result<Self, FileError> {
        let records =
            Self { fs, index: Mutex::default(), in_use: InUse::default(), directory: DirectorySync::default() };
        let mut leftovers = Vec::new();
        let listed = records.fs.list(&mut |name| match Name::of(name) {
            Name::Temporary(name) => leftovers.push(name),
            Name::Record(_) | Name::Foreign => {}
        });
        listed.map_err(doing("listing the directory"))?;
        for name in leftovers {
            let stat = patiently(|| records.fs.stat(&name)).map_err(doing("looking at a leftover"))?;
            if stat.kind == FileType::RegularFile {
                patiently(|| records.fs.unlink(&name)).map_err(doing("removing a leftover"))?;
            }
        }
        // A process that was killed between rename and fsync left a record that a power cut would undo.
        records.fs.sync_dir().map_err(doing("making the directory durable"))?;
        Ok(records)
    }

    /// Calls `each` with every entry until it returns false. Reads with this many threads.
    pub(super) fn load_all(
        &self,
        threads: usize,
        each: &(dyn Fn(Result<Record, Unreadable>) -> bool + Sync),
    ) -> Result<(), FileError> {
        let mut ids = Vec::new();
        let mut others = Vec::new();
        let listed = self.fs.list(&mut |name| match Name::of(name) {
            Name::Record(id) => ids.push(id),
            Name::Temporary(temporary) => others.push((printable(name), Some(temporary))),
            Name::Foreign => others.push((printable(name), None)),
        });
        listed.map_err(doing("listing the directory"))?;
        let next = AtomicUsize::new(0);
        let read = || {
            while let Some(&id) = ids.get(next.fetch_add(1, Ordering::Relaxed)) {
                let wants_more = match self.entry(id) {
                    Ok(entry) => entry.is_none_or(each),
                    Err(error) => {
                        next.store(ids.len(), Ordering::Relaxed);
                        return Err(error);
                    }
                };
                if !wants_more {
                    next.store(ids.len(), Ordering::Relaxed);
                    return Ok(false);
                }
            }
            Ok(true)
        };
        let wants_more = std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads.min(ids.len())).map(|_| scope.spawn(read)).collect();
            let mine = read();
            let others = others.into_iter().map(|other| other.join().unwrap_or_else(|panic| resume_unwind(panic)));
            others.fold(mine, |all, one| Ok(all? & one?))
        });
        if !wants_more? {
            return Ok(());
        }
        for (entry, temporary) in others {
            // The temporary file of a save in progress is not an entry.
            if let Some(name) = temporary {
                match patiently(|| self.fs.stat(&name)) {
                    Ok(stat) if stat.kind == FileType::RegularFile => continue,
                    Err(Errno::NOENT) => continue,
                    Ok(_) => {}
                    Err(errno) => return Err(FileError::new("looking at a temporary file", errno)),
                }
            }
            let reason = Reason::NotARecord("its name is not that of a record".to_owned());
            if !each(Err(Unreadable { id: None, entry, reason })) {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The entry of a conversation; `None` if there is none.
    fn entry(&self, id: ConversationId) -> Result<Option<Result<Record, Unreadable>>, FileError> {
        match self.visit(id) {
            Ok(Found::Nothing) => Ok(None),
            Ok(Found::Record(record, _)) => Ok(Some(Ok(record))),
            Ok(Found::Unreadable(reason)) => Ok(Some(Err(unreadable(id, reason)))),
            // An unreadable disk block affects one record and must not keep the others from being loaded.
            Err(error) if error.is(Errno::IO) && !self.is_unsettled(id) => {
                Ok(Some(Err(unreadable(id, Reason::Corrupt(error.to_string())))))
            }
            Err(error) => Err(error),
        }
    }

    /// Calls `each` with the records after `after`, in the order of their ids, until it returns false. Unreadable entries are
    /// omitted.
    pub(super) fn in_order(
        &self,
        after: Option<ConversationId>,
        each: &mut dyn FnMut(Record) -> bool,
    ) -> Result<(), FileError> {
        let mut ids = Vec::new();
        let listed = self.fs.list(&mut |name| match Name::of(name) {
            Name::Record(id) if after.is_none_or(|after| id > after) => ids.push(id),
            Name::Record(_) | Name::Temporary(_) | Name::Foreign => {}
        });
        listed.map_err(doing("listing the directory"))?;
        ids.sort_unstable();
        for id in ids {
            if let Some(Ok(record)) = self.entry(id)?
                && !each(record)
            {
                break;
            }
        }
        Ok(())
    }

    pub(super) fn load(&self, id: ConversationId) -> Result<Option<Record>, LoadError> {
        match self.visit(id) {
            Ok(Found::Nothing) => Ok(None),
            Ok(Found::Record(record, _)) => Ok(Some(record)),
            Ok(Found::Unreadable(reason)) => Err(LoadError::Unreadable(unreadable(id, reason))),
            Err(error) => Err(LoadError::Store(error.into())),
        }
    }

    pub(super) fn save(&self, record: &Record, replaces: Option<Revision>) -> WriteOutcome {
        let id = record.id();
        let _claim = self.in_use.claim(id);
        let known = match self.known(id, replaces.is_some()) {
            Ok(known) => known,
            Err(hindrance) => return hindrance.into(),
        };
        let stored = known.map(|known| known.revision);
        if stored != replaces {
            return WriteOutcome::Conflict { stored };
        }
        // Before the write, so that a panic leaves a record that must be settled first and not a wrong index entry.
        let before = self.index().insert(id, Entry::Unsettled(None));
        let mut written = self.write(id, record.bytes(), known.map(|known| known.identity));
        if let Err(Unwritten::NotDurable(visible, _)) = written {
            written = self.write(id, record.bytes(), Some(visible)).map_err(Unwritten::at_second_try);
        }
        match written {
            Ok(identity) => {
                self.note(record, identity);
                WriteOutcome::Applied
            }
            Err(Unwritten::Failed(error)) => {
                self.restore(id, before);
                WriteOutcome::NotApplied(error.into())
            }
            Err(Unwritten::Changed) => {
                // The index keeps its entry: a foreign record can only be replaced after a load has returned it.
                self.restore(id, before);
                WriteOutcome::Conflict { stored: self.visible_revision(id) }
            }
            Err(Unwritten::NotDurable(_, error) | Unwritten::Unsure(error)) => WriteOutcome::Unknown(error.into()),
        }
    }

    pub(super) fn delete(&self, id: ConversationId, replaces: Revision) -> WriteOutcome {
        let _claim = self.in_use.claim(id);
        let known = match self.known(id, false) {
            Ok(known) => known,
            Err(hindrance) => return hindrance.into(),
        };
        // The whole record is read, because its bytes are needed again if the directory cannot be synced.
        let removed = match self.read(id) {
            Ok(Found::Nothing) => None,
            Ok(Found::Record(record, identity)) => {
                let edited = known.is_some_and(|known| known.identity != identity);
                if edited || record.revision() != replaces {
                    return WriteOutcome::Conflict { stored: Some(record.revision()) };
                }
                Some(record.bytes().into())
            }
            Ok(Found::Unreadable(_)) => return WriteOutcome::Conflict { stored: None },
            Err(error) => return WriteOutcome::NotApplied(error.into()),
        };
        let there = removed.is_some();
        let before = self.index().insert(id, Entry::Unsettled(removed));
        let begun = self.directory.begin();
        if there && let Err(errno) = self.unlink(id) {
            match patiently(|| self.fs.stat(&file_name(id))) {
                Err(Errno::NOENT) => {}
                Ok(_) => {
                    self.restore(id, before);
                    return WriteOutcome::NotApplied(FileError::new("removing the file", errno).into());
                }
                Err(_) => return WriteOutcome::Unknown(FileError::new("removing the file", errno).into()),
            }
        }
        // Also if there was no file: another program may have removed it, and not durably.
        match self.directory.sync(&self.fs, begun) {
            Ok(()) => {
                self.index().remove(&id);
                WriteOutcome::Applied
            }
            Err(error) => WriteOutcome::Unknown(error.into()),
        }
    }

    /// Removes a record that is not needed any more, if it has this revision. The directory is not synced, so after a power
    /// cut the record may be there again, whole.
    pub(super) fn discard(&self, id: ConversationId, replaces: Revision) -> WriteOutcome {
        let _claim = self.in_use.claim(id);
        let known = match self.known(id, true) {
            Ok(Some(known)) => known,
            Ok(None) => return WriteOutcome::Applied,
            Err(hindrance) => return hindrance.into(),
        };
        match patiently(|| self.fs.stat(&file_name(id))) {
            Ok(stat) if stat.identity == known.identity && known.revision == replaces => {}
            Ok(_) => return WriteOutcome::Conflict { stored: self.visible_revision(id) },
            Err(Errno::NOENT) => return WriteOutcome::Applied,
            Err(errno) => return WriteOutcome::NotApplied(FileError::new("looking at the old file", errno).into()),
        }
        match self.unlink(id) {
            Ok(()) => {
                self.index().remove(&id);
                WriteOutcome::Applied
            }
            Err(errno) => WriteOutcome::NotApplied(FileError::new("removing the file", errno).into()),
        }
    }

    /// Reads a record to return it, and settles it first if it is unsettled.
    fn visit(&self, id: ConversationId) -> Result<Found, FileError> {
        let _claim = self.in_use.claim(id);
        if self.is_unsettled(id) {
            return self.settle(id);
        }
        let found = self.read(id)?;
        match &found {
            Found::Nothing => {
                self.index().remove(&id);
            }
            Found::Record(record, identity) => self.note(record, *identity),
            Found::Unreadable(_) => {}
        }
        Ok(found)
    }

    /// The index entry of a record, which is settled first. Without an entry, reads the file if `look` is set.
    fn known(&self, id: ConversationId, look: bool) -> Result<Option<Known>, Hindrance> {
        if self.is_unsettled(id) {
            match self.settle(id).map_err(Hindrance::Failed)? {
                Found::Nothing | Found::Record(..) => {}
                Found::Unreadable(_) => return Err(Hindrance::Unreadable),
            }
        }
        match self.index().get(&id) {
            Some(Entry::Settled(known)) => return Ok(Some(*known)),
            Some(Entry::Unsettled(_)) => unreachable!("BUG: a record that was just settled is unsettled"),
            None if !look => return Ok(None),
            None => {}
        }
        match self.read(id).map_err(Hindrance::Failed)? {
            Found::Nothing => Ok(None),
            Found::Record(record, identity) => Ok(Some(Known { revision: record.revision(), identity })),
            Found::Unreadable(_) => Err(Hindrance::Unreadable),
        }
    }

    fn is_unsettled(&self, id: ConversationId) -> bool {
        matches!(self.index().get(&id), Some(Entry::Unsettled(_)))
    }

    /// Makes the visible state of a record durable, by all steps of a save.
    fn settle(&self, id: ConversationId) -> Result<Found, FileError> {
        match self.read(id)? {
            Found::Record(record, visible) => {
                let identity = self.write(id, record.bytes(), Some(visible))?;
                self.note(&record, identity);
                Ok(Found::Record(record, identity))
            }
            Found::Nothing => {
                let removed = match self.index().get(&id) {
                    Some(Entry::Unsettled(removed)) => removed.clone(),
                    Some(Entry::Settled(_)) | None => None,
                };
                self.remove_again(id, removed.as_deref())?;
                self.index().remove(&id);
                Ok(Found::Nothing)
            }
            Found::Unreadable(reason) => Ok(Found::Unreadable(reason)),
        }
    }

    /// Makes a delete durable.
    fn remove_again(&self, id: ConversationId, removed: Option<&[u8]>) -> Result<(), FileError> {
        if let Some(bytes) = removed {
            self.write(id, bytes, None)?;
        }
        let begun = self.directory.begin();
        if removed.is_some() {
            self.unlink(id).map_err(doing("removing the file"))?;
        }
        self.directory.sync(&self.fs, begun)
    }

    /// All steps of a save.
    fn write(&self, id: ConversationId, bytes: &[u8], over: Option<Identity>) -> Result<Identity, Unwritten> {
        let temporary = temporary_name().map_err(Unwritten::Failed)?;
        let mut file = patiently(|| self.fs.create(&temporary))
            .map_err(|errno| Unwritten::Failed(FileError::new("creating a temporary file", errno)))?;
        let filled = self.fill(&mut file, bytes).map_err(Unwritten::Failed);
        drop(file);
        let begun = self.directory.begin();
        let renamed = filled.and_then(|new| self.rename(&temporary, id, over, new));
        if renamed.is_err() {
            // If this fails too, the next `open` removes the file.
            let _ = patiently(|| self.fs.unlink(&temporary));
        }
        let identity = renamed?;
        self.directory.sync(&self.fs, begun).map_err(|error| Unwritten::NotDurable(identity, error))?;
        Ok(identity)
    }

    fn fill(&self, file: &mut F::File, mut bytes: &[u8]) -> Result<Identity, FileError> {
        while !bytes.is_empty() {
            match patiently(|| self.fs.write(file, bytes)).map_err(doing("writing"))? {
                // Otherwise this would loop for ever.
                0 => return Err(FileError::new("writing", Errno::IO)),
                written => bytes = &bytes[written..],
            }
        }
        // Never retried: after reporting a failure, the system drops the data that it could not write.
        self.fs.sync_file(file).map_err(doing("making the file durable"))?;
        patiently(|| self.fs.stat_file(file)).map(|stat| stat.identity).map_err(doing("looking at the new file"))
    }

    fn rename(
        &self,
        temporary: &str,
        id: ConversationId,
        over: Option<Identity>,
        new: Identity,
    ) -> Result<Identity, Unwritten> {
        let name = file_name(id);
        let renamed = match over {
            None => patiently(|| self.fs.rename_new(temporary, &name)),
            Some(expected) => match patiently(|| self.fs.stat(&name)) {
                Ok(stat) if stat.identity == expected => patiently(|| self.fs.rename(temporary, &name)),
                Ok(_) | Err(Errno::NOENT) => return Err(Unwritten::Changed),
                Err(errno) => return Err(Unwritten::Failed(FileError::new("looking at the old file", errno))),
            },
        };
        let Err(errno) = renamed else { return Ok(new) };
        let error = FileError::new("renaming", errno);
        // A rename that was interrupted, or whose reply was lost by a network file system, may have taken effect.
        match patiently(|| self.fs.stat(&name)) {
            Ok(stat) if stat.identity == new => Ok(new),
            _ if errno == Errno::EXIST => Err(Unwritten::Changed),
            Ok(_) | Err(Errno::NOENT) => Err(Unwritten::Failed(error)),
            Err(_) => Err(Unwritten::Unsure(error)),
        }
    }

    fn unlink(&self, id: ConversationId) -> rustix::io::Result<()> {
        patiently(|| self.fs.unlink(&file_name(id)))
    }

    /// Reads the file of a conversation, which may be of any kind.
    fn read(&self, id: ConversationId) -> Result<Found, FileError> {
        let not_a_record = |what: &str| Ok(Found::Unreadable(Reason::NotARecord(what.to_owned())));
        let mut file = match patiently(|| self.fs.open(&file_name(id))) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(Found::Nothing),
            Err(Errno::LOOP | Errno::MLINK) => return not_a_record("it is a symbolic link"),
            Err(Errno::NXIO | Errno::NODEV) => return not_a_record("it is a socket or a device"),
            Err(Errno::ACCESS | Errno::PERM) => return not_a_record("this user may not read it"),
            Err(errno) => return Err(FileError::new("opening the file", errno)),
        };
        let stat = patiently(|| self.fs.stat_file(&file)).map_err(doing("looking at the file"))?;
        if let Some(reason) = refuse(&stat) {
            return Ok(Found::Unreadable(reason));
        }
        let bytes = self.read_to_end(&mut file, &stat).map_err(doing("reading the file"))?;
        Ok(match Record::parse(bytes) {
            Ok(record) if record.id() == id => Found::Record(record, stat.identity),
            Ok(record) => Found::Unreadable(Reason::Corrupt(format!("it is the record of {}", record.id()))),
            Err(reason) => Found::Unreadable(reason),
        })
    }

    /// Reads at most one byte more than a record may have, even if the file grows meanwhile.
    fn read_to_end(&self, file: &mut F::File, stat: &Stat) -> rustix::io::Result<Vec<u8>> {
        // One byte more than expected, so that the end of the file is detected without growing the buffer.
        let mut bytes = vec![0; usize::try_from(stat.identity.bytes).map_or(MAX_BYTES, |n| n.min(MAX_BYTES)) + 1];
        let mut filled = 0;
        loop {
            if filled == bytes.len() {
                if filled > MAX_BYTES {
                    return Ok(bytes);
                }
                bytes.resize(MAX_BYTES + 1, 0);
            }
            match patiently(|| self.fs.read(file, &mut bytes[filled..]))? {
                0 => break,
                read => filled += read,
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }

    fn visible_revision(&self, id: ConversationId) -> Option<Revision> {
        match self.read(id) {
            Ok(Found::Record(record, _)) => Some(record.revision()),
            Ok(Found::Nothing | Found::Unreadable(_)) | Err(_) => None,
        }
    }

    fn note(&self, record: &Record, identity: Identity) {
        let known = Known { revision: record.revision(), identity };
        self.index().insert(record.id(), Entry::Settled(known));
    }

    fn restore(&self, id: ConversationId, before: Option<Entry>) {
        match before {
            Some(entry) => self.index().insert(id, entry),
            None => self.index().remove(&id),
        };
    }

    fn index(&self) -> MutexGuard<'_, HashMap<ConversationId, Entry>> {
        unpoisoned(self.index.lock())
    }
}

/// Why a change was not begun.
enum Hindrance {
    /// The file is not a readable record.
    Unreadable,
    Failed(FileError),
}

impl From<Hindrance> for WriteOutcome {
    fn from(hindrance: Hindrance) -> Self {
        match hindrance {
            Hindrance::Unreadable => Self::Conflict { stored: None },
            Hindrance::Failed(error) => Self::NotApplied(error.into()),
        }
    }
}

impl Unwritten {
    /// The error of the second try, after the first one did rename: which record is visible is unknown then.
    fn at_second_try(self) -> Self {
        Self::Unsure(self.into())
    }
}

impl From<Unwritten> for FileError {
    fn from(unwritten: Unwritten) -> Self {
        match unwritten {
            Unwritten::Failed(error) | Unwritten::NotDurable(_, error) | Unwritten::Unsure(error) => error,
            Unwritten::Changed => Self::new("replacing a file that another program edits", Errno::AGAIN),
        }
    }
}

/// Why a file is not read at all. Reading a pipe would block. A file that other users may write, or that has a second name,
/// may change after its checksum was verified.
pub(super) fn refuse(stat: &Stat) -> Option<Reason> {
    let what = match stat.kind {
        FileType::RegularFile => None,
        FileType::Directory => Some("it is a directory"),
        FileType::Symlink => Some("it is a symbolic link"),
        FileType::Fifo => Some("it is a pipe"),
        FileType::Socket => Some("it is a socket"),
        FileType::CharacterDevice | FileType::BlockDevice => Some("it is a device"),
        FileType::Unknown => Some("its type is unknown"),
    };
    let what = what.or_else(|| (stat.links != 1).then_some("it has a second name (a hard link)"));
    let what = what.or_else(|| (stat.mode & 0o022 != 0).then_some("other users may write to it"));
    let what = what.or_else(|| (!stat.ours).then_some("it belongs to another user"));
    if let Some(what) = what {
        return Some(Reason::NotARecord(what.to_owned()));
    }
    (stat.identity.bytes > MAX_BYTES as u64).then_some(Reason::TooLarge(stat.identity.bytes))
}

fn unreadable(id: ConversationId, reason: Reason) -> Unreadable {
    Unreadable { id: Some(id), entry: file_name(id), reason }
}

fn doing(what: &'static str) -> impl FnOnce(Errno) -> FileError {
    move |errno| FileError::new(what, errno)
}

/// Repeats a call while a signal interrupts it. Not for `fsync`, whose interrupted call may have dropped data.
fn patiently<T>(call: impl FnMut() -> rustix::io::Result<T>) -> rustix::io::Result<T> {
    rustix::io::retry_on_intr(call)
}
