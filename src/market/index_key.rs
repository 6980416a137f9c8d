//! The key of the digests that find what is sealed: drawn with the ledger, kept among the secrets.
//!
//! Promises: the ledger's first event holds a check of the key, and no other key is used with that
//! ledger: with another one each payment would be credited again.

use nexnum_engine::state::State;
use nexnum_storage::index_key::IndexKey;
use nexnum_storage::secrets::Secrets;
use nexnum_storage::{Folder, StorageError};

use super::boot_error::BootError;

/// Where the key is kept among the secrets. Names of secrets that begin so are the program's.
pub const SECRET: &str = "index.key";

/// The key of a ledger that is about to begin: the one that a beginning that was cut short left, or
/// a new one.
///
/// # Errors
/// The secrets cannot be read or written.
pub(super) fn begin(secrets: &Secrets) -> Result<IndexKey, StorageError> {
    if let Some(index) = secrets.get(SECRET)?.as_ref().and_then(IndexKey::from_secret) {
        return Ok(index);
    }
    let index = IndexKey::draw()?;
    secrets.put(SECRET, &index.to_secret())?;
    Ok(index)
}

/// The key of a ledger that has begun.
///
/// # Errors
/// [`BootError::IndexKeyMissing`] where it is not there, or another ledger's; the secrets cannot be
/// read.
pub fn of(secrets: &Secrets, folder: &Folder, state: &State) -> Result<IndexKey, BootError> {
    let kept = secrets.get(SECRET)?;
    let known = state.ledger().map(|terms| terms.index_check);
    let index = kept.as_ref().and_then(IndexKey::from_secret);
    let index = index.filter(|index| known.is_none_or(|check| check == index.check()));
    index.ok_or_else(|| BootError::IndexKeyMissing { path: folder.secrets() })
}
