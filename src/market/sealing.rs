//! Values that can be forgotten, sealed under the keys of their owners; and digests that find them.
//!
//! Promises: an owner's key is durable in its file, and its making in the ledger, before anything is
//! sealed under it; an owner has one key at a time. When keys end is left to others
//! ([`super::seal_keys`] at a start).

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use nexnum_engine::command::MakeSealKey;
use nexnum_engine::group::Origin;
use nexnum_engine::ids::OrderId;
use nexnum_engine::sealed::{KeyHandle, KeyOwner, Purpose, SealedValue};
use nexnum_storage::index_key::{IndexKey, Indexed};
use nexnum_storage::keys::{KeyFolder, draw_handle};
use nexnum_storage::sealed::{NONCE_LEN, SealError, SealedPlace, SealingKey};
use nexnum_storage::secrets::{MasterKey, SecretBytes};
use nexnum_storage::{LedgerId, StorageError};
use tokio::sync::Mutex;

use super::boot_error::BootError;
use super::folder::{self, Opened};
use super::index_key;
use super::{Market, Refused};
use crate::keys::{NoRandomness, random_bytes};

/// Why a value was not sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum SealingError {
    /// A key's file.
    #[error("a sealing key cannot be used: {0}")]
    Storage(#[from] StorageError),
    /// The value.
    #[error(transparent)]
    Value(#[from] SealError),
    /// The ledger did not take the making of a key.
    #[error("the making of a sealing key was refused: {0:?}")]
    Refused(Refused),
    /// No random bytes.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// The thread that works with the key's file ended.
    #[error("the work on a sealing key's file was cut off")]
    CutOff,
}

/// What seals and opens.
#[derive(Clone)]
pub struct Sealing(Arc<Inner>);

struct Inner {
    keys: KeyFolder,
    ledger: LedgerId,
    master: MasterKey,
    index: IndexKey,
    /// The keys that live, by whose they are. Locked while one is made.
    owners: Mutex<HashMap<KeyOwner, KeyHandle>>,
}

impl fmt::Debug for Sealing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealing").field("ledger", &self.0.ledger).finish_non_exhaustive()
    }
}

impl Sealing {
    /// That of a folder whose keys are settled.
    ///
    /// # Errors
    /// As [`index_key::of`]; or the master key cannot be read.
    pub fn open(opened: &Opened) -> Result<Self, BootError> {
        let (folder, state) = (&opened.folder, opened.engine.state());
        let index = index_key::of(&folder::secrets(folder)?, folder, state)?;
        let ledger = opened.ledger.id();
        let owners = state.seal_keys().iter().map(|(handle, owner)| (owner, handle)).collect();
        Ok(Self(Arc::new(Inner {
            keys: KeyFolder::at(&folder.keys(), ledger),
            ledger,
            master: folder.read_master_key()?,
            index,
            owners: Mutex::new(owners),
        })))
    }

    /// The digest of a payment by its rail and its reference.
    #[must_use]
    pub fn payment(&self, rail: &str, reference: &str) -> u128 {
        self.0.index.digest(Indexed::Payment, &[rail.as_bytes(), reference.as_bytes()])
    }

    /// Seals a text under its owner's key, which is made if there is none.
    ///
    /// # Errors
    /// [`SealingError`].
    pub async fn seal(
        &self,
        market: &Market,
        owner: KeyOwner,
        purpose: Purpose,
        clear: &[u8],
    ) -> Result<SealedValue, SealingError> {
        let key = self.key_of(market, owner).await?;
        let nonce: [u8; NONCE_LEN] = random_bytes()?;
        Ok(key.seal(&self.place(purpose, None), clear, nonce)?)
    }

    /// Opens a value; `None` if its key was destroyed.
    ///
    /// # Errors
    /// [`SealingError`].
    pub async fn open_value(
        &self,
        purpose: Purpose,
        order: Option<OrderId>,
        value: &SealedValue,
    ) -> Result<Option<SecretBytes>, SealingError> {
        let Some(key) = self.read(value.handle).await? else { return Ok(None) };
        Ok(Some(key.open(&self.place(purpose, order), value)?))
    }

    fn place(&self, purpose: Purpose, order: Option<OrderId>) -> SealedPlace {
        SealedPlace { ledger: self.0.ledger, purpose, order }
    }

    async fn key_of(&self, market: &Market, owner: KeyOwner) -> Result<SealingKey, SealingError> {
        let mut owners = self.0.owners.lock().await;
        if let Some(handle) = owners.get(&owner) {
            let handle = *handle;
            drop(owners);
            let path = self.0.keys.path().join(handle.to_string());
            return self.read(handle).await?.ok_or(StorageError::Missing { path }.into());
        }
        // 1. The file, durable under its name.
        let handle = draw_handle()?;
        let key = self.blocking(move |it| it.keys.make(&it.master, handle, owner)).await?;
        // 2. The ledger. What it has not taken leaves no file behind; where that is not known, the next
        // start sweeps it.
        let made = market.execute(Origin::SYSTEM, MakeSealKey { handle, owner }).await;
        if let Err(refused) = made {
            if refused != Refused::Stopped {
                self.blocking(move |it| it.keys.destroy(handle)).await?;
            }
            return Err(SealingError::Refused(refused));
        }
        // 3. Only now it may seal.
        owners.insert(owner, handle);
        Ok(key)
    }

    async fn read(&self, handle: KeyHandle) -> Result<Option<SealingKey>, SealingError> {
        self.blocking(move |it| it.keys.read(&it.master, handle)).await
    }

    /// Works on a key's file on a thread that may wait for the disk.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, StorageError> + Send + 'static,
    ) -> Result<T, SealingError> {
        let inner = Arc::clone(&self.0);
        let worked = tokio::task::spawn_blocking(move || work(&inner)).await;
        Ok(worked.map_err(|_| SealingError::CutOff)??)
    }
}
