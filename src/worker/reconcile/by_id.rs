//! Purchases in doubt whose ids are known: each is asked about alone, since a list may not show
//! what has no number yet, or nothing of it at all.
//!
//! Leaves to others: a purchase that gets no number, which goes back when its doubt ends.

use std::sync::Arc;

use nexnum_driver::Op;
use nexnum_engine::order::Order;
use tokio::task::JoinSet;

use super::Reconciler;
use super::compare::adopt;
use crate::order::Orders;
use crate::order::doubt::Numberless;
use crate::provider::connected::Connected;
use crate::provider::consequence;

/// Between two questions about a purchase: providers that assign a number later do so within
/// seconds.
const PAUSE_MS: u64 = 2_000;
/// Purchases that are asked about at once, the oldest first: polls share the lane.
const ASKED_MAX: usize = 16;

impl Reconciler {
    /// Gives orders the numbers that their purchases have got by now, where a status says them.
    pub(super) async fn ask_by_id(&mut self) {
        let now = self.orders.market.clock.now();
        if now < self.by_id_not_before || !self.connected.driver().tells_number() {
            return;
        }
        let known = self.orders.doubts.known();
        if known.is_empty() {
            return;
        }
        self.by_id_not_before = now.plus_ms(PAUSE_MS);
        let waiting = self.waiting().into_iter();
        let named = waiting.filter_map(|(order, _)| Some((known.get(&order.id)?.clone(), order)));
        let mut asking = JoinSet::new();
        for (purchase, order) in named.take(ASKED_MAX) {
            let (orders, connected) = (Arc::clone(&self.orders), Arc::clone(&self.connected));
            asking.spawn(async move { ask(&orders, &connected, &order, purchase).await });
        }
        self.meanwhile(async { while asking.join_next().await.is_some() {} }).await;
    }
}

async fn ask(
    orders: &Orders,
    connected: &Connected,
    order: &Order,
    Numberless { external_id, cost }: Numberless,
) {
    match connected.client().status(&external_id).await {
        Ok(report) => {
            // One that does not fit goes back like one that has none.
            if let Ok(number) = orders.fitting(order, report.number) {
                adopt(orders, connected, order, (number, &external_id, cost)).await;
            }
        }
        Err(error) if consequence::of(error.kind).is_noted => {
            connected.note_error(orders.market.clock.now(), Op::Status, Some(order.id), &error);
        }
        Err(_) => {}
    }
}
