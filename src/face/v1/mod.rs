//! Our own API: REST and JSON under `/api/v1`.

mod activations;
mod catalog;
mod offers;
mod orders;
mod page;
mod receipts;
mod search;
mod state;
mod wallet;
mod wire;

use std::sync::Arc;

use super::auth::{ANYONE, Auth, TRADER};
use super::route::{Routes, get, post};
use crate::order::SCAN_MAX;

pub use state::State;

/// A look that gives fewer rows than were asked for has seen all: no look may be cut.
const _: () = assert!((page::PAGE_MAX as usize) < SCAN_MAX);

/// The face's routes.
#[must_use]
pub fn routes(state: State, auth: &Arc<Auth>) -> Routes<State> {
    let open = |path, operation| get(path, ANYONE).describe(operation);
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
        .chosen(get("/api/v1/orders/{id}", orders::GET), orders::get)
        .plain(get("/api/v1/orders/{id}/receipt", receipts::GET), receipts::get)
        .plain(open("/api/v1/day-roots", receipts::DAY_ROOTS), receipts::day_roots)
        .plain(get("/api/v1/activations", activations::LIST), activations::list)
        .chosen(get("/api/v1/activations/{id}", activations::GET), activations::get)
        .detached(post("/api/v1/activations/{id}/cancel", activations::CANCEL), activations::cancel)
        .detached(post("/api/v1/activations/{id}/finish", activations::FINISH), activations::finish)
        .detached(post("/api/v1/activations/{id}/resend", activations::RESEND), activations::resend)
        .at_once(get("/api/v1/wallet", wallet::GET), wallet::get)
        .plain(get("/api/v1/wallet/transactions", wallet::TRANSACTIONS), wallet::transactions)
}
