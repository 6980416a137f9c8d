//! What this face may touch.

use std::sync::Arc;

use crate::access::Access;
use crate::access::callback::CallbackSecrets;
use crate::market::Market;
use crate::money::Money;
use crate::order::Orders;
use crate::provider::providers::Providers;
use crate::supply::Supply;

/// What this face may touch.
#[derive(Debug)]
pub struct State {
    /// Accounts and keys.
    pub access: Access,
    /// Wallets.
    pub money: Money,
    /// Own stock.
    pub supply: Supply,
    /// The orders that callbacks are for.
    pub orders: Arc<Orders>,
    /// The secrets of own stock's callback.
    pub callback: Arc<CallbackSecrets>,
    /// The connected providers, to show how they are.
    pub providers: Providers,
    /// Names and positions.
    pub market: Market,
}
