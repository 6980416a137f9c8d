//! How many copies of a message a provider shows beside those that were taken for messages: some
//! show each of them twice, and none of the copies is what a buyer asks for later.
//!
//! Memory alone: after a start the first poll sees them again, unless a wish is open by then.
//! Leaves to others: what a message is.

use std::collections::BTreeMap;

use nexnum_engine::ids::OrderId;
use parking_lot::Mutex;

/// Messages that are known; above the number that are shown twice at once. Those of the oldest
/// order are forgotten first.
const COPIES_MAX: usize = 65_536;

/// The copies of each message, by its order and its first digest.
#[derive(Debug, Default)]
pub(super) struct SpareCopies(Mutex<BTreeMap<(OrderId, u128), usize>>);

impl SpareCopies {
    /// Notes how many copies too many were shown.
    pub(super) fn note(&self, order: OrderId, digest: u128, copies: usize) {
        if copies == 0 {
            return;
        }
        let mut all = self.0.lock();
        let known = all.entry((order, digest)).or_default();
        *known = copies.max(*known);
        if all.len() > COPIES_MAX {
            all.pop_first();
        }
    }

    /// How many there are.
    pub(super) fn of(&self, order: OrderId, digest: u128) -> usize {
        self.0.lock().get(&(order, digest)).copied().unwrap_or_default()
    }
}
