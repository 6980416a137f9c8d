//! Callbacks: messages that are posted to us. The path carries the secret that proves the
//! sender; a repeated callback changes nothing, and the reply says so.

mod own_stock;
mod state;

use std::sync::Arc;

use super::auth::{Auth, CALLBACK_SENDER};
use super::route::{Routes, post};

pub use state::State;

/// The face's routes.
#[must_use]
pub fn routes(state: State, auth: &Arc<Auth>) -> Routes<State> {
    let message = post("/hooks/providers/{provider}/{token}", CALLBACK_SENDER);
    Routes::of(state, auth).detached(message.describe(own_stock::RECEIVE), own_stock::receive)
}
