//! A provider's memory across a kill: purchases and status changes as JSON lines.
//!
//! Promises: a line is written before its call is answered; a torn last line is
//! forgotten; at start the file is rewritten with what still matters, so it
//! stays in proportion to the open numbers. Lines are not synced: the process
//! may die, the machine is not expected to.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use nexnum_engine::ids::{CountryId, Number, Product, ServiceId};
use serde::{Deserialize, Serialize};

use crate::cost::Cost;
use crate::fault_kind::FaultKind;
use crate::life::{Closed, Life, Quirks};

/// A line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Entry {
    /// The id of the next purchase, and what was spent on numbers that are not listed.
    Start { next: u32, spent: u64 },
    /// A purchase.
    Bought {
        id: u32,
        country: u16,
        service: u16,
        operator: u8,
        cost: u32,
        number: u64,
        at_ms: u64,
        #[serde(default)]
        doubled: bool,
        #[serde(default)]
        late: bool,
        #[serde(default)]
        quirks: Quirks,
        #[serde(default)]
        reference: u64,
    },
    /// Another code was asked for.
    Asked { id: u32, at_ms: u64 },
    /// The number was closed.
    Closed { id: u32, how: Closed, at_ms: u64 },
    /// A call showed a fault. Says what happened; nothing follows from it.
    Fault { kind: FaultKind, call: String, at_ms: u64 },
}

impl Entry {
    pub(crate) fn bought(life: &Life) -> Self {
        Self::Bought {
            id: life.id,
            country: life.product.country.0,
            service: life.product.service.0,
            operator: life.operator,
            cost: life.cost.0,
            number: life.number.0,
            at_ms: life.bought_ms,
            doubled: life.doubled,
            late: life.late,
            quirks: life.quirks,
            reference: life.reference,
        }
    }

    /// The lines that bring a number back.
    pub(crate) fn of(life: &Life) -> impl Iterator<Item = Self> {
        let id = life.id;
        let asked = life.asked_ms.iter().map(move |&at_ms| Self::Asked { id, at_ms });
        let closed = life.closed.map(|(how, at_ms)| Self::Closed { id, how, at_ms });
        std::iter::once(Self::bought(life)).chain(asked).chain(closed)
    }

    /// The number of a purchase line; `None` for the others.
    pub(crate) fn life(&self) -> Option<Life> {
        match *self {
            Self::Bought {
                id,
                country,
                service,
                operator,
                cost,
                number,
                at_ms,
                doubled,
                late,
                quirks,
                reference,
            } => Some(Life {
                id,
                product: Product::activation(CountryId(country), ServiceId(service)),
                operator,
                cost: Cost(cost),
                number: Number(number),
                bought_ms: at_ms,
                asked_ms: Vec::new(),
                closed: None,
                doubled,
                late,
                quirks,
                reference,
            }),
            Self::Start { .. } | Self::Asked { .. } | Self::Closed { .. } | Self::Fault { .. } => {
                None
            }
        }
    }
}

/// An open journal, at whose end lines are written.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
}

impl Journal {
    /// The lines of a journal; none if there is no file.
    ///
    /// # Errors
    /// Those of the disk, and a line other than a torn last one that is not understood.
    pub(crate) fn read(path: &Path) -> io::Result<Vec<Entry>> {
        let text = match fs::read(path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let parse = |(line, text): (usize, &str)| {
            serde_json::from_str(text).map_err(|error| {
                let place = format!("{}: line {line}: {error}", path.display());
                io::Error::new(io::ErrorKind::InvalidData, place)
            })
        };
        (1..).zip(whole.lines()).map(parse).collect()
    }

    /// Replaces the journal by these lines, whole or not at all, and opens it.
    ///
    /// # Errors
    /// Those of the disk.
    pub(crate) fn rewrite(path: &Path, entries: impl Iterator<Item = Entry>) -> io::Result<Self> {
        let fresh = PathBuf::from(format!("{}.new", path.display()));
        let mut journal = Self { file: File::create(&fresh)? };
        let mut lines = Vec::new();
        entries.for_each(|entry| line(&mut lines, &entry));
        journal.file.write_all(&lines)?;
        fs::rename(&fresh, path)?;
        journal.file = OpenOptions::new().append(true).open(path)?;
        Ok(journal)
    }

    /// Writes a line.
    ///
    /// # Errors
    /// Those of the disk.
    pub(crate) fn append(&mut self, entry: &Entry) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(192);
        line(&mut bytes, entry);
        self.file.write_all(&bytes)
    }
}

fn line(bytes: &mut Vec<u8>, entry: &Entry) {
    serde_json::to_writer(&mut *bytes, entry).expect("integers and fixed words always serialize");
    bytes.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_reads_back_what_was_written_but_for_a_torn_tail() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("one.jsonl");
        assert_eq!(Journal::read(&path).unwrap(), []);
        let start = Entry::Start { next: 5, spent: 7 };
        let asked = Entry::Asked { id: 5, at_ms: 9 };
        let mut journal = Journal::rewrite(&path, [start.clone()].into_iter()).unwrap();
        journal.append(&asked).unwrap();
        journal.file.write_all(b"{\"event\":\"asked\",\"id\"").unwrap();
        assert_eq!(Journal::read(&path).unwrap(), [start, asked]);
    }

    #[test]
    fn a_damaged_line_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("one.jsonl");
        fs::write(&path, "{\"event\":\"asked\",\"id\":1,\"at_ms\":2}\nnonsense\n").unwrap();
        let error = Journal::read(&path).unwrap_err().to_string();
        assert!(error.contains("one.jsonl: line 2: "), "{error}");
    }
}
