//! One deploy while a customer is in the middle of an order: the code is edited, the check fails, a migration is written,
//! the check passes, and the customer continues. Then the release is rolled back while another customer is in the middle.
//!
//!     cargo run --example edited
//!
//! It creates a small crate, `target/crates/shop`, and runs on it the commands that you would run on yours; each command is
//! shown with its output. The three versions of the crate's code are beside this file.

use std::error::Error;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let shop = Shop::new()?;

    title("Release 1. `flows.lock` lists every state that a conversation can wait in; it is committed with the code.");
    shop.release(include_str!("release_1.rs"))?;
    shop.cargo(&["test", "flows_lock"], Some("update"), "")?.expect(true, "wrote")?;
    shop.show("flows.lock")?;
    let first_lock = fs::read(shop.dir.join("flows.lock"))?;
    shop.cargo(&["run", "--", "data"], None, "Ada\nlarge\n")?.expect(true, "With milk?")?;

    title("The code is edited: one size, several cups. Ada is still waiting at the question about milk.");
    shop.release(include_str!("release_2.rs"))?;
    let check = shop.cargo(&["test", "flows_lock"], None, "")?;
    check.expect(false, "BREAKING: order, waiting in Size")?;
    check.expect(false, "BREAKING: order, waiting in Milk")?;

    title("If this were released, her order would be left alone: nothing is lost, but it does not continue.");
    let parked = shop.cargo(&["run", "--", "data"], None, "")?;
    parked.expect(true, "the state `Milk` was saved without `cups`")?;
    parked.expect(true, "Nothing of it is lost")?;

    title("A `#[default]` for orders that wait in Milk, and a `#[migrate]` for orders that wait in Size.");
    shop.release(include_str!("release_2_answered.rs"))?;
    shop.cargo(&["test", "flows_lock"], Some("update"), "")?.expect(true, "migrated: order, waiting in Size")?;
    shop.cargo(&["test", "flows_lock"], None, "")?.expect(true, "test result: ok")?;

    title("Release 2. Ada answers the question about milk, as if nothing had changed.");
    let ordered = shop.cargo(&["run", "--", "data"], None, "yes\n")?;
    ordered.expect(true, "Ordered: 1 coffees with milk for Ada.")?;

    title("Eve orders in release 2, and then it is rolled back. Release 1 leaves her order alone, byte for byte.");
    shop.cargo(&["run", "--", "data"], None, "Eve\n2\n")?.expect(true, "With milk?")?;
    let before = shop.records()?;
    shop.release(include_str!("release_1.rs"))?;
    fs::write(shop.dir.join("flows.lock"), first_lock)?;
    let rolled_back = shop.cargo(&["run", "--", "data"], None, "yes\n")?;
    rolled_back.expect(true, "written by another version of the program")?;
    match shop.records()? == before {
        true => Ok(()),
        false => Err("her order was touched".into()),
    }
}

fn title(text: &str) {
    println!("\n=== {text}\n");
}

/// A crate with one file of code.
struct Shop {
    dir: PathBuf,
    target: PathBuf,
}

/// How a command ended, and what it said.
struct Said {
    succeeded: bool,
    text: String,
}

impl Shop {
    fn new() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let target = root.join("target/crates");
        let dir = target.join("shop");
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(dir.join("src"))?;
        let manifest = format!(
            "[package]\nname = \"shop\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[dependencies]\n\
             stube = {{ path = {root:?}, features = [\"terminal\"] }}\n\n[workspace]\n"
        );
        fs::write(dir.join("Cargo.toml"), manifest)?;
        fs::copy(root.join("Cargo.lock"), dir.join("Cargo.lock"))?;
        Ok(Self { dir, target })
    }

    fn release(&self, code: &str) -> Result<()> {
        println!("{}", code.split("\nfn main").next().unwrap_or(code));
        Ok(fs::write(self.dir.join("src/main.rs"), code)?)
    }

    /// What the store holds, with the names of the files.
    fn records(&self) -> Result<Vec<(PathBuf, Vec<u8>)>> {
        let mut records = Vec::new();
        for entry in fs::read_dir(self.dir.join("data"))? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                records.push((path.clone(), fs::read(&path)?));
            }
        }
        if records.is_empty() { Err("nobody waits".into()) } else { Ok(records) }
    }

    fn show(&self, file: &str) -> Result<()> {
        println!("$ cat {file}\n{}", fs::read_to_string(self.dir.join(file))?);
        Ok(())
    }

    fn cargo(&self, args: &[&str], lock: Option<&str>, input: &str) -> Result<Said> {
        let typed = if input.is_empty() { String::new() } else { format!("printf {input:?} | ") };
        let variable = lock.map_or_else(String::new, |lock| format!("STUBE_LOCK={lock} "));
        println!("$ {typed}{variable}cargo {}", args.join(" "));
        let mut command = Command::new(env!("CARGO"));
        command.arg(args[0]).arg("--quiet").args(&args[1..]).current_dir(&self.dir);
        command.env("CARGO_TARGET_DIR", &self.target).env_remove("STUBE_LOCK").env_remove("RUST_BACKTRACE");
        if let Some(lock) = lock {
            command.env("STUBE_LOCK", lock);
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        child.stdin.take().ok_or("a way to type")?.write_all(input.as_bytes())?;
        let output = child.wait_with_output()?;
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        println!("{}", text.trim_end());
        println!("(exit status {})\n", output.status.code().unwrap_or(-1));
        Ok(Said { succeeded: output.status.success(), text })
    }
}

impl Said {
    fn expect(&self, succeeds: bool, text: &str) -> Result<()> {
        match self.succeeded == succeeds && self.text.contains(text) {
            true => Ok(()),
            false => {
                Err(format!("this command was to {} and to say: {text}", if succeeds { "succeed" } else { "fail" })
                    .into())
            }
        }
    }
}
