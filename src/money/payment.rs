//! Payments: money that an operator credits to an account, and what providers were paid.

use std::fmt;

use nexnum_engine::command::{Deposit, Effect, NewPayment, PayProvider};
use nexnum_engine::event::ForeignAmount;
use nexnum_engine::group::Origin;
use nexnum_engine::ids::{AccountId, ProviderId};
use nexnum_engine::money::{MICROS_PER_UNIT, Micros};
use nexnum_engine::reject::Reject;
use nexnum_engine::sealed::{KeyOwner, Purpose};
use rust_decimal::Decimal;

use super::Money;
use crate::market::Refused;
use crate::market::sealing::SealingError;

/// The rail of payments that name none.
pub const DEFAULT_RAIL: &str = "manual";

/// A payment as an operator states it.
#[derive(Clone, PartialEq, Eq)]
pub struct StatedPayment {
    /// By which rail.
    pub rail: Box<str>,
    /// How much, in the ledger's currency.
    pub amount: Micros,
    /// What it was before, where that was another currency.
    pub foreign: Option<ForeignAmount>,
    /// Its reference: each is one payment of its rail.
    pub reference: Box<str>,
}

/// Prints no reference: it may name a person.
impl fmt::Debug for StatedPayment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StatedPayment({} by {})", self.amount, self.rail)
    }
}

/// Whether an amount in another currency fits the credited one: they may differ by a cent, since
/// either may have been rounded.
#[must_use]
pub fn converts(foreign: &ForeignAmount, amount: Micros) -> bool {
    let decimal = |text: &str| Decimal::from_str_exact(text).ok();
    let difference = decimal(&foreign.amount)
        .zip(decimal(&foreign.rate))
        .and_then(|(amount, rate)| amount.checked_mul(rate))
        .and_then(|converted| {
            let credited = Decimal::from(amount.0) / Decimal::from(MICROS_PER_UNIT);
            converted.checked_sub(credited)
        });
    difference.is_some_and(|difference| difference.abs() <= Decimal::new(1, 2))
}

/// Why a payment was not recorded.
#[derive(Debug, thiserror::Error)]
pub enum PaymentError {
    /// The engine refused it, or did not take it.
    #[error("{}", said(.0))]
    Refused(Refused),
    /// Its reference could not be sealed.
    #[error(transparent)]
    Sealing(SealingError),
}

impl From<SealingError> for PaymentError {
    fn from(error: SealingError) -> Self {
        match error {
            SealingError::Refused(refused) => Self::Refused(refused),
            error => Self::Sealing(error),
        }
    }
}

const fn said(refused: &Refused) -> &'static str {
    match refused {
        Refused::Rejected(reject) => reject.code(),
        Refused::Busy => "the engine is busy",
        Refused::Stopped => "the engine has stopped",
    }
}

impl From<Refused> for PaymentError {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

/// What a payment did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaymentRecorded {
    /// Whether the same payment had been recorded before: nothing changed then.
    pub repeated: bool,
}

impl From<Effect> for PaymentRecorded {
    fn from(effect: Effect) -> Self {
        Self { repeated: effect == Effect::Unchanged }
    }
}

impl Money {
    /// Credits an account. The same payment again changes nothing.
    ///
    /// # Errors
    /// The refusal; `IdempotencyMismatch` where the reference is of another payment.
    pub async fn deposit(
        &self,
        origin: &Origin,
        account: AccountId,
        stated: &StatedPayment,
    ) -> Result<PaymentRecorded, PaymentError> {
        if self.market.read_model.account(account).is_none() {
            return Err(Refused::Rejected(Reject::UnknownAccount).into());
        }
        let (owner, reference) = (KeyOwner::Money(account), stated.reference.as_bytes());
        let sealed = self.market.seal(owner, (Purpose::Reference, None), reference).await?;
        let (payment, sealed) = (self.payment(stated), Some(sealed));
        let effect = self.market.execute(origin, Deposit { account, payment, sealed }).await?;
        Ok(effect.into())
    }

    /// Credits an account in the ledger's currency, by the rail of payments that name none.
    ///
    /// # Errors
    /// As [`Money::deposit`].
    pub async fn deposit_plain(
        &self,
        origin: &Origin,
        account: AccountId,
        amount: Micros,
        reference: &str,
    ) -> Result<PaymentRecorded, PaymentError> {
        let (rail, foreign) = (DEFAULT_RAIL.into(), None);
        let stated = StatedPayment { rail, amount, foreign, reference: reference.into() };
        self.deposit(origin, account, &stated).await
    }

    /// Records what a provider was paid. The same payment again changes nothing.
    ///
    /// # Errors
    /// As [`Money::deposit`].
    pub async fn pay_provider(
        &self,
        origin: &Origin,
        provider: ProviderId,
        stated: &StatedPayment,
    ) -> Result<PaymentRecorded, PaymentError> {
        let (payment, text) = (self.payment(stated), stated.reference.clone());
        let effect = self.market.execute(origin, PayProvider { provider, payment, text }).await?;
        Ok(effect.into())
    }

    fn payment(&self, stated: &StatedPayment) -> NewPayment {
        let StatedPayment { rail, amount, foreign, reference } = stated.clone();
        let reference = self.market.sealing.payment(&rail, &reference);
        NewPayment { rail, amount, foreign, reference }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_what_was_paid_at_its_rate_to_within_a_cent() {
        let check = |amount: &str, rate: &str, credited: i64, fits: bool| {
            let currency = "EUR".into();
            let foreign = ForeignAmount { amount: amount.into(), currency, rate: rate.into() };
            assert_eq!(converts(&foreign, Micros(credited)), fits, "{amount} {rate} {credited}");
        };
        check("92.00", "1.0869", 99_994_800, true);
        check("92.00", "1.0869", 99_990_000, true);
        check("92.00", "1.0869", 100_000_000, true);
        check("92.00", "1.0869", 100_010_000, false);
        check("0.00001234", "81037.27", 1_000_000, true);
        check("0.0001234", "81037.27", 1_000_000, false);
        check("x", "1", 1_000_000, false);
        check("-79228162514264337593543950335", "1", 1_000_000, false);
        check("99999999999999999999999999", "9999999999", 1_000_000, false);
    }
}
