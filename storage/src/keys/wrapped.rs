//! The bytes of a key's file: what it is for, and the key itself under the master key.
//!
//! ```text
//! offset  size  field
//!      0     8  "nexnum\0k"
//!      8     1  format, 1
//!      9     n  a frame (`wire`): ledger 16, handle 16, owner, nonce 24, key and tag 48
//!    9+n     4  CRC-32 (IEEE) of everything before, little-endian
//! ```
//!
//! The key is under XChaCha20-Poly1305, authenticated with "nexnum sealing key 1\0", ledger, handle
//! and owner as they stand in the frame. The checksum finds damage without the master key.

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use nexnum_engine::sealed::{KeyHandle, KeyOwner};
use zeroize::Zeroizing;

use crate::format::LedgerId;
use crate::sealed::{KEY_LEN, NONCE_LEN, SealingKey};
use crate::wire::{RecordError, Wire, put_frame, take_frame};

const MAGIC: &[u8; 8] = b"nexnum\0k";
/// The newest format that this program writes and reads.
pub(super) const FORMAT: u8 = 1;
const DOMAIN: &[u8] = b"nexnum sealing key 1\0";
const CHECK_LEN: usize = 4;
/// Bytes of a key with the cipher's tag.
const WRAPPED_LEN: usize = KEY_LEN + 16;

/// The longest file that is read as a key's: one has some 140 bytes.
pub(super) const LEN_MAX: usize = 512;

/// Why bytes are not a key's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unread {
    #[error("it is not the file of a key")]
    NotAKey,
    #[error("its check does not fit its bytes")]
    Check,
    /// A later version wrote it, in this format.
    #[error("it has a later format")]
    Newer(u8),
    #[error("its fields cannot be read")]
    Fields,
}

/// What a key's file says; the key in it is still wrapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WrappedKey {
    pub(super) ledger: LedgerId,
    pub(super) handle: KeyHandle,
    pub(super) owner: KeyOwner,
    nonce: [u8; NONCE_LEN],
    key: [u8; WRAPPED_LEN],
}

impl WrappedKey {
    /// Wraps a key. A nonce is random and used once.
    pub(super) fn wrap(
        cipher: &XChaCha20Poly1305,
        ledger: LedgerId,
        owner: KeyOwner,
        key: &SealingKey,
        nonce: [u8; NONCE_LEN],
    ) -> Self {
        let handle = key.handle();
        let aad = authenticated(ledger, handle, owner);
        let wrapped =
            cipher.encrypt(&XNonce::from(nonce), Payload { msg: key.expose(), aad: &aad });
        let wrapped = wrapped.expect("a key is far below the cipher's bound");
        let key = wrapped.try_into().expect("the cipher adds its tag");
        Self { ledger, handle, owner, nonce, key }
    }

    /// The key; `None` under another master key, or if what the file says was altered.
    pub(super) fn unwrapped(&self, cipher: &XChaCha20Poly1305) -> Option<SealingKey> {
        let aad = authenticated(self.ledger, self.handle, self.owner);
        let payload = Payload { msg: &self.key, aad: &aad };
        let clear = Zeroizing::new(cipher.decrypt(&XNonce::from(self.nonce), payload).ok()?);
        let mut key = Zeroizing::new([0; KEY_LEN]);
        key.copy_from_slice(&clear);
        Some(SealingKey::new(self.handle, key))
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(LEN_MAX);
        bytes.extend(MAGIC);
        bytes.push(FORMAT);
        put_frame(&mut bytes, |frame| {
            self.ledger.0.put(frame);
            self.handle.put(frame);
            self.owner.put(frame);
            self.nonce.put(frame);
            self.key.put(frame);
        });
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Unread> {
        let (body, check) = bytes.split_last_chunk::<CHECK_LEN>().ok_or(Unread::NotAKey)?;
        let mut fields = body.strip_prefix(MAGIC).ok_or(Unread::NotAKey)?;
        if crc32fast::hash(body) != u32::from_le_bytes(*check) {
            return Err(Unread::Check);
        }
        let format = fields.split_off_first().ok_or(Unread::NotAKey)?;
        if *format != FORMAT {
            return Err(Unread::Newer(*format));
        }
        let taken = take_frame(&mut fields, |frame| {
            Ok(Self {
                ledger: LedgerId(Wire::take(frame)?),
                handle: Wire::take(frame)?,
                owner: Wire::take(frame)?,
                nonce: Wire::take(frame)?,
                key: Wire::take(frame)?,
            })
        });
        let whole = taken.and_then(|file| match fields {
            [] => Ok(file),
            _ => Err(RecordError::Trailing),
        });
        whole.map_err(|_| Unread::Fields)
    }
}

fn authenticated(ledger: LedgerId, handle: KeyHandle, owner: KeyOwner) -> Vec<u8> {
    let mut bytes = DOMAIN.to_vec();
    ledger.0.put(&mut bytes);
    handle.put(&mut bytes);
    owner.put(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use chacha20poly1305::aead::KeyInit;
    use nexnum_engine::ids::OrderId;
    use proptest::prelude::*;

    use super::*;

    fn cipher(byte: u8) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&[byte; 32].into())
    }

    fn wrapped() -> WrappedKey {
        let key = SealingKey::new(KeyHandle(0x0102), Zeroizing::new([0x33; KEY_LEN]));
        let owner = KeyOwner::Rental(OrderId(300));
        WrappedKey::wrap(&cipher(5), LedgerId([0xAB; 16]), owner, &key, [0x24; NONCE_LEN])
    }

    // The bytes were computed by a second implementation of the cipher and this layout.
    #[test]
    fn the_first_format_keeps_its_bytes() {
        let shown: String = wrapped().encode().iter().map(|byte| format!("{byte:02x}")).collect();
        let expected = concat!(
            "6e65786e756d006b016c",
            "abababababababababababababababab",
            "02010000000000000000000000000000",
            "0602ac02",
            "242424242424242424242424242424242424242424242424",
            "b53cba33d4af36d048877cc7ebd9f4ece283e5781a34f216",
            "ea93cc8af35a379ebe3b060d159e55ba3184f114b8d55e03",
            "f2d1e889"
        );
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_key_comes_back_under_its_master_key_alone() {
        let read = WrappedKey::decode(&wrapped().encode()).unwrap();
        assert_eq!(read, wrapped());
        let key = read.unwrapped(&cipher(5)).unwrap();
        assert_eq!((key.handle(), key.expose()), (KeyHandle(0x0102), &[0x33; KEY_LEN]));
        assert!(read.unwrapped(&cipher(6)).is_none());
    }

    #[test]
    fn what_the_file_says_is_authenticated_with_the_key() {
        let owner = KeyOwner::Rental(OrderId(301));
        for altered in [
            WrappedKey { ledger: LedgerId([0xAC; 16]), ..wrapped() },
            WrappedKey { handle: KeyHandle(0x0103), ..wrapped() },
            WrappedKey { owner, ..wrapped() },
            WrappedKey { owner: KeyOwner::Day(300), ..wrapped() },
        ] {
            assert!(altered.unwrapped(&cipher(5)).is_none(), "{altered:?}");
        }
    }

    #[test]
    fn every_altered_byte_and_every_cut_is_noticed() {
        let bytes = wrapped().encode();
        for at in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[at] ^= 1;
            assert!(WrappedKey::decode(&altered).is_err(), "byte {at}");
            assert!(WrappedKey::decode(&bytes[..at]).is_err(), "{at} bytes");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_key_s_file_or_an_error(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            prop_assert!(WrappedKey::decode(&bytes).is_err());
            // Behind the right beginning and with the right check too.
            let mut bytes = [&MAGIC[..], &[FORMAT], &bytes].concat();
            bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
            let _ = WrappedKey::decode(&bytes);
        }
    }

    #[test]
    fn a_later_format_is_told_from_damage() {
        let mut bytes = wrapped().encode();
        bytes.truncate(bytes.len() - CHECK_LEN);
        bytes[8] = 2;
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        assert_eq!(WrappedKey::decode(&bytes), Err(Unread::Newer(2)));
    }
}
