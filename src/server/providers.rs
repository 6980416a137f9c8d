//! Changing the set of connected providers while the server runs.

use std::sync::Arc;

use nexnum_engine::event::ProviderKind;
use nexnum_engine::ids::ProviderId;

use super::config::PROVIDERS_MAX;
use super::connect::{ConnectError, Prepared, ProviderSetup};
use super::register::register;
use super::start_error::StartError;
use crate::order::Orders;
use crate::provider::cost_basis::CostBases;
use crate::supply::config::MarginConfig;
use crate::worker::Workers;

/// The connected providers of a running server.
#[derive(Clone, Debug)]
pub struct ProviderSet {
    orders: Arc<Orders>,
    workers: Arc<Workers>,
    margin_default: MarginConfig,
    bases: Arc<CostBases>,
}

impl ProviderSet {
    pub(super) fn new(
        orders: &Arc<Orders>,
        workers: &Arc<Workers>,
        margin_default: MarginConfig,
        bases: Arc<CostBases>,
    ) -> Self {
        Self { orders: Arc::clone(orders), workers: Arc::clone(workers), margin_default, bases }
    }

    /// Connects a provider, or replaces the connection of the same name. Numbers that were
    /// bought under the connection before keep it, with its driver's document and its key.
    ///
    /// # Errors
    /// What is wrong with the setup, or why the provider was not registered; the set stays
    /// as it is.
    pub async fn connect(&self, setup: ProviderSetup) -> Result<ProviderId, StartError> {
        let market = &self.orders.market;
        // 1. Its driver and client. Nothing is asked of the provider yet.
        let known = self.orders.providers.by_name(&setup.config.name);
        if known.is_none() && self.orders.providers.list().len() >= PROVIDERS_MAX {
            return Err(ConnectError::TooMany.into());
        }
        let dispatcher = known.map(|known| Arc::clone(known.client().room().dispatcher()));
        let metrics = market.metrics.clone();
        let prepared = Prepared::new(setup, self.margin_default, metrics, dispatcher)?;
        // 2. Its id: a name that is known keeps its own.
        let id = register(market, &prepared.name, ProviderKind::Driven).await?;
        // 3. Its place in the set, and its loops.
        let connected = prepared.connected(id, market, &self.bases);
        // What needed attention at the connection before may be well at this one.
        market.attention.forget_provider(connected.name());
        let connected = self.orders.providers.put(&market.grid, connected);
        self.workers.watch_over(&connected);
        // 4. What was on its way back when it was not connected goes on.
        self.orders.give_back_orphans();
        Ok(id)
    }

    /// Starts or stops buying from a provider; false if it is not connected. Codes, cancels
    /// and refunds of its open activations go on.
    #[must_use]
    pub fn set_enabled(&self, id: ProviderId, enabled: bool) -> bool {
        let changed = self.orders.providers.set_enabled(id, enabled);
        if changed
            && enabled
            && let Some(connected) = self.orders.providers.get(id)
        {
            connected.sync_now();
        }
        changed
    }

    /// Takes a provider out; false if it is not connected. Its open activations run to
    /// their ends under the connection that they were bought with.
    #[must_use]
    pub fn remove(&self, id: ProviderId) -> bool {
        let market = &self.orders.market;
        let connected = self.orders.providers.get(id);
        let removed = self.orders.providers.remove(&market.grid, id);
        if let Some(connected) = connected {
            market.attention.forget_provider(connected.name());
        }
        removed
    }
}
