//! What numbers and texts are found by: tokens and digests under a key that is destroyed one day.
//!
//! Promises: without the key neither tells anything of what it is of, though there are few numbers;
//! with it gone they cannot be made again. The key is that of an owner (`KeyOwner::Lookup`) in a
//! file of its own.

use std::fmt;

use nexnum_engine::ids::{Number, Token};
use zeroize::Zeroizing;

use crate::index_key::keyed;
use crate::sealed::{KEY_LEN, SealingKey};

const DOMAIN: &[u8] = b"nexnum lookup 1\0";

/// What a token or a digest is of: those of different things never meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookedUp {
    /// A phone number.
    Number,
    /// A message, by its source's id or by what it says.
    Message,
    /// A request's idempotency key.
    IdempotencyKey,
    /// A request with an idempotency key, by its operation and its body.
    Request,
    /// The address that a caller came from.
    CallerAddress,
}

impl LookedUp {
    const fn tag(self) -> u8 {
        match self {
            Self::Number => 1,
            Self::Message => 2,
            Self::IdempotencyKey => 3,
            Self::Request => 4,
            Self::CallerAddress => 5,
        }
    }
}

/// The key of such tokens.
#[derive(Clone)]
pub struct LookupKey(Zeroizing<[u8; KEY_LEN]>);

impl fmt::Debug for LookupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LookupKey(…)")
    }
}

impl LookupKey {
    /// The key in an owner's file. It seals nothing.
    #[must_use]
    pub fn of(key: &SealingKey) -> Self {
        Self(Zeroizing::new(*key.expose()))
    }

    /// The digest of the parts: 128 bits of BLAKE3 under the key. Each part has its length before
    /// it, so that no two lists of parts are the same bytes.
    #[must_use]
    pub fn digest(&self, of: LookedUp, parts: &[&[u8]]) -> u128 {
        let mut digest = [0; 16];
        keyed(&self.0, (DOMAIN, of.tag()), parts, &mut digest);
        u128::from_le_bytes(digest)
    }

    /// What stands for a number: 64 bits of BLAKE3 under the key.
    #[must_use]
    pub fn token(&self, number: Number) -> Token {
        let mut token = [0; 8];
        let parts: &[&[u8]] = &[&number.0.to_le_bytes()];
        keyed(&self.0, (DOMAIN, LookedUp::Number.tag()), parts, &mut token);
        Token(u64::from_le_bytes(token))
    }
}

#[cfg(test)]
mod tests {
    use nexnum_engine::sealed::KeyHandle;

    use super::*;

    fn key(byte: u8) -> LookupKey {
        LookupKey::of(&SealingKey::new(KeyHandle(1), Zeroizing::new([byte; KEY_LEN])))
    }

    #[test]
    fn a_token_is_its_number_s_under_its_key() {
        let (number, other) = (Number(6_281_234_567_890), Number(6_281_234_567_891));
        assert_eq!(key(7).token(number), key(7).token(number));
        assert_ne!(key(7).token(number), key(7).token(other));
        assert_ne!(key(7).token(number), key(8).token(number));
        assert_eq!(format!("{:?}", key(7)), "LookupKey(…)");
    }

    #[test]
    fn a_token_keeps_its_value() {
        // The value is that of another implementation of BLAKE3.
        let token = key(7).token(Number(6_281_234_567_890));
        assert_eq!(format!("{:016x}", token.0), "2519561d252c30f2");
    }

    #[test]
    fn a_digest_of_each_thing_keeps_its_value() {
        // The values are those of another implementation of BLAKE3.
        for (of, expected) in [
            (LookedUp::Message, "75cb507f7ab8c18b7fbb5a77eba3973a"),
            (LookedUp::IdempotencyKey, "b5455bf8ca57f6f5e5090eaf018f1fa1"),
            (LookedUp::Request, "b385fb4b127dddf01d9762da728cc909"),
            (LookedUp::CallerAddress, "f7be57c415cff42e1ef5cab54d76a8df"),
        ] {
            assert_eq!(format!("{:032x}", key(7).digest(of, &[b"part", b""])), expected, "{of:?}");
        }
    }
}
