//! What follows from a list of open activations for the purchases that are looked for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use nexnum_driver::ActiveRow;
use nexnum_engine::command::FailOrder;
use nexnum_engine::ids::{Number, OrderId};
use nexnum_engine::money::Micros;
use nexnum_engine::order::{FailReason, Order};
use nexnum_engine::time::Time;
use tokio::task::JoinSet;

use super::listed::{self, ReadList, international};
use super::{Reconciler, SERVED_MAX};
use crate::order::Given;
use crate::order::Orders;
use crate::order::doubt::{self, Doubt, GIVEN_UP_KEPT_MS, PurchaseGivenUp, Window};
use crate::order::matching::{Matched, Seeker, Served, Unowned, match_rows};
use crate::order::misfit::{Misfit, SeenIn};
use crate::order::orphan::LostOrphan;
use crate::order::{buy, least_cost};
use crate::provider::connected::Connected;
use crate::provider::listed::Listed;

/// Purchases that are adopted at once, or orders that end: a commit takes them together.
const ADOPTIONS_MAX: usize = 256;

impl Reconciler {
    /// Draws the conclusions from a list that was asked for while these waited.
    pub(super) async fn compare(
        &mut self,
        waiting: &[(Arc<Order>, Window)],
        given_up: &[PurchaseGivenUp],
        listed: Listed,
    ) {
        // 1. Calls first: one that ends now is in the calls, or is known as a purchase below, or
        // its order is in doubt by now and may have a row of a list that was read meanwhile.
        let calls = self.orders.doubts.calls(self.connected.id());
        let doubted = self.waiting();
        // 2. The rows that no order has, and whose each of them is.
        let (asked, is_cut) = (listed.look.asked, listed.list.is_cut());
        let ReadList { unowned, closed, whole_from } =
            listed::read(&self.orders, &self.connected, listed, &mut self.zone);
        let (seekers, known) = self.seekers(&doubted);
        let (ours, mut unowned): (Vec<_>, Vec<_>) =
            unowned.into_iter().partition(|(row, _)| known.contains_key(&*row.external_id));
        let rows: Vec<Unowned> = unowned.iter().map(|(_, says)| *says).collect();
        let served = self.served(asked);
        let mut matched = match_rows(&rows, &seekers, given_up, &served, &calls);
        // 3. Where others buy on the account, none is known to be ours.
        let closed = closed.iter().filter(|(_, says)| says.made.after >= Some(self.began));
        self.judge_account(&unowned.iter().chain(closed).collect::<Vec<_>>(), asked);
        if self.is_shared(asked) {
            matched.withhold();
        }
        let (provider, steps) = (self.connected.name(), matched.steps);
        tracing::debug!(provider, rows = rows.len(), seekers = seekers.len(), steps, "compared");
        self.note_served(&matched, &doubted, &rows);
        // 4. Orders in doubt get their purchases, those first whose ids their answers said; one
        // whose purchase goes back buys once more.
        for row in ours {
            matched.adopted.push((unowned.len(), known[&*row.0.external_id]));
            unowned.push(row);
        }
        let Adoptions { begun, numberless, returned } =
            self.adopt_all(&matched, &doubted, &unowned).await;
        self.resume_all(self.settle_all(&returned, &doubted)).await;
        // 5. What was given up goes back; what may be a stranger's is the operator's to judge.
        for (at, purchase) in &matched.returned {
            self.give_back(&unowned[*at], purchase);
        }
        self.orders.doubts.found(matched.returned.iter().map(|(_, purchase)| purchase));
        self.report(matched.unattributed.iter().map(|at| &unowned[*at].0), &unowned, is_cut);
        // 6. An order that whole lists do not show was not bought.
        let is_named = |id: &OrderId| begun.contains(id) || numberless.contains(id);
        let absent = waiting.iter().filter(|(_, window)| whole_from <= window.since);
        let absent = absent.map(|(order, _)| order.id);
        let absent = absent.filter(|id| !is_named(id) && !matched.unclear.contains(id));
        let settled = self.orders.doubts.count_absences(asked, absent);
        let settled = self.settle_all(&settled, waiting);
        for (order, window, doubt) in &settled {
            // Should it turn up all the same, it goes back.
            self.orders.give_up_purchase(order, *window, doubt.numberless.as_ref());
        }
        self.resume_all(settled).await;
    }

    /// The orders that have got their purchases from lists, or whose given up ones went back.
    fn served(&mut self, now: Time) -> Vec<Served> {
        while self.served.front().is_some_and(|(until, _)| *until <= now) {
            self.served.pop_front();
        }
        self.served.iter().map(|(_, served)| *served).collect()
    }

    fn note_served(
        &mut self,
        matched: &Matched,
        doubted: &[(Arc<Order>, Window)],
        rows: &[Unowned],
    ) {
        let until = self.orders.market.clock.now().plus_ms(GIVEN_UP_KEPT_MS);
        let adopted: BTreeMap<OrderId, usize> =
            matched.adopted.iter().map(|(at, id)| (*id, *at)).collect();
        let adopted = doubted.iter().filter_map(|(order, window)| {
            let row = rows[*adopted.get(&order.id)?];
            Some(Served { product: order.product, window: *window, row })
        });
        let returned =
            matched.returned.iter().map(|(at, PurchaseGivenUp { product, window, .. })| Served {
                product: *product,
                window: *window,
                row: rows[*at],
            });
        self.served.extend(adopted.chain(returned).map(|served| (until, served)));
        let above = self.served.len().saturating_sub(SERVED_MAX);
        self.served.drain(..above);
    }

    /// The orders whose purchases have to be told by what lists say of them, and the others by
    /// the ids of theirs.
    fn seekers(
        &self,
        doubted: &[(Arc<Order>, Window)],
    ) -> (Vec<Seeker>, BTreeMap<Box<str>, OrderId>) {
        let ids = self.orders.doubts.known();
        let seeks = |(order, _): &&(Arc<Order>, Window)| !ids.contains_key(&order.id);
        let known = doubted
            .iter()
            .filter_map(|(order, _)| Some((ids.get(&order.id)?.external_id.clone(), order.id)));
        (doubted.iter().filter(seeks).map(seeker).collect(), known.collect())
    }

    /// Gives orders what lists show of their purchases.
    async fn adopt_all(
        &self,
        matched: &Matched,
        doubted: &[(Arc<Order>, Window)],
        unowned: &[(ActiveRow, Unowned)],
    ) -> Adoptions {
        let doubted: BTreeMap<OrderId, &Arc<Order>> =
            doubted.iter().map(|(order, _)| (order.id, order)).collect();
        let (mut adoptions, mut came_to) = (JoinSet::new(), Adoptions::default());
        for (at, id) in &matched.adopted {
            let Some(order) = doubted.get(id) else { continue };
            if adoptions.len() >= ADOPTIONS_MAX {
                adoptions.join_next().await;
            }
            let (orders, connected) = (Arc::clone(&self.orders), Arc::clone(&self.connected));
            let (row, says) = &unowned[*at];
            let given = international(orders.market.catalog, row, order.product.country);
            let number = match orders.fitting(order, given) {
                Ok(number) => number,
                // It may get one yet.
                Err(Misfit::NoNumber) => {
                    came_to.numberless.insert(*id);
                    continue;
                }
                Err(misfit) => {
                    orders.report_misfit(&connected, *id, (misfit, SeenIn::List));
                    // What is no other order's was bought for this one all the same.
                    if !orders.has_purchase(given, &row.external_id) {
                        self.give_row_back((row, says), (*id, order.attempt), None);
                        came_to.returned.push(*id);
                    }
                    continue;
                }
            };
            came_to.begun.insert(*id);
            let (order, row) = (Arc::clone(order), row.clone());
            adoptions.spawn(async move {
                let bought = (number, &*row.external_id, row.cost);
                adopt(&orders, &connected, &order, bought).await;
            });
        }
        while adoptions.join_next().await.is_some() {}
        came_to
    }

    fn give_back(&self, (row, says): &(ActiveRow, Unowned), purchase: &PurchaseGivenUp) {
        let orders = &self.orders;
        let order = orders.market.read_model.order(purchase.order);
        let number = international(orders.market.catalog, row, purchase.product.country);
        let fits = order.map(|order| orders.fitting(&order, number));
        let is_others = || orders.has_purchase(number, &row.external_id);
        if fits == Some(Err(Misfit::Taken)) && is_others() {
            let taken = (Misfit::Taken, SeenIn::List);
            return orders.report_misfit(&self.connected, purchase.order, taken);
        }
        let bought_for = (purchase.order, purchase.attempt);
        self.give_row_back((row, says), bought_for, purchase.cost);
    }

    /// Gives back what a row shows; it costs what the row says, or else so much.
    fn give_row_back(
        &self,
        (row, says): (&ActiveRow, &Unowned),
        bought_for: (OrderId, u8),
        cost: Option<Micros>,
    ) {
        let (orders, connected) = (&self.orders, &self.connected);
        let (age, now) = (connected.timings().min_cancel_age_ms, orders.market.clock.now());
        let orphan = LostOrphan {
            external_id: &row.external_id,
            from: says.made.before.min(now).plus_ms(age),
            bought_for,
            cost: doubt::bookable(row.cost).or(cost),
        };
        orphan.give_back(orders, connected);
    }

    /// Ends the orders whose doubts are too old, while the provider answers: what was bought for
    /// them is written off, and goes back if a list proves it to be ours.
    pub(super) async fn end_unsettled(&self) {
        if !self.answers {
            return;
        }
        let waiting = self.waiting();
        let ids = waiting.iter().map(|(order, _)| order.id);
        let now = self.orders.market.clock.now();
        let unsettled: BTreeSet<_> = self.orders.doubts.unsettled(now, ids).into_iter().collect();
        if unsettled.is_empty() {
            return;
        }
        let mut ending = JoinSet::new();
        for (order, _) in waiting.into_iter().filter(|(order, _)| unsettled.contains(&order.id)) {
            if ending.len() >= ADOPTIONS_MAX {
                ending.join_next().await;
            }
            let (orders, connected) = (Arc::clone(&self.orders), Arc::clone(&self.connected));
            ending.spawn(async move { end_unsettled(&orders, &connected, &order).await });
        }
        while ending.join_next().await.is_some() {}
        // Those that have ended are in doubt no longer.
        let _still_waiting = self.waiting();
    }

    /// Ends the doubts of orders whose purchases lists do not show, or show as what goes back.
    fn settle_all(
        &self,
        settled: &[OrderId],
        waiting: &[(Arc<Order>, Window)],
    ) -> Vec<(Arc<Order>, Window, Doubt)> {
        let settled: BTreeSet<_> = settled.iter().copied().collect();
        let settled = waiting.iter().filter(|(order, _)| settled.contains(&order.id));
        let settle = |(order, window): &(Arc<Order>, Window)| {
            let doubt = self.orders.doubts.settle(order.id)?;
            let (provider, id) = (self.connected.name(), order.id.0);
            tracing::info!(
                provider,
                order = id,
                "doubt settled: the provider's lists do not show a purchase that can be sold"
            );
            Some((Arc::clone(order), *window, doubt))
        };
        settled.filter_map(settle).collect()
    }

    /// Sends orders on that are in doubt no longer.
    async fn resume_all(&self, settled: Vec<(Arc<Order>, Window, Doubt)>) {
        let mut resuming = JoinSet::new();
        for (order, _, doubt) in settled {
            drop(doubt.claim);
            if resuming.len() >= ADOPTIONS_MAX {
                resuming.join_next().await;
            }
            let orders = Arc::clone(&self.orders);
            resuming.spawn(async move { buy::resume(&orders, &order, doubt.tried).await });
        }
        while resuming.join_next().await.is_some() {}
    }
}

/// What orders came to whose purchases a list shows.
#[derive(Default)]
struct Adoptions {
    /// Those that get their numbers.
    begun: BTreeSet<OrderId>,
    /// Those whose purchases have no number yet.
    numberless: BTreeSet<OrderId>,
    /// Those whose purchases go back.
    returned: Vec<OrderId>,
}

fn seeker((order, window): &(Arc<Order>, Window)) -> Seeker {
    Seeker { order: order.id, product: order.product, window: *window }
}

/// Ends an order of which its provider does not say whether its purchase was made.
async fn end_unsettled(orders: &Orders, connected: &Connected, order: &Order) {
    let (id, attempt, reason) = (order.id, order.attempt, FailReason::InDoubt);
    let fail = FailOrder { order: id, attempt, reason, ended: None };
    // Where the engine does not take it, the next round or the deadline ends it.
    if let Ok(Ok(_)) = orders.record(order, &fail, order.deadline).await {
        tracing::warn!(
            provider = connected.name(),
            order = id.0,
            "doubt ended: the provider does not say whether its purchase was made"
        );
    }
}

/// Gives an order the purchase that was made for it.
pub(super) async fn adopt(
    orders: &Orders,
    connected: &Connected,
    order: &Order,
    (number, external_id, cost): (Number, &str, Option<Micros>),
) {
    let (charged, carrier, timings) = (None, None, connected.timings());
    let bookable = doubt::bookable(cost);
    let given = Given { number, external_id, cost: bookable, charged, carrier, timings };
    let answer = orders.record_number(order, given).await;
    // Refused or not heard: the next round tries again, or finds the order ended and
    // gives the number back.
    if let Ok(Ok(_)) = answer {
        let doubt = orders.doubts.settle(order.id);
        if let Some(claim) = doubt.and_then(|doubt| doubt.claim) {
            claim.book();
        }
        if let Some(cost) = cost {
            let bought_at = (order.offer, order.price);
            least_cost::note_charge(orders, connected, order.id, bought_at, cost);
        }
        let (provider, order) = (connected.name(), order.id.0);
        tracing::info!(
            provider,
            order,
            "doubt settled: the provider shows the purchase with its number"
        );
    }
}
