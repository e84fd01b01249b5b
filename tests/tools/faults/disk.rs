//! A disk that remembers what was written to it, in which order, and can be shown as a power cut would have left it.
//!
//! It is a file system in user space (FUSE) of four files, served from memory on the standard input, which must be
//! `/dev/fuse`. Two of them are put under loop devices:
//!
//! - `disk`: what is written, and each sync, is recorded;
//! - `after`: what `disk` is after a cut. It can be written, since a file system is repaired when it is mounted, but
//!   nothing of that is recorded;
//! - `said`: what is written is recorded between the writes of `disk`. What is read is what was said before the cut;
//! - `control`: takes one command at a time, see `Disk::control`, and tells what the last cut was.
//!
//! # Why everything acknowledged before the cut must be on the disk
//!
//! The kernel gives requests to one loop, and it answers each before it takes the next, so all events have one order.
//! A program acknowledges by a write to `said` after its sync has returned. The sync returned after its writes and the
//! sync of the disk were answered, so these stand in the record before the acknowledgement. A cut is a place in that
//! record: what was said before it is acknowledged, and everything up to the last sync before it is on the disk. No
//! clock and no second program has a part in it.
//!
//! Of what was written after that last sync the cut keeps nothing, or all, or of each page some version: a disk may
//! write its cache in any order. A page of 4096 bytes is never torn.
//!
//! It serves itself and nothing else: no directory but the root, no name, size or time ever changes.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::sync::Arc;

use crate::random::Random;

const PAGE: usize = 4096;
type Page = [u8; PAGE];
/// By number; one that is missing is zero.
type Pages = HashMap<u64, Arc<Page>>;

/// What happened, in the order in which it was answered.
enum Event {
    /// A page, as a whole, is this from now on.
    Written(u64, Arc<Page>),
    /// What was written before is kept.
    Synced,
    Said(Vec<u8>),
}

struct Disk {
    bytes: u64,
    pages: Pages,
    /// As it was once it had been formatted.
    formatted: Pages,
    /// As it was when the record was begun, and what had been said by then.
    first: (Pages, Vec<u8>),
    events: Vec<Event>,
    records: bool,
    /// After the last cut, and what had been said by then.
    after: (Pages, Vec<u8>),
    answer: String,
}

// Nodes, by the numbers that the kernel is told.
const ROOT: u64 = 1;
const DISK: u64 = 2;
const AFTER: u64 = 3;
const SAID: u64 = 4;
const CONTROL: u64 = 5;

/// Serves until the file system is unmounted.
pub(crate) fn serve(mebibytes: u64) -> io::Result<()> {
    let mut kernel = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let empty = || (Pages::new(), Vec::new());
    let mut disk = Disk {
        bytes: mebibytes << 20,
        pages: Pages::new(),
        formatted: Pages::new(),
        first: empty(),
        events: Vec::new(),
        records: false,
        after: empty(),
        answer: String::new(),
    };
    let mut request = vec![0; LARGEST as usize + PAGE];
    loop {
        let length = match kernel.read(&mut request) {
            Ok(length) => length,
            Err(error) if error.raw_os_error() == Some(ENODEV) => return Ok(()),
            // One that was taken back before it was read.
            Err(error) if matches!(error.raw_os_error(), Some(ENOENT | EINTR | EAGAIN)) => continue,
            Err(error) => return Err(error),
        };
        let (head, body) = request[..length].split_at(40);
        let (operation, id, node) = (u32_at(head, 4), &head[8..16], u64_at(head, 16));
        let answer = match operation {
            // FORGET, INTERRUPT, BATCH_FORGET: nothing is answered.
            2 | 36 | 42 => continue,
            _ => disk.answer(operation, node, body),
        };
        let (error, answer) = match answer {
            Ok(answer) => (0, answer),
            Err(error) => (-error, Vec::new()),
        };
        let mut message = Vec::with_capacity(16 + answer.len());
        message.extend((16 + answer.len() as u32).to_le_bytes());
        message.extend(error.to_le_bytes());
        message.extend(id);
        message.extend(answer);
        match kernel.write(&message) {
            Err(error) if error.raw_os_error() != Some(ENOENT) => return Err(error),
            Ok(_) | Err(_) => {}
        }
    }
}

/// What one request writes or reads at most.
const LARGEST: u32 = 1 << 20;

const ENOENT: i32 = 2;
const EINTR: i32 = 4;
const EIO: i32 = 5;
const EAGAIN: i32 = 11;
const ENODEV: i32 = 19;
const ENOSYS: i32 = 38;

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

/// Numbers one after the other, as the kernel reads them.
struct Words(Vec<u8>);

impl Words {
    fn u64(mut self, words: &[u64]) -> Self {
        self.0.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        self
    }

    fn u32(mut self, words: &[u32]) -> Self {
        self.0.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        self
    }
}

impl Disk {
    /// An answer, or the number of an error. The numbers and layouts are those of `linux/fuse.h`, protocol 7.
    fn answer(&mut self, operation: u32, node: u64, body: &[u8]) -> Result<Vec<u8>, i32> {
        let words = Words(Vec::new());
        let answer = match operation {
            // LOOKUP. Names are good for ever.
            1 => {
                let node = match body {
                    b"disk\0" => DISK,
                    b"after\0" => AFTER,
                    b"said\0" => SAID,
                    b"control\0" => CONTROL,
                    _ => return Err(ENOENT),
                };
                self.attributes(words.u64(&[node, 0, 3600, 0]).u32(&[0, 0]), node)
            }
            // GETATTR, SETATTR.
            3 | 4 => self.attributes(words.u64(&[0]).u32(&[0, 0]), node),
            // OPEN: direct, so that the kernel keeps nothing of it.
            14 => words.u64(&[0]).u32(&[1, 0]),
            // READ
            15 => Words(self.read(node, u64_at(body, 8), u32_at(body, 16) as usize)),
            // WRITE
            16 => {
                let (at, length) = (u64_at(body, 8), u32_at(body, 16));
                self.write(node, at, &body[40..][..length as usize])?;
                words.u32(&[length, 0])
            }
            // RELEASE, FLUSH (of a closed descriptor), DESTROY
            18 | 25 | 38 => words,
            // FSYNC, which is what a loop device makes of a sync of the disk.
            20 => {
                if node == DISK && self.records {
                    self.events.push(Event::Synced);
                }
                words
            }
            // INIT: the version, what is asked for (as many pages at once as `LARGEST` has), and how much at once.
            26 => words.u32(&[7, 31, LARGEST, 1 << 22, 0, LARGEST, 1, LARGEST / PAGE as u32, 0, 0]).u64(&[0; 3]),
            _ => return Err(ENOSYS),
        };
        Ok(answer.0)
    }

    fn attributes(&self, words: Words, node: u64) -> Words {
        let (bytes, mode) = match node {
            ROOT => (0, 0o040_700),
            DISK | AFTER => (self.bytes, 0o100_600),
            _ => (0, 0o100_600),
        };
        words.u64(&[node, bytes, 0, 0, 0, 0]).u32(&[0, 0, 0, mode, 1, 0, 0, 0, PAGE as u32, 0])
    }

    fn read(&self, node: u64, at: u64, length: usize) -> Vec<u8> {
        let pages = match node {
            DISK => &self.pages,
            AFTER => &self.after.0,
            SAID => return part(&self.after.1, at, length),
            _ => return part(self.answer.as_bytes(), at, length),
        };
        let mut read = Vec::with_capacity(length);
        while read.len() < length {
            let (number, within) = place(at + read.len() as u64);
            let part = (PAGE - within).min(length - read.len());
            match pages.get(&number) {
                Some(page) => read.extend(&page[within..within + part]),
                None => read.resize(read.len() + part, 0),
            }
        }
        read
    }

    fn write(&mut self, node: u64, at: u64, mut bytes: &[u8]) -> Result<(), i32> {
        match node {
            DISK | AFTER => {}
            SAID => {
                if self.records {
                    self.events.push(Event::Said(bytes.to_vec()));
                }
                return Ok(());
            }
            _ => return self.control(std::str::from_utf8(bytes).map_err(|_| EIO)?).ok_or(EIO),
        }
        let mut at = at;
        while !bytes.is_empty() {
            let (number, within) = place(at);
            let (part, rest) = bytes.split_at((PAGE - within).min(bytes.len()));
            let pages = if node == DISK { &mut self.pages } else { &mut self.after.0 };
            let mut page = pages.get(&number).map_or([0; PAGE], |page| **page);
            page[within..][..part.len()].copy_from_slice(part);
            let page = Arc::new(page);
            put(pages, number, &page);
            if node == DISK && self.records {
                self.events.push(Event::Written(number, page));
            }
            (at, bytes) = (at + part.len() as u64, rest);
        }
        Ok(())
    }

    /// - `formatted`: what `disk` is now is what `begin` begins with;
    /// - `begin`: `disk` is as it was formatted, nothing was said, and the record is begun;
    /// - `go on`: the same, but `disk` is what it is after the last cut, and so is what was said;
    /// - `stop`: nothing more is recorded;
    /// - `cut NUMBER`: makes `after`, of a cut that this number chooses;
    /// - `deaf NUMBER`: the same of a disk that keeps nothing when it is told to sync.
    ///
    /// The disks must not be mounted when they change.
    fn control(&mut self, command: &str) -> Option<()> {
        match command.split(' ').collect::<Vec<_>>()[..] {
            ["formatted"] => self.formatted = self.pages.clone(),
            ["begin"] => self.begin((self.formatted.clone(), Vec::new())),
            ["go", "on"] => self.begin(self.after.clone()),
            ["stop"] => self.records = false,
            ["cut", number] => self.cut(Random::new(number.parse().ok()?), false),
            ["deaf", number] => self.cut(Random::new(number.parse().ok()?), true),
            _ => return None,
        }
        Some(())
    }

    fn begin(&mut self, first: (Pages, Vec<u8>)) {
        self.pages = first.0.clone();
        self.first = first;
        self.events.clear();
        self.records = true;
    }

    fn cut(&mut self, mut random: Random, deaf: bool) {
        let said = |event: &Event| matches!(event, Event::Said(_));
        let acknowledgements: Vec<_> = (0..self.events.len()).filter(|&at| said(&self.events[at])).collect();
        // Half of them are made just after something was acknowledged, when it has had the least time to be written.
        let at = match acknowledgements.len() {
            many @ 1.. if random.below(2) == 0 => acknowledgements[random.below(many as u64) as usize] + 1,
            _ => random.below(self.events.len() as u64 + 1) as usize,
        };
        let before = &self.events[..at];
        let is_sync = |event: &Event| matches!(event, Event::Synced) && !deaf;
        let synced = before.iter().rposition(is_sync).unwrap_or(0);
        let (mut pages, mut said) = self.first.clone();
        let mut cached: HashMap<u64, Vec<&Arc<Page>>> = HashMap::new();
        for (number, event) in before.iter().enumerate() {
            match event {
                Event::Written(page, written) if number < synced => put(&mut pages, *page, written),
                Event::Written(page, written) => cached.entry(*page).or_default().push(written),
                Event::Said(words) => said.extend(words),
                Event::Synced => {}
            }
        }
        let (all, mut kept) = (cached.len(), 0);
        let keep = random.below(3);
        // In order, so that one number always makes one cut.
        let mut cached: Vec<_> = cached.into_iter().collect();
        cached.sort_unstable_by_key(|&(number, _)| number);
        for (number, versions) in cached {
            let version = match keep {
                0 => 0,
                1 => versions.len(),
                _ => random.below(versions.len() as u64 + 1) as usize,
            };
            if let Some(last) = version.checked_sub(1) {
                put(&mut pages, number, versions[last]);
                kept += 1;
            }
        }
        self.answer =
            format!("event {at} of {}, {kept} of {all} pages that were not synced are kept", self.events.len());
        self.after = (pages, said);
    }
}

/// A page, and where in it.
fn place(at: u64) -> (u64, usize) {
    (at / PAGE as u64, (at % PAGE as u64) as usize)
}

/// Pages of zeros take no room: a journal begins with thousands of them.
fn put(pages: &mut Pages, number: u64, page: &Arc<Page>) {
    if page.iter().all(|&byte| byte == 0) {
        pages.remove(&number);
    } else {
        pages.insert(number, page.clone());
    }
}

fn part(bytes: &[u8], at: u64, length: usize) -> Vec<u8> {
    bytes.iter().skip(at as usize).take(length).copied().collect()
}
