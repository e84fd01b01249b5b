//! Prints the tables of `ARCHITECTURE.md` as the code is, so that they can be written from it.

use std::collections::{BTreeMap, BTreeSet};

use crate::page::{Package, Page, Table};
use crate::resolve::resolve;
use crate::rules::{self, Edge};
use crate::source::Crate;

pub(crate) fn print(package: Package, of: &Crate, page: &Page) {
    let edges: BTreeSet<_> = rules::edges(of).into_keys().collect();
    for (inside, parts) in rules::whole_parts(of) {
        let has_edges = edges.iter().any(|edge| edge.inside == inside);
        if page.table(package, &inside).is_none() && (inside.contains("::") || !has_edges) {
            continue;
        }
        println!("\n{}\n", heading(package, &inside));
        let table = page.table(package, &inside);
        let columns =
            table.map_or(vec!["Module".into(), "Holds".into(), "May use".into()], |table| table.columns.clone());
        println!("| {} |\n|{}", columns.join(" | "), "---|".repeat(columns.len()));
        for part in in_order(&inside, table, &parts, &edges) {
            let row = table.and_then(|table| table.row(&part));
            let holds = row.map_or_else(|| vec![String::new(); columns.len() - 2], |row| row.holds.clone()).join(" | ");
            let used = edges.iter().filter(|edge| edge.inside == inside && edge.from == part);
            let used: Vec<_> = used.map(|edge| format!("`{}`", edge.to)).collect();
            println!("| `{part}` | {holds} | {} |", used.join(", "));
        }
    }
    println!("\n{} distinct edges between modules two levels deep in `{}`", two_levels_deep(of).len(), of.name);
    rules::circles(&edges).iter().for_each(|circle| println!("{circle}"));
}

fn heading(package: Package, inside: &str) -> String {
    match (package, inside) {
        (Package::Library, "") => "## The map".to_owned(),
        (Package::Macros, "") => "## The macro".to_owned(),
        (Package::Library, inside) => format!("### Inside `{inside}`"),
        (Package::Macros, inside) => format!("### Inside the macro's `{inside}`"),
    }
}

/// The rows in the order of the page; new ones after those that they use, as far as there is such an order.
fn in_order(inside: &str, table: Option<&Table>, parts: &BTreeSet<String>, edges: &BTreeSet<Edge>) -> Vec<String> {
    let mut left = BTreeMap::new();
    for part in parts {
        let uses = edges.iter().filter(|edge| edge.inside == inside && edge.from == *part);
        left.insert(part.clone(), uses.map(|edge| edge.to.clone()).collect::<BTreeSet<_>>());
    }
    let rows = table.into_iter().flat_map(|table| &table.rows).map(|row| row.module.clone());
    let mut order: Vec<_> = rows.filter(|module| left.remove(module).is_some()).collect();
    while !left.is_empty() {
        let is_next = |(_, uses): &(&String, &BTreeSet<String>)| !uses.iter().any(|used| left.contains_key(used));
        let next = left.iter().find(is_next).or_else(|| left.iter().next());
        let next = next.map(|(part, _)| part.clone()).expect("something is left");
        left.remove(&next);
        order.push(next);
    }
    order
}

/// Who uses what another module defines, with every path cut to two names.
fn two_levels_deep(of: &Crate) -> BTreeSet<(Vec<String>, Vec<String>)> {
    let cut = |path: &[String]| path.iter().take(2).cloned().collect::<Vec<_>>();
    let mut edges = BTreeSet::new();
    for (id, module) in of.modules.iter().enumerate().skip(1) {
        for mention in &module.mentions {
            let reached = resolve(of, id, mention);
            let used = reached.defined.iter().map(|&used| cut(&of.modules[used].path));
            edges.extend(used.filter(|used| *used != cut(&module.path)).map(|used| (cut(&module.path), used)));
        }
    }
    edges
}
