//! How many copies of a message a provider shows beside those that were taken for messages: some
//! show each of them twice, and none of the copies is what a buyer asks for later.
//!
//! Memory alone: after a start the first poll sees them again. Where a wish was open by then it
//! takes all copies that it sees for old ones, so that only what comes after it, or a call for this
//! one activation, answers the wish. Leaves to others: what a message is.

use std::collections::{BTreeMap, BTreeSet};

use nexnum_engine::ids::OrderId;
use parking_lot::Mutex;

/// Messages that are known; above the number that are shown twice at once. Those of the oldest
/// order are forgotten first.
const COPIES_MAX: usize = 65_536;

#[derive(Debug, Default)]
pub(super) struct SpareCopies {
    /// The copies of each message, by its order and its first digest.
    copies: Mutex<BTreeMap<(OrderId, u128), usize>>,
    /// Orders whose wish was open at the start, and that no reply has shown since.
    unseen: Mutex<BTreeSet<OrderId>>,
}

impl SpareCopies {
    /// Those of a process that finds these orders with an open wish.
    pub(super) fn after_start(wishes: BTreeSet<OrderId>) -> Self {
        Self { copies: Mutex::default(), unseen: Mutex::new(wishes) }
    }

    /// True once for an order whose wish was open at the start.
    pub(super) fn is_first_reply(&self, order: OrderId) -> bool {
        self.unseen.lock().remove(&order)
    }

    /// Notes how many copies too many were shown.
    pub(super) fn note(&self, order: OrderId, digest: u128, copies: usize) {
        if copies == 0 {
            return;
        }
        let mut all = self.copies.lock();
        let known = all.entry((order, digest)).or_default();
        *known = copies.max(*known);
        if all.len() > COPIES_MAX {
            all.pop_first();
        }
    }

    /// How many there are.
    pub(super) fn of(&self, order: OrderId, digest: u128) -> usize {
        self.copies.lock().get(&(order, digest)).copied().unwrap_or_default()
    }
}
