//! Small tables that change rarely: providers, carriers' names, own offers.

use std::collections::BTreeMap;
use std::sync::Arc;

use nexnum_engine::book::Book;
use nexnum_engine::event::{Event, Leg, MoneyEvent, Moved, OfferEvent, ProviderKind};
use nexnum_engine::ids::{CarrierId, OfferId, Product, ProviderId, RailId};
use nexnum_engine::money::Micros;
use nexnum_engine::state::State;
use parking_lot::RwLock;

/// What an offer is of.
type OfferKey = (ProviderId, Product, CarrierId);

/// What stands between us and a provider; nothing is below zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProviderBooks {
    /// What we have there, by our books.
    pub prepaid: Micros,
    /// What we owe it beyond that.
    pub payable: Micros,
    /// What it charged for numbers that are open, or not known to be given back.
    pub receivable: Micros,
    /// What it cost us in vain: purchases that stayed in doubt, charges after a refund.
    pub loss: Micros,
}

impl ProviderBooks {
    fn of(state: &State, id: ProviderId) -> Self {
        let book = |book: fn(ProviderId) -> Book| state.balance(book(id));
        Self {
            prepaid: book(Book::Prepaid).negated(),
            payable: book(Book::Payable),
            receivable: book(Book::Receivable).negated(),
            loss: book(Book::WriteOffs).negated(),
        }
    }

    /// Follows a leg of a movement. What a provider holds of ours, or cost us, stands below zero.
    fn add(&mut self, Leg { book, amount }: Leg) {
        let (stands, amount) = match book {
            Book::Prepaid(_) => (&mut self.prepaid, amount.negated()),
            Book::Payable(_) => (&mut self.payable, amount),
            Book::Receivable(_) => (&mut self.receivable, amount.negated()),
            Book::WriteOffs(_) => (&mut self.loss, amount.negated()),
            _ => return,
        };
        *stands = stands.checked_add(amount).expect("the engine bounds its books");
    }
}

/// A provider as readers see it.
#[derive(Clone, Debug)]
pub struct ProviderView {
    /// The operator's name for it.
    pub name: Arc<str>,
    /// Where its numbers come from.
    pub kind: ProviderKind,
    /// What stands in its books.
    pub books: ProviderBooks,
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
    rails: BTreeMap<RailId, Arc<str>>,
    offers: BTreeMap<OfferKey, OfferId>,
}

impl Directory {
    /// The directory of a state.
    #[must_use]
    pub fn from_state(state: &State) -> Self {
        let mut tables = Tables::default();
        for (id, provider) in state.providers() {
            let (name, books) = (Arc::from(&*provider.name), ProviderBooks::of(state, id));
            tables.providers.insert(id, ProviderView { name, kind: provider.kind, books });
        }
        for (id, name) in state.rails() {
            tables.rails.insert(id, Arc::from(name));
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
            Event::Money(MoneyEvent::Moved(moved)) => self.show_moved(moved),
            Event::Money(MoneyEvent::RailNamed { rail, name }) => {
                self.tables.write().rails.insert(*rail, Arc::from(&**name));
            }
            Event::Money(_)
            | Event::Account(_)
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
                let (name, books) = (Arc::from(&**name), ProviderBooks::default());
                let row = ProviderView { name, kind: *kind, books };
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
            OfferEvent::StockLoaded { .. }
            | OfferEvent::NumberReleased { .. }
            | OfferEvent::NumberHeldBack { .. } => {}
        }
    }

    /// Follows a movement's legs in providers' books.
    fn show_moved(&self, moved: &Moved) {
        let mut legs = moved.legs.iter().filter_map(|leg| Some((leg.book.provider()?, leg)));
        let Some(first) = legs.next() else { return };
        let mut tables = self.tables.write();
        for (provider, leg) in std::iter::once(first).chain(legs) {
            let known = tables.providers.get_mut(&provider);
            known.expect("a book is a registered provider's").books.add(leg);
        }
    }

    /// A rail's name.
    #[must_use]
    pub fn rail(&self, id: RailId) -> Option<Arc<str>> {
        self.tables.read().rails.get(&id).cloned()
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
    fn name_carrier(&mut self, id: CarrierId, name: &str) {
        let name: Arc<str> = Arc::from(name);
        self.carrier_ids.insert(Arc::clone(&name), id);
        self.carriers.insert(id, name);
    }
}
