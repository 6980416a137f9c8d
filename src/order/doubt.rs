//! What is unknown about purchases: attempts in doubt with their claims, calls under way,
//! numbers that may still turn up, and orphans on their way back.
//!
//! Memory only: after a restart the durable orders say again what is in doubt, and the
//! engine what was given up.

use std::collections::BTreeMap;

use nexnum_engine::ids::{OfferId, OrderId, Product, ProviderId};
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

/// An attempt in doubt.
#[derive(Debug)]
pub(crate) struct Doubt {
    /// Its unit; a restart may have found none to claim.
    pub(crate) claim: Option<Claim>,
    /// Offers that the order has tried, this one included.
    pub(crate) tried: Vec<OfferId>,
    /// Since when.
    pub(crate) since: Time,
    /// Whole lists of the provider, asked for since then, that did not show it.
    pub(crate) absences: u8,
}

/// A call under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Call {
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
    /// When its order was placed.
    pub(crate) since: Time,
    /// When the reconciler stops looking for it.
    pub(crate) until: Time,
}

impl PurchaseGivenUp {
    /// The purchase of an order's current attempt.
    pub(crate) fn of(order: &Order, now: Time) -> Self {
        Self {
            order: order.id,
            attempt: order.attempt,
            provider: order.provider,
            product: order.product,
            since: order.placed_at,
            until: now.plus_ms(GIVEN_UP_KEPT_MS),
        }
    }
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
    given_up: Mutex<Vec<PurchaseGivenUp>>,
    orphans: Mutex<BTreeMap<(ProviderId, Box<str>), Time>>,
}

impl Doubts {
    /// How much of it there is, for the operator.
    #[must_use]
    pub fn count(&self) -> Unknown {
        let (in_doubt, oldest) = {
            let open = self.open.lock();
            (open.len(), open.values().map(|doubt| doubt.since).min())
        };
        let (given_up, orphans) = (self.given_up.lock().len(), self.orphans.lock().len());
        Unknown { in_doubt, oldest, given_up, orphans }
    }

    /// Hands an attempt to the reconciler.
    pub(crate) fn open(&self, order: OrderId, doubt: Doubt) {
        self.open.lock().insert(order, doubt);
    }

    /// The orders in doubt, oldest first, with since when and how often absent.
    pub(crate) fn all(&self) -> Vec<(OrderId, Time, u8)> {
        let open = self.open.lock();
        open.iter().map(|(id, doubt)| (*id, doubt.since, doubt.absences)).collect()
    }

    /// Counts a list that did not show the purchase; gives how many there were.
    pub(crate) fn count_absence(&self, order: OrderId) -> u8 {
        let mut open = self.open.lock();
        let Some(doubt) = open.get_mut(&order) else { return 0 };
        doubt.absences = doubt.absences.saturating_add(1);
        doubt.absences
    }

    /// Takes an attempt that is in doubt no longer.
    pub(crate) fn settle(&self, order: OrderId) -> Option<Doubt> {
        self.open.lock().remove(&order)
    }

    /// Marks a call as under way until the guard is dropped.
    pub(crate) fn calling(&self, order: OrderId, call: Call) -> Calling<'_> {
        self.calls.lock().insert(order, call);
        Calling { doubts: self, order }
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
            all.remove(0);
        }
        all.push(purchase);
    }

    /// What may turn up at a provider, oldest first; what is too old is forgotten.
    pub(crate) fn given_up(&self, provider: ProviderId, now: Time) -> Vec<PurchaseGivenUp> {
        let mut all = self.given_up.lock();
        all.retain(|purchase| now < purchase.until);
        all.iter().filter(|purchase| purchase.provider == provider).copied().collect()
    }

    /// Forgets a purchase that turned up.
    pub(crate) fn found(&self, found: PurchaseGivenUp) {
        let mut all = self.given_up.lock();
        if let Some(at) = all.iter().position(|purchase| *purchase == found) {
            all.remove(at);
        }
    }

    /// Notes that a purchase has no order and is given back; false if it was noted before.
    pub(crate) fn disown(&self, provider: ProviderId, external_id: &str, now: Time) -> bool {
        let mut orphans = self.orphans.lock();
        orphans.retain(|_, until| now < *until);
        let until = now.plus_ms(GIVEN_UP_KEPT_MS);
        orphans.insert((provider, external_id.into()), until).is_none()
    }

    /// True for a purchase that goes back.
    pub(crate) fn is_disowned(&self, provider: ProviderId, external_id: &str) -> bool {
        self.orphans.lock().contains_key(&(provider, external_id.into()))
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
