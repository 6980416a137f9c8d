//! Values that can be forgotten, sealed under the keys of their owners; and digests that find them.
//!
//! Promises: an owner's key is durable in its file, and its making in the ledger, before anything is
//! sealed under it; an owner has one key at a time, and a load of own stock one of its own. The keys
//! of days and loads are in memory while they live, and those of accounts once their names were shown,
//! so that a message or a number is sealed and opened without a look at the disk. When keys end is
//! left to others ([`super::seal_keys`] at a start, [`super::retention`]).

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use arc_swap::ArcSwap;
use nexnum_engine::command::MakeSealKey;
use nexnum_engine::event::{AccountName, LoadedNumber};
use nexnum_engine::ids::{AccountId, Number, OfferId, OrderId, Token};
use nexnum_engine::sealed::{KeyHandle, KeyOwner, Purpose, SealedValue};
use nexnum_storage::index_key::{IndexKey, Indexed};
use nexnum_storage::keys::{KeyFolder, draw_handle};
use nexnum_storage::lookup_key::LookupKey;
use nexnum_storage::sealed::{NONCE_LEN, SealError, SealedPlace, SealingKey, Subkey};
use nexnum_storage::secrets::{MasterKey, SecretBytes};
use nexnum_storage::{LedgerId, StorageError};
use papaya::{HashMap, HashSet};
use tokio::sync::Mutex;

use super::boot_error::BootError;
use super::folder::{self, Opened};
use super::index_key;
use super::lookups::{LivingLookup, Lookups};
use super::refused::Refused;
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
    /// The ledger did not take what becomes of keys.
    #[error("the ledger did not take what becomes of keys: {0:?}")]
    Refused(Refused),
    /// No random bytes.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// A number.
    #[error("a number cannot be read now, which is logged")]
    NumberUnread,
    /// The thread that works with the key's file ended.
    #[error("the work on a sealing key's file was cut off")]
    CutOff,
}

impl From<SealingError> for Refused {
    /// Nothing happened, and it may be tried again.
    fn from(error: SealingError) -> Self {
        match error {
            SealingError::Refused(refused @ (Self::Stopped | Self::Busy)) => refused,
            // A refusal of the key's making is none of the command that the value is for.
            error => {
                tracing::error!(%error, "a value could not be sealed");
                Self::Busy
            }
        }
    }
}

/// Writes the making of a key down in the ledger.
pub(super) type RecordMade = Box<
    dyn FnOnce(MakeSealKey) -> Pin<Box<dyn Future<Output = Result<(), Refused>> + Send>> + Send,
>;

/// The numbers of a load, sealed.
#[derive(Debug)]
pub struct SealedLoad {
    /// Each with its token under the key in use.
    pub numbers: Vec<LoadedNumber>,
    /// The tokens of all of them, for each other key that lives.
    pub others: Vec<Box<[Token]>>,
}

/// What seals and opens.
#[derive(Clone)]
pub struct Sealing(Arc<Inner>);

struct Inner {
    keys: KeyFolder,
    ledger: LedgerId,
    master: MasterKey,
    index: IndexKey,
    /// The keys that live, by whose they are; not those of loads, each of which seals its own load
    /// alone.
    owners: HashMap<KeyOwner, KeyHandle>,
    /// Those of days and loads themselves, under which values are that many look at, and those of
    /// accounts whose names were shown. There are as many as days in a retention, loads of own stock,
    /// and accounts.
    held: HashMap<KeyHandle, SealingKey>,
    /// Those that ended, and whose files could not be destroyed.
    ended: HashSet<KeyHandle>,
    /// What numbers and texts are found by.
    lookups: ArcSwap<Lookups>,
    /// Held while a key is made.
    making: Mutex<()>,
}

impl fmt::Debug for Sealing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealing").field("ledger", &self.0.ledger).finish_non_exhaustive()
    }
}

/// Whether the keys of an owner are in memory while they live.
const fn is_held(owner: KeyOwner) -> bool {
    matches!(owner, KeyOwner::Day(_)) || is_load(owner)
}

const fn is_load(owner: KeyOwner) -> bool {
    matches!(owner, KeyOwner::Load(_))
}

impl Sealing {
    /// That of a folder whose keys are settled.
    ///
    /// # Errors
    /// As [`index_key::of`]; the master key or one of those in memory cannot be read.
    pub fn open(opened: &Opened) -> Result<Self, BootError> {
        let (folder, state) = (&opened.folder, opened.engine.state());
        let index = index_key::of(&folder::secrets(folder)?, folder, state)?;
        let (ledger, master) = (opened.ledger.id(), folder.read_master_key()?);
        let keys = KeyFolder::at(&folder.keys(), ledger);
        let (owners, held, mut lookups) = (HashMap::new(), HashMap::new(), Vec::new());
        let missing = || StorageError::Missing { path: folder.keys() };
        for (handle, owner) in state.seal_keys().iter() {
            if !is_load(owner) {
                owners.pin().insert(owner, handle);
            }
            if is_held(owner)
                && let Some(key) = keys.read(&master, handle)?
            {
                held.pin().insert(handle, key);
            }
            if let KeyOwner::Lookup(day) = owner {
                let key = LookupKey::of(&keys.read(&master, handle)?.ok_or_else(missing)?);
                lookups.push(LivingLookup { day, handle, key });
            }
        }
        let lookups = ArcSwap::from_pointee(Lookups::new(lookups).ok_or_else(missing)?);
        let (ended, making) = (HashSet::new(), Mutex::default());
        let inner = Inner { keys, ledger, master, index, owners, held, ended, lookups, making };
        Ok(Self(Arc::new(inner)))
    }

    /// The digest of a payment by its rail and its reference.
    #[must_use]
    pub fn payment(&self, rail: &str, reference: &str) -> u128 {
        self.0.index.digest(Indexed::Payment, &[rail.as_bytes(), reference.as_bytes()])
    }

    /// The digest of an account's name.
    #[must_use]
    pub fn account_name(&self, name: &str) -> u128 {
        self.0.index.digest(Indexed::AccountName, &[name.as_bytes()])
    }

    /// The name of an account; `None` if it has none, or its key was destroyed. Reads the key's file,
    /// the first time: the caller is on a thread that may wait for the disk.
    ///
    /// # Errors
    /// [`SealingError`].
    pub fn open_name(
        &self,
        account: AccountId,
        name: Option<&AccountName>,
    ) -> Result<Option<String>, SealingError> {
        let Some(AccountName { sealed, .. }) = name else { return Ok(None) };
        let (owner, handle) = (KeyOwner::Identity(account), sealed.handle);
        let lives = || self.0.owners.pin().get(&owner) == Some(&handle);
        let key = match self.held(handle) {
            Some(key) => key,
            None if !lives() => return Ok(None),
            None => match self.0.keys.read(&self.0.master, handle) {
                Ok(Some(key)) => {
                    // Kept first: an end comes after this, or is seen here.
                    self.0.held.pin().insert(handle, key.clone());
                    if !lives() {
                        self.0.held.pin().remove(&handle);
                    }
                    key
                }
                // It was destroyed meanwhile.
                Ok(None) | Err(_) if !lives() => return Ok(None),
                Ok(None) => return Err(self.missing(handle).into()),
                Err(error) => return Err(error.into()),
            },
        };
        let name = key.open(&self.place(Purpose::Name, None), sealed)?;
        Ok(Some(String::from_utf8_lossy(name.expose()).into_owned()))
    }

    /// The key of the digests that callbacks are known by.
    #[must_use]
    pub fn index(&self) -> &IndexKey {
        &self.0.index
    }

    /// The keys of the digests that messages and requests are known by, and of numbers' tokens.
    #[must_use]
    pub fn lookups(&self) -> Arc<Lookups> {
        self.0.lookups.load_full()
    }

    /// Keys whose end the ledger has, and whose files could not be destroyed yet.
    pub(super) fn ended(&self) -> Vec<KeyHandle> {
        self.0.ended.pin().iter().copied().collect()
    }

    /// The keys of the days before one, and which days.
    pub(super) fn days_before(&self, first_kept: u32) -> Vec<(KeyHandle, u32)> {
        let owners = self.0.owners.pin();
        let days = owners.iter().filter_map(|(owner, handle)| match owner {
            KeyOwner::Day(day) if *day < first_kept => Some((*handle, *day)),
            _ => None,
        });
        days.collect()
    }

    /// Takes a key that ends from its owner, which may have another one by now.
    pub(super) fn disown(&self, handle: KeyHandle, owner: KeyOwner) {
        let _was_its = self.0.owners.pin().remove_if(&owner, |_, known| *known == handle);
    }

    /// Destroys a key that no owner has any more, whose end the ledger has by now: nothing opens under
    /// it from here on. Where its file cannot be destroyed, [`Sealing::ended`] has it.
    pub(super) async fn destroy(&self, handle: KeyHandle) -> Result<(), SealingError> {
        self.0.held.pin().remove(&handle);
        self.0.lookups.rcu(|lookups| lookups.without(handle));
        // Noted on that thread: it goes on where its caller is dropped.
        let destroy = move |it: &Inner| {
            let destroyed = it.keys.destroy(handle);
            let ended = it.ended.pin();
            if destroyed.is_ok() {
                ended.remove(&handle)
            } else {
                ended.insert(handle)
            };
            destroyed
        };
        self.blocking(destroy).await
    }

    /// Opens what is sealed under the key of a day or a load; `None` if that was destroyed.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn open_held(
        &self,
        purpose: Purpose,
        order: Option<OrderId>,
        value: &SealedValue,
    ) -> Result<Option<SecretBytes>, SealError> {
        let Some(key) = self.held(value.handle) else { return Ok(None) };
        key.open(&self.place(purpose, order), value).map(Some)
    }

    /// As [`Sealing::open_held`], of what is shown as forgotten where it does not open, too: the
    /// ledger's checks leave that to a key that was exchanged. It is logged, with `what` it is.
    #[must_use]
    pub fn open_shown(
        &self,
        purpose: Purpose,
        order: Option<OrderId>,
        value: &SealedValue,
        what: impl fmt::Display,
    ) -> Option<SecretBytes> {
        self.open_held(purpose, order, value).unwrap_or_else(|error| {
            tracing::error!(%error, "{what} does not open");
            None
        })
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

    /// Seals a text under its owner's key, of an order where it is of one. An owner without a key gets
    /// one, whose making `record` writes down.
    ///
    /// # Errors
    /// [`SealingError`].
    pub(super) async fn seal(
        &self,
        owner: KeyOwner,
        (purpose, order): (Purpose, Option<OrderId>),
        clear: &[u8],
        record: RecordMade,
    ) -> Result<SealedValue, SealingError> {
        let key = self.key_of(owner, record).await?;
        let nonce: [u8; NONCE_LEN] = random_bytes()?;
        Ok(key.seal(&self.place(purpose, order), clear, nonce)?)
    }

    /// Sees to it that an owner has a key.
    pub(super) async fn prepare(
        &self,
        owner: KeyOwner,
        record: RecordMade,
    ) -> Result<(), SealingError> {
        self.key_of(owner, record).await.map(drop)
    }

    /// Seals the numbers of a load of own stock under a key of their own, in their order; their tokens
    /// are those of a day.
    ///
    /// # Errors
    /// [`SealingError`].
    pub(super) async fn seal_load(
        &self,
        offer: OfferId,
        (numbers, day): (Vec<Number>, u32),
        record: RecordMade,
    ) -> Result<SealedLoad, SealingError> {
        let key = self.key_of(KeyOwner::Load(offer), record).await?;
        let (place, lookups) = (self.place(Purpose::Number, None), self.lookups());
        // Some tens of milliseconds for a full load.
        let sealed = tokio::task::spawn_blocking(move || {
            let seal = |number: Number| {
                let digits = number.to_string();
                let sealed = key.seal(&place, digits.as_bytes(), random_bytes()?)?;
                Ok(LoadedNumber { token: lookups.on(day).token(number), sealed })
            };
            let loaded = numbers.iter().copied().map(seal).collect::<Result<_, SealingError>>()?;
            Ok(SealedLoad { numbers: loaded, others: lookups.other_tokens(day, &numbers) })
        });
        sealed.await.map_err(|_| SealingError::CutOff)?
    }

    /// What opens this value and no other, for a receipt; `None` if its key was destroyed. Reads the
    /// key's file: the caller is on a thread that may wait for the disk.
    ///
    /// # Errors
    /// [`SealingError`].
    pub fn subkey(&self, value: &SealedValue) -> Result<Option<Subkey>, SealingError> {
        let key = self.0.keys.read(&self.0.master, value.handle)?;
        Ok(key.map(|key| key.subkey(value.nonce)))
    }

    fn place(&self, purpose: Purpose, order: Option<OrderId>) -> SealedPlace {
        SealedPlace { ledger: self.0.ledger, purpose, order }
    }

    /// A key that lives and has no file.
    fn missing(&self, handle: KeyHandle) -> StorageError {
        StorageError::Missing { path: self.0.keys.path().join(handle.to_string()) }
    }

    fn held(&self, handle: KeyHandle) -> Option<SealingKey> {
        self.0.held.pin().get(&handle).cloned()
    }

    /// The key of an owner, if it has one; of a load none, since each has one of its own.
    async fn known(&self, owner: KeyOwner) -> Result<Option<SealingKey>, SealingError> {
        if is_load(owner) {
            return Ok(None);
        }
        let Some(handle) = self.0.owners.pin().get(&owner).copied() else { return Ok(None) };
        let key = match self.held(handle) {
            Some(key) => Some(key),
            None => self.read(handle).await?,
        };
        key.map(Some).ok_or_else(|| self.missing(handle).into())
    }

    /// The key of an owner; one that has none gets one, whose making `record` writes down. The making
    /// goes on where its caller is dropped: what the ledger has is known here then too.
    async fn key_of(
        &self,
        owner: KeyOwner,
        record: RecordMade,
    ) -> Result<SealingKey, SealingError> {
        if let Some(key) = self.known(owner).await? {
            return Ok(key);
        }
        let sealing = self.clone();
        let made = tokio::spawn(async move {
            let _making = sealing.0.making.lock().await;
            // Another one may have made it meanwhile.
            if let Some(key) = sealing.known(owner).await? {
                return Ok(key);
            }
            sealing.make(owner, record).await
        });
        made.await.map_err(|_| SealingError::CutOff)?
    }

    /// Makes a key, which `record` writes down.
    async fn make(&self, owner: KeyOwner, record: RecordMade) -> Result<SealingKey, SealingError> {
        // 1. The file, durable under its name.
        let handle = draw_handle()?;
        let key = self.blocking(move |it| it.keys.make(&it.master, handle, owner)).await?;
        // 2. The ledger. What it has not taken leaves no file behind; where that is not known, the next
        // start sweeps it.
        if let Err(refused) = record(MakeSealKey { handle, owner }).await {
            if refused != Refused::Stopped {
                self.blocking(move |it| it.keys.destroy(handle)).await?;
            }
            return Err(SealingError::Refused(refused));
        }
        // 3. Only now it may seal.
        if is_held(owner) {
            self.0.held.pin().insert(handle, key.clone());
        }
        if let KeyOwner::Lookup(day) = owner {
            let living = LivingLookup { day, handle, key: LookupKey::of(&key) };
            self.0.lookups.rcu(|lookups| lookups.with(living.clone()));
        }
        if !is_load(owner) {
            self.0.owners.pin().insert(owner, handle);
        }
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
