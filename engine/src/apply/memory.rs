//! What leaves the state.

use crate::event::MemoryEvent;
use crate::ids::OrderId;
use crate::order::OrderStatus;
use crate::state::State;
use crate::time::Time;

impl State {
    pub(super) fn apply_memory(&mut self, event: &MemoryEvent) {
        match event {
            MemoryEvent::Retired { orders_before, replies_before } => {
                self.retire(*orders_before, *replies_before);
            }
        }
    }

    fn retire(&mut self, orders_before: Time, replies_before: Time) {
        while let Some(&(closed_at, id)) = self.closed.first()
            && closed_at <= orders_before
        {
            self.closed.pop_first();
            let order = self.orders.remove(id).expect("a closed order is in memory");
            self.written_off.remove(&id);
            self.forget_upstream(id);
            assert!(order.state.is_closed() && order.status != OrderStatus::Escrow);
            if let Some(assignment) = order.assignment {
                self.holders.remove(&(order.provider, assignment.number, id));
                self.purchases.remove(&(order.provider, assignment.external_id));
            }
        }
        if !self.orphans.is_empty() {
            let orders = &self.orders;
            self.orphans.retain(|_, orphan| orders.contains(orphan.order));
        }
        while let Some(oldest) = self.given_up.first_entry()
            && oldest.key().0 <= orders_before
        {
            oldest.remove();
        }
        while self.replies.forget_first(replies_before) {}
    }

    fn forget_upstream(&mut self, id: OrderId) {
        self.ended_upstream.remove(&id);
        self.provider_words.remove(&id);
        let attempts = (id, 0)..=(id, u8::MAX);
        let charged: Vec<_> = self.charges.range(attempts).map(|(key, _)| *key).collect();
        for key in charged {
            self.charges.remove(&key);
        }
    }
}
