//! The one place that knows how redb is opened and what it asks of a disk.
//!
//! redb's next major version changes the error type of its backend trait; only
//! this file will have to follow. Promises: an open never creates, a create never
//! opens, and a panic inside redb on an altered file comes out as an error.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Deref;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};

use redb::backends::FileBackend;
use redb::{
    Builder, ConcurrencyMode, Database, ReadOnlyDatabase, ReadTransaction, ReadableDatabase,
    StorageBackend,
};

use crate::error::StorageError;
use crate::fault::FaultyDisk;
use crate::file::{file_backend, owner_only};
use crate::overlay::Overlay;

impl StorageBackend for FaultyDisk {
    fn len(&self) -> Result<u64, io::Error> {
        self.disk_len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        self.disk_read(offset, out)
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        self.disk_set_len(len)
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        self.disk_sync()
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        self.disk_write(offset, data)
    }
}

/// An open database. Closing it writes, so that too is guarded.
pub(crate) struct Opened<D> {
    database: Option<D>,
    pub(crate) place: PathBuf,
}

impl<D> fmt::Debug for Opened<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened").field("place", &self.place).finish_non_exhaustive()
    }
}

impl<D: ReadableDatabase> Opened<D> {
    fn new(database: D, place: &Path) -> Self {
        Self { database: Some(database), place: place.to_owned() }
    }

    /// A view of what is committed now.
    pub(crate) fn begin_read(&self) -> Result<ReadTransaction, StorageError> {
        let begun = self.deref().begin_read();
        begun.map_err(|e| StorageError::database("reading", &self.place, e))
    }
}

impl<D> Deref for Opened<D> {
    type Target = D;

    fn deref(&self) -> &D {
        self.database.as_ref().expect("it is taken out only when it is dropped")
    }
}

impl<D> Drop for Opened<D> {
    fn drop(&mut self) {
        let database = self.database.take();
        // What was acknowledged is durable already. A failed close is seen to by the
        // next open, which finds the file as a crash leaves it.
        let _ = guarded(&self.place, || {
            drop(database);
            Ok(())
        });
    }
}

/// A new, empty file; refuses one that is there.
pub(crate) fn create_file(path: &Path) -> Result<File, StorageError> {
    let mut options = owner_only();
    let file = options.read(true).write(true).create_new(true).open(path);
    file.map_err(|e| StorageError::io("creating", path, e))
}

/// A backend over a file that is there.
pub(crate) fn open_file(path: &Path) -> Result<FileBackend, StorageError> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .map_err(|e| StorageError::io("opening", path, e))?;
    file_backend(file, path)
}

/// Makes a database on a backend that is empty.
pub(crate) fn create_database(
    backend: impl StorageBackend,
    place: &Path,
    cache_bytes: usize,
) -> Result<Opened<Database>, StorageError> {
    let len = backend.len().map_err(|e| StorageError::io("measuring", place, e))?;
    if len > 0 {
        return Err(StorageError::AlreadyExists { path: place.to_owned() });
    }
    build(backend, place, cache_bytes)
}

/// Opens the database on a backend that is not empty, after recovery if it was cut off.
pub(crate) fn open_database(
    backend: impl StorageBackend,
    place: &Path,
    cache_bytes: usize,
) -> Result<Opened<Database>, StorageError> {
    let len = backend.len().map_err(|e| StorageError::io("measuring", place, e))?;
    if len == 0 {
        return Err(StorageError::EmptyLedger { path: place.to_owned() });
    }
    build(backend, place, cache_bytes)
}

fn build(
    backend: impl StorageBackend,
    place: &Path,
    cache_bytes: usize,
) -> Result<Opened<Database>, StorageError> {
    guarded(place, || {
        Builder::new()
            .set_cache_size(cache_bytes)
            .create_with_backend(backend)
            .map(|database| Opened::new(database, place))
            .map_err(|e| StorageError::database("opening", place, e))
    })
}

/// Opens a database without writing to its file. One whose writer was killed is read as it was
/// left.
pub(crate) fn open_unwritten(
    path: &Path,
    cache_bytes: usize,
) -> Result<Opened<ReadOnlyDatabase>, StorageError> {
    let backend = file_backend(open_not_empty(path)?, path)?;
    guarded(path, || {
        let mut builder = Builder::new();
        builder.set_cache_size(cache_bytes);
        let opened = match builder.open_read_only_with_backend(backend) {
            Err(redb::DatabaseError::RepairAborted) => {
                // A reader that shares its file with a writer asks for no recovery.
                builder.set_concurrency_mode(ConcurrencyMode::SingleWriter);
                builder.open_read_only_with_backend(Overlay::over_as_left(path)?)
            }
            opened => opened,
        };
        let opened = opened.map_err(|e| StorageError::database("opening", path, e))?;
        Ok(Opened::new(opened, path))
    })
}

/// Opens a database after a check of every page against its checksum. It writes, so a file
/// that has to stay as it is comes under an [`Overlay`].
pub(crate) fn open_checked(
    backend: impl StorageBackend,
    place: &Path,
    cache_bytes: usize,
) -> Result<Opened<Database>, StorageError> {
    guarded(place, || {
        Builder::new()
            .set_cache_size(cache_bytes)
            .set_check_integrity_on_open(true)
            .create_with_backend(backend)
            .map(|database| Opened::new(database, place))
            .map_err(|e| StorageError::database("checking", place, e))
    })
}

fn open_not_empty(path: &Path) -> Result<File, StorageError> {
    let file = File::open(path).map_err(|e| StorageError::io("opening", path, e))?;
    let len = file.metadata().map_err(|e| StorageError::io("measuring", path, e))?.len();
    if len == 0 { Err(StorageError::EmptyLedger { path: path.to_owned() }) } else { Ok(file) }
}

/// Runs an operation of redb. Where the file was altered behind its back redb may
/// panic; that is damage like any other, and must not take the process down
/// without a word about where it is.
pub(crate) fn guarded<T>(
    place: &Path,
    operation: impl FnOnce() -> Result<T, StorageError>,
) -> Result<T, StorageError> {
    panic::catch_unwind(AssertUnwindSafe(operation)).unwrap_or_else(|payload| {
        let text = payload
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| payload.downcast_ref::<&str>().copied())
            .unwrap_or("no message");
        Err(StorageError::damaged_file(place, format!("the database gave up: {text}")))
    })
}
