//! The grid as the ledger's follower: own stock appears when its event is durable, and a
//! number that comes back is for sale again.
//!
//! Driven offers are put into the grid by the sync, which knows the live stock; after a restart
//! they stand at their last terms, less what is still claimed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use nexnum_engine::activation::{ActivationState, NumberPlace};
use nexnum_engine::catalog::Catalog;
use nexnum_engine::event::{Event, OfferEvent, OrderEvent, ProviderKind};
use nexnum_engine::grid::{Coverage, Grid, Listing};
use nexnum_engine::ids::{LoadId, OfferId, OrderId, Product, ProviderId, VariantId};
use nexnum_engine::order::{Order, OrderStatus};
use nexnum_engine::reservation::Claim;
use nexnum_engine::state::{Offer, State, StockTerms};
use parking_lot::Mutex;

use super::last_terms::{self, RowsByProvider};
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
    offers: BTreeMap<OfferId, (ProviderId, Product, VariantId)>,
    /// Loads of open orders that were taken back: their numbers do not come back.
    taken_back: BTreeSet<LoadId>,
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
    /// The market of a replayed state with the last terms of its driven offers, and the claims that
    /// were open.
    ///
    /// # Panics
    /// If an offer of the state does not fit the grid: the engine bounds them alike.
    #[must_use]
    pub fn from_state(
        catalog: &Catalog,
        state: &State,
        mut rows: RowsByProvider,
    ) -> (Self, Vec<OpenClaim>) {
        let (countries, services) = (catalog.countries().len(), catalog.services().len());
        let grid = Arc::new(Grid::new(countries as u16, services as u16));
        let mut own = Own::default();
        let kinds = state.providers().filter(|(_, known)| known.kind == ProviderKind::Own);
        own.providers.extend(kinds.map(|(provider, _)| provider));
        let of_own = state.offers().filter(|(_, offer)| own.providers.contains(&offer.provider));
        let of_own = of_own.map(|(id, it)| (id, (it.provider, it.product, it.variant)));
        own.offers.extend(of_own);
        let loads = state.orders().filter_map(load_of);
        own.taken_back.extend(loads.filter(|load| !state.loads().is_for_sale(*load)));
        add_missing(state, &own, &mut rows);
        for (provider, rows) in rows {
            last_terms::publish(&grid, provider, &rows, Coverage::Whole);
        }
        let again = |order: &Order| {
            let claim = grid.claim_open(order.offer).ok()?;
            Some(OpenClaim { order: order.id, claim })
        };
        let claims = waiting(state).filter_map(again).collect();
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
            let (offer, units) = match event {
                Event::Offer(OfferEvent::NumberHeldBack { offer, rested: None, .. }) => (offer, 1),
                Event::Offer(OfferEvent::StockTakenBack { offer, in_stock, .. }) => {
                    (offer, *in_stock)
                }
                _ => continue,
            };
            self.grid.remove_stock(*offer, units).expect("own stock has its terms from its load");
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
                for (key, id) in offers.iter().zip(first.0..) {
                    own.offers.insert(OfferId(id), (*provider, key.product, key.variant));
                }
            }
            OfferEvent::StockLoaded { offer, numbers, cost, price, .. } => {
                self.reprice_own(own, *offer, StockTerms { cost: *cost, price: *price });
                self.add(*offer, numbers.len() as u32)
            }
            OfferEvent::NumberReleased { offer, .. } => self.add(*offer, 1),
            // What rests is not on sale, what was is taken out last.
            OfferEvent::NumberHeldBack { .. } => {}
            OfferEvent::StockTakenBack { load, .. } => {
                own.taken_back.insert(*load);
            }
            OfferEvent::ProviderRegistered { kind: ProviderKind::Driven, .. }
            | OfferEvent::OffersListed { .. }
            | OfferEvent::VariantNamed { .. } => {}
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

    /// Gives an offer of own stock the terms of its last load.
    fn reprice_own(&self, own: &Own, offer: OfferId, StockTerms { cost, price }: StockTerms) {
        if self.grid.reprice(offer, cost, price).is_none() {
            let (provider, product, variant) = own.offers[&offer];
            let row = Listing { offer, product, variant, cost, price, stock: 0 };
            last_terms::publish(&self.grid, provider, &[row], Coverage::Delta);
        }
    }

    /// Puts a refunded order's number of own stock back on sale, where it does not rest.
    fn take_back(&self, own: &Own, change: &Change, id: OrderId) {
        let Ok(at) = change.orders.binary_search_by_key(&id, |order| order.id) else { return };
        let order = &change.orders[at];
        let is_kept = load_of(order).is_some_and(|load| !own.taken_back.contains(&load));
        if order.status == OrderStatus::Refunded && is_kept {
            self.add(order.offer, 1);
        }
    }

    fn add(&self, offer: OfferId, units: u32) {
        self.grid.add_stock(offer, units).expect("own stock has its terms from its load");
    }
}

/// What is not in `rows` of the offers of a state: own stock, which the state has itself; and offers
/// that claims are held on, at the terms of their orders and without stock.
fn add_missing(state: &State, own: &Own, rows: &mut RowsByProvider) {
    for (offer, (provider, product, variant)) in &own.offers {
        let (offer, product, variant) = (*offer, *product, *variant);
        if let Some((StockTerms { cost, price }, stock)) = state.stock(offer) {
            let row = Listing { offer, product, variant, cost, price, stock };
            rows.entry(*provider).or_default().push(row);
        }
    }
    let mut known: BTreeSet<_> = rows.values().flatten().map(|row| row.offer).collect();
    for Order { offer, cost, price, .. } in waiting(state) {
        let (offer, cost, price) = (*offer, *cost, *price);
        if known.insert(offer) {
            let offered = state.offer(offer).expect("it was claimed");
            let Offer { provider, product, variant, .. } = *offered;
            let row = Listing { offer, product, variant, cost, price, stock: 0 };
            rows.entry(provider).or_default().push(row);
        }
    }
}

/// The load of an order's number, if that is of own stock.
fn load_of(order: &Order) -> Option<LoadId> {
    match order.assignment.as_ref()?.place {
        NumberPlace::Load(load, _) => Some(load),
        NumberPlace::Here(_) => None,
    }
}

/// The orders that have no number yet.
fn waiting(state: &State) -> impl Iterator<Item = &Order> {
    state.orders().filter(|order| order.state == ActivationState::Init)
}
