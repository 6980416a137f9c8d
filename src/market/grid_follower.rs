//! The grid as the ledger's follower: own stock appears when its event is durable, and a
//! number that comes back is for sale again.
//!
//! Driven offers are put into the grid by the sync, which knows the live stock; after a
//! restart all offers stand as their last events left them, less what is still claimed.

use std::collections::BTreeMap;
use std::sync::Arc;

use nexnum_engine::activation::ActivationState;
use nexnum_engine::catalog::Catalog;
use nexnum_engine::event::{Event, OfferEvent, OfferTerms, OrderEvent, ProviderKind};
use nexnum_engine::grid::{Coverage, Grid, Listing};
use nexnum_engine::ids::{CarrierId, OfferId, OrderId, Product, ProviderId};
use nexnum_engine::order::{Order, OrderStatus};
use nexnum_engine::reservation::Claim;
use nexnum_engine::state::{Offer, State};
use parking_lot::Mutex;

use crate::market::change::Change;

/// The grid and what is needed to keep own stock in it.
#[derive(Debug)]
pub struct GridFollower {
    grid: Arc<Grid>,
    own: Mutex<Own>,
}

#[derive(Debug, Default)]
struct Own {
    providers: Vec<ProviderId>,
    offers: BTreeMap<OfferId, (ProviderId, Product, CarrierId)>,
}

/// A unit that was claimed for an order when the process ended.
#[derive(Debug)]
pub struct OpenClaim {
    /// The order, which still has no number.
    pub order: OrderId,
    /// Its unit, claimed again.
    pub claim: Claim,
}

impl GridFollower {
    /// The market of a replayed state, and the claims that were open.
    ///
    /// # Panics
    /// If an offer of the state does not fit the grid: the engine bounds them alike.
    #[must_use]
    pub fn from_state(catalog: &Catalog, state: &State) -> (Self, Vec<OpenClaim>) {
        let (countries, services) = (catalog.countries().len(), catalog.services().len());
        let grid = Arc::new(Grid::new(countries as u16, services as u16));
        let mut own = Own::default();
        let kinds = state.providers().filter(|(_, known)| known.kind == ProviderKind::Own);
        own.providers.extend(kinds.map(|(provider, _)| provider));
        // One pass over the offers, however many providers there are.
        let mut rows: BTreeMap<ProviderId, Vec<Listing>> = BTreeMap::new();
        for (id, offer) in state.offers() {
            if own.providers.contains(&offer.provider) {
                own.offers.insert(id, (offer.provider, offer.product, offer.carrier));
            }
            if offer.price.is_positive() {
                rows.entry(offer.provider).or_default().push(listing(state, id, offer));
            }
        }
        for (provider, rows) in rows {
            grid.publish(provider, &rows, Coverage::Whole).expect("the engine bounds offers alike");
        }
        let waiting = state.orders().filter(|order| order.state == ActivationState::Init);
        let again = |order: &Order| {
            let claim = grid.claim_open(order.offer).ok()?;
            Some(OpenClaim { order: order.id, claim })
        };
        let claims = waiting.filter_map(again).collect();
        (Self { grid, own: Mutex::new(own) }, claims)
    }

    /// The grid.
    #[must_use]
    pub const fn grid(&self) -> &Arc<Grid> {
        &self.grid
    }

    /// Follows a durable change. Called by one thread, in the ledger's order.
    pub fn publish(&self, change: &Change) {
        let mut own = self.own.lock();
        // What an order's money does comes between the end of the order and its number's rest.
        let events = change.events().iter().filter(|event| event.moved().is_none());
        let mut events = events.peekable();
        while let Some(event) = events.next() {
            match event {
                Event::Offer(event) => self.follow_offer(&mut own, event),
                Event::Order(event) => {
                    let next = events.peek();
                    let rests =
                        matches!(next, Some(Event::Order(OrderEvent::NumberQuarantined { .. })));
                    if !rests {
                        self.follow_order(&own, change, event);
                    }
                }
                Event::Account(_)
                | Event::Money(_)
                | Event::Memory(_)
                | Event::Upstream(_)
                | Event::Callback(_)
                | Event::Ledger(_)
                | Event::SealKey(_) => {}
            }
        }
        // Last: a unit that is held back may be claimed already, by an order that gets one
        // which came later in this change. Taken out first, it would not be missed.
        for event in change.events() {
            if let Event::Offer(OfferEvent::NumberHeldBack { offer, rested: None, .. }) = event {
                self.grid.remove_stock(*offer, 1).expect("own stock is priced before it is loaded");
            }
        }
    }

    fn follow_offer(&self, own: &mut Own, event: &OfferEvent) {
        match event {
            OfferEvent::ProviderRegistered { provider, kind: ProviderKind::Own, .. } => {
                own.providers.push(*provider);
            }
            OfferEvent::OffersListed { provider, first, offers }
                if own.providers.contains(provider) =>
            {
                for ((product, carrier), id) in offers.iter().zip(first.0..) {
                    own.offers.insert(OfferId(id), (*provider, *product, *carrier));
                }
            }
            OfferEvent::OffersPriced { terms, .. } => self.reprice_own(own, terms),
            OfferEvent::StockLoaded { offer, numbers, .. } => {
                self.add(*offer, numbers.len() as u32)
            }
            OfferEvent::NumberReleased { offer, .. } => self.add(*offer, 1),
            // What rests is not on sale, what was is taken out last.
            OfferEvent::NumberHeldBack { .. } => {}
            OfferEvent::ProviderRegistered { kind: ProviderKind::Driven, .. }
            | OfferEvent::OffersListed { .. }
            | OfferEvent::CarrierNamed { .. } => {}
        }
    }

    /// Follows an event of an order whose number does not rest after it.
    fn follow_order(&self, own: &Own, change: &Change, event: &OrderEvent) {
        match event {
            OrderEvent::ActivationClosed { order, .. } => self.take_back(own, change, order.id),
            OrderEvent::OrderPlaced(_)
            | OrderEvent::AttemptStarted { .. }
            | OrderEvent::OrderDoubted { .. }
            | OrderEvent::DoubtCleared { .. }
            | OrderEvent::NumberAssigned { .. }
            | OrderEvent::MessageReceived(_)
            | OrderEvent::MessageCompleted(_)
            | OrderEvent::MessageShown { .. }
            | OrderEvent::AnotherRequested { .. }
            | OrderEvent::OrderFailed { .. }
            | OrderEvent::NumberQuarantined { .. } => {}
        }
    }

    fn reprice_own(&self, own: &Own, terms: &[OfferTerms]) {
        for terms in terms {
            let Some(&(provider, product, carrier)) = own.offers.get(&terms.offer) else {
                continue;
            };
            if self.grid.reprice(terms.offer, terms.cost, terms.price).is_none() {
                let row = Listing {
                    offer: terms.offer,
                    product,
                    carrier,
                    cost: terms.cost,
                    price: terms.price,
                    stock: 0,
                };
                self.grid
                    .publish(provider, &[row], Coverage::Delta)
                    .expect("the engine bounds offers alike");
            }
        }
    }

    /// Puts a refunded order's number of own stock back on sale, where it does not rest.
    fn take_back(&self, own: &Own, change: &Change, id: OrderId) {
        let Ok(at) = change.orders.binary_search_by_key(&id, |order| order.id) else { return };
        let order = &change.orders[at];
        let came_back = order.status == OrderStatus::Refunded && order.assignment.is_some();
        if came_back && own.offers.contains_key(&order.offer) {
            self.add(order.offer, 1);
        }
    }

    fn add(&self, offer: OfferId, units: u32) {
        self.grid.add_stock(offer, units).expect("own stock is priced before it is loaded");
    }
}

/// An offer as its last events left it.
fn listing(state: &State, id: OfferId, offer: &Offer) -> Listing {
    Listing {
        offer: id,
        product: offer.product,
        carrier: offer.carrier,
        cost: offer.cost,
        price: offer.price,
        stock: state.stock(id),
    }
}
