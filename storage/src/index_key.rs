//! Digests by which values are found and told apart that are otherwise sealed.
//!
//! Promises: without the key a digest tells nothing of the value, also where few values are
//! possible, and it cannot be recomputed. The key never changes and is in every backup: what has to
//! be unique for ever is unique under it. An erased value leaves its digest behind.

use std::fmt;

use zeroize::Zeroizing;

use crate::error::StorageError;
use crate::format::random;
use crate::secrets::SecretBytes;

/// Bytes of the key.
const KEY_LEN: usize = 32;

const DOMAIN: &[u8] = b"nexnum index 1\0";

/// What a digest is of: digests of different things never meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Indexed {
    /// A payment, by its rail and its reference.
    Payment,
    /// The key itself.
    Key,
    /// A callback, by its id or by what it says.
    Callback,
    /// An account, by its name.
    AccountName,
}

impl Indexed {
    const fn tag(self) -> u8 {
        match self {
            Self::Payment => 1,
            Self::Key => 2,
            Self::Callback => 3,
            Self::AccountName => 4,
        }
    }
}

/// The key of such digests.
#[derive(Clone)]
pub struct IndexKey(Zeroizing<[u8; KEY_LEN]>);

impl fmt::Debug for IndexKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IndexKey(…)")
    }
}

impl IndexKey {
    /// Draws a key.
    ///
    /// # Errors
    /// There is no randomness.
    pub fn draw() -> Result<Self, StorageError> {
        Ok(Self(Zeroizing::new(random()?)))
    }

    /// The key that was kept as a secret; `None` if it is not one.
    #[must_use]
    pub fn from_secret(secret: &SecretBytes) -> Option<Self> {
        Some(Self(Zeroizing::new(secret.expose().try_into().ok()?)))
    }

    /// As a secret to be kept.
    #[must_use]
    pub fn to_secret(&self) -> SecretBytes {
        SecretBytes::new(self.0.to_vec())
    }

    /// What tells this key from every other, and nothing of it.
    #[must_use]
    pub fn check(&self) -> u128 {
        self.digest(Indexed::Key, &[])
    }

    /// The digest of the parts: 128 bits of BLAKE3 under the key. Each part has its length before
    /// it, so that no two lists of parts are the same bytes.
    #[must_use]
    pub fn digest(&self, of: Indexed, parts: &[&[u8]]) -> u128 {
        let mut digest = [0; 16];
        keyed(&self.0, (DOMAIN, of.tag()), parts, &mut digest);
        u128::from_le_bytes(digest)
    }
}

/// Fills `digest` with BLAKE3 under a key, over what it is of, and the parts. Each part has its length
/// before it.
pub(crate) fn keyed(
    key: &[u8; KEY_LEN],
    (domain, tag): (&[u8], u8),
    parts: &[&[u8]],
    digest: &mut [u8],
) {
    let mut hasher = blake3::Hasher::new_keyed(key);
    hasher.update(domain).update(&[tag]);
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
    }
    hasher.finalize_xof().fill(digest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_its_key_s_and_its_parts() {
        let (one, other) = (IndexKey::draw().unwrap(), IndexKey::draw().unwrap());
        let digest = one.digest(Indexed::Payment, &[b"bank", b"invoice 7"]);
        let again = IndexKey::from_secret(&one.to_secret()).unwrap();
        assert_eq!(again.digest(Indexed::Payment, &[b"bank", b"invoice 7"]), digest);
        assert_ne!(other.digest(Indexed::Payment, &[b"bank", b"invoice 7"]), digest);
        assert_ne!(one.digest(Indexed::Payment, &[b"bankinvoice 7", b""]), digest);
        assert_ne!(one.digest(Indexed::Payment, &[b"bank", b"invoice 8"]), digest);
        assert!(IndexKey::from_secret(&SecretBytes::new(vec![1; 31])).is_none());
        assert_eq!(format!("{one:?}"), "IndexKey(…)");
    }

    #[test]
    fn a_digest_keeps_its_value() {
        // The value is that of another implementation of BLAKE3.
        let key = IndexKey::from_secret(&SecretBytes::new(vec![7; 32])).unwrap();
        let digest = key.digest(Indexed::Payment, &[b"bank", b"invoice 7"]);
        assert_eq!(format!("{digest:032x}"), "797c2ab1fff7bc048a64437531c9de85");
        let digest = key.digest(Indexed::Callback, &[b"callback id", b"6281", b"7"]);
        assert_eq!(format!("{digest:032x}"), "27f3b604527e06bd737d35858b73c93d");
        let digest = key.digest(Indexed::AccountName, &["Größe".as_bytes()]);
        assert_eq!(format!("{digest:032x}"), "cd80ef019e94f7db3defea8e51fd8f85");
    }
}
