//! A file system of its own, in a file, whose power can be cut: what was not synced to its disk is gone then. Linux only,
//! and root.
//!
//! The cut is the call by which ext4 is shut down for tests without writing its journal. Whatever is in the page cache
//! alone is gone with it, and whoever writes or syncs afterwards is told of an error. Of what was not synced a cut may
//! keep something on a real disk, and keeps nothing here.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

const MEBIBYTES: u64 = 400;

/// Mounted as long as this lives.
pub(crate) struct Disk {
    image: PathBuf,
    mount: PathBuf,
}

impl Disk {
    /// In a directory that it makes, and does not remove.
    pub(crate) fn new(dir: &Path) -> Self {
        let (image, mount) = (dir.join("image"), dir.join("mount"));
        std::fs::create_dir_all(&mount).expect("a directory");
        let file = std::fs::File::create(&image).expect("a file");
        file.set_len(MEBIBYTES << 20).expect("it only has a length so far");
        let disk = Self { image, mount };
        // Without what is left to be written when it is first mounted.
        let options = ["-qF", "-E", "lazy_itable_init=0,lazy_journal_init=0"];
        must(Command::new("mkfs.ext4").args(options).arg(&disk.image));
        disk.mount();
        disk
    }

    /// Where it is mounted.
    pub(crate) fn path(&self) -> &Path {
        &self.mount
    }

    /// Brings all that is on it to the disk.
    pub(crate) fn sync(&self) {
        must(Command::new("sync").arg("-f").arg(&self.mount));
    }

    /// Cuts its power. By a program, because the library has no safe form of the call: EXT4_IOC_SHUTDOWN, told not to
    /// write the journal.
    pub(crate) fn cut(&self) {
        const SHUT_DOWN: &str = "open(my $dir, '<', $ARGV[0]) or die $!; \
                                 ioctl($dir, 0x8004587d, my $no_log_flush = pack('I', 2)) or die $!";
        must(Command::new("perl").args(["-e", SHUT_DOWN]).arg(&self.mount));
    }

    /// Mounts what a cut has left. Waits for those who have files open on it still, who must be about to end.
    pub(crate) fn restart(&self) {
        self.unmount();
        self.mount();
    }

    /// What is not synced stays in memory until the cut: otherwise it would be written after 5 seconds.
    fn mount(&self) {
        must(Command::new("mount").args(["-o", "loop,commit=300"]).arg(&self.image).arg(&self.mount));
    }

    fn unmount(&self) {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let done = Command::new("umount").arg(&self.mount).output().expect("it runs");
            if done.status.success() {
                return;
            }
            assert!(Instant::now() < until, "{}", String::from_utf8_lossy(&done.stderr));
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.unmount();
        }
    }
}

fn must(command: &mut Command) {
    let done = command.output().expect("it runs");
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
}
