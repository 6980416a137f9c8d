//! Arithmetic: what an event does to the state. Its meaning for a written event
//! never changes; what may be written is `decide`'s concern.
//!
//! An event that does not fit the state is a bug or a damaged ledger: it panics.

mod account;
mod callback;
mod dense;
mod memory;
mod offer;
mod order;
mod upstream;

use crate::account::Transaction;
use crate::event::Event;
use crate::state::State;
use crate::time::Time;

impl State {
    /// Applies one event that happened at `at`.
    ///
    /// # Panics
    /// If the event contradicts the state.
    pub fn apply(&mut self, at: Time, event: &Event) {
        self.counters.seq.0 += 1;
        for transaction in event.transactions().into_iter().flatten() {
            self.post(&transaction);
        }
        match event {
            Event::Account(event) => self.apply_account(at, event),
            Event::Offer(event) => self.apply_offer(event),
            Event::Order(event) => self.apply_order(at, event),
            Event::Memory(event) => self.apply_memory(event),
            Event::Upstream(event) => self.apply_upstream(event),
            Event::Callback(event) => self.apply_callback(at, event),
        }
    }

    /// The one place where money moves.
    fn post(&mut self, transaction: &Transaction) {
        for leg in transaction.postings() {
            let balance = self.books.get_mut(leg.book).expect("a posting's owner was opened");
            *balance = balance.checked_add(leg.amount).expect("deposits are bounded far below i64");
        }
    }
}
