//! What a provider's offers cost at least, as its purchases have shown: a price list that says
//! less is not believed.
//!
//! Promises: an offer that was charged above its price stays known until a list says as much; one
//! whose price a refusal named, for [`NAMED_MS`] or until a list says as much, where it is no jump;
//! one that was refused without a price, for ten minutes, twice as long each time that it is
//! refused again, or until a list says more. One entry an offer, so that the offers of one provider
//! bound it: an entry of the first kind has cost money, one of the others a purchase's call, and it
//! ends by itself. Memory only: a file of the data folder, and the ledger's last days, tell the next
//! start. Leaves to others: what is sold.

use std::collections::BTreeMap;

use nexnum_engine::ids::{OfferId, OrderId};
use nexnum_engine::money::Micros;
use nexnum_engine::product::OfferKey;
use nexnum_engine::reservation::Claim;
use nexnum_engine::time::Time;
use parking_lot::Mutex;

use super::refused_stock::RefusedStock;

/// A cost this many times the last known one, or this part of it, is a mistake until a list has
/// confirmed it.
pub const JUMP: i64 = 10;

/// How long a price is believed that a refusal named: lists are minutes old, not more.
pub const NAMED_MS: u64 = 10 * 60 * 1000;

/// How long an offer stays out that was refused as too cheap without a price, the first time.
pub const REFUSED_MS: u64 = 10 * 60 * 1000;
/// The longest that one stays out, and how long the times before are remembered after it.
pub const REFUSED_MAX_MS: u64 = 60 * 60 * 1000;

/// How a cost came to be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CostSource {
    /// It was charged, and was above the price: the offer is not to be sold.
    Charged {
        /// For which order.
        order: OrderId,
        /// What its customer paid.
        price: Micros,
    },
    /// A refusal of a purchase named it: the offer is to be sold at this cost.
    Named {
        /// Until when that is believed.
        until: Time,
        /// What it cost before the first refusal that named one.
        before: Micros,
    },
    /// A purchase was refused as too cheap at that listed cost: the offer is not to be sold at it.
    Refused {
        /// Until when that is believed.
        until: Time,
        /// For how long it was to be believed.
        pause_ms: u64,
    },
}

/// What is told of an overcharge while its offer is closed.
pub(super) const CLOSED: &str = ": its offer is closed until its listed cost is as much";
/// The same afterwards.
pub(super) const OPEN_AGAIN: &str = ": its list has named as much since, and its offer is open";

/// What a provider charged for a number that was sold for less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overcharge {
    /// The order that has the number.
    pub order: OrderId,
    /// What its customer paid.
    pub price: Micros,
    /// What the provider charged.
    pub cost: Micros,
}

impl Overcharge {
    /// What the operator is told of it.
    pub(crate) fn text(&self) -> String {
        let Self { order: _, price, cost } = self;
        format!("the provider charged {cost} for a number that was sold for {price}{CLOSED}")
    }
}

/// The least that an offer costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeastCost {
    /// The offer.
    pub offer: OfferId,
    /// The cost.
    pub cost: Micros,
    /// How it is known.
    pub source: CostSource,
}

impl LeastCost {
    /// Whether it is believed at a moment.
    pub(crate) fn is_believed(&self, now: Time) -> bool {
        match self.source {
            CostSource::Charged { .. } => true,
            CostSource::Named { until, .. } | CostSource::Refused { until, .. } => now < until,
        }
    }

    /// True while it says how long the offer stays out at the next refusal.
    fn is_kept(&self, now: Time) -> bool {
        match self.source {
            CostSource::Charged { .. } | CostSource::Named { .. } => self.is_believed(now),
            CostSource::Refused { until, .. } => now < until.plus_ms(REFUSED_MAX_MS),
        }
    }

    /// True if an offer that is listed at this cost is to be sold at it.
    pub(crate) fn allows(&self, listed: Micros) -> bool {
        match self.source {
            CostSource::Charged { .. } | CostSource::Named { .. } => listed >= self.cost,
            CostSource::Refused { .. } => listed > self.cost,
        }
    }
}

#[derive(Debug, Default)]
struct Known {
    costs: BTreeMap<OfferKey, LeastCost>,
    /// They have changed since they were last written down for a later start.
    is_unkept: bool,
}

impl Known {
    fn set(&mut self, key: OfferKey, least: LeastCost) {
        self.costs.insert(key, least);
        self.is_unkept = true;
    }

    fn forget(&mut self, key: OfferKey) {
        self.is_unkept |= self.costs.remove(&key).is_some();
    }
}

/// The costs that are known of one provider's offers.
#[derive(Debug, Default)]
pub struct LeastCosts {
    known: Mutex<Known>,
    stock: RefusedStock,
}

impl LeastCosts {
    /// The offers that cannot be had although they are listed, whatever they cost.
    #[must_use]
    pub const fn stock(&self) -> &RefusedStock {
        &self.stock
    }

    /// Notes that the purchase of an order at an offer was charged above its price.
    pub(crate) fn charged(&self, (offer, key): (OfferId, OfferKey), by: Overcharge) {
        let Overcharge { order, price, cost } = by;
        self.note(key, LeastCost { offer, cost, source: CostSource::Charged { order, price } });
    }

    /// Notes that a claim's purchase was refused with the least cost that would do.
    pub(crate) fn named(&self, claim: &Claim, cost: Micros, now: Time) {
        let key = claim.key();
        let before = self.before_named(claim, now);
        let source = CostSource::Named { until: now.plus_ms(NAMED_MS), before };
        self.note(key, LeastCost { offer: claim.offer(), cost, source });
    }

    /// Whether a cost that a refusal named is to be believed: it is not as far above what the
    /// offer cost before as a list's rise that is held back, also not by several refusals.
    pub(crate) fn believes_named(&self, claim: &Claim, cost: Micros, now: Time) -> bool {
        cost.0 < self.before_named(claim, now).0.saturating_mul(JUMP)
    }

    /// What a claim's offer cost before a refusal named what it costs.
    fn before_named(&self, claim: &Claim, now: Time) -> Micros {
        let known = self.known.lock();
        let known = known.costs.get(&claim.key());
        match known.map(|least| least.source) {
            Some(CostSource::Named { until, before }) if now < until => before,
            Some(
                CostSource::Charged { .. } | CostSource::Named { .. } | CostSource::Refused { .. },
            )
            | None => claim.cost(),
        }
    }

    /// Notes that a claim's purchase was refused as too cheap, with no cost that would do.
    pub(crate) fn refused(&self, claim: &Claim, now: Time) {
        let key = claim.key();
        let before = self.known.lock().costs.get(&key).map(|least| least.source);
        let source = match before {
            // Others that were bought at the same time say nothing more.
            Some(known @ CostSource::Refused { until, .. }) if now < until => known,
            Some(CostSource::Refused { pause_ms, .. }) => refused_for(2 * pause_ms, now),
            Some(CostSource::Charged { .. } | CostSource::Named { .. }) | None => {
                refused_for(REFUSED_MS, now)
            }
        };
        self.note(key, LeastCost { offer: claim.offer(), cost: claim.cost(), source });
    }

    /// Notes that a claim's purchase was made: it was not too cheap, and there are numbers.
    pub(crate) fn bought(&self, claim: &Claim) {
        self.stock.bought(claim);
        let key = claim.key();
        let mut known = self.known.lock();
        if let Some(LeastCost { source: CostSource::Refused { .. }, .. }) = known.costs.get(&key) {
            known.forget(key);
        }
    }

    fn note(&self, key: OfferKey, new: LeastCost) {
        let mut known = self.known.lock();
        let next = match (known.costs.get(&key), new.source) {
            // What was paid is surer than a word, and of two payments the dearer counts.
            (
                Some(old @ LeastCost { source: CostSource::Charged { .. }, .. }),
                CostSource::Named { .. } | CostSource::Refused { .. },
            ) => *old,
            (
                Some(old @ LeastCost { source: CostSource::Charged { .. }, .. }),
                CostSource::Charged { .. },
            ) if old.cost > new.cost => LeastCost { offer: new.offer, ..*old },
            (
                Some(LeastCost {
                    source:
                        CostSource::Charged { .. }
                        | CostSource::Named { .. }
                        | CostSource::Refused { .. },
                    ..
                })
                | None,
                _,
            ) => new,
        };
        known.set(key, next);
    }

    /// What is believed now, by what their offers are for; the rest is forgotten.
    pub(crate) fn believed(&self, now: Time) -> Vec<(OfferKey, LeastCost)> {
        let mut known = self.known.lock();
        let before = known.costs.len();
        known.costs.retain(|_, least| least.is_kept(now));
        known.is_unkept |= known.costs.len() < before;
        let believed = known.costs.iter().filter(|(_, least)| least.is_believed(now));
        believed.map(|(key, least)| (*key, *least)).collect()
    }

    /// Forgets an entry that a list has caught up with, unless it has changed since.
    pub(crate) fn forget(&self, key: OfferKey, seen: LeastCost) {
        let mut known = self.known.lock();
        if known.costs.get(&key) == Some(&seen) {
            known.forget(key);
        }
    }

    /// How many offers are kept out because they were charged above their price.
    #[must_use]
    pub fn kept_out(&self) -> usize {
        self.overcharges().len()
    }

    /// How many offers are kept out for a while because they were refused as too cheap.
    pub(super) fn too_cheap(&self, now: Time) -> usize {
        let known = self.known.lock();
        let is_out = |least: &&LeastCost| match least.source {
            CostSource::Refused { .. } => least.is_believed(now),
            CostSource::Charged { .. } | CostSource::Named { .. } => false,
        };
        known.costs.values().filter(is_out).count()
    }

    /// All that is known, if it has changed since the last call.
    pub(super) fn take_unkept(&self) -> Option<Vec<LeastCost>> {
        let mut known = self.known.lock();
        let is_unkept = std::mem::take(&mut known.is_unkept);
        is_unkept.then(|| known.costs.values().copied().collect())
    }

    /// Has it written down once more: what a start took up may be less than what it found.
    pub(crate) fn keep_anew(&self) {
        self.known.lock().is_unkept = true;
    }

    /// Takes up what was known before a start; what is known by now is newer.
    pub(crate) fn restore(&self, key: OfferKey, least: LeastCost) {
        self.known.lock().costs.entry(key).or_insert(least);
    }

    /// The charges that keep offers out, one an offer.
    pub(crate) fn overcharges(&self) -> Vec<Overcharge> {
        let known = self.known.lock();
        let overcharge = |least: &LeastCost| match least.source {
            CostSource::Charged { order, price } => {
                Some(Overcharge { order, price, cost: least.cost })
            }
            CostSource::Named { .. } | CostSource::Refused { .. } => None,
        };
        known.costs.values().filter_map(overcharge).collect()
    }
}

/// An offer that is not to be sold for so long.
fn refused_for(pause_ms: u64, now: Time) -> CostSource {
    let pause_ms = pause_ms.min(REFUSED_MAX_MS);
    CostSource::Refused { until: now.plus_ms(pause_ms), pause_ms }
}
