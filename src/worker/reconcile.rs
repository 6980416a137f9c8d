//! Settling doubts: what became of a purchase whose answer never came.
//!
//! While a provider has orders in doubt it is asked for its open activations once a round.
//! A purchase that no order has is adopted by the order it fits; an order that two whole
//! lists in a row do not show, some time after its call, was not bought, and goes on to
//! the next ask; a purchase that turns up after its order has ended or moved on is given
//! back. Once after a start, a purchase that any order of the last hour may have made and
//! that the ledger does not know goes back as well. Doubts at a provider that cannot list
//! end at the engine's deadline.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use nexnum_driver::{ActiveList, ActiveRow, Op};
use nexnum_engine::activation::ActivationState;
use nexnum_engine::catalog::Catalog;
use nexnum_engine::command::AssignNumber;
use nexnum_engine::ids::{CountryId, Number, OrderId};
use nexnum_engine::order::Order;
use nexnum_engine::time::Time;
use tokio::sync::watch;

use super::pause::stopped_within;
use crate::order::doubt::{GIVEN_UP_KEPT_MS, PurchaseGivenUp};
use crate::order::matching::{Matched, Named, SKEW_MS, Seeker, Unowned, match_rows};
use crate::order::orphan::Orphan;
use crate::order::{Orders, buy};
use crate::provider::connected::{Connected, Failure};
use crate::supervisor::Beat;

/// Between two rounds.
const ROUND: Duration = Duration::from_secs(1);
/// Rounds between two looks whether a connection that has left its place is needed still.
const ROUNDS_OF_RETIREMENT: u32 = 30;
/// Between two lists that only what was given up is looked for in.
const GIVEN_UP_PAUSE_MS: u64 = 30_000;
/// After a list that could not be had.
const FAILED_PAUSE_MS: u64 = 5_000;
/// A purchase shows in the list this soon after it came into doubt: a call that was cut
/// off, by a lost connection or a restart, may be at work at the provider still.
const SHOWN_MS: u64 = 10_000;
/// Lists that must not show a purchase before it counts as not made.
const ABSENCES_MIN: u8 = 2;

/// Settles the doubts of one provider.
pub(super) struct Reconciler {
    orders: Arc<Orders>,
    connected: Arc<Connected>,
    /// Purchases that no order has: when each was first seen.
    seen: BTreeMap<String, Time>,
    /// Rows of the last list that could not be read.
    misfits: usize,
    not_before: Time,
    /// The same where only what was given up is looked for.
    given_up_not_before: Time,
    started: Time,
    /// What the orders from before the start may have left at the provider was looked for,
    /// or cannot be.
    looked_back: bool,
    rounds: u32,
}

impl Reconciler {
    /// `looks_back` is for a connection that was there at the start: what orders from before
    /// it may have left at the provider goes back.
    pub(super) fn new(orders: &Arc<Orders>, connected: &Arc<Connected>, looks_back: bool) -> Self {
        let (orders, connected) = (Arc::clone(orders), Arc::clone(connected));
        let (started, seen) = (orders.market.clock.now(), BTreeMap::new());
        let looked_back = !looks_back || !connected.driver().supports(Op::ListActive);
        Self {
            orders,
            connected,
            seen,
            misfits: 0,
            not_before: Time(0),
            given_up_not_before: Time(0),
            started,
            looked_back,
            rounds: 0,
        }
    }

    /// Runs until the workers stop, or until the connection has been replaced or removed and
    /// no order in memory was bought under it.
    pub(super) async fn run(mut self, mut stop: watch::Receiver<bool>, beat: Arc<Beat>) {
        while !stopped_within(&mut stop, ROUND).await {
            beat.round();
            if self.rounds.is_multiple_of(ROUNDS_OF_RETIREMENT) && self.is_over() {
                return;
            }
            self.rounds = self.rounds.wrapping_add(1);
            self.round().await;
        }
    }

    /// Whether nothing can be found any more: the connection has left its place, and no order
    /// in memory was bought under it.
    fn is_over(&self) -> bool {
        let is_retired = self.connected.is_retired() && self.looked_back;
        is_retired && !self.orders.providers.serves_orders(&self.connected)
    }

    /// Whether an attempt's purchase is looked for here: under the connection that it was
    /// begun with, or else under the current one.
    fn is_here(&self, order: OrderId, attempt: u8) -> bool {
        match self.orders.providers.bought_under(order, attempt) {
            Some(bought) => Arc::ptr_eq(&bought, &self.connected),
            None => !self.connected.is_retired(),
        }
    }

    async fn round(&mut self) {
        // 1. What is looked for: orders in doubt, purchases given up, what the last process left.
        let asked = self.orders.market.clock.now();
        if asked < self.not_before {
            return;
        }
        let waiting = self.waiting();
        if waiting.is_empty() && asked < self.given_up_not_before {
            return;
        }
        let mut given_up = self.orders.doubts.given_up(self.connected.id(), asked);
        given_up.retain(|purchase| self.is_here(purchase.order, purchase.attempt));
        let left_behind = if self.looked_back { Some(Vec::new()) } else { self.left_behind(asked) };
        let looks_back = left_behind.is_some();
        given_up.extend(left_behind.unwrap_or_default());
        if waiting.is_empty() && given_up.is_empty() {
            self.looked_back |= looks_back;
            self.seen.clear();
            return;
        }
        if !self.connected.driver().supports(Op::ListActive) {
            return;
        }
        // 2. The provider's list, as far back as the oldest of them.
        let since = reach(&waiting, &given_up);
        let list = match self.connected.client().list_active(since).await {
            Ok((list, pages)) => {
                // A page a round, as it would be without pages.
                let pause = pages * ROUND;
                self.not_before = asked.plus_ms(pause.as_millis() as u64);
                list
            }
            Err(error) => {
                let now = self.orders.market.clock.now();
                self.connected.note_error(now, Op::ListActive, None, &error);
                self.not_before = now.plus_ms(FAILED_PAUSE_MS);
                return;
            }
        };
        if waiting.is_empty() {
            self.given_up_not_before = asked.plus_ms(GIVEN_UP_PAUSE_MS);
        }
        self.note_misfits(&list);
        // 3. What follows from it. What a list does not show is looked for again, until it cannot be there any more.
        let reaches = whole_from(&list) <= reach(&[], &given_up).plus_ms(SKEW_MS);
        let in_vain = asked.ms_since(self.started) >= GIVEN_UP_KEPT_MS;
        self.compare(asked, &waiting, &given_up, list).await;
        self.looked_back |= looks_back && (reaches || in_vain);
    }

    /// Notes rows that could not be read in the provider's failures, once while their number
    /// stays the same.
    fn note_misfits(&mut self, list: &ActiveList) {
        if list.misfits > 0 && list.misfits != self.misfits {
            let text = format!("{} of {} rows could not be read", list.misfits, list.listed);
            let (at, op) = (self.orders.market.clock.now(), Op::ListActive);
            self.connected.note_failure(Failure { at, op, order: None, text });
        }
        self.misfits = list.misfits;
    }

    /// The purchases that orders of the hour before the start may have left at the provider
    /// beside the one they have; `None` while one of them is on its way into doubt, since
    /// a purchase may be its own.
    fn left_behind(&self, now: Time) -> Option<Vec<PurchaseGivenUp>> {
        let (read_model, provider) = (&self.orders.market.read_model, self.connected.id());
        let since = Time(self.started.0.saturating_sub(GIVEN_UP_KEPT_MS));
        let open = read_model.driven().into_iter().filter_map(|id| read_model.order(id));
        let mut orders = read_model.driven_closed_since(since);
        orders.extend(open);
        orders.retain(|o| o.provider == provider && (since..self.started).contains(&o.placed_at));
        let doubted: BTreeSet<_> =
            self.orders.doubts.all().into_iter().map(|(id, ..)| id).collect();
        let mut begun = orders.iter().filter(|order| order.state == ActivationState::Init);
        let settled = begun.all(|order| doubted.contains(&order.id));
        settled.then(|| orders.iter().map(|order| PurchaseGivenUp::of(order, now)).collect())
    }

    /// This provider's orders in doubt; those that have ended are settled on the way.
    fn waiting(&self) -> Vec<Arc<Order>> {
        let doubts = &self.orders.doubts;
        let mut waiting = Vec::new();
        for (id, ..) in doubts.all() {
            let Some(order) = self.orders.market.read_model.order(id) else {
                doubts.settle(id);
                continue;
            };
            if order.provider != self.connected.id() || !self.is_here(id, order.attempt) {
                continue;
            }
            if order.state == ActivationState::Init {
                waiting.push(order);
                continue;
            }
            doubts.settle(id);
            if order.state == ActivationState::Failed {
                doubts.give_up(PurchaseGivenUp::of(&order, self.orders.market.clock.now()));
            }
        }
        waiting
    }

    async fn compare(
        &mut self,
        asked: Time,
        waiting: &[Arc<Order>],
        given_up: &[PurchaseGivenUp],
        list: ActiveList,
    ) {
        // 1. Calls first: one that ends now is in the calls, or is known as a purchase below, or
        // its order is in doubt by now and may have a row of a list that was read meanwhile.
        let calls = self.orders.doubts.calls(self.connected.id());
        let doubted = self.waiting();
        // 2. The rows that no order has, and whose each of them is.
        let whole_from = whole_from(&list);
        let mut unowned = self.unowned(list.rows);
        unowned.sort_by_key(|(row, seen)| (row.created, seen.seen_at));
        let rows: Vec<Unowned> = unowned.iter().map(|(_, seen)| *seen).collect();
        let seeker = |order: &Arc<Order>| Seeker {
            order: order.id,
            product: order.product,
            since: order.placed_at,
        };
        let seekers: Vec<Seeker> = doubted.iter().map(seeker).collect();
        let matched = match_rows(&rows, &seekers, given_up, &calls);
        // 3. Orders in doubt get their purchases.
        for (at, id) in &matched.adopted {
            if let Some(order) = doubted.iter().find(|order| order.id == *id) {
                self.adopt(order, &unowned[*at].0).await;
            }
        }
        // 4. What was given up goes back.
        for (at, purchase) in &matched.returned {
            let (row, seen) = &unowned[*at];
            let age = self.connected.timings().min_cancel_age_ms;
            let from = row.created.unwrap_or(seen.seen_at).plus_ms(age);
            let orphan = Orphan {
                external_id: &row.external_id,
                from,
                bought_for: (purchase.order, purchase.attempt),
            };
            orphan.give_back(&self.orders, &self.connected);
            self.orders.doubts.found(*purchase);
        }
        // 5. An order that whole lists do not show was not bought.
        let absent = waiting.iter().filter(|order| whole_from <= order.placed_at);
        for order in absent.filter(|order| !is_named(&matched, order.id)) {
            self.count_absence(asked, order).await;
        }
    }

    /// The rows that no order has and that are not being given back, each with what it says.
    fn unowned(&mut self, rows: Vec<ActiveRow>) -> Vec<(ActiveRow, Unowned)> {
        let (now, provider) = (self.orders.market.clock.now(), self.connected.id());
        let doubts = &self.orders.doubts;
        let crosswalk = self.connected.crosswalk();
        let mut seen = BTreeMap::new();
        let mut unowned = Vec::new();
        for row in rows {
            let id = row.external_id.as_str();
            let known = self.orders.market.read_model.purchase(provider, id).is_some();
            if known || doubts.is_disowned(provider, id) {
                continue;
            }
            let seen_at = self.seen.get(id).copied().unwrap_or(now);
            seen.insert(id.to_owned(), seen_at);
            let says = Unowned {
                country: named(row.country.as_deref(), |code| crosswalk.country(code)),
                service: named(row.service.as_deref(), |code| crosswalk.service(code)),
                created: row.created,
                seen_at,
            };
            unowned.push((row, says));
        }
        self.seen = seen;
        unowned
    }

    /// Gives an order the purchase that was made for it.
    async fn adopt(&self, order: &Order, row: &ActiveRow) {
        let command = AssignNumber {
            order: order.id,
            attempt: order.attempt,
            number: international(self.orders.market.catalog, row, order.product.country),
            external_id: row.external_id.as_str().into(),
            cost: None,
            timings: self.connected.timings(),
        };
        let answer = self.orders.market.send_until(&command, order.deadline).await;
        // Refused or not heard: the next round tries again, or finds the order ended and
        // gives the number back.
        if let Ok(Ok(_)) = answer {
            let doubt = self.orders.doubts.settle(order.id);
            if let Some(claim) = doubt.and_then(|doubt| doubt.claim) {
                claim.book();
            }
            let (provider, order) = (self.connected.name(), order.id.0);
            tracing::info!(
                provider,
                order,
                "doubt settled: the purchase was found in the provider's list"
            );
        }
    }

    /// Counts a list without the order's purchase; enough of them mean that there is none.
    async fn count_absence(&self, asked: Time, order: &Order) {
        let doubts = &self.orders.doubts;
        let since = doubts.all().into_iter().find(|(id, ..)| *id == order.id);
        let Some((_, since, _)) = since.filter(|(_, since, _)| *since < asked) else { return };
        let absences = doubts.count_absence(order.id);
        if absences < ABSENCES_MIN || asked.ms_since(since) < SHOWN_MS {
            return;
        }
        if let Some(doubt) = doubts.settle(order.id) {
            // Should it turn up all the same, it goes back.
            doubts.give_up(PurchaseGivenUp::of(order, self.orders.market.clock.now()));
            let (provider, id) = (self.connected.name(), order.id.0);
            tracing::info!(
                provider,
                order = id,
                "doubt settled: the provider's lists do not show a purchase"
            );
            drop(doubt.claim);
            buy::resume(&self.orders, order, doubt.tried).await;
        }
    }
}

fn is_named(matched: &Matched, id: OrderId) -> bool {
    matched.unclear.contains(&id) || matched.adopted.iter().any(|(_, adopted)| *adopted == id)
}

/// How far back a list has to go to show what became of these: as far as those that wait
/// need it, so that they need not wait for the rest.
fn reach(waiting: &[Arc<Order>], given_up: &[PurchaseGivenUp]) -> Time {
    let begun = waiting.iter().map(|order| order.placed_at).min();
    let begun = begun.or_else(|| given_up.iter().map(|purchase| purchase.since).min());
    Time(begun.unwrap_or_default().0.saturating_sub(SKEW_MS))
}

/// From when on a list shows everything that is open: always, unless it is cut; then from
/// its oldest row on, open or not. Never where a row could not be read: it may be the purchase that is looked for.
fn whole_from(list: &ActiveList) -> Time {
    if list.misfits > 0 {
        return Time(u64::MAX);
    }
    if list.is_cut() {
        list.oldest.map_or(Time(u64::MAX), |oldest| oldest.plus_ms(SKEW_MS))
    } else {
        Time(0)
    }
}

fn named<T>(code: Option<&str>, find: impl Fn(&str) -> Option<T>) -> Named<T> {
    match code.map(find) {
        None => Named::Absent,
        Some(None) => Named::Unknown,
        Some(Some(found)) => Named::Known(found),
    }
}

/// A row's number with its country code, which some lists leave out.
fn international(catalog: &Catalog, row: &ActiveRow, country: CountryId) -> Number {
    if !row.local {
        return row.number;
    }
    let dial_code = catalog.country(country).map_or("", |country| country.dial_code);
    Number::parse(&format!("{dial_code}{}", row.number)).unwrap_or(row.number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(listed: usize, oldest: Option<u64>, full: bool) -> ActiveList {
        ActiveList { listed, oldest: oldest.map(Time), full, ..ActiveList::default() }
    }

    #[test]
    fn a_list_with_a_row_that_was_not_read_is_no_proof_of_absence() {
        let whole = list(3, Some(5_000), false);
        assert_eq!(whole_from(&ActiveList { misfits: 1, ..whole }), Time(u64::MAX));
    }

    #[test]
    fn a_number_gets_its_country_code_where_the_list_leaves_it_out() {
        let catalog = Catalog::load();
        let us = catalog.find_country("US").unwrap();
        let adopted = |number: u64, local| {
            let (number, external_id) = (Number(number), "A".to_owned());
            let row = ActiveRow { external_id, number, local, ..ActiveRow::default() };
            international(catalog, &row, us).0
        };
        assert_eq!(adopted(2_025_550_123, true), 12_025_550_123);
        assert_eq!(adopted(1_325_550_123, true), 11_325_550_123, "as its local part begins");
        assert_eq!(adopted(12_025_550_123, false), 12_025_550_123);
    }

    #[test]
    fn a_list_that_is_never_cut_shows_everything_at_any_length() {
        assert_eq!(whole_from(&list(0, None, false)), Time(0));
        assert_eq!(whole_from(&list(5_000, None, false)), Time(0));
    }

    #[test]
    fn a_page_shorter_than_asked_shows_everything_only_if_there_is_no_more() {
        let of = |total| ActiveList { total: Some(total), ..list(20, Some(5_000), false) };
        assert_eq!(whole_from(&of(20)), Time(0));
        assert_eq!(whole_from(&of(21)), Time(5_000 + SKEW_MS));
    }

    #[test]
    fn a_full_page_shows_everything_only_from_its_oldest_row_on() {
        assert_eq!(whole_from(&list(200, Some(5_000), true)), Time(5_000 + SKEW_MS));
        assert_eq!(whole_from(&list(200, None, true)), Time(u64::MAX));
    }
}
