//! What is kept of a provider in the data folder for a later start: its pauses, and what its offers
//! cost at least.

use std::time::Duration;

use nexnum_engine::time::Time;

use super::Connected;
use super::standing::PAUSE_TOLD;
use crate::provider::kept_pauses::KeptPause;
use crate::provider::least_cost::LeastCost;

impl Connected {
    /// Goes on with the pauses that it asked for before a start, at the address that it has.
    pub(crate) fn resume_pauses(&self, now: Time) {
        let Some(bases) = &self.bases else { return };
        for KeptPause { of, until } in bases.pauses().of(self.name(), self.client.base_url()) {
            if until > now {
                let left = Duration::from_millis(until.ms_since(now));
                self.client.room().dispatcher().pause(of, left);
            }
        }
    }

    /// What a start before this one knew that its offers cost at least.
    pub(crate) fn kept_costs(&self) -> Vec<LeastCost> {
        self.bases.as_ref().map(|bases| bases.costs().of(self.id)).unwrap_or_default()
    }

    /// Until when that start knew all of it: what it had forgotten by then is over.
    pub(crate) fn costs_kept_until(&self) -> Time {
        self.bases.as_ref().map(|bases| bases.costs().found_until(self.id)).unwrap_or_default()
    }

    /// Has what changed written. It waits for the disk.
    pub(crate) fn keep(&self, now: Time) {
        let Some(bases) = self.bases.as_ref().filter(|_| !self.is_retired()) else { return };
        let pauses = self.client.room().dispatcher().pauses().into_iter();
        let pauses = pauses.filter(|(_, left)| *left > PAUSE_TOLD).map(|(of, left)| {
            let left_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
            KeptPause { of, until: now.plus_ms(left_ms) }
        });
        bases.pauses().note(self.name(), self.client.base_url(), pauses.collect());
        if let Some(costs) = self.least_costs.take_unkept() {
            bases.costs().note(self.id, costs, now);
        }
    }
}
