//! Our own API: REST and JSON under `/api/v1`.

mod activations;
mod catalog;
mod offers;
mod orders;
mod page;
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

/// A look that gives fewer rows than were asked for has seen all: no look may be cut.
const _: () = assert!((page::PAGE_MAX as usize) < SCAN_MAX);

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
    let get = |path, operation| get(path, TRADER).describe(operation);
    let post = |path, operation| post(path, TRADER).describe(operation);
    Routes::of(state, auth)
        .at_once(get("/api/v1/countries", catalog::COUNTRIES), catalog::countries)
        .at_once(get("/api/v1/services", catalog::SERVICES), catalog::services)
        .at_once(get("/api/v1/offers", offers::LIST), offers::list)
        .at_once(get("/api/v1/quotes", offers::QUOTE), offers::quote)
        .plain(get("/api/v1/search", search::FIND), search::find)
        .detached(post("/api/v1/orders", orders::CREATE).idempotent(), orders::create)
        .plain(get("/api/v1/orders", orders::LIST), orders::list)
        .plain(get("/api/v1/orders/{id}", orders::GET), orders::get)
        .plain(get("/api/v1/activations", activations::LIST), activations::list)
        .plain(get("/api/v1/activations/{id}", activations::GET), activations::get)
        .detached(post("/api/v1/activations/{id}/cancel", activations::CANCEL), activations::cancel)
        .detached(post("/api/v1/activations/{id}/finish", activations::FINISH), activations::finish)
        .detached(post("/api/v1/activations/{id}/resend", activations::RESEND), activations::resend)
        .at_once(get("/api/v1/wallet", wallet::GET), wallet::get)
        .plain(get("/api/v1/wallet/transactions", wallet::TRANSACTIONS), wallet::transactions)
}
