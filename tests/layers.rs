//! Reads the table of `ARCHITECTURE.md`: who may use whom, and which modules are pure.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// What a pure module never names.
const IMPURE: [&str; 14] = [
    "std::fs",
    "std::net",
    "std::thread",
    "std::process",
    "std::env",
    "std::io",
    "std::sync::Mutex",
    "Instant::now",
    "SystemTime::now",
    "tokio",
    "rustix",
    "getrandom",
    "async fn",
    ".await",
];

#[derive(Default)]
struct Architecture {
    /// The modules that a module may use.
    may_use: BTreeMap<String, BTreeSet<String>>,
    pure: BTreeSet<String>,
}

#[test]
fn no_module_uses_another_one_against_the_table() {
    let architecture = read_architecture();
    let mut wrong = Vec::new();
    for (module, files) in modules() {
        let Some(allowed) = architecture.may_use.get(&module) else {
            wrong.push(format!("the module `{module}` is not in the table"));
            continue;
        };
        for file in files {
            for used in used_modules(&file, &architecture) {
                if used != module && !allowed.contains(&used) {
                    wrong.push(format!("{} uses `{used}`, and the table does not say so", file.display()));
                }
            }
        }
    }
    for module in architecture.may_use.keys().filter(|module| !modules().contains_key(*module)) {
        wrong.push(format!("the table has a module `{module}` that does not exist"));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn pure_modules_touch_no_file_clock_randomness_network_or_task() {
    let architecture = read_architecture();
    let mut wrong = Vec::new();
    for (module, files) in modules().into_iter().filter(|(module, _)| architecture.pure.contains(module)) {
        for file in files {
            for (number, line) in code(&file).lines().enumerate() {
                let found = IMPURE.iter().find(|name| says(line, name));
                wrong.extend(found.map(|name| format!("{}:{}: `{module}` names {name}", file.display(), number + 1)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether a line names this, and not something longer.
fn says(line: &str, name: &str) -> bool {
    line.match_indices(name).any(|(at, _)| {
        let next = line[at + name.len()..].chars().next();
        next.is_none_or(|next| !next.is_alphanumeric() && next != '_')
    })
}

#[test]
fn the_macro_pipeline_has_the_stages_that_the_page_names() {
    let page = fs::read_to_string(Path::new(ROOT).join("ARCHITECTURE.md")).expect("the page");
    for file in rust_files(&Path::new(ROOT).join("macros/src")) {
        let stage = file.file_stem().expect("a file has a name").to_string_lossy().into_owned();
        assert!(stage == "lib" || page.contains(&format!("`{stage}`")), "ARCHITECTURE.md does not name `{stage}`");
    }
}

/// The check itself must be able to fail.
#[test]
fn an_edge_that_is_not_in_the_table_is_found() {
    let mut architecture = read_architecture();
    let kernel = architecture.may_use.get_mut("kernel").expect("the kernel is in the table");
    assert!(!kernel.contains("store"), "the kernel knows no store");
    assert!(kernel.remove("conversation"), "the kernel uses the conversation");
    let used = used_modules(&Path::new(ROOT).join("src/kernel.rs"), &architecture);
    assert!(used.contains("conversation") && !architecture.may_use["kernel"].contains("conversation"));
}

fn read_architecture() -> Architecture {
    let page = fs::read_to_string(Path::new(ROOT).join("ARCHITECTURE.md")).expect("the page");
    let (_, map) = page.split_once("## The map").expect("the page has a map");
    let (map, _) = map.split_once("\n## ").expect("the map is not the end");
    let mut architecture = Architecture::default();
    for row in map.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<_> = row.trim_matches('|').split('|').collect();
        let [module, _, may_use] = cells.as_slice() else { panic!("a row has three cells: {row}") };
        architecture.may_use.insert(quoted(module).remove(0), quoted(may_use).into_iter().collect());
    }
    let (_, pure) = map.split_once("Pure modules").expect("the page lists the pure modules");
    let (pure, _) = pure.split_once("\n\n").expect("the list ends");
    architecture.pure = quoted(pure).into_iter().collect();
    assert!(architecture.may_use.len() > 10 && architecture.pure.len() > 5, "the page has been read");
    architecture
}

/// The words between back quotes.
fn quoted(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The files of each module, the modules of its folder included.
fn modules() -> BTreeMap<String, Vec<PathBuf>> {
    let src = Path::new(ROOT).join("src");
    let mut modules = BTreeMap::<_, Vec<_>>::new();
    for file in rust_files(&src) {
        let inside = file.strip_prefix(&src).expect("it was found there");
        let first = inside.components().next().expect("a file has a name").as_os_str().to_string_lossy();
        let module = first.trim_end_matches(".rs").to_owned();
        // Tests stand outside of the layers.
        let is_test = inside.components().any(|part| part.as_os_str() == "tests" || part.as_os_str() == "tests.rs");
        if module != "lib" && !is_test {
            modules.entry(module).or_default().push(file);
        }
    }
    modules
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// The lines of a file up to its tests, comments and what stands in quotes left out.
fn code(file: &Path) -> String {
    let text = fs::read_to_string(file).expect("a source file");
    let text = text.split("#[cfg(test)]\nmod").next().expect("a split has a first part");
    let bare = |line: &str| {
        let line = line.split("//").next().unwrap_or_default();
        line.split('"').step_by(2).collect::<Vec<_>>().join("\"\"")
    };
    text.lines().map(bare).collect::<Vec<_>>().join("\n")
}

/// The modules of this crate that a file names, by their path or by what the crate exports of them.
fn used_modules(file: &Path, architecture: &Architecture) -> BTreeSet<String> {
    let exported = exports();
    let code = code(file);
    let mut used = BTreeSet::new();
    for (at, _) in code.match_indices("crate::").chain(code.match_indices("stube::")) {
        let path = &code[at..];
        let path = &path[path.find("::").expect("it was matched") + 2..];
        let names: Vec<String> = match path.strip_prefix('{') {
            Some(list) => names(list.split('}').next().unwrap_or_default()),
            None => vec![path.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()],
        };
        for name in names {
            if architecture.may_use.contains_key(&name) {
                used.insert(name);
            } else if let Some(module) = exported.get(&name) {
                used.insert(module.clone());
            }
        }
    }
    used
}

/// What `lib.rs` exports, and the module that it comes from.
fn exports() -> BTreeMap<String, String> {
    let lib = code(&Path::new(ROOT).join("src/lib.rs"));
    let lib = lib.split("pub mod __private").next().expect("a split has a first part").to_owned();
    let mut exports = BTreeMap::new();
    for statement in
        lib.split(';').filter_map(|statement| statement.trim().rsplit("pub use ").next().map(str::to_owned))
    {
        let Some((path, rest)) = statement.split_once("::") else { continue };
        let list = rest.rsplit("::").next().unwrap_or_default();
        for name in names(list.trim_matches(['{', '}'])) {
            exports.insert(name, path.to_owned());
        }
    }
    exports
}

fn names(list: &str) -> Vec<String> {
    list.split(',')
        .map(|name| name.trim().trim_matches(['{', '}', '\n', ' ']).to_owned())
        .filter(|name| !name.is_empty())
        .collect()
}
