//! Settling doubts: what became of a purchase whose answer never came.
//!
//! While a provider has orders in doubt it is asked for its open activations once a round.
//! A purchase that no order has, and that was made when an order's was, is adopted by it; an
//! order that two whole lists in a row do not show, some time after its call, was not bought,
//! and goes on to the next ask; a purchase that turns up after its order has ended or moved
//! on is given back. A doubt that lists leave open for half a minute ends with its order. What
//! is not proven to be ours is reported and left alone; on an account that others buy on, that
//! is all of it. Doubts at a provider that cannot list end at the engine's deadline.
//!
//! Where a provider's rows have no dates, a list from before a purchase is what proves that a
//! row is new: one is taken at the start, and again while nothing is in doubt.

mod by_id;
mod compare;
mod endings;
mod listed;
mod report;
mod rows_clock;
mod zone;

use std::collections::{BTreeSet, VecDeque};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use nexnum_driver::{ActiveList, ErrorKind, Op, ProviderError};
use nexnum_engine::activation::ActivationState;
use nexnum_engine::ids::OrderId;
use nexnum_engine::order::Order;
use nexnum_engine::time::Time;
use tokio::sync::watch;
use tokio::time::timeout;

use super::pause::stopped_within;
use crate::order::Orders;
use crate::order::doubt::{PurchaseGivenUp, Window};
use crate::order::matching::Served;
use crate::provider::account::TOLD_BEFORE;
use crate::provider::connected::{Connected, Failure};
use crate::provider::server_clock::ROUNDING_MS;
use crate::supervisor::Beat;

/// Between two rounds.
const ROUND: Duration = Duration::from_secs(1);
/// Rounds between two looks whether a connection that has left its place is needed still.
const ROUNDS_OF_RETIREMENT: u32 = 30;
/// Between two lists that only what was given up is looked for in.
const GIVEN_UP_PAUSE_MS: u64 = 30_000;
/// Orders remembered that got their purchases from lists: above it the oldest are forgotten.
const SERVED_MAX: usize = 10_000;
/// After a list that could not be had.
const FAILED_PAUSE_MS: u64 = 5_000;
/// Between two lists that are taken for what they prove to be old.
const BASELINE_PAUSE_MS: u64 = 10_000;

/// Settles the doubts of one provider.
pub(super) struct Reconciler {
    orders: Arc<Orders>,
    connected: Arc<Connected>,
    /// Rows of the last list that could not be read.
    misfits: usize,
    /// Rows that were reported, since they may be ours and may not, and are there still.
    unattributed: BTreeSet<String>,
    /// Those of them that the log has named.
    named: BTreeSet<String>,
    /// Since when purchases that have ended are told apart by memory: it has those of before in
    /// part alone.
    began: Time,
    /// The zone of the provider's moments, where they have none and a row of ours told it: a
    /// list may be without one when it matters.
    zone: Option<i64>,
    /// What was found in lists, for orders or given up, oldest first, and until when that counts:
    /// it may have been another's of the same product.
    served: VecDeque<(Time, Served)>,
    /// Until when the account counts as shared, for what a list has shown.
    shared_until: Time,
    /// Whether the provider answered when it was last asked for its list, or has none: one that is
    /// down may settle doubts soon.
    answers: bool,
    not_before: Time,
    /// The same of questions about purchases whose ids are known.
    by_id_not_before: Time,
    /// The same where only what was given up is looked for.
    given_up_not_before: Time,
    /// The same where nothing is looked for.
    baseline_not_before: Time,
    rounds: u32,
}

impl Reconciler {
    pub(super) fn new(orders: &Arc<Orders>, connected: &Arc<Connected>) -> Self {
        let (now, shared_until) = (orders.market.clock.now(), connected.shared_until());
        if shared_until > now && !connected.policy().shared_account {
            connected.tell_shared(TOLD_BEFORE);
        }
        Self {
            orders: Arc::clone(orders),
            connected: Arc::clone(connected),
            misfits: 0,
            unattributed: BTreeSet::new(),
            named: BTreeSet::new(),
            began: now,
            zone: None,
            served: VecDeque::new(),
            shared_until,
            answers: !connected.driver().supports(Op::ListActive),
            not_before: Time(0),
            by_id_not_before: Time(0),
            given_up_not_before: Time(0),
            baseline_not_before: Time(0),
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
        self.connected.is_retired() && !self.orders.providers.serves_orders(&self.connected)
    }

    /// Whether an attempt's purchase is looked for here: under the connection that it was
    /// begun with, or else under the current one.
    fn is_here(&self, order: OrderId, attempt: u8) -> bool {
        match self.orders.providers.bought_under(order, attempt) {
            Some(bought) => Arc::ptr_eq(&bought, &self.connected),
            None => !self.connected.is_retired(),
        }
    }

    /// Waits for what the provider is asked, and meanwhile ends the doubts that get too old.
    async fn meanwhile<T>(&self, asking: impl Future<Output = T>) -> T {
        let mut asking = pin!(asking);
        loop {
            match timeout(ROUND, asking.as_mut()).await {
                Ok(answer) => return answer,
                Err(_) => self.end_unsettled().await,
            }
        }
    }

    async fn round(&mut self) {
        // 1. What is looked for: orders in doubt, first those whose purchases are known by their
        // ids, purchases given up.
        self.end_unsettled().await;
        self.ask_by_id().await;
        let asked = self.orders.market.clock.now();
        if asked < self.not_before || !self.orders.doubts.knows_settled() {
            return;
        }
        let waiting = self.waiting();
        let is_quiet = waiting.is_empty() && asked < self.given_up_not_before;
        if is_quiet || !self.connected.driver().supports(Op::ListActive) {
            return;
        }
        let mut given_up = self.orders.doubts.given_up(self.connected.id(), asked);
        given_up.retain(|purchase| self.is_here(purchase.order, purchase.attempt));
        if waiting.is_empty() && given_up.is_empty() && self.unattributed.is_empty() {
            self.judge_account(&[], asked);
            return self.refresh_baseline(asked).await;
        }
        if waiting.is_empty() && self.connected.has_none_to_list(asked) {
            return;
        }
        // 2. The provider's list, as far back as the oldest of them.
        let since = reach(&waiting, &given_up).unwrap_or(asked);
        let asking = self.connected.list_active(&self.orders.market.clock, since);
        let listed = self.meanwhile(asking).await;
        self.answers = listed.as_ref().err().is_none_or(is_answer);
        let listed = match listed {
            Ok(listed) => listed,
            Err(error) => {
                let now = self.note_unlisted(&error);
                self.not_before = now.plus_ms(FAILED_PAUSE_MS);
                return;
            }
        };
        // A page a round, as it would be without pages.
        let pause = listed.pages * ROUND;
        self.not_before = asked.plus_ms(pause.as_millis() as u64);
        if waiting.is_empty() {
            self.given_up_not_before = asked.plus_ms(GIVEN_UP_PAUSE_MS);
        }
        self.note_misfits(&listed.list);
        // 3. What follows from it.
        self.compare(&waiting, &given_up, listed).await;
    }

    /// Takes a list while nothing is looked for, where one is needed to prove what is new.
    async fn refresh_baseline(&mut self, now: Time) {
        let due = self.connected.undated_since().is_some_and(|listed_at| {
            now >= listed_at.plus_ms(BASELINE_PAUSE_MS).max(self.baseline_not_before)
        });
        let has_none = self.connected.has_none_to_list(now);
        if !due || has_none || self.connected.is_retired() {
            return;
        }
        self.baseline_not_before = now.plus_ms(BASELINE_PAUSE_MS);
        if let Err(error) = self.connected.list_active(&self.orders.market.clock, now).await {
            self.note_unlisted(&error);
        }
    }

    /// Notes that no list could be had; gives the time.
    fn note_unlisted(&self, error: &ProviderError) -> Time {
        let now = self.orders.market.clock.now();
        self.connected.note_error(now, Op::ListActive, None, error);
        now
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

    /// This provider's orders in doubt, each with when its purchase may have been made; those
    /// that have ended are settled on the way.
    fn waiting(&self) -> Vec<(Arc<Order>, Window)> {
        let doubts = &self.orders.doubts;
        let mut waiting = Vec::new();
        for (id, window) in doubts.all() {
            let Some(order) = self.orders.market.read_model.order(id) else {
                doubts.settle(id);
                continue;
            };
            if order.provider != self.connected.id() || !self.is_here(id, order.attempt) {
                continue;
            }
            if order.state == ActivationState::Init {
                waiting.push((order, window));
                continue;
            }
            // Given up first: at no moment is what may turn up counted nowhere.
            if order.state == ActivationState::Failed {
                let numberless = doubts.numberless(id);
                self.orders.give_up_purchase(&order, window, numberless.as_ref());
            }
            doubts.settle(id);
        }
        waiting
    }
}

/// Whether a provider that gave no list said so itself: one that is down, or whose limits are
/// used up, may give it soon.
const fn is_answer(error: &ProviderError) -> bool {
    !matches!(error.kind, ErrorKind::Temporary | ErrorKind::NoTurn | ErrorKind::NotSent)
}

/// How far back a list has to go to show what became of these: as far as those that wait
/// need it, so that they need not wait for the rest.
fn reach(waiting: &[(Arc<Order>, Window)], given_up: &[PurchaseGivenUp]) -> Option<Time> {
    let begun = waiting.iter().map(|(_, window)| window.since).min();
    let begun = begun.or_else(|| given_up.iter().map(|purchase| purchase.window.since).min());
    begun.map(|begun| Time(begun.0.saturating_sub(ROUNDING_MS)))
}
