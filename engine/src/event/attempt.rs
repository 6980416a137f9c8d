//! How an attempt to buy a number began, and how it ended.

use crate::ids::OfferId;
use crate::money::Micros;
use crate::pricing::Margin;

/// Why an ask was passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SkipReason {
    /// It is of another variant than the one asked for.
    OtherVariant,
    /// The order had tried it, or is not to try it: it had sold out under the order, or what was
    /// bought of it before could not be sold.
    Tried,
    /// Its provider was closed.
    Closed,
    /// No unit was left.
    OutOfStock,
    /// It was above the buyer's limit.
    AboveLimit,
    /// Our account at its provider held less than it costs.
    CannotPay,
    /// Its provider had no room for one more purchase, or had asked for a pause; or more claims of
    /// it were open than are counted.
    Busy,
    /// Its price had moved above the buyer's limit, or above what had been looked at.
    PriceMoved,
}

/// An ask that was passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SkippedAsk {
    /// Its offer.
    pub offer: OfferId,
    /// Why.
    pub reason: SkipReason,
}

/// How many asks that were passed over an attempt tells.
pub const SKIPPED_MAX: usize = 8;

/// The first asks that were passed over, in the order in which they were looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SkippedAsks([Option<SkippedAsk>; SKIPPED_MAX]);

impl SkippedAsks {
    /// Adds one; false if there are [`SKIPPED_MAX`] already.
    pub fn push(&mut self, ask: SkippedAsk) -> bool {
        let free = self.0.iter_mut().find(|place| place.is_none());
        free.is_some_and(|place| place.replace(ask).is_none())
    }

    /// They.
    pub fn iter(&self) -> impl Iterator<Item = &SkippedAsk> {
        self.0.iter().flatten()
    }
}

/// How the offer of an attempt was chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Routing {
    /// Which driver document its provider was asked by when the offer was claimed: the first eight
    /// bytes of the document's BLAKE3 hash, the lowest first. `None` of own stock.
    pub document: Option<u64>,
    /// The last turn that was taken on the way to it, by which asks of one price are shared out
    /// among providers. `None` where there was nothing to share.
    pub turn: Option<u64>,
    /// The asks before it.
    pub skipped: SkippedAsks,
    /// The margin that made its price out of its cost. `None` of own stock, whose price is its
    /// load's, and where the provider's margin has changed since its offers were priced.
    pub margin: Option<Margin>,
}

/// The longest text of a rate that a charge keeps, in bytes.
pub const RATE_LEN_MAX: usize = 32;

/// What a provider charged, as it said so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charged {
    /// The amount, in millionths of the provider's currency.
    pub amount: Micros,
    /// That currency, three letters of ISO 4217, where it is known.
    pub currency: Option<[u8; 3]>,
    /// Units of the ledger's currency for one unit of it, a decimal number. `None` where the amount
    /// is in another currency than the provider is set up for.
    pub rate: Option<Box<str>>,
}

/// Why an attempt brought no number, or is not known to have brought one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AttemptError {
    /// The provider had no number.
    NoNumbers,
    /// Our account at the provider has run dry.
    NoBalance,
    /// The provider refused our credentials.
    BadKey,
    /// The provider does not know the service.
    BadService,
    /// The provider does not know the country.
    BadCountry,
    /// The provider's number costs more than was offered.
    PriceTooLow,
    /// The provider has locked our account out.
    Banned,
    /// The provider counts in another currency than it is set up for.
    WrongCurrency,
    /// Too many calls.
    RateLimited,
    /// The provider is unwell.
    Temporary,
    /// The provider cannot do what was asked.
    Unsupported,
    /// The provider's reply fits no rule of its document.
    Unmapped,
    /// Another refusal.
    Other,
    /// Nothing was sent: our own limits or setup forbade the call, or there was no connection.
    NotSent,
    /// The provider gave a number that cannot be sold.
    UnfitNumber,
    /// The provider gave an id and no number.
    NoNumberYet,
    /// The provider's answer did not come.
    NoAnswer,
    /// The program failed during the call, or ended.
    Failed,
}

/// The longest word of a provider that an attempt's end keeps, in bytes.
pub const WORD_LEN_MAX: usize = 64;

/// How an attempt ended that brought no number.
#[derive(Clone, PartialEq, Eq)]
pub struct AttemptEnd {
    /// Why.
    pub error: AttemptError,
    /// How the provider's reply begins, behind its HTTP status where that is no success; long
    /// figures, keys and addresses are masked. Empty where no reply came.
    pub word: Box<str>,
}

/// Prints the error alone: what a provider says stays out of logs.
impl std::fmt::Debug for AttemptEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AttemptEnd({:?})", self.error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_asks_that_were_passed_over_are_kept() {
        let ask = |n| SkippedAsk { offer: OfferId(n), reason: SkipReason::Tried };
        let mut skipped = SkippedAsks::default();
        let kept = (1..=10).filter(|n| skipped.push(ask(*n))).count();
        assert_eq!(kept, SKIPPED_MAX);
        let offers: Vec<_> = skipped.iter().map(|ask| ask.offer.0).collect();
        assert_eq!(offers, [1, 2, 3, 4, 5, 6, 7, 8]);
    }
}
