//! Power cuts. The program changes records on a file system whose disk is recorded (`disk.rs`). Then, for many places
//! in that record, the disk is put as a cut there would have left it, mounted, and what is on it is checked against
//! what had been acknowledged there. The program goes on from one of those disks, so that starts after a cut are cut too.
//!
//! First two controls, each of which must be caught: a program that acknowledges too early, and a disk that keeps
//! nothing when it is told to sync.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use tokio::runtime::Runtime;

use crate::changes::{self, Kind};
use crate::myself;
use crate::random::Random;

/// What the script has prepared.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    /// The directory of `disk.rs`.
    pub(crate) place: &'a str,
    /// The loop devices over its two disks. The first is formatted.
    pub(crate) disk: &'a str,
    pub(crate) after: &'a str,
    /// An empty directory.
    pub(crate) mount: &'a str,
    /// For instance `ext4`.
    pub(crate) file_system: &'a str,
    pub(crate) options: &'a str,
}

struct Cuts<'a> {
    kind: Kind,
    runtime: &'a Runtime,
    place: Place<'a>,
    random: Random,
}

/// How many cuts are made of one recording, and after how many of these the disk is formatted anew.
const OF_ONE: u64 = 40;
const GENERATIONS: u64 = 10;

/// Prints what it counted. Whether nothing was lost.
pub(crate) fn cut(kind: Kind, runtime: &Runtime, place: Place<'_>, cuts: u64, seed: u64) -> bool {
    let mut this = Cuts { kind, runtime, place, random: Random::new(seed) };
    this.control("formatted");
    for (how, command, name) in
        [("run-early", "cut", "a program that acknowledges too early"), ("run", "deaf", "a disk that does not sync")]
    {
        this.live("begin", how, 40);
        let caught = (0..60).filter(|_| !this.one(command).0.is_empty()).count();
        println!("control: {name} was caught in {caught} of 60 cuts");
        if caught == 0 {
            return false;
        }
    }
    let (mut made, mut checked, mut violations, begun) = (0, 0, 0, Instant::now());
    let mut generation = 0;
    while made < cuts {
        // Some go on for long, so that logs are brought into files.
        let rounds = if this.random.below(10) == 0 { 900 } else { 3 + this.random.below(70) };
        let how = if this.random.below(2) == 0 { "run" } else { "run-at-once" };
        this.live(if generation % GENERATIONS == 0 { "begin" } else { "go on" }, how, rounds);
        generation += 1;
        for _ in 0..OF_ONE.min(cuts - made) {
            let (found, acknowledged) = this.one("cut");
            made += 1;
            checked += acknowledged;
            for violation in &found {
                eprintln!("VIOLATION (seed {seed}, cut {made}, {how} {rounds}): {violation}");
            }
            if !found.is_empty() {
                violations += 1;
                // Nothing can go on from there.
                generation = 0;
            }
            if made % 1000 == 0 {
                println!("{made} cuts, {violations} violations, {} s", begun.elapsed().as_secs());
            }
        }
    }
    println!(
        "{made} cuts, {} changes acknowledged before each on average, {violations} violations, {:.1} ms each",
        checked as u64 / made.max(1),
        begun.elapsed().as_secs_f64() * 1000.0 / made as f64
    );
    violations == 0 && checked > 0
}

impl Cuts<'_> {
    fn file(&self, name: &str) -> String {
        format!("{}/{name}", self.place.place)
    }

    fn control(&self, command: &str) {
        let mut control = OpenOptions::new().write(true).open(self.file("control")).expect("the disk is there");
        control.write_all(command.as_bytes()).unwrap_or_else(|error| panic!("{command}: {error}"));
    }

    fn dir(&self) -> String {
        format!("{}/d", self.place.mount)
    }

    /// Records what the program does.
    fn live(&self, begin: &str, how: &str, rounds: u64) {
        self.control(begin);
        self.mount(self.place.disk).unwrap_or_else(|error| panic!("the disk of the program: {error}"));
        let said: File = OpenOptions::new().write(true).open(self.file("said")).expect("the disk is there");
        let mut program = myself(self.kind);
        program.args([how, &self.dir(), &rounds.to_string()]).stderr(Stdio::from(said));
        let ended = program.status().expect("the program starts");
        assert!(ended.success(), "the program ended with {ended}");
        self.control("stop");
        self.unmount();
    }

    /// One cut of what was recorded last: what is not as it must be, and how much was acknowledged.
    fn one(&mut self, command: &str) -> (Vec<String>, usize) {
        let number = self.random.next();
        self.control(&format!("{command} {number}"));
        let read = |name: &str| std::fs::read_to_string(self.file(name)).expect("the disk is there");
        let (said, place) = (read("said"), read("control"));
        let acknowledged = said.lines().filter(|line| line.starts_with("ack")).count();
        let mut found = match self.mount(self.place.after) {
            Ok(()) => {
                let found = self.runtime.block_on(changes::verify(self.kind, &self.dir(), &said));
                self.unmount();
                found
            }
            Err(error) => vec![format!("it cannot be mounted: {error}")],
        };
        for violation in &mut found {
            *violation = format!("{place}: {violation}");
        }
        (found, acknowledged)
    }

    fn mount(&self, device: &str) -> Result<(), rustix::io::Errno> {
        let options = std::ffi::CString::new(self.place.options).expect("options have no zero byte");
        mount(device, self.place.mount, self.place.file_system, MountFlags::empty(), Some(options.as_c_str()))
    }

    /// The threads of a store close their files a little after its last handle is dropped.
    fn unmount(&self) {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            match unmount(self.place.mount, UnmountFlags::empty()) {
                Ok(()) => return,
                Err(rustix::io::Errno::BUSY) if Instant::now() < until => {
                    std::thread::sleep(Duration::from_micros(200));
                }
                Err(error) => panic!("it cannot be unmounted: {error}"),
            }
        }
    }
}
