//! Positions in the ledger, by 64 bits that are spread evenly.
//!
//! Such bits fall anywhere: one tree of a day's keys misses the cache at each of its levels. Here a
//! look-up misses once or twice. Promises: what is equal has the same content, however it came there;
//! nothing depends on where a position lies in memory. The bits are of digests that are made under a
//! key, so that no client can choose many that lie together.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use crate::ids::Seq;

/// Bits that choose one of the tables: one that grows moves its rows, and no order is to wait for the
/// moving of a million.
const TABLE_BITS: u32 = 12;

/// The positions. Several may have the same bits.
#[derive(Clone, Debug)]
pub(crate) struct ByBits(Box<[HashTable<(u64, Seq)>]>);

impl Default for ByBits {
    fn default() -> Self {
        Self((0..1 << TABLE_BITS).map(|_| HashTable::new()).collect())
    }
}

impl PartialEq for ByBits {
    fn eq(&self, other: &Self) -> bool {
        let is_same = |(a, b): (&HashTable<_>, &HashTable<_>)| {
            a.len() == b.len()
                && a.iter().all(|row: &(u64, Seq)| b.find(row.0, |it| it == row).is_some())
        };
        self.0.iter().zip(&other.0).all(is_same)
    }
}

impl Eq for ByBits {}

/// By other bits than those that a table goes by: its lowest and highest.
const fn table(bits: u64) -> usize {
    ((bits >> 32) & ((1 << TABLE_BITS) - 1)) as usize
}

impl ByBits {
    /// Adds a position; false if it is there.
    pub(crate) fn insert(&mut self, bits: u64, at: Seq) -> bool {
        let (row, table) = ((bits, at), &mut self.0[table(bits)]);
        match table.entry(bits, |known| *known == row, |known| known.0) {
            Entry::Vacant(free) => {
                free.insert(row);
                true
            }
            Entry::Occupied(_) => false,
        }
    }

    /// Takes a position out; false if it is not there.
    pub(crate) fn remove(&mut self, bits: u64, at: Seq) -> bool {
        let known = self.0[table(bits)].find_entry(bits, |known| *known == (bits, at));
        known.map(|known| known.remove()).is_ok()
    }

    /// The positions with these bits, in order. Nearly always there are none, and none are allocated.
    pub(crate) fn of(&self, bits: u64) -> Vec<Seq> {
        let alike = self.0[table(bits)].iter_hash(bits).filter(|row| row.0 == bits);
        let mut found: Vec<Seq> = alike.map(|(_, at)| *at).collect();
        found.sort_unstable();
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_found_by_all_their_bits_and_in_order() {
        let mut known = ByBits::default();
        // The same table, tag and place in it, and other bits.
        let (bits, other) = (7, 7 | 1 << 50);
        let (mut early, mut late) = ((0..900).map(Seq), (900..1_000).map(Seq));
        assert!(late.all(|at| known.insert(bits, at)) && early.all(|at| known.insert(bits, at)));
        assert!(known.insert(other, Seq(5)) && !known.insert(other, Seq(5)));
        assert_eq!(known.of(bits), (0..1_000).map(Seq).collect::<Vec<_>>());
        assert_eq!((known.of(other), known.of(8)), (vec![Seq(5)], vec![]));
        for at in (0..1_000).map(Seq).filter(|at| at.0 != 500) {
            assert!(known.remove(bits, at));
        }
        assert!(!known.remove(bits, Seq(1)) && !known.remove(other, Seq(500)));
        // It is equal to one that never had the others, and to no other.
        let of = |rows: &[(u64, u64)]| {
            let mut made = ByBits::default();
            assert!(rows.iter().all(|(bits, at)| made.insert(*bits, Seq(*at))));
            made
        };
        assert_eq!(known, of(&[(other, 5), (bits, 500)]));
        for rows in [&[(bits, 500)][..], &[(bits, 500), (other, 6)], &[(bits, 500), (bits, 5)]] {
            assert_ne!(known, of(rows));
        }
    }
}
