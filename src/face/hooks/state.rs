//! What this face may touch.

use std::sync::Arc;

use nexnum_engine::ids::ProviderId;

use crate::order::Orders;

/// What this face may touch.
#[derive(Debug)]
pub struct State {
    /// The orders that messages are for.
    pub orders: Arc<Orders>,
    /// Own stock's id among the providers.
    pub own: ProviderId,
}
