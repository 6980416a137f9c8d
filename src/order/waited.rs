//! Which activations were seen to wait at their providers since their buyers asked for another
//! message: what such a provider shows next is new.
//!
//! Memory alone: after a start a poll sees it again. Leaves to others: what a message is.

use std::collections::BTreeMap;

use nexnum_engine::ids::OrderId;
use nexnum_engine::order::Order;
use parking_lot::Mutex;

/// Orders that are known; above the number that await another message at once. The oldest is
/// forgotten first: only a message with an equal code is in question.
const WAITED_MAX: usize = 65_536;

/// Orders with the number of messages that they had; a wish lasts until the next one.
#[derive(Debug, Default)]
pub(super) struct Waited(Mutex<BTreeMap<OrderId, usize>>);

impl Waited {
    /// Notes that an order is seen to wait.
    pub(super) fn note(&self, order: &Order) {
        let mut orders = self.0.lock();
        orders.insert(order.id, order.messages.len());
        if orders.len() > WAITED_MAX {
            orders.pop_first();
        }
    }

    /// True if an order was seen to wait for the message that it awaits.
    pub(super) fn has(&self, order: &Order) -> bool {
        self.0.lock().get(&order.id).is_some_and(|had| *had == order.messages.len())
    }
}
