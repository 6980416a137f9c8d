//! Sealing what commands bring: under the key of its owner, which is made when it is needed first.

use nexnum_engine::command::Effect;
use nexnum_engine::group::Origin;
use nexnum_engine::ids::OrderId;
use nexnum_engine::sealed::{KeyOwner, Purpose, SealedValue};
use nexnum_engine::time::Time;

use super::Market;
use super::sealing::SealingError;

/// Milliseconds of a day.
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// The day of a moment, of those of UTC from 1970-01-01 on.
fn day_of(at: Time) -> KeyOwner {
    KeyOwner::Day((at.0 / DAY_MS) as u32)
}

impl Market {
    /// Seals a text under its owner's key, of an order where it is of one.
    ///
    /// # Errors
    /// [`SealingError`].
    pub async fn seal(
        &self,
        owner: KeyOwner,
        of: (Purpose, Option<OrderId>),
        clear: &[u8],
    ) -> Result<SealedValue, SealingError> {
        let record = async |made| self.execute(Origin::SYSTEM, made).await.map(|_: Effect| ());
        self.sealing.seal(owner, of, clear, record).await
    }

    /// Seals a text that is forgotten with this day.
    ///
    /// # Errors
    /// [`SealingError`].
    pub async fn seal_of_day(
        &self,
        purpose: Purpose,
        order: Option<OrderId>,
        clear: &[u8],
    ) -> Result<SealedValue, SealingError> {
        self.seal(day_of(self.clock.now()), (purpose, order), clear).await
    }
}
