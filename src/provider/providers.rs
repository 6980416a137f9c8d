//! The set of connected providers, which changes while the server runs.
//!
//! A provider is added, replaced, disabled or removed without a restart. Each change makes a
//! new set; readers never wait. Each attempt of an order keeps the connection, and with it the
//! version of the driver's document, that it was bought under: its polls, cancels and doubts
//! go there until the order has left memory. After a restart all attempts have the connections
//! of that start.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use nexnum_engine::grid::Grid;
use nexnum_engine::ids::{OrderId, ProviderId};
use nexnum_engine::order::Order;
use parking_lot::Mutex;

use super::bound::Bound;
use super::connected::Connected;

type Set = BTreeMap<ProviderId, Arc<Connected>>;

/// The connected providers. A clone is the same set.
#[derive(Clone, Debug, Default)]
pub struct Providers {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    current: ArcSwap<Set>,
    /// The connection of each attempt to buy.
    bought: Bound<Arc<Connected>>,
    /// Held while the set changes, and while an attempt is given its connection: a connection
    /// that is retired gets no more of them.
    changing: Mutex<()>,
}

impl Providers {
    /// These providers; the offers of those that have any and are enabled are for sale.
    #[must_use]
    pub fn new(grid: &Grid, connected: Vec<Connected>) -> Self {
        let providers = Self::default();
        for each in connected {
            providers.put(grid, each);
        }
        providers
    }

    /// The provider with this id, if it is connected.
    #[must_use]
    pub fn get(&self, id: ProviderId) -> Option<Arc<Connected>> {
        self.shared.current.load().get(&id).cloned()
    }

    /// The provider of this name, if it is connected.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<Arc<Connected>> {
        self.shared.current.load().values().find(|connected| connected.name() == name).cloned()
    }

    /// All of them, by id.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<Connected>> {
        self.shared.current.load().values().cloned().collect()
    }

    /// The connection that an order was bought under, or the current one of its provider.
    #[must_use]
    pub fn of_order(&self, order: &Order) -> Option<Arc<Connected>> {
        let bought = self.bought_under(order.id, order.attempt);
        bought.or_else(|| self.get(order.provider))
    }

    /// The connection of an order's attempt, which it was given since the start or at it.
    #[must_use]
    pub fn bought_under(&self, order: OrderId, attempt: u8) -> Option<Arc<Connected>> {
        self.shared.bought.get((order, attempt))
    }

    /// The connection that an order's attempt buys with, or has bought with before the start:
    /// the attempt keeps it. `None` if the provider is not connected.
    #[must_use]
    pub fn bind(
        &self,
        order: OrderId,
        attempt: u8,
        provider: ProviderId,
    ) -> Option<Arc<Connected>> {
        let _changing = self.shared.changing.lock();
        let connected = self.get(provider)?;
        self.shared.bought.bind((order, attempt), Arc::clone(&connected));
        Some(connected)
    }

    /// Whether an order in memory has an attempt under a connection.
    #[must_use]
    pub fn serves_orders(&self, connected: &Arc<Connected>) -> bool {
        self.shared.bought.any(|bought| Arc::ptr_eq(bought, connected))
    }

    /// Forgets orders that have left memory, of so many attempts at most: the others have their
    /// turns next.
    pub fn forget(&self, most: usize, has_left: impl Fn(OrderId) -> bool) {
        self.shared.bought.forget(most, has_left);
    }

    /// Adds a provider, or replaces the connection of the same id; gives the new one. Its
    /// offers are for sale once its first list has come: those of the connection before may
    /// have another price by now, or another margin.
    pub fn put(&self, grid: &Grid, mut connected: Connected) -> Arc<Connected> {
        let _changing = self.shared.changing.lock();
        if let Some(before) = self.get(connected.id()) {
            connected.keep_costs_of(&before);
        }
        let connected = Arc::new(connected);
        let replaced = self.change(|set| set.insert(connected.id(), Arc::clone(&connected)));
        if let Some(replaced) = &replaced {
            replaced.retire();
            if replaced.key_problem().is_some() {
                self.rebind(replaced, &connected);
            }
        }
        grid.set_priority(connected.id(), connected.policy().priority);
        grid.set_weight(connected.id(), connected.policy().weight);
        // Unknown until it has answered: its account may be another.
        grid.set_funds(connected.id(), None);
        connected.show_now();
        connected.report_key();
        connected
    }

    /// Gives the attempts of a connection that can make no call to the one in its place. Called
    /// under the lock.
    fn rebind(&self, before: &Arc<Connected>, now: &Arc<Connected>) {
        let bought = &self.shared.bought;
        for attempt in bought.attempts(|bound| Arc::ptr_eq(bound, before)) {
            bought.bind(attempt, Arc::clone(now));
        }
    }

    /// Starts or stops buying from a provider; false if it is not connected. Its open
    /// activations go on.
    pub fn set_enabled(&self, id: ProviderId, enabled: bool) -> bool {
        let _changing = self.shared.changing.lock();
        let connected = self.get(id);
        if let Some(connected) = &connected {
            connected.set_enabled(enabled);
        }
        connected.is_some()
    }

    /// Takes a provider out: nothing is bought from it any more; false if it is not connected.
    /// Its open activations go on under their connections.
    pub fn remove(&self, grid: &Grid, id: ProviderId) -> bool {
        let _changing = self.shared.changing.lock();
        let removed = self.change(|set| set.remove(&id));
        if let Some(removed) = &removed {
            removed.retire();
            grid.close_provider(id);
        }
        removed.is_some()
    }

    /// Called under the lock.
    fn change<T>(&self, change: impl FnOnce(&mut Set) -> T) -> T {
        let mut set = Set::clone(&self.shared.current.load());
        let changed = change(&mut set);
        self.shared.current.store(Arc::new(set));
        changed
    }
}
