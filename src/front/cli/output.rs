//! The output: tables on a terminal, otherwise one JSON object a line; and progress bars on a terminal.

use std::io::{self, IsTerminal, Write};

use comfy_table::{Table, presets};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Value};

/// The form of the output.
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

    /// Writes a row: a line of the table, or an object, which leaves empty cells out.
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
            // A person may have typed the text, and a terminal obeys control characters.
            Value::String(text) => text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect(),
            other => other.to_string(),
        }));
        Ok(())
    }

    /// Writes the table, if rows were added.
    pub(super) fn end(&mut self) -> io::Result<()> {
        match self.table.take() {
            Some(table) => writeln!(io::stdout().lock(), "{}", table.trim_fmt()),
            None => Ok(()),
        }
    }
}

/// A counter for a long operation; hidden unless standard error is a terminal.
pub(super) fn progress(doing: &'static str) -> ProgressBar {
    let bar = if io::stderr().is_terminal() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
    let style = ProgressStyle::with_template("{spinner} {msg} {pos}, {per_sec}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar.set_message(doing);
    bar
}
