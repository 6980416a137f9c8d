//! Offers that were charged above their prices: they are not sold until their lists name as much.

use std::collections::BTreeMap;
use std::sync::Arc;

use nexnum_driver::Op;
use nexnum_engine::ids::{OfferId, OrderId};
use nexnum_engine::money::Micros;
use nexnum_engine::order::Order;
use nexnum_engine::time::Time;

use super::Orders;
use crate::attention::AttentionKind;
use crate::market::recent::Overcharged;
use crate::provider::connected::{Connected, Failure};
use crate::provider::least_cost::Overcharge;

impl Orders {
    /// Remembers, at a start, which offers were charged above their prices, by what was kept and by
    /// the orders of the last hour: they stay out of sale until a list names as much. What was
    /// neither kept nor is in memory follows from the ledger, some seconds later.
    pub(crate) fn remember_overcharges(&self) {
        for (offer, by) in self.market.overcharges.all() {
            self.remember_overcharge(offer, by);
        }
        let read_model = &self.market.read_model;
        let open = read_model.driven().into_iter().filter_map(|id| read_model.order(id));
        let bought = open.chain(read_model.driven_closed_since(Time(0)));
        let is_overcharged =
            |order: &Arc<Order>| order.assignment.is_some() && order.cost > order.price;
        for order in bought.filter(is_overcharged) {
            let Order { id, price, cost, offer, .. } = *order;
            self.remember_overcharge(offer, Overcharged { order: id, price, cost });
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

    /// Keeps which offers are closed now for a later start. It waits for the disk.
    pub(crate) fn keep_overcharges(&self) {
        for connected in self.providers.list() {
            let closed = connected.least_costs().overcharges().into_iter();
            let closed: BTreeMap<_, _> = closed
                .map(|(offer, Overcharge { order, price, cost })| {
                    (offer, Overcharged { order, price, cost })
                })
                .collect();
            self.market.overcharges.note(connected.id(), &closed);
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
