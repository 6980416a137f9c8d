//! The ledger: where an event becomes a fact.
//!
//! Promises: when [`Ledger::append`] returns a position, everything up to
//! it survives a kill and a power cut; rows have no gaps and are chained by hash;
//! after a failure nothing more is taken until the ledger is opened again, because
//! what a failed sync left on the disk cannot be known. Leaves to others: what to
//! put in a batch, when to commit, what to do about a failure (end the process).

use std::fmt;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use nexnum_engine::ids::Seq;
use redb::{Database, Durability, StorageBackend, WriteTransaction};

use crate::backend::{
    Opened, create_database, create_file, guarded, open_checked, open_database, open_file,
};
use crate::error::StorageError;
use crate::file::{file_backend, sync_folder};
use crate::format::{self, Batch, LedgerId, PAYLOAD_LEN_MAX, RowHeader};
use crate::identity::{CACHE_BYTES, ROWS, read_identity, write_identity};
use crate::manifest::Manifest;
use crate::overlay::Overlay;
use crate::position::Position;
use crate::reader::{LedgerRow, Reader, Source};
use crate::tip::Tip;

/// Rows as they are read, checked; see [`Reader::read`]. They borrow nothing, so that they can be
/// read beside the writer.
pub type RowsRead = Box<dyn Iterator<Item = Result<LedgerRow, StorageError>> + Send>;

/// An append-only log of batches, durable and in order, as the one who writes it sees it. Nothing
/// above it may assume that it is local: an append may be refused since another writer has begun,
/// and its answer may be lost.
pub trait Ledger: Send {
    /// Makes a batch durable right after `expected`, where its writer believes the ledger to end,
    /// in the writer's epoch. Returns where the ledger ends then; the hash there is that of the
    /// batch's row ([`RowHeader::of`]), and is the batch's id: the same bytes at the same place in
    /// the same epoch. So an append may be repeated as it was: one that is done is not done again,
    /// and gets the same answer.
    ///
    /// # Errors
    /// [`StorageError::BadBatch`] leaves the ledger as it was. [`StorageError::Fenced`] too, and
    /// this writer will not be let in again. After any other one it takes nothing more
    /// ([`StorageError::Poisoned`]); [`StorageError::Ambiguous`] says that the batch may be there:
    /// the next opening finds it whole or absent.
    fn append(
        &mut self,
        batch: &Batch<'_>,
        expected: Position,
        epoch: u64,
    ) -> Result<Position, StorageError>;

    /// Where the ledger ends: what this writer last made durable, or found.
    fn last(&self) -> Position;

    /// This writer's epoch: later than that of every row it found.
    fn epoch(&self) -> u64;

    /// The rows from the one that holds `from` on; see [`Reader::read`].
    ///
    /// # Errors
    /// If the ledger cannot be read; damage comes out of the iterator.
    fn read(&self, from: Seq) -> Result<RowsRead, StorageError>;
}

/// The embedded ledger: a redb file, or a disk of [`crate::fault`].
pub struct RedbLedger {
    database: Arc<Opened<Database>>,
    reader: Reader,
    last: Position,
    /// This opening's term: one more than that of the last row found.
    epoch: u64,
    poisoned: bool,
    row: Vec<u8>,
    /// Where each new end is noted, outside the database.
    tip: Option<Tip>,
}

impl fmt::Debug for RedbLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedbLedger")
            .field("reader", &self.reader)
            .field("last", &self.last)
            .field("epoch", &self.epoch)
            .field("poisoned", &self.poisoned)
            .finish_non_exhaustive()
    }
}

impl RedbLedger {
    /// Makes a new, empty ledger in a file that does not exist yet.
    ///
    /// # Errors
    /// [`StorageError::AlreadyExists`], leaving the file as it is; or the failure.
    pub fn create(path: &Path, id: LedgerId) -> Result<Self, StorageError> {
        let ledger = Self::create_in(create_file(path)?, path, id)?;
        sync_folder(path)?;
        Ok(ledger)
    }

    /// As [`RedbLedger::create`], in an empty file, whose name is not made durable.
    pub(crate) fn create_in(file: File, path: &Path, id: LedgerId) -> Result<Self, StorageError> {
        Self::create_on(file_backend(file, path)?, path, id)
    }

    /// As [`RedbLedger::create`], on any backend that is empty; `place` names it in errors.
    ///
    /// # Errors
    /// As [`RedbLedger::create`].
    pub fn create_on(
        backend: impl StorageBackend,
        place: &Path,
        id: LedgerId,
    ) -> Result<Self, StorageError> {
        let database = create_database(backend, place, CACHE_BYTES)?;
        guarded(place, || {
            let failed = |e: redb::Error| StorageError::database("creating", place, e);
            let transaction = begin(&database)?;
            transaction.open_table(ROWS).map_err(|e| failed(e.into()))?;
            write_identity(&transaction, id).map_err(failed)?;
            transaction.commit().map_err(|e| failed(e.into()))
        })?;
        Self::over(Arc::new(database), id)
    }

    /// Holds every page of the ledger's file against its checksum; the file is not written
    /// to. The database itself trusts what it finds: an altered page that says which pages
    /// are free would let it write over rows that were acknowledged.
    ///
    /// # Errors
    /// [`StorageError::DamagedFile`] or the database's word where one is altered.
    pub fn check(path: &Path) -> Result<(), StorageError> {
        open_checked(Overlay::over(path)?, path, CACHE_BYTES).map(drop)
    }

    /// Opens the ledger that is in a file, after recovery if the last process that
    /// wrote was killed. It writes to the file, also before it refuses it: where it may be
    /// damaged, a [`CheckedLedger`] is opened first.
    ///
    /// [`CheckedLedger`]: crate::CheckedLedger
    ///
    /// # Errors
    /// [`StorageError::Missing`], [`StorageError::EmptyLedger`],
    /// [`StorageError::OtherLedger`], [`StorageError::Behind`] the manifest,
    /// [`StorageError::Damaged`] at the end or where the manifest knows the hash,
    /// [`StorageError::NewerFormat`], [`StorageError::InUse`]; or the failure.
    pub fn open(path: &Path, manifest: &Manifest) -> Result<Self, StorageError> {
        Self::open_on(open_file(path)?, path, manifest)
    }

    /// As [`RedbLedger::open`], on any backend; `place` names it in errors.
    ///
    /// # Errors
    /// As [`RedbLedger::open`].
    pub fn open_on(
        backend: impl StorageBackend,
        place: &Path,
        manifest: &Manifest,
    ) -> Result<Self, StorageError> {
        let database = open_database(backend, place, CACHE_BYTES)?;
        let id = read_identity(&database)?;
        manifest.check_id(place, id)?;
        let ledger = Self::over(Arc::new(database), id)?;
        ledger.check_known(manifest)?;
        Ok(ledger)
    }

    /// Refuses a ledger that is not what the manifest knows of it.
    pub(crate) fn check_known(&self, manifest: &Manifest) -> Result<(), StorageError> {
        self.reader.check_known(manifest, self.last)
    }

    /// The ledger in an open database.
    pub(crate) fn over(
        database: Arc<Opened<Database>>,
        id: LedgerId,
    ) -> Result<Self, StorageError> {
        let reader = Reader::new(Source::Shared(Arc::clone(&database)), id);
        let (last, epoch) = reader.last_row()?;
        let epoch = epoch.saturating_add(1);
        Ok(Self { database, reader, last, epoch, poisoned: false, row: Vec::new(), tip: None })
    }

    /// Notes every new end in the file at `path` from now on, so that the next process
    /// to open the ledger after a kill knows how far it was. See [`Manifest::with_tip`].
    ///
    /// # Errors
    /// The failure.
    pub fn noting_tip(mut self, path: &Path) -> Result<Self, StorageError> {
        self.tip = Some(Tip::begin(path, &self.manifest())?);
        Ok(self)
    }

    /// Which ledger this is.
    #[must_use]
    pub fn id(&self) -> LedgerId {
        self.reader.id()
    }

    /// A handle for reading beside the writer, on any thread.
    #[must_use]
    pub fn reader(&self) -> Reader {
        self.reader.clone()
    }

    /// What the manifest should say from now on.
    #[must_use]
    pub fn manifest(&self) -> Manifest {
        Manifest { id: self.id(), known: self.last }
    }

    /// Commits the bytes in `self.row` under `key`.
    fn commit(&self, key: Seq) -> Result<(), StorageError> {
        let place = &self.database.place;
        guarded(place, || {
            let failed = |e: redb::Error| StorageError::database("appending to", place, e);
            let transaction = begin(&self.database)?;
            {
                let mut rows = transaction.open_table(ROWS).map_err(|e| failed(e.into()))?;
                let there =
                    rows.insert(key.0, self.row.as_slice()).map_err(|e| failed(e.into()))?;
                if there.is_some() {
                    return Err(StorageError::damaged(key, "a row is there before it was written"));
                }
            }
            transaction.commit().map_err(|e| failed(e.into()))
        })
    }
}

impl Ledger for RedbLedger {
    fn append(
        &mut self,
        batch: &Batch<'_>,
        expected: Position,
        epoch: u64,
    ) -> Result<Position, StorageError> {
        if self.poisoned {
            return Err(StorageError::Poisoned { place: self.database.place.clone() });
        }
        check(batch, expected.seq)?;
        let header = RowHeader::of(batch, expected.hash, epoch);
        let end = Position { seq: header.last(), hash: header.hash() };
        if end == self.last {
            return Ok(end);
        }
        if expected != self.last || epoch != self.epoch {
            let (current, expected, last) = (self.epoch, expected.seq, self.last.seq);
            return Err(StorageError::Fenced { epoch, current, expected, last });
        }
        format::encode(&header, batch.payload, &mut self.row);
        let written = self.commit(batch.first).and_then(|()| {
            self.last = end;
            let manifest = self.manifest();
            self.tip.as_mut().map_or(Ok(()), |tip| tip.note(&manifest))
        });
        written.map_err(|error| {
            self.poisoned = true;
            let (first, id, source) = (batch.first, end.hash.to_string(), Box::new(error));
            StorageError::Ambiguous { first, id, source }
        })?;
        Ok(end)
    }

    fn last(&self) -> Position {
        self.last
    }

    fn epoch(&self) -> u64 {
        self.epoch
    }

    fn read(&self, from: Seq) -> Result<RowsRead, StorageError> {
        Ok(Box::new(self.reader.read(from)?))
    }
}

fn check(batch: &Batch<'_>, expected: Seq) -> Result<(), StorageError> {
    let first = batch.first;
    let refused = |reason| Err(StorageError::BadBatch { first, reason });
    if !format::in_range(first, batch.count) {
        return refused("it holds no event, or leaves the range of sequence numbers");
    }
    if first.0 - 1 != expected.0 {
        return refused("it does not begin right after the last event");
    }
    if batch.payload.len() > PAYLOAD_LEN_MAX {
        return refused("its payload is too long");
    }
    Ok(())
}

/// A transaction that is durable when its commit returns. Its two phases leave the last commit
/// whole at any moment, whatever a torn write left of the next one. Which pages are free is not
/// saved with each commit, which would write some 128 KiB a GiB of file: a start finds it out,
/// since it goes through all pages anyway.
fn begin(database: &Opened<Database>) -> Result<WriteTransaction, StorageError> {
    let failed =
        |e: redb::Error| StorageError::database("beginning a commit to", &database.place, e);
    let mut transaction = database.begin_write().map_err(|e| failed(e.into()))?;
    transaction.set_durability(Durability::Immediate).map_err(|e| failed(e.into()))?;
    transaction.set_two_phase_commit(true);
    Ok(transaction)
}
