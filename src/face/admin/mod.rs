//! The operators' face: accounts, keys, deposits, own stock, providers.

mod accounts;
mod keys;
mod providers;
mod stock;

use std::sync::Arc;

use super::auth::{Auth, OPERATOR};
use super::route::{Routes, delete, get, post};
use crate::access::Access;
use crate::market::Market;
use crate::money::Money;
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
    /// The connected providers, to show how they are.
    pub providers: Providers,
    /// Names and positions.
    pub market: Market,
}

/// The face's routes.
#[must_use]
pub fn routes(state: State, auth: &Arc<Auth>) -> Routes<State> {
    Routes::of(state, auth)
        .at_once(get("/api/admin/accounts", OPERATOR), accounts::list)
        .detached(post("/api/admin/accounts", OPERATOR), accounts::open)
        .detached(post("/api/admin/accounts/{id}/keys", OPERATOR), keys::issue)
        .detached(post("/api/admin/accounts/{id}/deposits", OPERATOR), accounts::deposit)
        .detached(delete("/api/admin/keys/{id}", OPERATOR), keys::revoke)
        .detached(post("/api/admin/stock", OPERATOR).body_max(stock::BODY_LEN_MAX), stock::load)
        .at_once(get("/api/admin/providers", OPERATOR), providers::list)
        .detached(post("/api/admin/providers/{name}/sync", OPERATOR), providers::sync)
}
