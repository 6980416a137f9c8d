//! What offers cost at least: those that were charged above their prices are not sold until their
//! lists name as much, and what a start before this one knew holds on.

use nexnum_driver::Op;
use nexnum_engine::ids::{OfferId, OrderId};
use nexnum_engine::money::Micros;

use super::Orders;
use crate::attention::AttentionKind;
use crate::market::kept_costs::{KeptCost, Known};
use crate::market::recent::Overcharged;
use crate::provider::connected::{Connected, Failure};
use crate::provider::least_cost::{CostSource, LeastCost, Overcharge};

impl Orders {
    /// Remembers, at a start, what was kept of offers' costs. What was charged above its price in the
    /// second before a kill follows from the ledger, some seconds later.
    pub(crate) fn remember_costs(&self) {
        for (offer, KeptCost { cost, known }) in self.market.kept_costs.all() {
            let source = match known {
                Known::Charged { order, price } => {
                    self.remember_overcharge(offer, Overcharged { order, price, cost });
                    continue;
                }
                Known::Named { until, before } => CostSource::Named { until, before },
                Known::Refused { until, pause_ms } => CostSource::Refused { until, pause_ms },
            };
            self.remember_cost(LeastCost { offer, cost, source });
        }
        self.providers.list().iter().for_each(|connected| connected.tell_overcharges());
    }

    /// Keeps an offer out of sale that was charged so much, unless its list names as much now.
    pub(super) fn remember_overcharge(&self, offer: OfferId, by: Overcharged) {
        let Overcharged { order, price, cost } = by;
        let grid = &self.market.grid;
        let Some(ask) = grid.ask(offer).filter(|ask| ask.cost < cost) else { return };
        let connected = self.providers.get(ask.provider);
        let Some(connected) = connected.filter(|it| !it.began_void()) else { return };
        connected
            .least_costs()
            .charged((ask.offer, (ask.product, ask.carrier)), Overcharge { order, price, cost });
        grid.exhaust(ask.offer);
    }

    /// Remembers what a refusal said of an offer's cost.
    fn remember_cost(&self, least: LeastCost) {
        let grid = &self.market.grid;
        let Some(ask) = grid.ask(least.offer) else { return };
        let connected = self.providers.get(ask.provider).filter(|it| !it.began_void());
        let Some(connected) = connected else { return };
        connected.least_costs().restore((ask.product, ask.carrier), least);
        // A price that was named is in the ledger; the next list is held against both.
        let is_out = matches!(least.source, CostSource::Refused { .. });
        if is_out && !least.allows(ask.cost) && least.is_believed(self.market.clock.now()) {
            grid.exhaust(ask.offer);
        }
    }

    /// Keeps what offers cost at least for a later start. It waits for the disk if that has changed.
    pub(crate) fn keep_costs(&self) {
        for connected in self.providers.list() {
            let kept = connected.least_costs().all().into_iter().map(|least| {
                let LeastCost { offer, cost, source } = least;
                let known = match source {
                    CostSource::Charged { order, price } => Known::Charged { order, price },
                    CostSource::Named { until, before } => Known::Named { until, before },
                    CostSource::Refused { until, pause_ms } => Known::Refused { until, pause_ms },
                };
                (offer, KeptCost { cost, known })
            });
            self.market.kept_costs.note(connected.id(), &kept.collect());
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
        connected.least_costs().charged((offer, (ask.product, ask.carrier)), overcharge);
    }
    market.grid.exhaust(offer);
    market.metrics.overcharged(connected.name());
    let subject = (connected.name(), order);
    market.attention.raise(AttentionKind::Overcharge, subject, overcharge.text());
    let (at, op) = (market.clock.now(), Op::Buy);
    let text = format!("charged {cost}, sold for {price}");
    connected.note_failure(Failure { at, op, order: Some(order), text });
}
