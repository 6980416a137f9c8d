//! Callbacks: messages that are posted to us. The path carries the secret that proves the
//! sender; a repeated callback changes nothing, and the reply says so.

mod own_stock;
mod state;

use std::sync::Arc;

use super::auth::{Auth, CALLBACK_SENDER};
use super::route::{Routes, post};
use crate::http::route::Notice;
use crate::order::CallbackSource;
use crate::supply::config::OWN_PROVIDER;

pub use state::State;

/// The face's routes.
#[must_use]
pub fn routes(state: State, auth: &Arc<Auth>) -> Routes<State> {
    let message = post("/hooks/providers/{provider}/{token}", CALLBACK_SENDER)
        .describe(own_stock::RECEIVE)
        .body_max(own_stock::BODY_LEN_MAX)
        .lenient()
        .notice(refusals(&state));
    Routes::of(state, auth).detached(message, own_stock::receive)
}

/// Counts the callbacks that are refused before they are read: at a wrong address, with another
/// method, too large, broken off.
fn refusals(state: &State) -> Notice {
    let (orders, secrets) = (Arc::clone(&state.orders), Arc::clone(&state.callback));
    Notice::new(move |path, problem| {
        let mut segments = path.rsplit('/');
        let (token, provider) = (segments.next(), segments.next());
        let age = token.and_then(|token| secrets.age(token, orders.market.clock.now()));
        let is_known = age.is_some() && provider == Some(OWN_PROVIDER);
        let source =
            if is_known { CallbackSource::Known(OWN_PROVIDER) } else { CallbackSource::Unknown };
        orders.note_refused_callback(source, problem.code());
    })
}
