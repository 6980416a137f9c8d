//! The Merkle tree over the records of a row: its root stands in the row's header.
//!
//! A leaf is `H(0 ‖ salt ‖ seq ‖ time ‖ bytes)`, a node `H(1 ‖ left ‖ right)`, with BLAKE3 as H and
//! little-endian integers; an odd node moves up as it is. Each leaf has a salt of its own, derived
//! from the row's: to show one record, its bytes and its leaf's salt are shown, and of its
//! neighbours hashes that say nothing of what they hold.

use nexnum_engine::ids::Seq;
use nexnum_engine::time::Time;

use crate::error::StorageError;
use crate::format::{Hash, random};

/// Random bytes of a row, from which its leaves' salts are derived. With it, what short records
/// hold can be guessed by their hashes: it stays in the row's payload.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Salt(pub [u8; SALT_LEN]);

/// Bytes of a salt.
pub const SALT_LEN: usize = 32;

impl Salt {
    /// A new one, from the system's randomness.
    ///
    /// # Errors
    /// If the system gives none.
    pub fn draw() -> Result<Self, StorageError> {
        random().map(Self)
    }

    /// That of one leaf.
    #[must_use]
    pub fn of_leaf(&self, seq: Seq) -> Self {
        Self(*blake3::keyed_hash(&self.0, &seq.0.to_le_bytes()).as_bytes())
    }

    /// The leaf of a record of the row.
    #[must_use]
    pub fn leaf(&self, seq: Seq, at: Time, bytes: &[u8]) -> Hash {
        leaf(&self.of_leaf(seq), seq, at, bytes)
    }
}

/// Shows nothing.
impl std::fmt::Debug for Salt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Salt")
    }
}

/// The leaf of a record; `salt` is its own.
#[must_use]
pub fn leaf(salt: &Salt, seq: Seq, at: Time, bytes: &[u8]) -> Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&[0]);
    hasher.update(&salt.0);
    hasher.update(&seq.0.to_le_bytes());
    hasher.update(&at.0.to_le_bytes());
    hasher.update(bytes);
    Hash(*hasher.finalize().as_bytes())
}

/// The root over leaves; that of none is a hash of zeros.
#[must_use]
pub fn root(mut level: Vec<Hash>) -> Hash {
    while level.len() > 1 {
        let parents = level.chunks(2).map(|pair| match pair {
            [left, right] => node(*left, *right),
            odd => odd[0],
        });
        level = parents.collect();
    }
    level.first().copied().unwrap_or_default()
}

pub(crate) fn node(left: Hash, right: Hash) -> Hash {
    let mut bytes = [1; 65];
    bytes[1..33].copy_from_slice(&left.0);
    bytes[33..].copy_from_slice(&right.0);
    Hash(*blake3::hash(&bytes).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: Salt = Salt([7; SALT_LEN]);

    fn leaves(count: u64) -> Vec<Hash> {
        let leaf = |seq| SALT.leaf(Seq(seq), Time(1), &[1, 2, 3]);
        (1..=count).map(leaf).collect()
    }

    #[test]
    fn an_odd_node_moves_up() {
        let [a, b, c, d, e] = leaves(5)[..] else { unreachable!("five were made") };
        assert_eq!(root(vec![]), Hash::default());
        assert_eq!(root(vec![a]), a);
        assert_eq!(root(vec![a, b]), node(a, b));
        assert_eq!(root(vec![a, b, c]), node(node(a, b), c));
        let four = node(node(a, b), node(c, d));
        assert_eq!(root(vec![a, b, c, d]), four);
        assert_eq!(root(vec![a, b, c, d, e]), node(four, e));
    }

    #[test]
    fn a_root_keeps_its_bytes_and_changes_with_all_that_it_stands_for() {
        let of = |salt: Salt, seq, at, bytes: &[u8]| root(vec![leaf(&salt, Seq(seq), at, bytes)]);
        let one = of(SALT, 1, Time(2), b"three");
        let expected = "bfa69df6228fa8ff4f78310bf546bfcbba40c5c32067c9ef30c6c2d1ed88a910";
        assert_eq!(root(vec![one, leaves(1)[0]]).to_string(), expected);
        for other in [
            of(Salt([8; SALT_LEN]), 1, Time(2), b"three"),
            of(SALT, 2, Time(2), b"three"),
            of(SALT, 1, Time(3), b"three"),
            of(SALT, 1, Time(2), b"thref"),
            node(one, one),
        ] {
            assert_ne!(other, one);
        }
        assert_ne!(root(vec![leaves(2)[1], leaves(2)[0]]), root(leaves(2)));
        assert_eq!(format!("{SALT:?}"), "Salt");
    }
}
