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
    let get = |path, operation| get(path, OPERATOR).describe(operation);
    let post = |path, operation| post(path, OPERATOR).describe(operation);
    let delete = |path, operation| delete(path, OPERATOR).describe(operation);
    Routes::of(state, auth)
        .at_once(get("/api/admin/accounts", accounts::LIST), accounts::list)
        .detached(post("/api/admin/accounts", accounts::OPEN), accounts::open)
        .detached(post("/api/admin/accounts/{id}/keys", keys::ISSUE), keys::issue)
        .detached(post("/api/admin/accounts/{id}/deposits", accounts::DEPOSIT), accounts::deposit)
        .detached(delete("/api/admin/keys/{id}", keys::REVOKE), keys::revoke)
        .detached(post("/api/admin/stock", stock::LOAD).body_max(stock::BODY_LEN_MAX), stock::load)
        .at_once(get("/api/admin/providers", providers::LIST), providers::list)
        .detached(post("/api/admin/providers/{name}/sync", providers::SYNC), providers::sync)
}
