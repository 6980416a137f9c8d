//! Sealing and opening: values that are forgotten when their key is destroyed.
//!
//! Promises: a value opens only under its own key, and only as what it was sealed as: for the same
//! ledger, purpose and order. Each has a subkey of its own, which opens that value and no other, so
//! that it can be handed out alone. The value commits to its subkey, so that no second subkey opens
//! it to another text. Keys, subkeys and clear texts are wiped from memory when dropped and never
//! printed. Where keys are kept (`keys`), and for how long, is left to others.
//!
//! ```text
//! subkey      BLAKE3 keyed with the key, of "nexnum subkey 1\0" and the nonce
//! commitment  BLAKE3 derive_key, context "nexnum sealed value 1: commitment to a subkey", of the subkey
//! ciphertext  XChaCha20-Poly1305 under subkey and nonce, authenticated with
//!             "nexnum sealed value 1\0" | ledger 16 | handle 16 | purpose 1 | 0, or 1 and the order's id 8
//! ```
//!
//! Integers are little-endian. What is authenticated has one reading: each part has a fixed width,
//! and whether an order follows is said before it.

use std::fmt;
use std::sync::LazyLock;

use blake3::hazmat::{ContextKey, HasherExt, hash_derive_key_context};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use nexnum_engine::ids::OrderId;
use nexnum_engine::sealed::{KeyHandle, Purpose, SealedValue};
use zeroize::Zeroizing;

use crate::format::LedgerId;
use crate::secrets::SecretBytes;

/// Bytes of a key and of a subkey.
pub const KEY_LEN: usize = 32;
/// Bytes of a nonce: random ones do not meet.
pub const NONCE_LEN: usize = 24;

const SUBKEY_DOMAIN: &[u8] = b"nexnum subkey 1\0";
const COMMITMENT_CONTEXT: &str = "nexnum sealed value 1: commitment to a subkey";
const VALUE_DOMAIN: &[u8; 22] = b"nexnum sealed value 1\0";

/// What the context comes to: it is the same for each value.
static COMMITMENT_KEY: LazyLock<ContextKey> =
    LazyLock::new(|| hash_derive_key_context(COMMITMENT_CONTEXT));

/// Why a value was not sealed or opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The text is longer than its purpose allows.
    #[error("a text of {len} bytes is not sealed: at most {max} bytes are for this purpose")]
    TooLong {
        /// Its length in bytes.
        len: usize,
        /// The bound.
        max: usize,
    },
    /// The value is sealed under another key, or what it says of its key was altered.
    #[error("the value is not sealed under this key: it names the key {named}")]
    OtherKey {
        /// The key that it names.
        named: KeyHandle,
    },
    /// The key is right, and the value does not open: it was altered, or is of another ledger,
    /// order or purpose.
    #[error("the value under the key {named} does not open: it was altered or is of another place")]
    Altered {
        /// The key that it names.
        named: KeyHandle,
    },
}

/// Where a value stands: it opens there only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealedPlace {
    /// In which ledger.
    pub ledger: LedgerId,
    /// As what.
    pub purpose: Purpose,
    /// Of which order, where it is of one.
    pub order: Option<OrderId>,
}

impl SealedPlace {
    /// What is authenticated with a value under the key `handle`.
    fn authenticated(&self, handle: KeyHandle) -> Authenticated {
        let (mut bytes, mut len) = ([0; AUTHENTICATED_MAX], 0);
        let mut put = |part: &[u8]| {
            bytes[len..len + part.len()].copy_from_slice(part);
            len += part.len();
        };
        put(VALUE_DOMAIN);
        put(&self.ledger.0);
        put(&handle.0.to_le_bytes());
        put(&[self.purpose.tag(), u8::from(self.order.is_some())]);
        if let Some(order) = self.order {
            put(&order.0.to_le_bytes());
        }
        Authenticated { bytes, len }
    }
}

/// Bytes that are authenticated with a value of an order.
const AUTHENTICATED_MAX: usize = VALUE_DOMAIN.len() + 42;

/// What is authenticated with a value, off the heap: numbers are opened with each order.
struct Authenticated {
    bytes: [u8; AUTHENTICATED_MAX],
    len: usize,
}

impl Authenticated {
    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// A key that values are sealed under, with its name.
#[derive(Clone)]
pub struct SealingKey {
    handle: KeyHandle,
    bytes: Zeroizing<[u8; KEY_LEN]>,
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingKey({}, …)", self.handle)
    }
}

impl SealingKey {
    /// The key of this name.
    #[must_use]
    pub fn new(handle: KeyHandle, bytes: Zeroizing<[u8; KEY_LEN]>) -> Self {
        Self { handle, bytes }
    }

    /// Its name.
    #[must_use]
    pub const fn handle(&self) -> KeyHandle {
        self.handle
    }

    /// The key itself. The caller keeps it out of logs.
    pub(crate) fn expose(&self) -> &[u8; KEY_LEN] {
        &self.bytes
    }

    /// Seals a text. A nonce is random and used once.
    ///
    /// # Errors
    /// [`SealError::TooLong`].
    pub fn seal(
        &self,
        place: &SealedPlace,
        clear: &[u8],
        nonce: [u8; NONCE_LEN],
    ) -> Result<SealedValue, SealError> {
        let (len, max) = (clear.len(), place.purpose.len_max());
        if len > max {
            return Err(SealError::TooLong { len, max });
        }
        let (handle, subkey) = (self.handle, self.subkey(nonce));
        let aad = place.authenticated(handle);
        let sealed =
            subkey.cipher().encrypt(&nonce.into(), Payload { msg: clear, aad: aad.bytes() });
        let sealed = sealed.expect("a text within its bound is far below the cipher's");
        let (commitment, ciphertext) = (subkey.commitment(), sealed.into());
        Ok(SealedValue { handle, nonce, commitment, ciphertext })
    }

    /// Opens a value that was sealed for this place.
    ///
    /// # Errors
    /// [`SealError::OtherKey`], [`SealError::Altered`].
    pub fn open(&self, place: &SealedPlace, value: &SealedValue) -> Result<SecretBytes, SealError> {
        if value.handle != self.handle {
            return Err(SealError::OtherKey { named: value.handle });
        }
        self.subkey(value.nonce).open_value(place, value)
    }

    /// The subkey of the value with this nonce.
    #[must_use]
    pub fn subkey(&self, nonce: [u8; NONCE_LEN]) -> Subkey {
        let mut hasher = blake3::Hasher::new_keyed(&self.bytes);
        hasher.update(SUBKEY_DOMAIN);
        hasher.update(&nonce);
        Subkey(Zeroizing::new(*hasher.finalize().as_bytes()))
    }
}

/// What opens one value: a receipt may show it without the key.
#[derive(Clone, PartialEq, Eq)]
pub struct Subkey(pub Zeroizing<[u8; KEY_LEN]>);

impl fmt::Debug for Subkey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subkey(…)")
    }
}

impl Subkey {
    /// One that a receipt shows.
    #[must_use]
    pub fn of_bytes(bytes: [u8; KEY_LEN]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Opens the value that it is of, sealed for this place.
    ///
    /// # Errors
    /// [`SealError::OtherKey`], [`SealError::Altered`].
    pub fn open_value(
        &self,
        place: &SealedPlace,
        value: &SealedValue,
    ) -> Result<SecretBytes, SealError> {
        let named = value.handle;
        // This comparison takes the same time wherever the two differ.
        if blake3::Hash::from(self.commitment()) != blake3::Hash::from(value.commitment) {
            return Err(SealError::OtherKey { named });
        }
        if !value.fits(place.purpose) {
            return Err(SealError::Altered { named });
        }
        let (aad, nonce) = (place.authenticated(named), XNonce::from(value.nonce));
        let sealed = Payload { msg: &value.ciphertext, aad: aad.bytes() };
        let opened = self.cipher().decrypt(&nonce, sealed);
        opened.map(SecretBytes::new).map_err(|_| SealError::Altered { named })
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.0).into())
    }

    fn commitment(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_from_context_key(&COMMITMENT_KEY);
        *hasher.update(&*self.0).finalize().as_bytes()
    }
}

#[cfg(test)]
mod tests;
