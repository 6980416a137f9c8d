//! Arithmetic: what an event does to the state. Its meaning for a written event
//! never changes; what may be written is `decide`'s concern.
//!
//! An event that does not fit the state is a bug or a damaged ledger: it panics.

mod account;
mod callback;
mod dense;
mod ledger;
mod memory;
mod money;
mod offer;
mod order;
mod retoken;
mod seal_key;
mod upstream;

use crate::event::{Event, OrderEvent};
use crate::group::{Head, KeyUse, Made};
use crate::replies::StoredReply;
use crate::state::State;
use crate::time::Time;

impl State {
    /// Applies a group: its head takes a position, and so does each event.
    ///
    /// # Panics
    /// If an event contradicts the state.
    pub fn apply(&mut self, head: &Head, events: &[Event]) {
        self.counters.seq.0 += 1;
        self.check_address(&head.origin);
        let reply = StoredReply::of(head, self.counters.seq);
        for event in events {
            // Counted first, so that the position names an event that does not fit.
            self.counters.seq.0 += 1;
            self.apply_event(head.at, event);
        }
        self.check_money(events);
        if let Some(reply) = reply {
            let KeyUse { account, made: Made::Order(made), .. } = reply.key_use;
            let is_it = |event: &Event| {
                let Event::Order(OrderEvent::OrderPlaced(placed)) = event else { return false };
                (placed.order.id, placed.order.account) == (made, account)
            };
            assert!(events.iter().any(is_it), "a key's answer names what its command made");
            assert!(self.replies.insert(reply), "a key that is known whole has one effect");
        }
    }

    fn apply_event(&mut self, at: Time, event: &Event) {
        match event {
            Event::Account(event) => self.apply_account(at, event),
            Event::Offer(event) => self.apply_offer(event),
            Event::Order(event) => self.apply_order(at, event),
            Event::Money(event) => self.apply_money(event),
            Event::Memory(event) => self.apply_memory(event),
            Event::Upstream(event) => self.apply_upstream(event),
            Event::Callback(event) => self.apply_callback(at, event),
            Event::Ledger(event) => self.apply_ledger(at, event),
            Event::SealKey(event) => self.apply_seal_key(at, event),
        }
    }
}
