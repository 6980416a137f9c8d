//! What is unknown about purchases: attempts in doubt with their claims, calls under way,
//! numbers that may still turn up, and orphans on their way back.
//!
//! Memory only: after a restart the durable orders say again what is in doubt, and the
//! engine what was given up and which purchases are known by their ids.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};

use nexnum_engine::ids::{OfferId, OrderId, Product, ProviderId};
use nexnum_engine::money::{COST_MAX, Micros};
use nexnum_engine::order::Order;
use nexnum_engine::reservation::Claim;
use nexnum_engine::time::Time;
use parking_lot::Mutex;

/// How long after its order's end a number may still turn up at the provider: longer than
/// any of them keeps one.
pub(crate) const GIVEN_UP_KEPT_MS: u64 = 60 * 60 * 1000;
/// Numbers that may still turn up: above it the oldest are forgotten, and their loss is
/// in the books already.
const GIVEN_UP_MAX: usize = 10_000;

/// A purchase shows in the list this soon after it came into doubt: a call that was cut
/// off, by a lost connection or a restart, may be at work at the provider still.
pub(crate) const SHOWN_MS: u64 = 10_000;
/// A doubt that its provider has not settled by then ends with its order: more lists say no
/// more, and a buyer waits. Its end is known half a minute after its begin: that leaves time for
/// a round and two commits.
const UNSETTLED_MS: u64 = 27_000;
/// Lists that must not show a purchase before it counts as not made.
const ABSENCES_MIN: u8 = 2;
/// How long after its call has ended without an answer a purchase may still be made: as long
/// as a call may take. What is made later may be another program's.
const LATE_PURCHASE_MS: u64 = 15_000;
/// No call begins later than this before the order's deadline, and none takes longer from its
/// claim on: its outcome must be known and durable before the order ends.
pub(crate) const CALL_MS: u64 = 25_000;

/// The moments in which a purchase may have been made, by our clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// When its call began, or its attempt did.
    pub(crate) since: Time,
    pub(crate) until: Time,
}

impl Window {
    /// Of a call that was answered, in words that say nothing: the purchase was made by then.
    pub(crate) const fn of_answered(began: Time, ended: Time) -> Self {
        Self { since: began, until: ended }
    }

    /// Of a call that ended without an answer: the provider may be at work still.
    pub(crate) fn of_unanswered(began: Time, ended: Time) -> Self {
        Self { since: began, until: ended.plus_ms(LATE_PURCHASE_MS) }
    }

    /// Of an attempt of which it is only known, after a restart, when it began and that its
    /// call had ended by then.
    pub(crate) fn of_attempt(began: Time, ended: Time) -> Self {
        Self::of_unanswered(began, ended.min(began.plus_ms(CALL_MS)))
    }
}

/// An attempt in doubt.
#[derive(Debug)]
pub(crate) struct Doubt {
    /// Its unit; a restart may have found none to claim.
    pub(crate) claim: Option<Claim>,
    /// Offers that the order has tried, this one included.
    pub(crate) tried: Vec<OfferId>,
    /// Since when.
    pub(crate) since: Time,
    /// When its purchase may have been made.
    pub(crate) window: Window,
    /// Whole lists of the provider, asked for since then, that did not show it.
    pub(crate) absences: u8,
    /// Its purchase, where it was answered with its id and without a number.
    pub(crate) numberless: Option<Numberless>,
}

/// A purchase that was answered with its id and without a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Numberless {
    /// The provider's id of it.
    pub(crate) external_id: Box<str>,
    /// What it costs, where that is known.
    pub(crate) cost: Option<Micros>,
}

/// A call under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) order: OrderId,
    pub(crate) provider: ProviderId,
    pub(crate) product: Product,
    pub(crate) since: Time,
}

/// A purchase that was given up and may have been made all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PurchaseGivenUp {
    pub(crate) order: OrderId,
    /// Its attempt that may have bought.
    pub(crate) attempt: u8,
    pub(crate) provider: ProviderId,
    pub(crate) product: Product,
    /// What it costs, where that is known.
    pub(crate) cost: Option<Micros>,
    /// When it may have been made.
    pub(crate) window: Window,
    /// When the reconciler stops looking for it.
    pub(crate) until: Time,
}

impl PurchaseGivenUp {
    /// The purchase of an order's current attempt.
    pub(crate) fn of(order: &Order, window: Window, now: Time) -> Self {
        Self {
            order: order.id,
            attempt: order.attempt,
            provider: order.provider,
            product: order.product,
            cost: Some(order.cost),
            window,
            until: now.plus_ms(GIVEN_UP_KEPT_MS),
        }
    }
}

/// A cost that the books can take; one beyond all range is not known.
pub(crate) fn bookable(cost: Option<Micros>) -> Option<Micros> {
    cost.filter(|cost| (Micros::ZERO..=COST_MAX).contains(cost))
}

/// How much is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// Orders in doubt.
    pub in_doubt: usize,
    /// Since when the oldest of them is.
    pub oldest: Option<Time>,
    /// Purchases given up that may still turn up.
    pub given_up: usize,
    /// Purchases without an order that were given back within the last hour.
    pub orphans: usize,
}

/// All that is unknown.
#[derive(Debug, Default)]
pub struct Doubts {
    open: Mutex<BTreeMap<OrderId, Doubt>>,
    calls: Mutex<BTreeMap<OrderId, Call>>,
    given_up: Mutex<VecDeque<PurchaseGivenUp>>,
    orphans: Mutex<Orphans>,
    /// Purchases without an order that were settled before the start.
    settled: Mutex<BTreeSet<(ProviderId, Box<str>)>>,
    /// The ledger is read for purchases that were settled before the start.
    is_reading: AtomicBool,
}

/// Purchases that are given back or were, and until when they are remembered.
#[derive(Debug, Default)]
struct Orphans {
    ids: BTreeSet<(ProviderId, Box<str>)>,
    /// Oldest first.
    until: VecDeque<(Time, ProviderId, Box<str>)>,
}

impl Doubts {
    /// How much of it there is, for the operator.
    #[must_use]
    pub fn count(&self) -> Unknown {
        let (in_doubt, oldest) = {
            let open = self.open.lock();
            (open.len(), open.values().map(|doubt| doubt.since).min())
        };
        let (given_up, orphans) = (self.given_up.lock().len(), self.orphans.lock().ids.len());
        Unknown { in_doubt, oldest, given_up, orphans }
    }

    /// Hands an attempt to the reconciler.
    pub(crate) fn open(&self, order: OrderId, doubt: Doubt) {
        self.open.lock().insert(order, doubt);
    }

    /// The orders in doubt, oldest first, with when their purchases may have been made.
    pub(crate) fn all(&self) -> Vec<(OrderId, Window)> {
        let open = self.open.lock();
        open.iter().map(|(id, doubt)| (*id, doubt.window)).collect()
    }

    /// The orders in doubt whose purchases are known by their providers' ids.
    pub(crate) fn known(&self) -> BTreeMap<OrderId, Numberless> {
        let open = self.open.lock();
        let named = |(id, doubt): (&OrderId, &Doubt)| Some((*id, doubt.numberless.clone()?));
        open.iter().filter_map(named).collect()
    }

    /// What is known of the purchase of an order in doubt, if its provider named it.
    pub(crate) fn numberless(&self, order: OrderId) -> Option<Numberless> {
        self.open.lock().get(&order)?.numberless.clone()
    }

    /// Counts a whole list, asked for at `asked`, that shows the purchases of none of these
    /// orders. Gives those whose purchases have now been looked for often and long enough.
    pub(crate) fn count_absences(
        &self,
        asked: Time,
        absent: impl Iterator<Item = OrderId>,
    ) -> Vec<OrderId> {
        let mut open = self.open.lock();
        let mut settled = Vec::new();
        for id in absent {
            let Some(doubt) = open.get_mut(&id).filter(|doubt| doubt.since < asked) else {
                continue;
            };
            doubt.absences = doubt.absences.saturating_add(1);
            if doubt.absences >= ABSENCES_MIN && asked.ms_since(doubt.since) >= SHOWN_MS {
                settled.push(id);
            }
        }
        settled
    }

    /// Which of these are too old now for another list to be of use.
    pub(crate) fn unsettled(
        &self,
        now: Time,
        waiting: impl Iterator<Item = OrderId>,
    ) -> Vec<OrderId> {
        let open = self.open.lock();
        let is_old = |id: &OrderId| {
            open.get(id).is_some_and(|doubt| now.ms_since(doubt.since) >= UNSETTLED_MS)
        };
        waiting.filter(is_old).collect()
    }

    /// Takes an attempt that is in doubt no longer.
    pub(crate) fn settle(&self, order: OrderId) -> Option<Doubt> {
        self.open.lock().remove(&order)
    }

    /// Marks a call as under way until the guard is dropped.
    pub(crate) fn calling(&self, call: Call) -> Calling<'_> {
        self.calls.lock().insert(call.order, call);
        Calling { doubts: self, order: call.order }
    }

    /// The calls under way at a provider.
    pub(crate) fn calls(&self, provider: ProviderId) -> Vec<Call> {
        let calls = self.calls.lock();
        calls.values().filter(|call| call.provider == provider).copied().collect()
    }

    /// Remembers a purchase that may turn up.
    pub(crate) fn give_up(&self, purchase: PurchaseGivenUp) {
        let mut all = self.given_up.lock();
        if all.len() >= GIVEN_UP_MAX {
            all.pop_front();
        }
        all.push_back(purchase);
    }

    /// What may turn up at a provider, oldest first; what is too old is forgotten.
    pub(crate) fn given_up(&self, provider: ProviderId, now: Time) -> Vec<PurchaseGivenUp> {
        let mut all = self.given_up.lock();
        all.retain(|purchase| now < purchase.until);
        all.iter().filter(|purchase| purchase.provider == provider).copied().collect()
    }

    /// Forgets purchases that turned up.
    pub(crate) fn found<'a>(&self, found: impl Iterator<Item = &'a PurchaseGivenUp>) {
        let found: BTreeSet<_> = found.map(|it| (it.order, it.attempt)).collect();
        if !found.is_empty() {
            self.given_up.lock().retain(|it| !found.contains(&(it.order, it.attempt)));
        }
    }

    /// Notes a purchase that was settled before the start: it is not given back again, and what
    /// the attempt may have bought has been found.
    pub(crate) fn note_settled(&self, provider: ProviderId, id: &str, bought_for: (OrderId, u8)) {
        self.settled.lock().insert((provider, id.into()));
        self.given_up.lock().retain(|it| (it.order, it.attempt) != bought_for);
    }

    /// Notes that the ledger is read for purchases that were settled before the start.
    pub(crate) fn begin_reading(&self) {
        // Before any reader runs.
        self.is_reading.store(true, Ordering::Relaxed);
    }

    /// Notes that those are known.
    pub(crate) fn end_reading(&self) {
        // Pairs with the load before purchases are looked for: that sees what was noted before.
        self.is_reading.store(false, Ordering::Release);
    }

    /// Whether it is known which purchases were settled before the start: until then a list may
    /// show some of them as if they were lost.
    pub(crate) fn knows_settled(&self) -> bool {
        // Pairs with the store that ends the reading.
        !self.is_reading.load(Ordering::Acquire)
    }

    /// Notes that a purchase has no order and is given back; false if it was noted before.
    pub(crate) fn disown(&self, provider: ProviderId, external_id: &str, now: Time) -> bool {
        let mut orphans = self.orphans.lock();
        while let Some((until, ..)) = orphans.until.front()
            && *until <= now
            && let Some((_, provider, id)) = orphans.until.pop_front()
        {
            orphans.ids.remove(&(provider, id));
        }
        let is_new = orphans.ids.insert((provider, external_id.into()));
        if is_new {
            let until = now.plus_ms(GIVEN_UP_KEPT_MS);
            orphans.until.push_back((until, provider, external_id.into()));
        }
        is_new
    }

    /// True for a purchase that goes back, or did before the start.
    pub(crate) fn is_disowned(&self, provider: ProviderId, external_id: &str) -> bool {
        let purchase = (provider, external_id.into());
        self.orphans.lock().ids.contains(&purchase) || self.settled.lock().contains(&purchase)
    }
}

/// A call under way; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Calling<'a> {
    doubts: &'a Doubts,
    order: OrderId,
}

impl Drop for Calling<'_> {
    fn drop(&mut self) {
        self.doubts.calls.lock().remove(&self.order);
    }
}
