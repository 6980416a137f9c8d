//! Which orders there have been, in memory or not.

use std::sync::atomic::Ordering;

use nexnum_engine::ids::OrderId;
use nexnum_engine::time::Time;

use super::ReadModel;

impl ReadModel {
    /// When the oldest order was placed that has not ended.
    #[must_use]
    pub fn oldest_open(&self) -> Option<Time> {
        let orders = self.orders.pin();
        let open = orders.values().filter(|order| order.closed_at.is_none());
        open.map(|order| order.placed_at).min()
    }

    /// Whether there is or was such an order. One that is not in memory has left it, and is in
    /// history.
    #[must_use]
    pub fn was_placed(&self, id: OrderId) -> bool {
        id.0 > 0 && id.0 <= self.last_order.load(Ordering::Acquire)
    }
}
