//! How long messages, callbacks and numbers can be read, and the end of that: the keys of their days are
//! destroyed, and those of loads of own stock that are sold.

use std::num::NonZeroU32;

use nexnum_engine::command::EndLoadKey;
use nexnum_engine::event::DestroyReason;
use nexnum_engine::group::Origin;
use nexnum_engine::sealed::KeyOwner;
use nexnum_engine::time::Time;
use serde::{Deserialize, Serialize};

use super::Market;
use super::sealing::SealingError;

/// Days that a key of tokens and digests lives, at most.
const LOOKUP_LIFE_MAX: u32 = 90;

/// How long what is forgotten by days can be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetentionConfig {
    /// Whole days after the one on which it came; `None` for as long as the folder is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub messages_days: Option<NonZeroU32>,
}

impl RetentionConfig {
    /// Whether it says nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.messages_days.is_none()
    }

    /// Days that a key of tokens and digests lives: a quarter, or as long as what is found by them.
    #[must_use]
    pub fn lookup_life(&self) -> u32 {
        self.messages_days.map_or(LOOKUP_LIFE_MAX, |days| days.get().min(LOOKUP_LIFE_MAX))
    }

    /// The first day, of those of UTC from 1970-01-01 on, of which anything can be read still;
    /// `None` if it is all of them.
    #[must_use]
    pub fn first_kept(&self, now: Time) -> Option<u32> {
        let days = self.messages_days?.get();
        Some(now.day().saturating_sub(days))
    }
}

impl Market {
    /// The first day of which anything may be needed still: by an order in memory, open or not, or by
    /// a callback that waits.
    #[must_use]
    pub fn first_needed(&self) -> u32 {
        let order = self.read_model.oldest_placed();
        let callback = self.read_model.callbacks(|callbacks| {
            callbacks.waiting().next().map(|(_, callback)| callback.received_at)
        });
        let oldest = order.into_iter().chain(callback).min();
        oldest.map_or(u32::MAX, Time::day)
    }

    /// Destroys the keys of the days before one. Each destruction is in the ledger before the file
    /// goes; one that fails keeps none of the others.
    ///
    /// # Errors
    /// [`SealingError`]: what is left is destroyed the next time, or by the next start.
    pub async fn forget_days_before(&self, first_kept: u32) -> Result<(), SealingError> {
        let mut failed = Ok(());
        for (handle, day) in self.sealing.days_before(first_kept) {
            match self.destroy_key((handle, KeyOwner::Day(day)), DestroyReason::Retention).await {
                Ok(()) => {
                    self.metrics.day_forgotten();
                    tracing::info!(day, key = %handle, "what came on a day is forgotten");
                }
                Err(error) => failed = Err(error),
            }
        }
        failed
    }

    /// Destroys the key of a load of own stock whose numbers are all sold, and whose last order ended
    /// before a day, as those of days are destroyed. False if there is none.
    ///
    /// # Errors
    /// [`SealingError`]: it is destroyed the next time, or its file by a later look at the files.
    pub async fn forget_load_before(&self, first_kept: u32) -> Result<bool, SealingError> {
        let end = EndLoadKey { before: Time::of_day(first_kept) };
        let ended = self.execute(Origin::SYSTEM, end).await.map_err(SealingError::Refused)?;
        let Some(handle) = ended else { return Ok(false) };
        self.sealing.destroy(handle).await?;
        self.metrics.load_forgotten();
        tracing::info!(key = %handle, "the numbers of a load that is sold are forgotten");
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_kept_for_so_many_whole_days_after_it() {
        let retention = |days| RetentionConfig { messages_days: NonZeroU32::new(days) };
        let (first, last) = (Time::of_day(100), Time(Time::of_day(101).0 - 1));
        assert_eq!(retention(0).first_kept(first), None);
        assert_eq!(
            (retention(1).first_kept(first), retention(1).first_kept(last)),
            (Some(99), Some(99))
        );
        assert_eq!(retention(30).first_kept(last), Some(70));
        assert_eq!(retention(4_000).first_kept(last), Some(0));
        assert_eq!([0, 1, 30, 4_000].map(|days| retention(days).lookup_life()), [90, 1, 30, 90]);
    }
}
