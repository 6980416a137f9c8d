//! Sealing what commands bring: under the key of its owner, which is made when it is needed first.

use nexnum_engine::command::{DestroySealKey, Effect};
use nexnum_engine::event::DestroyReason;
use nexnum_engine::group::Origin;
use nexnum_engine::ids::{Number, OfferId, OrderId, Token};
use nexnum_engine::sealed::{KeyHandle, KeyOwner, Purpose, SealedValue};
use nexnum_engine::under_keys::UnderKeys;

use super::Market;
use super::sealing::{RecordMade, SealedLoad, SealingError};

/// How long before its day a key is made.
const PREPARED_MS: u64 = 60 * 60 * 1000;

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
        self.sealing.seal(owner, of, clear, self.record_made()).await
    }

    /// Seals the numbers of a load of own stock under a key of their own, in their order.
    ///
    /// # Errors
    /// [`SealingError`].
    pub async fn seal_load(
        &self,
        offer: OfferId,
        numbers: Vec<Number>,
    ) -> Result<SealedLoad, SealingError> {
        let day = self.clock.now().day();
        self.sealing.seal_load(offer, (numbers, day), self.record_made()).await
    }

    /// The tokens of a number.
    #[must_use]
    pub fn tokens(&self, number: Number) -> UnderKeys<Token> {
        self.sealing.lookups().each(self.clock.now().day(), |key| key.token(number))
    }

    /// Destroys a key of an owner: its end is in the ledger before its file goes.
    ///
    /// # Errors
    /// [`SealingError`]: it stays, or the next start destroys its file.
    pub async fn destroy_key(
        &self,
        (handle, owner): (KeyHandle, KeyOwner),
        why: DestroyReason,
    ) -> Result<(), SealingError> {
        let command = DestroySealKey { handle, why };
        self.execute(Origin::SYSTEM, command).await.map_err(SealingError::Refused)?;
        self.sealing.disown(handle, owner);
        self.sealing.destroy(handle).await
    }

    /// Makes the key of the next day within the last hour of a day, so that nothing waits for it at
    /// midnight.
    ///
    /// # Errors
    /// [`SealingError`].
    pub async fn prepare_next_day(&self) -> Result<(), SealingError> {
        let now = self.clock.now();
        let soon = now.plus_ms(PREPARED_MS).day();
        if soon > now.day() {
            self.sealing.prepare(KeyOwner::Day(soon), self.record_made()).await?;
        }
        Ok(())
    }

    /// Makes the key of tokens and digests that is in use from the day after this one on.
    ///
    /// # Errors
    /// [`SealingError`].
    pub(super) async fn prepare_lookup(&self, day: u32) -> Result<(), SealingError> {
        self.sealing.prepare(KeyOwner::Lookup(day), self.record_made()).await
    }

    fn record_made(&self) -> RecordMade {
        let market = self.clone();
        Box::new(move |made| {
            Box::pin(async move { market.execute(Origin::SYSTEM, made).await.map(|_: Effect| ()) })
        })
    }

    /// What stands for a number that an order gets, and the number, sealed for it.
    ///
    /// # Errors
    /// [`SealingError`].
    pub async fn seal_number(
        &self,
        order: OrderId,
        number: Number,
    ) -> Result<(Token, SealedValue), SealingError> {
        let digits = number.to_string();
        let sealed = self.seal_of_day(Purpose::Number, Some(order), digits.as_bytes()).await?;
        Ok((self.tokens(number).current, sealed))
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
        self.seal(KeyOwner::Day(self.clock.now().day()), (purpose, order), clear).await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use nexnum_engine::sealed::Purpose;
    use tempfile::TempDir;

    use crate::market::testing::started;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_key_is_made_once_also_where_who_asked_for_it_has_left() {
        let folder = TempDir::new().unwrap();
        let (market, threads) = started(&folder);
        let seal = || market.seal_of_day(Purpose::Message, None, b"text");
        for _ in 0..20 {
            let left = tokio::time::timeout(Duration::from_micros(50), seal()).await;
            if left.is_ok() {
                break;
            }
        }
        let (one, other) = tokio::join!(seal(), seal());
        assert_eq!(one.unwrap().handle, other.unwrap().handle);
        let keys = std::fs::read_dir(folder.path().join("market/keys")).unwrap().count();
        assert_eq!(keys, 2, "the day's, and the one that numbers are found by");
        drop(market);
        threads.stop().unwrap();
    }
}
