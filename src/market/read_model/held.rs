//! Numbers as readers find them: the orders on each, by its tokens; loads of own stock.

use std::sync::Arc;

use nexnum_engine::activation::NumberPlace;
use nexnum_engine::event::{OrderToken, Renamed};
use nexnum_engine::holders::NumberHolders;
use nexnum_engine::ids::{LoadId, OrderId, ProviderId, Seq, Token};
use nexnum_engine::order::Order;
use nexnum_engine::under_keys::UnderKeys;

use super::ReadModel;

impl ReadModel {
    /// Orders in memory on a number of a provider, oldest first, by what stands for it.
    #[must_use]
    pub fn holders(&self, provider: ProviderId, number: &UnderKeys<Token>) -> Vec<OrderId> {
        self.holders_if(number, |known| known == provider)
    }

    /// The same, whichever provider the number is of.
    #[must_use]
    pub fn all_holders(&self, number: &UnderKeys<Token>) -> Vec<OrderId> {
        self.holders_if(number, |_| true)
    }

    fn holders_if(
        &self,
        number: &UnderKeys<Token>,
        is_asked: impl Fn(ProviderId) -> bool,
    ) -> Vec<OrderId> {
        let held = self.held.lock();
        let all = number.iter().flat_map(|token| held.of(*token));
        let mut orders: Vec<_> = all.filter(|(of, _)| is_asked(*of)).map(|(_, id)| id).collect();
        orders.sort_unstable();
        orders
    }

    /// The loads of own stock whose keys live, by id.
    #[must_use]
    pub fn load_ids(&self) -> Vec<LoadId> {
        self.loads.ids()
    }

    /// The orders in memory on numbers that providers gave, in no order.
    #[must_use]
    pub fn on_given_numbers(&self) -> Vec<Arc<Order>> {
        let is_given = |order: &&Arc<Order>| {
            let number = order.assignment.as_ref();
            number.is_some_and(|number| matches!(number.place, NumberPlace::Here(_)))
        };
        self.orders.pin().values().filter(is_given).cloned().collect()
    }

    /// Where a load of own stock stands in the ledger; `None` once its key is destroyed.
    #[must_use]
    pub fn load_at(&self, load: LoadId) -> Option<Seq> {
        self.loads.at(load)
    }

    /// Gives numbers their new tokens, those of orders too: one may leave memory in the same change.
    pub(super) fn retoken(&self, stock: &[Renamed], given: &[OrderToken]) {
        let (mut held, orders) = (self.held.lock(), self.orders.pin());
        let rename = |held: &mut NumberHolders, id: OrderId, new: Token| {
            // One that is not here yet comes with its new token.
            let Some(known) = orders.get(&id) else { return };
            let mut order = Order::clone(known);
            let Some(number) = &mut order.assignment else { return };
            let old = std::mem::replace(&mut number.token, new);
            held.remove(old, order.provider, id);
            held.insert(new, order.provider, id);
            orders.insert(id, Arc::new(order));
        };
        let is_own = |id: &OrderId| {
            let number = orders.get(id).and_then(|order| order.assignment.as_ref());
            number.is_some_and(|number| matches!(number.place, NumberPlace::Load(..)))
        };
        for Renamed { old, new } in stock {
            // A provider may have given the same number: that order is named by itself.
            let sold = held.of(*old).map(|(_, id)| id).filter(is_own);
            for id in sold.collect::<Vec<_>>() {
                rename(&mut held, id, *new);
            }
        }
        for OrderToken { order, new } in given {
            rename(&mut held, *order, *new);
        }
    }
}
