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
        level = parents(&level);
    }
    level.first().copied().unwrap_or_default()
}

fn parents(level: &[Hash]) -> Vec<Hash> {
    let parents = level.chunks(2).map(|pair| match pair {
        [left, right] => node(*left, *right),
        odd => odd[0],
    });
    parents.collect()
}

/// The hashes that lead from the leaves at these places to the root: from the lowest level on, and
/// from left to right, the neighbour of each known node that is not known itself. The places are in
/// ascending order, each once, and within the leaves.
#[must_use]
pub fn path(mut level: Vec<Hash>, wanted: &[usize]) -> Vec<Hash> {
    let (mut path, mut known) = (Vec::new(), wanted.to_vec());
    while level.len() > 1 {
        let lacks = |at: &&usize| known.binary_search(&(**at ^ 1)).is_err();
        path.extend(known.iter().filter(lacks).filter_map(|at| level.get(at ^ 1)));
        level = parents(&level);
        known.iter_mut().for_each(|at| *at /= 2);
        known.dedup();
    }
    path
}

/// A whole tree, for many paths from one leaf each.
#[derive(Clone, Debug)]
pub struct MerkleTree {
    /// Its levels, the leaves first.
    levels: Vec<Vec<Hash>>,
}

impl MerkleTree {
    /// The tree over leaves.
    #[must_use]
    pub fn of(leaves: Vec<Hash>) -> Self {
        let mut levels = vec![leaves];
        while let Some(level) = levels.last().filter(|level| level.len() > 1) {
            levels.push(parents(level));
        }
        Self { levels }
    }

    /// As [`path`] from the leaf at `index` alone.
    #[must_use]
    pub fn path(&self, mut index: usize) -> Vec<Hash> {
        let mut path = Vec::with_capacity(self.levels.len());
        for level in &self.levels {
            path.extend(level.get(index ^ 1));
            index /= 2;
        }
        path
    }
}

/// The root that a path leads to from leaves, each with its place among `count`. `None` if they are
/// not in ascending order within the count, or the path is not as long as theirs is. Which of two
/// hashes is the left one follows from the place.
#[must_use]
pub fn climb(leaves: &[(u64, Hash)], mut count: u64, path: &[Hash]) -> Option<Hash> {
    let is_ascending = leaves.windows(2).all(|pair| pair[0].0 < pair[1].0);
    if !is_ascending || leaves.last()?.0 >= count {
        return None;
    }
    let (mut known, mut path) = (leaves.to_vec(), path.iter());
    while count > 1 {
        let (mut above, mut at) = (Vec::with_capacity(known.len()), 0);
        while let Some(&(place, hash)) = known.get(at) {
            at += 1;
            let next = known.get(at).filter(|next| next.0 == place ^ 1);
            let parent = match next {
                Some((_, right)) => {
                    at += 1;
                    node(hash, *right)
                }
                None if place ^ 1 >= count => hash,
                None if place.is_multiple_of(2) => node(hash, *path.next()?),
                None => node(*path.next()?, hash),
            };
            above.push((place / 2, parent));
        }
        (known, count) = (above, count.div_ceil(2));
    }
    let is_used_up = path.next().is_none();
    known.first().filter(|_| is_used_up).map(|(_, root)| *root)
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
    fn leaves_and_what_they_lack_lead_to_the_root() {
        for count in 1..40_u64 {
            let (all, root) = (leaves(count), root(leaves(count)));
            for wanted in 1..(1_u64 << count.min(9)) {
                let places: Vec<usize> =
                    (0..count as usize).filter(|at| wanted >> (at % 9) & 1 == 1).collect();
                if places.is_empty() {
                    continue;
                }
                let shown: Vec<(u64, Hash)> =
                    places.iter().map(|at| (*at as u64, all[*at])).collect();
                let path = path(all.clone(), &places);
                assert_eq!(climb(&shown, count, &path), Some(root), "{count} {places:?}");
                let longer = [&path[..], &[root]].concat();
                assert_eq!(climb(&shown, count, &longer), None);
                let mut other = shown.clone();
                other[0].1 = root;
                let differs = climb(&other, count, &path) != Some(root);
                assert!(differs || count == 1, "{count} {places:?}");
                let is_shorter = path.len() < all.len();
                assert!(is_shorter || count == 1);
            }
        }
        for count in 1..70 {
            let (all, tree) = (leaves(count), MerkleTree::of(leaves(count)));
            (0..all.len()).for_each(|at| assert_eq!(tree.path(at), path(all.clone(), &[at])));
        }
        let all = leaves(3);
        let shown = |at: usize| (at as u64, all[at]);
        assert_eq!(climb(&[], 3, &[]), None);
        assert_eq!(climb(&[shown(1), shown(0)], 3, &[all[2]]), None, "they are in order");
        assert_eq!(climb(&[shown(0), shown(0)], 3, &[all[1], all[2]]), None, "each once");
        assert_eq!(climb(&[(3, all[2])], 3, &[all[0]]), None, "within the count");
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
