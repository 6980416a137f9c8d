//! A ledger on its way to being written: checked as a whole, and not yet touched.
//!
//! Promises: every page fitted its checksum, and the file is as it was found. What the database
//! writes at its opening waits under the [`Overlay`] until [`CheckedLedger::into_ledger`], after
//! the reader has looked at all that there is to look at: reader, check and writer are one
//! opening, so that the file is gone through twice, also after a crash. Once its pages are held
//! against their checksums, and once it is found out which of them are free.

use std::path::Path;
use std::sync::Arc;

use redb::{Database, StorageBackend};

use crate::backend::{Opened, open_checked, open_file};
use crate::error::StorageError;
use crate::format::LedgerId;
use crate::identity::{CACHE_BYTES, read_identity};
use crate::ledger::RedbLedger;
use crate::manifest::Manifest;
use crate::overlay::Overlay;
use crate::reader::{Reader, Source};

/// A ledger that was checked; see the module.
#[derive(Debug)]
pub struct CheckedLedger {
    database: Arc<Opened<Database>>,
    overlay: Overlay,
    id: LedgerId,
}

impl CheckedLedger {
    /// Holds every page of the ledger in a file against its checksum. The file is locked as by its
    /// writer.
    ///
    /// # Errors
    /// [`StorageError::Missing`], [`StorageError::EmptyLedger`], [`StorageError::InUse`],
    /// [`StorageError::NewerFormat`]; [`StorageError::DamagedFile`] or the database's word where a
    /// page is altered; or the failure. The file stays as it is.
    pub fn open(path: &Path) -> Result<Self, StorageError> {
        Self::open_on(open_file(path)?, path)
    }

    /// As [`CheckedLedger::open`], on any backend; `place` names it in errors.
    ///
    /// # Errors
    /// As [`CheckedLedger::open`].
    pub fn open_on(backend: impl StorageBackend, place: &Path) -> Result<Self, StorageError> {
        let overlay = Overlay::liftable(backend, place)?;
        let database = open_checked(overlay.clone(), place, CACHE_BYTES)?;
        let id = read_identity(&database)?;
        Ok(Self { database: Arc::new(database), overlay, id })
    }

    /// The rows, to be looked at before anything is written.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader::new(Source::Shared(Arc::clone(&self.database)), self.id)
    }

    /// Lets writes through to the file, which has to be the ledger that the manifest knows.
    ///
    /// # Errors
    /// [`StorageError::OtherLedger`], [`StorageError::Behind`], [`StorageError::Damaged`] at the
    /// end or where the manifest knows the hash: the file stays as it is then. Or the failure.
    pub fn into_ledger(self, manifest: &Manifest) -> Result<RedbLedger, StorageError> {
        let Self { database, overlay, id } = self;
        let place = &database.place;
        manifest.check_id(place, id)?;
        let ledger = RedbLedger::over(Arc::clone(&database), id)?;
        ledger.check_known(manifest)?;
        overlay.lift().map_err(|e| StorageError::io("opening", place, e))?;
        Ok(ledger)
    }
}
