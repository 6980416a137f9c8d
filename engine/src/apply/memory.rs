//! What leaves the state.

use crate::event::{MemoryEvent, ProviderKind};
use crate::ids::OrderId;
use crate::limits::{SEEN_KEPT_MS, SEEN_MAX};
use crate::order::OrderStatus;
use crate::state::{Lost, State};
use crate::time::Time;

impl State {
    pub(super) fn apply_memory(&mut self, event: &MemoryEvent) {
        match event {
            MemoryEvent::Retired { orders_before, replies_before, short_before } => {
                self.retire(*orders_before);
                while self.replies.forget_first(*replies_before) {}
                while self.replies.shorten_first(*short_before) {}
                self.forget_seen(*orders_before);
            }
            MemoryEvent::MessagesRemembered { order } => self.remember_messages(*order),
        }
    }

    /// Keeps the digests of an order of own stock that is about to leave memory.
    fn remember_messages(&mut self, id: OrderId) {
        let order = self.orders.get(id).expect("an order with messages is in memory");
        assert_eq!(self.providers[order.provider].kind, ProviderKind::Own, "others are polled");
        let closed_at = order.closed_at.expect("what leaves memory has ended");
        let number = order.assignment.as_ref().expect("an order with messages has a number").token;
        let key = (order.provider, number);
        let seen = self.seen.entry(key).or_default();
        for message in &order.messages {
            assert!(!seen.digests.contains(&message.digest), "a message comes once to a number");
            seen.digests.push(message.digest);
        }
        let over = seen.digests.len().saturating_sub(SEEN_MAX);
        seen.digests.drain(..over);
        self.seen_ages.remove(&(seen.last, key.0, key.1));
        seen.last = seen.last.max(closed_at);
        self.seen_ages.insert((seen.last, key.0, key.1));
    }

    /// Forgets what numbers received that left own stock long before `moment`.
    fn forget_seen(&mut self, moment: Time) {
        while let Some(&(last, provider, number)) = self.seen_ages.first()
            && last.plus_ms(SEEN_KEPT_MS) <= moment
        {
            self.seen_ages.pop_first();
            let key = (provider, number);
            if self.offers_with(number).next().is_none() {
                self.seen.remove(&key);
            } else if let Some(seen) = self.seen.get_mut(&key) {
                // It is looked at again after the same time.
                seen.last = moment;
                self.seen_ages.insert((moment, provider, number));
            }
        }
    }

    fn retire(&mut self, orders_before: Time) {
        while let Some(&(closed_at, id)) = self.closed.first()
            && closed_at <= orders_before
        {
            self.closed.pop_first();
            let order = self.orders.remove(id).expect("a closed order is in memory");
            self.forget_upstream(id);
            assert!(order.state.is_closed() && order.status != OrderStatus::Escrow);
            if let Some(assignment) = order.assignment {
                if let Some(number) = assignment.stock() {
                    self.loads.end_use(number.load, closed_at);
                }
                self.holders.remove(assignment.token, order.provider, id);
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
    }

    fn forget_upstream(&mut self, id: OrderId) {
        self.ended_upstream.remove(&id);
        self.provider_words.remove(&id);
        let attempts = (id, 0, Lost::Number)..=(id, u8::MAX, Lost::Other);
        let written: Vec<_> = self.write_offs.range(attempts).map(|(key, _)| *key).collect();
        for key in written {
            self.write_offs.remove(&key);
        }
        let attempts = (id, 0)..=(id, u8::MAX);
        let named: Vec<_> = self.named.range(attempts).map(|(key, _)| *key).collect();
        for key in named {
            self.named.remove(&key);
        }
    }
}
