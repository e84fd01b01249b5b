//! What is written: tables for people, a JSON object a line for programs; progress for people only.

use std::io::{self, IsTerminal, Write};

use comfy_table::{Table, presets};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Value};

/// Where the output goes.
#[derive(Debug)]
pub(super) struct Output {
    is_table: bool,
    table: Option<Table>,
}

impl Output {
    pub(super) fn new(json: bool, table: bool) -> Self {
        Self { is_table: table || (!json && io::stdout().is_terminal()), table: None }
    }

    pub(super) fn is_table(&self) -> bool {
        self.is_table
    }

    /// A row: a line of a table, or an object. What is empty is left out of the object.
    pub(super) fn row(&mut self, cells: &[(&str, Value)]) -> io::Result<()> {
        if !self.is_table {
            let cells = cells.iter().filter(|(_, value)| !value.is_null());
            let object: Map<String, Value> = cells.map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
            return writeln!(io::stdout().lock(), "{}", Value::Object(object));
        }
        let table = self.table.get_or_insert_with(|| {
            let mut table = Table::new();
            table.load_preset(presets::NOTHING).set_header(cells.iter().map(|(name, _)| name.replace('_', " ")));
            table
        });
        table.add_row(cells.iter().map(|(_, value)| match value {
            Value::Null => String::new(),
            // What a person has typed may be in it, and a terminal obeys control characters.
            Value::String(text) => text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect(),
            other => other.to_string(),
        }));
        Ok(())
    }

    /// Writes the table, if there is one.
    pub(super) fn end(&mut self) -> io::Result<()> {
        match self.table.take() {
            Some(table) => writeln!(io::stdout().lock(), "{}", table.trim_fmt()),
            None => Ok(()),
        }
    }
}

/// A count that goes on while something long is done; nothing where nobody looks.
pub(super) fn progress(doing: &'static str) -> ProgressBar {
    let bar = if io::stderr().is_terminal() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
    let style = ProgressStyle::with_template("{spinner} {msg} {pos}, {per_sec}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar.set_message(doing);
    bar
}
