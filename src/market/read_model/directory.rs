//! Small tables that change rarely: providers, carriers' names, own offers.

use std::collections::BTreeMap;
use std::sync::Arc;

use nexnum_engine::book::Book;
use nexnum_engine::event::{Event, MoneyEvent, Moved, OfferEvent, ProviderKind};
use nexnum_engine::ids::{CarrierId, OfferId, Product, ProviderId};
use nexnum_engine::money::Micros;
use nexnum_engine::state::State;
use parking_lot::RwLock;

/// What an offer is of.
type OfferKey = (ProviderId, Product, CarrierId);

/// A provider as readers see it.
#[derive(Clone, Debug)]
pub struct ProviderView {
    /// The operator's name for it.
    pub name: Arc<str>,
    /// Where its numbers come from.
    pub kind: ProviderKind,
    /// What was written off against it: purchases that stayed in doubt.
    pub loss: Micros,
}

/// Providers, carriers' names and every offer's id.
#[derive(Debug, Default)]
pub struct Directory {
    tables: RwLock<Tables>,
}

#[derive(Debug, Default)]
struct Tables {
    providers: BTreeMap<ProviderId, ProviderView>,
    carriers: BTreeMap<CarrierId, Arc<str>>,
    carrier_ids: BTreeMap<Arc<str>, CarrierId>,
    offers: BTreeMap<OfferKey, OfferId>,
}

impl Directory {
    /// The directory of a state.
    #[must_use]
    pub fn from_state(state: &State) -> Self {
        let mut tables = Tables::default();
        for (id, provider) in state.providers() {
            let (name, loss) =
                (Arc::from(&*provider.name), state.balance(Book::WriteOffs(id)).negated());
            tables.providers.insert(id, ProviderView { name, kind: provider.kind, loss });
        }
        for (id, name) in state.carriers() {
            tables.name_carrier(id, name);
        }
        for (id, offer) in state.offers() {
            tables.offers.insert((offer.provider, offer.product, offer.carrier), id);
        }
        Self { tables: RwLock::new(tables) }
    }

    pub(super) fn show(&self, event: &Event) {
        match event {
            Event::Offer(event) => self.show_offer(event),
            Event::Money(MoneyEvent::Moved(moved)) => self.show_losses(moved),
            Event::Account(_)
            | Event::Order(_)
            | Event::Upstream(_)
            | Event::Memory(_)
            | Event::Callback(_)
            | Event::Ledger(_)
            | Event::SealKey(_) => {}
        }
    }

    fn show_offer(&self, event: &OfferEvent) {
        match event {
            OfferEvent::ProviderRegistered { provider, name, kind } => {
                let row =
                    ProviderView { name: Arc::from(&**name), kind: *kind, loss: Micros::ZERO };
                self.tables.write().providers.insert(*provider, row);
            }
            OfferEvent::CarrierNamed { carrier, name } => {
                self.tables.write().name_carrier(*carrier, name);
            }
            OfferEvent::OffersListed { provider, first, offers } => {
                let mut tables = self.tables.write();
                for ((product, carrier), id) in offers.iter().zip(first.0..) {
                    tables.offers.insert((*provider, *product, *carrier), OfferId(id));
                }
            }
            OfferEvent::OffersPriced { .. }
            | OfferEvent::StockLoaded { .. }
            | OfferEvent::NumberReleased { .. }
            | OfferEvent::NumberHeldBack { .. } => {}
        }
    }

    /// Counts what a movement writes off against providers, or reverses of it.
    fn show_losses(&self, moved: &Moved) {
        for leg in moved.legs.iter() {
            if let Book::WriteOffs(provider) = leg.book {
                self.tables.write().write_off(provider, leg.amount.negated());
            }
        }
    }

    /// Where a provider's numbers come from.
    #[must_use]
    pub fn kind(&self, id: ProviderId) -> Option<ProviderKind> {
        self.tables.read().providers.get(&id).map(|known| known.kind)
    }

    /// All providers by id.
    #[must_use]
    pub fn providers(&self) -> Vec<(ProviderId, ProviderView)> {
        let tables = self.tables.read();
        tables.providers.iter().map(|(id, known)| (*id, known.clone())).collect()
    }

    /// A carrier's id.
    #[must_use]
    pub fn carrier(&self, name: &str) -> Option<CarrierId> {
        self.tables.read().carrier_ids.get(name).copied()
    }

    /// A carrier's name; `None` for any.
    #[must_use]
    pub fn carrier_name(&self, id: CarrierId) -> Option<Arc<str>> {
        if id == CarrierId::ANY {
            return None;
        }
        self.tables.read().carriers.get(&id).cloned()
    }

    /// The id of a provider's offer.
    #[must_use]
    pub fn offer(
        &self,
        provider: ProviderId,
        product: Product,
        carrier: CarrierId,
    ) -> Option<OfferId> {
        self.tables.read().offers.get(&(provider, product, carrier)).copied()
    }

    /// A provider's offers, by what they are of.
    #[must_use]
    pub fn offers_of(&self, provider: ProviderId) -> Vec<((Product, CarrierId), OfferId)> {
        let tables = self.tables.read();
        let from = (provider, Product::default(), CarrierId::ANY);
        let offers = tables.offers.range(from..);
        let own = offers.take_while(|((of, ..), _)| *of == provider);
        own.map(|((_, product, carrier), offer)| ((*product, *carrier), *offer)).collect()
    }
}

impl Tables {
    /// Adds to what was written off; a negative loss is one recovered.
    fn write_off(&mut self, id: ProviderId, loss: Micros) {
        let known = self.providers.get_mut(&id).expect("a loss is a registered provider's");
        known.loss = known.loss.checked_add(loss).expect("the engine bounds its books");
    }

    fn name_carrier(&mut self, id: CarrierId, name: &str) {
        let name: Arc<str> = Arc::from(name);
        self.carrier_ids.insert(Arc::clone(&name), id);
        self.carriers.insert(id, name);
    }
}
