//! Sealing what commands bring: under the key of its owner, which is made when it is needed first.

use nexnum_engine::command::Effect;
use nexnum_engine::event::LoadedNumber;
use nexnum_engine::group::Origin;
use nexnum_engine::ids::{Number, OfferId, OrderId, Token};
use nexnum_engine::sealed::{KeyOwner, Purpose, SealedValue};

use super::Market;
use super::sealing::SealingError;

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

    /// Seals the numbers of a load of own stock under a key of their own, in their order.
    ///
    /// # Errors
    /// [`SealingError`].
    pub async fn seal_load(
        &self,
        offer: OfferId,
        numbers: Vec<Number>,
    ) -> Result<Vec<LoadedNumber>, SealingError> {
        let record = async |made| self.execute(Origin::SYSTEM, made).await.map(|_: Effect| ());
        self.sealing.seal_load(offer, numbers, record).await
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
        Ok((self.sealing.token(number), sealed))
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
