//! Edits a flow in every way that the table has, with a conversation parked in each of its states by the version before.
//!
//!     cargo run -p stube-tools --bin edits                every edit
//!     cargo run -p stube-tools --bin edits -- --every 8   each eighth of them
//!     cargo run -p stube-tools --bin edits -- --table     the table of the documentation
//!
//! Each edit is a crate of its own, made of `before.rs`, compiled and run. It says what the lock of the version before
//! means to it, and what it makes of that version's records. Both must be what the table promises; and a record that is
//! called breaking must be left alone, and one that is not must go on.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs};

mod table;

use table::{EDITS, Edit};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The places where a conversation is parked, and what it holds there: its states, and the component in front.
const PARKED: [(&str, &[&str]); 6] = [
    ("Dates", &["booking.Dates", "pick_dates"]),
    ("Room", &["booking.Room", "pick_room"]),
    ("Confirm", &["booking.Confirm"]),
    ("Confirm2", &["booking.Confirm2"]),
    ("Card", &["booking.Receipt", "pay.Card"]),
    ("Sure", &["booking.Receipt", "pay.Sure"]),
];

fn main() -> Result<ExitCode> {
    let args: Vec<_> = env::args().skip(1).collect();
    let every = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => 1,
        ["--every", every] => every.parse()?,
        ["--table"] => {
            print!("{}", documentation());
            return Ok(ExitCode::SUCCESS);
        }
        _ => return Err("usage: edits [--every N | --table]".into()),
    };
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    if fs::read_to_string(root.join("src/evolution/migration/edits.md"))? != documentation() {
        return Err(
            "src/evolution/migration/edits.md is not the table: `cargo run -p stube-tools --bin edits -- --table` prints it"
                .into(),
        );
    }
    let edits: Vec<_> = EDITS.iter().step_by(every).collect();
    let campaign = Campaign::prepare(root, &edits)?;
    let mut failed = 0;
    for edit in &edits {
        let problems = campaign.try_edit(edit)?;
        failed += usize::from(!problems.is_empty());
        println!("{} {}", if problems.is_empty() { "ok  " } else { "FAIL" }, edit.name);
        problems.iter().for_each(|problem| println!("       {problem}"));
    }
    let (tried, records) = (edits.len(), edits.len() * PARKED.len());
    println!("{tried} edits, {records} records, {failed} not as promised");
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

struct Campaign {
    dir: PathBuf,
    target: PathBuf,
    lock: PathBuf,
    records: PathBuf,
}

impl Campaign {
    /// Writes and builds all crates, and parks the conversations.
    fn prepare(root: &Path, edits: &[&Edit]) -> Result<Self> {
        let target = root.join("target/crates");
        let dir = target.join("edits");
        let _ = fs::remove_dir_all(&dir);
        let before = fs::read_to_string(root.join("tests/tools/edits/before.rs"))?;
        let park = fs::read_to_string(root.join("tests/tools/edits/park.rs"))?;
        let mut members = vec!["before".to_owned()];
        write_crate(root, &dir, "before", &before, &park)?;
        for edit in edits {
            let mut code = before.clone();
            for (from, to) in edit.code {
                if code.matches(from).count() != 1 {
                    return Err(format!("{}: not there once: {from}", edit.name).into());
                }
                code = code.replace(from, to);
            }
            write_crate(root, &dir, edit.name, &code, "pub(crate) fn park() {}\n")?;
            members.push(edit.name.to_owned());
        }
        let members: Vec<_> = members.iter().map(|member| format!("\"{member}\"")).collect();
        let profile = "[profile.dev]\ndebug = false\nincremental = false\n";
        let workspace = format!("[workspace]\nresolver = \"3\"\nmembers = [{}]\n\n{profile}", members.join(", "));
        fs::write(dir.join("Cargo.toml"), workspace)?;
        fs::copy(root.join("Cargo.lock"), dir.join("Cargo.lock"))?;
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--workspace", "--manifest-path"])
            .arg(dir.join("Cargo.toml"))
            .env("CARGO_TARGET_DIR", &target)
            .status()?;
        if !built.success() {
            return Err("an edit does not compile".into());
        }
        let (lock, records) = (dir.join("flows.lock"), dir.join("records"));
        let campaign = Self { dir, target, lock, records };
        fs::write(&campaign.lock, campaign.run("before", &["lock"])?)?;
        fs::write(&campaign.records, campaign.run("before", &["park"])?)?;
        Ok(campaign)
    }

    fn run(&self, name: &str, args: &[&str]) -> Result<String> {
        let output = Command::new(self.target.join("debug").join(name)).args(args).current_dir(&self.dir).output()?;
        if !output.status.success() {
            return Err(format!("{name} {args:?}: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    /// What is not as the table promises.
    fn try_edit(&self, edit: &Edit) -> Result<Vec<String>> {
        let mut problems = Vec::new();
        let lock = self.lock.to_str().ok_or("a path that is text")?;
        let records = self.records.to_str().ok_or("a path that is text")?;
        let checked = self.run(edit.name, &["check", lock])?;
        let mut verdicts = BTreeMap::new();
        for line in checked.lines() {
            let mut parts = line.splitn(3, '\t');
            let (Some(name), Some(verdict), Some(why)) = (parts.next(), parts.next(), parts.next()) else {
                return Err(format!("not a verdict: {line}").into());
            };
            verdicts.insert(name, verdict);
            let promised = promised(edit, name).0;
            if verdict != promised {
                problems.push(format!("{name} is {verdict}, and promised is {promised}: {why}"));
            }
            if verdict == "breaking" && !why.contains(".rs:") && !why.contains("was removed") {
                problems.push(format!("{name}: no line is named: {why}"));
            }
        }
        if let Some((name, _)) = edit.promises.iter().find(|(name, _)| !verdicts.contains_key(name)) {
            problems.push(format!("{name} is promised something and is not there"));
        }
        let before = fs::read(&self.records)?;
        let loaded = self.run(edit.name, &["load", records])?;
        if fs::read(&self.records)? != before || loaded.lines().count() != PARKED.len() {
            problems.push("records were changed or lost".to_owned());
        }
        for (line, (place, holds)) in loaded.lines().zip(PARKED) {
            let found: Vec<_> = line.splitn(3, '\t').collect();
            let expected = expected(edit, holds);
            if found[0] != place || found[1..2] != [expected.0] || (expected.0 == "waits" && found[2] != expected.1) {
                problems.push(format!("{line}, and promised is {expected:?}"));
            }
        }
        Ok(problems)
    }
}

/// The verdict on a state or component, and where it goes on.
fn promised<'a>(edit: &Edit, name: &'a str) -> (&'static str, &'a str) {
    let own = name.rsplit_once('.').map_or("", |(_, state)| state);
    let Some((_, promise)) = edit.promises.iter().find(|(promised, _)| *promised == name) else {
        return ("unchanged", own);
    };
    promise.split_once(' ').unwrap_or((promise, own))
}

/// What becomes of a record that holds these.
fn expected(edit: &Edit, holds: &[&str]) -> (&'static str, String) {
    let promises: Vec<_> = holds.iter().map(|name| promised(edit, name)).collect();
    if promises.iter().any(|(verdict, _)| *verdict == "breaking") {
        return ("left", String::new());
    }
    if promises.iter().any(|(_, at)| *at == "ends") {
        return ("ended", String::new());
    }
    let states = holds.iter().zip(&promises).filter(|(name, _)| name.contains('.'));
    let at: Vec<_> = states.map(|(_, (_, at))| *at).collect();
    ("waits", at.join("."))
}

fn write_crate(root: &Path, dir: &Path, name: &str, flows: &str, park: &str) -> Result<()> {
    let src = dir.join(name).join("src");
    fs::create_dir_all(&src)?;
    let manifest = format!(
        "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\npublish = false\n\n[dependencies]\n\
         serde = {{ version = \"1\", features = [\"derive\"] }}\nstube = {{ path = {root:?} }}\n"
    );
    fs::write(dir.join(name).join("Cargo.toml"), manifest)?;
    fs::write(src.join("flows.rs"), flows)?;
    fs::write(src.join("park.rs"), park)?;
    fs::copy(root.join("tests/tools/edits/harness.rs"), src.join("main.rs"))?;
    Ok(())
}

/// The table of the documentation.
fn documentation() -> String {
    let mut text = "| Edit | | What it means for waiting conversations |\n|---|---|---|\n".to_owned();
    let mut before = "";
    for edit in EDITS {
        let of = if edit.of == before { "" } else { edit.of };
        before = edit.of;
        let worst = |verdict: &str| edit.promises.iter().any(|(_, promise)| promise.starts_with(verdict));
        let verdict = match () {
            () if worst("breaking") => "breaking",
            () if worst("migrated") => "migrated",
            () if worst("additive") => "additive",
            () => "unchanged",
        };
        let _ = writeln!(text, "| {of} | {} | **{verdict}**: {} |", edit.what, edit.means);
    }
    text
}
