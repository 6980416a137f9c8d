//! Offers whose listed stock cannot be had: purchases are refused though the price list has
//! numbers.
//!
//! Promises: an offer that is refused again after a list brought it back stays out for one sync
//! interval, twice as long each time, [`PAUSE_MAX_MS`] at most, or until a list has a higher cost.
//! A purchase that is made ends it, and so does as much time without a refusal. One entry an
//! offer that was refused in that time. Memory only: after a restart an offer is tried once more.
//! Leaves to others: taking the offer off sale.

use std::collections::BTreeMap;

use nexnum_engine::ids::OfferId;
use nexnum_engine::money::Micros;
use nexnum_engine::product::OfferKey;
use nexnum_engine::reservation::Claim;
use nexnum_engine::time::Time;
use parking_lot::Mutex;

/// The longest that an offer stays out, and how long a refusal is remembered after that time.
pub const PAUSE_MAX_MS: u64 = 15 * 60 * 1000;

/// The offers of one provider that purchases did not get.
#[derive(Debug, Default)]
pub struct RefusedStock(Mutex<BTreeMap<OfferKey, RefusedOffer>>);

/// An offer whose purchase was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RefusedOffer {
    /// The offer.
    pub(crate) offer: OfferId,
    /// What it cost then.
    cost: Micros,
    until: Time,
    /// How long it was to stay out; 0 at the first refusal, which holds until the next list.
    pause_ms: u64,
    /// It was on sale again since.
    is_back: bool,
}

impl RefusedOffer {
    /// True if the offer is to be sold where it is listed at this cost.
    pub(crate) fn allows(&self, listed: Micros) -> bool {
        listed > self.cost
    }

    const fn is_out(&self) -> bool {
        self.pause_ms > 0 && !self.is_back
    }
}

impl RefusedStock {
    /// Notes that a claim's purchase was refused at a provider whose list is read so often.
    pub(crate) fn refused(&self, claim: &Claim, now: Time, interval_ms: u64) {
        let key = claim.key();
        let mut known = self.0.lock();
        let pause_ms = match known.get(&key) {
            // Others that were bought at the same time say nothing more.
            Some(refused) if !refused.is_back => return,
            Some(refused) => (2 * refused.pause_ms).max(interval_ms).min(PAUSE_MAX_MS),
            None => 0,
        };
        let (offer, cost, until) = (claim.offer(), claim.cost(), now.plus_ms(pause_ms));
        known.insert(key, RefusedOffer { offer, cost, until, pause_ms, is_back: false });
    }

    /// Notes that a claim's purchase was made.
    pub(crate) fn bought(&self, claim: &Claim) {
        self.0.lock().remove(&claim.key());
    }

    /// What is to stay out now, by what their offers are for; refusals of long ago are forgotten.
    pub(crate) fn held(&self, now: Time) -> Vec<(OfferKey, RefusedOffer)> {
        let mut known = self.0.lock();
        known.retain(|_, refused| now < refused.until.plus_ms(PAUSE_MAX_MS));
        let held = known.iter().filter(|(_, refused)| now < refused.until && refused.is_out());
        held.map(|(key, refused)| (*key, *refused)).collect()
    }

    /// Notes which offers are on sale, after a list was taken in.
    pub(crate) fn note_back(&self, is_on_sale: impl Fn(OfferId) -> bool) {
        for refused in self.0.lock().values_mut() {
            refused.is_back |= is_on_sale(refused.offer);
        }
    }

    /// How many offers are kept out though their list has numbers.
    #[must_use]
    pub fn kept_out(&self) -> usize {
        self.0.lock().values().filter(|refused| refused.is_out()).count()
    }
}
