//! Secrets at rest: providers' keys and webhook secrets, sealed one by one.
//!
//! Promises: what is on disk is useless without the master key; a secret that was
//! altered, or moved to another name, does not open; a wrong key is noticed when
//! the store is opened. Clear text is wiped from memory when dropped and never
//! printed. Who may ask for which secret is left to others.
//!
//! A sealed secret is 24 bytes of random nonce and the XChaCha20-Poly1305
//! ciphertext with its tag; the name is authenticated with it.

use std::fmt;
use std::fs::{self, File};
use std::path::Path;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use redb::{Database, Durability, ReadableTable, TableDefinition};
use zeroize::{Zeroize, Zeroizing};

use crate::backend::{
    Opened, create_database, create_file, guarded, open_checked, open_database, open_file,
};
use crate::error::StorageError;
use crate::file::{self, file_backend};
use crate::format::{parse_hex, random};
use crate::overlay::Overlay;
use crate::replaced;

/// The longest name, in bytes.
pub const NAME_LEN_MAX: usize = 200;

/// The longest secret, in bytes: a private key in PEM fits.
pub const SECRET_LEN_MAX: usize = 16 << 10;

const SEALED: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("sealed");
const NONCE_LEN: usize = 24;

/// The record that shows whether the key is right. A caller's name is never empty.
const PROBE: &str = "";

/// Keeps these ciphertexts apart from any others made with the same key.
const DOMAIN: &[u8] = b"nexnum secret 1\0";

/// Secrets are few and read rarely.
const CACHE_BYTES: usize = 1 << 20;

/// A secret in clear: wiped when dropped, not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretBytes(Zeroizing<Vec<u8>>);

impl SecretBytes {
    /// Takes over the bytes.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The secret itself. The caller keeps it out of logs.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretBytes(…)")
    }
}

/// The key that seals everything else: 32 bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct MasterKey(Zeroizing<[u8; 32]>);

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

impl MasterKey {
    /// A key that the operator keeps elsewhere.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Draws a new key and writes it to a file that only its owner can read.
    ///
    /// # Errors
    /// [`StorageError::AlreadyExists`], leaving the file as it is; or the failure.
    pub fn create(path: &Path) -> Result<Self, StorageError> {
        let (key, text) = Self::draw()?;
        replaced::create_private(path, text.as_bytes())?;
        Ok(key)
    }

    /// Draws a new key, with what its file says.
    ///
    /// # Errors
    /// There is no randomness.
    pub(crate) fn draw() -> Result<(Self, Zeroizing<String>), StorageError> {
        let key = Self::from_bytes(random()?);
        let mut text = Zeroizing::new(String::with_capacity(65));
        for byte in key.0.iter() {
            fmt::Write::write_fmt(&mut *text, format_args!("{byte:02x}"))
                .expect("writing to a String does not fail");
        }
        text.push('\n');
        Ok((key, text))
    }

    /// Reads the key from a file of 64 hexadecimal digits.
    ///
    /// # Errors
    /// [`StorageError::Missing`], [`StorageError::DamagedFile`]; or the failure.
    pub fn read(path: &Path) -> Result<Self, StorageError> {
        let bytes = fs::read(path).map_err(|e| StorageError::io("reading", path, e))?;
        let bytes = Zeroizing::new(bytes);
        let key = str::from_utf8(&bytes).ok().and_then(Self::parse);
        key.ok_or_else(|| StorageError::damaged_file(path, "it is not 64 hexadecimal digits"))
    }

    /// The key that 64 hexadecimal digits say, with or without a line break after them.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut key = parse_hex::<32>(text.trim_ascii_end())?;
        let master = Self::from_bytes(key);
        key.zeroize();
        Some(master)
    }

    /// The cipher under this key.
    pub(crate) fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.0).into())
    }
}

/// The sealed secrets of a data folder, by name.
pub struct Secrets {
    database: Opened<Database>,
    cipher: XChaCha20Poly1305,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").field("place", &self.database.place).finish_non_exhaustive()
    }
}

impl Secrets {
    /// Makes a new, empty store in a file that does not exist yet.
    ///
    /// # Errors
    /// [`StorageError::AlreadyExists`], leaving the file as it is; or the failure.
    pub fn create(path: &Path, key: &MasterKey) -> Result<Self, StorageError> {
        let secrets = Self::create_in(create_file(path)?, path, key)?;
        file::sync_folder(path)?;
        Ok(secrets)
    }

    /// As [`Secrets::create`], in an empty file, whose name is not made durable.
    pub(crate) fn create_in(
        file: File,
        path: &Path,
        key: &MasterKey,
    ) -> Result<Self, StorageError> {
        let database = create_database(file_backend(file, path)?, path, CACHE_BYTES)?;
        let secrets = Self { database, cipher: key.cipher() };
        secrets.store(PROBE, &secrets.seal(PROBE, b"")?)?;
        Ok(secrets)
    }

    /// Opens the store that is in a file.
    ///
    /// # Errors
    /// [`StorageError::WrongKey`], [`StorageError::Missing`]; or the failure.
    pub fn open(path: &Path, key: &MasterKey) -> Result<Self, StorageError> {
        Self::over(open_database(open_file(path)?, path, CACHE_BYTES)?, path, key)
    }

    /// Opens the store for reading alone, after a check of every page. The file is not
    /// written to; what is put into the store is lost.
    ///
    /// # Errors
    /// As [`Secrets::open`]; or the database's word where a page is damaged.
    pub fn open_checked(path: &Path, key: &MasterKey) -> Result<Self, StorageError> {
        Self::over(open_checked(Overlay::over(path)?, path, CACHE_BYTES)?, path, key)
    }

    /// Checks every page of the store in a file, which needs no key. The file is not written to.
    ///
    /// # Errors
    /// [`StorageError::Missing`], the database's word where a page is damaged; or the failure.
    pub fn check_pages(path: &Path) -> Result<(), StorageError> {
        open_checked(Overlay::over(path)?, path, CACHE_BYTES).map(drop)
    }

    fn over(
        database: Opened<Database>,
        path: &Path,
        key: &MasterKey,
    ) -> Result<Self, StorageError> {
        let secrets = Self { database, cipher: key.cipher() };
        let probe = secrets.sealed(PROBE)?.ok_or_else(|| {
            StorageError::damaged_file(path, "it lacks the record that shows the right key")
        })?;
        match secrets.unseal(PROBE, &probe) {
            Some(_) => Ok(secrets),
            None => Err(StorageError::WrongKey { path: path.to_owned() }),
        }
    }

    /// Seals a secret under a name, durable on return, in place of the one there.
    ///
    /// # Errors
    /// [`StorageError::SecretLength`]; or the failure.
    pub fn put(&self, name: &str, secret: &SecretBytes) -> Result<(), StorageError> {
        check_name(name)?;
        let len = secret.expose().len();
        if len == 0 || len > SECRET_LEN_MAX {
            return Err(StorageError::SecretLength { what: "text", len, max: SECRET_LEN_MAX });
        }
        self.store(name, &self.seal(name, secret.expose())?)
    }

    /// The secret under a name.
    ///
    /// # Errors
    /// [`StorageError::Tampered`]; or the failure.
    pub fn get(&self, name: &str) -> Result<Option<SecretBytes>, StorageError> {
        check_name(name)?;
        let Some(sealed) = self.sealed(name)? else { return Ok(None) };
        let tampered = || StorageError::Tampered { name: name.to_owned() };
        self.unseal(name, &sealed).map(Some).ok_or_else(tampered)
    }

    /// Forgets the secret under a name. Returns whether there was one.
    ///
    /// # Errors
    /// The failure.
    pub fn remove(&self, name: &str) -> Result<bool, StorageError> {
        check_name(name)?;
        self.change(|table| table.remove(name).map(|there| there.is_some()))
    }

    /// All names, sorted.
    ///
    /// # Errors
    /// The failure.
    pub fn names(&self) -> Result<Vec<String>, StorageError> {
        guarded(&self.database.place, || {
            let transaction = self.database.begin_read()?;
            let table = transaction.open_table(SEALED).map_err(|e| self.failed(e))?;
            let mut names = Vec::new();
            for entry in table.iter().map_err(|e| self.failed(e))? {
                let (name, _) = entry.map_err(|e| self.failed(e))?;
                if name.value() != PROBE {
                    names.push(name.value().to_owned());
                }
            }
            Ok(names)
        })
    }

    fn seal(&self, name: &str, text: &[u8]) -> Result<Vec<u8>, StorageError> {
        let nonce: [u8; NONCE_LEN] = random()?;
        let aad = [DOMAIN, name.as_bytes()].concat();
        let ciphertext = self
            .cipher
            .encrypt(&XNonce::from(nonce), Payload { msg: text, aad: &aad })
            .expect("a text within its bound is far below the cipher's");
        Ok([&nonce[..], &ciphertext].concat())
    }

    fn unseal(&self, name: &str, sealed: &[u8]) -> Option<SecretBytes> {
        let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let aad = [DOMAIN, name.as_bytes()].concat();
        let payload = Payload { msg: ciphertext, aad: &aad };
        self.cipher.decrypt(&XNonce::from(*nonce), payload).ok().map(SecretBytes::new)
    }

    fn sealed(&self, name: &str) -> Result<Option<Vec<u8>>, StorageError> {
        guarded(&self.database.place, || {
            let transaction = self.database.begin_read()?;
            let table = match transaction.open_table(SEALED) {
                Ok(table) => table,
                Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
                Err(e) => return Err(self.failed(e)),
            };
            let sealed = table.get(name).map_err(|e| self.failed(e))?;
            Ok(sealed.map(|bytes| bytes.value().to_vec()))
        })
    }

    fn store(&self, name: &str, sealed: &[u8]) -> Result<(), StorageError> {
        self.change(|table| table.insert(name, sealed).map(|_| ()))
    }

    fn change<T>(
        &self,
        change: impl FnOnce(&mut redb::Table<'_, &str, &[u8]>) -> Result<T, redb::StorageError>,
    ) -> Result<T, StorageError> {
        guarded(&self.database.place, || {
            let mut transaction = self.database.begin_write().map_err(|e| self.failed(e))?;
            transaction.set_durability(Durability::Immediate).map_err(|e| self.failed(e))?;
            transaction.set_two_phase_commit(true);
            let result = {
                let mut table = transaction.open_table(SEALED).map_err(|e| self.failed(e))?;
                change(&mut table).map_err(|e| self.failed(e))?
            };
            transaction.commit().map_err(|e| self.failed(e))?;
            Ok(result)
        })
    }

    fn failed(&self, error: impl Into<redb::Error>) -> StorageError {
        StorageError::database("using", &self.database.place, error)
    }
}

fn check_name(name: &str) -> Result<(), StorageError> {
    if name.is_empty() || name.len() > NAME_LEN_MAX {
        return Err(StorageError::SecretLength {
            what: "name",
            len: name.len(),
            max: NAME_LEN_MAX,
        });
    }
    Ok(())
}
