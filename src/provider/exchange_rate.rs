//! Amounts of the ledger and of a provider, each in its own currency.

use std::fmt;

use nexnum_driver::{Currency, Rounding, to_micros};
use nexnum_engine::event::Charged;
use nexnum_engine::money::Micros;
use rust_decimal::Decimal;

/// Ledger units for one unit of a provider's currency, above zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ExchangeRate(Decimal);

impl fmt::Display for ExchangeRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.normalize().fmt(f)
    }
}

impl ExchangeRate {
    pub(super) const fn new(rate: Decimal) -> Self {
        Self(rate)
    }

    pub(super) fn is_one(self) -> bool {
        self.0 == Decimal::ONE
    }

    /// A provider's amount in the ledger's currency; `None` if it is out of range.
    pub(super) fn to_ledger(self, amount: Micros, rounding: Rounding) -> Option<Micros> {
        if self.is_one() {
            return Some(amount);
        }
        to_micros(Decimal::new(amount.0, 6).checked_mul(self.0)?, rounding)
    }

    /// What a provider charged, as it said so. `is_right` says that it is in the currency that the
    /// rate is for.
    pub(super) fn charged(
        self,
        amount: Micros,
        currency: Option<Currency>,
        is_right: bool,
    ) -> Charged {
        let rate = is_right.then(|| self.to_string().into());
        Charged { amount, currency: currency.map(Currency::letters), rate }
    }

    /// A price limit as the provider reads it, rounded down so that it still holds; never
    /// zero, which some providers take for no limit.
    pub(super) fn to_provider(self, most: Micros) -> Option<String> {
        let units = Decimal::new(most.0, 6).checked_div(self.0)?;
        let micros = to_micros(units, Rounding::Down).filter(|most| most.is_positive())?;
        Some(Decimal::new(micros.0, 6).normalize().to_string())
    }
}
