//! Callbacks: messages that are posted to us. The path carries the secret that proves the
//! sender; a repeated callback changes nothing, and the reply says so.

mod own_stock;

use std::sync::Arc;

use nexnum_engine::ids::ProviderId;

use super::auth::{Auth, CALLBACK_SENDER};
use super::route::{Routes, post};
use crate::order::Orders;

/// What this face may touch.
#[derive(Debug)]
pub struct State {
    /// The orders that messages are for.
    pub orders: Arc<Orders>,
    /// Own stock's id among the providers.
    pub own: ProviderId,
}

/// The face's routes.
#[must_use]
pub fn routes(state: State, auth: &Arc<Auth>) -> Routes<State> {
    let message = post("/hooks/providers/{provider}/{token}", CALLBACK_SENDER);
    Routes::of(state, auth).detached(message.describe(own_stock::RECEIVE), own_stock::receive)
}
