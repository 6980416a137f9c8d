//! The numbers of open orders that readers have opened, so that each is opened once.

use nexnum_engine::ids::{Number, OrderId};

use super::ReadModel;

impl ReadModel {
    /// The number of an open order that was opened before.
    pub(in crate::market) fn opened(&self, order: OrderId) -> Option<Number> {
        self.opened.pin().get(&order).copied()
    }

    /// Keeps an opened number as long as its order is open.
    pub(in crate::market) fn keep_opened(&self, order: OrderId, number: Number) {
        self.opened.pin().insert(order, number);
        // An order that has ended meanwhile was shown as such before this look, or takes the number
        // out after it.
        if self.orders.pin().get(&order).is_none_or(|order| order.closed_at.is_some()) {
            self.opened.pin().remove(&order);
        }
    }
}
