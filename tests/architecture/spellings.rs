//! Proves the guard: every forbidden edge and every impure name is put into the code in every spelling, and must be found.
//!
//! The edges are those that the page does not allow, between any two modules of one level, written into the own file of
//! the one and into the deepest module below it. The same spellings of what is allowed must not be found.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::rc::Rc;

use syn::Item;

use crate::page::{Package, Page};
use crate::rules::{self, Edge, Finding, IMPURE};
use crate::source::{self, Crate, Id, ROOT};
use crate::{crates, page};

/// Where a spelling stands: in the module that must not use this, in the crate's root, and in a module that may.
struct Spelling {
    here: &'static str,
    root: &'static str,
    other: &'static str,
}

const fn here(here: &'static str) -> Spelling {
    Spelling { here, root: "", other: "" }
}

/// `<B>` is the path of what is used, from the root; `<raw>` the same with raw identifiers; `<up>` leads to the root by
/// `super`; `<lib>` is the crate's name and `<other>` another module.
const USES: &[Spelling] = &[
    here("use crate::<B>::Wanted;"),
    here("use crate::{<B>::{Wanted, other::Thing as _}};"),
    here("use {{crate::{{<B>::{{Wanted}}}}}};"),
    here("use crate::{<B>::{self}}; fn f() { <last>::wanted(); }"),
    here("use crate::<B> as elsewhere; fn f() { elsewhere::wanted(); }"),
    here("use crate::{<B> as elsewhere}; use elsewhere::Wanted as W; fn f() { W::new(); }"),
    here("use crate::<B>::Wanted as Other;"),
    here("use crate::<B>::Wanted as _;"),
    here("pub(crate) use crate::<B>::Wanted as Other;"),
    here("use <up>::<B>::Wanted;"),
    here("use <up>::{<B>::{Wanted}};"),
    here("fn f() { <up>::<B>::wanted(); }"),
    here("fn f() { self::<up>::<B>::wanted(); }"),
    here("use <lib>::<B>::Wanted;"),
    here("use ::<lib>::{<B>::Wanted};"),
    here("fn f() { ::<lib>::<B>::wanted(); }"),
    here("use crate::<raw>::r#Wanted;"),
    here("fn f() { crate::<B>::wanted(1); }"),
    here("fn f() { let _ = crate::<B>::Wanted { a: 1 }; }"),
    here("fn f() { [1].map(|_| async { crate::<B>::wanted::<u8>() }); }"),
    here("fn f(x: u8) { match x { crate::<B>::Wanted::A => {} crate::<B>::Wanted { .. } => {} _ => {} } }"),
    here("fn f(x: u8) { if let crate::<B>::WANTED = x {} }"),
    here("const X: u8 = crate::<B>::WANTED;"),
    here("const X: [u8; crate::<B>::WANTED] = [];"),
    here("struct S(crate::<B>::Wanted);"),
    here("enum E { A { a: crate::<B>::Wanted } }"),
    here("enum E { A = crate::<B>::WANTED }"),
    here("fn f() -> Vec<Option<crate::<B>::Wanted>> { Vec::new() }"),
    here("fn f<T: crate::<B>::Wanted>(_: T) {}"),
    here("fn f<T>(_: T) where T: Iterator<Item = crate::<B>::Wanted> {}"),
    here("fn f(_: &dyn crate::<B>::Wanted) -> impl crate::<B>::Wanted {}"),
    here("trait T: crate::<B>::Wanted {}"),
    here("trait T { type A: crate::<B>::Wanted; fn f() { crate::<B>::wanted(); } }"),
    here("impl crate::<B>::Wanted for u8 {}"),
    here("impl Drop for crate::<B>::Wanted { fn drop(&mut self) {} }"),
    here("struct S; impl S { #[inline] fn f(&self) { crate::<B>::wanted(); } }"),
    here("type T = crate::<B>::Wanted;"),
    here("fn f() { <crate::<B>::Wanted as Default>::default(); }"),
    here("fn f() { <u8 as crate::<B>::Wanted>::wanted(); }"),
    here("fn f() { vec![1, crate::<B>::wanted()]; }"),
    here("fn f() { vec![1, crate::<B>::Wanted::<u8>::new()]; }"),
    here("fn f() { vec![0..crate::<B>::WANTED]; }"),
    here("fn f() { some!(a.b, <crate::<B>::Wanted>::new()); }"),
    here("fn f() { a!(b!({ c![crate::<B>::wanted()] })); }"),
    here("fn f() { assert!(<up>::<B>::wanted()); }"),
    here("fn f() { assert!(self::<up>::<B>::wanted()); }"),
    here("fn f() { assert!(::<lib>::<B>::wanted()); }"),
    here("fn f() { assert!(<lib>::<B>::wanted()); }"),
    here("thread_local! { static X: crate::<B>::Wanted = 1; }"),
    here("some! { use crate::{<B>::{Wanted as W}}; }"),
    here("some! { use crate::<B> as elsewhere; fn f() { elsewhere::wanted() } }"),
    here("macro_rules! some { () => { use $crate::<B> as elsewhere; fn f() { elsewhere::wanted() } }; }"),
    here("some! { pub(crate) fn f() -> crate::<B>::Wanted { } }"),
    here("macro_rules! some { () => { $crate::<B>::wanted() }; }"),
    here("macro_rules! some { ($a:ident) => { impl $a { fn f() { crate::<B>::$a(); $crate::<B>::Wanted::$a() } } }; }"),
    here("fn f() { crate::<B>::wanted!(); }"),
    here("#[crate::<B>::wanted] fn f() {}"),
    here("#[derive(Debug, crate::<B>::Wanted)] struct S;"),
    here("#[cfg_attr(unix, derive(crate::<B>::Wanted))] struct S;"),
    here("struct S { #[serde(with = \"crate::<B>::wanted\")] a: u8 }"),
    here("#[serde(from = \"Vec<crate::<B>::Wanted>\")] struct S;"),
    here("#[cfg(test)] mod tests; use crate::<B>::Wanted;"),
    here("#[cfg(test)] mod tests; fn f() { crate::<B>::wanted(); }"),
    here("#[cfg(test)] mod tests { use crate::Anything; } fn f() { crate::<B>::wanted(); }"),
    here("#[cfg(test)] use crate::Anything; fn f() { crate::<B>::wanted(); }"),
    here("#[cfg(not(test))] use crate::<B>::Wanted;"),
    here("#[cfg(any(test, unix))] fn f() { crate::<B>::wanted(); }"),
    here("#[cfg(all(unix, feature = \"test\"))] fn f() { crate::<B>::wanted(); }"),
    here("fn f() { use crate::<B>::wanted; wanted(); }"),
    here("fn f() { if true { use crate::<B> as elsewhere; elsewhere::wanted(); } }"),
    here("fn f() { struct S(crate::<B>::Wanted); impl S { fn f() { <up>::<B>::wanted() } } }"),
    here("extern \"C\" { fn f(_: crate::<B>::Wanted); }"),
    Spelling { here: "use crate::Exported;", root: "pub use crate::<B>::Wanted as Exported;", other: "" },
    Spelling { here: "fn f() { vec![crate::Exported::new()]; }", root: "pub use <B>::Wanted as Exported;", other: "" },
    Spelling { here: "fn f() { crate::exported::wanted(); }", root: "pub use crate::<B> as exported;", other: "" },
    Spelling {
        here: "use <up>::exported as e; struct S(e::Wanted);",
        root: "use crate::{<B> as exported};",
        other: "",
    },
    Spelling { here: "fn f() { ::<lib>::exported::wanted(); }", root: "pub use crate::<B> as exported;", other: "" },
    Spelling { here: "use crate::T;", root: "pub type T = Vec<u8>; pub use crate::<B>::Wanted as T;", other: "" },
    Spelling { here: "fn f() -> crate::Exported {}", root: "pub type Exported = <B>::Wanted;", other: "" },
    Spelling {
        here: "fn f() -> crate::<other>::Exported {}",
        root: "",
        other: "pub(crate) use crate::<B>::Wanted as Exported;",
    },
    Spelling {
        here: "use crate::<other>::{exported::{self}}; fn f() { exported::wanted(); }",
        root: "",
        other: "pub(crate) use crate::<B> as exported;",
    },
    Spelling {
        here: "fn f() -> crate::<other>::Exported {}",
        root: "pub use crate::<B>::Wanted as Twice;",
        other: "pub(crate) use crate::Twice as Exported;",
    },
    Spelling { here: "struct S(crate::<other>::E);", root: "", other: "pub(crate) type E = crate::<B>::Wanted;" },
];

/// What hides a path, and is found as such.
const HIDES: &[&str] = &[
    "use crate::<B>::*;",
    "pub use crate::{<B>::*};",
    "fn f() { use crate::<B>::*; }",
    "some! { use crate::<B>::*; }",
    "use crate as c; fn f() { c::<B>::wanted(); }",
    "use crate::{self as c}; fn f() { c::<B>::wanted(); }",
    "use super as up; fn f() { up::<B>::wanted(); }",
    "fn f() { use crate as c; vec![c::<B>::wanted()]; }",
    "some! { use crate as c; fn f() { c::<B>::wanted() } }",
    "some! { use super::super as c; fn f() { c::<B>::wanted() } }",
    "extern crate self as me; fn f() { me::<B>::wanted(); }",
    "fn f() { some!(crate); }",
    "fn f() { some!(crate, <B>); }",
    "macro_rules! some { ($a:ident) => { crate::$a::wanted() }; }",
    "macro_rules! some { ($a:ident) => { $crate::{ $a::wanted } }; }",
    "include!(\"<B>.rs\");",
    "fn f() { std::include!(\"<B>.rs\"); }",
    "#[cfg_attr(unix, path = \"<B>.rs\")] mod other {}",
    "fn f() { mod inner { pub fn f() { super::<up>::<B>::wanted(); } } }",
];

/// What is no use at all.
const UNUSED: &[&str] = &[
    "#[cfg(test)] use crate::<B>::Wanted;",
    "#[cfg(test)] mod tests { use super::*; use crate::<B>::Wanted; fn f() { crate::<B>::wanted(); } }",
    "#[cfg(all(test, unix))] fn f() { crate::<B>::wanted(); }",
    "#[cfg(test)] impl Drop for crate::<B>::Wanted { fn drop(&mut self) {} }",
    "struct S { #[cfg(test)] a: crate::<B>::Wanted } impl S { #[cfg(test)] fn f(&self) { crate::<B>::wanted(); } }",
    "fn f() { #[cfg(test)] let a = crate::<B>::wanted(); }",
    "// crate::<B>::wanted()\nfn f() {}",
    "/// See [`crate::<B>::wanted`].\nfn f() {}",
    "fn f() -> &'static str { \"crate::<B>::wanted()\" }",
    "fn f() { println!(\"crate::<B>::wanted()\"); }",
    "#[must_use = \"crate::<B>::wanted()\"] fn f() {}",
    "fn f(x: X) { x.wanted(); some!(x.wanted()); }",
];

/// As [`USES`], of a path into another crate: `<P>`; `<init>` is all but its last name.
const NAMES: &[Spelling] = &[
    here("use <P>;"),
    here("use <P> as other;"),
    here("use <P>::Wanted;"),
    here("use ::<P> as _;"),
    here("use <init>::{<last>};"),
    here("use <init>::{<last> as other, mem}; fn f() { other::wanted(); }"),
    here("use {<init>::{mem, {<last>::{self}}}};"),
    here("use <init> as of; fn f() { of::<last>::wanted(); }"),
    here("use <init>; use <inner>::{<last>::{Wanted as W}};"),
    here("fn f() { <P>::wanted(); }"),
    here("fn f() { ::<P>::wanted(); }"),
    here("struct S(<P>);"),
    here("fn f() -> Vec<Option<<P>>> { Vec::new() }"),
    here("impl <P> for u8 {}"),
    here("type T = <P>;"),
    here("fn f() { <<P>>::wanted(); }"),
    here("fn f() { vec![<P>::wanted()]; }"),
    here("fn f() { vec![::<P>::wanted()]; }"),
    here("some! { use <init>::{<last> as other}; }"),
    here("thread_local! { static X: <P> = 1; }"),
    here("macro_rules! some { ($a:expr) => { <P>::wanted($a) }; }"),
    here("struct S { #[serde(with = \"<P>::wanted\")] a: u8 }"),
    here("#[cfg(test)] mod tests; use <P>;"),
    here("#[cfg(test)] mod tests; use <init>::{<last>}; fn f() { <last>::wanted(); }"),
    here("#[cfg(not(test))] fn f() { <P>::wanted(); }"),
    here("fn f() { use <P> as other; other::wanted(); }"),
    here("extern crate <first> as e; fn f() { e::<tail>::wanted(); }"),
    here("mod inner { fn f() { <P>::wanted(); } }"),
    Spelling { here: "use crate::Exported;", root: "pub use <P> as Exported;", other: "" },
    Spelling { here: "fn f() { vec![crate::e::<last>::x()]; }", root: "pub use <init> as e;", other: "" },
    Spelling { here: "struct S(crate::<other>::E);", root: "", other: "pub(crate) use <P> as E;" },
    Spelling { here: "struct S(crate::<other>::E);", root: "", other: "pub(crate) type E = <P>;" },
];

/// Texts that have been parsed: most are put into several modules.
#[derive(Default)]
struct Parsed(RefCell<HashMap<String, Rc<Vec<Item>>>>);

impl Parsed {
    fn items(&self, text: String) -> Rc<Vec<Item>> {
        let parse = |text: &String| Rc::new(source::parse(Path::new("a spelling"), text).items);
        let mut parsed = self.0.borrow_mut();
        Rc::clone(parsed.entry(text).or_insert_with_key(parse))
    }
}

/// One use that is put into the code.
struct Put<'a> {
    bare: &'a Crate,
    parsed: &'a Parsed,
    here: Id,
    other: Id,
}

impl Put<'_> {
    /// What is found when a spelling is added.
    fn found(
        &self,
        package: Package,
        page: &Page,
        spelling: &Spelling,
        fill: impl Fn(&str) -> String,
    ) -> BTreeSet<Finding> {
        let mut of = self.bare.clone();
        let before = of.modules.len();
        let places = [(ROOT, spelling.root), (self.other, spelling.other), (self.here, spelling.here)];
        for (place, text) in places.into_iter().filter(|(_, text)| !text.is_empty()) {
            of.add(place, &self.parsed.items(fill(text)));
        }
        let changed: Vec<_> = [self.here].into_iter().chain(before..of.modules.len()).collect();
        rules::broken_in(&of, package, page, &changed)
    }

    /// `<up>`, `<lib>` and `<other>`.
    fn fill(&self, text: &str) -> String {
        let up = vec!["super"; self.bare.modules[self.here].path.len()].join("::");
        let text = text.replace("<up>", &up).replace("<lib>", &self.bare.name);
        text.replace("<other>", &self.bare.modules[self.other].name())
    }

    fn fill_use(&self, text: &str, used: &str) -> String {
        let last = used.rsplit("::").next().unwrap_or_default();
        let raw = format!("r#{}", used.replace("::", "::r#"));
        self.fill(&text.replace("<B>", used).replace("<raw>", &raw).replace("<last>", last))
    }

    fn fill_name(&self, text: &str, path: &str) -> String {
        let (init, last) = path.rsplit_once("::").expect("a path has two names");
        let (first, tail) = path.split_once("::").expect("a path has two names");
        let inner = init.rsplit("::").next().unwrap_or_default();
        let text = text.replace("<P>", path).replace("<init>", init).replace("<last>", last);
        self.fill(&text.replace("<first>", first).replace("<tail>", tail).replace("<inner>", inner))
    }
}

/// A pair of modules of one level, and the modules to write the use into.
struct Pair {
    edge: Edge,
    used: String,
    places: BTreeSet<Id>,
    is_allowed: bool,
}

/// The pairs of all levels that have a table.
fn pairs(of: &Crate, package: Package, page: &Page) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for (inside, parts) in rules::whole_parts(of) {
        let table = page.table(package, &inside);
        if inside.contains("::") && table.is_none() {
            continue;
        }
        let own = inside.rsplit("::").next().filter(|own| !own.is_empty());
        let path = |part: &String| match own {
            Some(own) if part == own => inside.clone(),
            Some(_) => format!("{inside}::{part}"),
            None => part.clone(),
        };
        for (from, to) in parts.iter().flat_map(|from| parts.iter().map(move |to| (from, to))) {
            let (user, used) = (path(from), path(to));
            if from != to {
                let mut below: Vec<_> = (0..of.modules.len()).collect();
                let is_own = user == inside;
                below.retain(|&id| {
                    let name = of.modules[id].name();
                    name == user || (!is_own && name.starts_with(&format!("{user}::")))
                });
                let deepest = below.iter().copied().max_by_key(|&id| of.modules[id].path.len());
                pairs.push(Pair {
                    is_allowed: table.is_some_and(|table| table.allows(from, to)),
                    edge: Edge { inside: inside.clone(), from: from.clone(), to: to.clone() },
                    used,
                    places: below.first().copied().into_iter().chain(deepest).collect(),
                });
            }
        }
    }
    pairs
}

/// A module that is neither of the two, nor above or below one.
fn another(of: &Crate, pair: &Pair, here: Id) -> Id {
    let top = |path: &str| path.split("::").next().unwrap_or_default().to_owned();
    let not = [top(&of.modules[here].name()), top(&pair.used)];
    let is_other = |&id: &Id| id != ROOT && !not.contains(&of.modules[id].name());
    (0..of.modules.len()).find(is_other).expect("there are more than two modules")
}

#[test]
fn every_use_that_no_table_allows_is_found_in_every_spelling() {
    let page = page();
    for (package, of, _) in crates() {
        let (bare, parsed) = (of.bare(), Parsed::default());
        let (mut forbidden, mut spelled) = (0, 0);
        for pair in pairs(of, *package, &page).iter().filter(|pair| !pair.is_allowed) {
            forbidden += 1;
            for &here in &pair.places {
                let put = Put { bare: &bare, parsed: &parsed, here, other: another(of, pair, here) };
                for spelling in USES {
                    // The own file of a module may tell of its parts.
                    let is_part = pair.edge.from == of.modules[here].path.last().map_or("", String::as_str)
                        && pair.used.starts_with(&format!("{}::", of.modules[here].name()));
                    if is_part && spelling.here.starts_with("pub(crate) use") {
                        continue;
                    }
                    let found = put.found(*package, &page, spelling, |text| put.fill_use(text, &pair.used));
                    let is_it = |finding: &Finding| matches!(finding, Finding::NotInTheTable { edge, .. } if *edge == pair.edge);
                    let text = put.fill_use(spelling.here, &pair.used);
                    assert!(found.iter().any(is_it), "{}: {text}: found {found:?}", of.modules[here].name());
                    spelled += 1;
                }
            }
        }
        println!("{}: {forbidden} forbidden edges, {spelled} times spelled, all found", of.name);
        assert!(forbidden > 50 && spelled > 50 * USES.len(), "{forbidden} edges are forbidden");
    }
}

#[test]
fn what_hides_a_use_is_found_in_every_module() {
    let page = page();
    for (package, of, _) in crates() {
        let (bare, parsed) = (of.bare(), Parsed::default());
        for here in 1..of.modules.len() {
            let put = Put { bare: &bare, parsed: &parsed, here, other: ROOT };
            for &text in HIDES {
                let found = put.found(*package, &page, &Spelling { here: text, root: "", other: "" }, |text| {
                    put.fill_use(text, "elsewhere::part")
                });
                let is_it = |finding: &Finding| matches!(finding, Finding::Forbidden { .. });
                assert!(found.iter().any(is_it), "{}: {text}: found {found:?}", of.modules[here].name());
            }
        }
    }
}

#[test]
fn what_a_table_allows_and_what_is_no_use_is_not_found() {
    let page = page();
    for (package, of, _) in crates() {
        let (bare, parsed) = (of.bare(), Parsed::default());
        let (mut allowed, mut unused) = (0, 0);
        for pair in pairs(of, *package, &page) {
            for &here in &pair.places {
                let put = Put { bare: &bare, parsed: &parsed, here, other: another(of, &pair, here) };
                let spellings = USES.iter().filter(|spelling| {
                    // Through another module is a use of that one too.
                    pair.is_allowed && spelling.other.is_empty() && !spelling.here.contains("crate::T;")
                });
                let last = pair.used.rsplit("::").next().unwrap_or_default();
                let is_taken = bare.modules[here].bindings(last).next().is_some();
                // No module has two of one name.
                for spelling in spellings.filter(|spelling| !(is_taken && spelling.here.contains("<last>"))) {
                    let found = put.found(*package, &page, spelling, |text| put.fill_use(text, &pair.used));
                    let is_edge = |finding: &Finding| matches!(finding, Finding::NotInTheTable { .. });
                    let is_it = |finding: &Finding| is_edge(finding) || matches!(finding, Finding::UsesTheRoot { .. });
                    let is_it = |finding: &Finding| is_it(finding) && !spelling.root.contains("pub type");
                    let text = put.fill_use(spelling.here, &pair.used);
                    assert!(!found.iter().any(is_it), "{}: {text}: found {found:?}", of.modules[here].name());
                    allowed += 1;
                }
                for &text in UNUSED {
                    let spelling = here_only(text);
                    let mut found = put.found(*package, &page, &spelling, |text| put.fill_use(text, &pair.used));
                    found.retain(|finding| !matches!(finding, Finding::Impure { .. }));
                    assert!(found.is_empty(), "{}: {text}: found {found:?}", of.modules[here].name());
                    unused += 1;
                }
            }
        }
        assert!(allowed > 20 * USES.len() && unused > 50 * UNUSED.len(), "{allowed} and {unused}");
    }
}

fn here_only(here: &'static str) -> Spelling {
    Spelling { here, root: "", other: "" }
}

#[test]
fn every_impure_name_is_found_in_every_pure_module_and_every_spelling() {
    const OTHERS: [&str; 9] = [
        "tokio::fs",
        "tokio::time::sleep",
        "tokio::spawn",
        "rustix::fs",
        "getrandom::fill",
        "rusqlite::Connection",
        "tokio_postgres::connect",
        "clap::Parser",
        "no_such_crate::anything",
    ];
    let page = page();
    let (package, of, _) = &crates()[0];
    let (bare, parsed) = (of.bare(), Parsed::default());
    let (mut modules, mut spelled) = (0, 0);
    for here in 1..of.modules.len() {
        let module = &of.modules[here];
        let (name, is_pure) = (module.name(), rules::is_pure(&page, &module.path));
        let other = of.find("runtime").filter(|_| name != "runtime").unwrap_or(ROOT);
        let put = Put { bare: &bare, parsed: &parsed, here, other };
        modules += usize::from(is_pure);
        // In the others one spelling of each name shows that nothing is found there.
        let spellings = if is_pure { NAMES } else { &NAMES[..1] };
        let is_above = |above: &str| name == above || name.starts_with(&format!("{above}::"));
        let is_excepted =
            |impure: &str| page.exceptions.iter().any(|(above, allowed)| is_above(above) && impure == allowed);
        let is_found = |spelling: &Spelling, path: &str, names: &str| {
            let found = put.found(*package, &page, spelling, |text| put.fill_name(text, path));
            let is_it = |finding: &Finding| matches!(finding, Finding::Impure { names: found, .. } if found == names);
            let text = put.fill_name(spelling.here, path);
            assert_eq!(found.iter().any(is_it), is_pure && !is_excepted(names), "{name}: {text}: found {found:?}");
        };
        for path in IMPURE {
            let is_macro = path.ends_with("print") || path.ends_with("println") || path.ends_with("dbg");
            if is_macro {
                for text in ["fn f() { <last>!(); }", "fn f() { vec![<last>!(1)]; }", "fn f() { <P>!(); }"] {
                    is_found(&here_only(text), path, path);
                    spelled += 1;
                }
                continue;
            }
            for spelling in spellings {
                is_found(spelling, path, path);
                spelled += 1;
            }
        }
        for path in OTHERS {
            let names = path.split("::").next().unwrap_or_default();
            for spelling in spellings {
                is_found(spelling, path, names);
                spelled += 1;
            }
        }
        for (text, word) in [
            ("async fn f() {}", "async"),
            ("trait T { async fn f(); }", "async"),
            ("fn f() { async {}; }", "async"),
            ("fn f() { async || (); }", "async"),
            ("fn f() { vec![async { 1 }]; }", "async"),
            ("fn f() { x.await; }", "await"),
            ("fn f() { vec![x.await]; }", "await"),
            ("#[cfg(test)] mod tests; async fn f() { g().await }", "await"),
            ("#[allow(clippy::disallowed_methods)] fn f() {}", "clippy::disallowed_methods"),
            (
                "#[expect(dead_code, clippy::disallowed_methods, reason = \"so\")] fn f() {}",
                "clippy::disallowed_methods",
            ),
            ("#[cfg_attr(unix, allow(clippy::disallowed_types))] fn f() {}", "clippy::disallowed_types"),
            ("#[allow(clippy::all)] mod inner {}", "clippy::all"),
        ] {
            is_found(&here_only(text), "std::mem", word);
            spelled += 1;
        }
    }
    println!("{modules} pure modules, {spelled} impure names spelled, each found where it is impure and only there");
    assert!(modules > 10);
}

/// A use against the direction of one that is there closes a circle.
#[test]
fn the_way_back_of_every_edge_is_found_as_a_circle() {
    for (_, of, _) in crates() {
        let edges: BTreeSet<_> = rules::edges(of).into_keys().collect();
        let none = rules::circles(&edges);
        for edge in &edges {
            let Edge { inside, from, to } = edge.clone();
            let mut more = edges.clone();
            if more.insert(Edge { inside, from: to, to: from }) {
                assert_ne!(rules::circles(&more), none, "with the way back of {edge:?}");
            }
        }
    }
}
