//! Small tables that change rarely: providers, variants, own offers.

use std::collections::BTreeMap;
use std::sync::Arc;

use nexnum_engine::book::Book;
use nexnum_engine::event::{Event, Leg, MoneyEvent, Moved, OfferEvent, ProviderKind};
use nexnum_engine::ids::{OfferId, Product, ProviderId, RailId, VariantId};
use nexnum_engine::money::Micros;
use nexnum_engine::product::{OfferKey, Variant};
use nexnum_engine::state::State;
use parking_lot::RwLock;

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

/// Providers, variants and every offer's id.
#[derive(Debug, Default)]
pub struct Directory {
    tables: RwLock<Tables>,
}

#[derive(Debug, Default)]
struct Tables {
    providers: BTreeMap<ProviderId, ProviderView>,
    variants: BTreeMap<VariantId, Arc<Variant>>,
    variant_ids: BTreeMap<Arc<Variant>, VariantId>,
    rails: BTreeMap<RailId, Arc<str>>,
    offers: BTreeMap<(ProviderId, OfferKey), OfferId>,
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
        for (id, parts) in state.variants() {
            tables.name_variant(id, parts);
        }
        for (id, offer) in state.offers() {
            tables.offers.insert((offer.provider, offer.key()), id);
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
            OfferEvent::VariantNamed { variant, parts } => {
                self.tables.write().name_variant(*variant, parts);
            }
            OfferEvent::OffersListed { provider, first, offers } => {
                let mut tables = self.tables.write();
                for (key, id) in offers.iter().zip(first.0..) {
                    tables.offers.insert((*provider, *key), OfferId(id));
                }
            }
            OfferEvent::StockLoaded { .. }
            | OfferEvent::NumberReleased { .. }
            | OfferEvent::NumberHeldBack { .. }
            | OfferEvent::StockTakenBack { .. } => {}
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

    /// A variant's id.
    #[must_use]
    pub fn variant(&self, parts: &Variant) -> Option<VariantId> {
        self.tables.read().variant_ids.get(parts).copied()
    }

    /// A variant's parts; `None` for any.
    #[must_use]
    pub fn variant_parts(&self, id: VariantId) -> Option<Arc<Variant>> {
        if id == VariantId::ANY {
            return None;
        }
        self.tables.read().variants.get(&id).cloned()
    }

    /// The id of a provider's offer.
    #[must_use]
    pub fn offer(&self, provider: ProviderId, key: OfferKey) -> Option<OfferId> {
        self.tables.read().offers.get(&(provider, key)).copied()
    }

    /// A provider's offers, by what they are for.
    #[must_use]
    pub fn offers_of(&self, provider: ProviderId) -> Vec<(OfferKey, OfferId)> {
        let tables = self.tables.read();
        let from = (provider, OfferKey::of(Product::default(), VariantId::ANY));
        let offers = tables.offers.range(from..);
        let own = offers.take_while(|((of, _), _)| *of == provider);
        own.map(|((_, key), offer)| (*key, *offer)).collect()
    }
}

impl Tables {
    fn name_variant(&mut self, id: VariantId, parts: &Variant) {
        let parts = Arc::new(parts.clone());
        self.variant_ids.insert(Arc::clone(&parts), id);
        self.variants.insert(id, parts);
    }
}
