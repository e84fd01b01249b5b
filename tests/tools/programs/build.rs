//! Writes programs as a crate, builds it, and runs it. Says of each program whether it does the same both ways.
//!
//! Each program stands in two files, as an async function and as a flow, so that an error of the compiler tells by its
//! place whose it is. What does not compile is taken out, and the rest is built again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::generate::Program;

/// Programs of one binary. Each binary is compiled by itself, on a processor of its own.
const PROGRAMS_OF_A_BINARY: usize = 50;

/// What became of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// As many runs of the flow did what the async function did.
    Same(u32),
    /// The async function does not compile: this generator is wrong.
    NoFunction(String),
    /// The function compiles, the flow does not.
    NoFlow(String),
    /// The flow does something else.
    Differs(String),
}

/// A directory with a crate.
pub(crate) struct Workshop {
    directory: PathBuf,
    root: PathBuf,
    scripts: u32,
}

impl Workshop {
    pub(crate) fn new(root: &Path, name: &str, scripts: u32) -> io::Result<Self> {
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        let directory = target.join("programs").join(name);
        fs::create_dir_all(directory.join("src/bin"))?;
        Ok(Self { directory, root: root.to_owned(), scripts })
    }

    /// Compiles the programs, and runs them.
    pub(crate) fn try_out(&self, programs: &[Program], runs: bool) -> io::Result<BTreeMap<String, Verdict>> {
        let mut verdicts = BTreeMap::new();
        // A program stays in its binary, so that those without a mistake are built once.
        let mut binaries: Vec<Vec<_>> =
            programs.chunks(PROGRAMS_OF_A_BINARY).map(|chunk| chunk.iter().collect()).collect();
        fs::remove_dir_all(self.directory.join("src/bin"))?;
        loop {
            self.write(&binaries)?;
            let wrong = self.build()?;
            if wrong.is_empty() {
                break;
            }
            binaries.iter_mut().for_each(|binary| binary.retain(|program| !wrong.contains_key(&program.name())));
            verdicts.extend(wrong);
        }
        for (index, binary) in binaries.iter().enumerate().filter(|_| runs) {
            self.run(index, binary, &mut verdicts)?;
        }
        Ok(verdicts)
    }

    fn write(&self, binaries: &[Vec<&Program>]) -> io::Result<()> {
        let root = self.root.display();
        let manifest = format!(
            "[workspace]\n\n[package]\nname = \"programs\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
             [dependencies]\nstube = {{ path = \"{root}\" }}\nserde = {{ version = \"1\", features = [\"derive\"] }}\n\
             serde_json = \"1\"\n\n[profile.dev]\ndebug = 0\nincremental = false\n"
        );
        write_if_new(&self.directory.join("Cargo.toml"), &manifest)?;
        if !self.directory.join("Cargo.lock").exists() {
            fs::copy(self.root.join("Cargo.lock"), self.directory.join("Cargo.lock"))?;
        }
        write_if_new(&self.directory.join("src/lib.rs"), &library(&self.root))?;
        for (index, binary) in binaries.iter().enumerate() {
            let directory = self.directory.join(format!("src/bin/b{index}"));
            fs::create_dir_all(&directory)?;
            write_if_new(&directory.join("main.rs"), &self.main(binary))?;
            for program in binary {
                let (name, body) = (program.name(), program.function().join("\n"));
                let plain = format!("use programs::*;\nuse programs::plain::*;\npub {body}\n");
                write_if_new(&directory.join(format!("{name}_plain.rs")), &plain)?;
                let flow = format!("use programs::*;\nuse programs::flow::*;\n#[stube::flow]\npub {body}\n");
                write_if_new(&directory.join(format!("{name}_flow.rs")), &flow)?;
            }
        }
        Ok(())
    }

    fn main(&self, programs: &[&Program]) -> String {
        let mut text = "#![allow(warnings, arithmetic_overflow, unconditional_panic)]\n".to_owned();
        let mut calls = String::new();
        for (index, program) in programs.iter().enumerate() {
            let (name, args) = (program.name(), &program.args);
            text.push_str(&format!("mod {name}_plain;\nmod {name}_flow;\n"));
            calls.push_str(&format!(
                "    if first <= {index} {{ report(\"{name}\", compare({}, || {name}_plain::{name}{args}, || {name}_flow::{name}{args})); }}\n",
                self.scripts
            ));
        }
        format!("{text}use programs::*;\nfn main() {{\n    let first = begin();\n{calls}}}\n")
    }

    /// Builds the crate. Gives the programs that do not compile.
    fn build(&self) -> io::Result<BTreeMap<String, Verdict>> {
        let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args(["build", "--quiet", "--keep-going", "--bins", "--message-format=json"])
            .current_dir(&self.directory)
            .env("CARGO_TARGET_DIR", self.directory.with_file_name("target"))
            .stderr(Stdio::piped())
            .output()?;
        if output.status.success() {
            return Ok(BTreeMap::new());
        }
        let mut wrong = BTreeMap::new();
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            let Ok(message) = serde_json::from_str::<serde_json::Value>(line) else { continue };
            let message = &message["message"];
            let rendered = message["rendered"].as_str().unwrap_or_default();
            if !message["level"].as_str().is_some_and(|level| level.starts_with("error")) {
                continue;
            }
            for (name, is_flow) in named_files(rendered) {
                let verdict = if is_flow {
                    Verdict::NoFlow(rendered.to_owned())
                } else {
                    Verdict::NoFunction(rendered.to_owned())
                };
                // An async function that does not compile says nothing about the flow.
                match wrong.get(&name) {
                    Some(Verdict::NoFunction(_)) => {}
                    Some(_) if is_flow => {}
                    Some(_) | None => {
                        wrong.insert(name, verdict);
                    }
                }
            }
        }
        if wrong.is_empty() {
            return Err(io::Error::other(format!(
                "the crate in {} does not build:\n{}\n{}",
                self.directory.display(),
                String::from_utf8_lossy(&output.stderr),
                String::from_utf8_lossy(&output.stdout)
                    .lines()
                    .filter(|line| line.contains("\"error\""))
                    .collect::<String>()
            )));
        }
        Ok(wrong)
    }

    fn run(&self, index: usize, programs: &[&Program], verdicts: &mut BTreeMap<String, Verdict>) -> io::Result<()> {
        let mut done = 0;
        while done < programs.len() {
            let mut command = Command::new(self.directory.with_file_name("target").join(format!("debug/b{index}")));
            command.arg(done.to_string());
            let output = patiently(command)?;
            for line in String::from_utf8_lossy(&output.stdout).lines() {
                let Ok((name, result)) = serde_json::from_str::<(String, Result<u32, String>)>(line) else {
                    return Err(io::Error::other(format!("a program says: {line}")));
                };
                let verdict = match result {
                    Ok(runs) => Verdict::Same(runs),
                    Err(difference) => Verdict::Differs(difference),
                };
                verdicts.insert(name, verdict);
                done += 1;
            }
            // The one that ended the process is silent; those after it are run without it.
            if let Some(program) = programs.get(done) {
                let errors = String::from_utf8_lossy(&output.stderr).into_owned();
                let how = format!("one of the two does not end, or ends the process:\n{errors}");
                verdicts.insert(program.name(), Verdict::Differs(how));
                done += 1;
            }
        }
        Ok(())
    }
}

/// How long a binary may run.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs a command to its end, or until [`PATIENCE`] is at its end.
fn patiently(mut command: Command) -> io::Result<Output> {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut output = child.stdout.take().expect("it is piped");
    let reader = thread::spawn(move || {
        let mut text = Vec::new();
        output.read_to_end(&mut text).map(|_| text)
    });
    let begun = Instant::now();
    while child.try_wait()?.is_none() {
        if begun.elapsed() > PATIENCE {
            child.kill()?;
        }
        thread::sleep(Duration::from_millis(20));
    }
    let mut output = child.wait_with_output()?;
    output.stdout = reader.join().expect("it does not panic")?;
    Ok(output)
}

/// The programs whose files a message names, and whether as a flow.
fn named_files(message: &str) -> BTreeSet<(String, bool)> {
    let mut found = BTreeSet::new();
    for (kind, is_flow) in [("_plain.rs", false), ("_flow.rs", true)] {
        for (at, _) in message.match_indices(kind) {
            let start = message[..at].rfind(|c: char| !c.is_ascii_alphanumeric()).map_or(0, |start| start + 1);
            found.insert((message[start..at].to_owned(), is_flow));
        }
    }
    found
}

/// What all programs share.
fn library(root: &Path) -> String {
    let harness = root.join("tests/language/harness.rs");
    let pay = "async fn pay(n: i64) -> Result<i64, String> {\n    let m = signed(format!(\"callee {n}\")).await;\n    \
                  if m < 0 { return Err(ask_text(\"why\").await); }\n    Ok(n + m)\n}\n";
    format!(
        "#![allow(warnings)]\n#[path = \"{}\"]\nmod harness;\npub use harness::*;\npub use std::collections::BTreeMap;\n\n\
         pub mod plain {{\n    use crate::*;\n    pub {pay}}}\n\n\
         pub mod flow {{\n    use crate::*;\n    #[stube::flow]\n    pub {pay}}}\n\n\
         pub fn short(text: String) -> String {{ text.chars().take(60).collect() }}\n\n\
         pub fn begin() -> usize {{\n    std::panic::set_hook(Box::new(|_| {{}}));\n    \
         std::env::args().nth(1).and_then(|first| first.parse().ok()).unwrap_or(0)\n}}\n\n\
         pub fn report(name: &str, result: Result<u32, String>) {{\n    println!(\"{{}}\", to_json(&(name, result)));\n}}\n\n\
         fn to_json(value: &impl serde::Serialize) -> String {{ serde_json::to_string(value).unwrap() }}\n",
        harness.display()
    )
}

fn write_if_new(path: &Path, text: &str) -> io::Result<()> {
    if fs::read_to_string(path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    fs::write(path, text)
}
