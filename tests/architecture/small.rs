//! The guard on small crates that are given as texts: how files are found, and what each rule says.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::page::{Package, Page};
use crate::rules;
use crate::source::{Crate, Files};

/// Files by their path, such as `src/lib.rs`.
fn files(texts: &[(&str, &str)]) -> Files {
    texts.iter().map(|(path, text)| (PathBuf::from(path), (*text).to_owned())).collect()
}

fn small(texts: &[(&str, &str)]) -> (Crate, Files) {
    let files = files(texts);
    (Crate::read("small", Path::new("src/lib.rs"), &files), files)
}

/// A page whose map has these rows: the module, and what it may use.
fn map(rows: &[(&str, &[&str])]) -> String {
    table("## The map", rows)
}

fn table(heading: &str, rows: &[(&str, &[&str])]) -> String {
    let row = |(module, may_use): &(&str, &[&str])| {
        let may_use: Vec<_> = may_use.iter().map(|used| format!("`{used}`")).collect();
        format!("| `{module}` | | {} |\n", may_use.join(", "))
    };
    format!("{heading}\n\n| Module | Holds | May use |\n|---|---|---|\n{}\n", rows.iter().map(row).collect::<String>())
}

fn found(texts: &[(&str, &str)], page: &str) -> Vec<String> {
    let (of, _) = small(texts);
    rules::broken(&of, Package::Library, &Page::read(page)).iter().map(ToString::to_string).collect()
}

fn edges(texts: &[(&str, &str)]) -> BTreeSet<String> {
    let (of, _) = small(texts);
    let edges = rules::edges(&of).into_keys();
    edges.map(|edge| format!("{}: {} -> {}", edge.inside, edge.from, edge.to)).collect()
}

#[test]
fn the_file_of_a_module_is_found_as_rustc_finds_it() {
    let (of, files) = small(&[
        (
            "src/lib.rs",
            "mod a; mod b; mod inline { mod deep; } #[path = \"odd/name.rs\"] mod c; #[cfg(test)] mod tests;",
        ),
        ("src/a.rs", "mod below; #[cfg(test)] mod tests; mod after;"),
        ("src/a/below.rs", ""),
        ("src/a/after.rs", ""),
        ("src/a/tests.rs", "mod helpers; use crate::b::B;"),
        ("src/a/tests/helpers.rs", ""),
        ("src/b/mod.rs", "mod below; mod inline { #[path = \"../up.rs\"] mod up; mod deep; }"),
        ("src/b/below.rs", ""),
        ("src/b/up.rs", ""),
        ("src/b/inline/deep.rs", ""),
        ("src/inline/deep.rs", ""),
        ("src/odd/name.rs", "mod beside;"),
        ("src/odd/beside.rs", ""),
        ("src/tests.rs", ""),
        ("src/bin/program.rs", "mod a_part;"),
        ("src/bin/a_part.rs", ""),
        ("src/forgotten.rs", ""),
        ("other/file.rs", ""),
    ]);
    let file = |name: &str| of.modules[of.find(name).expect(name)].file.to_string_lossy().into_owned();
    for (name, expected) in [
        ("a", "src/a.rs"),
        ("a::below", "src/a/below.rs"),
        ("a::after", "src/a/after.rs"),
        ("b", "src/b/mod.rs"),
        ("b::below", "src/b/below.rs"),
        ("b::inline", "src/b/mod.rs"),
        ("b::inline::up", "src/b/up.rs"),
        ("b::inline::deep", "src/b/inline/deep.rs"),
        ("inline::deep", "src/inline/deep.rs"),
        ("c", "src/odd/name.rs"),
        ("c::beside", "src/odd/beside.rs"),
        ("bin", "src/bin/a_part.rs"),
    ] {
        assert_eq!(file(name), expected, "{name}");
    }
    assert!(of.find("a::tests").is_none() && of.find("tests").is_none(), "tests stand outside");
    assert_eq!(of.unread(&files), [PathBuf::from("src/forgotten.rs")]);
}

#[test]
fn only_what_is_under_cfg_test_is_left_out() {
    let texts = [
        ("src/lib.rs", "mod a; mod b; mod c; mod d; mod e; mod f;"),
        (
            "src/a.rs",
            "#[cfg(test)] mod tests; #[cfg(test)] use crate::b::B; #[cfg(all(unix, test))] fn f() { crate::c::c(); }
             #[cfg(not(test))] use crate::d::D; #[cfg(any(test, unix))] fn g() { crate::e::e(); }
             fn h() { crate::f::f(); }",
        ),
        ("src/b.rs", "#![cfg(test)] use crate::a::A;"),
        ("src/c.rs", ""),
        ("src/d.rs", ""),
        ("src/e.rs", ""),
        ("src/f.rs", ""),
    ];
    assert_eq!(edges(&texts), [": a -> d", ": a -> e", ": a -> f"].map(str::to_owned).into());
}

#[test]
fn a_path_leads_to_the_module_that_defines_what_is_meant() {
    let lib = "extern crate self as small; mod a; mod b; mod c; mod d; pub use c::Deep; pub use b::inner as shown;";
    let rest = [
        ("src/b.rs", "pub mod inner; mod other; pub use inner::Thing; pub use crate::d::D;"),
        ("src/b/inner.rs", "pub struct Thing; pub mod deep {}"),
        ("src/b/other.rs", ""),
        ("src/c.rs", "pub use crate::b::Thing as Deep; pub type Alias = crate::d::D; pub enum E { V }"),
        ("src/d.rs", "pub struct D; #[macro_export] macro_rules! told { () => {} }"),
    ];
    for (text, expected) in [
        ("use crate::b::Thing;", &["b"][..]),
        ("use crate::Deep;", &["b", "c"]),
        ("use crate::shown::Thing as T;", &["b"]),
        ("use crate::b::D;", &["b", "d"]),
        ("use crate::c::E::V;", &["c"]),
        ("fn f() -> small::c::Alias { V }", &["c", "d"]),
        ("fn f() { told!(); }", &["d"]),
        ("fn f() { crate::told!(); }", &["d"]),
        ("use serde; use serde::Serialize; fn f(b: u8, c: u8) -> u8 { b + c }", &[]),
        ("fn f() { let d = 1; vec![d, b.c]; }", &[]),
    ] {
        let texts: Vec<_> = [("src/lib.rs", lib), ("src/a.rs", text)].into_iter().chain(rest).collect();
        let used: BTreeSet<_> = edges(&texts).into_iter().filter(|edge| edge.starts_with(": a ->")).collect();
        assert_eq!(used, expected.iter().map(|used| format!(": a -> {used}")).collect(), "{text}");
    }
}

#[test]
fn the_insides_of_a_module_have_a_table_of_their_own() {
    let texts = [
        ("src/lib.rs", "mod a;"),
        ("src/a.rs", "mod x; mod y; pub use y::Y; pub struct Own; fn f() { x::x(); }"),
        ("src/a/x.rs", "use crate::a::Y; use super::y::z::Z;"),
        ("src/a/y.rs", "mod z; use crate::a::Own;"),
        ("src/a/y/z.rs", ""),
    ];
    let map = map(&[("a", &[])]);
    assert_eq!(edges(&texts), ["a: a -> x", "a: x -> y", "a: y -> a"].map(str::to_owned).into());
    let circle = "a circle in a: a -> x -> y -> a";
    let inside = |rows| format!("{map}{}", table("### Inside `a`", rows));
    let whole: &[(&str, &[&str])] = &[("a", &["x"]), ("x", &["y"]), ("y", &["a"])];
    assert_eq!(found(&texts, &inside(whole)), [circle]);
    let part = [
        "src/a/x.rs: crate::a::Y: `x` uses `y`, and the table of `a` does not say so",
        circle,
        "the table \"a\" lets `y` use `x`, and it does not",
    ];
    assert_eq!(found(&texts, &inside(&[("a", &["x"]), ("x", &[]), ("y", &["a", "x"])])), part);
    assert!(found(&texts, &map).contains(&"the page has no table of the insides of `a`".to_owned()));
}

#[test]
fn the_page_and_the_crate_are_held_against_each_other() {
    let texts = [
        ("src/lib.rs", "mod a; mod b; mod c; pub fn of_the_root() {}"),
        ("src/a.rs", "use crate::b::B; fn f() { crate::of_the_root(); }"),
        ("src/b.rs", "use crate::c::C;"),
        ("src/c.rs", "use std::{fs, mem}; use tokio::spawn; use crate::a::A; fn f() { fs::read(mem::take(1)) }"),
    ];
    let page = map(&[("a", &["b", "c"]), ("b", &["c"]), ("d", &[])]);
    let page = format!("{page}\nPure modules: `c`, `gone`.\n\nOf other crates, pure modules name `serde`.\n");
    let expected = [
        "src/c.rs: crate::a::A: `c` uses `a`, and the table does not say so",
        "src/a.rs: crate::of_the_root: `a` uses what the crate's root defines",
        "src/c.rs: fs::read: `c` is pure, and names std::fs",
        "src/c.rs: std::fs: `c` is pure, and names std::fs",
        "src/c.rs: tokio::spawn: `c` is pure, and names tokio",
        "a circle in the crate: a -> b -> c -> a",
        "`c` is not in the table \"\"",
        "the page calls `gone` pure, and there is no such module",
        "the table \"\" has a row `d`, and there is no such module",
        "the table \"\" lets `a` use `c`, and it does not",
    ];
    assert_eq!(found(&texts, &page), expected);
}
