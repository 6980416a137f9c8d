//! Activations whose provider was told to cancel them and did not answer: they may be over there
//! while they are open here.
//!
//! Memory alone: after a start the cancel that its buyer repeats is answered. Leaves to others: what
//! became of the activation.

use std::collections::BTreeSet;

use nexnum_engine::ids::OrderId;
use parking_lot::Mutex;

/// Orders that are known; above the number that are cancelled without an answer within their
/// numbers' lives. The oldest is forgotten first.
const UNANSWERED_MAX: usize = 65_536;

/// The orders of such activations.
#[derive(Debug, Default)]
pub(super) struct UnansweredCancels(Mutex<BTreeSet<OrderId>>);

impl UnansweredCancels {
    /// Notes that the answer to an order's cancel was lost.
    pub(super) fn note(&self, order: OrderId) {
        let mut orders = self.0.lock();
        orders.insert(order);
        if orders.len() > UNANSWERED_MAX {
            orders.pop_first();
        }
    }

    /// True if an order's cancel may have been taken.
    pub(super) fn has(&self, order: OrderId) -> bool {
        self.0.lock().contains(&order)
    }
}
