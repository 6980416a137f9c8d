//! Small tables that change rarely: providers, operators' names, own offers.

use std::collections::BTreeMap;
use std::sync::Arc;

use nexnum_engine::event::{Event, ProviderKind};
use nexnum_engine::ids::{OfferId, OperatorId, Product, ProviderId};
use nexnum_engine::state::State;
use parking_lot::RwLock;

/// What an offer is of.
type OfferKey = (ProviderId, Product, OperatorId);

/// Providers, operators' names and every offer's id.
#[derive(Debug, Default)]
pub struct Directory {
    tables: RwLock<Tables>,
}

#[derive(Debug, Default)]
struct Tables {
    providers: BTreeMap<ProviderId, (Arc<str>, ProviderKind)>,
    operators: BTreeMap<OperatorId, Arc<str>>,
    operator_ids: BTreeMap<Arc<str>, OperatorId>,
    offers: BTreeMap<OfferKey, OfferId>,
}

impl Directory {
    /// The directory of a state.
    #[must_use]
    pub fn from_state(state: &State) -> Self {
        let mut tables = Tables::default();
        for (id, provider) in state.providers() {
            tables.providers.insert(id, (Arc::from(&*provider.name), provider.kind));
        }
        for (id, name) in state.operators() {
            tables.name_operator(id, name);
        }
        for (id, offer) in state.offers() {
            tables.offers.insert((offer.provider, offer.product, offer.operator), id);
        }
        Self { tables: RwLock::new(tables) }
    }

    pub(super) fn show(&self, event: &Event) {
        match event {
            Event::ProviderRegistered { provider, name, kind } => {
                let row = (Arc::from(&**name), *kind);
                self.tables.write().providers.insert(*provider, row);
            }
            Event::OperatorNamed { operator, name } => {
                self.tables.write().name_operator(*operator, name);
            }
            Event::OffersListed { provider, first, offers } => {
                let mut tables = self.tables.write();
                for ((product, operator), id) in offers.iter().zip(first.0..) {
                    tables.offers.insert((*provider, *product, *operator), OfferId(id));
                }
            }
            Event::AccountOpened { .. }
            | Event::KeyIssued { .. }
            | Event::KeyRevoked { .. }
            | Event::Deposited { .. }
            | Event::OffersPriced { .. }
            | Event::StockLoaded { .. }
            | Event::OrderPlaced { .. }
            | Event::AttemptStarted { .. }
            | Event::OrderDoubted { .. }
            | Event::DoubtCleared { .. }
            | Event::NumberAssigned { .. }
            | Event::OrderFailed { .. }
            | Event::MessageReceived { .. }
            | Event::AnotherRequested { .. }
            | Event::ActivationClosed { .. }
            | Event::Retired { .. } => {}
        }
    }

    /// Where a provider's numbers come from.
    #[must_use]
    pub fn kind(&self, id: ProviderId) -> Option<ProviderKind> {
        self.tables.read().providers.get(&id).map(|(_, kind)| *kind)
    }

    /// A provider's name.
    #[must_use]
    pub fn provider_name(&self, id: ProviderId) -> Option<Arc<str>> {
        self.tables.read().providers.get(&id).map(|(name, _)| Arc::clone(name))
    }

    /// All providers by id.
    #[must_use]
    pub fn providers(&self) -> Vec<(ProviderId, Arc<str>, ProviderKind)> {
        let tables = self.tables.read();
        let row = |(id, (name, kind)): (&ProviderId, &(Arc<str>, ProviderKind))| {
            (*id, Arc::clone(name), *kind)
        };
        tables.providers.iter().map(row).collect()
    }

    /// An operator's id.
    #[must_use]
    pub fn operator(&self, name: &str) -> Option<OperatorId> {
        self.tables.read().operator_ids.get(name).copied()
    }

    /// An operator's name; `None` for any.
    #[must_use]
    pub fn operator_name(&self, id: OperatorId) -> Option<Arc<str>> {
        self.tables.read().operators.get(&id).cloned()
    }

    /// The id of a provider's offer.
    #[must_use]
    pub fn offer(
        &self,
        provider: ProviderId,
        product: Product,
        operator: OperatorId,
    ) -> Option<OfferId> {
        self.tables.read().offers.get(&(provider, product, operator)).copied()
    }

    /// A provider's offers, by what they are of.
    #[must_use]
    pub fn offers_of(&self, provider: ProviderId) -> Vec<((Product, OperatorId), OfferId)> {
        let tables = self.tables.read();
        let from = (provider, Product::default(), OperatorId::ANY);
        let offers = tables.offers.range(from..);
        let own = offers.take_while(|((of, ..), _)| *of == provider);
        own.map(|((_, product, operator), offer)| ((*product, *operator), *offer)).collect()
    }
}

impl Tables {
    fn name_operator(&mut self, id: OperatorId, name: &str) {
        let name: Arc<str> = Arc::from(name);
        self.operator_ids.insert(Arc::clone(&name), id);
        self.operators.insert(id, name);
    }
}
