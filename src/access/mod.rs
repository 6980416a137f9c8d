//! Who may do what: accounts and their API keys.

mod accounts;
pub mod addresses;
pub mod callback;
mod keys;
mod reasons;
mod revocations;

use std::sync::Arc;

use crate::market::Market;

use self::addresses::CallerAddresses;
use self::revocations::Revocations;

pub use keys::{IssuedKey, KeyRefusal};

/// What access needs.
#[derive(Clone, Debug)]
pub struct Access {
    /// The market whose accounts and keys these are.
    pub market: Market,
    revocations: Arc<Revocations>,
    /// From which addresses its callers come.
    pub addresses: CallerAddresses,
}

impl Access {
    /// Access to a market.
    #[must_use]
    pub fn new(market: Market) -> Self {
        let addresses = CallerAddresses::new(market.clone());
        Self { market, revocations: Arc::default(), addresses }
    }
}
