//! The folder of keys that values are sealed under: one file a key, named by its handle.
//!
//! Promises: a key that was made is durable with its name when it is given out, so that nothing is
//! sealed under a key that a power cut takes away. A key that was destroyed is gone when that is
//! said: its bytes were overwritten and synced before its name went, and its name is gone durably.
//! Either may be cut short anywhere and repeated. Which keys live is the ledger's to say: its event
//! follows a making and comes before a destruction, so that a start finds what was cut short.
//!
//! Of a key whose making was cut short bytes may stay on the medium, without a name: nothing was
//! sealed under it.
//!
//! A file is for its owner alone, and holds the key under the master key (`wrapped`). On a medium
//! that never writes in place (copy-on-write file systems, flash), what was overwritten may be
//! there until it is used again; it is of use with the master key alone.

mod wrapped;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use nexnum_engine::limits::SEAL_KEYS_MAX;
use nexnum_engine::sealed::{KeyHandle, KeyOwner};
use zeroize::Zeroizing;

use crate::directory::{DirectoryFile, DiskDirectory, FileDirectory};
use crate::error::StorageError;
use crate::format::{LedgerId, random};
use crate::sealed::SealingKey;
use crate::secrets::MasterKey;
use wrapped::{FORMAT, LEN_MAX, Unread, WrappedKey};

/// Files in the folder: twice what may live. A million names are listed in some seconds.
pub const FILES_MAX: usize = 2 * SEAL_KEYS_MAX;

/// The ending of a key's file that has not got its name yet.
const TEMPORARY: &str = ".tmp";

/// The way out of a key's file that does not hold it.
const RESTORE: &str = "put it back from a copy of the data folder";

/// A name for a new key.
///
/// # Errors
/// If the system gives no random bytes.
pub fn draw_handle() -> Result<KeyHandle, StorageError> {
    random().map(|bytes| KeyHandle(u128::from_le_bytes(bytes)))
}

/// What is in the folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyFiles {
    /// Keys with a file, whole or not, or with one that did not get its name; sorted, each once.
    pub handles: Vec<KeyHandle>,
    /// Names that are no key's. They are left as they are.
    pub others: Vec<String>,
}

/// The folder of keys of one ledger, on a disk unless a test says otherwise.
pub struct KeyFolder<D = DiskDirectory> {
    directory: D,
    path: PathBuf,
    ledger: LedgerId,
}

impl<D> fmt::Debug for KeyFolder<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyFolder").field("path", &self.path).finish_non_exhaustive()
    }
}

impl KeyFolder {
    /// Names the folder of a ledger's keys; looks at nothing.
    #[must_use]
    pub fn at(path: &Path, ledger: LedgerId) -> Self {
        Self { directory: DiskDirectory::at(path), path: path.to_owned(), ledger }
    }
}

impl<D: FileDirectory> KeyFolder<D> {
    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Draws a key and gives it out once it is durable under its name.
    ///
    /// # Errors
    /// [`StorageError::AlreadyExists`] if the name is taken, which is left as it is; or the
    /// failure: what is left in the folder then is not a key that the ledger knows.
    pub fn make(
        &self,
        master: &MasterKey,
        handle: KeyHandle,
        owner: KeyOwner,
    ) -> Result<SealingKey, StorageError> {
        let key = SealingKey::new(handle, Zeroizing::new(random()?));
        let wrapped = WrappedKey::wrap(&master.cipher(), self.ledger, owner, &key, random()?);
        self.directory.ensure()?;
        self.put(handle, &wrapped.encode())?;
        Ok(key)
    }

    /// Writes a key's file: under a temporary name first, so that its own name never stands for a
    /// file in part, and with the names synced last, since a key may be used from then on.
    fn put(&self, handle: KeyHandle, bytes: &[u8]) -> Result<(), StorageError> {
        let (name, temporary) = (handle.to_string(), temporary(handle));
        if self.found(&name, self.directory.open(&name))?.is_some() {
            return Err(StorageError::AlreadyExists { path: self.path.join(name) });
        }
        let created = self.directory.create(&temporary);
        let mut file = created.map_err(|error| self.failed("creating", &temporary, error))?;
        let written = file.write(&[bytes]).and_then(|()| file.sync());
        written.map_err(|error| self.failed("writing", &temporary, error))?;
        let renamed = self.directory.rename(&temporary, &name);
        renamed.map_err(|error| self.failed("renaming", &temporary, error))?;
        self.directory.sync().map_err(|error| self.failed("syncing", "", error))
    }

    /// The key of this name; `None` if it has no file.
    ///
    /// # Errors
    /// [`StorageError::WrongKey`], [`StorageError::DamagedFile`], [`StorageError::NewerFormat`],
    /// [`StorageError::OtherLedger`]; or the failure.
    pub fn read(
        &self,
        master: &MasterKey,
        handle: KeyHandle,
    ) -> Result<Option<SealingKey>, StorageError> {
        let Some(wrapped) = self.wrapped(handle)? else { return Ok(None) };
        let wrong = || StorageError::WrongKey { path: self.path.join(handle.to_string()) };
        wrapped.unwrapped(&master.cipher()).map(Some).ok_or_else(wrong)
    }

    /// Whose the key of this name is, as its file says, which is whole then; `None` if it has no
    /// file. The master key is not needed.
    ///
    /// # Errors
    /// As [`KeyFolder::read`], without [`StorageError::WrongKey`].
    pub fn owner(&self, handle: KeyHandle) -> Result<Option<KeyOwner>, StorageError> {
        Ok(self.wrapped(handle)?.map(|wrapped| wrapped.owner))
    }

    /// Destroys a key, whether it has a file, one in part, or none any more: gone durably on
    /// return. What is not a whole key is destroyed too.
    ///
    /// # Errors
    /// [`StorageError::OtherLedger`], leaving the file as it is; or the failure: repeat it.
    pub fn destroy(&self, handle: KeyHandle) -> Result<(), StorageError> {
        for name in [handle.to_string(), temporary(handle)] {
            self.erase(&name)?;
        }
        // Also where there was no file: its removal may not have been synced when it was cut short.
        match self.directory.sync() {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(self.failed("syncing", "", error))
            }
            // Where there is no folder there is no name.
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Overwrites a file, makes that durable, and takes its name away. In this order: what has no
    /// name any more can no longer be overwritten.
    fn erase(&self, name: &str) -> Result<(), StorageError> {
        let Some(mut file) = self.found(name, self.directory.open_to_write(name))? else {
            return Ok(());
        };
        let failed = |error| self.failed("destroying", name, error);
        let bytes = self.bytes(&mut file, name)?;
        match WrappedKey::decode(&bytes) {
            Ok(wrapped) => self.check_ledger(&wrapped, name)?,
            // A destruction that was cut short leaves such a file, and so does a making.
            Err(_not_whole) => {}
        }
        // Random bytes, since a file system may keep zeros as a hole and the old bytes beside it.
        let random: [u8; LEN_MAX] = random()?;
        file.write(&[&random[..bytes.len()]]).and_then(|()| file.sync()).map_err(failed)?;
        self.directory.remove(name).map_err(failed)
    }

    /// What is in the folder, by name alone.
    ///
    /// # Errors
    /// There are more than [`FILES_MAX`] files; or the failure.
    pub fn list(&self) -> Result<KeyFiles, StorageError> {
        let names = self.directory.names(FILES_MAX);
        let mut found = KeyFiles::default();
        for name in names.map_err(|error| self.failed("listing", "", error))? {
            match KeyHandle::parse(name.strip_suffix(TEMPORARY).unwrap_or(&name)) {
                Some(handle) => found.handles.push(handle),
                None => found.others.push(name),
            }
        }
        found.handles.dedup();
        Ok(found)
    }

    fn wrapped(&self, handle: KeyHandle) -> Result<Option<WrappedKey>, StorageError> {
        let name = handle.to_string();
        let Some(mut file) = self.found(&name, self.directory.open(&name))? else {
            return Ok(None);
        };
        let bytes = self.bytes(&mut file, &name)?;
        let path = self.path.join(&name);
        let wrapped = WrappedKey::decode(&bytes).map_err(|unread| match unread {
            Unread::Newer(found) => {
                let (found, known) = (found.into(), FORMAT.into());
                StorageError::NewerFormat { path: path.clone(), found, known }
            }
            Unread::NotAKey | Unread::Check | Unread::Fields => {
                self.damaged(&name, format!("{unread}: {RESTORE}"))
            }
        })?;
        self.check_ledger(&wrapped, &name)?;
        if wrapped.handle != handle {
            return Err(
                self.damaged(&name, format!("it holds the key {}: {RESTORE}", wrapped.handle))
            );
        }
        Ok(Some(wrapped))
    }

    fn check_ledger(&self, wrapped: &WrappedKey, name: &str) -> Result<(), StorageError> {
        if wrapped.ledger == self.ledger {
            return Ok(());
        }
        let (expected, found) = (self.ledger.to_string(), wrapped.ledger.to_string());
        Err(StorageError::OtherLedger { path: self.path.join(name), expected, found })
    }

    /// A file's bytes, all of them.
    fn bytes(&self, file: &mut D::File, name: &str) -> Result<Vec<u8>, StorageError> {
        let failed = |error| self.failed("reading", name, error);
        if file.length().map_err(failed)? > LEN_MAX as u64 {
            return Err(self.damaged(name, "it is too long for a key: move it out of the folder"));
        }
        file.read(LEN_MAX).map_err(failed)
    }

    /// An opened file; `None` if there is none.
    fn found(
        &self,
        name: &str,
        opened: io::Result<D::File>,
    ) -> Result<Option<D::File>, StorageError> {
        match opened {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed("opening", name, error)),
        }
    }

    fn damaged(&self, name: &str, reason: impl Into<String>) -> StorageError {
        StorageError::damaged_file(&self.path.join(name), reason)
    }

    fn failed(&self, action: &'static str, name: &str, source: io::Error) -> StorageError {
        let path = if name.is_empty() { self.path.clone() } else { self.path.join(name) };
        StorageError::Io { action, path, source }
    }
}

fn temporary(handle: KeyHandle) -> String {
    format!("{handle}{TEMPORARY}")
}

#[cfg(test)]
mod tests;
