//! The operators' face: accounts, keys, payments, own stock, providers, what needs attention,
//! the clock.

mod accounts;
mod attention;
mod callback;
mod callbacks;
mod clock;
mod keys;
mod payments;
mod providers;
mod state;
mod stock;

use std::sync::Arc;

use super::auth::{Auth, OPERATOR};
use super::route::{Routes, delete, get, post};

pub use state::State;

/// The face's routes.
#[must_use]
pub fn routes(state: State, auth: &Arc<Auth>) -> Routes<State> {
    let get = |path, operation| get(path, OPERATOR).describe(operation);
    let post = |path, operation| post(path, OPERATOR).describe(operation);
    let delete = |path, operation| delete(path, OPERATOR).describe(operation);
    Routes::of(state, auth)
        .plain(get("/api/admin/accounts", accounts::LIST), accounts::list)
        .detached(post("/api/admin/accounts", accounts::OPEN).reasoned(), accounts::open)
        .detached(post("/api/admin/accounts/{id}/keys", keys::ISSUE).reasoned(), keys::issue)
        .detached(
            post("/api/admin/accounts/{id}/deposits", payments::DEPOSIT).reasoned(),
            payments::deposit,
        )
        .detached(delete("/api/admin/keys/{id}", keys::REVOKE).reasoned(), keys::revoke)
        .detached(
            post("/api/admin/stock", stock::LOAD).body_max(stock::BODY_LEN_MAX).reasoned(),
            stock::load,
        )
        .detached(post("/api/admin/callback/rotate", callback::ROTATE), callback::rotate)
        .at_once(get("/api/admin/callbacks", callbacks::LIST), callbacks::list)
        .detached(
            post("/api/admin/callbacks/{id}/process", callbacks::PROCESS).reasoned(),
            callbacks::process,
        )
        .detached(
            delete("/api/admin/callbacks/{id}", callbacks::DISCARD).reasoned(),
            callbacks::discard,
        )
        .at_once(get("/api/admin/attention", attention::LIST), attention::list)
        .detached(post("/api/admin/attention/settle", attention::SETTLE), attention::settle)
        .detached(post("/api/admin/clock/accept", clock::ACCEPT).reasoned(), clock::accept)
        .at_once(get("/api/admin/providers", providers::LIST), providers::list)
        .detached(post("/api/admin/providers/{name}/sync", providers::SYNC), providers::sync)
        .detached(
            post("/api/admin/providers/{name}/accept-prices", providers::ACCEPT_PRICES),
            providers::accept_prices,
        )
        .detached(
            post("/api/admin/providers/{name}/payments", payments::PAY).reasoned(),
            payments::pay,
        )
}
