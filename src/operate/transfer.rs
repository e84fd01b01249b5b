//! Export and import: whole records, one a line, byte for byte.

use std::io::{BufRead, Read, Write};

use crate::model::id::ConversationId;
use crate::operate::{OperateError, applied};
use crate::record::{MAX_BYTES, Record, Unreadable};
use crate::store::{LoadError, Query, Store, Summary};

/// The counts of an export.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exported {
    /// Records that were written.
    pub records: u64,
    /// Entries of the store that could not be read, and were left out.
    pub unreadable: u64,
}

/// Writes every record that matches to `out`, one a line, in any order. Passes each entry that cannot be read, and is
/// therefore left out, to `left_out`. Blocks the calling task while `out` does.
///
/// ```
/// # use stube::{Confirm, MemoryStore, Prompt, Runtime, operate, store::Query};
/// # use std::sync::Arc;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let store = Arc::new(MemoryStore::new());
/// # let id = Runtime::open(Arc::clone(&store))?.start(Confirm::new("Sure?")).await?.id;
/// let mut backup = Vec::new();
/// let exported = operate::export(&store, &Query::all(), &mut backup, |left_out| eprintln!("{left_out}")).await?;
/// assert_eq!((exported.records, exported.unreadable), (1, 0));
///
/// let other = MemoryStore::new();
/// let counts = operate::import(&other, &backup[..], |line| assert!(line.outcome.is_ok())).await?;
/// assert_eq!((counts.saved, counts.unchanged, counts.refused), (1, 0, 0));
/// assert_eq!(operate::load(&other, id).await?, operate::load(&store, id).await?);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// [`OperateError::Io`] if `out` fails, and [`OperateError::Store`]. What was written until then is incomplete.
pub async fn export(
    store: &dyn Store,
    query: &Query,
    mut out: impl Write + Send,
    mut left_out: impl FnMut(&Unreadable) + Send,
) -> Result<Exported, OperateError> {
    let (mut exported, mut failure) = (Exported::default(), None);
    let mut each = |entry: Result<Record, Unreadable>| match entry {
        Ok(record) if failure.is_none() && query.matches(&Summary::of(&record)) => {
            match out.write_all(record.bytes()) {
                Ok(()) => exported.records += 1,
                Err(error) => failure = Some(error),
            }
        }
        Ok(_) => {}
        Err(unreadable) => {
            exported.unreadable += 1;
            left_out(&unreadable);
        }
    };
    store.load_all(&mut each).await.map_err(OperateError::Store)?;
    match failure {
        Some(error) => return Err(OperateError::Io(error)),
        None => out.flush()?,
    }
    Ok(exported)
}

/// The outcome of importing one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Imported {
    /// The record was saved.
    Saved(ConversationId),
    /// The store had exactly this record already.
    Unchanged(ConversationId),
}

/// Saves a record that [`export`] wrote: one line with its line break. Never overwrites another record.
///
/// # Errors
///
/// [`OperateError::NotARecord`]; [`OperateError::Exists`] or [`OperateError::Unreadable`] if the store has another
/// entry for the same conversation; [`OperateError::Conflict`], [`OperateError::Store`] and [`OperateError::Unknown`].
pub async fn import_record(store: &dyn Store, line: Vec<u8>) -> Result<Imported, OperateError> {
    let record = Record::parse(line).map_err(OperateError::NotARecord)?;
    let id = record.id();
    match store.load(id).await {
        Ok(Some(stored)) if stored == record => Ok(Imported::Unchanged(id)),
        Ok(Some(_)) => Err(OperateError::Exists(id)),
        Err(LoadError::Unreadable(unreadable)) => Err(OperateError::Unreadable(unreadable)),
        Err(LoadError::Store(error)) => Err(OperateError::Store(error)),
        Ok(None) => applied(store, id, store.save(&record, None).await).map(|()| Imported::Saved(id)),
    }
}

/// One line of an import.
#[derive(Debug)]
#[non_exhaustive]
pub struct ImportLine<'a> {
    /// Its number; the first is 1.
    pub number: u64,
    /// The outcome, or why the line was refused.
    pub outcome: Result<Imported, &'a OperateError>,
}

/// The counts of an import.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImportCounts {
    /// Records that were saved.
    pub saved: u64,
    /// Records that the store had already.
    pub unchanged: u64,
    /// Lines that were refused.
    pub refused: u64,
}

/// Imports every line of `input`, in order, and passes the outcome of each to `each`. A line that is refused does not
/// stop the import; empty lines are skipped. Blocks the calling task while `input` does.
///
/// # Errors
///
/// [`OperateError::Io`] if `input` fails, and any error of [`import_record`] that is not about the line itself. The
/// lines before are imported; importing the same input again continues.
pub async fn import(
    store: &dyn Store,
    mut input: impl BufRead,
    mut each: impl FnMut(ImportLine<'_>),
) -> Result<ImportCounts, OperateError> {
    let (mut counts, mut number) = (ImportCounts::default(), 0);
    while let Some(mut line) = next_line(&mut input)? {
        number += 1;
        if line.is_empty() {
            continue;
        }
        line.push(b'\n');
        match import_record(store, line).await {
            Ok(imported) => {
                match imported {
                    Imported::Saved(_) => counts.saved += 1,
                    Imported::Unchanged(_) => counts.unchanged += 1,
                }
                each(ImportLine { number, outcome: Ok(imported) });
            }
            Err(error @ (OperateError::NotARecord(_) | OperateError::Unreadable(_) | OperateError::Exists(_))) => {
                counts.refused += 1;
                each(ImportLine { number, outcome: Err(&error) });
            }
            Err(error) => return Err(error),
        }
    }
    Ok(counts)
}

/// The next line without its line break; `None` at the end. Of a line that is longer than any record, only as much is
/// kept as is needed to refuse it.
fn next_line(input: &mut impl BufRead) -> std::io::Result<Option<Vec<u8>>> {
    let limit = MAX_BYTES + 1;
    let mut line = Vec::new();
    if input.by_ref().take(limit as u64).read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if line.len() == limit {
        input.skip_until(b'\n')?;
    }
    Ok(Some(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_longer_than_a_record_is_cut_and_the_next_one_is_whole() {
        let mut input = vec![b'x'; 3 * MAX_BYTES];
        input.extend_from_slice(b"\nnext\n\nlast");
        let mut input = &input[..];
        assert_eq!(next_line(&mut input).unwrap().map(|line| line.len()), Some(MAX_BYTES + 1));
        assert_eq!(next_line(&mut input).unwrap().as_deref(), Some(&b"next"[..]));
        assert_eq!(next_line(&mut input).unwrap().as_deref(), Some(&b""[..]));
        assert_eq!(next_line(&mut input).unwrap().as_deref(), Some(&b"last"[..]));
        assert_eq!(next_line(&mut input).unwrap(), None);
    }
}
