//! The tree over the rows of a day: its root is recorded when the day is over.
//!
//! A leaf is `H(2 ‖ hash of the row)`, a node `H(1 ‖ left ‖ right)` as within a row, and an odd node
//! moves up as it is ([`merkle`]). A row's hash stands for its header, in which the root of its
//! records is: a record, its path to that root, the header and the row's path to the day's root
//! prove that the record stands there, with nothing of other rows but hashes. The first byte keeps
//! records (0), nodes (1) and rows (2) apart, so that none passes for another; a header begins with
//! 2 as well, and has 97 bytes where a leaf's input has 33. The chain of rows would prove as much,
//! but with the headers of all rows that come after.
//!
//! A row is of the day of its time, which is that of its first group; rows are in their order.
//!
//! [`merkle`]: crate::merkle

use crate::format::Hash;
use crate::merkle::node;

/// The level at which a tree's nodes are kept, so that a path takes the leaves of one of them alone.
const CHUNK_LEVEL: u32 = 6;

/// Rows under a node of that level.
pub const CHUNK_ROWS: u64 = 1 << CHUNK_LEVEL;

/// The leaf of a row, by its hash.
#[must_use]
pub fn row_leaf(row: Hash) -> Hash {
    let mut bytes = [2; 33];
    bytes[1..].copy_from_slice(&row.0);
    Hash(*blake3::hash(&bytes).as_bytes())
}

/// A tree that grows by a row at a time, and keeps as many nodes as its count has ones in binary.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DayTree {
    rows: u64,
    /// The roots of the largest whole trees that the leaves make, from the first leaf on.
    peaks: Vec<Hash>,
}

impl DayTree {
    /// Adds the leaf of the next row. Gives the node over the last [`CHUNK_ROWS`] rows when it is
    /// whole.
    pub fn push(&mut self, leaf: Hash) -> Option<Hash> {
        let (mut top, mut chunk) = (leaf, None);
        for level in 0..self.rows.trailing_ones() {
            let left = self.peaks.pop().expect("a peak for each one in the count");
            top = node(left, top);
            if level + 1 == CHUNK_LEVEL {
                chunk = Some(top);
            }
        }
        self.peaks.push(top);
        self.rows += 1;
        chunk
    }

    /// How many rows it has.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// The root; of no rows a hash of zeros.
    #[must_use]
    pub fn root(&self) -> Hash {
        let peaks = self.peaks.iter().rev().copied();
        peaks.reduce(|right, left| node(left, right)).unwrap_or_default()
    }

    /// The node over the rows that are under no whole one; `None` if there are none.
    #[must_use]
    pub fn tail(&self) -> Option<Hash> {
        let of_tail = (self.rows % CHUNK_ROWS).count_ones() as usize;
        let peaks = self.peaks.iter().rev().take(of_tail).copied();
        peaks.reduce(|right, left| node(left, right))
    }

    /// Its count and its nodes.
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        out.extend(self.rows.to_le_bytes());
        self.peaks.iter().for_each(|peak| out.extend(peak.0));
    }

    /// From such bytes, which hold nothing else; `None` if they are not a tree's.
    pub(crate) fn take(bytes: &[u8]) -> Option<Self> {
        let (rows, peaks) = bytes.split_first_chunk::<8>()?;
        let (rows, (peaks, rest)) = (u64::from_le_bytes(*rows), peaks.as_chunks::<32>());
        let fits = rest.is_empty() && peaks.len() == rows.count_ones() as usize;
        fits.then(|| Self { rows, peaks: peaks.iter().map(|peak| Hash(*peak)).collect() })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::merkle;

    fn leaves(count: u64) -> Vec<Hash> {
        (0..count).map(|n| row_leaf(Hash([n as u8; 32]))).collect()
    }

    #[test]
    fn a_day_keeps_its_bytes() {
        let leaf = row_leaf(Hash([7; 32]));
        let expected = "6c019fd943fbfd9ec5dc21a589212b9b269dc6bc2d7d315bd27dceb4e18ffd97";
        assert_eq!(leaf.to_string(), expected);
        let mut tree = DayTree::default();
        leaves(5).into_iter().for_each(|leaf| _ = tree.push(leaf));
        let expected = "b2dc8f7f348d02e0bc9c60b49d033010a35cc81eed4e3896c14e1629ad89106c";
        assert_eq!(tree.root().to_string(), expected);
        assert_eq!(DayTree::default().root(), Hash::default());
    }

    #[test]
    fn the_rows_order_counts_and_a_row_is_no_node() {
        let [a, b] = leaves(2)[..] else { unreachable!("two were made") };
        let root = |leaves: &[Hash]| {
            let mut tree = DayTree::default();
            leaves.iter().for_each(|leaf| _ = tree.push(*leaf));
            tree.root()
        };
        assert_ne!(root(&[a, b]), root(&[b, a]));
        assert_ne!(row_leaf(Hash([1; 32])), Hash([1; 32]));
        assert_ne!(row_leaf(root(&[a, b])), root(&[root(&[a, b])]));
    }

    proptest! {
        #[test]
        fn it_is_the_tree_over_all_its_leaves(count in 0..1_200_u64, index in any::<prop::sample::Index>()) {
            let (leaves, mut tree, mut chunks) = (leaves(count), DayTree::default(), Vec::new());
            chunks.extend(leaves.iter().filter_map(|leaf| tree.push(*leaf)));
            let root = merkle::root(leaves.clone());
            prop_assert_eq!((tree.root(), tree.rows()), (root, count));
            prop_assert_eq!(chunks.len() as u64, count / CHUNK_ROWS);
            for (at, chunk) in chunks.iter().enumerate() {
                let of = &leaves[at * CHUNK_ROWS as usize..][..CHUNK_ROWS as usize];
                prop_assert_eq!(*chunk, merkle::root(of.to_vec()));
            }
            let tail = tree.tail();
            let rest = &leaves[chunks.len() * CHUNK_ROWS as usize..];
            prop_assert_eq!(tail.unwrap_or_default(), merkle::root(rest.to_vec()));
            let mut bytes = Vec::new();
            tree.put(&mut bytes);
            prop_assert_eq!(DayTree::take(&bytes), Some(tree));
            prop_assert_eq!(DayTree::take(&[&bytes[..], &[0]].concat()), None);
            if count == 0 {
                return Ok(());
            }
            let index = index.index(count as usize);
            let path = merkle::path(leaves.clone(), &[index]);
            let climbed = |path: &[Hash]| merkle::climb(&[(index as u64, leaves[index])], count, path);
            prop_assert_eq!(climbed(&path), Some(root));
            // The nodes that are kept and the leaves of one of them give the same path.
            let (at, within) = (index / CHUNK_ROWS as usize, index % CHUNK_ROWS as usize);
            let of = leaves.chunks(CHUNK_ROWS as usize).nth(at).unwrap_or_default().to_vec();
            chunks.extend(tail);
            let joined = [merkle::path(of, &[within]), merkle::path(chunks, &[at])].concat();
            prop_assert_eq!(&joined, &path);
            // Too short, too long, elsewhere: no proof.
            prop_assert_eq!(climbed(&[&path[..], &[root]].concat()), None);
            if let Some((_, cut)) = path.split_last() {
                prop_assert_eq!(climbed(cut), None);
                let other = if index == 0 { 1 } else { index - 1 };
                let elsewhere = merkle::climb(&[(other as u64, leaves[index])], count, &path);
                prop_assert_ne!(elsewhere, Some(root));
            }
            prop_assert_eq!(merkle::climb(&[(count, root)], count, &path), None);
        }
    }
}
