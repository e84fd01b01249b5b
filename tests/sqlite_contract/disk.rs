//! A disk in memory that can lose power.
//!
//! A [`Disk`] keeps apart what programs see and what is durable: what was written and not synced, and names that were
//! made or removed since the directory was synced. [`Disk::after_cut`] gives states in which a power cut could leave it.
//! A sync that fails forgets what it should have written, as Linux does: the next one answers that all is well.
//!
//! Not every subset of what was not synced is a state here, since there would be too many: see there for those that are.

use std::collections::{BTreeMap, BTreeSet};

/// What the system reads and writes at once: after a failed sync such a page is taken for clean, and a byte that is
/// written into it makes all of it dirty again.
const PAGE: usize = 4096;

/// What is never torn.
const SECTOR: usize = 512;

/// A cut loses what was written before the last so many changes wholly or not at all.
const CHANGES: usize = 24;

#[derive(Debug, Clone, Default)]
pub(crate) struct Disk {
    files: BTreeMap<u64, File>,
    /// What programs see.
    names: BTreeMap<String, u64>,
    /// What a power cut leaves for sure.
    durable: BTreeMap<String, u64>,
    /// What was changed since, oldest first.
    unsynced: Vec<Change>,
    next: u64,
}

#[derive(Debug, Clone, Default)]
struct File {
    visible: Vec<u8>,
    durable: Vec<u8>,
    /// Pages that a failed sync should have written. They may be on the disk by chance, and no later sync writes them.
    forgotten: BTreeMap<usize, Vec<u8>>,
    /// Nobody looks at it after a power cut.
    is_temporary: bool,
}

/// What a call changed.
#[derive(Debug, Clone)]
enum Change {
    Write {
        file: u64,
        at: usize,
        bytes: Vec<u8>,
    },
    Resize {
        file: u64,
        size: usize,
    },
    /// The name stands for this file now, or for none.
    Name {
        name: String,
        file: Option<u64>,
    },
}

/// How much of a change a power cut has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Nothing,
    /// The sectors before the middle.
    Front,
    /// The sectors after the middle.
    Back,
    Whole,
}

/// What each name stands for.
type Image = BTreeMap<String, Vec<u8>>;

impl Disk {
    /// With an empty file of this name.
    pub(crate) fn with_empty_file(name: &str) -> Self {
        Self::from(Image::from([(name.to_owned(), Vec::new())]))
    }

    /// What the next process finds.
    pub(crate) fn find(&self, name: &str) -> Option<u64> {
        self.names.get(name).copied()
    }

    pub(crate) fn create(&mut self, name: &str) -> u64 {
        let file = self.add(File::default());
        self.name(name, Some(file));
        file
    }

    pub(crate) fn create_temporary(&mut self) -> u64 {
        self.add(File { is_temporary: true, ..File::default() })
    }

    /// Gives whether there was one.
    pub(crate) fn remove(&mut self, name: &str) -> bool {
        let is_there = self.names.contains_key(name);
        if is_there {
            self.name(name, None);
        }
        is_there
    }

    pub(crate) fn size(&self, file: u64) -> usize {
        self.files[&file].visible.len()
    }

    /// Gives how many bytes there were to read.
    pub(crate) fn read(&self, file: u64, at: usize, bytes: &mut [u8]) -> usize {
        let rest = self.files[&file].visible.get(at..).unwrap_or_default();
        let many = rest.len().min(bytes.len());
        bytes[..many].copy_from_slice(&rest[..many]);
        many
    }

    pub(crate) fn write(&mut self, file: u64, at: usize, bytes: &[u8]) {
        let content = self.file(file);
        put(&mut content.visible, at, bytes);
        if content.is_temporary || bytes.is_empty() {
            return;
        }
        let (mut begin, mut end) = (at, at + bytes.len());
        for page in begin / PAGE..=(end - 1) / PAGE {
            if content.forgotten.remove(&page).is_some() {
                begin = begin.min(page * PAGE);
                end = end.max((page + 1) * PAGE).min(content.visible.len());
            }
        }
        let bytes = content.visible[begin..end].to_vec();
        self.unsynced.push(Change::Write { file, at: begin, bytes });
    }

    pub(crate) fn resize(&mut self, file: u64, size: usize) {
        let content = self.file(file);
        if content.visible.len() == size {
            return;
        }
        content.visible.resize(size, 0);
        content.forgotten.retain(|page, _| page * PAGE < size);
        if !content.is_temporary {
            self.unsynced.push(Change::Resize { file, size });
        }
    }

    pub(crate) fn sync_file(&mut self, file: u64) {
        let durable = &mut self.files.get_mut(&file).expect("an open file is there").durable;
        self.unsynced.retain(|change| {
            let synced = change.file() == Some(file);
            if synced {
                change.apply(durable, Part::Whole);
            }
            !synced
        });
    }

    /// Makes names durable.
    pub(crate) fn sync_directory(&mut self) {
        self.durable.clone_from(&self.names);
        self.unsynced.retain(|change| !matches!(change, Change::Name { .. }));
    }

    /// A sync of this file has failed.
    pub(crate) fn forget(&mut self, file: u64) {
        let content = self.files.get_mut(&file).expect("an open file is there");
        self.unsynced.retain(|change| match change {
            Change::Write { file: written, at, bytes } if *written == file => {
                for page in at / PAGE..=(at + bytes.len() - 1) / PAGE {
                    let end = content.visible.len().min((page + 1) * PAGE);
                    if let Some(bytes) = content.visible.get(page * PAGE..end) {
                        content.forgotten.insert(page, bytes.to_vec());
                    }
                }
                false
            }
            // The size of a file and its name are in the log of the file system, which writes them later.
            Change::Write { .. } | Change::Resize { .. } | Change::Name { .. } => true,
        });
    }

    /// States in which a power cut could leave the disk, without repetitions. Of what was not synced it has left
    ///
    /// - nothing, all, or what was written first, with each place for the end: whole, or torn in its last write;
    /// - all but one change, or one change alone: a disk writes its cache in any order;
    /// - all of one file and nothing else, or all but what is of one file.
    pub(crate) fn after_cut(&self) -> Vec<Self> {
        let changes = self.changes();
        let mut images = BTreeSet::new();
        let mut leave = |part: &dyn Fn(usize) -> Part| images.insert(self.image(&changes, part));
        let whole_if = |is_left: bool| if is_left { Part::Whole } else { Part::Nothing };
        leave(&|_| Part::Nothing);
        leave(&|_| Part::Whole);
        for place in changes.len().saturating_sub(CHANGES)..changes.len() {
            leave(&|at| whole_if(at < place));
            leave(&|at| whole_if(at != place));
            leave(&|at| whole_if(at == place));
            for torn in [Part::Front, Part::Back] {
                leave(&|at| if at == place { torn } else { whole_if(at < place) });
            }
        }
        for file in self.files.keys() {
            leave(&|at| whole_if(changes[at].file() == Some(*file)));
            leave(&|at| whole_if(changes[at].file() != Some(*file)));
        }
        images.into_iter().map(Self::from).collect()
    }

    /// All that may or may not be on the disk, oldest first.
    fn changes(&self) -> Vec<Change> {
        let mut changes = Vec::new();
        for (file, content) in &self.files {
            for (page, bytes) in &content.forgotten {
                changes.push(Change::Write { file: *file, at: page * PAGE, bytes: bytes.clone() });
            }
        }
        changes.extend(self.unsynced.iter().cloned());
        changes
    }

    fn image(&self, changes: &[Change], part: &dyn Fn(usize) -> Part) -> Image {
        let mut files: BTreeMap<_, _> =
            self.files.iter().map(|(file, content)| (*file, content.durable.clone())).collect();
        let mut names = self.durable.clone();
        for (place, change) in changes.iter().enumerate() {
            match (change, part(place)) {
                (_, Part::Nothing) => {}
                (Change::Name { name, file }, Part::Front | Part::Back | Part::Whole) => set(&mut names, name, *file),
                (Change::Write { file, .. } | Change::Resize { file, .. }, part) => {
                    change.apply(files.get_mut(file).expect("a file is never taken away"), part);
                }
            }
        }
        names.into_iter().map(|(name, file)| (name, files[&file].clone())).collect()
    }

    fn add(&mut self, file: File) -> u64 {
        self.next += 1;
        self.files.insert(self.next, file);
        self.next
    }

    fn name(&mut self, name: &str, file: Option<u64>) {
        set(&mut self.names, name, file);
        self.unsynced.push(Change::Name { name: name.to_owned(), file });
    }

    fn file(&mut self, file: u64) -> &mut File {
        self.files.get_mut(&file).expect("an open file is there")
    }
}

impl From<Image> for Disk {
    fn from(image: Image) -> Self {
        let mut disk = Self::default();
        for (name, bytes) in image {
            let file = disk.add(File { visible: bytes.clone(), durable: bytes, ..File::default() });
            disk.names.insert(name, file);
        }
        disk.durable.clone_from(&disk.names);
        disk
    }
}

impl Change {
    /// The file whose content it changes.
    fn file(&self) -> Option<u64> {
        match self {
            Self::Write { file, .. } | Self::Resize { file, .. } => Some(*file),
            Self::Name { .. } => None,
        }
    }

    fn apply(&self, content: &mut Vec<u8>, part: Part) {
        match self {
            Self::Write { at, bytes, .. } => {
                let middle = ((at + bytes.len() / 2) / SECTOR * SECTOR).saturating_sub(*at).min(bytes.len());
                match part {
                    Part::Nothing => {}
                    Part::Front => put(content, *at, &bytes[..middle]),
                    Part::Back => put(content, at + middle, &bytes[middle..]),
                    Part::Whole => put(content, *at, bytes),
                }
            }
            Self::Resize { size, .. } => content.resize(*size, 0),
            Self::Name { .. } => {}
        }
    }
}

fn put(content: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    if content.len() < at + bytes.len() {
        content.resize(at + bytes.len(), 0);
    }
    content[at..at + bytes.len()].copy_from_slice(bytes);
}

fn set(names: &mut BTreeMap<String, u64>, name: &str, file: Option<u64>) {
    match file {
        Some(file) => names.insert(name.to_owned(), file),
        None => names.remove(name),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "name";

    /// What the file may have after a power cut: a letter for each sector, `None` if there is no file.
    fn after_cut(disk: &Disk) -> BTreeSet<Option<String>> {
        let sectors = |disk: Disk| {
            let file = disk.find(NAME)?;
            let content = &disk.files[&file].visible;
            Some(content.chunks(SECTOR).map(|sector| char::from(sector[sector.len() / 2])).collect())
        };
        disk.after_cut().into_iter().map(sectors).collect()
    }

    fn sectors(letters: &str) -> Vec<u8> {
        letters.bytes().flat_map(|letter| [letter; SECTOR]).collect()
    }

    fn some<const N: usize>(letters: [&str; N]) -> BTreeSet<Option<String>> {
        letters.into_iter().map(|letters| Some(letters.to_owned())).collect()
    }

    #[test]
    fn what_was_not_synced_is_lost_kept_or_torn_in_any_order() {
        let mut disk = Disk::with_empty_file(NAME);
        let file = disk.find(NAME).expect("it is there");
        disk.write(file, 0, &sectors("aaa"));
        disk.sync_file(file);
        assert_eq!(after_cut(&disk), some(["aaa"]));
        disk.write(file, 0, &sectors("bb"));
        disk.write(file, 2 * SECTOR, &sectors("c"));
        assert_eq!(after_cut(&disk), some(["aaa", "baa", "aba", "bba", "aac", "bbc"]));
        disk.sync_file(file);
        assert_eq!(after_cut(&disk), some(["bbc"]));
    }

    #[test]
    fn what_a_failed_sync_forgot_no_later_one_writes_unless_it_is_written_again() {
        let mut disk = Disk::with_empty_file(NAME);
        let file = disk.find(NAME).expect("it is there");
        disk.write(file, 0, &sectors("a"));
        disk.sync_file(file);
        disk.write(file, 0, &sectors("b"));
        disk.forget(file);
        disk.sync_file(file);
        assert_eq!(after_cut(&disk), some(["a", "b"]));
        // A byte of the same page makes all of it dirty.
        disk.write(file, 0, b"c");
        disk.sync_file(file);
        assert_eq!(after_cut(&disk), some(["b"]));
    }

    #[test]
    fn a_name_is_made_and_removed_for_good_when_the_directory_is_synced() {
        let mut disk = Disk::default();
        let file = disk.create(NAME);
        disk.write(file, 0, &sectors("a"));
        disk.sync_file(file);
        assert_eq!(after_cut(&disk), BTreeSet::from([None, Some("a".to_owned())]));
        disk.sync_directory();
        assert_eq!(after_cut(&disk), some(["a"]));
        assert!(disk.remove(NAME) && !disk.remove(NAME));
        assert_eq!(after_cut(&disk), BTreeSet::from([None, Some("a".to_owned())]));
        disk.sync_directory();
        assert_eq!(after_cut(&disk), BTreeSet::from([None]));
    }
}
