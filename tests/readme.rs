//! Prose decays faster than code: what the README and the other pages name must exist.

use std::fs;
use std::path::Path;

fn page(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).expect("the page")
}

fn exists(path: &str) -> bool {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path).exists()
}

#[test]
fn every_example_bench_and_script_that_the_readme_names_exists() {
    let readme = page("README.md");
    let mut named = 0;
    for (mark, folder) in [("--example ", "examples"), ("--bench ", "benches")] {
        for (at, _) in readme.match_indices(mark) {
            let name: String =
                readme[at + mark.len()..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            let is_there = exists(&format!("{folder}/{name}.rs")) || exists(&format!("{folder}/{name}/main.rs"));
            assert!(is_there, "the README names {folder}/{name}.rs");
            named += 1;
        }
    }
    let tools = page("tests/tools/Cargo.toml");
    for (at, mark) in readme.match_indices("-p stube-tools --bin ") {
        let name: String = readme[at + mark.len()..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        assert!(tools.contains(&format!("name = \"{name}\"\npath = ")), "the README names the tool {name}");
        named += 1;
    }
    assert!(named >= 8, "the README names examples and benches");
}

#[test]
fn every_file_that_a_page_names_exists() {
    for name in ["README.md", "ARCHITECTURE.md"] {
        for word in page(name).split(['`', '(', ')', ' ', '\n']) {
            let is_path =
                ["src/", "tests/", "macros/", "examples/", "benches/"].iter().any(|start| word.starts_with(start));
            if is_path {
                assert!(exists(word), "{name} names {word}");
            }
        }
    }
}

#[test]
fn ci_runs_the_test_command_of_the_readme() {
    let readme = page("README.md");
    let command = readme.lines().find_map(|line| line.strip_prefix("    cargo test")).expect("a test command");
    assert_eq!(command, " --workspace");
    assert!(page(".ci/run").contains("README.md"), "it is read from there, not written again");
}
