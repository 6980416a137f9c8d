//! History: rows of what is over and has left the engine's memory, for paging.
//!
//! Promises: a batch of rows and the cursor behind it are one commit, so after any
//! crash the rows are exactly those of the ledger up to [`HistoryTables::cursor`]; it
//! never waits for the disk on its own account, except now and then. Leaves to
//! others: what a row means, and feeding it from the ledger after the cursor.
//!
//! It is derived data: a file that is damaged, of another ledger or of another version is
//! set aside, and a new one begins at cursor 0, to be filled from the ledger, which
//! alone then holds what memory has let go of. One that is ahead of its ledger proves that
//! the ledger was rolled back: it stays where it is, and nothing starts over it.

mod day_rows;
mod days;
mod position_rows;
mod positions;
mod rows;
mod summed;

use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nexnum_engine::ids::{AccountId, OrderId, OrderNumber, Seq, TransactionId};
use nexnum_engine::time::Time;
use parking_lot::Mutex;
use redb::{
    Database, Durability, ReadOnlyTable, ReadTransaction, ReadableTable, StorageBackend,
    TableDefinition, TableError,
};

pub use crate::aside::set_aside;
use crate::backend::{
    Opened, create_database, create_file, guarded, open_checked, open_database, open_file,
};
use crate::error::StorageError;
use crate::file::file_backend;
use crate::file::sync_folder;
use crate::format::LedgerId;
use crate::overlay::Overlay;
use rows::{ACCOUNT_ORDERS, ASSIGNED, META, META_CURSOR, ORDERS, TALLIES, TRANSACTIONS};
use summed::unsealed;

pub use day_rows::{DayNode, DayRow};
pub use position_rows::POSITIONS_MAX;
pub use rows::{HistoryBatch, TallyKey, TallyRow};

/// The most rows that one page gives, whatever was asked for.
pub const PAGE_LEN_MAX: usize = 500;

/// Every so many batches one is durable at once, which bounds what a crash makes the
/// next start do again, and the pages that redb holds back in between.
const DURABLE_EVERY: u32 = 256;

/// Old rows are paged through rarely; the cache serves the writer's hot pages.
const CACHE_BYTES: usize = 16 << 20;

const META_ID: &str = "ledger";
const META_FORMAT: &str = "format";

/// What rows mean and how they are written: one more with each change of either. A file with
/// another one, or without one, is set aside and filled anew from the ledger.
const FORMAT: u32 = 6;

/// How a history came to be open.
#[derive(Debug, PartialEq, Eq)]
pub enum Opening {
    /// It was there and goes on at its cursor.
    Resumed,
    /// It was not there; a new one begins at cursor 0.
    Created,
    /// What was there is of no use; a new one begins at cursor 0.
    SetAside {
        /// Where the old file is now.
        to: PathBuf,
        /// Why.
        reason: String,
    },
}

/// The history tables. Clones are handles on the same file, usable from any thread.
#[derive(Clone)]
pub struct HistoryTables {
    database: Arc<Opened<Database>>,
    writer: Arc<Mutex<Writer>>,
}

/// Where the tables stand. Its lock is held during a commit: there is one writer.
struct Writer {
    cursor: Seq,
    durable: Seq,
    since_durable: u32,
}

impl fmt::Debug for HistoryTables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HistoryTables").field("place", &self.database.place).finish_non_exhaustive()
    }
}

impl HistoryTables {
    /// Opens the history of ledger `id`, which ends at `last`, or begins a new one.
    ///
    /// # Errors
    /// [`StorageError::InUse`], [`StorageError::Ahead`] of the ledger, or a failure of the
    /// system: not damage, which is set aside.
    pub fn open(path: &Path, id: LedgerId, last: Seq) -> Result<(Self, Opening), StorageError> {
        let opened = open_file(path).and_then(|backend| Self::open_on(backend, path, id, last));
        match opened {
            Ok(history) => Ok((history, Opening::Resumed)),
            Err(StorageError::Missing { .. }) => Ok((Self::create(path, id)?, Opening::Created)),
            Err(error) if is_of_no_use(&error) => {
                let to = set_aside(path)?;
                let opening = Opening::SetAside { to, reason: error.to_string() };
                Ok((Self::create(path, id)?, opening))
            }
            Err(error) => Err(error),
        }
    }

    fn create(path: &Path, id: LedgerId) -> Result<Self, StorageError> {
        let history = Self::create_on(file_backend(create_file(path)?, path)?, path, id)?;
        sync_folder(path)?;
        Ok(history)
    }

    /// A new history on any backend that is empty; `place` names it in errors.
    ///
    /// # Errors
    /// The failure.
    pub fn create_on(
        backend: impl StorageBackend,
        place: &Path,
        id: LedgerId,
    ) -> Result<Self, StorageError> {
        let history = Self::over(create_database(backend, place, CACHE_BYTES)?, Seq(0));
        guarded(place, || {
            let failed = |e: redb::Error| StorageError::database("creating", place, e);
            let mut transaction = history.database.begin_write().map_err(|e| failed(e.into()))?;
            transaction.set_quick_repair(true);
            transaction.open_table(ORDERS).map_err(|e| failed(e.into()))?;
            transaction.open_table(ACCOUNT_ORDERS).map_err(|e| failed(e.into()))?;
            transaction.open_table(TRANSACTIONS).map_err(|e| failed(e.into()))?;
            transaction.open_table(TALLIES).map_err(|e| failed(e.into()))?;
            transaction.open_table(ASSIGNED).map_err(|e| failed(e.into()))?;
            Self::create_receipts(&transaction).map_err(failed)?;
            {
                let mut meta = transaction.open_table(META).map_err(|e| failed(e.into()))?;
                meta.insert(META_ID, &id.0[..]).map_err(|e| failed(e.into()))?;
                let format = FORMAT.to_le_bytes();
                meta.insert(META_FORMAT, &format[..]).map_err(|e| failed(e.into()))?;
                meta.insert(META_CURSOR, &[0; 8][..]).map_err(|e| failed(e.into()))?;
            }
            transaction.commit().map_err(|e| failed(e.into()))
        })?;
        Ok(history)
    }

    /// The history on any backend; `place` names it in errors.
    ///
    /// # Errors
    /// [`StorageError::DamagedFile`], [`StorageError::OtherLedger`], [`StorageError::Ahead`],
    /// or the failure.
    pub fn open_on(
        backend: impl StorageBackend,
        place: &Path,
        id: LedgerId,
        last: Seq,
    ) -> Result<Self, StorageError> {
        let database = open_database(backend, place, CACHE_BYTES)?;
        let history = Self::over(database, Seq(0));
        let found = LedgerId(history.read_meta(META_ID)?);
        if found != id {
            let (expected, found) = (id.to_string(), found.to_string());
            return Err(StorageError::OtherLedger { path: place.to_owned(), expected, found });
        }
        history.check_format()?;
        let cursor = Seq(u64::from_le_bytes(history.read_meta(META_CURSOR)?));
        if cursor > last {
            return Err(StorageError::Ahead { path: place.to_owned(), cursor, last });
        }
        *history.writer.lock() = Writer { cursor, durable: cursor, since_durable: 0 };
        Ok(history)
    }

    fn over(database: Opened<Database>, cursor: Seq) -> Self {
        let writer = Writer { cursor, durable: cursor, since_durable: 0 };
        Self { database: Arc::new(database), writer: Arc::new(Mutex::new(writer)) }
    }

    /// The sequence number up to which the rows speak.
    #[must_use]
    pub fn cursor(&self) -> Seq {
        self.writer.lock().cursor
    }

    /// The cursor that a power cut would leave, at least.
    #[must_use]
    pub fn durable_cursor(&self) -> Seq {
        self.writer.lock().durable
    }

    /// Writes the rows and moves the cursor, in one commit that readers see at once.
    ///
    /// # Errors
    /// The failure; rows and cursor are then as they were.
    ///
    /// # Panics
    /// If the batch's cursor is before the one that is there.
    pub fn apply(&self, batch: &HistoryBatch) -> Result<(), StorageError> {
        let mut writer = self.writer.lock();
        assert!(batch.cursor >= writer.cursor, "the history's cursor never moves back");
        let durable = writer.since_durable + 1 >= DURABLE_EVERY;
        let durability = if durable { Durability::Immediate } else { Durability::None };
        self.commit(batch, durability)?;
        writer.cursor = batch.cursor;
        writer.since_durable += 1;
        if durable {
            writer.mark_durable();
        }
        Ok(())
    }

    /// Makes everything durable that was applied.
    ///
    /// # Errors
    /// The failure.
    pub fn flush(&self) -> Result<(), StorageError> {
        let mut writer = self.writer.lock();
        if writer.since_durable > 0 {
            self.commit(&HistoryBatch::new(writer.cursor), Durability::Immediate)?;
            writer.mark_durable();
        }
        Ok(())
    }

    /// The row of an order.
    ///
    /// # Errors
    /// The failure, or damage.
    pub fn order(&self, order: OrderId) -> Result<Option<Vec<u8>>, StorageError> {
        guarded(&self.database.place, || {
            let orders = self.table(&self.database.begin_read()?, ORDERS)?;
            self.order_in(&orders, order.0)
        })
    }

    /// An account's orders with numbers below `before`, or from the newest on, newest first:
    /// at most `limit` and [`PAGE_LEN_MAX`]. Each with its number.
    ///
    /// # Errors
    /// The failure, or damage.
    pub fn orders_of(
        &self,
        account: AccountId,
        before: Option<OrderNumber>,
        limit: usize,
    ) -> Result<Vec<(OrderNumber, Vec<u8>)>, StorageError> {
        let Some(upper) = before.map_or(Some(u64::MAX), |number| number.0.checked_sub(1)) else {
            return Ok(Vec::new());
        };
        guarded(&self.database.place, || {
            let transaction = self.database.begin_read()?;
            let orders = self.table(&transaction, ORDERS)?;
            let range = self
                .table(&transaction, ACCOUNT_ORDERS)?
                .range((account.0, 0)..=(account.0, upper))
                .map_err(|e| self.failed(e))?;
            let mut page = Vec::new();
            for entry in range.rev().take(limit.min(PAGE_LEN_MAX)) {
                let (key, order) = entry.map_err(|e| self.failed(e))?;
                let ((_, number), order) = (key.value(), order.value());
                let row = self.order_in(&orders, order)?;
                let row = row.ok_or_else(|| self.damaged(format!("order {order} is missing")))?;
                page.push((OrderNumber(number), row));
            }
            Ok(page)
        })
    }

    /// An account's transactions before `before`, or from the newest on, newest
    /// first: at most `limit` and [`PAGE_LEN_MAX`].
    ///
    /// # Errors
    /// The failure, or damage.
    pub fn transactions_of(
        &self,
        account: AccountId,
        before: Option<TransactionId>,
        limit: usize,
    ) -> Result<Vec<(TransactionId, Vec<u8>)>, StorageError> {
        let Some(upper) = before.map_or(Some(u64::MAX), |id| id.0.checked_sub(1)) else {
            return Ok(Vec::new());
        };
        guarded(&self.database.place, || {
            let range = self
                .table(&self.database.begin_read()?, TRANSACTIONS)?
                .range((account.0, 0)..=(account.0, upper))
                .map_err(|e| self.failed(e))?;
            let mut page = Vec::new();
            for entry in range.rev().take(limit.min(PAGE_LEN_MAX)) {
                let (key, value) = entry.map_err(|e| self.failed(e))?;
                let id = key.value().1;
                let row = unsealed(value.value());
                let row = row.ok_or_else(|| self.damaged(format!("transaction {id} altered")))?;
                page.push((TransactionId(id), row.to_vec()));
            }
            Ok(page)
        })
    }

    /// All tallies, by provider and product.
    ///
    /// # Errors
    /// The failure, or damage.
    pub fn tallies(&self) -> Result<Vec<(TallyKey, TallyRow)>, StorageError> {
        guarded(&self.database.place, || self.tallies_in(&self.database.begin_read()?))
    }

    fn tallies_in(
        &self,
        transaction: &ReadTransaction,
    ) -> Result<Vec<(TallyKey, TallyRow)>, StorageError> {
        let Some(table) = self.later_table(transaction, TALLIES)? else { return Ok(Vec::new()) };
        let mut tallies = Vec::new();
        for entry in table.iter().map_err(|e| self.failed(e))? {
            let (key, value) = entry.map_err(|e| self.failed(e))?;
            let tally = rows::tally(key.value(), value.value());
            tallies.push(tally.ok_or_else(|| self.damaged("a tally was altered".to_owned()))?);
        }
        Ok(tallies)
    }

    /// When an order that is open got its number, where that is known.
    ///
    /// # Errors
    /// The failure, or damage.
    pub fn assigned_at(&self, order: OrderId) -> Result<Option<Time>, StorageError> {
        guarded(&self.database.place, || {
            let table = self.later_table(&self.database.begin_read()?, ASSIGNED)?;
            let Some(table) = table else { return Ok(None) };
            let Some(value) = table.get(order.0).map_err(|e| self.failed(e))? else {
                return Ok(None);
            };
            let at = rows::moment(value.value());
            at.map(Some).ok_or_else(|| self.damaged(format!("the moment of order {order} altered")))
        })
    }

    /// A table that files of earlier versions lack until something is written into it.
    fn later_table<K: redb::Key + 'static, V: redb::Value + 'static>(
        &self,
        transaction: &ReadTransaction,
        table: TableDefinition<'static, K, V>,
    ) -> Result<Option<ReadOnlyTable<K, V>>, StorageError> {
        match transaction.open_table(table) {
            Err(TableError::TableDoesNotExist(_)) => Ok(None),
            Ok(_) | Err(_) => self.table(transaction, table).map(Some),
        }
    }

    /// Every row against its sum, and every account's order against the orders.
    fn check_rows(&self) -> Result<(), StorageError> {
        let transaction = self.database.begin_read()?;
        let failed = |e| self.failed(e);
        let orders = self.table(&transaction, ORDERS)?;
        for entry in self.table(&transaction, ACCOUNT_ORDERS)?.iter().map_err(failed)? {
            let order = entry.map_err(failed)?.1.value();
            let row = self.order_in(&orders, order)?;
            row.ok_or_else(|| self.damaged(format!("order {order} is missing")))?;
        }
        for entry in self.table(&transaction, TRANSACTIONS)?.iter().map_err(failed)? {
            let (key, value) = entry.map_err(failed)?;
            let id = key.value().1;
            let row = unsealed(value.value());
            row.ok_or_else(|| self.damaged(format!("transaction {id} was altered")))?;
        }
        self.tallies_in(&transaction)?;
        self.check_positions(&transaction)?;
        self.check_days(&transaction)
    }

    fn order_in(
        &self,
        orders: &ReadOnlyTable<u64, &'static [u8]>,
        order: u64,
    ) -> Result<Option<Vec<u8>>, StorageError> {
        let Some(value) = orders.get(order).map_err(|e| self.failed(e))? else { return Ok(None) };
        let row = unsealed(value.value());
        let row = row.ok_or_else(|| self.damaged(format!("order {order} was altered")))?;
        Ok(Some(row.to_vec()))
    }

    fn commit(&self, batch: &HistoryBatch, durability: Durability) -> Result<(), StorageError> {
        guarded(&self.database.place, || {
            let mut transaction = self.database.begin_write().map_err(|e| self.failed(e))?;
            transaction.set_durability(durability).map_err(|e| self.failed(e))?;
            // Only a durable commit leaves something behind that a repair could start from.
            transaction.set_quick_repair(matches!(durability, Durability::Immediate));
            batch.fill(&transaction).map_err(|e| self.failed(e))?;
            transaction.commit().map_err(|e| self.failed(e))
        })
    }

    fn check_format(&self) -> Result<(), StorageError> {
        let found = u32::from_le_bytes(self.read_meta(META_FORMAT)?);
        if found == FORMAT {
            return Ok(());
        }
        Err(self.damaged(format!("its format is {found}, this program reads {FORMAT}")))
    }

    fn read_meta<const N: usize>(&self, key: &str) -> Result<[u8; N], StorageError> {
        guarded(&self.database.place, || {
            let meta = self.table(&self.database.begin_read()?, META)?;
            let value = meta.get(key).map_err(|e| self.failed(e))?;
            let bytes = value.as_ref().map_or(&[][..], |guard| guard.value());
            bytes.try_into().map_err(|_| self.damaged(format!("its {key} is not {N} bytes")))
        })
    }

    fn table<K: redb::Key + 'static, V: redb::Value + 'static>(
        &self,
        transaction: &ReadTransaction,
        table: TableDefinition<'static, K, V>,
    ) -> Result<ReadOnlyTable<K, V>, StorageError> {
        transaction.open_table(table).map_err(|error| match error {
            TableError::Storage(e) => self.failed(e),
            missing_or_mistyped => self.damaged(missing_or_mistyped.to_string()),
        })
    }

    fn failed(&self, error: impl Into<redb::Error>) -> StorageError {
        StorageError::database("using", &self.database.place, error)
    }

    fn damaged(&self, reason: String) -> StorageError {
        StorageError::damaged_file(&self.database.place, reason)
    }
}

impl Writer {
    fn mark_durable(&mut self) {
        self.durable = self.cursor;
        self.since_durable = 0;
    }
}

/// Whether the error is about what the file holds, and not about reaching it.
fn is_of_no_use(error: &StorageError) -> bool {
    match error {
        StorageError::DamagedFile { .. }
        | StorageError::OtherLedger { .. }
        | StorageError::EmptyLedger { .. } => true,
        StorageError::Database { source, .. } => match &**source {
            redb::Error::Io(e) => matches!(
                e.kind(),
                ErrorKind::InvalidData | ErrorKind::UnexpectedEof | ErrorKind::InvalidInput
            ),
            redb::Error::Corrupted(_) | redb::Error::UpgradeRequired(_) => true,
            _ => false,
        },
        _ => false,
    }
}

/// The cursor in the history file at `path`, after a check of every page, row and reference
/// in it; the file is not written to. `None` if there is none, or an empty one, which a kill
/// leaves that comes before its first write.
///
/// # Errors
/// [`StorageError::DamagedFile`] and the database's word where it is damaged, or as
/// [`HistoryTables::open_on`].
pub fn check(path: &Path, id: LedgerId) -> Result<Option<Seq>, StorageError> {
    let empty = || fs::metadata(path).is_ok_and(|found| found.len() == 0);
    if !path.exists() || empty() {
        return Ok(None);
    }
    let history =
        HistoryTables::over(open_checked(Overlay::over(path)?, path, CACHE_BYTES)?, Seq(0));
    let found = LedgerId(history.read_meta(META_ID)?);
    if found != id {
        return Err(history.damaged(format!("it belongs to ledger {found}")));
    }
    history.check_format()?;
    guarded(path, || history.check_rows())?;
    Ok(Some(Seq(u64::from_le_bytes(history.read_meta(META_CURSOR)?))))
}
