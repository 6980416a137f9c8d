//! What each feature is worth: the table that the training wrote.
//!
//! A slot is the low byte of a feature's hash and a weight; the high bits of the hash say where
//! it is, there or in the slot beside it. A feature that is not in the table is worth nothing.

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
    /// What a feature is worth, in units of the table.
    pub(super) fn weight(self, feature: u32) -> i32 {
        let found = slots(feature).into_iter().find(|at| self.0[*at] == check(feature));
        found.map_or(0, |at| i32::from(i8::from_le_bytes([self.0[at + 1]])))
    }
}
