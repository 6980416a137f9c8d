//! A number that a provider gave, on its way to its order.

use nexnum_engine::command::{AssignNumber, Placed, Timings};
use nexnum_engine::event::Charged;
use nexnum_engine::ids::{Number, Token};
use nexnum_engine::money::Micros;
use nexnum_engine::order::Order;
use nexnum_engine::reject::Reject;
use nexnum_engine::sealed::SealedValue;

use super::Orders;
use crate::market::Refused;
use crate::market::send::BUSY_PAUSE_MAX;
use crate::market::sequencer::SendError;

/// A number as its provider gave it.
pub(crate) struct Given<'a> {
    /// The number.
    pub(crate) number: Number,
    /// The provider's id of the purchase.
    pub(crate) external_id: &'a str,
    /// What it charged, where it said so.
    pub(crate) cost: Option<Micros>,
    /// The same as it said it.
    pub(crate) charged: Option<Charged>,
    /// Its word for the carrier, where it said one.
    pub(crate) carrier: Option<Box<str>>,
    /// How long the number lives.
    pub(crate) timings: Timings,
}

impl Orders {
    /// Brings a number to its order, sealed for it; until the order's deadline where the engine is
    /// busy.
    ///
    /// # Errors
    /// [`SendError`]; within it the engine's refusal.
    pub(crate) async fn record_number(
        &self,
        order: &Order,
        given: Given<'_>,
    ) -> Result<Result<Placed, Reject>, SendError> {
        let Given { number, external_id, cost, charged, carrier, timings } = given;
        let (token, sealed) = self.seal_until(order, number).await?;
        let command = AssignNumber {
            order: order.id,
            attempt: order.attempt,
            token,
            sealed,
            external_id: external_id.into(),
            cost,
            charged,
            carrier,
            timings,
        };
        self.record(order, &command, order.deadline).await
    }

    /// Seals a number for its order, until its deadline where the key of the day cannot be made.
    async fn seal_until(
        &self,
        order: &Order,
        number: Number,
    ) -> Result<(Token, SealedValue), SendError> {
        loop {
            let error = match self.market.seal_number(order.id, number).await {
                Ok(sealed) => return Ok(sealed),
                Err(error) => Refused::from(error),
            };
            if error == Refused::Stopped {
                return Err(SendError::Stopped);
            }
            if self.market.clock.now() >= order.deadline {
                return Err(SendError::Busy);
            }
            tokio::time::sleep(BUSY_PAUSE_MAX).await;
        }
    }
}
