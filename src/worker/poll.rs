//! Polling: every open activation at a provider is polled when it is due.
//!
//! One schedule for all: each activation has its next moment, later with age; a provider
//! has at most half of its lanes taken by polls, so that purchases get through. What has
//! ended here is ended there, once, and asked about a little longer, so that a message
//! that crosses the end is kept. After a restart the open ones are simply found again.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use nexnum_engine::activation::ActivationState;
use nexnum_engine::ids::{OrderId, ProviderId};
use nexnum_engine::order::Order;
use nexnum_engine::time::Time;
use tokio::sync::watch;
use tokio::task::{self, JoinError, JoinSet};

use super::pause::stopped_within;
use super::visit::{Seen, Watch, visit};
use crate::order::Orders;
use crate::provider::connected::Connected;
use crate::supervisor::Beat;

/// Between two looks at the schedule.
const TICK: Duration = Duration::from_millis(250);
/// Slowest asking about an activation that waits for a message: the buyer waits too.
const PAUSE_MAX_MS: u64 = 15_000;
/// Asking about an activation that has all it wants, or has ended.
const PAUSE_QUIET_MS: u64 = 15_000;
/// Age at which polls have become twice as slow.
const AGE_MS: u64 = 120_000;
/// Slowest asking of a provider that does not answer.
const PAUSE_FAILED_MAX_MS: u64 = 60_000;
/// How long after its end an activation is asked about for a late message.
const LATE_MS: u64 = 60_000;
/// How far back each look for ended activations goes: more than a commit takes, so that
/// one that ended between two looks is not missed.
const OVERLAP_MS: u64 = 5_000;
/// Between two looks for orders that have left memory.
const FORGET_MS: u64 = 60_000;

/// A visit under way.
#[derive(Clone, Copy, Debug)]
struct Visiting {
    order: OrderId,
    provider: ProviderId,
    watch: Watch,
    quiet: bool,
}

/// Visits under way at a provider.
#[derive(Clone, Copy, Debug, Default)]
struct Busy {
    waiting: usize,
    quiet: usize,
}

impl Busy {
    /// Takes a place, if there is one: half of the provider's calls are for polls, and an eighth
    /// of them, at least one, for activations that no buyer waits for.
    fn begin(&mut self, concurrency: u32, quiet: bool) -> bool {
        let all = (concurrency as usize / 2).max(1);
        if self.waiting + self.quiet >= all || quiet && self.quiet >= (all / 8).max(1) {
            return false;
        }
        *self.of(quiet) += 1;
        true
    }

    fn end(&mut self, quiet: bool) {
        *self.of(quiet) -= 1;
    }

    fn of(&mut self, quiet: bool) -> &mut usize {
        if quiet { &mut self.quiet } else { &mut self.waiting }
    }
}

/// The schedule of all polls.
pub(super) struct Poller {
    orders: Arc<Orders>,
    watches: BTreeMap<OrderId, Watch>,
    /// Whether it is quiet, when it is due, which: those that a buyer waits for come first.
    due: BTreeSet<(bool, Time, OrderId)>,
    busy: BTreeMap<ProviderId, Busy>,
    /// Up to when ended activations have been looked for.
    looked: Time,
    visits: JoinSet<(Watch, Seen)>,
    /// What each visit under way is for.
    visiting: HashMap<task::Id, Visiting>,
    /// When connections of orders that have left memory are forgotten next.
    forget_at: Time,
}

impl Poller {
    pub(super) fn new(orders: &Arc<Orders>) -> Self {
        Self {
            orders: Arc::clone(orders),
            watches: BTreeMap::new(),
            due: BTreeSet::new(),
            busy: BTreeMap::new(),
            looked: Time(orders.market.clock.now().0.saturating_sub(LATE_MS)),
            visits: JoinSet::new(),
            visiting: HashMap::new(),
            forget_at: Time(0),
        }
    }

    pub(super) async fn run(mut self, mut stop: watch::Receiver<bool>, beat: Arc<Beat>) {
        loop {
            beat.round();
            self.forget();
            self.find();
            while let Some(visit) = self.visits.try_join_next_with_id() {
                self.end_visit(visit);
            }
            self.start_due();
            if stopped_within(&mut stop, TICK).await {
                while self.visits.join_next().await.is_some() {}
                return;
            }
        }
    }

    /// Forgets the connections of orders that have left memory.
    fn forget(&mut self) {
        let now = self.orders.market.clock.now();
        if now >= self.forget_at {
            self.forget_at = now.plus_ms(FORGET_MS);
            let read_model = &self.orders.market.read_model;
            self.orders.providers.forget(|id| read_model.order(id).is_none());
        }
    }

    /// Takes activations into the schedule that are not in it yet: the open ones, and
    /// those that came and ended without a message since the last look.
    fn find(&mut self) {
        let since = Time(self.looked.0.saturating_sub(OVERLAP_MS));
        self.looked = self.orders.market.clock.now();
        let read_model = Arc::clone(&self.orders.market.read_model);
        let new = read_model.driven().into_iter().filter(|id| !self.watches.contains_key(id));
        let mut found: Vec<_> = new.filter_map(|id| read_model.order(id)).collect();
        let unanswered = |order: &Arc<Order>| match order.state {
            ActivationState::Cancelled | ActivationState::TimedOut => true,
            ActivationState::Init
            | ActivationState::Active
            | ActivationState::Received
            | ActivationState::Completed
            | ActivationState::Failed => false,
        };
        found.extend(read_model.driven_closed_since(since).into_iter().filter(unanswered));
        for order in found {
            let connected = self.orders.providers.of_order(&order);
            let Some(connected) = connected.filter(|_| order.assignment.is_some()) else {
                continue;
            };
            if !self.watches.contains_key(&order.id) {
                self.schedule(&order, &connected, Watch::default(), false);
            }
        }
    }

    /// Gives an activation its next moment; `visited` once it has been asked about.
    fn schedule(&mut self, order: &Order, connected: &Connected, watch: Watch, visited: bool) {
        let now = self.orders.market.clock.now();
        let base = connected.driver().timings().poll_interval_ms;
        let quiet = is_quiet(order) || watch.settled;
        let pause = if visited || quiet {
            pause_ms(base, now.ms_since(order.placed_at), quiet, watch.failures)
        } else {
            // Most messages come at once.
            base / 2
        };
        // Orders that came together are spread, always alike.
        let spread = u64::from(order.id.0).wrapping_mul(7_919) % (pause / 8 + 1);
        self.due.insert((quiet, now.plus_ms(pause - spread), order.id));
        self.watches.insert(order.id, watch);
    }

    fn start_due(&mut self) {
        let now = self.orders.market.clock.now();
        let of = |quiet| {
            let all = self.due.range((quiet, Time(0), OrderId(0))..);
            all.take_while(move |due| due.0 == quiet && due.1 <= now).copied()
        };
        let due: Vec<_> = of(false).chain(of(true)).collect();
        for key in due {
            let (quiet, _, id) = key;
            let order = self.orders.market.read_model.order(id);
            let connected = order.as_ref().and_then(|order| self.orders.providers.of_order(order));
            let (Some(order), Some(connected)) = (order, connected) else {
                self.due.remove(&key);
                self.watches.remove(&id);
                continue;
            };
            let busy = self.busy.entry(connected.id()).or_default();
            if !busy.begin(connected.driver().limits().concurrency, quiet) {
                continue;
            }
            self.due.remove(&key);
            let watch = self.watches.get(&id).copied().unwrap_or_default();
            let provider = connected.id();
            let visit = self.visits.spawn(visit(Arc::clone(&self.orders), connected, order, watch));
            self.visiting.insert(visit.id(), Visiting { order: id, provider, watch, quiet });
        }
    }

    fn end_visit(&mut self, visit: Result<(task::Id, (Watch, Seen)), JoinError>) {
        let task = visit.as_ref().map_or_else(JoinError::id, |(task, _)| *task);
        let Some(visiting) = self.visiting.remove(&task) else { return };
        if let Some(busy) = self.busy.get_mut(&visiting.provider) {
            busy.end(visiting.quiet);
        }
        // A visit that panicked was reported by its thread: it is a failure like others.
        let (watch, seen) = visit.map_or((visiting.watch, Seen::Failed), |(_, seen)| seen);
        self.reschedule(visiting.order, watch, seen);
    }

    fn reschedule(&mut self, id: OrderId, watch: Watch, seen: Seen) {
        let order = self.orders.market.read_model.order(id);
        let connected = order.as_ref().and_then(|order| self.orders.providers.of_order(order));
        let (Some(order), Some(connected)) = (order, connected) else {
            self.watches.remove(&id);
            return;
        };
        let watch = match seen {
            Seen::Standing => Watch { failures: 0, missing: 0, ..watch },
            Seen::Missing => Watch { failures: 0, ..watch },
            Seen::Failed => Watch { failures: watch.failures.saturating_add(1), ..watch },
            Seen::NoRoom => watch,
        };
        if is_over(&order, watch, self.orders.market.clock.now()) {
            self.watches.remove(&id);
        } else {
            self.schedule(&order, &connected, watch, true);
        }
    }
}

/// True if the buyer waits for nothing more.
fn is_quiet(order: &Order) -> bool {
    order.state == ActivationState::Received && !order.awaits_another
}

/// True once no message can arrive that the ledger would keep: the provider was told of
/// the end, and a late message would have come by now.
fn is_over(order: &Order, watch: Watch, now: Time) -> bool {
    let Some(closed_at) = order.closed_at else { return false };
    let delivered = order.state == ActivationState::Completed;
    watch.settled && (delivered || now.ms_since(closed_at) >= LATE_MS)
}

/// How long until an activation is asked about again.
fn pause_ms(base: u64, age_ms: u64, quiet: bool, failures: u32) -> u64 {
    if failures > 0 {
        return (base << failures.min(6)).min(PAUSE_FAILED_MAX_MS.max(base));
    }
    if quiet {
        return PAUSE_QUIET_MS.max(base);
    }
    (base + base * age_ms / AGE_MS).min(PAUSE_MAX_MS.max(base))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polls_slow_with_age_with_quiet_and_with_failures() {
        let minute = 60_000;
        let ages = [0, minute, 2 * minute, 4 * minute, 20 * minute];
        assert_eq!(
            ages.map(|age| pause_ms(5_000, age, false, 0)),
            [5_000, 7_500, 10_000, 15_000, 15_000]
        );
        assert_eq!(pause_ms(5_000, 0, true, 0), 15_000);
        assert_eq!(pause_ms(20_000, 20 * minute, false, 0), 20_000);
        assert_eq!(
            [1, 2, 3, 4, 60].map(|n| pause_ms(5_000, 0, false, n)),
            [10_000, 20_000, 40_000, 60_000, 60_000]
        );
    }
}
