//! What `ARCHITECTURE.md` says: the tables of who may use whom, and which modules are pure.
//!
//! A table whose last column is "May use" is read. The heading above it tells whose modules it lists: "The map" those of
//! the crate, "The macro" those of the macros' crate, and "Inside `runtime`" or "Inside the macro's `lower`" those of a
//! module. In a table of insides, the row with the module's own name stands for its own file.

use std::collections::{BTreeMap, BTreeSet};

/// Which crate, and the path of the module in it; empty for the crate itself.
pub(crate) type Whose = (Package, String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Package {
    Library,
    Macros,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Page {
    pub(crate) tables: BTreeMap<Whose, Table>,
    /// Modules of the library that use no files, clocks, threads, network, randomness or async.
    pub(crate) pure: BTreeSet<String>,
    /// The crates that they may name.
    pub(crate) crates: BTreeSet<String>,
    /// What a pure module names all the same, with its path: (`model`, `std::time::SystemTime`).
    pub(crate) exceptions: BTreeSet<(String, String)>,
}

/// The rows in their order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Row>,
}

#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) module: String,
    /// The cells between the name and "May use", as they are written.
    pub(crate) holds: Vec<String>,
    pub(crate) may_use: BTreeSet<String>,
}

impl Table {
    pub(crate) fn row(&self, module: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.module == module)
    }

    pub(crate) fn allows(&self, from: &str, to: &str) -> bool {
        self.row(from).is_some_and(|row| row.may_use.contains(to))
    }
}

impl Page {
    pub(crate) fn read(text: &str) -> Self {
        let mut page = Self::default();
        let mut heading = "";
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            if line.starts_with('#') {
                heading = line;
            } else if line.starts_with("| ") {
                let columns = cells(line);
                let mut rows = Vec::new();
                while let Some(row) = lines.next_if(|line| line.starts_with('|')) {
                    if !row.starts_with("|-") {
                        rows.push(cells(row));
                    }
                }
                page.add_table(heading, &columns, &rows);
            }
        }
        page.pure = paragraph(text, "Pure modules");
        page.crates = paragraph(text, "Of other crates, pure modules name");
        page
    }

    pub(crate) fn table(&self, package: Package, path: &str) -> Option<&Table> {
        self.tables.get(&(package, path.to_owned()))
    }

    fn add_table(&mut self, heading: &str, columns: &[String], rows: &[Vec<String>]) {
        if columns.first().is_some_and(|column| column == "Pure module") {
            for row in rows {
                let [module, names, _] = row.as_slice() else { panic!("a row has three cells: {row:?}") };
                let modules = quoted(module);
                let [module] = modules.as_slice() else { panic!("an exception is of one module: {row:?}") };
                self.exceptions.extend(quoted(names).into_iter().map(|name| (module.clone(), name)));
            }
        }
        if columns.last().is_some_and(|column| column == "May use") {
            let whose = whose(heading).unwrap_or_else(|| panic!("no heading says whose modules these are: {heading}"));
            let rows = rows.iter().map(|row| {
                assert_eq!(row.len(), columns.len(), "a row has as many cells as its table: {row:?}");
                let [module, holds @ .., may_use] = row.as_slice() else { panic!("a row has two cells: {row:?}") };
                let module = quoted(module).pop().unwrap_or_else(|| panic!("a row names a module: {row:?}"));
                Row { module, holds: holds.to_vec(), may_use: quoted(may_use).into_iter().collect() }
            });
            let table = Table { columns: columns.to_vec(), rows: rows.collect() };
            assert!(self.tables.insert(whose, table).is_none(), "two tables stand below {heading}");
        }
    }
}

/// What a heading says of the table below it.
fn whose(heading: &str) -> Option<Whose> {
    let title = heading.trim_start_matches('#').trim();
    let package = if title.to_lowercase().contains("the macro") { Package::Macros } else { Package::Library };
    if title == "The map" || title == "The macro" {
        return Some((package, String::new()));
    }
    let path = quoted(title.strip_prefix("Inside")?).pop()?;
    Some((package, path))
}

fn cells(row: &str) -> Vec<String> {
    let row = row.strip_prefix('|').unwrap_or(row).trim_end();
    let row = row.strip_suffix('|').unwrap_or(row);
    row.split('|').map(|cell| cell.trim().to_owned()).collect()
}

/// The quoted words of the paragraph that begins so.
fn paragraph(text: &str, beginning: &str) -> BTreeSet<String> {
    let start = text.find(&format!("\n{beginning}")).map_or(text.len(), |at| at + 1);
    let paragraph = text[start..].split("\n\n").next().unwrap_or_default();
    quoted(paragraph).into_iter().collect()
}

/// The words between back quotes.
pub(crate) fn quoted(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}
