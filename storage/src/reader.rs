//! Reading the ledger: for replay, for verification, while the writer runs.
//!
//! Promises: each row that comes out was checked (checksum, sequence, chain); the
//! first that cannot be vouched for comes out as an error with its sequence number,
//! and nothing after it. What the payload means is left to the record codec.

use std::collections::VecDeque;
use std::fmt;
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

use nexnum_engine::ids::Seq;
use nexnum_engine::time::Time;
use redb::{Database, ReadOnlyDatabase, ReadOnlyTable, ReadTransaction, ReadableTableMetadata};

use crate::backend::{Opened, guarded, open_unwritten};
use crate::error::StorageError;
use crate::format::{self, Hash, LedgerId, RowError, RowHeader};
use crate::identity::{CACHE_BYTES, ROWS, read_identity};
use crate::manifest::Manifest;
use crate::position::Position;

/// Reports of [`Reader::verify`] come every so many rows: often enough for a bar,
/// rare enough to cost nothing.
const REPORT_ROWS: u64 = 256;

/// Rows of one view of the database, and bytes of their payloads. A view holds back every page
/// that is freed while it lives, so that the file grows with each commit: it has to be short.
const AHEAD_ROWS_MAX: usize = 64;
const AHEAD_BYTES_MAX: usize = 1 << 20;

/// A row with its payload, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerRow {
    /// What it is without its payload.
    pub header: RowHeader,
    /// The hash of this row.
    pub hash: Hash,
    /// The encoded records.
    payload: Option<Vec<u8>>,
}

impl LedgerRow {
    /// The row of a header and its payload, which is `None` where it was dropped.
    #[must_use]
    pub fn new(header: RowHeader, payload: Option<Vec<u8>>) -> Self {
        Self { header, hash: header.hash(), payload }
    }

    /// The encoded records.
    ///
    /// # Errors
    /// [`StorageError::Damaged`] if they were dropped: only the row's place in the chain is left.
    pub fn payload(&self) -> Result<&[u8], StorageError> {
        let reason = "what this row held is not there any more; only its hashes are";
        self.payload.as_deref().ok_or_else(|| StorageError::damaged(self.header.first, reason))
    }

    /// Where the ledger stands after this row.
    #[must_use]
    pub fn position(&self) -> Position {
        Position { seq: self.header.last(), hash: self.hash }
    }
}

/// A read handle on a ledger: cheap to clone, usable from any thread, beside the
/// writer. While one lives, the ledger's file stays open and locked.
#[derive(Clone)]
pub struct Reader {
    source: Source,
    id: LedgerId,
}

/// The writer's own database, or one that is opened for reading alone.
#[derive(Clone)]
pub(crate) enum Source {
    Shared(Arc<Opened<Database>>),
    Unwritten(Arc<Opened<ReadOnlyDatabase>>),
}

impl Source {
    fn begin_read(&self) -> Result<ReadTransaction, StorageError> {
        match self {
            Self::Shared(database) => database.begin_read(),
            Self::Unwritten(database) => database.begin_read(),
        }
    }

    fn place(&self) -> &Path {
        match self {
            Self::Shared(database) => &database.place,
            Self::Unwritten(database) => &database.place,
        }
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("id", &self.id).field("place", &self.source.place()).finish()
    }
}

impl Reader {
    pub(crate) fn new(source: Source, id: LedgerId) -> Self {
        Self { source, id }
    }

    /// Opens a ledger for reading alone. Its file is not written to: where its writer was killed,
    /// it is read as it was left, which is whole since commits have two phases.
    ///
    /// # Errors
    /// As [`RedbLedger::open`]; a ledger whose last rows are damaged or missing opens all
    /// the same, so that [`Reader::verify`] can name the place.
    ///
    /// [`RedbLedger::open`]: crate::RedbLedger::open
    pub fn open(path: &Path, manifest: &Manifest) -> Result<Self, StorageError> {
        let database = open_unwritten(path, CACHE_BYTES)?;
        let id = read_identity(&database)?;
        manifest.check_id(path, id)?;
        Ok(Self::new(Source::Unwritten(Arc::new(database)), id))
    }

    /// Holds the ledger's end against what is known of it.
    ///
    /// # Errors
    /// [`StorageError::Behind`], or [`StorageError::Damaged`] at the end or where the
    /// manifest knows the hash.
    pub fn check_end(&self, manifest: &Manifest) -> Result<(), StorageError> {
        self.check_known(manifest, self.last()?)
    }

    /// Refuses a ledger that ends at `last`, before what is known, or has something else
    /// there.
    pub(crate) fn check_known(
        &self,
        manifest: &Manifest,
        last: Position,
    ) -> Result<(), StorageError> {
        let Position { seq: known, hash } = manifest.known;
        if last.seq < known {
            return Err(StorageError::Behind { last: last.seq, known });
        }
        match self.hash_at(known)? {
            Some(found) if found == hash => Ok(()),
            Some(_) => Err(StorageError::damaged(known, "its hash is not the one that was noted")),
            None => Err(StorageError::damaged(known, "no row ends here, as was noted")),
        }
    }

    /// Which ledger this is.
    #[must_use]
    pub fn id(&self) -> LedgerId {
        self.id
    }

    /// Where the ledger ends; sequence 0 and the genesis hash if it has no rows.
    ///
    /// # Errors
    /// If the last row is damaged or cannot be read.
    pub fn last(&self) -> Result<Position, StorageError> {
        Ok(self.last_row()?.0)
    }

    /// The end of the ledger and the epoch of the last row.
    pub(crate) fn last_row(&self) -> Result<(Position, u64), StorageError> {
        let found = self.row_at_or_before(Seq(u64::MAX))?;
        Ok(found.map_or_else(
            || (Position { seq: Seq(0), hash: self.id.genesis() }, 0),
            |row| (row.position(), row.header.epoch),
        ))
    }

    /// The hash of the row that ends at `seq`, the genesis hash for 0; `None` if no
    /// row ends there.
    ///
    /// # Errors
    /// If the row is damaged or cannot be read.
    pub fn hash_at(&self, seq: Seq) -> Result<Option<Hash>, StorageError> {
        if seq == Seq(0) {
            return Ok(Some(self.id.genesis()));
        }
        let row = self.row_at_or_before(seq)?;
        Ok(row.filter(|row| row.header.last() == seq).map(|row| row.hash))
    }

    /// The rows from the one that holds `from` on, up to the end as it is now. The first may
    /// begin before `from`; there are none if `from` is after the end.
    ///
    /// # Errors
    /// If the ledger cannot be read; damage comes out of the iterator.
    pub fn read(&self, from: Seq) -> Result<Rows, StorageError> {
        guarded(self.source.place(), || {
            let table = self.table()?;
            let key = |seq| key_at_or_before(&table, seq).map_err(|e| self.failed(e));
            let start = key(from)?.unwrap_or(1);
            // The row before is read too, for the hash that the first row has to carry.
            let before = key(Seq(start - 1))?;
            Ok(Rows {
                reader: self.clone(),
                from,
                lower: Bound::Included(before.unwrap_or(0)),
                last: key(Seq(u64::MAX))?,
                next: Seq(before.unwrap_or(1)),
                prev: before.is_none().then(|| self.id.genesis()),
                epoch: 0,
                ahead: VecDeque::new(),
                ahead_max: 1,
                failed: None,
            })
        })
    }

    /// Where the row begins in which the first event may be that happened at or after a moment:
    /// no such event is before it. A search by halves, since time never runs back in a ledger.
    ///
    /// # Errors
    /// If a row on the way is damaged or cannot be read.
    pub fn first_since(&self, at: Time) -> Result<Seq, StorageError> {
        // Rows that begin before `least` are earlier; those that begin from `most` on are not.
        let (mut least, mut most) = (1, self.last()?.seq.0 + 1);
        while least < most {
            let middle = Seq(least + (most - least) / 2);
            match self.row_at_or_before(middle)?.map(|row| row.header) {
                Some(row) if row.at < at => least = row.last().0 + 1,
                Some(row) => most = row.first.0.max(least),
                None => return Err(StorageError::damaged(middle, "the row is missing")),
            }
        }
        // The row before has the time of its first group: its last ones may be of that moment.
        let before = self.row_at_or_before(Seq(least - 1))?;
        Ok(before.map_or(Seq(least), |row| row.header.first))
    }

    /// How many rows there are.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn row_count(&self) -> Result<u64, StorageError> {
        guarded(self.source.place(), || self.table()?.len().map_err(|e| self.failed(e)))
    }

    /// Walks all rows and checks each: checksum, sequence, chain, epoch. `progress`
    /// gets the rows done and the rows in all, now and then and at the end.
    ///
    /// # Errors
    /// The first damage, with its sequence number; or a failure to read.
    pub fn verify(&self, mut progress: impl FnMut(u64, u64)) -> Result<Position, StorageError> {
        let total = self.row_count()?;
        let mut end = Position { seq: Seq(0), hash: self.id.genesis() };
        let mut done = 0;
        for row in self.read(Seq(1))? {
            end = row?.position();
            done += 1;
            if done % REPORT_ROWS == 0 {
                progress(done, total);
            }
        }
        progress(done, total);
        Ok(end)
    }

    fn row_at_or_before(&self, seq: Seq) -> Result<Option<LedgerRow>, StorageError> {
        guarded(self.source.place(), || {
            let table = self.table()?;
            let mut range = table.range(..=seq.0).map_err(|e| self.failed(e))?;
            let Some(entry) = range.next_back() else { return Ok(None) };
            let (key, value) = entry.map_err(|e| self.failed(e))?;
            owned(Seq(key.value()), value.value()).map(Some)
        })
    }

    fn table(&self) -> Result<ReadOnlyTable<u64, &'static [u8]>, StorageError> {
        let transaction = self.source.begin_read()?;
        transaction.open_table(ROWS).map_err(|e| self.failed(e))
    }

    fn failed(&self, error: impl Into<redb::Error>) -> StorageError {
        StorageError::database("reading", self.source.place(), error)
    }
}

fn key_at_or_before(
    table: &ReadOnlyTable<u64, &'static [u8]>,
    seq: Seq,
) -> Result<Option<u64>, redb::StorageError> {
    let entry = table.range(..=seq.0)?.next_back().transpose()?;
    Ok(entry.map(|(key, _)| key.value()))
}

/// The row under `key`, with a payload of its own.
fn owned(key: Seq, bytes: &[u8]) -> Result<LedgerRow, StorageError> {
    let (header, payload) = format::decode(bytes).map_err(|error| match error {
        RowError::NewerFormat(_) => {
            StorageError::NewerLedger { seq: key, reason: error.to_string() }
        }
        _ => StorageError::damaged(key, error.to_string()),
    })?;
    if header.first != key {
        let reason = format!("the row here says that it begins at {}", header.first);
        return Err(StorageError::damaged(key, reason));
    }
    Ok(LedgerRow::new(header, payload.map(<[u8]>::to_vec)))
}

/// Checked rows in order, from [`Reader::read`]. Ends after the first error. Some are read ahead
/// at a time, so that between two calls no view of the database is held.
pub struct Rows {
    reader: Reader,
    /// Rows that end before this are checked and passed over.
    from: Seq,
    /// Where the next rows are read from.
    lower: Bound<u64>,
    /// The key of the last row; `None` where there is none, or all were read.
    last: Option<u64>,
    next: Seq,
    /// The hash that the next row must carry; `None` before the first row of a read
    /// from the middle, which has nothing to be compared with.
    prev: Option<Hash>,
    epoch: u64,
    ahead: VecDeque<LedgerRow>,
    /// How many rows are read next: one at first, since some callers want no more.
    ahead_max: usize,
    /// What comes after those read ahead.
    failed: Option<StorageError>,
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").field("next", &self.next).field("last", &self.last).finish()
    }
}

impl Rows {
    /// Damage that redb itself stumbles over is named by the row that was to come.
    fn read_ahead(&mut self) {
        let reader = self.reader.clone();
        let read = guarded(reader.source.place(), || self.read_some());
        if let Err(error) = read {
            self.last = None;
            self.failed = Some(match error {
                StorageError::DamagedFile { reason, .. } => {
                    StorageError::damaged(self.next, reason)
                }
                other => other,
            });
        }
    }

    fn read_some(&mut self) -> Result<(), StorageError> {
        let Some(last) = self.last else { return Ok(()) };
        let ahead_max = self.ahead_max;
        self.ahead_max = (2 * ahead_max).min(AHEAD_ROWS_MAX);
        let table = self.reader.table()?;
        let range = table.range::<u64>((self.lower, Bound::Included(last)));
        let mut bytes = 0;
        for entry in range.map_err(|e| self.reader.failed(e))? {
            let (key, value) = entry.map_err(|e| self.reader.failed(e))?;
            let (key, value) = (key.value(), value.value());
            let row = self.check(Seq(key), value)?;
            self.lower = Bound::Excluded(key);
            if key == last {
                self.last = None;
            }
            if row.header.last() >= self.from {
                self.ahead.push_back(row);
            }
            bytes += value.len();
            if self.ahead.len() >= ahead_max || bytes >= AHEAD_BYTES_MAX {
                return Ok(());
            }
        }
        if self.last.is_some() {
            return Err(StorageError::damaged(
                self.next,
                "the row is missing; it was there before",
            ));
        }
        Ok(())
    }

    /// The row under `key`, if it goes on where the one before it ended.
    fn check(&mut self, key: Seq, bytes: &[u8]) -> Result<LedgerRow, StorageError> {
        if key != self.next {
            let reason = format!("the row is missing; the next one begins at {key}");
            return Err(StorageError::damaged(self.next, reason));
        }
        let row = owned(key, bytes)?;
        let RowHeader { epoch, prev, .. } = row.header;
        if self.prev.is_some_and(|expected| expected != prev) {
            let reason = "the chain breaks: this row was not written after the one before it";
            return Err(StorageError::damaged(key, reason));
        }
        if epoch < self.epoch {
            let reason = format!("its epoch {epoch} is before {}", self.epoch);
            return Err(StorageError::damaged(key, reason));
        }
        self.next = Seq(row.header.last().0.saturating_add(1));
        self.prev = Some(row.hash);
        self.epoch = epoch;
        Ok(row)
    }
}

impl Iterator for Rows {
    type Item = Result<LedgerRow, StorageError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.ahead.is_empty() && self.last.is_some() {
            self.read_ahead();
        }
        match self.ahead.pop_front() {
            Some(row) => Some(Ok(row)),
            None => self.failed.take().map(Err),
        }
    }
}
