//! The tables of a ledger's database, and which ledger they say it is.

use std::cmp::Ordering;
use std::path::Path;

use redb::{ReadableDatabase, TableDefinition, WriteTransaction};

use crate::backend::{Opened, guarded};
use crate::error::StorageError;
use crate::format::LedgerId;

/// One row a batch, under the sequence number of its first event.
pub(crate) const ROWS: TableDefinition<'static, u64, &[u8]> = TableDefinition::new("rows");

const META: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("meta");
const META_ID: &str = "ledger";
const META_FORMAT: &str = "format";

/// The layout of the tables and rows that this program writes and reads.
const TABLES_FORMAT: u32 = 2;

/// The database's page cache. The ledger is written at its end and read once from
/// its beginning; redb's default of 1 GiB would fill an edge box for nothing.
pub(crate) const CACHE_BYTES: usize = 16 << 20;

/// Names a new ledger in its database.
pub(crate) fn write_identity(
    transaction: &WriteTransaction,
    id: LedgerId,
) -> Result<(), redb::Error> {
    let mut meta = transaction.open_table(META)?;
    meta.insert(META_ID, &id.0[..])?;
    meta.insert(META_FORMAT, &TABLES_FORMAT.to_le_bytes()[..])?;
    Ok(())
}

/// The identity that a database carries; a database without one is an empty ledger.
pub(crate) fn read_identity<D: ReadableDatabase>(
    database: &Opened<D>,
) -> Result<LedgerId, StorageError> {
    let place = &database.place;
    guarded(place, || {
        let failed = |e: redb::Error| StorageError::database("reading", place, e);
        let transaction = database.begin_read()?;
        let meta = match transaction.open_table(META) {
            Ok(table) => table,
            Err(redb::TableError::TableDoesNotExist(_)) => {
                return Err(StorageError::EmptyLedger { path: place.clone() });
            }
            Err(e) => return Err(failed(e.into())),
        };
        let format: [u8; 4] = read_meta(&meta, META_FORMAT, place)?;
        let found = u32::from_le_bytes(format);
        let (path, known) = (place.clone(), TABLES_FORMAT);
        match found.cmp(&known) {
            Ordering::Less => return Err(StorageError::OlderFormat { path, found, known }),
            Ordering::Equal => {}
            Ordering::Greater => return Err(StorageError::NewerFormat { path, found, known }),
        }
        Ok(LedgerId(read_meta(&meta, META_ID, place)?))
    })
}

fn read_meta<const N: usize>(
    meta: &redb::ReadOnlyTable<&'static str, &'static [u8]>,
    key: &str,
    place: &Path,
) -> Result<[u8; N], StorageError> {
    let value = meta.get(key).map_err(|e| StorageError::database("reading", place, e))?;
    let bytes = value.as_ref().map_or(&[][..], |guard| guard.value());
    bytes.try_into().map_err(|_| {
        StorageError::damaged_file(place, format!("its {key} has {} bytes, not {N}", bytes.len()))
    })
}
