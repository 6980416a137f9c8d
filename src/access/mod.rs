//! Who may do what: accounts and their API keys.

mod accounts;
pub mod callback;
mod keys;
mod reasons;
mod revocations;

use std::sync::Arc;

use tokio::sync::Mutex;

use crate::market::Market;

use self::revocations::Revocations;

pub use keys::{IssuedKey, KeyRefusal};

/// What access needs.
#[derive(Clone, Debug)]
pub struct Access {
    /// The market whose accounts and keys these are.
    pub market: Market,
    revocations: Arc<Revocations>,
    /// Held while an account is opened: its name is sealed under the key of the next one.
    opening: Arc<Mutex<()>>,
    /// Held while names are opened for a list.
    listing: Arc<Mutex<()>>,
}

impl Access {
    /// Access to a market.
    #[must_use]
    pub fn new(market: Market) -> Self {
        let (opening, listing) = (Arc::default(), Arc::default());
        Self { market, revocations: Arc::default(), opening, listing }
    }
}
