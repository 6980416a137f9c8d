//! The running market: what the faces and the workers share.

use std::sync::Arc;

use nexnum_engine::catalog::Catalog;
use nexnum_engine::command::Timings;

use crate::clock::Clock;
use crate::history::History;
use crate::market::Market;
use crate::provider::connected::Providers;
use crate::read_model::ReadModel;
use crate::sequencer::Handle;
use crate::trade::InFlight;

/// Everything a request or a worker needs. Shared by `Arc`; nothing in it is locked
/// across an `.await`.
#[derive(Debug)]
pub struct App {
    /// Countries and services.
    pub catalog: &'static Catalog,
    /// The time.
    pub clock: Arc<Clock>,
    /// The way to the engine.
    pub handle: Handle,
    /// What is durable.
    pub read_model: Arc<ReadModel>,
    /// Prices and live stock.
    pub market: Arc<Market>,
    /// What has left memory.
    pub history: Arc<History>,
    /// Drivers and clients of the connected providers.
    pub providers: Providers,
    /// Idempotency keys whose first request is being decided.
    pub in_flight: InFlight,
    /// How numbers of own stock live.
    pub own_timings: Timings,
}
