//! What this face may touch.

use std::sync::Arc;

use nexnum_engine::ids::ProviderId;

use crate::access::callback::CallbackSecrets;
use crate::order::Orders;

/// What this face may touch.
#[derive(Debug)]
pub struct State {
    /// The orders that messages are for.
    pub orders: Arc<Orders>,
    /// Own stock's id among the providers.
    pub own: ProviderId,
    /// What callbacks are signed with.
    pub callback: Arc<CallbackSecrets>,
    /// Whether they have to be.
    pub signed: bool,
}
