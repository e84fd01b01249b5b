//! The rules: who uses whom, held against the tables; circles; what a pure module names; what hides a path.
//!
//! Takes a crate and the page. Gives every edge between modules, level by level, and what breaks a rule.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::mentions::{Kind, Mention};
use crate::page::{Package, Page};
use crate::resolve::resolve;
use crate::source::{Crate, Id, ROOT};

/// Between two modules of one level.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Edge {
    /// The module whose parts these are; empty for the crate.
    pub(crate) inside: String,
    /// A part, or the module's own file by the module's name.
    pub(crate) from: String,
    pub(crate) to: String,
}

/// What breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Finding {
    NotInTheTable {
        edge: Edge,
        by: String,
    },
    UsesTheRoot {
        module: String,
        by: String,
    },
    Impure {
        module: String,
        names: String,
        by: String,
    },
    Forbidden {
        module: String,
        what: String,
    },
    Circle(String),
    /// The tables are not those of the code.
    Page(String),
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotInTheTable { edge: Edge { inside, from, to }, by } => {
                let table = if inside.is_empty() { "the table".to_owned() } else { format!("the table of `{inside}`") };
                write!(f, "{by}: `{from}` uses `{to}`, and {table} does not say so")
            }
            Self::UsesTheRoot { module, by } => write!(f, "{by}: `{module}` uses what the crate's root defines"),
            Self::Impure { module, names, by } => write!(f, "{by}: `{module}` is pure, and names {names}"),
            Self::Forbidden { module, what } => write!(f, "`{module}`: {what}"),
            Self::Circle(what) | Self::Page(what) => f.write_str(what),
        }
    }
}

/// What no pure module names, with all that begins so.
pub(crate) const IMPURE: [&str; 31] = [
    "std::fs",
    "std::net",
    "std::thread",
    "std::process",
    "std::env",
    "std::io",
    "std::os",
    "std::future",
    "std::task",
    "std::sync::Mutex",
    "std::sync::RwLock",
    "std::sync::Condvar",
    "std::sync::Barrier",
    "std::sync::mpsc",
    "std::sync::mpmc",
    "std::sync::ReentrantLock",
    "std::sync::nonpoison",
    "std::sync::poison",
    "std::time::Instant",
    "std::time::SystemTime",
    "std::time::UNIX_EPOCH",
    "std::hash::RandomState",
    "std::collections::hash_map::RandomState",
    "std::random",
    "std::print",
    "std::println",
    "std::eprint",
    "std::eprintln",
    "std::dbg",
    "std::hint",
    "std::intrinsics",
];

/// The edges of a crate, each with the place of one mention.
pub(crate) fn edges(of: &Crate) -> BTreeMap<Edge, String> {
    let mut edges = BTreeMap::new();
    for (id, module) in of.modules.iter().enumerate() {
        for mention in &module.mentions {
            for edge in edges_of(of, id, mention) {
                edges.entry(edge).or_insert_with(|| place(of, id, mention));
            }
        }
    }
    edges
}

/// What breaks a rule in these modules by itself, whatever the others do.
pub(crate) fn broken_in(of: &Crate, package: Package, page: &Page, modules: &[Id]) -> BTreeSet<Finding> {
    let mut findings = BTreeSet::new();
    for &id in modules {
        let module = &of.modules[id];
        let forbidden = module.forbidden.iter().cloned();
        findings.extend(forbidden.map(|what| Finding::Forbidden { module: module.name(), what }));
        for mention in &module.mentions {
            broken_by(of, package, page, id, mention, &mut findings);
        }
    }
    findings
}

fn broken_by(of: &Crate, package: Package, page: &Page, at: Id, mention: &Mention, findings: &mut BTreeSet<Finding>) {
    let module = &of.modules[at];
    for edge in edges_of(of, at, mention) {
        let table = page.table(package, &edge.inside);
        if table.map_or(!edge.inside.contains("::"), |table| !table.allows(&edge.from, &edge.to)) {
            findings.insert(Finding::NotInTheTable { edge, by: place(of, at, mention) });
        }
    }
    let reached = resolve(of, at, mention);
    if at != ROOT && reached.defined.contains(&ROOT) {
        findings.insert(Finding::UsesTheRoot { module: module.name(), by: place(of, at, mention) });
    }
    if package == Package::Library && is_pure(page, &module.path) {
        for names in impure(page, &module.path, mention, &reached.external) {
            findings.insert(Finding::Impure { module: module.name(), names, by: place(of, at, mention) });
        }
    }
}

/// Everything that breaks a rule; of each edge that is not in the tables one place.
pub(crate) fn broken(of: &Crate, package: Package, page: &Page) -> BTreeSet<Finding> {
    let all: Vec<_> = (0..of.modules.len()).collect();
    let mut findings = broken_in(of, package, page, &all);
    let mut told = BTreeSet::new();
    findings.retain(|finding| match finding {
        Finding::NotInTheTable { edge, .. } => told.insert(edge.clone()),
        _ => true,
    });
    let edges: BTreeSet<_> = edges(of).into_keys().collect();
    findings.extend(circles(&edges).into_iter().map(Finding::Circle));
    findings.extend(differences(of, package, page, &edges).into_iter().map(Finding::Page));
    findings
}

/// Where the page's tables and the crate differ, other than by an edge that is not allowed.
fn differences(of: &Crate, package: Package, page: &Page, edges: &BTreeSet<Edge>) -> Vec<String> {
    let mut differences = Vec::new();
    let whole = whole_parts(of);
    for (inside, parts) in &whole {
        let Some(table) = page.table(package, inside) else {
            // Only what is deeper may do without.
            if !inside.contains("::") && edges.iter().any(|edge| edge.inside == *inside) {
                differences.push(format!("the page has no table of the insides of `{inside}`"));
            }
            continue;
        };
        for part in parts.iter().filter(|part| table.row(part).is_none()) {
            differences.push(format!("`{part}` is not in the table {inside:?}"));
        }
        for row in &table.rows {
            if !parts.contains(&row.module) {
                differences
                    .push(format!("the table {inside:?} has a row `{}`, and there is no such module", row.module));
            }
            for to in &row.may_use {
                let edge = Edge { inside: inside.clone(), from: row.module.clone(), to: to.clone() };
                if !edges.contains(&edge) {
                    differences.push(format!("the table {inside:?} lets `{}` use `{to}`, and it does not", row.module));
                }
            }
        }
    }
    for (of, path) in page.tables.keys() {
        if *of == package && !whole.contains_key(path) {
            differences.push(format!("the page has a table of the insides of `{path}`, which has none"));
        }
    }
    if package == Package::Library {
        let is_module = |name: &str| of.find(name).is_some();
        for name in page.pure.iter().filter(|name| !is_module(name)) {
            differences.push(format!("the page calls `{name}` pure, and there is no such module"));
        }
    }
    differences
}

/// The parts of each module that has some, its own file among them; of the crate without the root.
pub(crate) fn whole_parts(of: &Crate) -> BTreeMap<String, BTreeSet<String>> {
    let mut whole = BTreeMap::<_, BTreeSet<String>>::new();
    for module in &of.modules[1..] {
        let Some((last, above)) = module.path.split_last() else { continue };
        let parts = whole.entry(above.join("::")).or_default();
        parts.insert(last.clone());
        parts.extend(above.last().cloned());
    }
    whole
}

/// The edges that one mention makes, at the levels where its module and what it uses part.
fn edges_of(of: &Crate, at: Id, mention: &Mention) -> BTreeSet<Edge> {
    let reached = resolve(of, at, mention);
    let from = &of.modules[at].path;
    let mut edges = BTreeSet::new();
    for &used in reached.passed.union(&reached.defined) {
        let to = &of.modules[used].path;
        let shared = from.iter().zip(to).take_while(|(from, to)| from == to).count();
        // The root lists and exports; its own code stands above everything.
        if used == at || used == ROOT || (shared == 0 && from.is_empty()) {
            continue;
        }
        // A path through a module above goes on to what is meant.
        if shared == to.len() && !reached.defined.contains(&used) {
            continue;
        }
        // A module that exports its parts does not use them.
        if shared == from.len() && mention.kind == Kind::Export {
            continue;
        }
        let part = |path: &[String]| path.get(shared).or_else(|| path.last()).cloned().unwrap_or_default();
        edges.insert(Edge { inside: from[..shared].join("::"), from: part(from), to: part(to) });
    }
    edges
}

/// The circles among the parts of each module, the module's own file among them, each as one path.
pub(crate) fn circles(edges: &BTreeSet<Edge>) -> Vec<String> {
    let mut circles = Vec::new();
    for (inside, uses) in levels(edges) {
        let mut seen = BTreeSet::new();
        for start in uses.keys() {
            if let Some(circle) = way_back(&uses, start)
                && seen.insert(circle.iter().copied().collect::<BTreeSet<_>>())
            {
                circles.push(told(inside, &circle));
            }
        }
    }
    circles
}

type Uses<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

fn levels(edges: &BTreeSet<Edge>) -> BTreeMap<&str, Uses<'_>> {
    let mut levels = BTreeMap::<&str, Uses<'_>>::new();
    for Edge { inside, from, to } in edges {
        levels.entry(inside).or_default().entry(from).or_default().insert(to);
    }
    levels
}

fn told(inside: &str, circle: &[&str]) -> String {
    let place = if inside.is_empty() { "the crate" } else { inside };
    format!("a circle in {place}: {} -> {}", circle.join(" -> "), circle[0])
}

/// The shortest way from a module back to itself.
fn way_back<'a>(uses: &Uses<'a>, start: &'a str) -> Option<Vec<&'a str>> {
    let mut ways = vec![vec![start]];
    let mut seen = BTreeSet::new();
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            for &next in uses.get(way.last()?).into_iter().flatten() {
                if next == start {
                    return Some(way);
                }
                if seen.insert(next) {
                    longer.push(way.iter().copied().chain([next]).collect());
                }
            }
        }
        ways = longer;
    }
    None
}

/// Whether the page calls it pure, or a module that it is in.
pub(crate) fn is_pure(page: &Page, path: &[String]) -> bool {
    (1..=path.len()).any(|length| page.pure.contains(&path[..length].join("::")))
}

/// What of this a pure module may not name.
fn impure(page: &Page, path: &[String], mention: &Mention, external: &BTreeSet<Vec<String>>) -> BTreeSet<String> {
    let mut impure = BTreeSet::new();
    let is_above = |module: &str| (1..=path.len()).any(|length| path[..length].join("::") == module);
    if mention.kind == Kind::Word {
        let word = mention.path.join("::");
        if !page.exceptions.iter().any(|(module, allowed)| is_above(module) && *allowed == word) {
            impure.insert(word);
        }
    }
    for named in external {
        let named = named.join("::");
        // `env!` reads what the compiler was given.
        let named = if named == "std::env!" { continue } else { named.trim_end_matches('!') };
        let begins =
            |with: &str| named.strip_prefix(with).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
        if page.exceptions.iter().any(|(module, allowed)| is_above(module) && begins(allowed)) {
            continue;
        }
        let first = named.split("::").next().unwrap_or_default();
        if first == "std" {
            let found = IMPURE.into_iter().filter(|impure| begins(impure));
            impure.extend(found.map(str::to_owned));
        } else if !page.crates.contains(first) {
            impure.insert(first.to_owned());
        }
    }
    impure
}

fn place(of: &Crate, at: Id, mention: &Mention) -> String {
    let colons = if mention.global { "::" } else { "" };
    format!("{}: {colons}{}", of.modules[at].file.display(), mention.path.join("::"))
}
