//! What this face may touch.

use std::num::NonZero;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use tokio::sync::Semaphore;

use crate::market::Market;
use crate::money::Money;
use crate::order::Orders;

/// What this face may touch.
#[derive(Debug)]
pub struct State {
    pub(super) orders: Arc<Orders>,
    pub(super) money: Money,
    pub(super) market: Market,
    /// The catalogue's lists, rendered once.
    pub(super) countries: OnceLock<Bytes>,
    pub(super) services: OnceLock<Bytes>,
    /// Slots for searches under way, one a core: more would take the cores from purchases.
    pub(super) searches: Arc<Semaphore>,
}

impl State {
    /// The face of a market.
    #[must_use]
    pub fn new(orders: Arc<Orders>, money: Money) -> Self {
        let market = orders.market.clone();
        let (countries, services) = (OnceLock::new(), OnceLock::new());
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let searches = Arc::new(Semaphore::new(cores));
        Self { orders, money, market, countries, services, searches }
    }
}
