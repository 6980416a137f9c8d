//! Our own API: REST and JSON under `/api/v1`.

mod activations;
mod catalog;
mod offers;
mod orders;
mod search;
mod wallet;
mod wire;

use std::num::NonZero;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use tokio::sync::Semaphore;

use super::auth::{Auth, TRADER};
use super::route::{Routes, get, post};
use crate::market::Market;
use crate::money::Money;
use crate::order::{Orders, SCAN_MAX};

/// Rows of a page unless the request says otherwise.
const PAGE_DEFAULT: u64 = 50;
/// Most rows of a page: some 50 KB.
const PAGE_MAX: u64 = 100;
/// A look that gives fewer rows than were asked for has seen all: no look may be cut.
const _: () = assert!((PAGE_MAX as usize) < SCAN_MAX);

/// What this face may touch.
#[derive(Debug)]
pub struct State {
    orders: Arc<Orders>,
    money: Money,
    market: Market,
    /// The catalogue's lists, rendered once.
    countries: OnceLock<Bytes>,
    services: OnceLock<Bytes>,
    /// Slots for searches under way, one a core: more would take the cores from purchases.
    searches: Arc<Semaphore>,
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

/// The face's routes.
#[must_use]
pub fn routes(state: State, auth: &Arc<Auth>) -> Routes<State> {
    Routes::of(state, auth)
        .at_once(get("/api/v1/countries", TRADER), catalog::countries)
        .at_once(get("/api/v1/services", TRADER), catalog::services)
        .at_once(get("/api/v1/offers", TRADER), offers::list)
        .at_once(get("/api/v1/quotes", TRADER), offers::quote)
        .plain(get("/api/v1/search", TRADER), search::find)
        .detached(post("/api/v1/orders", TRADER).idempotent(), orders::create)
        .plain(get("/api/v1/orders", TRADER), orders::list)
        .plain(get("/api/v1/orders/{id}", TRADER), orders::get)
        .plain(get("/api/v1/activations", TRADER), activations::list)
        .plain(get("/api/v1/activations/{id}", TRADER), activations::get)
        .detached(post("/api/v1/activations/{id}/cancel", TRADER), activations::cancel)
        .detached(post("/api/v1/activations/{id}/finish", TRADER), activations::finish)
        .detached(post("/api/v1/activations/{id}/resend", TRADER), activations::resend)
        .at_once(get("/api/v1/wallet", TRADER), wallet::get)
        .plain(get("/api/v1/wallet/transactions", TRADER), wallet::transactions)
}
