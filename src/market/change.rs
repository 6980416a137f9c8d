//! What a batch changed, as it goes from the sequencer to the readers.

use std::sync::Arc;

use nexnum_engine::event::Event;
use nexnum_engine::group::{Groups, Recorded};
use nexnum_engine::ids::{AccountId, Seq};
use nexnum_engine::money::Micros;
use nexnum_engine::order::Order;
use nexnum_engine::state::State;

/// What a batch changed, as readers will see it.
#[derive(Debug)]
pub struct Change {
    /// The position of the first group's head.
    pub first: Seq,
    /// What happened.
    pub groups: Groups,
    /// Orders that they touched, as they stand after the batch.
    pub orders: Vec<Arc<Order>>,
    /// Wallets that they touched, as they stand after the batch.
    pub wallets: Vec<(AccountId, Wallet)>,
}

impl Change {
    /// The last event's position.
    #[must_use]
    pub fn last(&self) -> Seq {
        Seq(self.first.0 + self.groups.len() as u64 - 1)
    }

    /// The events.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        self.groups.events()
    }

    /// The events with their heads and positions.
    pub fn recorded(&self) -> impl Iterator<Item = Recorded<'_>> {
        self.groups.recorded(self.first)
    }
}

/// What a customer has, paid money and bonus together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wallet {
    /// To spend.
    pub available: Micros,
    /// Committed to open orders.
    pub escrow: Micros,
}

impl Wallet {
    /// An account's, as a state has it.
    #[must_use]
    pub fn of(state: &State, account: AccountId) -> Self {
        let (available, escrow) = state.wallet(account);
        Self { available, escrow }
    }
}
