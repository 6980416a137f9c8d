//! What each feature is worth: the table that the training wrote.
//!
//! A slot is the low byte of a feature's hash and a weight; the high bits of the hash say where
//! it is, there or in the slot beside it. A feature that is not in the table is worth nothing.

use super::features::Features;

/// Slots of the table; as many as 15 bits tell apart.
pub(super) const SLOTS: usize = 1 << 15;
/// Bytes before the slots.
pub(super) const HEAD: usize = 12;

/// Bytes of a table.
pub(super) const LEN: usize = HEAD + 2 * SLOTS;

/// The form `NXM1`, a sum of the features of a fixed message, the number of weights, the slots.
pub(super) static TABLE: &[u8; LEN] = include_bytes!("table.bin");

/// Where a feature may be.
pub(super) fn slots(feature: u32) -> [usize; 2] {
    let slot = (feature >> 17) as usize;
    [HEAD + 2 * slot, HEAD + 2 * (slot ^ 1)]
}

/// The low byte of a feature.
pub(super) fn check(feature: u32) -> u8 {
    feature.to_le_bytes()[0]
}

/// A table's bytes.
#[derive(Clone, Copy)]
pub(super) struct Table<'a>(pub(super) &'a [u8; LEN]);

impl Table<'_> {
    /// What features are worth together, in units of the table.
    pub(super) fn sum(self, features: &Features) -> i32 {
        features.hashes().map(|feature| self.weight(feature)).sum()
    }

    /// What a feature is worth. No branch hangs on what is in the table: which features a message
    /// has cannot be foreseen.
    fn weight(self, feature: u32) -> i32 {
        let [first, second] = slots(feature).map(|at| {
            let is_found = u8::from(self.0[at] == check(feature));
            (is_found.wrapping_neg(), self.0[at + 1])
        });
        let weight = first.0 & first.1 | !first.0 & second.0 & second.1;
        i32::from(i8::from_le_bytes([weight]))
    }
}
