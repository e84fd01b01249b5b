//! Holds the code against the tables of `ARCHITECTURE.md`: who uses whom, and which modules are pure.
//!
//! `STUBE_PRINT_EDGES=1 cargo test --test architecture -- --nocapture` prints the tables as the code is.

mod mentions;
mod page;
mod print;
mod resolve;
mod rules;
mod small;
mod source;
mod spellings;
mod tokens;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use page::{Package, Page};
use rules::Finding;
use source::{Crate, Files};

/// The library and its macros, parsed once.
pub(crate) fn crates() -> &'static [(Package, Crate, Files); 2] {
    static CRATES: OnceLock<[(Package, Crate, Files); 2]> = OnceLock::new();
    CRATES.get_or_init(|| {
        [(Package::Library, "stube", "src"), (Package::Macros, "stube_macros", "macros/src")].map(
            |(package, name, folder)| {
                let files = files(folder);
                (package, Crate::read(name, &Path::new(folder).join("lib.rs"), &files), files)
            },
        )
    })
}

pub(crate) fn page() -> Page {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("the page");
    Page::read(&text)
}

/// Fails if something of this kind is found.
fn none(kind: impl Fn(&Finding) -> bool) {
    let page = page();
    let findings = crates().iter().flat_map(|(package, of, _)| rules::broken(of, *package, &page)).filter(kind);
    let findings: Vec<_> = findings.map(|finding| finding.to_string()).collect();
    assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n"));
}

#[test]
fn no_module_uses_another_one_against_the_tables() {
    if std::env::var_os("STUBE_PRINT_EDGES").is_some() {
        crates().iter().for_each(|(package, of, _)| print::print(*package, of, &page()));
    }
    none(|finding| matches!(finding, Finding::NotInTheTable { .. } | Finding::UsesTheRoot { .. }));
}

#[test]
fn no_modules_use_each_other_in_a_circle() {
    none(|finding| matches!(finding, Finding::Circle(_)));
}

#[test]
fn the_tables_have_every_module_and_every_use_and_no_others() {
    none(|finding| matches!(finding, Finding::Page(_)));
}

#[test]
fn pure_modules_touch_no_file_clock_randomness_network_or_task() {
    none(|finding| matches!(finding, Finding::Impure { .. }));
}

#[test]
fn nothing_hides_what_is_used() {
    none(|finding| matches!(finding, Finding::Forbidden { .. }));
}

#[test]
fn every_file_is_read() {
    for (_, of, files) in crates() {
        assert_eq!(of.unread(files), Vec::<PathBuf>::new(), "no `mod` of {} leads there", of.name);
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The Rust files of a folder, by their path from the root.
fn files(folder: &str) -> Files {
    let mut files = Files::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("a source file");
                let path = path.strip_prefix(root()).expect("it was found there").to_owned();
                files.insert(path, text);
            }
        }
    }
    files
}
