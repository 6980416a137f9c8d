//! What a batch changed, as it goes from the sequencer to the readers.

use std::sync::Arc;

use nexnum_engine::event::Event;
use nexnum_engine::ids::{AccountId, Seq};
use nexnum_engine::money::Micros;
use nexnum_engine::order::Order;
use nexnum_engine::time::Time;

/// What a batch changed, as readers will see it.
#[derive(Debug)]
pub struct Change {
    /// The first event's position.
    pub first: Seq,
    /// When the events happened.
    pub at: Time,
    /// The events.
    pub events: Vec<Event>,
    /// Orders that they touched, as they stand after the batch.
    pub orders: Vec<Arc<Order>>,
    /// Wallets that they touched, as they stand after the batch.
    pub wallets: Vec<(AccountId, Wallet)>,
}

impl Change {
    /// The last event's position.
    #[must_use]
    pub fn last(&self) -> Seq {
        Seq(self.first.0 + self.events.len() as u64 - 1)
    }
}

/// What a customer has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wallet {
    /// To spend.
    pub available: Micros,
    /// Committed to open orders.
    pub escrow: Micros,
}
