//! What offers cost at least: those that were charged above their prices are not sold until their
//! lists name as much, and what a start before this one knew holds on.

use std::collections::BTreeMap;

use nexnum_driver::{ErrorKind, Op, ProviderError};
use nexnum_engine::event::Terms;
use nexnum_engine::ids::{OfferId, OrderId};
use nexnum_engine::money::{COST_MAX, Micros};
use nexnum_engine::pricing::sell_price;
use nexnum_engine::product::OfferKey;
use nexnum_engine::reservation::Claim;

use super::Orders;
use crate::attention::AttentionKind;
use crate::market::recent::{Recent, RecentCharge};
use crate::provider::connected::{Connected, Failure};
use crate::provider::least_cost::{CostSource, LeastCost, Overcharge};

impl Orders {
    /// Remembers, at a start, what was kept of offers' costs. What was charged above its price in the
    /// second before a kill follows from the ledger, some seconds later.
    pub(crate) fn remember_costs(&self) {
        for connected in self.providers.list() {
            self.remember_costs_of(&connected, &connected.kept_costs());
            connected.tell_overcharges();
        }
    }

    /// Remembers at which terms was bought lately, and what the ledger tells of overcharges that became
    /// known after all else was kept.
    pub(super) fn remember_terms(&self, recent: &Recent) {
        self.market.stand_in(&recent.terms);
        for connected in self.providers.list() {
            let is_of_it = |offer: &OfferId| {
                recent.terms.get(offer).is_some_and(|terms| terms.provider == connected.id())
            };
            // Of the others those are over that were not kept.
            let is_news = |charge: &RecentCharge| charge.at > connected.costs_kept_until();
            let charges = recent.overcharged.iter();
            let charges = charges.filter(|(offer, charge)| is_of_it(offer) && is_news(charge));
            let least = |(offer, charge): (&OfferId, &RecentCharge)| {
                let RecentCharge { order, price, cost, at: _ } = *charge;
                LeastCost { offer: *offer, cost, source: CostSource::Charged { order, price } }
            };
            self.remember_costs_of(&connected, &charges.map(least).collect::<Vec<_>>());
            connected.tell_overcharges();
            connected.least_costs().keep_anew();
        }
    }

    fn remember_costs_of(&self, connected: &Connected, known: &[LeastCost]) {
        if known.is_empty() {
            return;
        }
        let offers = self.market.read_model.directory().offers_of(connected.id());
        let keys: BTreeMap<_, _> = offers.into_iter().map(|(key, offer)| (offer, key)).collect();
        for least in known {
            if let Some(key) = keys.get(&least.offer) {
                self.remember_cost(connected, *key, *least);
            }
        }
    }

    /// Remembers what an offer costs at least. One that was charged more than its list says, or
    /// refused at that, is out.
    fn remember_cost(&self, connected: &Connected, key: OfferKey, least: LeastCost) {
        let (grid, now) = (&self.market.grid, self.market.clock.now());
        if connected.began_void() {
            return;
        }
        // Without the last terms, nothing says that its list has caught up.
        let listed = grid.ask(least.offer).map(|ask| ask.cost);
        match least.source {
            // Its list has said as much before the start.
            CostSource::Charged { .. } if listed.is_some_and(|cost| least.allows(cost)) => return,
            CostSource::Charged { order, price } => {
                let by = Overcharge { order, price, cost: least.cost };
                connected.least_costs().charged((least.offer, key), by);
            }
            CostSource::Named { .. } | CostSource::Refused { .. } => {
                connected.least_costs().restore(key, least);
            }
        }
        if listed.is_none_or(|cost| least.allows(cost)) || !least.is_believed(now) {
            return;
        }
        let price = sell_price(least.cost, connected.policy().margin);
        match (least.source, price.filter(|price| *price <= COST_MAX)) {
            // Named after the last terms were written.
            (CostSource::Named { .. }, Some(price)) => {
                let _listed = grid.reprice(least.offer, least.cost, price);
            }
            (CostSource::Named { .. }, None)
            | (CostSource::Charged { .. } | CostSource::Refused { .. }, _) => {
                grid.exhaust(least.offer);
            }
        }
    }
}

/// Notes what a provider charged for a number, by its reply or its list: an offer that cost more
/// than it was sold for is not sold until its list shows what it costs. Some providers know no
/// limit where a carrier is named; the number is ours all the same.
pub(crate) fn note_charge(
    orders: &Orders,
    connected: &Connected,
    order: OrderId,
    (offer, price): (OfferId, Micros),
    cost: Micros,
) {
    if cost <= price {
        return;
    }
    let market = &orders.market;
    let overcharge = Overcharge { order, price, cost };
    if let Some(ask) = market.grid.ask(offer) {
        connected
            .least_costs()
            .charged((offer, OfferKey::of(ask.product, ask.variant)), overcharge);
    }
    market.grid.exhaust(offer);
    market.metrics.overcharged(connected.name());
    let subject = (connected.name(), order);
    market.attention.raise(AttentionKind::Overcharge, subject, overcharge.text());
    let (at, op) = (market.clock.now(), Op::Buy);
    let text = format!("charged {cost}, sold for {price}");
    connected.note_failure(Failure { at, op, order: Some(order), text });
}

/// The terms at which an offer can be had whose purchase was refused as too cheap: what the
/// provider named, with the margin. `None` if it named nothing that can be sold, or nothing
/// above what was offered.
pub(super) fn named_cost(
    connected: &Connected,
    claim: &Claim,
    error: &ProviderError,
) -> Option<Terms> {
    let cost = error.price.filter(|_| error.kind == ErrorKind::PriceTooLow)?;
    let price = sell_price(cost, connected.policy().margin)?;
    let (offer, provider) = (claim.offer(), claim.provider());
    let is_sold = cost.is_positive() && price > claim.price() && price <= COST_MAX;
    is_sold.then_some(Terms { offer, provider, price, cost })
}
