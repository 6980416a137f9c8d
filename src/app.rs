//! The running market: what the faces and the workers share.

use std::sync::Arc;

use nexnum_engine::catalog::Catalog;
use nexnum_engine::command::Timings;
use nexnum_engine::ids::ProviderId;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::history::History;
use crate::http::auth::Limiter;
use crate::market::Market;
use crate::metrics::Metrics;
use crate::provider::connected::Providers;
use crate::read_model::ReadModel;
use crate::sequencer::Handle;
use crate::trade::InFlight;
use crate::worker::asks::Asks;
use crate::worker::doubt::Doubts;
use crate::worker::tasks::Tasks;

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
    /// What is counted.
    pub metrics: Metrics,
    /// Drivers and clients of the connected providers.
    pub providers: Providers,
    /// Purchases whose outcome is unknown.
    pub doubts: Doubts,
    /// What is being asked of providers for buyers.
    pub asks: Asks,
    /// What runs in the background for single orders.
    pub tasks: Tasks,
    /// Idempotency keys whose first request is being decided.
    pub in_flight: InFlight,
    /// Own stock.
    pub own: OwnStock,
    /// What each key may do.
    pub limiter: Limiter,
    /// True once the server has begun to stop.
    pub stopping: watch::Sender<bool>,
}

impl App {
    /// Whether the server is stopping.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Resolves when the server begins to stop: whoever only waits need wait no longer.
    pub async fn draining(&self) {
        let mut stopping = self.stopping.subscribe();
        // The sender is ours: it cannot be gone.
        let _stopping = stopping.wait_for(|stopping| *stopping).await;
    }
}

/// Own stock as a provider.
#[derive(Clone, Copy, Debug)]
pub struct OwnStock {
    /// Its id among the providers.
    pub provider: ProviderId,
    /// How its numbers live.
    pub timings: Timings,
    /// SHA-256 of the token in its callback's address.
    pub hook_digest: [u8; 32],
}
