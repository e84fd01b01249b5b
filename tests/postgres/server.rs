//! A Postgres server of a test's own: in a directory that is removed with it, as a user without rights, on a free port
//! of this machine.

use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use stube::store::postgres::tokio_postgres::{Client, Config, NoTls};
use tempfile::TempDir;

/// Whom the server runs as if this is root, which it refuses: nobody.
const NOBODY: u32 = 65_534;

pub(crate) struct Server {
    bin: PathBuf,
    dir: TempDir,
    data: PathBuf,
    port: u16,
    settings: Vec<String>,
    library: Option<&'static str>,
    process: Mutex<Option<Child>>,
    databases: AtomicU32,
}

impl Server {
    /// Starts one with these settings on top of its defaults.
    pub(crate) async fn start(settings: &[&str]) -> Self {
        let dir = TempDir::new().expect("a directory");
        let data = dir.path().join("data");
        Self::make(dir, data, &[], settings, None).await
    }

    /// Starts one whose data lie on a disk that is mounted here, and stay there. Its log is in small files, so that
    /// others are often begun. The library is loaded into its processes.
    pub(crate) async fn start_on(disk: &Path, settings: &[&str], library: Option<&'static str>) -> Self {
        give_away(disk);
        let dir = TempDir::new().expect("a directory");
        Self::make(dir, disk.join("data"), &["--wal-segsize=1"], settings, library).await
    }

    async fn make(
        dir: TempDir,
        data: PathBuf,
        format: &[&str],
        settings: &[&str],
        library: Option<&'static str>,
    ) -> Self {
        let bin = bin();
        let mut initdb = command(&bin.join("initdb"), dir.path());
        initdb
            .args(["--auth=trust", "--username=stube", "--encoding=UTF8", "--no-locale", "--no-sync", "-D"])
            .arg(&data)
            .args(format);
        let made = initdb.output().expect("initdb runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let port = free_port();
        let settings = settings.iter().map(|&setting| setting.to_owned()).collect();
        let (process, databases) = (Mutex::new(None), AtomicU32::new(0));
        let server = Self { bin, dir, data, port, settings, library, process, databases };
        server.begin().await;
        server
    }

    /// Starts it again, after [`kill`](Self::kill).
    pub(crate) async fn begin(&self) {
        let mut postgres = command(&self.bin.join("postgres"), self.dir.path());
        postgres.arg("-D").arg(&self.data).arg("-p").arg(self.port.to_string());
        postgres.args(["-c", "listen_addresses=127.0.0.1", "-c", "max_connections=120", "-c", "autovacuum=off", "-k"]);
        postgres.arg(self.dir.path());
        // What it shares stays in its directory, and goes with that: a server that is killed removes nothing.
        postgres.args(["-c", "dynamic_shared_memory_type=mmap"]);
        for setting in &self.settings {
            postgres.arg("-c").arg(setting);
        }
        postgres.envs(self.library.map(|library| ("LD_PRELOAD", library)));
        postgres.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = postgres.spawn().expect("postgres runs");
        let until = Instant::now() + Duration::from_secs(60);
        while let Err(error) = self.local("postgres").connect(NoTls).await {
            assert!(Instant::now() < until, "the server does not start: {error}");
            // It does not start as long as a backend of the one before has not noticed that it is gone.
            if child.try_wait().expect("it is our child").is_some() {
                child = postgres.spawn().expect("postgres runs");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        *self.process.lock().expect("no test panics in here") = Some(child);
    }

    /// Kills the server without warning. Its backends notice and go too.
    pub(crate) fn kill(&self) {
        let child = self.process.lock().expect("no test panics in here").take();
        if let Some(mut child) = child {
            child.kill().and_then(|()| child.wait()).expect("it can be killed");
        }
    }

    /// Stops all processes of the server where they are, or lets them go on: a machine that hangs.
    pub(crate) fn hang(&self, hangs: bool) {
        let signal = if hangs { Signal::STOP } else { Signal::CONT };
        let process = self.process.lock().expect("no test panics in here");
        let server = Pid::from_child(process.as_ref().expect("it runs"));
        // Stopped first, so that it makes no more backends.
        kill_process(server, signal).expect("it is our child");
        let parent = |pid: &str| -> Option<i32> {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
        };
        for entry in std::fs::read_dir("/proc").expect("there are processes").flatten() {
            let name = entry.file_name();
            let Some(pid) = name.to_str().filter(|pid| parent(pid) == Some(server.as_raw_nonzero().get())) else {
                continue;
            };
            let backend = pid.parse().ok().and_then(Pid::from_raw).expect("processes are numbered");
            // It may have ended by itself.
            let _ = kill_process(backend, signal);
        }
    }

    /// A program that comes with the server.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }

    /// The directory of the server, which goes with it.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn config(&self, database: &str) -> Config {
        let mut config = Config::new();
        config.host("127.0.0.1").port(self.port).user("stube").dbname(database);
        config
    }

    /// By the socket in the directory of the server, whatever it asks of those who come over the network.
    pub(crate) fn local(&self, database: &str) -> Config {
        let mut config = Config::new();
        config.host_path(self.dir.path()).port(self.port).user("stube").dbname(database);
        config
    }

    /// Makes a database with nothing in it.
    pub(crate) async fn database(&self) -> Config {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::SeqCst));
        self.client(&self.local("postgres"))
            .await
            .batch_execute(&format!("CREATE DATABASE {name}"))
            .await
            .expect("made");
        self.config(&name)
    }

    /// A connection of the test's own.
    pub(crate) async fn client(&self, config: &Config) -> Client {
        let (client, connection) = config.connect(NoTls).await.expect("a connection");
        tokio::spawn(connection);
        client
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(server) = process.as_mut() else { return };
        // At once, but by itself: one that is killed leaves a segment of shared memory behind.
        let _ = kill_process(Pid::from_child(server), Signal::QUIT);
        let until = Instant::now() + Duration::from_secs(5);
        while Instant::now() < until && matches!(server.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = server.kill().and_then(|()| server.wait());
    }
}

/// A port that nothing listens on, below those that the system gives to whoever connects: one of these could be taken
/// while the server is down.
fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let first = std::process::id() % 100 * 100;
    let ports = std::iter::repeat_with(|| 20_000 + (first + NEXT.fetch_add(1, Ordering::SeqCst)) % 10_000);
    let ports = ports.map(|port| u16::try_from(port).expect("it is below 30,000"));
    ports.take(10_000).find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).expect("a free port")
}

/// Where the server's programs are: the newest of those that Debian installs, or those on the path.
fn bin() -> PathBuf {
    let version = |path: &PathBuf| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path());
    let newest = installed.filter(|path| path.join("bin/initdb").exists()).max_by_key(version);
    let on_path = || {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).find(|dir| dir.join("initdb").exists())
    };
    let found = newest.map(|path| path.join("bin")).or_else(on_path);
    found.expect("no Postgres server is installed; `tests/postgres.sh` installs one and runs these tests")
}

/// Gives a file or directory to the user whom the server runs as.
pub(crate) fn give_away(path: &Path) {
    if rustix::process::geteuid().is_root() {
        chown(path, Some(NOBODY), Some(NOBODY)).expect("root may give it away");
    }
}

fn command(program: &Path, dir: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(dir);
    give_away(dir);
    if rustix::process::geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}
