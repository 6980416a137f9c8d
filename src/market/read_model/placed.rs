//! Which orders there have been, in memory or not.

use std::sync::atomic::Ordering;

use nexnum_engine::ids::OrderId;
use nexnum_engine::time::Time;

use super::ReadModel;

impl ReadModel {
    /// When the oldest order in memory was placed.
    #[must_use]
    pub fn oldest_placed(&self) -> Option<Time> {
        self.orders.pin().values().map(|order| order.placed_at).min()
    }

    /// Whether there is or was such an order. One that is not in memory has left it, and is in
    /// history.
    #[must_use]
    pub fn was_placed(&self, id: OrderId) -> bool {
        id.0 > 0 && id.0 <= self.last_order.load(Ordering::Acquire)
    }
}
