//! Taking up, at a start, what the last process left under way.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use nexnum_engine::activation::ActivationState;
use nexnum_engine::command::FindOrphan;
use nexnum_engine::event::AttemptError;
use nexnum_engine::ids::OrderId;
use nexnum_engine::reservation::Claim;
use nexnum_engine::state::{GivenUp, NamedPurchase};
use nexnum_engine::time::Time;
use nexnum_storage::Reader;

use super::Orders;
use super::attempt_end;
use super::doubt::{GIVEN_UP_KEPT_MS, Numberless, PurchaseGivenUp, Window};
use super::orphan::STAYED;
use super::unknown::{self, UnknownAttempt};
use crate::attention::AttentionKind;
use crate::market::UnderWay;
use crate::market::attempts::{AttemptTimes, Attempts};
use crate::market::recent::{Recent, Settled};

impl Orders {
    /// Takes up what was under way when the last process ended, before an order can be
    /// placed: each driven order has the connection of this start, and one without a number
    /// is in doubt, with its claim where there is one; a purchase that no order has goes back.
    pub fn take_up(self: &Arc<Self>, under_way: UnderWay) {
        let UnderWay { claims, without_number, attempts, ledger } = under_way;
        let now = self.market.clock.now();
        for connected in self.providers.list() {
            connected.resume_pauses(now);
            connected.resume_refused(now);
        }
        self.forget_refusals();
        for id in self.market.read_model.driven() {
            let Some(order) = self.market.read_model.order(id) else { continue };
            // A provider that is not connected any more has none.
            let _bound = self.providers.bind(id, order.attempt, order.provider);
        }
        let mut claims: BTreeMap<_, _> =
            claims.into_iter().map(|open| (open.order, open.claim)).collect();
        let mut named = self.named();
        for id in without_number {
            self.take_up_purchase((id, claims.remove(&id)), &mut named, &attempts);
        }
        self.give_back_named(named, &attempts);
        self.report_refused();
        self.remember_given_up(&attempts);
        self.remember_costs();
        self.give_back_orphans();
        self.doubts.begin_reading();
        self.tasks.spawn(remember_recent(Arc::clone(self), ledger));
    }

    /// Takes off the attention list what providers refused before the start that are not connected
    /// any more: nothing is asked of them.
    fn forget_refusals(&self) {
        let attention = &self.market.attention;
        for kind in [AttentionKind::KeyRefused, AttentionKind::PurchasesRefused] {
            for about in attention.subjects(kind) {
                let name = about.provider.as_deref().unwrap_or_default();
                if self.providers.by_name(name).is_none() {
                    attention.clear(kind, about);
                }
            }
        }
    }

    /// Looks for what an order without a number may have bought, also where it ended while this
    /// process started: its deadline may have passed meanwhile, by a clock that was set forward.
    fn take_up_purchase(
        self: &Arc<Self>,
        (id, claim): (OrderId, Option<Claim>),
        named: &mut Named,
        attempts: &Attempts,
    ) {
        let Some(order) = self.market.read_model.order(id) else { return };
        let _bound = self.providers.bind(id, order.attempt, order.provider);
        let now = self.market.clock.now();
        let times = attempts.times(id, order.attempt);
        let window = window(times, order.placed_at, now.min(order.deadline));
        let attempt = (id, order.attempt);
        if order.state == ActivationState::Init {
            let numberless = named.remove(&attempt).map(|named| numberless(&named));
            let tried = vec![order.offer];
            let ended = Some(attempt_end::of(AttemptError::Failed));
            let unknown = UnknownAttempt { claim, window, numberless, ended };
            self.tasks.spawn(unknown::doubt(Arc::clone(self), order, unknown, tried));
        } else if !named.contains_key(&attempt) {
            self.doubts.give_up(PurchaseGivenUp::of(&order, window, now));
        }
    }

    /// Purchases that were answered with their ids and without numbers before the start.
    fn named(&self) -> Named {
        let named = self.market.read_model.take_named().into_iter();
        // What was found to have no order is among those that go back.
        let named = named.filter(|(.., named)| !named.is_orphan);
        named.map(|(order, attempt, named)| ((order, attempt), named)).collect()
    }

    /// Gives back what attempts have bought that are over: their orders have ended, or went on.
    fn give_back_named(self: &Arc<Self>, named: Named, attempts: &Attempts) {
        let now = self.market.clock.now();
        for ((order, attempt), named) in named {
            let connected = self.providers.bind(order, attempt, named.provider);
            let window = window(attempts.times(order, attempt), now, now);
            if let Some(connected) = connected {
                let bought_for = (order, attempt);
                self.give_back_numberless(&connected, bought_for, window, &numberless(&named));
                continue;
            }
            let NamedPurchase { provider, external_id, cost, .. } = named;
            let (from, cost) = (window.until, Some(cost));
            self.keep_orphan(FindOrphan { order, attempt, provider, external_id, from, cost });
        }
    }

    /// Remembers which purchases without orders are settled: a list may show those still that
    /// their providers have kept. The attempts that made them are looked for no longer.
    fn remember_settled(&self, recent: &Recent) {
        let now = self.market.clock.now();
        for Settled { at, provider, external_id, bought_for } in &recent.settled {
            if now.ms_since(*at) < GIVEN_UP_KEPT_MS {
                self.doubts.note_settled(*provider, external_id, *bought_for);
            }
        }
    }

    /// Remembers what the ledger's last days tell and no state does.
    fn remember(&self, recent: &Recent) {
        self.market.read_model.lost_callbacks().learn(&recent.unprocessed);
        self.remember_terms(recent);
        let stayed = recent.stayed.iter().map(|left| (left, STAYED));
        let unended = recent.unended.iter().map(|left| (left, UNENDED));
        let names = self.market.read_model.directory().providers().into_iter();
        let names: BTreeMap<_, _> = names.map(|(id, known)| (id, known.name)).collect();
        // Those of orders in memory go back.
        let is_left = |order: &OrderId| self.market.read_model.order(*order).is_none();
        let returning = recent.returning.iter();
        let returning = returning.map(|((provider, _), (order, _))| (*order, *provider));
        let lost: Vec<_> = returning.filter(|(order, _)| is_left(order)).collect();
        let lost = lost.iter().map(|left| (left, LOST));
        for ((order, provider), text) in stayed.chain(unended).chain(lost) {
            let Some(name) = names.get(provider) else { continue };
            let subject = (&**name, *order);
            self.market.attention.recall(AttentionKind::EndLeft, subject, text);
        }
    }

    /// Remembers, at a start, what was given up before it; a look forgets what is too old.
    pub(crate) fn remember_given_up(&self, attempts: &Attempts) {
        // What was found already is on its way back.
        let orphans = self.market.read_model.orphans().into_iter();
        let found: BTreeSet<_> =
            orphans.map(|(.., orphan)| (orphan.order, orphan.attempt)).collect();
        let given_up = self.market.read_model.take_given_up().into_iter();
        for given_up in given_up.filter(|it| !found.contains(&(it.order, it.attempt))) {
            let GivenUp { at, order, attempt, provider, product, placed_at } = given_up;
            let window = window(attempts.times(order, attempt), placed_at, at);
            // Of an earlier attempt the cost is known no more.
            let known = self.market.read_model.order(order);
            let cost = known.filter(|order| order.attempt == attempt).map(|order| order.cost);
            let until = at.plus_ms(GIVEN_UP_KEPT_MS);
            let _bound = self.providers.bind(order, attempt, provider);
            let purchase =
                PurchaseGivenUp { order, attempt, provider, product, cost, window, until };
            self.doubts.give_up(purchase);
        }
    }
}

/// Purchases without numbers by their orders and attempts.
type Named = BTreeMap<(OrderId, u8), NamedPurchase>;

fn numberless(named: &NamedPurchase) -> Numberless {
    Numberless { external_id: named.external_id.clone(), cost: Some(named.cost) }
}

/// What the operator is told of an end that was not taken before its order left memory.
pub(crate) const UNENDED: &str = "the provider did not take the end of an activation before its order left \
                       memory: it may be charged";

/// The same of a purchase that was on its way back.
const LOST: &str = "a purchase that no order has was not known to be taken back when its order left \
                    memory: it may be charged";

/// Looks up what the ledger's last days tell, on a thread of its own: orders do not wait for it.
async fn remember_recent(orders: Arc<Orders>, ledger: Reader) {
    let (stopping, now) = (orders.market.stopping.clone(), orders.market.clock.now());
    let read = move || Recent::read(&ledger, now, || !stopping.is_raised());
    let recent = match tokio::task::spawn_blocking(read).await {
        Ok(Ok(recent)) => recent,
        Ok(Err(error)) => {
            tracing::warn!("what the ledger's last days tell cannot be read: {error}");
            Recent::default()
        }
        Err(error) => {
            tracing::error!("looking at the ledger's last days failed: {error}");
            Recent::default()
        }
    };
    // Also after a panic below: lists wait for this.
    let _looks = orders.market.last_terms.looks_at_orders();
    // A reading that the stop has cut short tells of some alone, and no list is asked for any more.
    if !orders.market.stopping.is_raised() {
        orders.remember_settled(&recent);
        orders.doubts.end_reading();
    }
    orders.remember(&recent);
}

/// When an attempt's purchase may have been made, whose call had ended by then: while its call
/// was under way, or the provider was at work after it. While no process ran none was made.
fn window(times: Option<AttemptTimes>, placed_at: Time, ended: Time) -> Window {
    let began = times.map_or(placed_at, |times| times.began);
    let ended = times.and_then(|times| times.ended).map_or(ended, |known| known.min(ended));
    Window::of_attempt(began, ended)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn while_no_process_ran_no_attempt_made_a_purchase() {
        let at = |seconds: u64| Time(seconds * 1_000);
        // The last attempt of an order that was placed at 10 s, taken up at 300 s.
        let of = |times: Option<AttemptTimes>| window(times, at(10), at(300));
        let made = |since, until| Window { since: at(since), until: at(until) };
        let began = |ended: Option<u64>| Some(AttemptTimes { began: at(50), ended: ended.map(at) });
        assert_eq!(of(began(None)), made(50, 90), "as long as a call takes, and the 15 s");
        assert_eq!(of(began(Some(52))), made(50, 67), "it was in doubt at 52 s");
        assert_eq!(of(began(Some(170))), made(50, 90));
        assert_eq!(of(None), made(10, 50), "the ledger could not be read");
        assert_eq!(window(began(None), at(10), at(60)), made(50, 75), "a start at once");
    }
}
