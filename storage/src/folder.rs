//! The data folder: which file is where, and the one way in which it comes to be.
//!
//! Promises: [`Folder::init`] makes a folder or refuses; nothing else creates a
//! ledger. The manifest is written last: cut short before it, an init leaves a folder
//! that neither opens nor is overwritten, and is removed by hand; cut short after it, a
//! whole and empty one, which opens. Filling it, and when to write the manifest and
//! snapshots afterwards, is left to others.

use std::fs;
use std::path::{Path, PathBuf};

use crate::directory::DiskDirectory;
use crate::error::StorageError;
use crate::file::{self, temporary};
use crate::format::LedgerId;
use crate::ledger::RedbLedger;
use crate::manifest::Manifest;
use crate::new_folder::{self, NewFolder};
use crate::position::Position;
use crate::reader::Reader;
use crate::secrets::{MasterKey, Secrets};
use crate::tip::tip_new;

/// The paths of a data folder, which may or may not be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    path: PathBuf,
    /// The master key, where it is kept elsewhere.
    key: Option<MasterKey>,
}

impl Folder {
    /// Names a folder; looks at nothing.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), key: None }
    }

    /// The same folder, with a master key that the operator keeps elsewhere.
    #[must_use]
    pub fn with_master_key(self, key: MasterKey) -> Self {
        Self { key: Some(key), ..self }
    }

    /// Whether it was given a master key that is kept elsewhere.
    #[must_use]
    pub const fn has_given_key(&self) -> bool {
        self.key.is_some()
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// `ledger.redb`: every event.
    #[must_use]
    pub fn ledger(&self) -> PathBuf {
        self.path.join(new_folder::LEDGER)
    }

    /// `MANIFEST`: what the ledger is known to hold.
    #[must_use]
    pub fn manifest(&self) -> PathBuf {
        self.path.join(new_folder::MANIFEST)
    }

    /// `TIP`: where the ledger ended at the last commit; see [`Manifest::with_tip`].
    #[must_use]
    pub fn tip(&self) -> PathBuf {
        self.path.join("TIP")
    }

    /// `history.redb`: what has left memory; derived.
    #[must_use]
    pub fn history(&self) -> PathBuf {
        self.path.join("history.redb")
    }

    /// `secrets.redb`: sealed secrets.
    #[must_use]
    pub fn secrets(&self) -> PathBuf {
        self.path.join(new_folder::SECRETS)
    }

    /// `master.key`: what opens the secrets, unless the operator keeps it elsewhere.
    #[must_use]
    pub fn master_key(&self) -> PathBuf {
        self.path.join(new_folder::MASTER_KEY)
    }

    /// `keys/`: the keys that values are sealed under; made with the first of them.
    #[must_use]
    pub fn keys(&self) -> PathBuf {
        self.path.join("keys")
    }

    /// `snapshots/`: states of the engine; derived.
    #[must_use]
    pub fn snapshots(&self) -> PathBuf {
        self.path.join("snapshots")
    }

    /// Whether a manifest is there: an `init` came to its end.
    #[must_use]
    pub fn is_initialised(&self) -> bool {
        self.manifest().exists()
    }

    /// Makes the folder where it is not there yet, and in it a new, empty ledger, a
    /// store for secrets and, unless `key` is given, a master key.
    ///
    /// # Errors
    /// [`StorageError::AlreadyExists`] if the folder has anything in it, which is left
    /// as it is; or the failure.
    pub fn init(&self, key: Option<&MasterKey>) -> Result<(), StorageError> {
        self.init_beside(key, &[])
    }

    /// As [`Folder::init`], in a folder that may have files of these names in it.
    ///
    /// # Errors
    /// As [`Folder::init`].
    pub fn init_beside(&self, key: Option<&MasterKey>, names: &[&str]) -> Result<(), StorageError> {
        let failed = |e| StorageError::io("creating", &self.path, e);
        self.make()?;
        for entry in fs::read_dir(&self.path).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            if !names.iter().any(|known| name == *known) {
                return Err(StorageError::AlreadyExists { path: self.path.clone() });
            }
        }
        // First, so that its name is durable with those of the files.
        fs::create_dir(self.snapshots()).map_err(failed)?;
        let id = LedgerId::draw()?;
        let (key, drawn) = match key {
            Some(key) => (key.clone(), None),
            None => MasterKey::draw().map(|(key, text)| (key, Some(text)))?,
        };
        let manifest = Manifest::of_new(id).format();
        let new = NewFolder {
            ledger: &|file| RedbLedger::create_in(file, &self.ledger(), id).map(drop),
            master_key: drawn.as_ref().map(|text| text.as_bytes()),
            secrets: &|file| Secrets::create_in(file, &self.secrets(), &key).map(drop),
            manifest: manifest.as_bytes(),
        };
        let failed = |name: &str, e| StorageError::io("creating", &self.path.join(name), e);
        new_folder::make(&DiskDirectory::at(&self.path), &new, failed)?;
        file::sync_folder(&self.path)
    }

    /// Makes the folder, for its owner alone, and those above it that are not there: what is put
    /// into it is not lost with one of them. One that is there is left as it is.
    ///
    /// # Errors
    /// The failure.
    pub fn make(&self) -> Result<(), StorageError> {
        file::make_folders(&self.path)
    }

    /// Writes a file of the folder in place, durable on return with its name. A crash meanwhile
    /// leaves it in part.
    ///
    /// # Errors
    /// The failure.
    pub fn write(&self, name: &str, text: &str) -> Result<(), StorageError> {
        file::write(&self.path.join(name), text)
    }

    /// Every file that [`Folder::init`] and the first commit after it make, and those under
    /// which they write them first: what a process may leave that was killed meanwhile, beside
    /// the folder of snapshots.
    #[must_use]
    pub fn files_of_init(&self) -> Vec<PathBuf> {
        let mut files = vec![self.ledger(), self.secrets(), tip_new(&self.tip()), self.tip()];
        for replaced in [self.master_key(), self.manifest()] {
            files.extend([temporary(&replaced), replaced]);
        }
        files
    }

    /// Opens the ledger for writing: it has to be the one that the manifest knows.
    ///
    /// # Errors
    /// As [`Manifest::read`] and [`RedbLedger::open`].
    pub fn open_ledger(&self) -> Result<RedbLedger, StorageError> {
        let manifest = self.checked_manifest()?;
        RedbLedger::open(&self.ledger(), &manifest)?.noting_tip(&self.tip())
    }

    /// Opens the ledger for reading alone, to verify it.
    ///
    /// # Errors
    /// As [`Manifest::read`] and [`Reader::open`].
    pub fn open_reader(&self) -> Result<Reader, StorageError> {
        Reader::open(&self.ledger(), &self.checked_manifest()?)
    }

    /// The master key: the one that it was given, or else the folder's own.
    ///
    /// # Errors
    /// As [`MasterKey::read`].
    pub fn read_master_key(&self) -> Result<MasterKey, StorageError> {
        match &self.key {
            Some(key) => Ok(key.clone()),
            None => MasterKey::read(&self.master_key()),
        }
    }

    /// Opens the secrets with the master key.
    ///
    /// # Errors
    /// As [`Folder::read_master_key`] and [`Secrets::open`].
    pub fn open_secrets(&self) -> Result<Secrets, StorageError> {
        Secrets::open(&self.secrets(), &self.read_master_key()?)
    }

    /// Opens the secrets for reading alone; see [`Secrets::open_checked`].
    ///
    /// # Errors
    /// As [`Folder::read_master_key`] and [`Secrets::open_checked`].
    pub fn check_secrets(&self) -> Result<Secrets, StorageError> {
        Secrets::open_checked(&self.secrets(), &self.read_master_key()?)
    }

    /// Writes into the manifest that ledger `id` has reached a position: at a clean
    /// stop, and with each snapshot.
    ///
    /// # Errors
    /// The failure.
    pub fn note(&self, id: LedgerId, known: Position) -> Result<(), StorageError> {
        Manifest { id, known }.write(&self.manifest())
    }

    /// The folder is looked at first, so that a wrong path is named as such.
    fn checked_manifest(&self) -> Result<Manifest, StorageError> {
        if !self.path.is_dir() {
            return Err(StorageError::Missing { path: self.path.clone() });
        }
        let manifest = Manifest::read(&self.manifest())?;
        Ok(manifest.with_tip(&self.tip()).unwrap_or_else(|(manifest, _)| manifest))
    }
}
