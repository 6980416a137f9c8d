//! Digests that stand for requests, references and messages in the ledger.

use sha2::{Digest, Sha256};

/// The first 128 bits of SHA-256 over the parts, each with its length before it, so that
/// no two lists of parts are the same bytes.
#[must_use]
pub fn of(parts: &[&[u8]]) -> u128 {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let digest: [u8; 32] = hasher.finalize().into();
    let (half, _) = digest.split_at(16);
    u128::from_le_bytes(half.try_into().expect("half of 32 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_kept_apart() {
        assert_ne!(of(&[b"ab", b"c"]), of(&[b"a", b"bc"]));
        assert_ne!(of(&[b"ab"]), of(&[b"ab", b""]));
        assert_eq!(of(&[b"ab", b"c"]), of(&[b"ab", b"c"]));
    }
}
